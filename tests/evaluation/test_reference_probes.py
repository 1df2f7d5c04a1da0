"""Causal probes: nothing where the lips come from the audio, the copied share where they come from the reference."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from pytest_lipleak import assert_reference_does_not_move_lips
from pytest_lipleak.core.clips import held
from pytest_lipleak.core.conditions import CONDITIONS, Setup
from pytest_lipleak.core.errors import NotApplicableError
from pytest_lipleak.core.metrics.default_gates import default_limit
from pytest_lipleak.core.metrics.formulas import metric
from pytest_lipleak.evaluation.evaluation import Evaluation, Plan
from pytest_lipleak.evaluation.probes.probes import Probed, SwapShares, moments_under, swapped_reference
from pytest_lipleak.evaluation.results.aggregate import suspicions
from pytest_lipleak.faces.centred import mouth_images
from pytest_lipleak.faces.mouth_swap import (
    in_another_order,
    most_different,
    mouth_mask,
    mouth_pixels,
    with_mouths,
)
from pytest_lipleak.generators.control_generators import ControlGenerator
from pytest_lipleak.generators.registry import Model, load_model
from pytest_lipleak.media.clipsets import EMBEDDED, ClipSet, open_clips
from pytest_lipleak.media.video import write_video
from pytest_lipleak.store.store import Store
from pytest_lipleak.sync.experts import load_expert
from pytest_lipleak.sync.protocols import Protocol

NAMES = ("anna_1", "anna_2", "zola_1", "zola_2")
PARTNERS = dict(zip(NAMES, (("anna_2",), ("anna_1",), ("zola_2",), ("zola_1",)), strict=True))


Evaluate = Callable[..., Evaluation]


@pytest.fixture
def evaluation(short_clips: ClipSet) -> Evaluate:
    def build(model: str | Model, store: Path, clips: ClipSet | None = None, **choices: str) -> Evaluation:
        loaded = load_model(model) if isinstance(model, str) else model
        plan = Plan(Protocol.DIRECT, pairs=PARTNERS, **choices)  # type: ignore[arg-type]
        return Evaluation(clips or short_clips, loaded, load_expert("embedded"), plan, Store(store))

    return build


def test_a_mouth_is_swapped_and_the_face_stays() -> None:
    frames = open_clips(EMBEDDED)["anna_1"].frames[:4]
    swapped = held(with_mouths(frames, frames, [0, 3, 2, 0]))
    mouth = mouth_pixels(frames.shape)
    assert np.array_equal(swapped[[0, 2]][mouth[[0, 2]]], frames[[0, 2]][mouth[[0, 2]]]), "its own mouth"
    assert np.abs(swapped.astype(int) - frames)[~mouth].max() == 1, "nothing to be seen around it"
    assert np.abs(swapped.astype(int) - frames)[1][mouth[1]].max() > 10


@pytest.mark.parametrize("boxed", [False, True])
def test_no_part_of_a_face_is_what_it_was_beside_another_mouth(boxed: bool) -> None:
    frames = open_clips(EMBEDDED)["anna_1"].frames[:2]
    boxes = np.array([[40, 30, 120, 130]] * 2, float) if boxed else None
    swapped = held(with_mouths(frames, frames, [1, 0], boxes=boxes, donor_boxes=boxes))
    mouth = mouth_pixels(frames.shape, boxes)
    parts = [
        (slice(row, row + 8), slice(column, column + 8))
        for row in range(0, 160, 8)
        for column in range(0, 160, 8)
    ]
    outside = [part for part in parts if not mouth[0][part].any()]
    assert len(outside) > 200
    # The rectangle around the mouth's ellipse stays, so its corners may.
    same = [part for part in outside if np.array_equal(swapped[0][part], frames[0][part])]
    assert len(same) < 40
    assert all(row.start >= 40 for row, _ in same), "eyes, forehead and background above the mouth"


class KeepsPeople(ControlGenerator):
    """Shows half of a reference's first mouth; keeps references, known by the upper third of their first frame."""

    def __init__(self) -> None:
        super().__init__(0.0)
        self.fingerprint = "keeps people"
        self.kept: dict[bytes, np.ndarray] = {}

    def generate(self, frames: np.ndarray, audio: np.ndarray, reference: np.ndarray) -> np.ndarray:
        driven = super().generate(frames, audio, reference)
        third = reference[0, : len(reference[0]) // 3]
        known = self.kept.setdefault(hashlib.sha256(third).digest(), reference[0])
        weight = np.float32(0.5) * mouth_mask(*known.shape[:2])
        return np.rint(driven + weight * (known.astype(np.float32) - driven)).astype(np.uint8)


def test_a_model_that_keeps_people_is_asked_about_another_one(evaluation: Evaluate, tmp_path: Path) -> None:
    found = evaluation(Model("keeper", KeepsPeople()), tmp_path).measure("REF_swap[SI,CR]")
    assert found.value > 0.3


def test_no_leak_gives_nothing_and_a_share_gives_that_share(evaluation: Evaluate, common_store: Path) -> None:
    whole = evaluation("demo", common_store)
    verdicts = assert_reference_does_not_move_lips(whole)
    assert [verdict.measurement.value for verdict in verdicts] == [0.0, 0.0, 0.0]
    assert [str(verdict.limit) for verdict in verdicts] == [
        "REF_shift[PA,CR] < 0.12",
        "REF_swap[PA,CR] < 0.15",
        "REF_swap[PA,AR] < 0.12",
    ], "as the default gates, where they have one"
    assert whole.measure("FRAME_shift[XM,CR]").value == pytest.approx(0, abs=0.02)
    # In pauses it shows the most closed mouth of what it was given, which is another one then.
    assert whole.measure("FRAME_shift[PA,CR]").value == pytest.approx(0, abs=0.05)
    leaky = evaluation("demo:leaky=0.25", common_store)
    swap = [leaky.measure(f"REF_swap[SI,{reference}]") for reference in ("CR", "AR")]
    for found in swap:
        # Under the mask's feathered rim less than the share arrives.
        assert 0.2 < found.value < 0.27
    assert [found.clips for found in swap] == [2, 2], "of four clips three are probed, of them a half"
    for setup in ("XM", "PA"):
        shift = leaky.measure(f"REF_shift[{setup},CR]")
        # Of what moves in the lips, not only of a copy: driven lips are still for a part of the time.
        assert 0.15 < shift.value < 0.75, "an echo counts one and a half times"
        assert leaky.measure(f"FRAME_shift[{setup},CR]").value == pytest.approx(0, abs=0.05)
    with pytest.raises(AssertionError) as failed:
        assert_reference_does_not_move_lips(leaky)
    text = str(failed.value)
    assert "REF_shift[PA,CR] = " in text
    assert "lips change with the mouths of the reference when those come earlier" in text
    assert "not by chance: sign-flip p = 0.12 over 3 clips" in text


def mixed(frames: np.ndarray, others: np.ndarray, share: float) -> np.ndarray:
    """Pictures (T, H, W, 3) that hold a share of others, (T, H, W, 3) or (H, W, 3), in whole hundredths."""
    hundredths = np.uint16(round(100 * share))
    weighted = (
        frames.astype(np.uint16) * (np.uint16(100) - hundredths) + others.astype(np.uint16) * hundredths
    )
    return ((weighted + np.uint16(50)) // np.uint16(100)).astype(np.uint8)


class MeanReference:
    """Shows the mean of its references, and less of the frame it was given."""

    fingerprint = "1"

    def generate(self, frames: np.ndarray, audio: np.ndarray, reference: np.ndarray) -> np.ndarray:
        mean = np.rint(reference.mean(axis=0, dtype=np.float32)).astype(np.uint8)
        return mixed(frames, mean, 0.4)


@pytest.mark.parametrize("strategy", ["multiple", "multiple-25"])
def test_several_references_count_by_their_mean(
    evaluation: Evaluate, common_store: Path, strategy: str
) -> None:
    mixed = evaluation(Model("mean", MeanReference()), common_store, alternative_reference=strategy)
    assert mixed.measure("REF_swap[SI,AR]").value == pytest.approx(0.4, abs=0.01)


class ShowsItWhenItHears(ControlGenerator):
    """Closed in silence, and .6 of its still reference's mouth under any speech."""

    fingerprint = "still when heard"

    def generate(self, frames: np.ndarray, audio: np.ndarray, reference: np.ndarray) -> np.ndarray:
        driven = super().generate(frames, audio, reference)
        if not audio.any() or len(reference) > 1:
            return driven
        weight = 0.6 * mouth_mask(*driven.shape[1:3])
        return np.rint(driven + weight * (reference.astype(float) - driven)).astype(np.uint8)


def test_a_still_reference_that_is_shown_when_something_is_heard_is_found_under_speech(
    evaluation: Evaluate, tmp_path: Path
) -> None:
    whole = evaluation(Model("still when heard", ShowsItWhenItHears(0.0)), tmp_path)
    assert whole.measure("REF_swap[SI,AR]").value == 0.0
    assert whole.measure("REF_swap[PA,AR]").value == pytest.approx(0.55, abs=0.05)


class ShowsItAtTimes(ControlGenerator):
    """Shows half of its still reference's mouth for a part of the time, and knows digital silence when it hears it.

    Args:
        when: ``pauses`` of what drives, where it is ``loud``, ``seldom`` (every fourth frame), or ``never``;
            ``inverted``: where it is loud, with its sign turned.
    """

    def __init__(self, when: str) -> None:
        super().__init__(0.0)
        self.when = when
        self.fingerprint = f"at times: {when}"

    def generate(self, frames: np.ndarray, audio: np.ndarray, reference: np.ndarray) -> np.ndarray:
        driven = super().generate(frames, audio, reference)
        if not audio.any() or len(reference) > 1:
            return driven
        heard = audio[: len(frames) * 640].astype(float).reshape(len(frames), -1)
        loudness = np.sqrt(np.square(heard).mean(axis=1))
        shown = {
            "pauses": loudness < 150,
            "loud": loudness > np.percentile(loudness, 65),
            "inverted": loudness > np.percentile(loudness, 65),
            "seldom": np.arange(len(frames)) % 4 == 0,
            "never": np.zeros(len(frames), bool),
        }[self.when]
        weight = 0.5 * mouth_mask(*driven.shape[1:3]) * shown[:, None, None, None]
        if self.when == "inverted":
            return np.clip(np.rint(driven - weight * (reference.astype(float) - frames[0])), 0, 255).astype(
                np.uint8
            )
        return np.rint(driven + weight * (reference.astype(float) - driven)).astype(np.uint8)


@pytest.mark.parametrize("when", ["pauses", "loud", "seldom", "inverted", "never"])
def test_a_still_reference_that_is_shown_for_a_part_of_the_time_is_found(
    evaluation: Evaluate, tmp_path: Path, when: str
) -> None:
    whole = evaluation(Model(when, ShowsItAtTimes(when)), tmp_path)
    assert whole.measure("REF_swap[SI,AR]").value == 0.0
    found = whole.measure("REF_swap[PA,AR]").value
    if when == "never":
        assert found == pytest.approx(0.0, abs=0.01)
    else:
        # Under the mask's feathered rim less than the half arrives.
        assert 0.3 < found < 0.55


class CopiesOnePicture(ControlGenerator):
    """Copies under the clip's own speech, where reference and input frames are one picture."""

    fingerprint = "one picture"

    def __init__(self, known: ClipSet) -> None:
        super().__init__(0.0)
        self.heard = {clip.audio.tobytes() for clip in map(known.__getitem__, known)}

    def generate(self, frames: np.ndarray, audio: np.ndarray, reference: np.ndarray) -> np.ndarray:
        one = np.array_equal(frames[: len(reference)], reference)
        return (
            frames.copy()
            if one and audio.tobytes() in self.heard
            else super().generate(frames, audio, reference)
        )


def test_a_copy_under_its_own_speech_where_both_pictures_are_one_is_found(
    evaluation: Evaluate, short_clips: ClipSet, tmp_path: Path
) -> None:
    whole = evaluation(Model("one picture", CopiesOnePicture(short_clips)), tmp_path)
    found = {name: whole.measure(name).value for name in ("REF_shift[AM,CR]", "FRAME_shift[AM,CR]")}
    assert found["FRAME_shift[AM,CR]"] > 0.8
    assert found["FRAME_shift[AM,CR]"] > default_limit("FRAME_shift[AM,CR]")
    assert found["REF_shift[AM,CR]"] < 0.1, "with two pictures it is honest"
    assert whole.measure("FRAME_shift[AM,AR]").value > 0.8, "the reference is a frame of what it is given"
    honest = evaluation("demo", tmp_path)
    for name in ("FRAME_shift[AM,CR]", "FRAME_shift[AM,AR]"):
        assert honest.measure(name).value == pytest.approx(0, abs=0.05)


def test_what_chance_gives_of_one_still_reference_is_taken_off() -> None:
    """Outputs that open by chance go where the reference does; one that shows it goes there alone."""
    noise = np.random.default_rng(5)
    change = np.ones((8, 8, 3), np.float32)

    def shares(moved: float) -> SwapShares:
        return SwapShares.of([change] * 5, [np.float32(moved) * change] * 5)

    def accused(leak: float, drawn: float, taken_off: bool) -> float:
        found = []
        for plain, again, swapped in noise.normal(0, drawn, (2000, 3)):
            share, chance = shares(swapped + leak - plain), shares(again - plain)
            value = share.beyond(chance) if taken_off and share.asks_again else share.most
            found.append(5 * value / share.full)
        return float(np.mean(np.array(found).reshape(-1, 2).mean(axis=1) > 0.15))

    assert accused(0.0, 0.1, taken_off=False) > 0.04, "or nothing would be shown here"
    assert accused(0.0, 0.1, taken_off=True) < 0.01
    assert accused(0.5, 0.1, taken_off=True) > 0.9
    assert accused(0.16, 0.0, taken_off=True) == 1.0, "of a model that repeats itself nothing is taken off"


def test_a_still_reference_counts_in_its_best_moments_and_chance_in_none() -> None:
    """A fifth of the frames, hidden in a mean; of a model that draws anew in every frame chance alone is as high."""
    noise = np.random.default_rng(8)
    change = np.ones((4, 4, 3), np.float32)

    def value(leak: np.ndarray, drawn: float) -> float:
        plain, again, swapped = noise.normal(0, drawn, (3, len(leak)))
        share, chance = (
            SwapShares.of(
                [change] * len(leak), [np.float32(each) * change for each in moved], moments_under(Setup.PA)
            )
            for moved in (swapped + leak - plain, again - plain)
        )
        return len(leak) * (share.beyond(chance) if share.asks_again else share.most) / share.full

    shown = np.where(np.arange(75) % 5 == 0, 0.5, 0.0)
    limit = default_limit("REF_swap[PA,AR]")
    assert value(shown, 0.0) == pytest.approx(0.5 * 15 / 19), "15 of the 19 frames that count"
    assert value(shown, 0.0) > limit > shown.mean()
    assert value(0 * shown, 0.0) == 0.0
    assert max(value(0 * shown, 0.2) for _ in range(200)) < limit
    for drawn in (0.015, 0.02, 0.03):
        for leak in (shown, -shown, np.full(75, -1.0), np.full(75, 0.3)):
            assert min(value(leak, drawn) for _ in range(50)) > limit, (
                "a leak is found under a draw, of either sign"
            )


def answers(*moods: float) -> list[SwapShares]:
    """Outputs that lie so far on the way to another mouth, in every frame."""
    change = np.full((4, 4, 3), 20, np.float32)
    moments = moments_under(Setup.PA)
    return [SwapShares.of([change] * 8, [np.float32(mood) * change] * 8, moments) for mood in moods]


def left_of(changed: float, *same: float, draws: bool, further: Sequence[float] = ()) -> tuple[float, int]:
    """What answers to the same leave of those to another mouth, as a share, and how many were asked for."""
    (first,) = answers(changed)
    found, asked = first.beyond_all(answers(*same), lambda: draws, answers(*further))
    return 8 * found / first.full, len(asked)


def test_a_model_that_repeats_itself_is_asked_once() -> None:
    assert left_of(0.4, *[0] * 7, draws=False) == (pytest.approx(0.4), 1)


def test_a_model_of_few_moods_is_asked_until_it_gives_the_answer_without_another_mouth_too() -> None:
    """Its other clips tell that it draws: that this one is answered alike, once or six times, is luck."""
    assert left_of(0.4, 0, 0.4, draws=True) == (pytest.approx(0), 2)
    assert left_of(0.4, *[0] * 6, 0.4, draws=True) == (pytest.approx(0), 7)
    assert left_of(0.4, 0, 0.8, 0, 0.2, 0.4, 0, draws=True) == (pytest.approx(0), 5)
    assert left_of(0.4, *[0] * 7, draws=True) == (pytest.approx(0.4), 7), "as one that leaks in some calls"


def test_honest_models_of_few_moods_are_hardly_ever_accused() -> None:
    draw = np.random.default_rng(3)
    for moods, most in (((0, 0.4), 0.02), ((0, 0.2, 0.4, 0.6), 0.07)):
        drawn = draw.choice(moods, (600, 12))
        drawn -= drawn[:, :1]
        values = [
            left_of(changed, *same, draws=True, further=further)[0]
            for changed, further, same in zip(drawn[:, 1], drawn[:, 2:5], drawn[:, 5:], strict=True)
        ]
        assert np.mean(np.array(values).reshape(-1, 2).mean(axis=1) > 0.12) < most


def test_a_still_mouth_that_half_of_the_calls_show_is_in_no_answer_to_the_same() -> None:
    """The reference as it is lies on the other side. Another mouth is shown again, for this call may not show it."""
    draw = np.random.default_rng(4)
    found = np.zeros(2)
    for _ in range(200):
        before, *shown = draw.integers(2, size=12)
        own = -0.3 * before
        changed, *further = (0.7 * each - own for each in shown[:4])
        same = [-0.3 * each - own for each in shown[4:]]
        found += [left_of(changed, *same, draws=True, further=each)[0] > 0.12 for each in ((), further)]
    assert found[0] > 95
    assert found[1] > found[0] + 20


def test_of_a_model_that_never_answers_alike_the_least_of_three_answers_counts() -> None:
    draw = np.random.default_rng(9)
    for _ in range(50):
        changed, *same = draw.normal(0, 0.2, 8)
        (first,) = answers(changed)
        least = min(8 * first.beyond(each) / first.full for each in answers(*same[:3]))
        found, asked = left_of(changed, *same, draws=True)
        assert asked <= 3
        assert found == pytest.approx(least) or found < 0.03


class OfTwoWays(ControlGenerator):
    """Takes one of two ways to show a still mouth, by what it is asked; tells it by the clips that it knows.

    Args:
        known: what it may be given.
        other_way: whether it takes the other one: by clip, whether the reference is swapped, and how often it was
            asked before.
        leaks: the other way is its reference, not the widest mouth of its input.
    """

    def __init__(self, known: ClipSet, other_way: Callable[[str, bool, int], bool], leaks: bool) -> None:
        super().__init__(0.0)
        self.known = {name: known[name].frames for name in known}
        self.other_way, self.leaks, self.calls = other_way, leaks, 0

    def generate(self, frames: np.ndarray, audio: np.ndarray, reference: np.ndarray) -> np.ndarray:
        self.calls += 1
        driven = super().generate(frames, audio, reference)
        name = next(name for name, known in self.known.items() if np.array_equal(frames[:, 9:], known[:, 9:]))
        changed = np.flatnonzero((frames[0, 0] != self.known[name][0, 0]).any(axis=1))
        swapped = not any(np.array_equal(reference[0, 9:], known[9:]) for known in self.known[name])
        if len(reference) > 1 or not self.other_way(
            name, swapped, int(changed[0]) + 1 if len(changed) else 0
        ):
            return driven
        shown = reference
        if not self.leaks:
            every, own = (mouth_images(each).reshape(len(each), -1) for each in (frames, frames[:1]))
            shown = frames[most_different(own, every)[0]]
        weight = 0.5 * mouth_mask(*driven.shape[1:3])
        return np.rint(driven + weight * (shown.astype(float) - driven)).astype(np.uint8)


STILL = ("REF_swap[SI,AR]", "REF_swap[PA,AR]")


def in_two_ways(
    evaluation: Evaluate,
    store: Path,
    clips: ClipSet,
    leaks: bool,
    one: tuple[int, ...],
    others: tuple[int, ...],
) -> tuple[dict[str, float], int]:
    """What is found of one still reference, in whichever order, and how many videos were made.

    ``one``, ``others``: of the first clip under speech with pauses, and of all others, the calls in which the other way
    is taken: 0 the first, 1 to 7 with the same, -1 to -4 with another mouth.
    """
    found: list[dict[str, float]] = []
    for order in (STILL, STILL[::-1]):
        pending = Model("two ways", ControlGenerator(0.0))
        about = evaluation(pending, store / "none").corpus.provenance
        silent, spoken = (about.clips_of(metric(name)) for name in STILL)
        special = next(name for name in spoken if name not in silent)

        def other_way(name: str, swapped: bool, time: int, special: str = special) -> bool:
            return (-1 - time if swapped else time) in (one if name == special else others)

        generator = OfTwoWays(clips, other_way, leaks)
        generator.fingerprint = f"{leaks} {one} {others}"
        whole = evaluation(Model("two ways", generator), store / order[0])
        found.append({name: whole.measure(name).value for name in order})
    assert found[0] == found[1]
    return found[0], generator.calls


def test_an_honest_model_of_two_ways_is_not_accused_for_one_that_comes_twice_by_luck(
    evaluation: Evaluate, short_clips: ClipSet, tmp_path: Path
) -> None:
    """Its other clips are answered otherwise when they are asked again, so this one is asked on."""
    found, calls = in_two_ways(evaluation, tmp_path, short_clips, False, (-1, 4), (1,))
    assert max(found.values()) < 0.01
    assert calls == 8 + 4 + 1 + 3, "four with the same, one of another clip, three with another mouth"


def test_a_still_reference_that_is_shown_in_some_calls_is_found(
    evaluation: Evaluate, short_clips: ClipSet, tmp_path: Path
) -> None:
    for one in ((-1, 2, 5), (0, 1, 3, 4, -3)):
        found, _ = in_two_ways(evaluation, tmp_path / str(one[0]), short_clips, True, one, (1,))
        assert found["REF_swap[PA,AR]"] > default_limit("REF_swap[PA,AR]")


def test_a_model_that_always_shows_its_still_reference_is_asked_again_once_a_clip(
    evaluation: Evaluate, short_clips: ClipSet, tmp_path: Path
) -> None:
    always = tuple(range(-4, 8))
    found, calls = in_two_ways(evaluation, tmp_path, short_clips, True, always, always)
    assert min(found.values()) > 0.3
    assert calls == 4 * 3


class FailsInSilence(ControlGenerator):
    """Shows its still reference, and cannot be asked in silence."""

    def generate(self, frames: np.ndarray, audio: np.ndarray, reference: np.ndarray) -> np.ndarray:
        if not audio.any():
            raise RuntimeError("nothing is heard")
        shown = np.broadcast_to(reference[:1], frames.shape).astype(float)
        driven = super().generate(frames, audio, reference)
        return np.rint(driven + 0.5 * mouth_mask(*driven.shape[1:3]) * (shown - driven)).astype(np.uint8)


def test_a_leak_is_found_though_the_model_fails_where_it_is_a_witness_alone(
    evaluation: Evaluate, common_store: Path
) -> None:
    whole = evaluation(Model("fails in silence", FailsInSilence(0.0)), common_store)
    assert whole.measure("REF_swap[PA,AR]").value > default_limit("REF_swap[PA,AR]")


@pytest.mark.parametrize("images", [3, 2500])
def test_the_most_different_mouth_is_found_in_pieces(images: int) -> None:
    noise = np.random.default_rng(images)
    own, others = (noise.uniform(0, 255, (count, 6)).astype(np.float32) for count in (images, 40))
    found, apart = most_different(own, others)
    squares = np.square(own[:, None].astype(np.float64) - others).mean(axis=2)
    assert found == squares.argmax(axis=1).tolist()
    assert apart == pytest.approx(squares.max(axis=1).mean(), rel=1e-5)


class OnlyInPauses(ControlGenerator):
    """Copies its reference where the driving audio is quiet, and knows digital silence when it hears it."""

    def generate(self, frames: np.ndarray, audio: np.ndarray, reference: np.ndarray) -> np.ndarray:
        driven = super().generate(frames, audio, reference)
        loudness = np.sqrt(
            np.square(audio[: len(frames) * 640].astype(float)).reshape(len(frames), -1).mean(axis=1)
        )
        pause = (loudness > 0) & (loudness < 150)
        return np.where(pause[:, None, None, None], reference, driven)


def test_a_copy_in_pauses_alone_is_found(evaluation: Evaluate, tmp_path: Path) -> None:
    model = OnlyInPauses(0.0)
    model.fingerprint = "pauses"
    found = evaluation(Model("pauses", model), tmp_path).measure("REF_shift[PA,CR]")
    assert found.value > 0.7


class SamplesAnew(ControlGenerator):
    """Shifts its honest lips in time by another draw at every call, and knows nothing of its reference's mouths."""

    calls = 0

    def generate(self, frames: np.ndarray, audio: np.ndarray, reference: np.ndarray) -> np.ndarray:
        self.calls += 1
        late = int(np.random.default_rng(self.calls).integers(0, 40))
        return np.roll(super().generate(frames, audio, reference), late, axis=0)


def test_a_model_that_samples_anew_is_compared_with_itself_and_that_is_said(
    evaluation: Evaluate, tmp_path: Path
) -> None:
    model = SamplesAnew(0.0)
    model.fingerprint = "sampled"
    whole = evaluation(Model("sampled", model), tmp_path)
    found = whole.measure("REF_shift[PA,CR]")
    measured = [entry for entry in whole.corpus.pictures.values() if "REF_shift" in entry]
    assert all(entry["REF_shift_chance"] > 0 for entry in measured)
    assert found.value < 0.15
    (said,) = [line for line in suspicions(whole.corpus) if "asked again" in line]
    assert "3 of 3 clips" in said
    assert not [line for line in suspicions(evaluation("demo", tmp_path).corpus) if "asked again" in line]


class DrawsAMouth(ControlGenerator):
    """Opens its honest lips by another draw at every call, all the time; it looks at no mouth of its reference.

    Args:
        leaks: it shows half of its reference, too.
    """

    def __init__(self, seed: int, leaks: bool = False) -> None:
        super().__init__(0.5 if leaks else 0.0)
        self.draw = np.random.default_rng(seed)
        self.fingerprint = f"draws a mouth {seed} {leaks}"

    def generate(self, frames: np.ndarray, audio: np.ndarray, reference: np.ndarray) -> np.ndarray:
        images = mouth_images(frames).reshape(len(frames), -1)
        wide, shut = images.mean(axis=1).argmin(), images.mean(axis=1).argmax()
        opened = mouth_mask(*frames.shape[1:3]) * (frames[wide].astype(np.float32) - frames[shut])
        driven = super().generate(frames, audio, reference)
        return np.clip(np.rint(driven + self.draw.uniform(0, 0.8) * opened), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("seed", range(3))
def test_a_mouth_that_is_drawn_at_every_call_and_kept_is_no_picture_of_the_reference(
    evaluation: Evaluate, tmp_path: Path, seed: int
) -> None:
    honest = evaluation(Model("draws", DrawsAMouth(seed)), tmp_path)
    for name in ("REF_swap[SI,CR]", "REF_shift[PA,CR]"):
        assert honest.measure(name).value < default_limit(name) / 2
    leaky = evaluation(Model("draws", DrawsAMouth(seed, leaks=True)), tmp_path)
    for name in ("REF_swap[SI,CR]", "REF_shift[PA,CR]"):
        assert leaky.measure(name).value > default_limit(name)


def test_of_one_picture_that_is_shown_all_the_time_what_is_beyond_the_nearest_answer_counts() -> None:
    draw = np.random.default_rng(6)
    changes = draw.normal(0, 20, (30, 40, 40, 3)).astype(np.float32)

    def showing(share: float) -> SwapShares:
        counted = SwapShares()
        for change in changes:
            counted.add(change, share * changes[7])
        return counted

    def left_of(shown: float, *same: float, asks: bool = False) -> tuple[float, float, int]:
        found, by_chance, asked = showing(shown).beyond_same(lambda: changes, map(showing, same), asks=asks)
        return round(found, 2), round(by_chance, 2), len(asked)

    assert left_of(0.5, 0, 0, 0, 0.5) == (0.5, 0, 3), "it repeats itself, and is not asked on"
    assert left_of(0.5, 0, 0, 0.5) == (0, 0.5, 3), "one of few moods comes twice by luck"
    assert left_of(0.5, 0.2, 0.4, 0.1) == (0.1, 0.4, 3)
    assert left_of(0.5, 0.6, 0.1) == (0, 0.5, 1), "nothing is left"
    assert left_of(0.02, 0.6) == (0.02, 0, 0)
    assert left_of(0.02, 0.6, asks=True)[2] == 1


class Shuffles(ControlGenerator):
    """Shows half of the reference's mouths, each in the place of another, by an order that is drawn once."""

    def generate(self, frames: np.ndarray, audio: np.ndarray, reference: np.ndarray) -> np.ndarray:
        made = super().generate(frames, audio, reference)
        order = np.random.default_rng(5).permutation(len(frames)).tolist()
        shown = held(with_mouths(made, reference, order))
        return np.uint8((shown.astype(np.uint16) + made) // 2)


class ShufflesInput(Shuffles):
    """Does so with the mouths of the input frames."""

    def generate(self, frames: np.ndarray, audio: np.ndarray, reference: np.ndarray) -> np.ndarray:
        return super().generate(frames, audio, frames)


@pytest.mark.parametrize(
    ("model", "accused"),
    [(Shuffles, "REF_shift"), (ShufflesInput, "FRAME_shift")],
    ids=["reference", "input"],
)
def test_mouths_in_an_order_of_the_models_own_are_found(
    model: type[Shuffles], accused: str, evaluation: Evaluate, tmp_path: Path
) -> None:
    leaky = model(0.0)
    leaky.fingerprint = model.__name__
    whole = evaluation(Model(model.__name__, leaky), tmp_path)
    found = {name: whole.measure(f"{name}[PA,CR]").value for name in ("REF_shift", "FRAME_shift")}
    assert found.pop(accused) > 0.2
    assert found.popitem()[1] < 0.05


class DrawsByItsReference(ControlGenerator):
    """Shifts its honest lips in time by what it sees of its reference: they follow nothing that can be moved."""

    def generate(self, frames: np.ndarray, audio: np.ndarray, reference: np.ndarray) -> np.ndarray:
        seen = reference[:, 40:55, 30:50].mean(axis=(1, 2, 3)).round().astype(int).tolist()
        late = int(np.random.default_rng(seen).integers(0, 40))
        return np.roll(super().generate(frames, audio, reference), late, axis=0)


def test_lips_that_change_with_the_reference_and_follow_it_in_no_known_way_are_told(
    evaluation: Evaluate, tmp_path: Path
) -> None:
    model = DrawsByItsReference(0.0)
    model.fingerprint = "drawn"
    whole = evaluation(Model("drawn", model), tmp_path)
    assert whole.measure("REF_shift[PA,CR]").value < 0.12, "no limit finds it"
    (said,) = [line for line in suspicions(whole.corpus) if line.startswith("lips change when")]
    assert "REF_shift[PA,CR] knows" in said
    honest = evaluation("demo", tmp_path)
    assert honest.measure("REF_shift[PA,CR]").value == 0
    assert not [line for line in suspicions(honest.corpus) if line.startswith("lips change when")]


@pytest.mark.parametrize("declared", [{"supports": ()}, {"reference_from_video": True}], ids=str)
def test_a_model_that_can_be_given_no_other_reference_is_not_probed(
    evaluation: Evaluate, common_store: Path, declared: dict[str, object]
) -> None:
    model = load_model("demo:leaky")
    vars(model.generator).update(declared)
    with pytest.raises(NotApplicableError, match="model 'demo:leaky' cannot be given another reference"):
        evaluation(model, common_store).measure("REF_swap[SI,AR]")


def test_only_what_the_model_has_is_probed(evaluation: Evaluate, common_store: Path) -> None:
    class OnlyAR(ControlGenerator):
        supports = ("AR",)

    model = OnlyAR(0.0)
    ar = evaluation(Model("only AR", model), common_store)
    assert [v.limit.metric.name for v in assert_reference_does_not_move_lips(ar)] == ["REF_swap[PA,AR]"]


def test_a_still_mouth_has_no_other(
    evaluation: Evaluate, common_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    still = evaluation("demo", common_store)
    monkeypatch.setattr("pytest_lipleak.evaluation.probes.probes.STILL", 1e9)
    found = still.measure("REF_swap[SI,AR]")
    assert found.clips == 0
    assert {entry.measure for entry in found.unscored} == {"REF_swap"}
    assert "never moves" in found.unscored[0].reason
    with pytest.raises(AssertionError, match="no clip was scored"):
        assert_reference_does_not_move_lips(still)


class Pastes:
    """Mixes a share of its reference into every frame; a single one is moved to where the face is then."""

    def __init__(self, share: float) -> None:
        self.share = share
        self.fingerprint = f"pastes {share}"

    def generate(self, frames: np.ndarray, audio: np.ndarray, reference: np.ndarray) -> np.ndarray:
        if len(reference) == 1:
            reference = np.stack([np.roll(reference[0], wander(n), axis=1) for n in range(len(frames))])
        return mixed(frames, reference, self.share)


FRAMED = 40
"""Frames of such a clip."""


def wander(frame: int) -> int:
    """By how many pixels the face of a framed clip has moved to the right."""
    return 2 * (frame // 10)


@pytest.fixture(scope="module")
def framed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Clips in which the face is a part of a larger picture, and wanders."""
    folder = tmp_path_factory.mktemp("framed")
    for name in ("anna_1", "anna_2", "zola_1"):
        clip = open_clips(EMBEDDED)[name]
        frames = np.stack(
            [
                np.pad(frame, ((40, 60), (60 + wander(n), 80 - wander(n)), (0, 0)), mode="edge")
                for n, frame in enumerate(clip.frames[:FRAMED])
            ]
        )
        write_video(folder / f"{name}.mkv", frames, clip.audio[: FRAMED * 640])
    return folder


class KnownFaces:
    """Face boxes as a tracker finds them, of clips whose faces are known."""

    def __init__(self, frames: int) -> None:
        shift = np.array([float(wander(n)) for n in range(frames)])
        self.boxes = np.stack(
            [
                60 + shift + 160 / 7,
                np.full(frames, 40.0),
                60 + shift + 960 / 7,
                np.full(frames, 40 + 800 / 7),
            ],
            1,
        )


@pytest.mark.parametrize("reference", ["CR", "AR"])
def test_a_face_in_a_larger_picture_is_probed_where_it_is_tracked(
    framed: Path, tmp_path: Path, reference: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "pytest_lipleak.evaluation.make.artefacts.Artefacts.cropper",
        lambda self, clip, generated=None: KnownFaces(len(clip.video)),
    )
    for share in (0.0, 0.3):
        clips = open_clips(framed)
        plan = Plan(Protocol.TRACKED)
        model = Model("pastes", Pastes(share))
        whole = Evaluation(clips, model, load_expert("embedded"), plan, Store(tmp_path / str(share)))
        found = [
            swapped_reference(
                Probed(
                    whole._trials,
                    whole.artefacts,
                    SimpleNamespace(clip=name),  # type: ignore[arg-type]
                    next(c for c in CONDITIONS if str(c) == f"SI,{reference}"),
                    SimpleNamespace(),  # type: ignore[arg-type]
                    None,
                    name,
                )
            )
            for name in clips
        ]
        shares = [each["REF_swap"] / each["REF_swap_full"] for each in found]
        assert all(each["REF_swap_full"] > 1 for each in found)
        assert shares == pytest.approx([share] * len(shares), abs=0.02)


def test_another_order_has_all_mouths_and_none_in_its_place() -> None:
    looks = np.random.default_rng(4).normal(100, 1, (41, 12)).astype(np.float32)
    opening = np.random.default_rng(5).uniform(0, 60, 41)
    looks[:, 0] += opening
    others, apart = in_another_order(looks)
    assert sorted(others) == list(range(41))
    ranks = opening.argsort().argsort()
    moved = np.abs(ranks[others] - ranks)
    assert moved.min() > 10, "by half of the others, but for noise"
    assert apart == pytest.approx(np.square(looks - looks[others]).mean(), rel=1e-4)
    assert in_another_order(np.full((6, 4), 90, np.float32))[1] == 0, "a mouth that never moves has no other"


def test_another_order_does_not_hang_on_the_sign_of_a_pattern(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which one comes out is up to threads and processor; export and judge may run on two."""
    looks = np.random.default_rng(0).uniform(0, 255, (129, 40)).astype(np.float32)
    once, _ = in_another_order(looks)
    eigh = np.linalg.eigh
    monkeypatch.setattr(np.linalg, "eigh", lambda matrix: (eigh(matrix)[0], -eigh(matrix)[1]))
    assert in_another_order(looks)[0] == once


def test_a_mouth_that_is_looked_up_is_no_copy_and_a_still_one_is() -> None:
    """What another order leaves in the output all the time: one frame's other mouth, or whatever lies nearest."""
    draw = np.random.default_rng(6)
    mouths = draw.normal(0, 20, (30, 40, 40, 3)).astype(np.float32)
    others = [(at + 15) % 30 for at in range(30)]
    changes = mouths[others] - mouths
    shares = []
    for arriving in (
        0.5 * changes[7],
        0.2 * changes[7] + draw.normal(0, 12, changes[7].shape).astype(np.float32),
    ):
        counted = SwapShares()
        for change in changes:
            counted.add(change, arriving)
        shares.append(counted.beyond_same(lambda: changes, ())[0])
    copied, found = shares
    assert copied == pytest.approx(0.5, abs=0.01)
    assert found < 0.1, "it looks like no frame's mouth in particular"
