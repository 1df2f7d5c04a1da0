"""Real encoded media files of known content, in any container and codec that PyAV writes."""

from collections.abc import Container
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

LEVEL_STEP = 4
"""Brightness between one numbered frame and the next; wide enough to survive lossy codecs."""


def numbered(count: int, size: int = 32) -> np.ndarray:
    """Grey RGB frames whose brightness is their number times ``LEVEL_STEP``, starting again at 60."""
    levels = (np.arange(count) % 60 * LEVEL_STEP).astype(np.uint8)
    return np.broadcast_to(levels[:, None, None, None], (count, size, size, 3)).copy()


def numbers_in(frames: np.ndarray) -> np.ndarray:
    """Which numbered frames these are (modulo 60)."""
    return np.rint(frames.mean(axis=(1, 2, 3)) / LEVEL_STEP).astype(int)


def noisy(count: int, size: int = 64) -> np.ndarray:
    """Frames that do not compress, so that a file of them can be cut anywhere."""
    return np.random.default_rng(0).integers(0, 256, (count, size, size, 3), np.uint8)


def sine(hertz: float, seconds: float, rate: int, channels: int = 1, amplitude: float = 0.5) -> np.ndarray:
    """Int16 (channels, samples)."""
    wave = amplitude * 32767 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)
    return np.tile(np.rint(wave).astype(np.int16), (channels, 1))


def encode(
    path: Path,
    frames: np.ndarray | None = None,
    audio: np.ndarray | None = None,
    *,
    fps: Fraction | int = 25,
    codec: str = "ffv1",
    rate: int = 16_000,
    sound: str = "pcm_s16le",
    video_delay: float = 0.0,
    audio_delay: float = 0.0,
    leave_out: Container[int] = (),
    **options: str,
) -> Path:
    """Write a media file; the suffix chooses the container, delays are seconds of presentation time.

    Frames whose number is in ``leave_out`` are skipped; the others keep their time.
    """
    with av.open(str(path), "w", options=options) as container:
        video = heard = None
        if frames is not None:
            video = container.add_stream(codec, rate=fps)
            video.height, video.width = frames.shape[1:3]
            video.pix_fmt = {"ffv1": "bgr0", "mjpeg": "yuvj420p"}.get(codec, "yuv420p")
            video.bit_rate = 2_000_000
        if audio is not None:
            heard = container.add_stream(sound, rate=rate, layout="stereo" if len(audio) == 2 else "mono")
        # Interleaved as players expect it: a fifth of a second of pictures, then as much sound.
        piece, length = (
            rate // 5,
            max(
                -(-len(frames) // float(fps)) if frames is not None else 0,
                -(-audio.shape[1] // rate) if audio is not None else 0,
            ),
        )
        for tick in range(int(length) * 5):
            if video is not None and frames is not None:
                begin, end = (round(edge * Fraction(fps) / 5) for edge in (tick, tick + 1))
                for number in range(begin, min(end, len(frames))):
                    if number in leave_out:
                        continue
                    frame = av.VideoFrame.from_ndarray(frames[number], format="rgb24")
                    frame.pts, frame.time_base = number + round(video_delay * fps), 1 / Fraction(fps)
                    container.mux(video.encode(frame))
            if heard is not None and audio is not None and audio[:, tick * piece :].size:
                part = audio[:, tick * piece : (tick + 1) * piece]
                packed = np.ascontiguousarray(part.T).reshape(1, -1)
                samples = av.AudioFrame.from_ndarray(packed, format="s16", layout=heard.layout.name)
                samples.rate, samples.time_base = rate, Fraction(1, rate)
                samples.pts = tick * piece + round(audio_delay * rate)
                container.mux(heard.encode(samples))
        for stream in (video, heard):
            if stream is not None:
                container.mux(stream.encode())
    return path
