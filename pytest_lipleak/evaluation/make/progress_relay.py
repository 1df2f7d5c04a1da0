"""How far the work is, and what the model itself tells while it works."""

from collections.abc import Callable, Mapping

from pytest_lipleak.evaluation.make.costs import longest

Progress = Callable[[int, int, str], None]
"""Called with (trials done, trials wanted, what comes now)."""


class ProgressRelay:
    """Passes progress on, and adds to it where the time goes, and what a model tells between two trials.

    Args:
        show: where progress is shown.
        spent: seconds by stage so far, see ``costs.Stopwatch``.
    """

    def __init__(self, show: Progress, spent: Mapping[str, float]) -> None:
        self._show = show
        self._spent = spent
        self._last = (0, 0, "")

    def __call__(self, done: int, wanted: int, what: str) -> None:
        """Show that ``done`` of ``wanted`` trials are finished and ``what`` comes now."""
        self._last = done, wanted, what
        stage = longest(self._spent)
        self._show(done, wanted, f"{what} (mostly {stage})" if stage and what else what)

    def tell(self, text: str) -> None:
        """Show a line of the model behind the trial that it works on."""
        done, wanted, what = self._last
        self._show(done, wanted, f"{what}: {text}")
