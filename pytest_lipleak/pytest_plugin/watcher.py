"""What becomes of the tests of a session, from their reports."""

import pytest

from pytest_lipleak.pytest_plugin.session import LipleakSession


class Watcher:
    """Notes tests that failed without a broken limit, so that no report calls such a run good.

    Args:
        session: what the plugin knows during this run.
    """

    def __init__(self, session: LipleakSession) -> None:
        self._session = session

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Look at every report; under xdist the controller sees those of all workers."""
        if report.when == "call" or not report.passed:
            self._session.display.resume_line()
        # The report of a crashed worker knows nothing of its test but the name.
        ours = "lipleak" in report.keywords or not report.keywords
        self._session.tests.failures += report.failed
        self._session.tests.unjudged_failures += report.failed and getattr(report, "lipleak_unjudged", False)
        if report.failed and ours:
            self._session.tests.failed[report.nodeid] = getattr(report, "lipleak_broke", False)
            self._session.tests.causes[report.nodeid] = getattr(report, "lipleak_cause", "")
        # Skipped by a marker or in a fixture, a test does not come to its call.
        if report.skipped and ours:
            self._session.tests.skipped += 1
            self._session.tests.skip_reasons[report.nodeid] = _reason(report)
            self._session.tests.never_called += report.when == "setup"
        # A crashed worker's test has one report alone, of no phase.
        if report.when not in ("setup", "call"):
            self._session.tests.finished.add(report.nodeid)

    def pytest_keyboard_interrupt(self) -> None:
        """Also pytest.exit, with a status of its own, in another plugin's hook before the run has begun."""
        if not self._session.has_begun:
            self._session.begin()

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note what could not be collected: nobody knows what it would have judged."""
        self._session.tests.failures += report.failed
        if report.failed and self._session.names_model:
            self._session.tests.failed[report.nodeid] = False


def _reason(report: pytest.TestReport) -> str:
    """Why a test was skipped, in one line; an expected failure has words of its own."""
    words = report.longrepr[2] if isinstance(report.longrepr, tuple) else getattr(report, "wasxfail", "")
    return " ".join(str(words).removeprefix("Skipped: ").split())
