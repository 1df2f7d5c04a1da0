"""pytest hooks, nothing else. Imports of pytest and the standard library only, until a model is named."""

import os
from collections.abc import Generator, Iterable
from typing import Any

import pytest

from pytest_lipleak import fixtures, xdist
from pytest_lipleak.fixtures import (  # noqa: F401 - pytest finds fixtures among the plugin's names
    _lipleak_session,
    lipleak,
    lipleak_clips,
    lipleak_device,
    lipleak_mismatched_pairs,
    lipleak_model,
    lipleak_references,
    lipleak_silent_audio,
    lipleak_sync_expert,
)
from pytest_lipleak.session import KEY, LipleakSession
from pytest_lipleak.settings.parsers import add_options, refuse_unknown_options
from pytest_lipleak.settings.resolve import read_settings

MARKER = "lipleak: measures lip leakage; set on every test that uses a lipleak fixture and on every gate"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --lipleak-* and the ini keys."""
    add_options(parser)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(parser: pytest.Parser, args: list[str]) -> Generator[None, None, None]:
    """Refuse misspelt options, before pytest looks for files of their name; conftests may have options of theirs."""
    yield
    refuse_unknown_options(parser, args)


def pytest_configure(config: pytest.Config) -> None:
    """Resolve the settings; when a model is named, refuse at once what cannot work."""
    config.addinivalue_line("markers", MARKER)
    session = LipleakSession(config, read_settings(config))
    config.stash[KEY] = session
    config.pluginmanager.register(Watcher(session), "lipleak-watcher")
    xdist.register(config, session.run, session.fresh_results, session.results.extend, session.watch_workers)
    if on_github() and xdist.worker_input(config) is None:
        from pytest_lipleak.report.github import GitHub

        config.pluginmanager.register(GitHub(config, session.judged), "lipleak-github")
    session.check_outputs()
    session.forget_old_report()
    if session.settings.inputs.model is not None:
        session.check()
    elif session.settings.asked_for_gates:
        raise pytest.UsageError(
            "--lipleak-gate and --lipleak-compare-fail: there is no model to judge; name one with --lipleak-model"
        )


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the run's artefacts."""
    if session := config.stash.get(KEY, None):
        session.close()


def pytest_report_header(config: pytest.Config) -> list[str]:
    """One line on model, clips, expert and protocol; silent when no model is named."""
    session = config.stash[KEY]
    if session.settings.inputs.model is None:
        gates = len(session.settings.rules.gates)
        if not gates:
            return []
        from pytest_lipleak.core.words import counted

        return [f"lipleak: not judged, for no model is named (--lipleak-model): {counted(gates, 'gate')}"]
    from pytest_lipleak.core.words import counted

    expert, why = session.chosen_expert()
    listing = session.clips.listing
    return [
        f"lipleak: model {session.settings.inputs.model}, {counted(len(session.clips), 'clip')} "
        f"({session.clips.origin}), expert {expert} ({why}), protocol {session.protocol()}",
        *([f"lipleak: {listing.summary}"] if listing.left_out else []),
    ]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Mark tests that use lipleak fixtures; append the gates when a model is named.

    First of all plugins, so that -k, -m, --lf and --deselect see the gates like any other test.
    """
    for item in items:
        if any(name.startswith("lipleak") for name in _fixtures(item)):
            item.add_marker("lipleak")
    ours = config.stash[KEY]
    chosen_by_id = any("::" in argument for argument in config.args) and not ours.settings.asked_for_gates
    if ours.settings.inputs.model is None or chosen_by_id:
        return
    # Only the fixture itself judges a model; the others hand out data.
    users = [item for item in items if "lipleak" in _fixtures(item)]
    # A suite that asserts by itself is not given limits that nobody chose.
    ours.default_gates = not users
    from pytest_lipleak.gates import collect_gates

    gates = collect_gates(session)
    if gates or users:
        items.extend(gates)
    else:
        items.clear()
        xdist.refuse(
            config,
            f"model {ours.settings.inputs.model!r} is named, but there is nothing to judge it by: no gate is "
            f"configured, no test uses a lipleak fixture, and expert {ours.chosen_expert()[0]} has no default limits "
            f"under protocol {ours.protocol()}; give limits, for example --lipleak-gate 'LSD-CR < 0.6' --lipleak-gate "
            "'LSE-C_S < 3.0'",
        )


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Refuse what the tests that are left cannot do, once and before any runs: pair the clips, import the model."""
    ours = session.config.stash[KEY]
    if ours.settings.inputs.model is None or session.config.option.collectonly:
        return
    if not any(_uses_named_model(item) for item in session.items):
        return
    from pytest_lipleak.core.errors import LipleakError
    from pytest_lipleak.gates import Gate

    try:
        ours.check_pairs(item.limit for item in session.items if isinstance(item, Gate))
        ours.find_model()
    except LipleakError as error:
        session.items.clear()
        xdist.refuse(session.config, str(error))


