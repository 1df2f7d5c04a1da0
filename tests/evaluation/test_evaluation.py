"""The protocol end to end, with an expert and models so simple that every score can be foretold.

A clip's pictures are as bright, and its sound as loud, as its level at that moment. The expert compares the
two, so LSE-D is zero exactly when the pictures show what the sound says.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from clip_sets import coded, grouped, levels_of_audio, levels_of_frames, random_levels, spoken, write_clips

from pytest_lipleak.core.clips import Clip
from pytest_lipleak.core.conditions import CONDITIONS, SETUPS, Condition, Reference, Setup
from pytest_lipleak.core.errors import (
    ConfigurationError,
    GeneratorError,
    InputError,
    LipleakError,
    MissingExtraError,
    NotApplicableError,
)
from pytest_lipleak.evaluation.evaluation import Evaluation, Plan
from pytest_lipleak.generators.registry import Model
from pytest_lipleak.media.audio import read_audio
from pytest_lipleak.media.clipsets import ClipFile, ClipSet
from pytest_lipleak.media.video import read_video
from pytest_lipleak.store.store import Store
from pytest_lipleak.sync.expert import ExpertIdentity, Suitability
from pytest_lipleak.sync.protocols import Protocol
from pytest_lipleak.verdicts.limits import Limit, Rules

LEVELS = {name: random_levels(seed) for seed, name in enumerate("abcd")}
MANY = {f"clip{number:02}": random_levels(100 + number) for number in range(24)}
BY_TEXT = {str(condition): condition for condition in CONDITIONS}


def windows(levels: np.ndarray) -> np.ndarray:
    """Rows of five levels, one per window."""
    count = max(len(levels) - 5, 0)
    return np.stack([levels[i : i + 5] for i in range(count)]) if count else np.empty((0, 5), np.float32)


class LevelExpert:
    """Sees brightness, hears loudness, and finds them equal or not."""

    def __init__(self, refused: Iterable[str] = ()) -> None:
        self.refused = [LEVELS[name] for name in refused]
        # What it says is stored under its identity.
        version = f"{type(self).__name__} refusing {list(refused)}"
        self.identity = ExpertIdentity("level", version, "0" * 64, True)

    def embed_video(self, frames: Iterable[np.ndarray]) -> np.ndarray:
        return windows(levels_of_frames(np.stack(list(frames))))

    def embed_audio(self, audio: np.ndarray) -> np.ndarray:
        return windows(levels_of_audio(audio))

    def review(self, frames: Iterable[np.ndarray], audio: np.ndarray) -> Suitability:
        seen = levels_of_frames(np.stack(list(frames)))
        refused = any(np.array_equal(seen, levels) for levels in self.refused)
        return Suitability(("no face is seen",) if refused else (), ("rather dark",))


class Recorder:
    """A model that notes what it was given; ``paint`` makes its output."""

    def __init__(self, paint: Callable[..., np.ndarray], **attributes: Any) -> None:
        self.paint = paint
        self.calls: list[tuple[str, np.ndarray, np.ndarray]] = []
        vars(self).update(attributes)

    def generate(self, frames: np.ndarray, audio: np.ndarray, reference: np.ndarray) -> np.ndarray:
        seen = levels_of_frames(frames)
        name = next(name for name, levels in (LEVELS | MANY).items() if np.array_equal(seen, levels))
        self.calls.append((name, audio.copy(), reference.copy()))
        return self.paint(frames, audio, reference)


def follows_audio(frames: np.ndarray, audio: np.ndarray, reference: np.ndarray) -> np.ndarray:
    return coded(levels_of_audio(audio))


def copies_reference(frames: np.ndarray, audio: np.ndarray, reference: np.ndarray) -> np.ndarray:
    return np.broadcast_to(reference, frames.shape) if len(reference) == 1 else reference


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> ClipSet:
    return write_clips(tmp_path_factory.mktemp("clips"), LEVELS, speaker="ann")


Start = Callable[..., Evaluation]


@pytest.fixture
def start(clips: ClipSet, tmp_path: Path) -> Start:
    """Begin an evaluation of a model; all of one test share a store."""

    def begin(
        generator: Recorder,
        *,
        name: str = "painter",
        expert: LevelExpert | None = None,
        plan: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> Evaluation:
        return Evaluation(
            options.pop("clips", clips),
            Model(name, generator),
            expert or LevelExpert(),
            Plan(Protocol.DIRECT, **(plan or {})),
            Store(tmp_path / "store"),
            **grouped({"run": "run 1", **options}),
        )

    return begin


def calls_of(generator: Recorder, evaluation: Evaluation) -> Counter[str]:
    """Which conditions the model was called for, told from what it was given."""
    found: Counter[str] = Counter()
    partners = evaluation.corpus.provenance.pairing
    for name, audio, reference in generator.calls:
        heard = {
            "AM": spoken(LEVELS[name]),
            "SI": np.zeros(30 * 640, np.int16),
            "XM": spoken(LEVELS[partners[name]]) if partners else None,
        }
        (setup,) = (
            s for s, expected in heard.items() if expected is not None and np.array_equal(audio, expected)
        )
        current = np.array_equal(reference, coded(LEVELS[name]))
        assert current or np.array_equal(reference, coded(LEVELS[name][:1]))
        found[f"{name} {setup},{'CR' if current else 'AR'}"] += 1
    return found


def test_all_six_conditions_are_generated_once_for_every_clip(start: Start) -> None:
    generator = Recorder(follows_audio)
    evaluation = start(generator)
    evaluation.need()
    assert calls_of(generator, evaluation) == {f"{clip} {c}": 1 for clip in LEVELS for c in CONDITIONS}
    assert set(evaluation.corpus.trials) == {(clip, c) for clip in LEVELS for c in (None, *CONDITIONS)}


@pytest.mark.parametrize(
    ("paint", "in_sync", "out_of_sync"),
    [
        (
            follows_audio,
            ["LSE-D[AM,CR]", "LSE-D[XM,CR]", "LSE-D[AM,AR]", "LSE-D[XM,AR]", "LSE-D[GT]"],
            ["LSE-D_S", "LSE-D_S[AR]", "LSE-D_XO[CR]", "LSE-D_XO[AR]"],
        ),
        (
            copies_reference,
            ["LSE-D[AM,CR]", "LSE-D_S", "LSE-D_XO[CR]", "LSE-D[GT]"],
            ["LSE-D[XM,CR]", "LSE-D[AM,AR]", "LSE-D[XM,AR]", "LSE-D_S[AR]", "LSE-D_XO[AR]"],
        ),
    ],
    ids=["follows the audio", "copies the reference"],
)
def test_every_trial_is_scored_against_the_audio_it_should_be(
    start: Start, paint: Callable[..., np.ndarray], in_sync: list[str], out_of_sync: list[str]
) -> None:
    evaluation = start(Recorder(paint))
    for name in in_sync:
        assert evaluation.measure(name).value == pytest.approx(0, abs=1e-3), name
    for name in out_of_sync:
        assert evaluation.measure(name).value > 30, name


def test_a_copier_leaks_and_a_follower_does_not(start: Start) -> None:
    copier, follower = start(Recorder(copies_reference), name="copier"), start(Recorder(follows_audio))
    assert copier.measure("LSD-CR").value > 50
    assert follower.measure("LSD-CR").value < 10 < copier.measure("LSE-C_S").value
    assert copier.judge(Limit.parse("LSD-CR < 20")).passed is False
    assert follower.judge(Limit.parse("LSD-CR < 20")).passed is True
    assert [str(verdict.limit) for verdict in follower.verdicts] == ["LSD-CR < 20"]


def test_nothing_is_generated_before_it_is_asked_for(start: Start) -> None:
    generator = Recorder(follows_audio)
    evaluation = start(generator)
    assert (generator.calls, evaluation.corpus.trials) == ([], {})
    evaluation.measure("LSE-C[GT]")
    assert generator.calls == [], "real clips need no model"
    evaluation.measure("LSE-C_S")
    evaluation.measure("LSE-D_S")
    assert calls_of(generator, evaluation) == {f"{clip} SI,CR": 1 for clip in LEVELS}
    assert evaluation.corpus.provenance.pairing == {}, "silence needs no partners"
    evaluation.measure("LSD-CR")
    evaluation.measure("LSE-C_XO[CR]")
    expected = {f"{clip} {setup},CR": 1 for clip in LEVELS for setup in SETUPS}
    assert calls_of(generator, evaluation) == expected


def test_trials_say_who_drove_them_and_what_the_clip_is(start: Start) -> None:
    evaluation = start(Recorder(follows_audio))
    evaluation.need([BY_TEXT["XM,CR"]])
    pairing = evaluation.corpus.provenance.pairing
    for clip in LEVELS:
        mismatched, real = (
            evaluation.corpus.trials[clip, BY_TEXT["XM,CR"]],
            evaluation.corpus.trials[clip, None],
        )
        assert mismatched.partner == pairing[clip] == evaluation.pairs()[clip] != clip
        assert real.notes == ("rather dark",)
        assert mismatched.own_offset == real.own.offset == 0


def test_generated_frames_can_be_looked_at_and_are_exact(start: Start) -> None:
    generator = Recorder(follows_audio)
    evaluation = start(generator)
    for _ in range(2):
        frames = evaluation.frames("b", BY_TEXT["AM,AR"])
        np.testing.assert_array_equal(frames, coded(LEVELS["b"]))
    assert len(generator.calls) == 1


@pytest.mark.parametrize(
    ("fingerprint", "run", "name", "again"),
    [
        ("v1", "run 2", "painter", 0),
        ("v2", "run 1", "painter", 4),
        (None, "run 1", "painter", 4),
        ("v1", "run 1", "other", 4),
    ],
)
def test_what_has_a_fingerprint_is_reused_in_another_run(
    start: Start, fingerprint: str | None, run: str, name: str, again: int
) -> None:
    start(Recorder(follows_audio, fingerprint="v1")).measure("LSE-C_S")
    attributes = {} if fingerprint is None else {"fingerprint": fingerprint}
    second = Recorder(follows_audio, **attributes)
    start(second, name=name, run=run).measure("LSE-C_S")
    assert len(second.calls) == again


@pytest.mark.parametrize(("run", "again"), [("run 1", 0), ("run 2", 4)])
def test_without_a_fingerprint_nothing_outlives_the_run(start: Start, run: str, again: int) -> None:
    start(Recorder(follows_audio)).measure("LSE-C_S")
    second = Recorder(follows_audio)
    start(second, run=run).measure("LSE-C_S")
    assert len(second.calls) == again


def test_a_reused_video_gives_the_same_scores(start: Start) -> None:
    first, second = (start(Recorder(copies_reference, fingerprint="v1")) for _ in range(2))
    for evaluation in (first, second):
        evaluation.need()
    assert second.model.generator.calls == []
    assert second.corpus == first.corpus


class FailsOn(Recorder):
    """Raises for one clip under one kind of driving audio."""

    def __init__(self, clip: str, error: Exception) -> None:
        super().__init__(self._paint)
        self.clip, self.error = clip, error

    def _paint(self, frames: np.ndarray, audio: np.ndarray, reference: np.ndarray) -> np.ndarray:
        if self.calls[-1][0] == self.clip and not audio.any():
            raise self.error
        return follows_audio(frames, audio, reference)


def test_failures_that_differ_in_numbers_alone_are_one_cause(start: Start) -> None:
    """Every clip has a length of its own, and a wrong one is told in numbers."""
    wrong = Recorder(lambda frames, audio, reference: frames[: len(frames) - 1 - len(wrong.calls) % 5])
    with pytest.raises(GeneratorError, match=r"more videos failed in the same way$"):
        start(wrong).need()


def test_a_failing_clip_is_named_and_the_others_are_finished(start: Start) -> None:
    generator = FailsOn("b", RuntimeError("shape mismatch"))
    evaluation = start(generator)
    with pytest.raises(GeneratorError) as caught:
        evaluation.need()
    for words in ("painter", "'b'", "[SI,CR]", "shape mismatch", "1 more video failed in the same way"):
        assert words in str(caught.value)
    assert len(evaluation.corpus.trials) == 4 * 7 - 2
    assert evaluation.measure("LSD-CR").clips == 4, "what did not fail can be judged"
    made = len(generator.calls)
    with pytest.raises(GeneratorError, match="shape mismatch"):
        evaluation.judge(Limit.parse("LSE-C_S < 3"))
    assert len(generator.calls) == made, "a failure is not tried again in the same run"
    assert evaluation.verdicts[-1].passed is False, "reports show it as asked for and broken"


class BrokenExpert(LevelExpert):
    """An expert that lacks a package."""

    def embed_audio(self, audio: np.ndarray) -> np.ndarray:
        raise MissingExtraError("Tracking faces", "ai-edge-litert", "faces")


def test_an_error_keeps_its_kind_and_words_whatever_builds_it(start: Start) -> None:
    with pytest.raises(MissingExtraError, match=r"pytest-lipleak\[faces\]") as caught:
        start(Recorder(follows_audio), expert=BrokenExpert()).measure("LSE-C[GT]")
    assert "3 more videos failed" in str(caught.value)


class DeafExpert(LevelExpert):
    """Hears the same in every audio: with its scores, no model would ever leak."""

    def embed_audio(self, audio: np.ndarray) -> np.ndarray:
        return windows(random_levels(99)[: len(levels_of_audio(audio))])


def test_an_expert_that_hears_no_difference_gives_no_verdict(start: Start) -> None:
    generator = Recorder(follows_audio)
    evaluation = start(generator, expert=DeafExpert())
    verdict = evaluation.judge(Limit.parse("LSE-C_S < 1000"))
    assert not verdict.passed
    assert "this expert cannot judge these clips" in verdict.headline
    assert not generator.calls, "nothing is generated for an expert that cannot judge it"
    assert start(Recorder(follows_audio)).judge(Limit.parse("LSD-CR < 1000")).passed


def test_a_clip_that_cannot_be_read_does_not_stop_the_others(start: Start, tmp_path: Path) -> None:
    mixed = write_clips(tmp_path / "clips", LEVELS)
    (tmp_path / "clips" / "c.mkv").write_bytes(b"")
    evaluation = start(Recorder(follows_audio), clips=mixed)
    with pytest.raises(InputError, match=r"c\.mkv: the file is empty"):
        evaluation.measure("LSE-C_S")
    assert {clip for clip, _ in evaluation.corpus.trials} == set("abd")


@pytest.mark.parametrize("allow", [False, True])
def test_a_clip_the_expert_refuses_is_listed_and_never_generated(start: Start, allow: bool) -> None:
    generator = Recorder(follows_audio)
    evaluation = start(generator, expert=LevelExpert(refused="c"), rules=Rules(allow_unscored=allow))
    measurement = evaluation.measure("LSE-D[AM,CR]")
    assert {entry.clip for entry in measurement.unscored} == {"c"}
    assert {entry.reason for entry in measurement.unscored} == {"no face is seen"}
    assert list(measurement.per_clip) == ["a", "b", "d"]
    assert {name for name, _, _ in generator.calls} == set("abd")
    assert evaluation.judge(Limit.parse("LSE-D[AM,CR] < 1")).passed is allow


def test_a_clip_that_is_too_short_is_unscored_not_failed(start: Start, tmp_path: Path) -> None:
    levels = {**LEVELS, "short": random_levels(9, count=5)}
    evaluation = start(Recorder(follows_audio), clips=write_clips(tmp_path / "clips", levels))
    measurement = evaluation.measure("LSE-C[GT]")
    assert [entry.clip for entry in measurement.unscored] == ["short"]
    assert "fewer than 6 usable frames" in measurement.unscored[0].reason
    assert measurement.clips == 4


@pytest.mark.parametrize(
    ("supports", "lacks", "has"),
    [(("AR",), "LSD-CR", "LSD-AR"), (("CR",), "LSD-AR", "LSD-CR"), ((), "LSE-C_S", "LSE-C_S[AR]")],
)
def test_a_reference_the_model_lacks_is_not_applicable(
    start: Start, supports: tuple[str, ...], lacks: str, has: str
) -> None:
    generator = Recorder(follows_audio, supports=supports)
    evaluation = start(generator)
    with pytest.raises(NotApplicableError, match="painter"):
        evaluation.measure(lacks)
    assert generator.calls == []
    assert evaluation.measure(has).clips == 4
    with pytest.raises(NotApplicableError):
        evaluation.judge(Limit.parse(f"{lacks} < 1"))
    assert evaluation.verdicts == [], "what does not apply is neither passed nor failed"


def test_kept_videos_play_with_the_sound_that_drove_them(start: Start, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    evaluation = start(Recorder(follows_audio), keep=kept)
    evaluation.need([BY_TEXT["XM,CR"], BY_TEXT["SI,AR"]])
    assert {path.name for path in (kept / evaluation.model.name).iterdir()} == {
        f"{c}-{end}.mp4" for c in LEVELS for end in ("XM-CR", "SI-AR", "real")
    }
    for clip in LEVELS:
        trial = evaluation.corpus.trials[clip, BY_TEXT["XM,CR"]]
        path = Path(str(trial.video))
        driving = LEVELS[str(trial.partner)]
        heard, wanted = read_audio(path)[0].astype(float), spoken(driving).astype(float)
        assert np.corrcoef(heard[: len(wanted)], wanted)[0, 1] > 0.9
        seen = levels_of_frames(read_video(path).frames)
        assert np.abs(seen - driving).max() < 12, "lossy, for people to look at"
    assert set(evaluation.measure("LSE-C[XM,CR]").videos) == set(LEVELS)


def test_without_a_folder_no_video_is_kept(start: Start) -> None:
    evaluation = start(Recorder(follows_audio))
    assert evaluation.measure("LSE-C_S").videos == {}


def test_a_pair_list_decides_partners_and_what_is_measured(start: Start) -> None:
    generator = Recorder(follows_audio)
    evaluation = start(generator, plan={"pairs": {"a": ("d",), "c": ("a",)}})
    measurement = evaluation.measure("LSE-D[XM,CR]")
    assert list(measurement.per_clip) == ["a", "c"]
    assert evaluation.corpus.provenance.pairing == {"a": "d", "c": "a"}
    assert calls_of(generator, evaluation) == {"a XM,CR": 1, "c XM,CR": 1}


def test_partners_audio_is_cut_or_repeated_to_the_clip(start: Start, tmp_path: Path) -> None:
    levels = {"a": LEVELS["a"], "b": LEVELS["b"][:12]}
    clips = write_clips(tmp_path / "clips", levels)
    evaluation = start(Recorder(follows_audio), clips=clips)
    for clip, partner in (("a", "b"), ("b", "a")):
        audio = evaluation.driving_audio(clips[clip], Setup.XM)
        wanted = np.resize(levels[partner], len(levels[clip]))
        np.testing.assert_array_equal(audio, spoken(wanted))


@pytest.mark.parametrize(
    ("plan", "attributes", "silent"),
    [
        (None, {}, True),
        (None, {"silence": "noise"}, False),
        ({"silence": "zeros"}, {"silence": "noise"}, True),
        ({"silence": "noise"}, {}, False),
    ],
)
def test_silence_is_the_users_choice_then_the_models_then_zeros(
    start: Start, plan: dict | None, attributes: dict, silent: bool
) -> None:
    generator = Recorder(follows_audio, **attributes)
    evaluation = start(generator, plan=plan)
    evaluation.frames("a", BY_TEXT["SI,CR"])
    assert (not generator.calls[0][1].any()) is silent
    assert evaluation.corpus.provenance.silence == ("zeros" if silent else "noise")


@pytest.mark.parametrize(
    ("plan", "attributes", "frames"),
    [
        (None, {}, 1),
        (None, {"alternative_reference": "multiple"}, 5),
        ({"alternative_reference": "first"}, {"alternative_reference": "multiple"}, 1),
    ],
)
def test_the_alternative_reference_is_the_users_then_the_models_then_first(
    start: Start, plan: dict | None, attributes: dict, frames: int
) -> None:
    generator = Recorder(follows_audio, **attributes)
    start(generator, plan=plan).frames("a", BY_TEXT["AM,AR"])
    assert len(generator.calls[0][2]) == frames


def test_an_unknown_alternative_reference_is_refused(start: Start) -> None:
    with pytest.raises(GeneratorError, match="its `alternative_reference` is 'last'; expected one of first"):
        start(Recorder(follows_audio, alternative_reference="last"))
    evaluation = start(Recorder(follows_audio), plan={"alternative_reference": "last"})
    with pytest.raises(ConfigurationError, match="unknown alternative reference 'last'"):
        evaluation.measure("LSD-AR")


def test_other_choices_are_other_artefacts(start: Start) -> None:
    """What a seed, a strategy or a kind of silence changes is never taken from the store."""
    plans = [{}, {"silence": "noise"}, {"silence": "noise", "seed": 1}]
    for count, plan in enumerate(plans, 1):
        generator = Recorder(follows_audio, fingerprint="v1")
        start(generator, plan=plan).frames("a", BY_TEXT["SI,CR"])
        assert len(generator.calls) == 1, f"plan {count} was answered with another plan's video"


def test_the_model_meets_the_clips_once_and_only_when_needed(start: Start, clips: ClipSet) -> None:
    met: list[Mapping[str, Clip]] = []
    evaluation = start(Recorder(follows_audio, use_clips=met.append))
    evaluation.measure("LSE-C[GT]")
    assert met == []
    evaluation.need()
    assert met == [clips]


@pytest.mark.parametrize("rule", ["same-speaker", "any"])
def test_the_model_may_ask_for_partners_of_the_same_speaker(start: Start, clips: ClipSet, rule: str) -> None:
    files = [
        ClipFile(name, file.video, speaker="ann" if name in "ab" else "bob")
        for name, file in clips.files.items()
    ]
    found = [
        start(
            Recorder(follows_audio, pairing=rule), clips=ClipSet(files, "two speakers"), plan={"seed": seed}
        ).pairs()
        for seed in range(8)
    ]
    within = [all((clip in "ab") == (partner in "ab") for clip, partner in pairs.items()) for pairs in found]
    assert all(within) is (rule == "same-speaker")


def test_one_clip_can_be_measured_but_not_mismatched(start: Start, tmp_path: Path) -> None:
    evaluation = start(Recorder(follows_audio), clips=write_clips(tmp_path / "one", {"a": LEVELS["a"]}))
    with pytest.raises(InputError, match="1 clip has no partner"):
        evaluation.measure("LSD-CR")
    measurement = evaluation.measure("LSE-C_S")
    assert (measurement.clips, measurement.interval) == (1, None)


def test_progress_counts_up_to_what_is_wanted(start: Start) -> None:
    told: list[tuple[int, int, str]] = []
    start(Recorder(follows_audio), progress=lambda *what: told.append(what)).measure("LSE-C_S")
    assert [done for done, _, _ in told] == [*range(8), 8]
    assert {wanted for _, wanted, _ in told} == {8}
    assert {what for _, _, what in told} >= {"a (real clip)", "d [SI,CR]"}


@pytest.mark.parametrize("lead", [0.0, 0.5, 0.99])
def test_where_a_worker_begins_changes_nothing_but_the_order(start: Start, lead: float) -> None:
    ahead = start(Recorder(follows_audio), name=f"worker {lead}", start_share=lead)
    ahead.need()
    assert len(ahead.corpus.trials) == 28
    plain = start(Recorder(follows_audio), name="plain")
    plain.need()
    assert ahead.corpus.trials == plain.corpus.trials


def test_a_damaged_video_in_the_store_is_made_again(start: Start, tmp_path: Path, remarks: list[str]) -> None:
    first = start(Recorder(follows_audio, fingerprint="v1"))
    first.frames("a", BY_TEXT["AM,CR"])
    (video,) = (tmp_path / "store").rglob("video-*.mkv")
    video.write_bytes(video.read_bytes()[:-100])
    second = Recorder(follows_audio, fingerprint="v1")
    frames = start(second).frames("a", BY_TEXT["AM,CR"])
    assert "is corrupt" in "".join(remarks)
    np.testing.assert_array_equal(frames, coded(LEVELS["a"]))
    assert len(second.calls) == 1


def test_provenance_says_what_was_measured_with_what(start: Start) -> None:
    about = start(
        Recorder(follows_audio), name="my model", plan={"seed": 7}, device="cuda:1"
    ).corpus.provenance
    assert (about.model, about.clips, about.clip_names) == ("my model", "coded clips", ("a", "b", "c", "d"))
    assert (about.expert, about.protocol, about.seed, about.device) == (
        "level LevelExpert refusing []",
        "direct",
        7,
        "cuda:1",
    )
    assert (about.alternative_reference, about.silence) == ("first", "zeros")


def test_everything_it_raises_on_purpose_is_one_family() -> None:
    errors = (ConfigurationError, GeneratorError, InputError, MissingExtraError, NotApplicableError)
    assert all(issubclass(error, LipleakError) for error in errors)


def test_conditions_are_asked_by_reference(start: Start) -> None:
    generator = Recorder(follows_audio)
    evaluation = start(generator)
    evaluation.need(condition for condition in CONDITIONS if condition.reference is Reference.AR)
    assert {len(reference) for _, _, reference in generator.calls} == {1}
    assert Condition(Setup.AM, Reference.AR) == BY_TEXT["AM,AR"]


@pytest.fixture(scope="module")
def many_clips(tmp_path_factory: pytest.TempPathFactory) -> ClipSet:
    return write_clips(tmp_path_factory.mktemp("many"), MANY)


@pytest.mark.parametrize(
    ("paint", "text", "outcome"),
    [
        (follows_audio, "LSD-CR < 20", "pass"),
        (copies_reference, "LSD-CR < 20", "fail"),
        (copies_reference, "LSE-C_S < 20", "fail"),
    ],
)
def test_a_sequential_run_generates_only_until_it_is_settled(
    start: Start, many_clips: ClipSet, paint: Callable[..., np.ndarray], text: str, outcome: str
) -> None:
    limit = Limit.parse(text)
    generator = Recorder(paint)
    evaluation = start(generator, clips=many_clips, rules=Rules(sequential=True))
    verdict = evaluation.judge(limit)
    assert verdict.outcome == outcome
    clips, conditions = verdict.measurement.clips, len(limit.metric.conditions)
    assert 12 <= clips < 20
    assert f"{clips} of 24 clips" in verdict.headline
    assert len(generator.calls) == clips * conditions
    assert set(verdict.measurement.per_clip) == set(evaluation.corpus.provenance.in_order[:clips])
    # A process that began elsewhere, and had measured more for other limits, says the same.
    other = start(
        Recorder(paint), name="again", clips=many_clips, rules=Rules(sequential=True), start_share=0.7
    )
    other.need(limit.metric.conditions)
    again = other.judge(limit)
    assert (again.outcome, again.measurement.per_clip) == (verdict.outcome, verdict.measurement.per_clip)
    assert again.measurement.interval == verdict.measurement.interval


def test_a_sequential_run_that_cannot_settle_measures_all_and_says_so(
    start: Start, many_clips: ClipSet
) -> None:
    evaluation = start(Recorder(copies_reference), clips=many_clips, rules=Rules(sequential=True))
    value = start(Recorder(copies_reference), clips=many_clips).measure("LSE-C_S").value
    verdict = evaluation.judge(Limit.parse(f"LSE-C_S < {value}"))
    assert verdict.inconclusive
    assert verdict.measurement.clips == verdict.measurement.planned == 24
    assert verdict.measurement.value == pytest.approx(value)


def test_a_sequential_run_meets_clips_without_a_score(start: Start) -> None:
    def begin(**rules: bool) -> Evaluation:
        expert = LevelExpert(refused="abcd")
        return start(Recorder(follows_audio), expert=expert, rules=Rules(sequential=True, **rules))

    for evaluation in (begin(), begin(allow_unscored=True)):
        verdict = evaluation.judge(Limit.parse("LSD-CR < 20"))
        assert verdict.outcome == "not judged"
        assert not verdict.passed
