"""What a model returns is checked; what it gets is a copy."""

import os
import signal
import sys
import threading
from collections.abc import Callable

import numpy as np
import pytest

from pytest_lipleak.core.clips import Clip
from pytest_lipleak.core.conditions import Condition, Reference, Setup
from pytest_lipleak.core.errors import GeneratorError
from pytest_lipleak.generators.contract import declared_by
from pytest_lipleak.generators.interface import (
    Generator,
    run_generator,
)
from pytest_lipleak.machine.exit_guard import ExitGuard

CLIP = Clip("ann/1", np.full((4, 6, 8, 3), 50, np.uint8), np.arange(4 * 640, dtype=np.int16))
CONDITION = Condition(Setup.XM, Reference.AR)


class Returns:
    def __init__(self, make: Callable[[np.ndarray], object]) -> None:
        self.make = make

    def generate(self, frames: np.ndarray, audio: np.ndarray, reference: np.ndarray) -> object:
        return self.make(frames)


def run(make: Callable[[np.ndarray], object]) -> np.ndarray:
    return run_generator(Returns(make), "my model", CLIP, CONDITION, CLIP.audio, CLIP.frames[:1])  # type: ignore[arg-type]


def raises(frames: np.ndarray) -> None:
    raise RuntimeError("CUDA out of memory")


def with_nan(frames: np.ndarray) -> np.ndarray:
    floats = frames.astype(np.float32)
    floats[2, 3, 4, 1] = np.nan
    return floats


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (raises, "generate() raised RuntimeError: CUDA out of memory"),
        (lambda frames: None, "NoneType"),
        (lambda frames: list(frames), "list"),
        (lambda frames: frames.astype(np.float32), "float32"),
        (lambda frames: frames.astype(np.int64), "int64"),
        (with_nan, "NaN"),
        (lambda frames: frames[..., :1], "(4, 6, 8, 1)"),
        (lambda frames: frames[0], "(6, 8, 3)"),
        (lambda frames: frames[:0], "(0, 6, 8, 3)"),
        (
            lambda frames: frames[:3],
            "(3, 6, 8, 3), expected (4, 6, 8, 3) like its input; the number of frames must",
        ),
        (lambda frames: np.repeat(frames, 2, 0), "(8, 6, 8, 3), expected (4, 6, 8, 3)"),
        (
            lambda frames: frames[:, :, :6],
            "(4, 6, 6, 3), expected (4, 6, 8, 3) like its input; the picture size",
        ),
        (lambda frames: frames.transpose(0, 2, 1, 3), "(4, 8, 6, 3)"),
    ],
)
def test_what_is_no_such_video_names_model_clip_and_condition(
    make: Callable[[np.ndarray], object], words: str
) -> None:
    with pytest.raises(GeneratorError) as caught:
        run(make)
    message = str(caught.value)
    assert words in message
    for name in ("my model", "ann/1", "[XM,AR]"):
        assert name in message


def test_the_models_own_error_stays_attached() -> None:
    with pytest.raises(GeneratorError) as caught:
        run(raises)
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_the_user_can_still_interrupt() -> None:
    def interrupt(frames: np.ndarray) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(interrupt)


@pytest.mark.parametrize("name", ["sys.exit", "os._exit"])
def test_a_model_that_would_end_the_process_has_failed(name: str) -> None:
    module, function = name.split(".")

    def leave(frames: np.ndarray) -> None:
        getattr(sys.modules[module], function)(0)

    before = os._exit
    with pytest.raises(GeneratorError, match=r"generate\(\) raised SystemExit: 0"):
        run(leave)
    assert os._exit is before


def test_a_run_that_passed_before_in_this_process_excuses_no_model() -> None:
    over = ExitGuard()
    over.arm()
    over.ended = over.passed = True
    try:
        with pytest.raises(GeneratorError, match="raised SystemExit: 0"):
            run(lambda frames: os._exit(0))
        assert os._exit == over.leave, "what stood there stands there again"
    finally:
        over.disarm()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.parametrize("thread", [False, True])
def test_forked_children_and_other_threads_end_the_process_as_they_like(thread: bool) -> None:
    """As multiprocessing does, and the threads of pytest-timeout and xdist."""
    ends: list[int] = []

    def leave(frames: np.ndarray) -> None:
        ending = threading.Thread(target=os._exit, args=(7,))
        ending.start()
        ending.join()

    def fork(frames: np.ndarray) -> np.ndarray:
        if (child := os.fork()) == 0:
            try:
                run(leave) if thread else os._exit(7)
            finally:
                os.kill(os.getpid(), signal.SIGKILL)
        ends.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        return frames

    run(fork)
    assert ends == [7]


def test_a_model_that_works_in_place_changes_no_clip() -> None:
    class InPlace:
        def generate(self, frames: np.ndarray, audio: np.ndarray, reference: np.ndarray) -> np.ndarray:
            frames[:] = 1
            audio[:] = 2
            reference[:] = 3
            return frames

    before = CLIP.frames.copy(), CLIP.audio.copy()
    output = run_generator(InPlace(), "m", CLIP, CONDITION, CLIP.audio, CLIP.frames)
    assert (output == 1).all()
    np.testing.assert_array_equal(CLIP.frames, before[0])
    np.testing.assert_array_equal(CLIP.audio, before[1])


