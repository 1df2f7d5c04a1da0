"""How far the work is, and what the model itself tells while it works."""

from collections.abc import Callable

Progress = Callable[[int, int, str], None]
"""Called with (trials done, trials wanted, what comes now)."""


class ProgressRelay:
    """Passes progress on, and adds to it what a model tells between two trials.

    Args:
        show: where progress is shown.
    """

    def __init__(self, show: Progress) -> None:
        self._show = show
        self._last = (0, 0, "")

    def __call__(self, done: int, wanted: int, what: str) -> None:
        """Show that ``done`` of ``wanted`` trials are finished and ``what`` comes now."""
        self._last = done, wanted, what
        self._show(done, wanted, what)

    def tell(self, text: str) -> None:
        """Show a line of the model behind the trial that it works on."""
        done, wanted, what = self._last
        self._show(done, wanted, f"{what}: {text}")
