"""Folders of face crops with audio -> one cache per folder, read by :mod:`research.training.data`.

    python -m research.training.prepare FOLDER CACHE [--corners FOLDER]

Each cache holds ``frames.npy`` (uint8 grey, all clips stacked: the expert's mouth window with a margin, in its pixels),
``audio.npy`` (int16 mono 16 kHz, all clips joined) and ``index.json`` (name, first frame, frame count, first sample,
sample count). The margin lets augmentation scale, turn and shift. With ``--corners`` (one ``NAME.npy`` per clip, mouth
corners (T, 2, 2) in pixels, as ``research.training.landmarks`` writes them) the region is level and centred on the
mouth; clips without corners are left out.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from pathlib import Path

import av
import cv2
import numpy as np

from pytest_lipleak.sync.mouth_window import (
    FACE_SIZE,
    MOUTH_COLUMNS,
    MOUTH_HEIGHT,
    MOUTH_ROWS,
    MOUTH_WIDTH,
    MOUTH_ZOOM,
    aligned_faces,
)

ABOVE, BELOW, BESIDE = 32, 24, 24
"""Margin around the mouth window, in its pixels; whole pixels of the face crop, so that no window changes by it."""
HEIGHT, WIDTH = ABOVE + MOUTH_HEIGHT + BELOW, MOUTH_WIDTH + 2 * BESIDE
ROWS = slice(MOUTH_ROWS.start - round(ABOVE * MOUTH_ZOOM), MOUTH_ROWS.stop + round(BELOW * MOUTH_ZOOM))
COLUMNS = slice(
    MOUTH_COLUMNS.start - round(BESIDE * MOUTH_ZOOM), MOUTH_COLUMNS.stop + round(BESIDE * MOUTH_ZOOM)
)
FPS = 25
SAMPLE_RATE = 16_000


def read_frames(path: Path) -> np.ndarray:
    """RGB frames, uint8 (T, H, W, 3), at 25 fps: other rates by the nearest earlier frame of each 40 ms tick."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_count = 1
        decoded = [
            (float(f.pts * f.time_base), f.to_ndarray(format="rgb24")) for f in container.decode(stream)
        ]
        rate = float(stream.average_rate)
    if abs(rate - FPS) < 0.01:
        return np.stack([frame for _, frame in decoded])
    times = np.array([t for t, _ in decoded]) - decoded[0][0]
    ticks = np.arange(0, times[-1] + 1 / rate, 1 / FPS)
    picks = np.clip(np.searchsorted(times, ticks + 1e-6, side="right") - 1, 0, len(decoded) - 1)
    return np.stack([decoded[i][1] for i in picks])


def read_audio(path: Path) -> np.ndarray:
    """int16 mono 16 kHz, aligned with the first video frame: early audio is cut, late audio padded in front."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        video = container.streams.video[0] if container.streams.video else None
        video_start = float((video.start_time or 0) * video.time_base) if video else 0.0
        resampler = av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)
        start, pieces = None, []
        for frame in container.decode(stream):
            if start is None:
                start = float(frame.pts * frame.time_base) if frame.pts is not None else 0.0
            pieces += [piece.to_ndarray()[0] for piece in resampler.resample(frame)]
        pieces += [piece.to_ndarray()[0] for piece in resampler.resample(None)]
    audio = np.concatenate(pieces).astype(np.int16)
    shift = round(((start or 0.0) - video_start) * SAMPLE_RATE)
    return np.pad(audio, (shift, 0)) if shift > 0 else audio[-shift:]


def grey_region(frames: Iterable[np.ndarray]) -> np.ndarray:
    """uint8 RGB face crops of any size -> uint8 grey region around the mouth, (T, 104, 112)."""
    out = []
    for frame in frames:
        if frame.shape[:2] != (FACE_SIZE, FACE_SIZE):
            frame = cv2.resize(frame, (FACE_SIZE, FACE_SIZE), interpolation=cv2.INTER_AREA)
        grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)[ROWS, COLUMNS]
        out.append(cv2.resize(grey, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA))
    return np.stack(out)


def prepare(folder: Path, cache: Path, corners: Path | None = None) -> None:
    """Decode every video of ``folder`` once into ``cache``."""
    cv2.setNumThreads(1)
    frames, audio, index = [], [], []
    frame_count = sample_count = 0
    for path in sorted(p for p in folder.rglob("*") if p.suffix in {".mp4", ".avi", ".mpg", ".mkv", ".mov"}):
        if corners is None:
            region = grey_region(read_frames(path))
        elif (corners / f"{path.stem}.npy").exists():
            region = grey_region(aligned_faces(read_frames(path), np.load(corners / f"{path.stem}.npy")))
        else:
            continue
        speech = read_audio(path)
        index.append(
            {
                "name": path.relative_to(folder).as_posix(),
                "frame": frame_count,
                "frames": len(region),
                "sample": sample_count,
                "samples": len(speech),
            }
        )
        frames.append(region)
        audio.append(speech)
        frame_count += len(region)
        sample_count += len(speech)
    cache.mkdir(parents=True, exist_ok=True)
    np.save(cache / "frames.npy", np.concatenate(frames))
    np.save(cache / "audio.npy", np.concatenate(audio))
    (cache / "index.json").write_text(json.dumps(index, indent=0))
    print(f"{len(index)} clips, {frame_count} frames, {sample_count / SAMPLE_RATE:.0f} s of audio -> {cache}")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("cache", type=Path)
    parser.add_argument("--corners", type=Path)
    arguments = parser.parse_args()
    prepare(arguments.folder, arguments.cache, arguments.corners)


if __name__ == "__main__":
    main()
