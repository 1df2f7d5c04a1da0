"""Metamorphic relations: kept by the demo, broken by purpose-built models, with a readable smallest example."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_lipleak.core.clips import Audio, Clip, Frames
from pytest_lipleak.core.conditions import Reference
from pytest_lipleak.core.errors import ConfigurationError, UnscorableError
from pytest_lipleak.generators.control_generators import ControlGenerator
from pytest_lipleak.generators.registry import as_model
from pytest_lipleak.media.clipsets import EMBEDDED, open_clips
from pytest_lipleak.strategies import (
    RELATIONS,
    Subject,
    _search,
    audio_gains,
    audio_shifts,
    check_metamorphic,
    later,
    louder,
    mirror,
    mirrored,
    reference_frames,
    silences,
)
from pytest_lipleak.sync.embedded import EmbeddedExpert

FRAMES = 75


@pytest.fixture(scope="module")
def clips() -> dict[str, Clip]:
    """Two short clips of one speaker."""
    found = {}
    for name in ("anna_1", "anna_2"):
        whole = open_clips(EMBEDDED)[name]
        found[name] = Clip(name, whole.frames[:FRAMES], whole.audio[: 640 * FRAMES], whole.speaker)
    return found


def test_demo_keeps_every_relation(clips: dict[str, Clip]) -> None:
    tried = check_metamorphic(ControlGenerator(0.0), clips, examples=3)
    assert tried.keys() == RELATIONS.keys()
    assert all(tried.values())


def broken(model: Any, clips: dict[str, Clip], relation: str, examples: int = 4, **more: Any) -> str:
    with pytest.raises(AssertionError) as failed:
        check_metamorphic(model, clips, relations=[relation], examples=examples, **more)
    return "\n".join([str(failed.value), *getattr(failed.value, "__notes__", [])])


def test_a_leak_is_found_and_said(clips: dict[str, Clip]) -> None:
    text = broken(ControlGenerator(0.25), clips, "reference")
    assert "swapping the reference's mouth does not move the lips, but the mouth of frame " in text
    assert " % of it arrives in the output" in text
    assert "reference(\n    change=" in text, "Hypothesis names the change"
    assert "with audio " in broken(ControlGenerator(1.0), clips, "shift")


class Deafened(ControlGenerator):
    """Closes its mouth when the speech is not as loud as the clip's."""

    def generate(self, frames: np.ndarray, audio: np.ndarray, reference: np.ndarray) -> np.ndarray:
        loud = any(np.array_equal(audio, clip.audio) for clip in self._clips.values())
        return super().generate(frames, audio if loud else np.zeros_like(audio), reference)


class Startled(ControlGenerator):
    """Takes noise for speech: opens its mouth."""

    def generate(self, frames: np.ndarray, audio: np.ndarray, reference: np.ndarray) -> np.ndarray:
        level = float(np.sqrt(np.mean(np.square(audio, dtype=np.float64))))
        return 255 - frames if 1 < level < 100 else super().generate(frames, audio, reference)


class OneSided(ControlGenerator):
    """Knows the faces of its clips only the way round they were filmed."""

    def generate(self, frames: np.ndarray, audio: np.ndarray, reference: np.ndarray) -> np.ndarray:
        known = any(np.array_equal(frames, clip.frames) for clip in self._clips.values())
        return (
            super().generate(frames, audio, reference)
            if known
            else np.repeat(frames[:1], len(frames), axis=0)
        )


@pytest.mark.parametrize(
    ("model", "relation", "words"),
    [
        (Deafened, "loudness", "times the loudness: confidence"),
        (Startled, "silence", "silence as noise (seed 0) gives another mouth than zeros"),
        (OneSided, "mirror", "with mirrored pictures, mirrored back: confidence"),
    ],
)
def test_other_faults_are_found(clips: dict[str, Clip], model: Any, relation: str, words: str) -> None:
    assert words in broken(model(0.0), clips, relation)


def test_the_smallest_example_is_reported_and_the_model_is_called_seldom(clips: dict[str, Clip]) -> None:
    calls: list[int] = []

    class Counted(Deafened):
        def generate(self, frames: np.ndarray, audio: np.ndarray, reference: np.ndarray) -> np.ndarray:
            calls.append(1)
            return super().generate(frames, audio, reference)

    text = broken(Counted(0.0), clips, "loudness", examples=5)
    # The first gain of the list that changes anything.
    assert "with 0.9 times the loudness" in text
    assert len(calls) <= 1 + 10, "once unchanged, and once for each of ten gains"


def test_the_budget_ends_the_search_but_never_leaves_it_out(clips: dict[str, Clip]) -> None:
    assert check_metamorphic(ControlGenerator(0.0), clips, relations=["shift"], examples=50, seconds=0) == {
        "shift": 1
    }


@pytest.mark.parametrize("relation", list(RELATIONS))
def test_a_change_that_changes_nothing_is_not_counted(clips: dict[str, Clip], relation: str) -> None:
    """Hypothesis draws the change that changes nothing first; it must not use up time or examples."""
    given: list[tuple[np.ndarray, ...]] = []

    class Seen(ControlGenerator):
        def generate(self, *inputs: np.ndarray) -> np.ndarray:
            given.append(inputs)
            return super().generate(*inputs)

    tried = check_metamorphic(Seen(0.0), clips, relations=[relation], examples=1, seconds=0)
    assert tried == {relation: 1}
    assert len(given) == (3 if relation == "silence" else 2)
    changed = [
        any(not np.array_equal(one, other) for one, other in zip(given[-1], each, strict=True))
        for each in given[:-1]
    ]
    assert all(changed)


