"""Do finished videos belong to their clips? Each is laid on its clip, and nothing is measured."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

from pytest_lipleak.core.errors import LipleakError
from pytest_lipleak.evaluation.checks.model import FIX, LOOK, OK, Finding
from pytest_lipleak.evaluation.evaluation import Evaluation
from pytest_lipleak.evaluation.make.finished_videos import FinishedOutputs
from pytest_lipleak.generators.finished_model import FinishedVideos


def look_over(
    evaluation: Evaluation, finished: FinishedVideos, tell: Callable[[int, int, str], None]
) -> list[Finding]:
    """Return what is found of every video of a table, and of the faces in its sources; what videos of probes were made
    from is compared when they are judged.

    Args:
        evaluation: of the videos.
        finished: they.
        tell: is told how many of how many were looked at, and which comes now.
    """
    videos = evaluation.artefacts.videos
    assert isinstance(videos, FinishedOutputs)
    trials = [*finished.trials]
    found = []
    for done, trial in enumerate(trials):
        name = finished.trials[trial].name
        tell(done, len(trials), name)
        try:
            usual = evaluation.trial(trial.clip, trial.condition)
            notes = videos.looked_at(usual, trial.probe) if trial.probe else videos.notes(usual)
        except LipleakError as error:
            found.append(Finding(name, FIX, str(error)))
        else:
            found.append(Finding(name, LOOK if notes else OK, "; ".join(notes) or f"lies on {trial}"))
    tell(len(trials), len(trials), "")
    return [*found, *_sources(evaluation, dict.fromkeys(trial.clip for trial in trials))]


def _sources(evaluation: Evaluation, clips: Iterable[str]) -> Iterator[Finding]:
    """Yield what must be known of the faces in real clips: several, or one that is not seen throughout."""
    for name in clips:
        with suppress(LipleakError):  # said of its outputs
            if notes := evaluation.artefacts.cropper(evaluation.clips[name]).notes:
                which = (
                    "; the column 'source_box' names another"
                    if any("faces last" in note for note in notes)
                    else ""
                )
                yield Finding(name, LOOK, "; ".join(notes) + which)
