"""What a model under test must offer, and the check of what it returns."""

import re
from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import numpy as np

from pytest_lipleak.core.clips import Audio, Clip, Frames, Video, check_video, held
from pytest_lipleak.core.conditions import Condition
from pytest_lipleak.core.errors import GeneratorError, InputError
from pytest_lipleak.generators.call_guard import (
    LOWER,
    OnGiveUp,
    TimeUpError,
    is_out_of_memory,
    time_limit,
    to_stderr,
    tries,
)
from pytest_lipleak.generators.contract import turn_of
from pytest_lipleak.machine.exit_guard import guarded
from pytest_lipleak.media.video import HELD

TAKE_NOISE = 'declare silence = "noise" on the model, or use --lipleak-silence=noise'
NO_ZEROS = f"; if only silence fails, its audio front end cannot take exact zeros: {TAKE_NOISE}"


@runtime_checkable
class Generator(Protocol):
    """A talking-face generator.

    Optional attributes, read and checked by ``generators.contract``:

    ``alternative_reference``
        name of its AR strategy (``first``, ``random``, ``multiple``, ``multiple-25``,
        ``silent-face``, ``most-dissimilar``).
    ``supports``
        the references it has, for example ``("AR",)``; conditions of others are *not applicable*. An empty
        tuple means a mask-free model without any reference: it runs as AR and its CR is not applicable.
    ``fingerprint``
        a string that identifies weights and code; without it nothing is reused beyond one run.
    ``batch``
        how many frames it works on at once; halved, once per call, when memory ends.
    ``silence``
        ``zeros`` or ``noise``: which silence its audio front end can take.
    ``pairing``
        ``any`` or ``same-speaker``: whose speech may drive a clip under XM.
    ``uses_reference``
        False says that the output does not depend on the reference although CR and AR are run, as a control
        does; ``lipleak doctor --model`` looks whether that is so.
    ``reference_from_video``
        True says that it finds its reference in the video and takes no other frames; its CR or AR is measured, but
        no probe that changes the reference.
    ``takes_videos``
        True says that ``generate`` reads frames and reference as ``core.clips.Video`` s and changes neither: arrays, or
        videos that are decoded in every pass where clips are long. It may return such a one, too.
    ``use_clips(clips)``
        called once with the clip set (a mapping from name to ``Clip``) before the first clip. Pictures and sound can
        be read alone: everything is measured by them.
    ``turn()``
        a context manager entered around every call, for models that must wait for each other; waiting does not
        count as time of the call.
    ``use_progress(tell)``
        called once before the first clip with a function that takes a line of text; what ``generate`` tells
        stands in the progress line.
    ``use_face(face)``
        called before each clip with where its face is, a ``generators.facecrops.ClipFace``.
    """

    def generate(self, frames: Frames, audio: Audio, reference: Frames) -> Frames:
        """Move the lips in ``frames`` to ``audio``.

        Args:
            frames: uint8 RGB, shape (T, H, W, 3), 25 fps, unmasked; masking is the model's own business.
            audio: int16 mono, 16 kHz, shape (640 T,).
            reference: the identity reference, uint8 RGB; under CR one per frame, shape (T, H, W, 3);
                under AR shape (R, H, W, 3) for the whole clip.

        Returns:
            uint8 RGB, shape (T, H, W, 3).
        """


def run_generator(
    generator: Generator,
    name: str,
    clip: Clip,
    condition: Condition | str,
    audio: Audio,
    reference: Video,
    *,
    takes_videos: bool = False,
    timeout: float | None = None,
    on_give_up: OnGiveUp = to_stderr,
    lent: bool = False,
) -> Video:
    """Call the model on copies of its inputs and check what comes back.

    Args:
        generator: the model.
        name: as reports print it.
        clip: the real clip.
        condition: or a probe's name, for the words of an error.
        audio: drives the model.
        reference: the identity reference.
        takes_videos: whether it declares so.
        timeout: seconds that one call may take, or None; see ``call_guard.time_limit``.
        on_give_up: told why the process ends when a call cannot be interrupted.
        lent: return the model's own array, which it may fill anew at its next call, and not a copy.

    Raises:
        GeneratorError: it raised (``SystemExit``, too, and ``os._exit`` raises it), took too long, or returned the
            wrong type, dtype, shape, frame count, or NaN; names the model, the clip and the condition.
        InputError: the clip could not be decoded again.
    """
    owner = f"model {name!r}, clip {clip.name!r}, condition [{condition}]"
    silent = not audio.any()

    given: Callable[[Video], Any] = _as_it_is if takes_videos else _own
    output: Any = None
    try:
        with turn_of(generator):
            for attempt in tries(generator, owner):
                inputs: tuple[Any, ...] = ()  # those of a failed try are let go of
                with attempt:
                    inputs = given(clip.video), audio.copy(), given(reference)
                    with time_limit(timeout, owner, on_give_up), guarded():
                        output = generator.generate(*inputs)
                del inputs
    except InputError:
        raise
    except TimeUpError as error:
        raise GeneratorError(str(error)) from error
    except GeneratorError as error:  # an adapter that words its own failure
        raise GeneratorError(f"{owner}: {error}") from error
    # A script that ends the process over a missing face, say, would else end it with a good status.
    except (Exception, SystemExit) as error:
        advice = f"; memory ended: {LOWER}" if is_out_of_memory(error) else ""
        if silent and re.search(r"\bnan\b", str(error), re.IGNORECASE):
            advice = NO_ZEROS
        raise GeneratorError(f"{owner}: generate() raised {type(error).__name__}: {error}{advice}") from error
    try:
        return checked_output(output, clip, owner, lent=lent)
    except GeneratorError as error:
        holes = isinstance(output, np.ndarray) and output.dtype.kind == "f" and np.isnan(output).any()
        raise GeneratorError(f"{error}{NO_ZEROS if silent and holes else ''}") from None


def _as_it_is(video: Video) -> Video:
    return video


def _own(video: Video) -> Frames:
    """All frames in an array of the model's own: one that works in place must change neither clip nor reference."""
    return video.copy() if isinstance(video, np.ndarray) else held(video)


def checked_output(output: Any, clip: Clip, owner: str, *, lent: bool = False) -> Video:
    """Return ``output``, a copy unless ``lent``, if it is a video of the clip's own shape; raise ``GeneratorError``."""
    try:
        check_video(output, owner)
    except ValueError as error:
        raise GeneratorError(f"{error} (what generate() returned)") from None
    if output.shape != clip.video.shape:
        what = "number of frames" if len(output) != len(clip.video) else "picture size"
        raise GeneratorError(
            f"{owner}: generate() returned shape {output.shape}, expected {clip.video.shape} like its input; "
            f"the {what} must not change"
        )
    if not isinstance(output, np.ndarray):
        video: Video = output
        return video
    # A model may fill the same buffer at every call; long outputs are not kept beyond being written.
    return output.copy(order="C") if output.nbytes <= HELD and not lent else np.ascontiguousarray(output)
