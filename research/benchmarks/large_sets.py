"""What large clip sets cost before anything is generated: opening a list or a folder, and pairing."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from pytest_lipleak.core.clips import Audio
from pytest_lipleak.media.clip_lists import ClipFile
from pytest_lipleak.media.clipsets import ClipSet, open_clips
from pytest_lipleak.plan.pairing import mismatched_pairs

LISTED, IN_FOLDER, PAIRED = 20_000, 10_000, 2_000
SAMPLES = 2 * 16_000
"""Of the speech of a clip that is paired."""


class Spoken(ClipSet):
    """Clips of noise: nothing is on disk, and nothing is decoded."""

    def __init__(self, count: int) -> None:
        super().__init__(
            [ClipFile(f"clip{number}", Path(f"clip{number}")) for number in range(count)], "noise"
        )
        drawn = np.random.default_rng(0)
        self._heard = {name: drawn.integers(-9000, 9000, SAMPLES).astype(np.int16) for name in self}

    def speech(self, name: str) -> Audio:
        """The speech of a clip."""
        return self._heard[name]


def costs(folder: Path) -> dict[str, float]:
    """CPU seconds of each step, by its name; ``folder`` must be empty."""
    files = folder / "listed"
    files.mkdir()
    names = [f"clip{number:05}.mp4" for number in range(LISTED)]
    for name in names:
        (files / name).write_bytes(b"no video: whoever decodes it fails")
    table = files / "clips.csv"
    table.write_text(
        "\n".join(["file,speaker", *(f"{name},s{place % 500}" for place, name in enumerate(names))])
    )
    found = {f"a list of {LISTED:,} clips": _taken(lambda: _all_of(open_clips(table), LISTED))}
    for name in names[IN_FOLDER:]:
        (files / name).unlink()
    table.unlink()
    found[f"a folder of {IN_FOLDER:,} clips"] = _taken(lambda: _all_of(open_clips(files), IN_FOLDER))
    spoken = Spoken(PAIRED)
    found[f"comparing the speech of {PAIRED:,} clips of 2 s"] = _taken(lambda: spoken.copies)
    found[f"pairing {PAIRED:,} clips"] = _taken(lambda: mismatched_pairs(spoken, 0))
    return found


def _all_of(clips: ClipSet, count: int) -> None:
    assert len(clips) == count


def _taken(work: Callable[[], Any]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun
