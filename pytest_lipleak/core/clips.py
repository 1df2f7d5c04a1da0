"""A clip: a real talking-face video with its own speech."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.errors import InputError
from pytest_lipleak.core.timebase import SAMPLES_PER_FRAME

Image = NDArray[np.uint8]
"""One RGB picture, shape (H, W, 3)."""

Frames = NDArray[np.uint8]
"""RGB video, shape (T, H, W, 3), 25 frames per second."""

Audio = NDArray[np.int16]
"""Mono audio, shape (N,), 16,000 samples per second."""


class Video(Protocol):
    """RGB pictures of one size, 25 per second, that can be looked through again and again.

    An array (T, H, W, 3) is one, and so is a file that is decoded anew in every pass (``StreamedVideo``). What looks
    at one picture after the other works on both, and needs no memory for a long one.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """(T, H, W, 3)."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Image]: ...


@dataclass(frozen=True, eq=False)
class StreamedVideo:
    """A video that is read anew in every pass, and never held.

    Args:
        read: begins a pass, and gives its pictures, uint8 RGB (H, W, 3).
        shape: (T, H, W, 3).

    Raises (while iterating):
        InputError: another number of pictures came than ``shape`` says, or pictures of another size.
    """

    read: Callable[[], Iterable[Image]]
    shape: tuple[int, int, int, int]

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[Image]:
        count = 0
        for image in self.read():
            count += 1
            if image.shape != self.shape[1:]:
                raise InputError(
                    f"picture {count} of a video is {image.shape[1]} x {image.shape[0]} pixels, expected "
                    f"{self.shape[2]} x {self.shape[1]} like the others"
                )
            yield image
        if count != len(self):
            raise InputError(
                f"a video of {len(self)} frames had {count} when it was read again; was it changed?"
            )


def held(video: Video) -> Frames:
    """Return a whole video as one array (T, H, W, 3): itself where it is one."""
    return video if isinstance(video, np.ndarray) else frames_at(video, range(len(video)))


def frames_at(video: Video, indices: Sequence[int]) -> Frames:
    """Return the frames at ``indices``, in any order, as a new array (N, H, W, 3); negative ones count from the end.

    Raises:
        IndexError: there is no such frame.
    """
    indices = [range(len(video))[index] for index in indices]
    if isinstance(video, np.ndarray):
        return video[indices]
    frames = np.empty((len(indices), *video.shape[1:]), np.uint8)
    places = sorted(range(len(indices)), key=indices.__getitem__)
    for place, image in zip(places, picked(video, [indices[place] for place in places]), strict=True):
        frames[place] = image
    return frames


def picked(video: Video, indices: Sequence[int]) -> Iterator[Image]:
    """Yield the frames at ``indices``, which ascend; a streamed video is read no further than needed."""
    if isinstance(video, np.ndarray):
        yield from (video[index] for index in indices)
        return
    images = enumerate(video)
    at, image = -1, None
    for index in indices:
        while at < index:
            at, image = next(images)
        assert image is not None
        yield image


def stretch(video: Video, first: int, stop: int) -> Video:
    """Return the frames from ``first`` to before ``stop`` of a video that has as many."""
    if isinstance(video, np.ndarray):
        return video[first:stop]
    if first == 0 and stop == len(video):
        return video
    _, height, width, channels = video.shape
    return StreamedVideo(lambda: islice(video, first, stop), (stop - first, height, width, channels))


@dataclass(frozen=True, eq=False)
class Clip:
    """A real talking-face video with its own speech, ready to be measured.

    Args:
        name: unique within its clip set; used in reports.
        video: uint8 RGB, shape (T, H, W, 3), 25 frames per second: an array, or streamed where it is long.
        audio: int16 mono, shape (640 T,), 16 kHz: exactly as long as the frames.
        speaker: who speaks, where known.
        notes: what was converted while reading (frame rate, sample rate, lengths).
    """

    name: str
    video: Video
    audio: Audio
    speaker: str | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_video(self.video, f"clip {self.name!r}")
        check_audio(self.audio, f"clip {self.name!r}")
        expected = len(self.video) * SAMPLES_PER_FRAME
        if len(self.audio) != expected:
            raise ValueError(
                f"clip {self.name!r}: {len(self.audio)} audio samples for {len(self.video)} frames; "
                f"expected exactly {expected}"
            )

    @property
    def frames(self) -> Frames:
        """The whole video as one array, uint8 RGB (T, H, W, 3); a long clip is decoded anew at every call."""
        return held(self.video)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over frames and audio: what the clip *is*, whatever file it came from."""
        return digest_of(self.video, self.audio)


def digest_of(*arrays: NDArray[Any] | Video) -> str:
    """Return the SHA-256 over shapes, dtypes and contents of ``arrays``, as 64 hex digits; of videos, too."""
    sha = hashlib.sha256()
    for array in arrays:
        dtype = array.dtype if isinstance(array, np.ndarray) else np.dtype(np.uint8)
        sha.update(f"{dtype.str}{array.shape}".encode())
        for part in [array] if isinstance(array, np.ndarray) else array:
            sha.update(np.ascontiguousarray(part).data)
    return sha.hexdigest()


def check_video(video: Any, owner: str) -> None:
    """Raise ``ValueError`` unless ``video`` is of shape (T, H, W, 3) with T, H, W > 0, an array also of dtype uint8."""
    if isinstance(video, StreamedVideo):
        _check_shape(video.shape, owner)
    else:
        check_frames(video, owner)


def check_frames(frames: Any, owner: str) -> None:
    """Raise ``ValueError`` unless ``frames`` is uint8 of shape (T, H, W, 3) with T, H, W > 0."""
    if not isinstance(frames, np.ndarray):
        raise ValueError(f"{owner}: frames are a {type(frames).__name__}, expected a NumPy array")
    if frames.dtype.kind == "f" and np.isnan(frames).any():
        raise ValueError(f"{owner}: frames contain NaN, expected uint8 RGB in 0..255")
    if frames.dtype != np.uint8:
        raise ValueError(
            f"{owner}: frames have dtype {frames.dtype}, expected uint8 RGB in 0..255 "
            "(scale, round and clip before returning them)"
        )
    _check_shape(frames.shape, owner)


def _check_shape(shape: tuple[int, ...], owner: str) -> None:
    if len(shape) != 4 or shape[-1] != 3 or 0 in shape:
        empty = ", none of them 0" if 0 in shape else ""
        raise ValueError(f"{owner}: frames have shape {shape}, expected (T, H, W, 3){empty}")


def check_audio(audio: Any, owner: str) -> None:
    """Raise ``ValueError`` unless ``audio`` is int16 of shape (N,)."""
    if not isinstance(audio, np.ndarray) or audio.dtype != np.int16 or audio.ndim != 1:
        got = (
            f"{audio.dtype} of shape {audio.shape}" if isinstance(audio, np.ndarray) else type(audio).__name__
        )
        raise ValueError(f"{owner}: audio is {got}, expected int16 of shape (N,), mono, 16 kHz")
