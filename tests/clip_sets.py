"""Small clip sets for the evaluation's tests: some without any file, some of tiny real videos."""

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from pytest_lipleak.core.clips import Audio
from pytest_lipleak.evaluation.make.this_process import Files, ThisProcess
from pytest_lipleak.media.clipsets import ClipFile, ClipSet
from pytest_lipleak.media.video import write_video


class SpokenSet(ClipSet):
    """A clip set of speeches alone: nothing is on disk, so frames cannot be asked for."""

    def __init__(
        self, speeches: Mapping[str, Audio], speakers: Mapping[str, str | None] | None = None
    ) -> None:
        known = speakers or {}
        super().__init__(
            [ClipFile(name, Path(name), speaker=known.get(name)) for name in speeches], "the set"
        )
        self.speeches = speeches

    def speech(self, name: str) -> Audio:
        return self.speeches[name]


def coded(levels: np.ndarray, size: int = 16) -> np.ndarray:
    """Frames whose upper half is as bright as the level of their moment, uint8 (T, size, size, 3).

    The lower half differs from it by 128: pictures of one colour are judged for no leak.
    """
    frames = np.broadcast_to(np.uint8(levels)[:, None, None, None], (len(levels), size, size, 3)).copy()
    frames[:, size // 2 :] += np.uint8(128)
    return frames


def spoken(levels: np.ndarray) -> np.ndarray:
    """Audio whose samples are a hundred times the level of their moment, int16 (640 T,)."""
    return np.repeat(np.int16(levels) * 100, 640)


def levels_of_frames(frames: np.ndarray) -> np.ndarray:
    return np.asarray(frames)[:, 0, 0, 0].astype(np.float32)


def levels_of_audio(audio: np.ndarray) -> np.ndarray:
    return audio[::640].astype(np.float32) / 100


def random_levels(seed: int, count: int = 30) -> np.ndarray:
    return np.random.default_rng(seed).integers(1, 250, count)


def write_clips(folder: Path, levels: Mapping[str, np.ndarray], speaker: str | None = None) -> ClipSet:
    """Write one tiny lossless video per clip; pictures and sound say the same."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for name, values in levels.items():
        path = folder / f"{name}.mkv"
        write_video(path, coded(values), spoken(values))
        files.append(ClipFile(name, path, speaker=speaker))
    return ClipSet(files, "coded clips")


def grouped(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options of an ``Evaluation`` in its groups: those of the process, those of files, the rest as they are."""
    kinds = {"process": ThisProcess, "files": Files}
    names = {kind: {each.name for each in fields(kinds[kind])} & options.keys() for kind in kinds}
    groups = {kind: kinds[kind](**{name: options[name] for name in names[kind]}) for kind in kinds}
    rest = options.keys() - names["process"] - names["files"]
    return groups | {name: options[name] for name in rest}
