"""Picture measures of an evaluation: identical videos, a flat picture, faces that cannot be found."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_lipleak.core.clips import Audio, Frames
from pytest_lipleak.core.corpus import Corpus
from pytest_lipleak.core.errors import ConfigurationError, GeneratorError, WeightsError
from pytest_lipleak.core.metrics.formulas import metric
from pytest_lipleak.evaluation.evaluation import Evaluation, Plan
from pytest_lipleak.evaluation.make.picture_tools import PictureTools
from pytest_lipleak.evaluation.make.this_process import Files, ThisProcess
from pytest_lipleak.evaluation.results.aggregate import measure
from pytest_lipleak.generators.registry import as_model, load_model
from pytest_lipleak.media.clipsets import ClipSet
from pytest_lipleak.report.text_report import table
from pytest_lipleak.store.store import Store
from pytest_lipleak.sync.experts import load_expert
from pytest_lipleak.sync.protocols import Protocol
from pytest_lipleak.verdicts.limits import Limit

Evaluate = Callable[..., Evaluation]


class Grey:
    """Paints every frame grey: no face, and an error that is known."""

    def generate(self, frames: Frames, audio: Audio, reference: Frames) -> Frames:
        return np.full_like(frames, 128)


@pytest.fixture
def evaluate(tmp_path: Path, common_store: Path, short_clips: ClipSet) -> Evaluate:
    some = list(short_clips.files.values())[:2]

    def build(model: object, weights: Path | None = None, frames: int = 50, **choices: Any) -> Evaluation:
        loaded = load_model(model) if isinstance(model, str) else as_model(model)
        clips = ClipSet([replace(file, stop=frames) for file in some], "two clips")
        arcface = choices.pop("arcface", None)
        plan = Plan(**{"protocol": Protocol.DIRECT, **choices})
        return Evaluation(
            clips,
            loaded,
            load_expert("embedded"),
            plan,
            Store(common_store),
            process=ThisProcess(run=str(tmp_path)),
            files=Files(weights=weights, arcface=arcface),
        )

    return build


def test_identical_videos_are_perfect(evaluate: Evaluate) -> None:
    honest = evaluate("demo")
    assert honest.measure("SSIM[AM,CR]").value == 1
    assert honest.measure("SSIM_mouth[AM,CR]").value == 1
    assert honest.measure("PSNR[AM,CR]").value == math.inf
    assert honest.judge(Limit.parse("PSNR[AM,CR] > 30")).passed


class Colours:
    """Stands in for Inception-v3: the mean colour of every frame."""

    def features(self, frames: Any) -> np.ndarray:
        return np.stack([np.asarray(frame, np.float32).mean(axis=(0, 1)) for frame in frames])


class Darker:
    def __init__(self) -> None:
        self.calls = 0

    def generate(self, frames: Frames, audio: Audio, reference: Frames) -> Frames:
        self.calls += 1
        return frames // 2


def test_sets_of_frames_need_no_video_where_parts_took_their_features(
    tmp_path: Path, short_clips: ClipSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PictureTools, "inception", Colours())
    clips = ClipSet(list(short_clips.files.values())[:3], "three clips")
    expert, condition = load_expert("embedded"), metric("FID[AM,CR]").conditions[-1]

    def begun(name: str, shard: tuple[int, int] | None = None) -> tuple[Evaluation, Darker]:
        model = Darker()
        plan = Plan(Protocol.DIRECT, shard=shard)
        return Evaluation(clips, as_model(model), expert, plan, Store(tmp_path / name)), model

    whole, model = begun("whole")
    expected = whole.measure("FID[AM,CR]")
    assert (model.calls, expected.value > 0) == (3, True)
    here, idle = begun("here")
    for part in (1, 2):
        worker, made = begun(f"part {part}", (part, 2))
        found = worker.frame_features(condition)
        assert made.calls == len(found) == 3 - part
        here.take_over_features(condition, found)
    assert here.measure("FID[AM,CR]") == expected
    assert here.measure("KID[AM,CR]").value == whole.measure("KID[AM,CR]").value
    assert idle.calls == 0


def test_pictures_need_no_sync_score(evaluate: Evaluate) -> None:
    honest = evaluate("demo")
    honest.measure("SSIM[XM,CR]")
    assert not honest.corpus.trials


def test_a_set_that_lacks_a_video_has_all_others_made(evaluate: Evaluate) -> None:
    class FailsFirst:
        calls = 0

        def generate(self, frames: Frames, audio: Audio, reference: Frames) -> Frames:
            self.calls += 1
            if self.calls == 1:
                raise RuntimeError("no")
            return frames

    model = FailsFirst()
    with pytest.raises(GeneratorError, match="RuntimeError: no"):
        evaluate(model).measure("FID[AM,CR]")
    assert model.calls == 2


def test_composited_mouths_differ_in_the_mouth_region_alone(evaluate: Evaluate) -> None:
    honest = evaluate("demo")
    assert honest.measure("PSNR_mouth[XM,CR]").value < honest.measure("PSNR[XM,CR]").value
    assert 0.5 < honest.measure("SSIM_mouth[XM,CR]").value < honest.measure("SSIM[XM,CR]").value < 1


def test_psnr_of_grey_is_what_arithmetic_says(evaluate: Evaluate) -> None:
    grey = evaluate(Grey())
    expected = []
    for name in grey.clips:
        errors = ((grey.clips[name].frames.astype(float) - 128) ** 2).mean(axis=(1, 2, 3))
        expected.append((10 * np.log10(255**2 / errors)).mean())
    assert grey.measure("PSNR[SI,AR]").value == pytest.approx(np.mean(expected), abs=1e-6)


def test_infinite_values_survive_the_json_report(evaluate: Evaluate) -> None:
    honest = evaluate("demo")
    honest.measure("PSNR[AM,CR]")
    text = json.dumps(honest.corpus.to_dict(), allow_nan=False)
    again = Corpus.from_dict(json.loads(text))
    assert again.pictures == honest.corpus.pictures
    assert measure(again, metric("PSNR[AM,CR]")).value == math.inf


@pytest.mark.parametrize("name", ["MAR[AM,CR]", "MAR_slope[SI,AR]", "SSIM[CR]", "SSIM", "LMD[AM,XX]"])
def test_measures_that_mean_nothing_are_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match="unknown metric"):
        metric(name)


@pytest.mark.slow
def test_faces_of_identical_videos(evaluate: Evaluate, shared: Path) -> None:
    pytest.importorskip("ai_edge_litert")
    honest = evaluate("demo", shared / "weights")
    assert honest.measure("LMD[AM,CR]").value == 0
    assert honest.measure("CSIM[AM,CR]").value == pytest.approx(1)
    assert honest.measure("MAR_open[SI,CR]").value == 0
    assert honest.measure("MAR_slope[SI,CR]").value == pytest.approx(0, abs=0.05)
    leaky = evaluate("demo:leaky", shared / "weights")
    assert leaky.measure("MAR_slope[SI,CR]").value == pytest.approx(1, abs=0.05)
    assert leaky.measure("MAR_motion[SI,CR]").value > 10 * honest.measure("MAR_motion[SI,CR]").value


@pytest.mark.slow
def test_a_copy_reads_1_beside_the_real_clip_and_a_mouth_at_rest_0(evaluate: Evaluate, shared: Path) -> None:
    pytest.importorskip("ai_edge_litert")
    honest, leaky = (evaluate(name, shared / "weights") for name in ("demo", "demo:leaky"))
    for name in ("LipLeak@real[SI,CR]", "Closed@real[SI,CR]"):
        assert honest.measure(name).value == pytest.approx(0, abs=0.05)
        assert leaky.measure(name).value == pytest.approx(1, abs=0.05)
    assert honest.measure("SLS@real[SI,CR]").value < 0.1 < 0.3 < leaky.measure("SLS@real[SI,CR]").value
    assert honest.measure("Closed[SI,CR]").value == pytest.approx(1, abs=0.02)
    # Other speech with pauses: the copy goes on as its reference does.
    for name in ("PauseMotion@own[PA,CR]", "PauseMotion@real[PA,CR]"):
        assert honest.measure(name).value < 0.2 < 0.5 < leaky.measure(name).value
    report = Corpus.from_dict(json.loads(json.dumps(leaky.corpus.to_dict(), allow_nan=False)))
    assert measure(report, metric("LipLeak@real[SI,CR]")).value == leaky.measure("LipLeak@real[SI,CR]").value


@pytest.mark.slow
def test_no_face_is_unscored_and_never_passes(evaluate: Evaluate, shared: Path) -> None:
    pytest.importorskip("ai_edge_litert")
    grey = evaluate(Grey(), shared / "weights")
    verdict = grey.judge(Limit.parse("LMD[AM,CR] < 1000"))
    assert not verdict.passed
    assert "no clip was scored" in verdict.headline
    assert {entry.measure for entry in verdict.measurement.unscored} == {"LMD"}
    assert "no face in 50 of 50 generated frames" in verdict.measurement.unscored[0].reason


class LeavesSomeAlone:
    """Paints most frames grey: the few it leaves alone would look perfect."""

    def generate(self, frames: Frames, audio: Audio, reference: Frames) -> Frames:
        output = np.full_like(frames, 128)
        output[::5] = frames[::5]
        return output


@pytest.mark.slow
@pytest.mark.parametrize("name", ["LMD[AM,CR]", "MAR_open[SI,CR]"])
def test_a_few_good_frames_are_no_measurement(evaluate: Evaluate, shared: Path, name: str) -> None:
    pytest.importorskip("ai_edge_litert")
    verdict = evaluate(LeavesSomeAlone(), shared / "weights").judge(Limit.parse(f"{name} < 1000"))
    assert not verdict.passed
    assert "generated frames whose real frame shows one" in verdict.measurement.unscored[0].reason


@pytest.mark.slow
def test_open_mouths_are_told_at_several_thresholds(evaluate: Evaluate, shared: Path) -> None:
    pytest.importorskip("ai_edge_litert")
    leaky = evaluate("demo:leaky", shared / "weights")
    leaky.measure("MAR_open[SI,CR]")
    for measures in leaky.corpus.pictures.values():
        shares = [measures[f"MAR_open@{threshold}"] for threshold in ("0.05", "0.1", "0.15", "0.2")]
        assert shares == sorted(shares, reverse=True)
        assert shares[1] == measures["MAR_open"]
    assert any("by threshold" in line for line in table(leaky.corpus, lambda metric: None, {}))


@pytest.mark.slow
def test_tracking_anew_loses_what_the_real_boxes_hide(evaluate: Evaluate, shared: Path) -> None:
    pytest.importorskip("ai_edge_litert")
    tracked = {"protocol": Protocol.TRACKED, "frames": 85}
    kept = evaluate(Grey(), shared / "weights", **tracked)
    assert kept.measure("LSE-C_S").clips == 2
    anew = evaluate(Grey(), shared / "weights", retrack=True, **tracked)
    lost = anew.measure("LSE-C_S")
    assert lost.clips == 0
    assert "no face" in lost.unscored[0].reason


@pytest.mark.slow
def test_own_arcface_network(evaluate: Evaluate, shared: Path, tmp_path: Path) -> None:
    pytest.importorskip("ai_edge_litert")
    own = tmp_path / "own.onnx"
    own.write_bytes((shared / "weights" / "w600k_mbf.onnx").read_bytes())
    found = evaluate("demo", shared / "weights", frames=20, arcface=own).measure("CSIM[AM,CR]")
    assert found.value == pytest.approx(1)
    own.write_bytes(b"no network")
    with pytest.raises(WeightsError, match=r"own\.onnx"):
        evaluate("demo", shared / "weights", frames=20, arcface=own).measure("CSIM[AM,CR]")
