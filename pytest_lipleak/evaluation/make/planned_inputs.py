"""What `lipleak export` planned for a video, and whether a finished one was made from what this run gives."""

from pytest_lipleak.core.clips import digest_of
from pytest_lipleak.core.errors import UnscorableError, WrongVideoError
from pytest_lipleak.media.finished_tables import FinishedVideo, TrialName
from pytest_lipleak.plan.trials import Trial, Trials
from pytest_lipleak.store.keys import key_of


def inputs_of(trial: Trial) -> str:
    """Return how many frames a model is given for a trial, and a hash of all, as ``lipleak export`` writes it."""
    assert trial.audio is not None
    key = key_of(clip=trial.clip.digest, audio=digest_of(trial.audio), reference=trial.reference_key)
    return f"{len(trial.clip.video)}-{key[:16]}"


class PlannedInputs:
    """Compares what a table says was given with what this run gives, each video once.

    Args:
        whole: the trials of the clips at their full length, as they were exported: an output that ends early cuts its
            clip for all that is measured of it.
    """

    def __init__(self, whole: Trials) -> None:
        self._whole = whole
        self._right: set[TrialName] = set()

    def leave_open(self, name: TrialName) -> None:
        """Ask no more what a video was made from: only its pictures are looked at."""
        self._right.add(name)

    def check(self, name: TrialName, row: FinishedVideo, trial: Trial) -> None:
        """Refuse a video that was made from something else.

        Args:
            name: of the trial.
            row: of a video that was planned.
            trial: what this run gives.

        Raises:
            UnscorableError: it is a probe's, and its clip was cut.
            WrongVideoError: it was made from other inputs.
        """
        if name in self._right:
            return
        frames = row.inputs.partition("-")[0]
        if frames != str(len(trial.clip.video)):
            if name.probe:
                raise UnscorableError(
                    f"{row.name}: made from {frames} frames, and {len(trial.clip.video)} of the clip are left, "
                    "for another video of it ends there: nothing can be said of a probe"
                )
            trial = self._whole.of(trial.clip.name, name.condition)
        if row.inputs != (here := inputs_of(trial)):
            raise WrongVideoError(
                f"{row.where}: {row.name} was made from other inputs ({row.inputs}) than this run gives for "
                f"{name} ({here}); judge with the clips, seed, silence, AR strategy and version that `lipleak export` "
                "was run with, or export again"
            )
        self._right.add(name)
