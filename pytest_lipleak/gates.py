"""Gates: limits from configuration, collected as test items when a model is named."""

import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from pytest_lipleak.assertions import settle
from pytest_lipleak.core.errors import ConfigurationError, LipleakError, NotApplicableError
from pytest_lipleak.core.regressions import Allowance
from pytest_lipleak.core.verdicts import Limit
from pytest_lipleak.session.session import KEY


class GateFailedError(LipleakError):
    """A gate's limit is not kept; carries the text of the failure."""


class Gates(pytest.Collector):
    """The parent of all gates; its node id is ``lipleak``."""

    def collect(self) -> Iterable[pytest.Item]:
        """Return one item per limit of the settings."""
        session = self.config.stash[KEY]
        return [
            *(Gate.from_parent(self, limit=limit) for limit in session.limits()),
            *(
                RegressionGate.from_parent(self, allowance=Allowance.parse(text))
                for text in session.settings.rules.compare_fails
            ),
        ]


class Gate(pytest.Item):
    """One limit, as a test."""

    def __init__(self, *, limit: Limit, **kwargs: Any) -> None:
        super().__init__(name=item_name(limit), **kwargs)
        self.limit = limit
        self.add_marker("lipleak")

    def runtest(self) -> None:
        """Measure and judge."""
        session = self.config.stash[KEY]
        try:
            evaluation = session.evaluation(session.run.model)
            verdict = evaluation.judge(self.limit)
        except NotApplicableError as error:
            pytest.skip(str(error))
        settle(verdict, evaluation.rules.inconclusive, GateFailedError)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Point at the gate's line in the ini file where it stands there, else at the first: pytest wants one."""
        path = self.config.inipath or self.config.rootpath
        return path, _line_of(self.limit, path) or 0, f"gate {self.limit}"


class RegressionGate(pytest.Item):
    """One allowance against the baseline, as a test."""

    def __init__(self, *, allowance: Allowance, **kwargs: Any) -> None:
        super().__init__(name=item_name(f"regression {allowance}"), **kwargs)
        self.allowance = allowance
        self.add_marker("lipleak")

    def runtest(self) -> None:
        """Measure, and judge against the baseline."""
        from pytest_lipleak.evaluation.comparison import judge_regression
        from pytest_lipleak.report.baseline import explain_regression

        session = self.config.stash[KEY]
        evaluation = session.evaluation(session.run.model)
        try:
            found = judge_regression(
                evaluation, self.allowance, session.run.baseline.of(evaluation.model.name)
            )
        except NotApplicableError as error:
            pytest.skip(str(error))
        if not found.verdict.passed:
            raise GateFailedError(explain_regression(found, session.run.baseline.name))

    def reportinfo(self) -> tuple[Path, int, str]:
        """Point at the ini file."""
        return self.config.inipath or self.config.rootpath, 0, f"regression {self.allowance}"


def item_name(stated: object) -> str:
    """Name a gate's item: round brackets instead of square ones, ``LSE-C(AM,CR) > 1.2``.

    pytest reads what follows a ``[`` in a node id as the parameters of a test, and since 9.2 puts such an id together
    otherwise: ``--lf`` would forget a broken gate, and workers would report it by another name.
    """
    return str(stated).replace("[", "(").replace("]", ")")


def collect_gates(session: pytest.Session) -> list[pytest.Item]:
    """Collect the gates as pytest collects a file, so that its counts and its tree show them."""
    hook = session.config.hook
    gates = Gates.from_parent(session, name="lipleak", nodeid="lipleak")
    hook.pytest_collectstart(collector=gates)
    report = hook.pytest_make_collect_report(collector=gates)
    hook.pytest_collectreport(report=report)
    return [item for item in report.result if isinstance(item, pytest.Item)]


def _line_of(limit: Limit, path: Path) -> int | None:
    """Return the line, from 0, on which a file states the limit in any spelling (``LSD-CR<0.60``)."""
    if not path.is_file():
        return None
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return next((number for number, line in enumerate(lines) if limit in _stated(line)), None)


def _stated(line: str) -> Iterable[Limit]:
    # Quoted in a TOML file, bare in an ini file.
    for text in (*re.findall(r"[\"']([^\"']*[<>][^\"']*)[\"']", line), line.rpartition("= ")[2], line):
        with suppress(ConfigurationError):
            yield Limit.parse(text.strip())