def test_a_relation_without_anything_to_change_is_no_pass(clips: dict[str, Clip]) -> None:
    one = clips["anna_1"]

    class Still(ControlGenerator):
        """Has AR alone; of a clip whose frames all have one mouth no other can be swapped in."""

        supports = ("AR",)

    subject = Subject(
        as_model(Still(0.0)), Clip("still", np.repeat(one.frames[:1], 75, 0), one.audio), None, Reference.AR
    )  # type: ignore[arg-type]
    with pytest.raises(UnscorableError, match="relation 'reference': no change that was drawn"):
        _search("reference", RELATIONS["reference"], subject, subject.clip.frames, 3, 60)


@pytest.mark.parametrize(("kind", "silent"), [("zeros", 1), ("noise", 0)])
def test_a_model_that_cannot_take_zeros_is_given_none(clips: dict[str, Clip], kind: str, silent: int) -> None:
    zeros: list[bool] = []

    class Declares(ControlGenerator):
        silence = kind

        def generate(self, frames: np.ndarray, audio: np.ndarray, reference: np.ndarray) -> np.ndarray:
            zeros.append(not audio.any())
            return super().generate(frames, audio, reference)

    assert check_metamorphic(Declares(0.0), clips, relations=["silence"], examples=1)["silence"] == 1
    assert sum(zeros) == silent
    assert len(zeros) == 3


def test_a_model_that_is_never_in_sync_cannot_be_tested(clips: dict[str, Clip]) -> None:
    def still(frames: np.ndarray, audio: np.ndarray, reference: np.ndarray) -> np.ndarray:
        return np.repeat(frames[:1], len(frames), axis=0)

    with pytest.raises(UnscorableError, match="the unchanged output scores"):
        check_metamorphic(still, clips)
    with pytest.raises(ConfigurationError, match="known are reference, shift"):
        check_metamorphic(still, clips, relations=["colour"])


def test_changes_of_inputs() -> None:
    audio = np.arange(-2000, 2000, dtype=np.int16)
    assert np.array_equal(later(audio, 0), audio)
    assert np.array_equal(later(audio, 2)[1280:], audio[:-1280])
    assert not later(audio, 2)[:1280].any()
    assert np.array_equal(later(audio, -2)[:-1280], audio[1280:])
    assert np.array_equal(louder(np.array([-30000, 1, 100], np.int16), 2), [-32768, 2, 200])
    frames = np.random.default_rng(0).integers(0, 255, (2, 4, 5, 3)).astype(np.uint8)
    assert np.array_equal(mirror(mirror(frames)), frames)
    assert np.array_equal(mirror(frames)[:, :, 0], frames[:, :, -1])


def test_strategies_shrink_to_no_change() -> None:
    hypothesis = pytest.importorskip("hypothesis")
    simplest = {audio_gains: 1.0, audio_shifts: 0, silences: ("zeros", 0), mirrored: False}
    for strategy, value in simplest.items():
        assert hypothesis.find(strategy(), lambda change: True) == value
    assert hypothesis.find(reference_frames(9), lambda change: True) == 0


def test_speech_is_known_at_any_loudness_and_a_little_early_or_late(
    clips: dict[str, Clip], tmp_path: Path
) -> None:
    model = ControlGenerator(0.0)
    model.use_clips(clips)
    clip, other = clips["anna_1"], clips["anna_2"]
    plain = model.generate(clip.frames, other.audio, clip.frames)
    assert np.array_equal(model.generate(clip.frames, louder(other.audio, 0.25), clip.frames), plain)
    # Two frames later: frame 10 shows the donor's mouth of frame 8.
    mouths = [
        model._driven_mouths(clip.frames, audio)
        for audio in (other.audio, later(other.audio, 2), later(other.audio, -3))
    ]
    assert np.array_equal(mouths[1][2:], mouths[0][:-2])
    assert np.array_equal(mouths[2][:-3], mouths[0][3:])
    noise = np.random.default_rng(0).normal(0, 3000, len(clip.audio)).astype(np.int16)
    with pytest.raises(ValueError, match="belongs to no clip"):
        model.generate(clip.frames, noise, clip.frames)


def test_the_model_is_given_what_its_evaluation_would_give(clips: dict[str, Clip]) -> None:
    class Asks:
        supports = ("AR",)
        alternative_reference = "multiple"

        def __init__(self) -> None:
            self.face: Any = None
            self.references = 0

        def use_face(self, face: Any) -> None:
            self.face = face

        def generate(self, frames: Frames, audio: Audio, reference: Frames) -> Frames:
            assert self.face is not None
            self.references = len(reference)
            return frames

    model, clip = Asks(), clips["anna_1"]
    made = Subject(as_model(model), clip, EmbeddedExpert(), Reference.AR).generate()
    assert np.array_equal(made, clip.frames)
    assert model.references == 5
    assert model.face.boxes is None, "of face-centred frames"
