"""What people look at beside the numbers: filmstrips, sound and mouth opening of every trial, as small files.

Each process writes those of the trials it scores; the report looks for them when all is measured. A file says
which score it belongs to, so that pictures of another run are never shown beside these numbers.
"""

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.clips import Audio, Clip, Image, Video, digest_of, picked
from pytest_lipleak.core.conditions import Condition
from pytest_lipleak.core.errors import StoreError
from pytest_lipleak.core.names import file_stem
from pytest_lipleak.core.scores import SyncScore, TrialScore
from pytest_lipleak.core.timebase import SAMPLES_PER_FRAME
from pytest_lipleak.evaluation.make.crops import Cropper

COLUMNS = 10
"""Frames in a filmstrip, evenly spread."""

PEAKS = 3
"""How many of the windows that agree most with audio the model never heard are shown."""

WINDOW = 5
"""Frames that a sync expert sees at once."""

MIN_PEAK_DISTANCE = 10
"""Least distance between two of these windows, in frames."""

CELL = (88, 66)
"""Width and height of one picture in a strip, in pixels."""

VIEW = ((0.36, 0.78), (0.25, 0.75))
"""Rows and columns of a face crop that are shown, as shares: the mouth region with chin and cheeks."""

GAIN = 3
"""Differences are shown this much stronger than they are."""

ENVELOPE = 2
"""Values per frame of the sound's envelope."""


class Gallery:
    """A folder with the pictures of one run.

    Args:
        folder: made when the first picture comes.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add_real(self, model: str, trial: TrialScore, clip: Clip) -> None:
        """Write the sound of a real clip; raises ``StoreError`` where that cannot be."""
        path = self._entry(model, trial.clip, None)
        if not _is_of(path, trial.own):
            _write_json(path, {"of": score_digest(trial.own), "sound": envelope(clip.audio)})

    def add(
        self,
        model: str,
        trial: TrialScore,
        clip: Clip,
        generated: Callable[[], Video],
        driving: Audio | None,
        cropper: Cropper,
    ) -> None:
        """Write the filmstrips of a trial; raises ``StoreError`` where they cannot be written.

        Args:
            model: its name.
            trial: the trial, scored.
            clip: the real clip.
            generated: gives the video, uint8 RGB (T, H, W, 3).
            driving: other speech that drove the generator, or None.
            cropper: finds the face in both videos.
        """
        path = self._entry(model, trial.clip, trial.condition)
        if _is_of(path, trial.own):
            return
        output = generated()
        spread = evenly(len(output))
        unheard = trial.condition is not None and trial.condition.setup != "AM"
        peaks = peak_windows(trial.own.window_confidence) if unheard else []
        shown = [start + step for start in peaks for step in range(WINDOW)]
        views = [_views(video, cropper, [*spread, *shown]) for video in (clip.video, output)]
        files = {"strip": _sheet(*(each[: len(spread)] for each in views), group=len(spread))}
        if peaks:
            files["peaks"] = _sheet(*(each[len(spread) :] for each in views), group=WINDOW)
        for kind, data in files.items():
            _replace(path.with_suffix(f".{kind}.webp"), data)
        entry: dict[str, Any] = {"of": score_digest(trial.own), "spread": spread, "peaks": peaks}
        if driving is not None:
            entry["sound"] = envelope(driving)
        _write_json(path, entry)

    def add_opening(
        self,
        model: str,
        clip: str,
        condition: Condition,
        measure: str,
        value: float,
        output: NDArray[np.float32],
        real: NDArray[np.float32],
    ) -> None:
        """Write how far the mouth is open, frame by frame.

        Args:
            model: its name.
            clip: the clip's name.
            condition: of the trial.
            measure: a mouth measure that was taken from it.
            value: what it gave; tells the report that this is the same run.
            output: mouth aspect ratio of the generated frames, (T,), NaN without a face.
            real: of the real frames, likewise.
        """
        path = self._entry(model, clip, condition).with_suffix(".opening.json")
        values = {"output": _rounded(output), "real": _rounded(real)}
        _write_json(path, {"measure": measure, "value": value, **values})

    def _entry(self, model: str, clip: str, condition: Condition | None) -> Path:
        return self.folder / f"{trial_stem(model, clip, condition)}.json"


def trial_stem(model: str, clip: str, condition: Condition | None) -> str:
    """Return the path, below any folder of pictures or videos and without suffix, of a trial's files."""
    where = str(condition).replace(",", "-") if condition else "real"
    return f"{file_stem(model)}/{file_stem(clip)}-{where}"


