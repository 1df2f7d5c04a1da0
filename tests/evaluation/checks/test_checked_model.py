"""What `lipleak doctor --model` finds: models built to be wrong in one way each, and the control generators."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_lipleak.cli import GOOD, NOT_JUDGED, USAGE, main
from pytest_lipleak.core.clips import held
from pytest_lipleak.evaluation.checks.model import (
    FIX,
    LOOK,
    OK,
    Checkup,
    Finding,
    clips_checked,
    examine,
    framing_checked,
)
from pytest_lipleak.evaluation.evaluation import Evaluation, Plan
from pytest_lipleak.faces.mouth_swap import mouth_pixels, with_other_mouths
from pytest_lipleak.generators.registry import as_model, load_model
from pytest_lipleak.media.clipsets import ClipSet, open_clips
from pytest_lipleak.media.video import write_video
from pytest_lipleak.report.checked_model import text_of
from pytest_lipleak.store.store import Store
from pytest_lipleak.sync.experts import load_expert
from pytest_lipleak.sync.protocols import Protocol

LENGTH = 12


@pytest.fixture(scope="module")
def clips() -> ClipSet:
    return open_clips("embedded")


@pytest.fixture
def look(clips: ClipSet, tmp_path: Path) -> Iterator[Any]:
    def run(candidate: Any) -> Checkup:
        model = load_model(candidate) if isinstance(candidate, str) else as_model(candidate)
        plan = Plan(Protocol.DIRECT)
        evaluation = Evaluation(clips, model, load_expert("embedded"), plan, Store(tmp_path))
        result = examine(evaluation, "anna_1", frames=LENGTH)
        json.dumps(result.to_dict(), allow_nan=False)
        return result

    return run


def verdicts(result: Checkup) -> dict[str, str]:
    return {finding.check: finding.verdict for finding in result.findings}


def wrong(result: Checkup) -> list[str]:
    return [finding.check for finding in result.findings if finding.verdict == FIX]


def told(result: Checkup, check: str) -> str:
    (finding,) = (finding for finding in result.findings if finding.check == check)
    return f"{finding.text} {finding.advice}"


class Good:
    """Adds to the reference what the loudness of each frame says; what a model needs and no more."""

    fingerprint = "good-1"

    def generate(self, frames: np.ndarray, audio: np.ndarray, reference: np.ndarray) -> np.ndarray:
        mouths = np.resize(reference, frames.shape) if len(reference) != len(frames) else reference
        loud = np.abs(audio.reshape(len(frames), -1).astype(float)).mean(axis=1)
        output = frames // 2 + mouths // 2
        output[:, 60:120] = np.clip(output[:, 60:120] + loud[:, None, None, None] / 100, 0, 255)
        return output


class HardlyHears(Good):
    """Ignores the audio but for one grey level."""

    def generate(self, frames: np.ndarray, audio: np.ndarray, reference: np.ndarray) -> np.ndarray:
        mouths = np.resize(reference, frames.shape) if len(reference) != len(frames) else reference
        return frames // 2 + mouths // 2 + np.uint8(int(np.abs(audio.astype(int)).sum()) % 2)


class OnlyAR(Good):
    supports = ("AR",)


class MaskFree(Good):
    supports = ()

    def generate(self, frames: np.ndarray, audio: np.ndarray, reference: np.ndarray) -> np.ndarray:
        return super().generate(frames, audio, frames)


class FirstFrame(Good):
    def generate(self, frames: np.ndarray, audio: np.ndarray, reference: np.ndarray) -> np.ndarray:
        return super().generate(frames, audio, reference[:1])


class FirstFrameAndSaysSo(FirstFrame):
    supports = ("AR",)


@pytest.mark.parametrize("candidate", [Good, OnlyAR, MaskFree, FirstFrameAndSaysSo, "demo"])
def test_nothing_to_fix(look: Any, candidate: Any) -> None:
    result = look(candidate if isinstance(candidate, str) else candidate())
    assert set(verdicts(result).values()) == {OK}
    assert text_of(result)[0].endswith(": READY to be measured")
    assert result.seconds_per_frame is not None
    assert 0 < result.seconds_per_frame * LENGTH <= result.seconds


def test_a_leak_is_nothing_to_fix_but_deafness_is_worth_a_look(look: Any) -> None:
    result = look("demo:leaky")
    assert [name for name, verdict in verdicts(result).items() if verdict == LOOK] == ["audio"]
    assert wrong(result) == []
    assert text_of(result)[0].endswith(": READY to be measured, but look at: audio")
    assert "another mouth in it changes the output's mouth by" in told(result, "reference CR")


class Short(Good):
    def generate(self, *given: np.ndarray) -> np.ndarray:
        return super().generate(*given)[:-1]


class NaNs(Good):
    def generate(self, *given: np.ndarray) -> np.ndarray:
        return super().generate(*given) / np.float32(255) * np.nan


class IgnoresReference(Good):
    def generate(self, frames: np.ndarray, audio: np.ndarray, reference: np.ndarray) -> np.ndarray:
        return super().generate(frames, audio, frames)


class LosesAR(Good):
    def generate(self, frames: np.ndarray, audio: np.ndarray, reference: np.ndarray) -> np.ndarray:
        return super().generate(frames, audio, reference if len(reference) == len(frames) else frames)


class UsesItAfterAll(Good):
    """Under AR by half as much as under CR."""

    uses_reference = False

    def generate(self, frames: np.ndarray, audio: np.ndarray, reference: np.ndarray) -> np.ndarray:
        output = super().generate(frames, audio, reference)
        return output // 2 if len(reference) == 1 else output


class Random(Good):
    def generate(self, *given: np.ndarray) -> np.ndarray:
        return super().generate(*given) // 2 + np.random.default_rng().integers(
            0, 90, given[0].shape, np.uint8
        )


class Flickers(Good):
    """Deaf and blind to its reference; what changes at every call is far from the mouth."""

    calls = 0

    def generate(self, frames: np.ndarray, audio: np.ndarray, reference: np.ndarray) -> np.ndarray:
        self.calls += 1
        output = frames // 2
        output[:, 0, 0] = 60 * (self.calls % 4)
        return output


class Deaf(Good):
    def generate(self, frames: np.ndarray, audio: np.ndarray, reference: np.ndarray) -> np.ndarray:
        return super().generate(frames, audio * 0, reference)


class CrashesOnZeros(Good):
    def generate(self, frames: np.ndarray, audio: np.ndarray, reference: np.ndarray) -> np.ndarray:
        if not audio.any():
            raise ValueError("Mel contains nan")
        return super().generate(frames, audio, reference)


class CrashesOnZerosAndSaysSo(CrashesOnZeros):
    silence = "noise"


class BlackOnZeros(Good):
    def generate(self, frames: np.ndarray, audio: np.ndarray, reference: np.ndarray) -> np.ndarray:
        output = super().generate(frames, audio, reference)
        output[:, 80:, 40:120] *= bool(audio.any())
        return output


class NewFingerprint(Good):
    @property
    def fingerprint(self) -> str:  # type: ignore[override]
        return str(np.random.default_rng().integers(1 << 60))


class TwoArguments:
    def generate(self, frames: np.ndarray, audio: np.ndarray) -> np.ndarray:
        return frames


CASES = [
    (Short(), ["output"], "output", f"returned shape ({LENGTH - 1}, 160, 160, 3), expected ({LENGTH}, 160"),
    (NaNs(), ["output"], "output", "frames contain NaN"),
    (
        IgnoresReference(),
        ["reference CR and AR"],
        "reference CR and AR",
        "it does not reach the output, whatever it shows if your model takes no reference, declare supports = (); if",
    ),
    (FirstFrame(), ["CR and AR"], "CR and AR", 'declare supports = ("AR",)'),
    (LosesAR(), ["reference AR"], "reference AR", "it does not reach the output, whatever it shows"),
    (UsesItAfterAll(), ["reference CR", "reference AR"], "reference AR", "though uses_reference is False"),
    (Random(), ["determinism"], "determinism", "grey levels, in 100% of the frames seed its random numbers"),
    (Random(), ["determinism"], "audio", "not to be told from what changes at every call"),
    (
        Flickers(),
        ["determinism", "reference CR and AR"],
        "audio",
        "the output is the same whatever speech drives it",
    ),
    (CrashesOnZeros(), ["silence"], "silence", 'declare silence = "noise"'),
    (BlackOnZeros(), ["silence"], "silence", "of the mouth has the grey level 0, as NaN has after a cast"),
    (NewFingerprint(), ["fingerprint"], "fingerprint", "it changes from one look to the next"),
    (TwoArguments(), ["signature"], "signature", "let it take (frames, audio, reference)"),
]


@pytest.mark.parametrize(
    ("candidate", "checks", "check", "words"), CASES, ids=lambda case: type(case).__name__
)
def test_what_is_wrong_is_named_with_what_to_do(
    look: Any, candidate: Any, checks: list[str], check: str, words: str
) -> None:
    result = look(candidate)
    assert wrong(result) == checks
    assert words in told(result, check)
    assert text_of(result)[0].endswith(f": NOT READY, to be fixed: {', '.join(wrong(result))}")


def test_what_is_no_fault_is_told_all_the_same(look: Any) -> None:
    assert verdicts(look(Deaf()))["audio"] == LOOK
    result = look(CrashesOnZerosAndSaysSo())
    assert wrong(result) == []
    assert "takes noise, as declared (not zeros: " in told(result, "silence")
    model = Good()
    model.fingerprint = None  # type: ignore[assignment]
    assert verdicts(look(model))["fingerprint"] == LOOK


def test_a_clip_alone_is_driven_by_its_own_speech_at_another_time(clips: ClipSet, tmp_path: Path) -> None:
    alone = ClipSet([clips.files["anna_1"]], "alone")
    for model, verdict in ((Good(), OK), (Deaf(), LOOK)):
        plan = Plan(Protocol.DIRECT)
        evaluation = Evaluation(alone, as_model(model), load_expert("embedded"), plan, Store(tmp_path))
        assert verdicts(examine(evaluation, "anna_1", frames=25))["audio"] == verdict


@pytest.mark.parametrize("framing", ["centred", "tracked"])
def test_other_mouths_change_the_mouth_and_nothing_else(clips: ClipSet, framing: str) -> None:
    frames = clips["anna_1"].frames[:LENGTH]
    boxes = None
    if framing == "tracked":
        # A face-centred frame within a larger picture, and the face box that it belongs to.
        frames = np.pad(frames, ((0, 0), (30, 30), (40, 40), (0, 0)))
        boxes = np.tile([40 + 160 / 7, 30, 40 + 160 * 6 / 7, 30 + 160 * 5 / 7], (LENGTH, 1))
    other = held(with_other_mouths(frames, boxes))
    mask = mouth_pixels(frames.shape, boxes)
    assert np.abs(other[~mask].astype(int) - frames[~mask]).max() <= 1, (
        "which no eye sees, and no cache knows"
    )
    assert 0.02 < mask.mean() < 0.3
    assert np.abs(other[mask].astype(int) - frames[mask]).mean() > 2


def test_on_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("studio.py").write_text(
        "class Still:\n    fingerprint = '1'\n    def __init__(self, shift=0):\n        self.shift = shift\n"
        "    def generate(self, frames, audio, reference):\n        return frames[self.shift:]\n"
    )
    ask = ["doctor", "--model", "studio.py:Still", "--frames", "10"]
    assert main([*ask, "--clip", "omar_2"]) == NOT_JUDGED
    out = capsys.readouterr().out
    assert out.startswith(
        "studio.py:Still: NOT READY, to be fixed: reference CR and AR\n10 calls on omar_2, 10 frames"
    )
    assert main([*ask, "--model-arg", "shift=1", "--json"]) == NOT_JUDGED
    data = json.loads(capsys.readouterr().out)
    assert data["to_fix"] == 1
    assert [each["check"] for each in data["findings"] if each["verdict"] == "fix"] == ["output"]
    for more, words in (
        (["--clip", "nobody"], "--clip nobody: there are anna_1"),
        (["--frames", "3"], "--frames 3: expected 10 or more"),
        (["--model-arg", "shft=1"], "it takes (shift)"),
        (["--model", "studio.py:Stil"], "has no attribute 'Stil'"),
        (["--clips", "nowhere"], "nowhere"),
    ):
        assert main([*ask, *more]) == USAGE
        assert words in capsys.readouterr().err
    unfit = Finding("clips", FIX, "they are not faces; use --lipleak-protocol tracked", "look")
    monkeypatch.setattr("pytest_lipleak.evaluation.checks.model.clips_checked", lambda _: unfit)
    assert main(ask) == NOT_JUDGED
    assert "they are not faces; use --protocol tracked" in capsys.readouterr().out


def test_one_grey_level_is_no_lip_movement(look: Any) -> None:
    result = look(HardlyHears())
    assert verdicts(result)["audio"] == LOOK
    assert "(at least 20% expected): the lips hardly follow the audio" in told(result, "audio")
    assert verdicts(look(Good()))["audio"] == OK


def test_doctor_asks_whether_the_clips_can_be_judged(clips: ClipSet, tmp_path: Path) -> None:
    def found(some: ClipSet) -> Finding:
        model = load_model("demo")
        return clips_checked(
            Evaluation(some, model, load_expert("embedded"), Plan(Protocol.DIRECT), Store(tmp_path))
        )

    two = ClipSet([clips.files[name] for name in ("anna_1", "omar_2")], "two")
    assert found(two) == Finding("clips", OK, "the expert hears that 2 clips are in sync")
    shuffled = tmp_path / "shuffled"
    shuffled.mkdir()
    for name, other in (("anna_1", "omar_2"), ("omar_2", "zola_1"), ("zola_1", "anna_1")):
        clip, speech = clips[name], clips[other].audio
        length = min(len(clip.audio), len(speech)) // 640
        write_video(shuffled / f"{name}.mkv", clip.frames[:length], speech[: length * 640])
    finding = found(open_clips(shuffled))
    assert (finding.check, finding.verdict) == ("clips", FIX)
    assert "cannot judge these clips" in finding.text


def test_where_a_mouth_lies_is_no_matter_where_it_is_tracked(
    clips: ClipSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "pytest_lipleak.evaluation.checks.model.mouths_elsewhere", lambda *given: {"b": "0.9, 0.5"}
    )
    for protocol, findings in ((Protocol.DIRECT, 1), (Protocol.TRACKED, 0)):
        whole = Evaluation(
            clips, load_model("demo"), load_expert("embedded"), Plan(Protocol.DIRECT), Store(tmp_path)
        )
        assert len([*framing_checked(whole, protocol, None)]) == findings


def test_doctor_sees_a_mouth_that_lies_too_low(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The face fills the frame, its chin beyond the lower edge."""
    pytest.importorskip("ai_edge_litert")
    own, folder = open_clips("embedded"), tmp_path / "anna"
    folder.mkdir()
    for name in ("anna_1", "anna_2"):
        frames = np.pad(own[name].frames[:50], ((0, 0), (35, 0), (0, 0), (0, 0)), "edge")[:, :160]
        write_video(folder / f"{name}.mkv", frames, own[name].audio[: 50 * 640])
    monkeypatch.chdir(tmp_path)
    ask = ["doctor", "--model=demo", f"--weights={shared / 'weights'}", "--protocol=direct", "--frames=12"]
    main([*ask, "--clips=.", "--expert=embedded"])
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("look  framing")]
    assert "anna/anna_1, anna/anna_2: the mouth lies at 0.7" in line
    assert line.endswith(
        " in the first; protocol direct looks for it at 0.4 to 0.7 of the height and 0.3 to 0.7 of the width"
    )
    assert main(ask) == GOOD
    assert "framing" not in capsys.readouterr().out
