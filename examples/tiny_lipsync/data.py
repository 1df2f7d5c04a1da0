"""Folders of face-centred clips with speech, as the network trains on them.

    python examples/tiny_lipsync/data.py FOLDER CACHE.npz [--split FILE.csv] [--leave-out-fold 2] [--most 150]

Decodes a folder once. ``--split`` names a table as in ``research/training/splits``: clips with ``train`` 0 are left
out, and with ``--leave-out-fold`` all clips of these people.
"""

import argparse
import csv
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tiny_lipsync import CROPS, SAMPLES_PER_FRAME, SIZE

from pytest_lipleak import FaceCrops
from pytest_lipleak.faces.centred import mouth_darkness
from pytest_lipleak.generators.facecrops import cut
from pytest_lipleak.media.clipsets import open_clips

APART = 5
"""AR: the reference lies at least this many frames away, or its mouth would still be the same."""


@dataclass(frozen=True)
class Talk:
    """One clip.

    Args:
        faces: uint8 RGB, (T, 72, 72, 3).
        audio: int16 mono, 16 kHz, (640 T,).
        closed: the frame whose mouth is closed most.
    """

    faces: NDArray[np.uint8]
    audio: NDArray[np.int16]
    closed: int


def reference_frame(talk: Talk, start: int, stop: int, kind: str, random: np.random.Generator) -> slice | int:
    """Which frames of the clip the network may look at while it paints ``start`` to ``stop``."""
    if kind == "CR":
        return slice(start, stop)
    if kind == "silent":
        return talk.closed
    places = np.arange(len(talk.faces))
    return int(random.choice(places[(places < start - APART) | (places >= stop + APART)]))


def prepare(folder: Path, cache: Path, names: set[str] | None, most: int, late: dict[str, float]) -> None:
    """Decode up to ``most`` clips, the same ones in every run, into one file."""
    clips = open_clips(str(folder))
    known = sorted(n for n in clips if names is None or clips.files[n].video.name in names)
    chosen = np.random.default_rng(0).permutation(len(known))[:most]
    arrays: dict[str, NDArray] = {}
    for name in (known[i] for i in sorted(chosen)):
        clip = clips[name]
        crops = FaceCrops(lambda faces, audio, reference: faces, **CROPS)
        faces = cut(clip.frames, crops.boxes(clip.frames), SIZE)
        audio = moved(clip.audio, late.get(clips.files[name].video.name, 0.0))
        arrays |= {
            f"{name}/faces": faces,
            f"{name}/audio": audio,
            f"{name}/closed": np.array(mouth_darkness(clip.frames).argmin()),
        }
    np.savez(cache, **arrays)
    print(f"{len(arrays) // 3} clips of {folder} -> {cache}")


def moved(audio: NDArray[np.int16], frames: float) -> NDArray[np.int16]:
    """Audio moved earlier by ``frames`` video frames, of the same length."""
    samples = round(frames * SAMPLES_PER_FRAME)
    return np.pad(audio[max(samples, 0) : len(audio) + min(samples, 0)], (max(-samples, 0), max(samples, 0)))


def load(cache: Path) -> list[Talk]:
    """Clips of a file that ``prepare`` wrote."""
    with np.load(cache) as arrays:
        names = sorted(key.removesuffix("/faces") for key in arrays if key.endswith("/faces"))
        return [Talk(arrays[f"{n}/faces"], arrays[f"{n}/audio"], int(arrays[f"{n}/closed"])) for n in names]


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("cache", type=Path)
    parser.add_argument("--split", type=Path)
    parser.add_argument("--leave-out-fold")
    parser.add_argument("--most", type=int, default=150)
    parser.add_argument(
        "--late", type=Path, help="offsets.json of research.training.realign: frames of late audio"
    )
    a = parser.parse_args()
    names = None
    if a.split:
        rows = [r for r in csv.DictReader(a.split.open()) if r["train"] == "1"]
        names = {r["file"] for r in rows if a.leave_out_fold is None or r["fold"] != a.leave_out_fold}
    late = json.loads(a.late.read_text()) if a.late else {}
    if a.late and names:
        names &= set(late)
    prepare(a.folder, a.cache, names, a.most, late)


if __name__ == "__main__":
    main()
