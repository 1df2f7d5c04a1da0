"""pytest hooks of a run that asks for the plugin; ``plugin`` registers them. No heavy import until a model is named."""

import os
from collections.abc import Generator, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_lipleak import fixtures
from pytest_lipleak.core.exit_status import NOT_JUDGED
from pytest_lipleak.core.remarks import tell_by
from pytest_lipleak.gates import (
    REQUEST,
    Gate,
    Gates,
    RegressionGate,
    Unusable,
    add_defaults,
    ask_for_gates,
    gates_without_file,
    is_gate,
    is_gate_id,
    turn_among_workers,
)
from pytest_lipleak.pytest_plugin import xdist
from pytest_lipleak.pytest_plugin.asking import asked_while_it_ran, settings_of
from pytest_lipleak.pytest_plugin.guarding import guard
from pytest_lipleak.pytest_plugin.interruption import raise_on_sigterm, what_stopped
from pytest_lipleak.pytest_plugin.judging_tests import left_out_by_last_failed
from pytest_lipleak.pytest_plugin.refusals import refusing, unexpected
from pytest_lipleak.pytest_plugin.session import LipleakSession
from pytest_lipleak.pytest_plugin.stash import KEY
from pytest_lipleak.pytest_plugin.terminal import model_lines, print_results
from pytest_lipleak.pytest_plugin.watcher import Watcher

if TYPE_CHECKING:
    from pytest_lipleak.verdicts.limits import Verdict

BROKE = pytest.StashKey[bool]()


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Resolve the settings; when somebody asks for a model to be judged, refuse at once what cannot work.

    First of all plugins: one of them may end the run here.
    """
    session = LipleakSession(config, settings_of(config))
    config.stash[KEY] = session
    tell_by(session.display.say)
    session.tests.are_asked_for = ask_for_gates(config, session.settings).wanted
    config.pluginmanager.register(Watcher(session), "lipleak-watcher")
    xdist.register(
        config,
        xdist.Transport(
            session.process.run,
            session.evaluations.fresh_results,
            lambda: (
                list(session.tests.collected),
                session.tests.deselected,
                session.tests.only_last_failed,
            ),
            lambda nodeid: is_gate_id(config, nodeid),
            session.results.extend,
            lambda collected: _expect(config, collected),
            session.watch_workers,
        ),
    )
    if on_github() and session.is_controller:
        from pytest_lipleak.pytest_plugin.github_annotations import GitHub

        config.pluginmanager.register(GitHub(config), "lipleak-github")
    if session.names_model:
        guard(config)
    if session.settings.asked_for_model:
        refusing(config, session.check)
    elif not session.names_model:
        refusing(config, session.check_reports)
    if not session.names_model and session.settings.asked_for_gates:
        raise pytest.UsageError(
            "--lipleak-gate and --lipleak-compare-fail: there is no model to judge; name one with --lipleak-model"
        )


def _expect(config: pytest.Config, collected: xdist.Collected) -> None:
    """Take, in the controller, what a worker collected; its own run begins with the first that judges."""
    session = config.stash[KEY]
    session.tests.expect(collected)
    if not session.tests.collected or session.settings.asked_for_model or session.has_begun:
        return
    refusing(config, session.check_reports)
    session.begin()
    reporter: Any = config.pluginmanager.getplugin("terminalreporter")
    if reporter is not None and config.get_verbosity() >= 0:
        for line in model_lines(session):
            reporter.ensure_newline()
            reporter.write_line(line)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Write the report of a run that has judged nothing yet: who is killed from here on leaves this one."""
    ours = session.config.stash[KEY]
    if ours.settings.asked_for_model or not ours.names_model:
        ours.begin()


def tests_begin(session: pytest.Session) -> Any:
    """Note that the tests run; return the handler of SIGTERM before, or None.

    ``plugin`` calls it: a test may ask for the plugin when pytest's loop over the tests runs already.
    """
    ours = session.config.stash[KEY]
    ours.tests.begin()
    return raise_on_sigterm() if ours.judges_model and ours.is_controller else None


def tests_end(session: pytest.Session, error: BaseException | None) -> None:
    """Note whether the tests came to their end, and what stopped them.

    Args:
        session: pytest's.
        error: that ended its loop over the tests.
    """
    tests = session.config.stash[KEY].tests
    # After the last test, -x stops nothing.
    told_to = session.shouldfail or session.shouldstop
    ended = error is None or (told_to and not tests.not_run)
    tests.stopped = None if error is None or ended else what_stopped(error, told_to)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the run's artefacts."""
    if session := config.stash.get(KEY, None):
        session.close()


def pytest_report_header(config: pytest.Config) -> list[str]:
    """One line on model, clips, expert and protocol; silent when no model is named.

    Where the ini file alone names it, that line follows when something is to be judged.
    """
    session, asked = config.stash[KEY], config.stash[REQUEST]
    gates = len(session.settings.rules.limits or ())
    if session.settings.asked_for_model:
        return model_lines(session)
    if not gates:
        return []
    from pytest_lipleak.core.number_words import counted

    if not session.names_model:
        return [f"lipleak: not judged, for no model is named (--lipleak-model): {counted(gates, 'gate')}"]
    if not asked.wanted:
        name = os.path.relpath(asked.home, config.invocation_params.dir)
        return [f"lipleak: not judged here: {counted(gates, 'gate')} of {name} (pytest {name} runs them)"]
    return []