def score_digest(score: SyncScore) -> str:
    """Return what tells the score of one trial from any other: 16 hex digits."""
    return digest_of(np.array(score.mean_distances))[:16]


def evenly(frames: int) -> list[int]:
    """Return the frames of a filmstrip of a video of so many."""
    return sorted({int(index) for index in np.linspace(0, frames - 1, COLUMNS).round()})


def peak_windows(confidence: Sequence[float]) -> list[int]:
    """Return the windows of highest confidence, best first, none near another; the first frame of each."""
    left = np.array(confidence, np.float64)
    found: list[int] = []
    while len(found) < PEAKS and np.isfinite(left).any():
        best = int(np.nanargmax(np.where(np.isfinite(left), left, np.nan)))
        found.append(best)
        left[max(best - MIN_PEAK_DISTANCE, 0) : best + MIN_PEAK_DISTANCE + 1] = -np.inf
    return found


def envelope(audio: Audio) -> list[int]:
    """Return the loudest sample of every half frame, in percent of full scale."""
    size = SAMPLES_PER_FRAME // ENVELOPE
    parts = np.abs(audio[: len(audio) // size * size].astype(np.int32)).reshape(-1, size)
    return [round(float(peak) / 327.68) for peak in parts.max(axis=1)]


def _views(video: Video, cropper: Cropper, wanted: Sequence[int]) -> list[Image]:
    """The mouth's surroundings in the wanted frames, each of the size ``CELL``."""
    ascending = sorted(set(wanted))
    faces: Iterable[tuple[int, Image]]
    if cropper.track is None:
        faces = zip(ascending, picked(video, ascending), strict=True)
    else:
        faces = ((index, crop) for index, crop in enumerate(cropper(video)) if index in ascending)
    cells = {index: _cell(face) for index, face in faces}
    return [cells[index] for index in wanted]


def _cell(face: Image) -> Image:
    import cv2

    rows, columns = (
        slice(round(low * size), max(round(high * size), round(low * size) + 1))
        for (low, high), size in zip(VIEW, face.shape, strict=False)
    )
    cut = np.ascontiguousarray(face[rows, columns])
    how = cv2.INTER_AREA if cut.shape[1] > CELL[0] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(cut, CELL, interpolation=how), np.uint8)


def _sheet(real: Sequence[Image], output: Sequence[Image], *, group: int) -> bytes:
    """Real over generated over difference, column by column, with a gap behind every ``group``; as WebP."""
    import cv2

    columns = []
    for index, (first, second) in enumerate(zip(real, output, strict=True)):
        difference = np.abs(first.astype(np.int16) - second).max(axis=2)
        grey = np.minimum(GAIN * difference, 255).astype(np.uint8)
        columns.append(np.concatenate([first, second, np.repeat(grey[..., None], 3, axis=2)]))
        if (index + 1) % group == 0 and index + 1 < len(real):
            columns.append(np.full((len(columns[-1]), 12, 3), 128, np.uint8))
    sheet = np.concatenate(columns, axis=1)
    done, data = cv2.imencode(".webp", sheet[..., ::-1], [cv2.IMWRITE_WEBP_QUALITY, 65])
    assert done
    return bytes(data)


def _rounded(values: NDArray[np.float32]) -> list[float | None]:
    return [round(float(value), 4) if np.isfinite(value) else None for value in values]


def _is_of(path: Path, score: SyncScore) -> bool:
    """Whether the entry is there, and of this very score."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return bool(found.get("of") == score_digest(score))


def _write_json(path: Path, data: Mapping[str, Any]) -> None:
    _replace(path, json.dumps(data, separators=(",", ":"), allow_nan=False).encode())


def _replace(path: Path, data: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(data)
        temporary.replace(path)
    except OSError as error:
        raise StoreError(
            f"picture for the HTML report {path}: cannot be written ({error.strerror or error}); free some space, name "
            "another place with --lipleak-html, or leave it out; scores and artefacts that are finished stay"
        ) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
