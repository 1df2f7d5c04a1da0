"""The tests that judge: which were collected, and what became of them."""

from typing import TYPE_CHECKING

import pytest

from pytest_lipleak.pytest_plugin.xdist import Collected

if TYPE_CHECKING:
    from pytest_lipleak.verdicts.endings import RunEnd

NOT_STARTED = "the run ended before any test"

_LAST_FAILED = "lfplugin-collskip"
"""Under this name pytest registers what keeps ``--lf`` from collecting tests that passed, once it does so."""


def left_out_by_last_failed(config: pytest.Config) -> bool:
    """Whether ``--lf`` kept tests from being collected: pytest reports these to nobody as deselected."""
    return config.pluginmanager.has_plugin(_LAST_FAILED)


class JudgingTests:
    """What became of the tests that judge, in all processes of a run."""

    def __init__(self) -> None:
        self.are_asked_for = False
        """Whether the command line asks for gates; before collection nobody knows more."""
        self.are_collected = False
        self.collected: dict[str, None] = {}
        """Their node ids."""
        self.deselected = 0
        """How many of them the user left out."""
        self.only_last_failed = False
        """Whether ``--lf`` left out, before they were collected, tests of which nobody knows whether they judge."""
        self.failed: dict[str, bool] = {}
        """Node ids of failed tests that measure leakage, and whether a limit that each judged itself is not kept."""
        self.causes: dict[str, str] = {}
        """Node ids of those that failed, and why in one line; empty where we did not word it."""
        self.failures = 0
        """How many tests failed, whatever they are about."""
        self.unjudged_failures = 0
        """How many of them because something could not be judged."""
        self.skipped = 0
        """How many tests that measure leakage were skipped: the model does not have what they ask about."""
        self.skip_reasons: dict[str, str] = {}
        """Node ids of those, and why."""
        self.never_called = 0
        """How many of them a mark or a fixture skipped: the user's choice, as deselecting is, and not the model's."""
        self.finished: set[str] = set()
        """Node ids of the tests that ran to their end."""
        self.stopped: str | None = NOT_STARTED
        """Why the run ended early; None where it came to its end."""
        self.refusal = ""
        """Why the run was refused after collection."""

    def begin(self) -> None:
        """Note that the tests run: until their end is seen, they have not come to it."""
        self.stopped = "the run was stopped"

    def expect(self, collected: Collected) -> None:
        """Take what was collected; every worker collects the same."""
        self.are_collected = True
        tests, deselected, only_last_failed = collected
        self.collected.update(dict.fromkeys(tests))
        self.deselected = max(self.deselected, deselected)
        self.only_last_failed |= only_last_failed

    @property
    def only_unjudged_failed(self) -> bool:
        """Whether tests failed, and each of them because something could not be judged."""
        return 0 < self.failures == self.unjudged_failures

    @property
    def not_run(self) -> tuple[str, ...]:
        """Those that did not come to their end."""
        return tuple(test for test in self.collected if test not in self.finished)

    @property
    def unjudged(self) -> tuple[str, ...]:
        """Those that failed though every limit they judged is kept: another test's broken limit excuses none."""
        return tuple(test for test, broke in self.failed.items() if not broke)

    @property
    def cause(self) -> str:
        """Why those failed, where we worded it and it is one reason for all."""
        causes = {self.causes.get(test, "") for test in self.unjudged}
        return causes.pop() if len(causes) == 1 else ""

    def end(self, *, only_skipped: bool = False) -> "RunEnd":
        """Return how the run ended: normally only where everything that judges ran, and nothing stopped the run.

        Args:
            only_skipped: whether no limit was judged because every test of it was skipped.
        """
        from pytest_lipleak.verdicts.endings import Ended, RunEnd

        missing = "the run ended before everything was judged" if self.not_run else ""
        return RunEnd(
            Ended.FINISHED if self.stopped is None else Ended.EARLY,
            self.refusal or self.stopped or missing,
            self.not_run,
            self.unjudged,
            self.deselected,
            self.skipped if only_skipped else self.never_called,
            self.only_last_failed,
            self.cause,
        )