def pytest_report_collectionfinish(config: pytest.Config, items: list[pytest.Item]) -> list[str]:
    """Likewise, where the ini file alone names the model, and something is to be judged."""
    session = config.stash[KEY]
    if session.settings.asked_for_model or config.get_verbosity() < 0 or not any(map(_judges, items)):
        return []
    return model_lines(session)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> Gates | None:
    """Collect the gates of the ini file, where they are asked for."""
    asked = parent.config.stash[REQUEST]
    return Gates.of(parent) if asked.wanted and file_path == asked.home else None


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Add the gates of a project that has no ini file to what the session collects."""
    report = yield
    if isinstance(collector, pytest.Session):
        report.result.extend(gates_without_file(collector))
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Mark tests that use lipleak fixtures; put the gates behind all tests, and the default ones where those count.

    First of all plugins, so that -k, -m, --lf and --deselect see the gates like any other test.
    """
    for item in items:
        if any(name.startswith("lipleak") for name in _fixtures(item)):
            item.add_marker("lipleak")
    try:
        # Only the fixture itself judges a model; the others hand out data.
        add_defaults(session, items, tests_judge=any("lipleak" in _fixtures(item) for item in items))
    except Exception as error:
        items.clear()
        xdist.refuse(config, str(unexpected(config, error)))
    # A suite's own tests, which take seconds, come before what takes minutes.
    items.sort(key=is_gate if xdist.worker_input(config) is None else turn_among_workers)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Refuse what the tests that are left cannot do, once and before any runs: pair the clips, import the model."""
    config = session.config
    ours = config.stash[KEY]
    judging = [item.nodeid for item in session.items if _judges(item)]
    ours.tests.expect((judging, 0, left_out_by_last_failed(config)))
    if not ours.tests.collected:
        return
    guard(config)  # a fixture returns the model
    from pytest_lipleak.core.errors import LipleakError

    try:
        _refuse_unusable(session, ours)
    except Exception as error:
        foreseen = isinstance(error, (LipleakError, pytest.UsageError))
        words = str(error) if foreseen else str(unexpected(config, error))
        ours.tests.refusal = words.partition("\n")[0]
        session.items.clear()
        xdist.refuse(config, words)


def _refuse_unusable(session: pytest.Session, ours: LipleakSession) -> None:
    if ours.measures and not ours.settings.asked_for_model:
        ours.check()
    ours.begin()
    for item in session.items:
        if isinstance(item, Unusable):
            raise pytest.UsageError(item.why)
    if ours.measures:
        _refuse_foreseen(session, ours)
    if not ours.measures or not ours.names_model or not any(map(_uses_named_model, session.items)):
        return
    ours.run.check_pairs(item.limit for item in session.items if isinstance(item, Gate))
    ours.run.named_model.find()


def _refuse_foreseen(session: pytest.Session, ours: LipleakSession) -> None:
    """Refuse what gates need and is not there, and what tests will judge that nobody can, as far as their code says."""
    from pytest_lipleak.core.errors import LipleakError
    from pytest_lipleak.pytest_plugin.foreseen import foreseen
    from pytest_lipleak.run.preflight import check_judge
    from pytest_lipleak.run.requirements import require_metrics

    run = ours.run
    gates = [item for item in session.items if isinstance(item, Gate | RegressionGate)]
    require_metrics((gate.metric for gate in gates), ours.settings.scoring)
    tests = [each for item in session.items if "lipleak" in _fixtures(item) for each in foreseen(item)]
    for each in tests:
        try:
            if each.by_user and each.metric.on_a_scale:
                run.expert.refuse_unnamed(each.words)
            require_metrics([each.metric], ours.settings.scoring)
        except LipleakError as error:
            raise pytest.UsageError(f"{each.test}: {error}") from None
    if not ours.names_model and any("lipleak" in _fixtures(item) for item in session.items):
        check_judge(run.clips, run.expert, ours.settings.scoring)


def pytest_deselected(items: list[pytest.Item]) -> None:
    """Count what the user left out."""
    for item in items:
        if _judges(item):
            item.config.stash[KEY].tests.deselected += 1


def _judges(item: pytest.Item) -> bool:
    """Whether the item is a gate, or a test that asks for the fixture that judges."""
    return is_gate(item) or "lipleak" in _fixtures(item)


def _uses_named_model(item: pytest.Item) -> bool:
    """Whether the item is a gate, or its fixture lipleak_model is ours; one that overrides it may build on ours."""
    if is_gate(item):
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
        session = item.config.stash[KEY]
        if session.names_model:
            session.run.named_model.let_go()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Hand the numbers of a test's verdicts to its report (JUnit and xdist carry them on); word our errors.

    Outside of other plugins, so that what a model raised is not made a skip or an expected failure behind us.
    """
    if call.when == "setup":
        # A test that is run once more begins anew: its item is the same.
        item.stash[BROKE] = False
    if verdicts := item.config.stash[KEY].evaluations.new_verdicts():
        from pytest_lipleak.report.properties import set_properties

        set_properties(item, verdicts)
        broke = not all(verdict.passed for verdict in verdicts)
        # A test that asked for a fixture only while it ran was set up without us.
        item.stash[BROKE] = item.stash.get(BROKE, False) or broke
    if not item.get_closest_marker("lipleak") and asked_while_it_ran(item):
        item.add_marker("lipleak")  # as on tests that say so in their signature
    report = yield
    reasons = item.config.stash[KEY].evaluations.deferred_skips()
    if reasons and report.passed:
        path, line, _ = item.reportinfo()
        report.outcome = "skipped"
        report.longrepr = (str(path), (line or 0) + 1, f"Skipped: {'; '.join(reasons)}")
    if call.excinfo is not None and item.get_closest_marker("lipleak"):
        from pytest_lipleak.core.errors import LipleakError
        from pytest_lipleak.report.tracebacks import OURS, is_ours, refuse_skip, shorten

        refuse_skip(report, call.excinfo)
        if report.failed:
            # xdist carries a report's attributes.
            vars(report)["lipleak_broke"] = item.stash.get(BROKE, False)
            vars(report)["lipleak_unjudged"] = _is_unjudged(call.excinfo.value, verdicts)
            if isinstance(call.excinfo.value, LipleakError):
                vars(report)["lipleak_cause"] = str(call.excinfo.value).partition("\n")[0]
            vars(report)[OURS] = is_ours(call.excinfo)
        shorten(report, call.excinfo, item)
    if report.when == "call" and any(name.startswith("lipleak ") for name, _ in item.user_properties):
        from pytest_lipleak.report.properties import add_html_extras

        add_html_extras(item, report)
    return report


