"""Decoded pictures as people see them: RGB, upright, with square pixels."""

import math
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_lipleak.core.clips import Image
from pytest_lipleak.core.errors import InputError
from pytest_lipleak.media.clip_bounds import check_picture_size

if TYPE_CHECKING:
    from av import VideoFrame

SQUARE = 0.01
"""Pixels up to this much wider or higher than square stay as they are: encoders round."""

MOST_STRETCHED = 4
"""Pixels are at most so many times as wide as high, or as high as wide; more is a broken header."""

MOST_WARM = 30_000_000
"""Bytes that are kept for the next pictures at most."""

LEANING = math.radians(1)
"""How far a display matrix may be from a quarter turn; FFmpeg's own slack."""


class Upright:
    """Converts the pictures of one pass through one conversion context, in one thread.

    Args:
        path: the file, for errors.
        pixel_aspect: width of a stored pixel by its height; None where unknown.

    Calling it with a decoded frame gives uint8 RGB (H, W, 3): stretched to square pixels, then turned and mirrored
    as its display matrix says, as players do. ``notes`` says what was done.

    Raises (when called):
        InputError: pictures above the limit, of another size or orientation than the first, or turned by something
            else than quarter turns.
    """

    def __init__(self, path: Path, pixel_aspect: Fraction | None) -> None:
        from av.video.reformatter import VideoReformatter

        self.notes: tuple[str, ...] = ()
        self._path = path
        self._aspect = pixel_aspect
        self._reformatter = VideoReformatter()
        self._first: tuple[int, int, int] | None = None
        self._size: tuple[int, int] | None = None
        self._turn = (1, 0, 0, 1)

    def __call__(self, frame: "VideoFrame") -> Image:
        """Return the picture, uint8 RGB (H, W, 3)."""
        self._check(frame)
        width, height = self._size or (frame.width, frame.height)
        converted = self._reformatter.reformat(frame, width=width, height=height, format="rgb24", threads=1)
        return turned(np.asarray(converted.to_ndarray(), np.uint8), self._turn)

    def _check(self, frame: "VideoFrame") -> None:
        shape = frame.width, frame.height, frame.rotation
        if shape == self._first:
            return
        if self._first is not None:
            what = "frame size" if shape[:2] != self._first[:2] else "orientation"
            raise InputError(
                f"{self._path}: the {what} changes within the video; cut it into clips of one {what.split()[-1]}"
            )
        self._first = shape
        # Asked of the first frame alone: PyAV then keeps a frame alive until garbage is collected.
        self._turn = self._quarter_turn(_display_matrix(frame))
        stretched = square_size(frame.width, frame.height, self._aspect)
        check_picture_size(self._path, *(stretched or (frame.width, frame.height)))
        self._size = stretched
        keep_warm(3 * frame.width * frame.height)
        self.notes = tuple(self._described(frame))

    def _quarter_turn(self, matrix: bytes) -> tuple[int, int, int, int]:
        if len(matrix) < 36:
            return 1, 0, 0, 1
        a, b, _, c, d = (int(value) for value in np.frombuffer(matrix, "<i4")[:5])
        if not (a or b) or not (c or d):
            return 1, 0, 0, 1
        angles = math.atan2(b, a), math.atan2(d, c)
        quarters = [round(angle / (math.pi / 2)) for angle in angles]
        if any(abs(x - q * math.pi / 2) > LEANING for x, q in zip(angles, quarters, strict=True)) or not (
            (quarters[0] - quarters[1]) % 2
        ):
            raise InputError(
                f"{self._path}: its display matrix turns the picture by {math.degrees(angles[0]):.1f} degrees, "
                "expected 0, 90, 180 or 270, mirrored or not; turn the video itself, and clear the matrix"
            )
        a, b = ((1, 0), (0, 1), (-1, 0), (0, -1))[quarters[0] % 4]
        c, d = ((1, 0), (0, 1), (-1, 0), (0, -1))[quarters[1] % 4]
        return a, b, c, d

    def _described(self, frame: "VideoFrame") -> list[str]:
        notes = []
        if self._size:
            width, height = self._size
            notes.append(
                f"pixels of {self._aspect} made square ({frame.width}x{frame.height} to {width}x{height})"
            )
        a, b, c, d = self._turn
        if self._turn != (1, 0, 0, 1):
            mirrored = a * d - b * c < 0
            degrees = {(1, 0): 0, (0, 1): 90, (-1, 0): 180, (0, -1): 270}[(-a, -b) if mirrored else (a, b)]
            turns = [f"turned by {degrees} degrees clockwise"] if degrees else []
            how = ["mirrored"] * mirrored + turns
            notes.append(f"picture {' and '.join(how)}, as its display matrix says")
        return notes


def keep_warm(size: int) -> None:
    """Let memory of so many bytes a picture be used again by the next ones.

    The C library (glibc) gives large pieces back to the system as soon as they are free, and gets new pages for every
    picture, which takes as long as decoding it: at 512 x 512, 0.4 of 0.95 ms. What it keeps follows the largest piece
    that it has given back, up to 32 MB: this is one, of which no page is ever touched.
    """
    np.empty(min(8 * size, MOST_WARM), np.uint8)


def square_size(width: int, height: int, pixel_aspect: Fraction | None) -> tuple[int, int] | None:
    """The size of a picture with square pixels, or None where they are.

    The shorter side of a pixel grows, so that no detail is lost.
    """
    aspect = float(pixel_aspect or 1)
    if abs(aspect - 1) <= SQUARE or not 1 / MOST_STRETCHED <= aspect <= MOST_STRETCHED:
        return None
    return (round(width * aspect), height) if aspect > 1 else (width, round(height / aspect))


def _display_matrix(frame: "VideoFrame") -> bytes:
    side_data: Any = frame.side_data
    try:
        return bytes(side_data["DISPLAYMATRIX"])
    except KeyError:
        return b""


def turned(image: Image, turn: tuple[int, int, int, int]) -> Image:
    """Return a picture (H, W, 3) whose pixel at (x, y) goes to (a x + c y, b x + d y), moved back into the frame.

    Args:
        image: uint8 RGB.
        turn: (a, b, c, d), a signed permutation: the first two columns of FFmpeg's display matrix.
    """
    a, b, c, d = turn
    if turn == (1, 0, 0, 1):
        return image
    if b:
        image = image.transpose(1, 0, 2)
    along_x, along_y = (c, b) if b else (a, d)
    return np.ascontiguousarray(image[::along_y, ::along_x])
