"""What large clip sets cost before anything is generated: opening a list or a folder, and pairing."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from pytest_lipleak.core.clips import Audio
from pytest_lipleak.core.conditions import CONDITIONS
from pytest_lipleak.evaluation.evaluation import Evaluation, Plan
from pytest_lipleak.generators.registry import load_model
from pytest_lipleak.media.clip_lists import ClipFile
from pytest_lipleak.media.clipsets import ClipSet, open_clips
from pytest_lipleak.plan.pairing import mismatched_pairs
from pytest_lipleak.store.store import Store
from pytest_lipleak.sync.experts import load_expert
from pytest_lipleak.sync.protocols import Protocol

LISTED, IN_FOLDER, PAIRED = 20_000, 10_000, 2_000
STARTED = (1_000, 4_000, 10_000)
"""Clips of the sets that an evaluation is started with."""
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
    files, table = _listed(folder, LISTED)
    found = {f"a list of {LISTED:,} clips": _taken(lambda: _all_of(open_clips(table), LISTED))}
    for place in range(IN_FOLDER, LISTED):
        (files / _name(place)).unlink()
    table.unlink()
    found[f"a folder of {IN_FOLDER:,} clips"] = _taken(lambda: _all_of(open_clips(files), IN_FOLDER))
    spoken = Spoken(PAIRED)
    found[f"comparing the speech of {PAIRED:,} clips of 2 s"] = _taken(lambda: spoken.copies)
    found[f"pairing {PAIRED:,} clips"] = _taken(lambda: mismatched_pairs(spoken, 0))
    return found


def started(folder: Path, clips: int) -> None:
    """Start to evaluate the demo on so many clips, up to the first that is decoded: its conditions are planned for all.

    ``folder`` must be empty.
    """
    _, table = _listed(folder, clips)
    opened = open_clips(table)
    model, expert = load_model("demo"), load_expert("embedded")
    evaluation = Evaluation(
        opened, model, expert, Plan(Protocol.DIRECT), Store(folder / "store", passing=True)
    )
    asked = [
        (name, condition) for name in evaluation.corpus.provenance.clip_names for condition in CONDITIONS
    ]
    assert len(asked) == clips * len(CONDITIONS)


def _listed(folder: Path, count: int) -> tuple[Path, Path]:
    """Write a list of clips that nobody can decode; return their folder, and the list."""
    files = folder / "listed"
    files.mkdir()
    for place in range(count):
        (files / _name(place)).write_bytes(b"no video: whoever decodes it fails")
    table = files / "clips.csv"
    table.write_text(
        "\n".join(["file,speaker", *(f"{_name(place)},s{place % 500}" for place in range(count))])
    )
    return files, table


def _name(place: int) -> str:
    return f"clip{place:05}.mp4"


def _all_of(clips: ClipSet, count: int) -> None:
    assert len(clips) == count


def _taken(work: Callable[[], Any]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun
