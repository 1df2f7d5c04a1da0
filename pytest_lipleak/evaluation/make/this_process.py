"""This process within its run, and the files that its networks come from and its videos go to."""

from dataclasses import dataclass
from pathlib import Path

from pytest_lipleak.evaluation.make.gallery import Gallery
from pytest_lipleak.evaluation.make.progress_relay import Progress
from pytest_lipleak.generators.call_guard import OnGiveUp, to_stderr


def _unseen(done: int, wanted: int, what: str) -> None:
    """Show nothing."""


@dataclass(frozen=True)
class ThisProcess:
    """This process within its run.

    Args:
        run: identifies the run; models without a fingerprint are reused only within it.
        device: where networks run.
        start_share: where in the work to begin, in 0..1, so that parallel workers spread out.
        timeout: seconds that the model may take for one trial, or None.
        on_give_up: told why the process ends when the model hangs and cannot be interrupted.
        progress: told about every trial.
    """

    run: str = ""
    device: str = "cpu"
    start_share: float = 0.0
    timeout: float | None = None
    on_give_up: OnGiveUp = to_stderr
    progress: Progress = _unseen


@dataclass(frozen=True)
class Files:
    """Files that an evaluation reads beside clips and model, and that it writes beside its store.

    Args:
        weights: folder of model files, or None for the download folder.
        arcface: an ArcFace ONNX file of the user's own, or None.
        dose: a dose curve of these clips (``lipleak calibrate``); None takes the shipped one where it fits.
        keep: folder for videos that people can play, generated and real, or None.
        gallery: where the pictures of a report are written, or None.
    """

    weights: Path | None = None
    arcface: Path | None = None
    dose: Path | None = None
    keep: Path | None = None
    gallery: Gallery | None = None
