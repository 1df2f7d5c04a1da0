"""Weights: only the published file is accepted unasked, and nothing in a file is ever run."""

import pickle
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pytest_lipleak.core.errors import ConfigurationError, LipleakError, MissingDataError, WeightsError
from pytest_lipleak.machine.model_files import cache_folder, locate
from pytest_lipleak.sync.architecture import parameter_shapes
from pytest_lipleak.sync.experts import choose_expert, default_protocol, load_expert
from pytest_lipleak.sync.protocols import Protocol
from pytest_lipleak.sync.weights import (
    SYNCNET_FILE,
    SYNCNET_SHA256,
    WeightsFile,
    cached_export,
    load_state_dict,
    verify_syncnet,
)

torch = pytest.importorskip("torch")


def test_another_hash_is_refused_and_both_are_named(tmp_path: Path) -> None:
    path = tmp_path / SYNCNET_FILE
    path.write_bytes(b"abc")
    with pytest.raises(WeightsError) as caught:
        verify_syncnet(path, allow_unverified=False)
    message = str(caught.value)
    # SHA-256 of "abc", from FIPS 180-2.
    assert "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" in message
    assert "961e8696f888fce4f3f3a6c3d5b3267cf5b343100b238e79b2659bff2c605442" in message
    assert str(path) in message
    assert "--allow-unverified-weights" in message


def test_another_hash_can_be_accepted_knowingly(tmp_path: Path) -> None:
    path = tmp_path / "own.model"
    path.write_bytes(b"abc")
    weights = verify_syncnet(path, allow_unverified=True)
    assert not weights.verified
    assert weights.sha256 != SYNCNET_SHA256


