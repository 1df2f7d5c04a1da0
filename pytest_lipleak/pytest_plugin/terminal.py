"""What a session prints on pytest's terminal: what it judges at its beginning, what it found at its end."""

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from pytest_lipleak.pytest_plugin.session import LipleakSession

if TYPE_CHECKING:
    from pytest_lipleak.evaluation.results.run_result import RunResult


def model_lines(session: LipleakSession) -> list[str]:
    """Return what is judged: model, clips, expert and protocol; nothing where no model is named."""
    if not session.names_model:
        return []
    from pytest_lipleak.core.number_words import counted

    expert, clips = session.run.expert, session.run.clips
    why = f" ({expert.protocol_reason})" if expert.protocol_reason else ""
    return [
        f"lipleak: model {session.settings.inputs.model}, {counted(len(clips), 'clip')} ({clips.origin}), "
        f"expert {expert.name} ({expert.reason}), protocol {expert.protocol}{why}",
        *([f"lipleak: {clips.listing.summary}"] if clips.listing.left_out else []),
    ]


def print_results(terminalreporter: Any, config: pytest.Config, session: LipleakSession) -> None:
    """Print a verdict and a table per model, then notes; the verdict alone with -q, nothing with -qq."""
    if session.only_skipped():
        from pytest_lipleak.verdicts.endings import all_skipped

        words = f"NOT JUDGED: {session.settings.inputs.model}: {all_skipped(session.tests.skipped)}"
        terminalreporter.write_line(words, red=True)
    if not session.judges_something or config.get_verbosity() < -1:
        return
    from pytest_lipleak.report.summary import COLOURS, painted, summaries

    found = session.result()
    paint = painted(config.get_terminal_writer().markup)
    for summary in summaries(found, full=config.get_verbosity() > 0, paint=paint):
        terminalreporter.write_sep("=", f"lip leakage: {summary.model}")
        terminalreporter.write_line(summary.verdict, **summary.colour)
        if config.get_verbosity() >= 0:
            for line in summary.table:
                terminalreporter.write_line(line)
    unjudged = not found.end.is_whole or session.tests.only_unjudged_failed
    if not found.models and unjudged and not session.tests.refusal:
        ending = found.ending
        terminalreporter.write_sep("=", f"lip leakage: {session.settings.inputs.model or 'not judged'}")
        terminalreporter.write_line(ending.headline, **COLOURS[ending.finding])
    _print_notes(terminalreporter, config, session, found)


def _print_notes(
    terminalreporter: Any, config: pytest.Config, session: LipleakSession, found: "RunResult"
) -> None:
    store = session.settings.machine.store
    if store and config.get_verbosity() >= 0:
        for model in found.models:
            about = model.corpus.provenance
            if about.fingerprint is None:
                name = about.model
                terminalreporter.write_line(
                    f"{store}: nothing of {name} was kept, since it has no attribute fingerprint"
                )
    if config.get_verbosity() > 0:
        for why_no_dose in {session.run.dose_curve(model.corpus)[1] for model in found.models} - {None}:
            terminalreporter.write_line(str(why_no_dose))
    for name, lines, why_not in session.compared:
        if config.get_verbosity() >= 0:
            for line in ("", f"compared with {session.run.baseline.name}: {name}", *lines):
                terminalreporter.write_line(line)
        if why_not:
            terminalreporter.write_line(f"NOT COMPARED: {why_not}", red=True)
    if config.get_verbosity() >= 0 and not set(config.getoption("reportchars", "")) & set("saA"):
        for line in _skipped_lines(session.tests.skip_reasons):
            terminalreporter.write_line(line)
    if config.get_verbosity() >= 0 and (paths := session.run.reports.written):
        terminalreporter.write_line(f"written: {', '.join(map(session.process.naming, paths))}")
    if found.models:
        from pytest_lipleak.verdicts.endings import failed_lines

        for line in failed_lines(found.end):
            terminalreporter.write_line(line, red=True)


def _skipped_lines(reasons: Mapping[str, str]) -> list[str]:
    """Say which tests were skipped, those of one reason in a line; ``-rs`` does, too, where it is given."""
    from pytest_lipleak.core.errors import LipleakError
    from pytest_lipleak.verdicts.limits import Limit

    tests: dict[str, list[str]] = {}
    for test, why in reasons.items():
        name = test.rpartition("::")[2]
        with suppress(LipleakError):  # a gate's id has other brackets than its limit
            limit = Limit.parse(name)
            name = str(limit)
            why = why.removeprefix(f"{name}: ").removeprefix(f"{limit.metric.name}: ")
        tests.setdefault(why, []).append(name)
    return [f"skipped: {', '.join(names)}{f': {why}' if why else ''}" for why, names in tests.items()]
