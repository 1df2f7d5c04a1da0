"""The example of a trained network, as an outside user runs it, and the parts it is trained with."""

import importlib
import json
import shutil
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from inner_runs import INNER

pytest.importorskip("safetensors")

EXAMPLE = Path(__file__).parent.parent / "examples" / "tiny_lipsync"
PARTS = ("experiment", "data", "sync_loss", "train", "tiny_lipsync")
CLIPS = ("anna_1", "mara_2", "omar_1", "zola_3")
FRAMES = 85


@pytest.fixture
def part(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that imports one of the example's modules, as its scripts do."""
    monkeypatch.syspath_prepend(str(EXAMPLE))
    monkeypatch.syspath_prepend(str(EXAMPLE.parent.parent))
    yield importlib.import_module
    for name in PARTS:
        monkeypatch.delitem(sys.modules, name, raising=False)


def rendered(count: int = FRAMES) -> dict[str, Any]:
    from pytest_lipleak.media.clipsets import EMBEDDED, open_clips

    clips = open_clips(EMBEDDED)
    return {name: (clips[name].frames[:count], clips[name].audio[: 640 * count]) for name in CLIPS}


@pytest.fixture(scope="module")
def few_clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # An inner run would forget it, and it cannot be loaded twice; this fixture begins before the inner run's.
    import torch  # noqa: F401

    from pytest_lipleak.media.video import write_video

    folder = tmp_path_factory.mktemp("few")
    for name, (frames, audio) in rendered().items():
        write_video(folder / f"{name}.mkv", frames, audio)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(("variant", "broken"), [("hidden", False), ("cr", True)])
def test_the_suite_tells_the_variants_apart(
    pytester: pytest.Pytester, few_clips: Path, variant: str, broken: bool, part: Any, capsys: Any
) -> None:
    """A copy of the example, its own gates, the shipped checkpoints, fewer and shorter clips than by default."""
    shutil.copytree(EXAMPLE, pytester.path, dirs_exist_ok=True)
    run = pytester.runpytest_inprocess(
        *INNER, "-p", "no:cacheprovider", f"--lipleak-clips={few_clips}",
        "-k", "LSE", f"--lipleak-model-arg=checkpoint=checkpoints/{variant}.safetensors",
        f"--lipleak-json=out/{variant}.json",
    )  # fmt: skip
    outcomes = run.parseoutcomes()
    assert outcomes.get("errors", 0) == 0
    assert (outcomes.get("failed", 0) > 0) is broken, run.stdout.str()
    assert outcomes.get("passed", 0) + outcomes.get("failed", 0) == 6
    if broken:
        run.stdout.fnmatch_lines(["*LSE-C_S@floor*not < 0.4*"])
    assert_tabulated(part("experiment"), pytester.path / "out", variant, broken, capsys)


def assert_tabulated(experiment: Any, out: Path, variant: str, broken: bool, capsys: Any) -> None:
    """The documentation's tables hold the report's numbers, and name the limits that the run found broken."""
    metrics = json.loads((out / f"{variant}.json").read_text())["results"][0]["metrics"]
    values = {metric["metric"]: metric["value"] for metric in metrics}
    capsys.readouterr()
    experiment.tables(out)
    rows = [row for row in capsys.readouterr().out.splitlines() if row.startswith(f"| {variant}, ")]
    for name in ("LSE-C_S", "LSE-C[XM,AR]", "LSD-CR", "LSE-C_S@floor[AR]"):
        own = f"| {variant}, {'AR' if 'AR' in name else 'CR'} |"
        assert any(row.startswith(own) and f"| {values[name]:.2f}" in row for row in rows), name
    experiment.compare([out, out])
    silent = f"{values['LSE-C_S@floor']:.2f}"
    assert f"| {silent} / {silent} |" in capsys.readouterr().out
    experiment.broken([out])
    told = capsys.readouterr().out.splitlines()[0].partition(": ")[2]
    assert ("LSE-C_S@floor < 0.4" in told.split(", ")) is broken
    assert broken or told == "none"


@pytest.mark.parametrize("variant", ["cr", "ar", "hidden"])
def test_a_shipped_checkpoint_is_small_and_says_what_it_is(variant: str) -> None:
    from safetensors import safe_open

    path = EXAMPLE / "checkpoints" / f"{variant}.safetensors"
    assert path.stat().st_size < 1_000_000
    with safe_open(path, "pt") as file:
        facts = file.metadata()
    assert facts == {
        "reference": variant if variant == "hidden" else variant.upper(),
        "steps": "3000",
        "seed": "0",
        "sync": "0.01",
    }


def test_models_of_one_process_stay_apart(tmp_path: Path) -> None:
    """A changed copy paints by its own code; and no file of the example gets in the way of a user's own ``data.py``."""
    from pytest_lipleak.generators.registry import load_model

    copy = tmp_path / "tiny_lipsync.py"
    text = (EXAMPLE / copy.name).read_text()
    copy.write_text(text.replace("self.colour(painted)", "-self.colour(painted)"))
    arguments = {"checkpoint": str(EXAMPLE / "checkpoints" / "hidden.safetensors")}
    paths = list(sys.path)
    one, other = (load_model(f"{path}:load", arguments).generator for path in (EXAMPLE / copy.name, copy))
    assert sys.path == paths
    frames, audio = rendered(3)["anna_1"]
    painted, negative = (model.generate(frames, audio, frames[:1]).astype(int) for model in (one, other))
    mouth = (slice(None), slice(90, 105), slice(60, 100))
    np.testing.assert_allclose(painted[mouth] + negative[mouth], 255, atol=2)
    assert one.fingerprint != other.fingerprint


def test_channels_that_nothing_wakes_are_left_out(part: Any) -> None:
    import torch

    tiny, train = part("tiny_lipsync"), part("train")
    torch.manual_seed(0)
    speech = tiny.Speech().eval()
    asleep = torch.arange(160) % 4 == 0
    speech.last[1].bias.data[asleep] = -1e3
    speech.last[1].bias.data[~asleep] = 1e3
    known, unknown = torch.rand(2, 50, 20, 40)
    slim = train.without_idle(speech, [known[:20], known[20:]])
    assert slim.last[0].weight.shape[0] == 120
    torch.testing.assert_close(slim(unknown), speech(unknown))


def test_a_network_that_hides_lips_cannot_copy_them(part: Any) -> None:
    import torch

    tiny: ModuleType = part("tiny_lipsync")
    torch.manual_seed(0)
    face, mel = torch.rand(2, 3, 72, 72), torch.rand(2, 20, 40)
    other = face.clone()
    other[:, :, 40:60, 25:50] = 1 - other[:, :, 40:60, 25:50]
    for hides_lips in (True, False):
        painter = tiny.TinyLipSync(hides_lips=hides_lips).eval()
        with torch.inference_mode():
            same = torch.equal(painter(face, face, mel), painter(face, other, mel))
        assert same is hides_lips


def test_the_sync_loss_sees_what_the_expert_sees(part: Any) -> None:
    """Its mouth windows are those that the product cuts from the pasted frame, to a few grey levels."""
    import torch

    from pytest_lipleak import FaceCrops
    from pytest_lipleak.generators.facecrops import cut
    from pytest_lipleak.sync.mouth_window import mouth_windows

    sync_loss, train = part("sync_loss"), part("train")
    frames, _ = rendered(5)["anna_1"]
    crops = FaceCrops(lambda faces, audio, reference: faces, **part("tiny_lipsync").CROPS)
    faces = cut(frames, crops.boxes(frames), 72)
    pasted = crops.generate(frames, np.zeros(3200, np.int16), frames)
    rows, columns = sync_loss._window_matrices()
    grey = (train.pictures(faces) * sync_loss.GREY[:, None, None]).sum(1)
    seen = 255 * (rows @ grey @ columns)
    assert np.abs(seen.numpy() - mouth_windows(pasted)).mean() < 1.5
    assert torch.allclose(rows.sum(1), torch.ones(48), atol=1e-4)


def test_what_is_heard_lies_around_its_frame(part: Any) -> None:
    """A click in frame 7 is heard in the windows of frames 5 to 9 alone, in the middle of that of frame 7."""
    audio = np.zeros(640 * 20, np.int16)
    audio[640 * 7 + 320] = 30000
    mels = part("tiny_lipsync").mels(audio, 20)
    assert mels.shape == (20, 20, 40)
    loud = [frame for frame in range(20) if mels[frame].max() > mels[0].max() + 0.5]
    assert loud == [5, 6, 7, 8, 9]
    assert 7 <= mels[7].sum(1).argmax() <= 11


def test_speech_of_another_length_is_cut_or_silent_at_its_end(part: Any) -> None:
    mels = part("tiny_lipsync").mels
    audio = np.random.default_rng(0).integers(-9000, 9000, 640 * 10).astype(np.int16)
    short, silent = audio[:1500], np.zeros(640 * 10 - 1500, np.int16)
    np.testing.assert_array_equal(mels(short, 10), mels(np.concatenate([short, silent]), 10))
    np.testing.assert_array_equal(mels(np.append(audio, audio), 10), mels(audio, 10))


def test_references_are_those_of_their_name(part: Any) -> None:
    data = part("data")
    talk = data.Talk(np.zeros((60, 72, 72, 3), np.uint8), np.zeros(640 * 60, np.int16), closed=3)
    random = np.random.default_rng(0)
    assert data.reference_frame(talk, 20, 28, "CR", random) == slice(20, 28)
    assert data.reference_frame(talk, 20, 28, "silent", random) == 3
    drawn = {data.reference_frame(talk, 20, 28, "AR", random) for _ in range(500)}
    assert drawn == {*range(15), *range(33, 60)}


@pytest.mark.slow
def test_training_writes_a_checkpoint_that_can_be_judged(part: Any, tmp_path: Path) -> None:
    """All steps of the README in small: crops, four training steps, a checkpoint, a painted clip."""
    import torch
    from safetensors.torch import save_file

    from pytest_lipleak.media.video import write_video

    data, sync_loss, train = part("data"), part("sync_loss"), part("train")
    (tmp_path / "clips").mkdir()
    for name, (frames, audio) in rendered(40).items():
        write_video(tmp_path / "clips" / f"{name}.mkv", frames, audio)
    data.prepare(tmp_path / "clips", tmp_path / "clips.npz", None, 10, {})
    talks = data.load(tmp_path / "clips.npz")
    assert [talk.faces.shape for talk in talks] == [(40, 72, 72, 3)] * 4

    torch.manual_seed(0)
    torch.save(sync_loss.Expert().state_dict(), tmp_path / "expert.pt")
    sync = sync_loss.SyncLoss(tmp_path / "expert.pt")
    network = part("tiny_lipsync").TinyLipSync()
    network.speech.load_state_dict(sync.expert.audio.state_dict())
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    log = train.train(
        network, train.Batches([talks], "AR", sync, 0), sync, steps=4, runs=2, weight=0.01, bf16=False
    )
    assert np.isfinite(log).all()
    assert len(log) == 4
    changed = {name for name, tensor in network.named_parameters() if not torch.equal(tensor, before[name])}
    assert changed == {name for name, _ in network.named_parameters()}

    weights = {name: tensor.half() for name, tensor in network.state_dict().items()}
    save_file(weights, tmp_path / "ar.safetensors", metadata={"reference": "AR"})
    painter = part("tiny_lipsync").load(str(tmp_path / "ar.safetensors"))
    frames, audio = rendered(10)["anna_1"]
    painted = painter.generate(frames, audio, frames[:1])
    assert painted.shape == frames.shape
    np.testing.assert_array_equal(painted[:, 126:], frames[:, 126:])  # outside of the crop
    assert (
        np.abs(painted[:, 5:50, 30:130].astype(int) - frames[:, 5:50, 30:130]).mean() < 6
    )  # resized, not painted
    assert np.abs(painted[:, 70:110, 50:110].astype(int) - frames[:, 70:110, 50:110]).mean() > 1