class CreatesFile:
    """Unpickling this opens a file for writing."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable, tuple]:
        return open, (str(self.path), "w")


@pytest.mark.parametrize(
    "write",
    [
        lambda value, path: torch.save(value, path),
        lambda value, path: torch.save(value, path, _use_new_zipfile_serialization=False),
        lambda value, path: path.write_bytes(pickle.dumps(value, protocol=2)),
    ],
    ids=["torch zip", "torch legacy", "plain pickle"],
)
def test_pickled_code_is_never_run(tmp_path: Path, write: Callable[[object, Path], object]) -> None:
    witness, path = tmp_path / "was-run", tmp_path / "evil.model"
    write({"netcnnaud.0.weight": CreatesFile(witness)}, path)
    with pytest.raises(WeightsError, match="pickled code, which is never run") as caught:
        load_state_dict(path)
    assert str(path) in str(caught.value)
    assert not witness.exists()


def light_state() -> dict:
    """A state dict of the right names and shapes that takes no room: every tensor is one stored zero."""
    return {name: torch.zeros(()).expand(shape) for name, shape in parameter_shapes().items()}


def without(name: str) -> Callable[[], dict]:
    return lambda: {key: value for key, value in light_state().items() if key != name}


def changed(name: str, value: object) -> Callable[[], dict]:
    return lambda: light_state() | {name: value}


NAN = torch.full((1024,), float("nan"))
INFINITE = torch.zeros(512).index_fill(0, torch.tensor([3]), float("inf"))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (dict, "is nothing, expected"),
        (lambda: [1, 2], "holds a list, expected a SyncNet state dict"),
        (lambda: torch.zeros(3), "holds a Tensor, expected a SyncNet state dict"),
        (without("netfclip.3.bias"), r"netfclip\.3\.bias is nothing, expected \(1024,\)"),
        (
            changed("netcnnlip.0.weight", torch.zeros(96, 3, 5, 7, 8)),
            r"netcnnlip\.0\.weight is \(96, 3, 5, 7, 8\), expected \(96, 3, 5, 7, 7\)",
        ),
        (changed("netfcaud.0.weight", "text"), r"netfcaud\.0\.weight is nothing"),
        (changed("netfcaud.3.bias", NAN), r"netfcaud\.3\.bias contains NaN or infinity"),
        (changed("netfclip.1.running_var", INFINITE), r"netfclip\.1\.running_var contains NaN or infinity"),
    ],
)
def test_what_is_no_syncnet_is_refused(tmp_path: Path, content: Callable[[], object], words: str) -> None:
    path = tmp_path / "w.model"
    torch.save(content(), path)
    with pytest.raises(WeightsError, match=words) as caught:
        load_state_dict(path)
    assert str(path) in str(caught.value)


def test_batch_counters_are_not_needed(tmp_path: Path) -> None:
    """PyTorch 0.3, which wrote the published file, had none."""
    state = {name: value for name, value in light_state().items() if "num_batches" not in name}
    torch.save(state, tmp_path / "w.model")
    loaded = load_state_dict(tmp_path / "w.model")
    assert {name: value.shape for name, value in loaded.items()} == {
        n: tuple(t.shape) for n, t in state.items()
    }


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_an_empty_or_truncated_file_is_refused(tmp_path: Path, share: float) -> None:
    path = tmp_path / "w.model"
    torch.save(light_state(), path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(WeightsError, match="cannot be read as plain weights") as caught:
        load_state_dict(path)
    assert str(path) in str(caught.value)


def weights_called(sha256: str) -> WeightsFile:
    return WeightsFile(Path("unused"), sha256, verified=True)


def test_an_export_is_made_once_per_weights(tmp_path: Path) -> None:
    made: list[str] = []

    def make() -> bytes:
        made.append("x")
        return b"graph %d" % len(made)

    first = cached_export(weights_called("a" * 64), "video.onnx", make)
    assert cached_export(weights_called("a" * 64), "video.onnx", make) == first
    assert (made, first.read_bytes()) == (["x"], b"graph 1")
    other = cached_export(weights_called("b" * 64), "video.onnx", make)
    assert other != first
    assert len(made) == 2


@pytest.mark.parametrize("damage", ["truncated", "missing", "hash missing", "hash wrong"])
def test_a_corrupt_export_is_made_again(damage: str) -> None:
    weights = weights_called(damage.replace(" ", "-"))
    path = cached_export(weights, "video.onnx", lambda: b"the graph")
    digest = path.with_name(f"{path.name}.sha256")
    {
        "truncated": lambda: path.write_bytes(b"the gr"),
        "missing": path.unlink,
        "hash missing": digest.unlink,
        "hash wrong": lambda: digest.write_text("0" * 64),
    }[damage]()
    assert cached_export(weights, "video.onnx", lambda: b"the graph").read_bytes() == b"the graph"
    unused = cached_export(weights, "video.onnx", lambda: pytest.fail("made a third time"))
    assert unused == path


def test_many_threads_make_an_export_once() -> None:
    made: list[int] = []
    start = threading.Barrier(4)

    def work() -> None:
        start.wait()
        cached_export(weights_called("c" * 64), "audio.onnx", lambda: made.append(1) or b"graph")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert made == [1]


def test_a_failed_export_leaves_nothing() -> None:
    weights = weights_called("d" * 64)
    with pytest.raises(WeightsError):
        cached_export(weights, "video.onnx", lambda: (_ for _ in ()).throw(WeightsError("bad")))
    assert cached_export(weights, "video.onnx", lambda: b"good").read_bytes() == b"good"


def test_weights_are_looked_for_where_the_user_says(tmp_path: Path) -> None:
    path = tmp_path / SYNCNET_FILE
    assert locate(SYNCNET_FILE, tmp_path) is None
    path.write_bytes(b"x")
    assert locate(SYNCNET_FILE, tmp_path) == path
    assert locate(SYNCNET_FILE, path) == path
    assert locate("other", path) == path, "a file is taken as it is, whatever its name"
    assert locate(SYNCNET_FILE, None) is None, "the download folder has none"
    with pytest.raises(MissingDataError, match="no such file or folder"):
        locate(SYNCNET_FILE, tmp_path / "absent")


def test_the_download_folder_can_be_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LIPLEAK_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    (tmp_path / SYNCNET_FILE).write_bytes(b"x")
    assert locate(SYNCNET_FILE, None) == tmp_path / SYNCNET_FILE


@pytest.mark.parametrize(
    ("name", "present", "rendered", "chosen"),
    [
        ("auto", True, False, "syncnet"),
        ("auto", False, False, "embedded"),
        ("auto", True, True, "embedded"),
        ("syncnet", False, True, "syncnet"),
        ("embedded", True, False, "embedded"),
    ],
)
def test_the_expert_is_syncnet_where_its_weights_are(
    tmp_path: Path, name: str, present: bool, rendered: bool, chosen: str
) -> None:
    if present:
        (tmp_path / SYNCNET_FILE).write_bytes(b"x")
    expert, why = choose_expert(name, tmp_path, rendered_clips=rendered)
    assert expert == chosen
    assert why


@pytest.mark.parametrize("use", [choose_expert, load_expert])
def test_an_unknown_expert_lists_the_known(use: Callable) -> None:
    with pytest.raises(
        ConfigurationError, match=r"unknown sync expert 'lipsync'; known are .*syncnet, embedded"
    ):
        use("lipsync", None)


@pytest.mark.parametrize(
    ("content", "error", "words"),
    [(None, MissingDataError, "lipleak fetch"), (b"abc", WeightsError, "SHA-256")],
)
def test_syncnet_without_its_weights_says_what_to_do(
    tmp_path: Path, content: bytes | None, error: type[LipleakError], words: str
) -> None:
    if content is not None:
        (tmp_path / SYNCNET_FILE).write_bytes(content)
    with pytest.raises(error, match=words) as caught:
        load_expert("syncnet", tmp_path)
    assert str(tmp_path) in str(caught.value)


def test_each_expert_has_the_protocol_of_its_reference_numbers() -> None:
    assert default_protocol("syncnet") is Protocol.LRS
    assert default_protocol("embedded") is Protocol.DIRECT


def test_shapes_add_up_to_the_published_size() -> None:
    """54,573,114 bytes: 13,631,616 parameters and the running statistics as float32, plus pickle's own."""
    shapes = parameter_shapes()
    numbers = sum(int(np.prod(shape)) for name, shape in shapes.items() if "num_batches" not in name)
    assert 54_573_114 - 20_000 < 4 * numbers < 54_573_114
