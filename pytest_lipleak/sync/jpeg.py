"""The JPEG step of the ``lrs`` protocol: frames pass through ffmpeg's MJPEG encoder, as in the reference.

The reference code extracts frames with ``ffmpeg -i clip -threads 1 -f image2 %06d.jpg``, at the
encoder's default rate control (200 kbit/s), so quality falls to 27-32 dB within about 25 frames. The
same libavcodec encoder is used here through PyAV, with the same settings. One thread matters: frame
threading, PyAV's default, gives every thread a rate control of its own and 30 % larger frames.
"""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any

import numpy as np

from pytest_lipleak.core.clips import Image
from pytest_lipleak.core.timebase import FRAME_RATE

BIT_RATE = 200_000
"""ffmpeg's default when neither a bit rate nor a quality is asked for."""

TOLERANCE = 4_000_000
"""libavcodec's default bit-rate tolerance, which PyAV overrides."""


def encoder() -> str:
    """The encoder in words; its version decides the bytes."""
    import av

    return f"PyAV {av.__version__}, libavcodec {'.'.join(map(str, av.library_versions['libavcodec']))}"


def jpeg_frames(frames: Iterable[Image]) -> Iterator[Image]:
    """Yield every RGB frame (H, W, 3) as the reference's JPEG files show it, one after the other.

    Frames influence each other through the encoder's rate control, so pass a whole clip from its start.
    """
    import av
    import cv2

    encoder: Any = None
    for index, image in enumerate(frames):
        height, width = image.shape[:2]
        planes = _yuv420(image)
        if encoder is None:
            encoder = av.CodecContext.create("mjpeg", "w")
            encoder.height, encoder.width = len(planes) * 2 // 3, planes.shape[1]
            encoder.pix_fmt = "yuvj420p"
            encoder.time_base, encoder.framerate = Fraction(1, FRAME_RATE), Fraction(FRAME_RATE)
            encoder.bit_rate, encoder.bit_rate_tolerance = BIT_RATE, TOLERANCE
            encoder.thread_count = 1
        frame = av.VideoFrame.from_ndarray(planes, format="yuvj420p")
        frame.pts = index
        for packet in encoder.encode(frame):
            decoded = cv2.imdecode(np.frombuffer(bytes(packet), np.uint8), cv2.IMREAD_COLOR)
            yield np.asarray(decoded, np.uint8)[:height, :width, ::-1]


def _yuv420(image: Image) -> Image:
    """Planar full-range YUV with halved chroma, shape (H * 3 / 2, W), odd sizes padded by their edge.

    By OpenCV, which rounds; swscale's default conversion truncates and darkens by about one level,
    which alone moves LSE-D by 0.5 %.
    """
    import cv2

    height, width = image.shape[:2]
    if height % 2 or width % 2:
        image = np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        height, width = image.shape[:2]
    luma, red, blue = cv2.split(cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2YCrCb))
    half = (width // 2, height // 2)
    chroma = [cv2.resize(plane, half, interpolation=cv2.INTER_AREA).ravel() for plane in (blue, red)]
    return np.concatenate([luma.ravel(), *chroma]).reshape(height * 3 // 2, width)
