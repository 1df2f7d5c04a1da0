"""A model that few processes may hold at once: who holds it, what is known without it, and that it is let go of."""

import gc
import subprocess
import sys
import threading
import time
import traceback
import weakref
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_lipleak.core.conditions import Reference
from pytest_lipleak.core.errors import GeneratorError
from pytest_lipleak.generators.contract import declared_by
from pytest_lipleak.generators.registry import Model
from pytest_lipleak.generators.shared import BusyError, SharedGenerator, Slots, ready, without_waiting

FRAMES, AUDIO = np.zeros((3, 4, 4, 3), np.uint8), np.zeros(3 * 640, np.int16)


class Declares:
    """Says a lot of itself."""

    supports = ("AR",)
    silence = "noise"
    fingerprint = "weights 1"
    batch = 8

    def __init__(self) -> None:
        self.clips: Any = None

    def use_clips(self, clips: object) -> None:
        self.clips = clips

    def generate(self, frames: np.ndarray, audio: np.ndarray, reference: np.ndarray) -> np.ndarray:
        assert self.clips == "the clips"
        return frames + self.batch


def shared(
    folder: Path, load: Callable[[], Any] = Declares, count: int = 1, device: str = "cpu"
) -> SharedGenerator:
    return SharedGenerator(load, Slots(folder, device, count), folder / f"{device}.json")


def run(model: SharedGenerator) -> np.ndarray:
    return model.generate(FRAMES, AUDIO, FRAMES)


def test_what_it_declares_is_known_to_those_that_wait(tmp_path: Path) -> None:
    first = shared(tmp_path)
    assert ready(first), "it was loaded to be asked"
    second = shared(tmp_path, load=lambda: pytest.fail("there is no slot"))  # type: ignore[arg-type,return-value]
    assert not ready(second)
    assert second.supports == ("AR",)
    assert declared_by(second).references == ("AR",)
    assert (second.silence, second.fingerprint) == ("noise", "weights 1")
    assert callable(second.use_clips)
    for name in ("pairing", "use_face", "batch", "uses_reference"):
        assert not hasattr(second, name)


def test_one_slot_is_given_on_and_the_model_is_told_again_what_it_was_told(tmp_path: Path) -> None:
    first, second = shared(tmp_path), shared(tmp_path)
    for each in (first, second):
        each.use_clips("the clips")
    assert (ready(first), ready(second)) == (True, False)
    assert run(first).max() == 8
    first.batch = 4
    first.unload()
    assert (ready(second), ready(first)) == (True, False)
    assert run(second).max() == 8
    second.unload()
    assert run(first).max() == 4, "the smaller batch stays"


@pytest.mark.parametrize("count", [1, 2])
def test_slots_are_of_a_device(tmp_path: Path, count: int) -> None:
    here = [shared(tmp_path, count=count, device="cuda-0") for _ in range(3)]
    assert [ready(each) for each in here] == [number < count for number in range(3)]
    assert ready(shared(tmp_path, count=count, device="cuda-1"))


def test_who_calls_it_without_a_slot_waits(tmp_path: Path) -> None:
    first, second = shared(tmp_path), shared(tmp_path)
    second.use_clips("the clips")
    threading.Timer(0.3, first.unload).start()
    begun = time.monotonic()
    assert run(second).max() == 8
    assert time.monotonic() - begun > 0.2


def no_face(model: Declares) -> None:
    raise GeneratorError("no face")


def no_key(model: Declares) -> None:
    raise KeyError(str(model))


def no_face_because(model: Declares) -> None:
    try:
        no_key(model)
    except KeyError as error:
        raise GeneratorError("no face") from error


def no_face_while(model: Declares) -> None:
    try:
        no_face_because(model)
    except GeneratorError:
        raise GeneratorError("no face either") from None


def no_faces(model: Declares) -> None:
    errors = []
    for fail in (no_face, no_face_because):
        try:
            fail(model)
        except GeneratorError as error:
            errors.append(error)
    raise ExceptionGroup("no faces", errors)


@pytest.mark.parametrize("fail", [no_face, no_face_because, no_face_while, no_faces])
def test_nothing_of_a_model_that_raised_is_left(tmp_path: Path, fail: Callable[[Declares], None]) -> None:
    class Fails(Declares):
        def generate(self, frames: np.ndarray, audio: np.ndarray, reference: np.ndarray) -> np.ndarray:
            fail(self)
            return frames

    built: list[weakref.ref[Fails]] = []

    def load() -> Fails:
        model = Fails()
        built.append(weakref.ref(model))
        return model

    model = shared(tmp_path, load)
    with pytest.raises((GeneratorError, ExceptionGroup), match="no face") as kept:
        run(model)
    model.unload()
    assert [each() for each in built] == [None], kept


def test_nothing_of_a_model_that_failed_while_it_was_loaded_is_left(tmp_path: Path) -> None:
    built: list[weakref.ref[Declares]] = []

    class Fails(Declares):
        def __init__(self) -> None:
            built.append(weakref.ref(self))
            raise GeneratorError("no such checkpoint")

    with pytest.raises(GeneratorError, match="no such checkpoint") as kept:
        shared(tmp_path, Fails)
    gc.collect()
    assert [each() for each in built] == [None], kept


