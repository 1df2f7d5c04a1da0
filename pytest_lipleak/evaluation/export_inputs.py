"""What a model would be given, as files: for videos that are made elsewhere and judged when they are finished."""

import csv
import os
import platform
import wave
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pytest_lipleak.core.clips import Audio, StreamedVideo, Video
from pytest_lipleak.core.conditions import SETUPS, Condition, Reference
from pytest_lipleak.core.errors import StoreError
from pytest_lipleak.core.metrics.formulas import Metric
from pytest_lipleak.core.names import file_stem
from pytest_lipleak.core.timebase import SAMPLE_RATE
from pytest_lipleak.evaluation.evaluation import Evaluation
from pytest_lipleak.evaluation.make.planned_inputs import inputs_of
from pytest_lipleak.media.finished_tables import MANIFEST
from pytest_lipleak.media.video import write_video
from pytest_lipleak.plan.few_speeches import few_speeches
from pytest_lipleak.plan.trials import Trial

COLUMNS = (
    "output", "video", "audio", "reference_video", "source", "clip", "setup", "reference", "probe", "speaker", "text",
    "inputs",
)  # fmt: skip
"""Of the manifest. Shell scripts read the first four; what may hold a comma comes later."""

ASIDE = "tmp-{}-"
"""What names of files begin with that are not yet whole: the machine, then the number of the process that writes."""

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Exported:
    """What was written.

    Args:
        videos: how many videos a model is to make.
        probes: how many of them are probes.
        refused: clips that cannot be judged, so that nothing is to be made of them, and why.
        few: what cannot be told of any model on so few speeches, or None.
    """

    videos: int
    probes: int
    refused: dict[str, str]
    few: str | None


def export(
    evaluation: Evaluation,
    folder: Path,
    references: Sequence[Reference],
    probes: Iterable[Metric],
    progress: Progress,
) -> Exported:
    """Write inputs and manifest; what an earlier call wrote whole stays.

    Args:
        evaluation: of no model: its clips and its choices count.
        folder: to write to.
        references: with which videos are to be made.
        probes: metrics whose videos are wanted, too.
        progress: told about every video.

    Raises:
        StoreError: the folder cannot be written to.
        InputError: a clip cannot be read.
    """
    files = _Files(folder)
    files.clear()
    names = evaluation.corpus.provenance.clip_names
    conditions = [Condition(setup, reference) for reference in references for setup in SETUPS]
    rows: list[dict[str, str]] = []
    for done, name in enumerate(names):
        progress(done * len(conditions), len(names) * len(conditions), f"what is made of {name}")
        rows += [
            _row(evaluation, files, trial)
            for cell in conditions
            for trial in evaluation.trials_of(name, cell)
        ]
    regular = len(rows)
    wanted = [metric for metric in probes if metric.conditions[-1].reference in references]
    for metric in wanted:
        probed = evaluation.corpus.provenance.clips_of(metric)
        for trial in evaluation.probe_trials(metric):
            progress(probed.index(trial.real.name), len(probed), f"what is probed for {metric.name}")
            rows.append(_row(evaluation, files, trial))
    # Probes of one condition share the videos that they are compared with.
    rows = [*{row["output"]: row for row in rows}.values()]
    progress(len(rows), len(rows), "")
    with files.written(folder / MANIFEST) as path, path.open("w", encoding="utf-8", newline="") as file:
        # A carriage return would be part of what a shell script reads last.
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    refused = {entry.clip: entry.reason for entry in evaluation.corpus.unscored.values()}
    few = few_speeches(evaluation.clips, evaluation.corpus.provenance.partners)
    return Exported(len(rows), len(rows) - regular, refused, few)


def _row(evaluation: Evaluation, files: "_Files", trial: Trial) -> dict[str, str]:
    """Write what one video is made from; return its row."""
    assert trial.condition is not None
    assert trial.audio is not None
    name, condition, real = trial.real.name, trial.condition, trial.real
    stem = file_stem(name)
    clip = evaluation.clips.files[name]
    setup = condition.setup
    source = files.video(f"sources/{stem}.mkv", real.video, real.audio)
    drives = f"{setup}{condition.partner + 1 if condition.partner else ''}"
    sound = files.audio(f"audio/{stem}_{drives}.wav", trial.audio)
    changed = f"probes/{stem}_{condition.setup}_{condition.reference}_{trial.probe}"
    edited = source if trial.original is None else files.video(f"{changed}.mkv", trial.clip.video)
    of_edited = trial.original is not None and not isinstance(trial.reference, np.ndarray | StreamedVideo)
    if of_edited and condition.reference is Reference.CR:
        reference = edited
    elif of_edited or (isinstance(trial.reference, np.ndarray | StreamedVideo) and trial.original is None):
        reference = files.video(f"{changed}_reference.mkv", trial.reference_video)
    elif condition.reference is Reference.AR:
        reference = files.video(f"references/{stem}_AR.mkv", trial.reference_video)
    else:
        # The clip itself, also where a probe changes the input frames: the reference stays.
        reference = source
    where = f"{drives}_{condition.reference}{f'_{trial.probe}' if trial.probe else ''}"
    # What drove it is the clip's own to the sample; other speech is heard in its file.
    return {
        "output": f"outputs/{where}/{stem}.mp4",
        "video": edited,
        "audio": sound,
        "reference_video": reference,
        "source": source,
        "clip": name,
        "setup": str(setup),
        "reference": str(condition.reference),
        "probe": trial.probe,
        "speaker": clip.speaker or "",
        "text": clip.text or "",
        "inputs": inputs_of(trial),
    }


class _Files:
    """Writes files below a folder, each once, and whole or not at all.

    Args:
        folder: created when needed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._there: set[str] = set()

    def clear(self) -> None:
        """Remove what was half written when an export on this machine was killed; of others nobody here knows."""
        from psutil import pid_exists

        ours = ASIDE.format(platform.node())
        for path in self._folder.glob(f"**/{ours}*"):
            number = path.name.removeprefix(ours).partition("-")[0]
            if number.isdecimal() and not pid_exists(int(number)):
                path.unlink(missing_ok=True)

    def video(self, name: str, video: Video, audio: Audio | None = None) -> str:
        """Write a video without loss; return its name."""
        return self._once(name, lambda path: write_video(path, video, audio))

    def audio(self, name: str, audio: Audio) -> str:
        """Write sound, 16 kHz mono, as WAV; return its name."""

        def write(path: Path) -> None:
            with wave.open(str(path), "wb") as file:
                file.setnchannels(1)
                file.setsampwidth(2)
                file.setframerate(SAMPLE_RATE)
                file.writeframes(audio.astype("<i2").tobytes())

        return self._once(name, write)

    def _once(self, name: str, write: Callable[[Path], None]) -> str:
        if name not in self._there and not (self._folder / name).exists():
            with self.written(self._folder / name) as path:
                write(path)
        self._there.add(name)
        return name

    @contextmanager
    def written(self, path: Path) -> Iterator[Path]:
        """Give a path to write to, which becomes ``path`` when all is written."""
        aside = path.with_name(f"{ASIDE.format(platform.node())}{os.getpid()}-{path.name}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            yield aside
            aside.replace(path)
        except OSError as error:
            raise StoreError(
                f"export {path}: cannot be written ({error.strerror or error}); free some space or name another folder"
            ) from error
        finally:
            with suppress(OSError):
                aside.unlink(missing_ok=True)
