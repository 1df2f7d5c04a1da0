"""Mouth corners and tracked face crops, through the package's own face room.

    python -m research.training.landmarks SHARED/talkers WORK/corners --weights FOLDER             # NAME.npy
    python -m research.training.landmarks SHARED/clips WORK/clips --tracked --weights FOLDER       # NAME.npz

The first form takes face crops and writes the mouth corners (T, 2, 2). The second takes video in the wild and writes
what :mod:`research.training.evaluate` reads: ``crops`` (160x160), ``corners``, ``frames`` they refer to, ``audio``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from pytest_lipleak.core.errors import UnscorableError
from pytest_lipleak.faces.landmarks import FaceLandmarker, steady_corners
from pytest_lipleak.faces.tracking import crop, track
from pytest_lipleak.media.audio import read_audio
from pytest_lipleak.media.video import read_video


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--weights", type=Path, help="folder with face_landmarker.task")
    parser.add_argument("--tracked", action="store_true")
    a = parser.parse_args()
    a.out.mkdir(parents=True, exist_ok=True)
    for path in sorted(p for p in a.folder.iterdir() if p.suffix in {".mp4", ".avi", ".mpg", ".mkv"}):
        frames = read_video(path).frames
        landmarker = FaceLandmarker(a.weights)
        if not a.tracked:
            corners = steady_corners(landmarker.landmarks(frames))
            if corners is not None:
                np.save(a.out / f"{path.stem}.npy", corners)
            continue
        try:
            face = track(frames, weights=a.weights)
        except UnscorableError as reason:
            print(f"{path.name}: {reason}")
            continue
        crops = crop(frames, face, 160)
        corners = steady_corners(landmarker.landmarks(frames, face.boxes))
        audio = read_audio(path)[0]
        np.savez(a.out / f"{path.stem}.npz", crops=crops, corners=corners, frames=frames, audio=audio)


if __name__ == "__main__":
    main()