def test_what_was_raised_before_is_left_as_it_is(tmp_path: Path) -> None:
    class Fails(Declares):
        def generate(self, frames: np.ndarray, audio: np.ndarray, reference: np.ndarray) -> np.ndarray:
            raise GeneratorError("no face")

    def read(file: str) -> None:
        raise FileNotFoundError(file)

    def find() -> None:
        try:
            read("a.mp4")
        except FileNotFoundError:
            run(shared(tmp_path, Fails))

    with pytest.raises(GeneratorError) as kept:
        find()
    before = kept.value.__context__
    assert isinstance(before, FileNotFoundError)
    assert [frame.f_locals.get("file") for frame, _ in traceback.walk_tb(before.__traceback__)][1] == "a.mp4"


def test_a_model_that_cannot_be_loaded_keeps_no_slot(tmp_path: Path) -> None:
    def load() -> Declares:
        raise GeneratorError("no such checkpoint")

    for _ in range(2):
        with pytest.raises(GeneratorError, match="no such checkpoint"):
            shared(tmp_path, load)
    assert ready(shared(tmp_path))


def test_its_turn_is_its_own(tmp_path: Path) -> None:
    class Waits(Declares):
        turns = 0

        @contextmanager
        def turn(self) -> Any:
            Waits.turns += 1
            yield

    for load, turns in ((Declares, 0), (Waits, 1)):
        folder = tmp_path / load.__name__
        folder.mkdir()
        with shared(folder, load).turn():
            assert Waits.turns == turns


def test_an_instance_that_others_hold_is_said_not_to_be_freed(tmp_path: Path, remarks: list[str]) -> None:
    kept = Declares()
    model = shared(tmp_path, lambda: kept)
    model.unload()
    assert "something else holds the model" in "".join(remarks)
    assert ready(shared(tmp_path)), "its slot is free all the same"


def test_a_slot_is_free_whatever_goes_wrong_when_the_model_is_unloaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, remarks: list[str]
) -> None:
    class Slotted:
        __slots__ = ()

        def generate(self, frames: np.ndarray, audio: np.ndarray, reference: np.ndarray) -> np.ndarray:
            return frames

    slotted = shared(tmp_path, Slotted)
    slotted.unload()
    kept = Declares()
    hoarded = shared(tmp_path, lambda: kept)
    assert ready(hoarded)
    hoarded.unload()
    assert "something else holds the model" in "".join(remarks)

    def asserted() -> None:
        raise RuntimeError("CUDA error: device-side assert triggered")

    broken = shared(tmp_path)
    assert ready(broken)
    monkeypatch.setattr("pytest_lipleak.generators.shared.free_device_memory", asserted)
    broken.unload()
    assert "device-side assert" in remarks[-1]
    assert ready(slotted)


def test_what_it_declares_is_read_as_without_the_option(tmp_path: Path) -> None:
    class Odd(Declares):
        supports = (Reference.AR,)  # type: ignore[assignment]
        uses_reference = np.bool_(False)
        takes_videos = np.int64(1)
        pairing = None

        def fingerprint(self) -> bytes:  # type: ignore[override]
            return b"\x00\xff"

    for fingerprint in (Odd.fingerprint, Path("model.pth"), 7, None, ""):
        Odd.fingerprint = fingerprint  # type: ignore[assignment,method-assign]
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        model: Any = shared(folder, Odd)
        assert Model("odd", model).fingerprint == Model("odd", Odd()).fingerprint
        assert declared_by(model).references == declared_by(Odd()).references == (Reference.AR,)
        assert (model.uses_reference, model.takes_videos, model.pairing) == (False, True, None)


def test_a_declaration_that_cannot_be_read_is_said_and_keeps_no_slot(tmp_path: Path) -> None:
    class Asks(Declares):
        @property
        def takes_videos(self) -> bool:
            raise OSError("no server")

    with pytest.raises(
        GeneratorError, match=r"model 'Asks': its `takes_videos` cannot be read: OSError: no server"
    ):
        shared(tmp_path, Asks)
    assert ready(shared(tmp_path))


def test_other_attributes_are_there_while_it_is_loaded(tmp_path: Path) -> None:
    model: Any = shared(tmp_path)
    assert model.clips is None
    with pytest.raises(AttributeError, match="'Declares' object has no attribute 'weights'"):
        _ = model.weights
    model.unload()
    with pytest.raises(AttributeError, match=r"model Declares.*'clips' while.*--lipleak-workers-per-gpu"):
        _ = model.clips
    with pytest.raises(AttributeError, match=r"model Declares has no attribute 'pairing'$"):
        _ = model.pairing


def test_who_must_not_wait_is_told_so(tmp_path: Path) -> None:
    first, second = shared(tmp_path), shared(tmp_path)
    second.use_clips("the clips")
    with without_waiting():
        for call in (lambda: run(second), second.turn):
            with pytest.raises(BusyError):
                call()
    first.unload()
    with without_waiting():
        assert run(second).max() == 8


def test_a_slot_dies_with_its_process(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from pytest_lipleak.generators.shared import Slots; "
        "slots = Slots(Path(sys.argv[1]), 'cpu', 1); print(slots.take(), flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "True\n"
        slots = Slots(tmp_path, "cpu", 1)
        assert not slots.take()
        other.kill()
    assert slots.take()


@pytest.mark.gpu
def test_the_memory_of_a_gpu_is_free_for_the_next_worker(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device is visible")

    class OnGpu(Declares):
        def __init__(self) -> None:
            self.weights = torch.zeros(2**28, dtype=torch.uint8, device="cuda:0")

    before = torch.cuda.memory_reserved("cuda:0")
    model = shared(tmp_path, OnGpu, device="cuda-0")
    assert torch.cuda.memory_reserved("cuda:0") >= before + 2**28
    model.unload()
    assert torch.cuda.memory_reserved("cuda:0") <= before