def _uses_named_model(item: pytest.Item) -> bool:
    """Whether the item is a gate, or its fixture lipleak_model is ours; one that overrides it may build on ours."""
    if item.nodeid.startswith("lipleak::"):
        return True
    if "lipleak_model" not in _fixtures(item):
        return False
    # pytest has no public way to ask where an item's fixtures are defined.
    info: Any = getattr(item, "_fixtureinfo", None)
    for definition in reversed(info.name2fixturedefs.get("lipleak_model", ()) if info else ()):
        if getattr(definition.func, "__module__", None) == fixtures.__name__:
            return True
        if "lipleak_model" not in definition.argnames:
            return False
    return True


def _fixtures(item: pytest.Item) -> Iterable[str]:
    names: Iterable[str] = getattr(item, "fixturenames", ())
    return names


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, None, None]:
    """Let go of the model after every test, where other workers may be waiting for it.

    What goes wrong with that is the test's error, not pytest's.
    """
    try:
        yield
    finally:
        item.config.stash[KEY].let_go_of_model()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Hand the numbers of a test's verdicts to its report (JUnit and xdist carry them on); word our errors."""
    if verdicts := item.config.stash[KEY].new_verdicts():
        from pytest_lipleak.report.properties import set_properties

        set_properties(item, verdicts)
    report = yield
    reasons = item.config.stash[KEY].put_off()
    if reasons and report.passed:
        path, line, _ = item.reportinfo()
        report.outcome = "skipped"
        report.longrepr = (str(path), (line or 0) + 1, f"Skipped: {'; '.join(reasons)}")
    if call.excinfo is not None and item.get_closest_marker("lipleak"):
        from pytest_lipleak.report.tracebacks import shorten

        shorten(report, call.excinfo, item)
    if report.when == "call" and any(name.startswith("lipleak ") for name, _ in item.user_properties):
        from pytest_lipleak.report.properties import add_html_extras

        add_html_extras(item, report)
    return report


def on_github() -> bool:
    """Whether GitHub Actions runs this process; told without an import."""
    return bool(os.environ.get("GITHUB_ACTIONS") or os.environ.get("GITHUB_STEP_SUMMARY"))


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
            self._session.resume_line()
        # The report of a crashed worker knows nothing of its test but the name.
        ours = "lipleak" in report.keywords or report.nodeid.startswith("lipleak::") or not report.keywords
        if report.failed and ours:
            said = [str(name).removeprefix("lipleak ") for name, _ in report.user_properties]
            self._session.failed_tests[report.nodeid] = said
        # Skipped by a marker or in a fixture, a test does not come to its call.
        if report.skipped and ours:
            self._session.skipped_tests += 1


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Take in what this process measured; write the reports."""
    ours = session.config.stash[KEY]
    if xdist.worker_input(session.config) is None:
        ours.results.extend(ours.fresh_results())
        ours.unsaved = [*ours.write_reports(), *filter(None, [ours.save_baseline()])]
        ours.compared = list(ours.comparisons())
        uncompared = any(why for _, _, why in ours.compared)
        if (ours.unsaved or uncompared) and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        if ours.only_skipped() and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print a verdict and a table per model; the verdict alone with -q, nothing with -qq. Say what is not written."""
    _print_results(terminalreporter, config)
    for why in config.stash[KEY].unsaved:
        terminalreporter.write_line(why, red=True)


def _print_results(terminalreporter: Any, config: pytest.Config) -> None:
    session = config.stash[KEY]
    if session.only_skipped():
        tests = "the only test" if session.skipped_tests == 1 else f"all {session.skipped_tests} tests"
        why = f"{tests} of it skipped (see -rs); a model that nothing judges fails"
        terminalreporter.write_line(f"NOT JUDGED: {session.settings.inputs.model}: {why}", red=True)
    if not session.results or config.get_verbosity() < -1:
        return
    from pytest_lipleak.report.summary import painted, summaries

    found = session.merged()
    paint = painted(config.get_terminal_writer().markup)
    for summary in summaries(found, full=config.get_verbosity() > 0, paint=paint):
        terminalreporter.write_sep("=", f"lip leakage: {summary.model}")
        terminalreporter.write_line(summary.verdict, **summary.colour)
        if config.get_verbosity() >= 0:
            for line in summary.table:
                terminalreporter.write_line(line)
    store = session.settings.machine.store
    if store and config.get_verbosity() >= 0:
        for corpus, _ in found:
            if corpus.provenance.fingerprint is None:
                name = corpus.provenance.model
                terminalreporter.write_line(
                    f"{store}: nothing of {name} was kept, since it has no attribute fingerprint"
                )
    if config.get_verbosity() > 0:
        for why_no_dose in {session.dose_curve(corpus)[1] for corpus, _ in found} - {None}:
            terminalreporter.write_line(str(why_no_dose))
    for model, lines, why_not in session.compared:
        if config.get_verbosity() >= 0:
            for line in ("", f"compared with {session.baseline_name}: {model}", *lines):
                terminalreporter.write_line(line)
        if why_not:
            terminalreporter.write_line(f"NOT COMPARED: {why_not}", red=True)
    for test in session.unjudged(found):
        terminalreporter.write_line(f"NOT JUDGED: {test} failed for another reason than a limit", red=True)
