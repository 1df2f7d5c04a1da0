"""Writing clips: H.264 and FLAC in Matroska, so that the audio comes back sample by sample."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from research.rendering.speech import FRAME_RATE, SAMPLE_RATE, SAMPLES_PER_FRAME


def write_clip(path: Path, frames: Iterable[np.ndarray], audio: np.ndarray, crf: int = 20) -> None:
    """Write frames (uint8 RGB) and audio (int16, 640 samples per frame) to *path* (.mkv).

    FLAC has no encoder delay, so sample 0 is heard with frame 0.
    """
    with av.open(str(path), "w", options={"fflags": "+bitexact"}) as container:
        picture = container.add_stream("libx264", rate=FRAME_RATE)
        picture.pix_fmt = "yuv420p"
        # One thread and no version strings: the same input gives the same bytes.
        picture.options = {
            "crf": str(crf),
            "preset": "slow",
            "tune": "film",
            "threads": "1",
            "g": "50",
            "bf": "2",
        }
        picture.codec_context.flags |= av.codec.context.Flags.bitexact
        sound = container.add_stream("flac", rate=SAMPLE_RATE, layout="mono", format="s16")
        sound.options = {"compression_level": "12"}
        sound.codec_context.flags |= av.codec.context.Flags.bitexact
        count = 0
        for count, frame in enumerate(frames, 1):
            if count == 1:
                picture.height, picture.width = frame.shape[:2]
            image = av.VideoFrame.from_ndarray(frame, format="rgb24")
            image.pts, image.time_base = count - 1, Fraction(1, FRAME_RATE)
            container.mux(picture.encode(image))
        if count * SAMPLES_PER_FRAME != len(audio):
            raise ValueError(
                f"{path}: {count} frames need {count * SAMPLES_PER_FRAME} samples, got {len(audio)}"
            )
        container.mux(picture.encode(None))
        for start in range(0, len(audio), 4096):
            piece = av.AudioFrame.from_ndarray(audio[None, start : start + 4096], format="s16", layout="mono")
            piece.sample_rate, piece.pts, piece.time_base = SAMPLE_RATE, start, Fraction(1, SAMPLE_RATE)
            container.mux(sound.encode(piece))
        container.mux(sound.encode(None))


def read_clip(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Frames uint8 RGB (T, H, W, 3) and audio int16 (N,) of a clip written by :func:`write_clip`."""
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    with av.open(str(path)) as container:
        audio = [frame.to_ndarray().reshape(-1) for frame in container.decode(audio=0)]
    return np.stack(frames), np.concatenate(audio)