def test_a_view_with_odd_strides_comes_back_in_order() -> None:
    output = run(lambda frames: np.flip(frames, axis=2))
    assert output.flags.c_contiguous


@pytest.mark.parametrize(
    ("declared", "references"),
    [
        (("CR", "AR"), ("CR", "AR")),
        (["ar"], ("AR",)),
        ((Reference.CR,), ("CR",)),
        ((), ("AR",)),
    ],
)
def test_references_are_as_declared_and_mask_free_models_run_as_ar(
    declared: object, references: tuple[str, ...]
) -> None:
    model = Returns(lambda frames: frames)
    model.supports = declared  # type: ignore[attr-defined]
    assert tuple(map(str, declared_by(model).references)) == references


def test_who_declares_nothing_supports_both() -> None:
    assert declared_by(object()).references == (Reference.CR, Reference.AR)


@pytest.mark.parametrize("declared", [("XR",), 3, None, "CR", ("CR", "")])
def test_a_declaration_that_cannot_be_read_is_shown(declared: object) -> None:
    model = Returns(lambda frames: frames)
    model.supports = declared  # type: ignore[attr-defined]
    with pytest.raises(GeneratorError, match="expected some of") as caught:
        declared_by(model)
    assert repr(declared) in str(caught.value)


def test_any_object_with_generate_is_a_generator() -> None:
    assert isinstance(Returns(lambda frames: frames), Generator)
    assert not isinstance(object(), Generator)


SILENT = Condition(Setup.SI, Reference.CR)


def run_on_silence(make: Callable[[np.ndarray], object], loudness: int = 0) -> np.ndarray:
    audio = np.full(4 * 640, loudness, np.int16)
    return run_generator(Returns(make), "m", CLIP, SILENT, audio, CLIP.frames)  # type: ignore[arg-type]


@pytest.mark.parametrize("make", [raises, with_nan])
def test_a_failure_on_exact_zeros_names_the_way_out(make: Callable[[np.ndarray], object]) -> None:
    with pytest.raises(GeneratorError) as caught:
        run_on_silence(make)
    assert ("--lipleak-silence=noise" in str(caught.value)) == (make is with_nan)
    with pytest.raises(GeneratorError) as caught:
        run_on_silence(make, loudness=3)
    assert "--lipleak-silence" not in str(caught.value)


def test_an_error_in_silence_names_the_way_out() -> None:
    def no_mel(frames: np.ndarray) -> None:
        raise ValueError("Mel contains nan")

    with pytest.raises(
        GeneratorError, match=r"Mel contains nan; if only silence fails, .* --lipleak-silence=noise"
    ):
        run_on_silence(no_mel)


def test_an_adapters_own_words_stay_as_they_are() -> None:
    def fails(frames: np.ndarray) -> None:
        raise GeneratorError("the command exited with status 1")

    with pytest.raises(
        GeneratorError, match=r"^model 'm', clip 'ann/1', condition \[SI,CR\]: the command exited"
    ):
        run_on_silence(fails)


@pytest.mark.parametrize(
    ("attribute", "value", "allowed"),
    [
        ("silence", "quiet", "zeros, noise"),
        ("silence", 0, "zeros, noise"),
        ("pairing", "", "any, same-speaker"),
        (
            "alternative_reference",
            "second",
            "first, random, multiple, multiple-25, silent-face, most-dissimilar",
        ),
    ],
)
def test_a_declaration_that_nobody_can_read_is_refused(attribute: str, value: object, allowed: str) -> None:
    model = Returns(lambda frames: frames)
    declared_by(model, "m")
    setattr(model, attribute, None)
    declared_by(model, "m")
    setattr(model, attribute, value)
    with pytest.raises(GeneratorError) as caught:
        declared_by(model, "m")
    assert str(caught.value) == f"model 'm': its `{attribute}` is {value!r}; expected one of {allowed}"


def test_declarations_are_those_that_the_evaluation_knows() -> None:
    from pytest_lipleak.core import choices as core
    from pytest_lipleak.plan.references import STRATEGIES
    from pytest_lipleak.settings.options import OPTIONS

    choices = {option.name: option.choices for option in OPTIONS}
    assert choices["alternative_reference"] == tuple(STRATEGIES)
    assert (
        choices.items()
        >= {
            "alternative_reference": core.STRATEGIES,
            "silence": core.SILENCES,
            "pairing": core.PAIRINGS,
        }.items()
    )


def test_a_model_that_fills_one_buffer_again_and_again_changes_no_earlier_video() -> None:
    class Reuses:
        buffer = np.zeros_like(CLIP.frames)

        def generate(self, frames, audio, reference):
            self.buffer += 1
            return self.buffer

    model = Reuses()
    first, second = (run_generator(model, "m", CLIP, CONDITION, CLIP.audio, CLIP.frames) for _ in range(2))
    assert (first.min(), second.min()) == (1, 2)