def _is_unjudged(error: BaseException, verdicts: "Sequence[Verdict]") -> bool:
    """Whether a test failed because something could not be judged: a model that raised, clips without a score."""
    from pytest_lipleak.core.errors import GateFailedError, LipleakError

    missing = any(not verdict.judged or verdict.inconclusive for verdict in verdicts)
    broken = any(verdict.judged and not (verdict.passed or verdict.inconclusive) for verdict in verdicts)
    # A skip of pytest that a model raised is no skip.
    if isinstance(error, (LipleakError, pytest.skip.Exception)) and not isinstance(error, GateFailedError):
        return not broken
    return missing and not broken


def on_github() -> bool:
    """Whether GitHub Actions runs this process; told without an import."""
    return bool(os.environ.get("GITHUB_ACTIONS") or os.environ.get("GITHUB_STEP_SUMMARY"))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None, Any, Any]:
    """Take in what this process measured; write the reports, before and around what other plugins do at the end."""
    ours = session.config.stash[KEY]
    if not ours.is_controller:
        return (yield)
    try:
        _finish(session, ours)
    except Exception as error:
        ours.crashed(error)
        session.exitstatus = pytest.ExitCode.INTERNAL_ERROR
    try:
        return (yield)
    except BaseException as error:
        ours.crashed(error)
        raise
    finally:
        if on_github():
            ours.write_step_summary()


def _finish(session: pytest.Session, ours: LipleakSession) -> None:
    terminal = session.config.pluginmanager.get_plugin("terminalreporter")
    if terminal and (failed := [*terminal.stats.get("error", ()), *terminal.stats.get("failed", ())]):
        from pytest_lipleak.report.tracebacks import say_once

        say_once(failed)
    ours.finish()
    uncompared = any(why for _, _, why in ours.compared)
    unfinished = ours.judges_model and not ours.end().is_whole
    good = session.exitstatus == pytest.ExitCode.OK
    # No test failed, so it is no TESTS_FAILED.
    if session.exitstatus == pytest.ExitCode.TESTS_FAILED and ours.tests.only_unjudged_failed:
        session.exitstatus = NOT_JUDGED  # 1 says that the model leaks, or that a test of the user's failed
    if good and (ours.unsaved or uncompared or ours.only_skipped() or unfinished or ours.lacks_verdicts()):
        session.exitstatus = NOT_JUDGED
    if ours.judges_something:
        _tell_junit(session.config, ours)


def _tell_junit(config: pytest.Config, ours: LipleakSession) -> None:
    """Add the verdict to the properties of the JUnit file's suite, as the fixture record_testsuite_property does."""
    with suppress(ImportError):
        from _pytest.junitxml import xml_key

        if (xml := config.stash.get(xml_key, None)) is not None:
            ending = ours.result().ending
            xml.add_global_property("lipleak.verdict", ending.verdict)
            xml.add_global_property("lipleak", ending.headline)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print a verdict and a table per model; the verdict alone with -q, nothing with -qq. Say what is not written."""
    ours = config.stash[KEY]
    try:
        print_results(terminalreporter, config, ours)
    except Exception as error:
        ours.crashed(error)
        ours.unsaved.append(f"NOT JUDGED: {unexpected(config, error)}")
    for why in ours.unsaved:
        terminalreporter.write_line(why, red=True)
