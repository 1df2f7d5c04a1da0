"""pytest hooks, nothing else. Imports of pytest and the standard library only, until a model is named."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_lipleak import xdist
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
from pytest_lipleak.session import KEY, LipleakSession, merged
from pytest_lipleak.settings import add_options, read_settings

if TYPE_CHECKING:
    from pytest_lipleak.core.metrics import Metric
    from pytest_lipleak.core.verdicts import Measurement

MARKER = "lipleak: measures lip leakage; set on every test that uses a lipleak fixture and on every gate"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --lipleak-* and the ini keys."""
    add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Resolve the settings; when a model is named, refuse at once what cannot work."""
    config.addinivalue_line("markers", MARKER)
    session = LipleakSession(config, read_settings(config))
    config.stash[KEY] = session
    if config.pluginmanager.hasplugin("xdist") and xdist.worker_input(config) is None:
        config.pluginmanager.register(xdist.Controller(session.run, session.results.append), "lipleak-xdist")
    if session.settings.model is not None:
        _check(session)


def _check(session: LipleakSession) -> None:
    from pytest_lipleak.core.errors import LipleakError
    from pytest_lipleak.core.verdicts import Limit
    from pytest_lipleak.generators.registry import check_name, parse_arguments

    settings = session.settings
    try:
        check_name(settings.model or "")
        parse_arguments(settings.model_args)
        for gate in settings.gates:
            Limit.parse(gate)
        len(session.clips)
        session.chosen_expert()
    except LipleakError as error:
        raise pytest.UsageError(str(error)) from None


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the run's artefacts."""
    if session := config.stash.get(KEY, None):
        session.close()


def pytest_report_header(config: pytest.Config) -> list[str]:
    """One line on model, clips, expert and protocol; silent when no model is named."""
    session = config.stash[KEY]
    if session.settings.model is None:
        return []
    expert, why = session.chosen_expert()
    return [
        f"lipleak: model {session.settings.model}, {len(session.clips)} clips ({session.clips.origin}), "
        f"expert {expert} ({why}), protocol {session.protocol()}"
    ]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Mark tests that use lipleak fixtures; append the gates when a model is named.

    First of all plugins, so that -k, -m, --lf and --deselect see the gates like any other test.
    """
    users = [item for item in items if _uses_lipleak(item)]
    for item in users:
        item.add_marker("lipleak")
    ours = config.stash[KEY]
    if ours.settings.model is None or any("::" in argument for argument in config.args):
        return
    # A suite that asserts by itself is not given limits that nobody chose.
    ours.default_gates = not users
    from pytest_lipleak.gates import Gates

    gates = list(Gates.from_parent(session, name="lipleak", nodeid="lipleak").collect())
    if not gates and not users:
        expert, _ = ours.chosen_expert()
        raise pytest.UsageError(
            f"model {ours.settings.model!r} is named, but there is nothing to judge it by: no gate is configured, "
            f"no test uses a lipleak fixture, and expert {expert} has no default limits; "
            "give limits, for example --lipleak-gate 'LSD-CR < 0.6' --lipleak-gate 'LSE-C_S < 3.0'"
        )
    items.extend(gates)


def _uses_lipleak(item: pytest.Item) -> bool:
    names: Iterable[str] = getattr(item, "fixturenames", ())
    return any(name.startswith("lipleak") for name in names)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    """Hand the numbers of a test's verdicts to its report: JUnit and xdist carry them on."""
    if call.when == "call":
        for verdict in item.config.stash[KEY].new_verdicts():
            item.user_properties.append((f"lipleak {verdict.limit}", verdict.headline))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In a worker, send what was measured; else keep it for the reports."""
    ours = session.config.stash[KEY]
    results = ours.collect()
    if xdist.worker_input(session.config) is not None:
        xdist.send_results(session.config, results)
        return
    ours.results.extend(results)
    if ours.settings.json is not None and ours.results:
        _write_json(ours.settings.json, ours.results)


def _write_json(path: Path, results: list[dict[str, Any]]) -> None:
    from pytest_lipleak.report.json import document

    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document(merged(results)), indent=1, allow_nan=False) + "\n", encoding="utf-8")


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print one table per model."""
    session = config.stash[KEY]
    if not session.results or config.get_verbosity() < 0:
        return
    from pytest_lipleak.evaluation.aggregate import measured
    from pytest_lipleak.report.terminal import table

    for corpus, verdicts in merged(session.results):
        if not corpus.takes and not corpus.unscored:
            continue

        def measure(metric: "Metric", corpus: Any = corpus) -> "Measurement | None":
            return measured(corpus, metric)

        failed = [verdict for verdict in verdicts.values() if not verdict["passed"]]
        terminalreporter.section(f"lip leakage: {corpus.provenance.model}")
        limits = {v["metric"]: (v["bound"], v["passed"]) for v in verdicts.values()}
        colour = {"red": True} if failed else {"green": True}
        if verdicts:
            kept = (
                f"{len(failed)} of {len(verdicts)} limits broken"
                if failed
                else f"all {len(verdicts)} limits kept"
            )
            terminalreporter.write_line(f"{'LEAKS' if failed else 'no leak found'}: {kept}", **colour)
        for line in table(corpus, measure, limits):
            terminalreporter.write_line(line)
