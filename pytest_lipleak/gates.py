"""Gates as pytest's test items: limits that judge without a test, shown at the line of the ini file that sets them."""

import os
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from pytest_lipleak.pytest_plugin.stash import KEY
from pytest_lipleak.settings.options import Settings

NO_FILE = "lipleak"
"""Stands in for the ini file, in ids and paths, where a project has none."""

MODEL_KEY = re.compile(r"\s*[\"']?lipleak_(model|gates|compare_fails)\b")


class Request(NamedTuple):
    """What a run asks of the gates.

    Args:
        home: the ini file in use, whose items the gates are; ``lipleak`` in the root folder where there is none.
        wanted: whether gates are to be collected at all.
        names: the gates that were named by their ids; empty for all.
    """

    home: Path
    wanted: bool = False
    names: tuple[str, ...] = ()


REQUEST = pytest.StashKey[Request]()


def ask_for_gates(config: pytest.Config, settings: Settings) -> Request:
    """Find out whether the command line asks for gates; where it does, let pytest collect their file.

    Gates belong to the whole suite: paths and ids of tests leave them out, unless somebody names the model or the
    gates for this run, the paths hold the ini file itself, or ``lipleak_gates_with_paths`` says otherwise.
    """
    home = config.inipath if config.inipath and config.inipath.is_file() else config.rootpath / NO_FILE
    names, folders, has_ids, is_named = [], [], False, False
    for index, argument in enumerate(config.args):
        path, *parts = argument.split("::")
        where = Path(os.path.normpath(config.invocation_params.dir / path))
        if where == home or (home.name == NO_FILE and path == NO_FILE):
            is_named = True
            # As one would write it in the ini file: LSE-C_S[AR] < 1.
            parts = list(map(_meant, parts))
            names += ["::".join(parts)] if parts else []
            config.args[index] = "::".join((path, *parts))
        else:
            folders.append(where)
            has_ids = has_ids or bool(parts)
    inside = any(home.is_relative_to(folder) for folder in folders)
    wanted = is_named or settings.asked_for_gates
    if not wanted and not has_ids:
        whole = inside or (
            not getattr(config.option, "file_or_dir", [])
            and config.args != [str(config.invocation_params.dir)]
        )
        wanted = whole or settings.asked_for_model or settings.rules.gates_with_paths
    if settings.inputs.model is None:
        wanted = False
    if wanted and home.is_file() and not is_named and (has_ids or not inside):
        config.args.append(str(home))
    elif not home.is_file():
        # pytest would miss the file.
        config.args[:] = [each for each in config.args if not each.startswith(_spellings(home))]
    config.stash[REQUEST] = found = Request(home, wanted, tuple(names) if is_named else ())
    return found


def _spellings(home: Path) -> tuple[str, ...]:
    return f"{NO_FILE}::", f"{home}::"


def is_gate_id(config: pytest.Config, nodeid: str) -> bool:
    """Whether a node id is a gate's; for those who have no item, as the controller of xdist's workers."""
    file, separator, _ = nodeid.partition("::")
    return bool(separator) and file.rpartition("/")[2] == config.stash[REQUEST].home.name


class Gates(pytest.File):
    """The ini file, as the parent of all gates."""

    @classmethod
    def of(cls, parent: pytest.Collector) -> "Gates":
        """Return the node of the ini file in use.

        Its id is the same whatever paths pytest was given: outside of the root folder pytest would make it of those.
        """
        home, root = parent.config.stash[REQUEST].home, parent.config.rootpath
        name = home.relative_to(root).as_posix() if home.is_relative_to(root) else home.name
        return cls.from_parent(parent, path=home, nodeid=name)

    @property
    def ihook(self) -> Any:
        """With the hooks of the folder's conftest.py, also where no file is there."""
        return self.session.gethookproxy(self.path.parent)

    all_is_collected = False
    """Whether it is known if any test judges."""

    def collect(self) -> Iterable[pytest.Item]:
        """Return one item per limit of the settings.

        Where none is given, default limits may count, if no test judges: that is known when all tests are collected,
        and ``add_defaults`` asks again. One that is named by its id counts in any case.
        """
        ours, asked = self.config.stash[KEY], self.config.stash[REQUEST]
        if asked.names:
            ours.default_gates = True
        elif not ours.settings.rules.gates and not self.all_is_collected:
            return []
        gates = self._gates()
        if not asked.names or any(isinstance(gate, Unusable) for gate in gates):
            return gates
        known = {gate.name: gate for gate in gates}
        # Where there is no file, pytest would not miss what its id names.
        if absent := [name for name in asked.names if name not in known]:
            from pytest_lipleak.core.suggestions import meant

            why = f"not found: gate {absent[0]!r}; there are {', '.join(known) or 'none'}{meant(absent[0], known)}"
            gates.append(Unusable.from_parent(self, why=why))
        return [gate for gate in gates if gate.name in asked.names or isinstance(gate, Unusable)]

    def _gates(self) -> "list[pytest.Item]":
        from pytest_lipleak.core.errors import LipleakError
        from pytest_lipleak.verdicts.regressions import Allowance

        ours = self.config.stash[KEY]
        try:
            group = ours.settings.rules.measure
            return [
                *([MeasuredGroup.from_parent(self, group=group)] if group else []),
                *(Gate.from_parent(self, limit=limit) for limit in ours.limits()),
                *(
                    RegressionGate.from_parent(self, allowance=Allowance.parse(text))
                    for text in ours.settings.rules.compare_fails
                ),
            ]
        except LipleakError as error:
            return [Unusable.from_parent(self, why=str(error))]


class GateItem(pytest.Item):
    """An item of the ini file, that a run judges the model by."""

    def __init__(self, *, stated: str, **kwargs: Any) -> None:
        super().__init__(name=item_name(stated), **kwargs)
        self.stated = stated
        self.add_marker("lipleak")
        self.extra_keyword_matches.add(keyword(stated))

    @property
    def ihook(self) -> Any:
        """As the file's."""
        return self.session.gethookproxy(self.path.parent)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Point at the gate's line in the ini file, else at that of the model, which brought the default gates."""
        return self.path, _line_of(self.path, self.states), self.stated

    def repr_failure(self, excinfo: "pytest.ExceptionInfo[BaseException]", style: Any = None) -> Any:
        """Say what we raised in its own words: pytest would parse each file between it and the item before.

        ``--full-trace`` shows all.
        """
        from pytest_lipleak.core.errors import LipleakError

        ours = isinstance(excinfo.value, LipleakError) and not self.config.getoption("fulltrace", False)
        return super().repr_failure(excinfo, style="value" if ours else style)

    def states(self, line: str) -> bool:
        """Whether the line of the ini file is this item's."""
        return False


class Gate(GateItem):
    """One limit, as a test."""

    def __init__(self, *, limit: Any, **kwargs: Any) -> None:
        super().__init__(stated=str(limit), **kwargs)
        self.limit = limit
        self.metric = limit.metric

    def runtest(self) -> None:
        """Measure and judge."""
        from pytest_lipleak.assertions import settle
        from pytest_lipleak.core.errors import GateFailedError, NotApplicableError

        session = self.config.stash[KEY]
        try:
            evaluation = session.evaluation(session.run.model)
            evaluation.foresee(each.metric for each in self.session.items if isinstance(each, Gate))
            verdict = evaluation.judge(self.limit)
        except NotApplicableError as error:
            pytest.skip(str(error))
        settle(verdict, evaluation.rules.inconclusive, GateFailedError)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Call it a gate."""
        path, line, stated = super().reportinfo()
        return path, line, f"gate {stated}"

    def states(self, line: str) -> bool:
        """In any spelling: ``LSD-CR<0.60``."""
        return self.limit in _stated(line)


class MeasuredGroup(GateItem):
    """A group of metrics that is measured beside what gates ask for; it passes once all of them are."""

    def __init__(self, *, group: str, **kwargs: Any) -> None:
        super().__init__(stated=f"measure {group}", **kwargs)
        self.group = group

    def runtest(self) -> None:
        """Measure."""
        from pytest_lipleak.core.errors import UnscorableError
        from pytest_lipleak.evaluation.measure_groups import measure_group

        session = self.config.stash[KEY]
        if lost := measure_group(session.evaluation(session.run.model), self.group):
            raise UnscorableError("\n".join(["could not be measured:", *lost]))

    def states(self, line: str) -> bool:
        """The line that names the group."""
        return "lipleak_measure" in line


class RegressionGate(GateItem):
    """One allowance against the baseline, as a test."""

    def __init__(self, *, allowance: Any, **kwargs: Any) -> None:
        super().__init__(stated=f"regression {allowance}", **kwargs)
        self.allowance = allowance
        self.metric = allowance.metric

    def runtest(self) -> None:
        """Measure, and judge against the baseline."""
        from pytest_lipleak.core.errors import GateFailedError, NotApplicableError
        from pytest_lipleak.evaluation.comparison import judge_regression
        from pytest_lipleak.report.baseline_words import explain_regression

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

    def states(self, line: str) -> bool:
        """As written."""
        return str(self.allowance) in line


class Unusable(GateItem):
    """Stands for gates that cannot be judged; where it is not left out, the run ends before any test.

    Args:
        why: what is wrong.
    """

    def __init__(self, *, why: str, **kwargs: Any) -> None:
        super().__init__(stated="gates", **kwargs)
        self.why = why

    def runtest(self) -> None:
        """Never called."""
        raise AssertionError(self.why)


def item_name(stated: object) -> str:
    """Name a gate's item: round brackets instead of square ones, ``LSE-C(AM,CR) > 1.2``.

    pytest reads what follows a ``[`` in a node id as the parameters of a test, and since 9.2 puts such an id together
    otherwise: ``--lf`` would forget a broken gate, and workers would report it by another name.
    """
    return str(stated).replace("[", "(").replace("]", ")")


def _meant(named: str) -> str:
    """Return the name of the item that an id means, in any spelling: ``LSE-C_S[CR]<1`` is ``LSE-C_S < 1``."""
    from pytest_lipleak.core.errors import LipleakError
    from pytest_lipleak.verdicts.limits import Limit

    with suppress(LipleakError):
        return item_name(Limit.parse(named))
    return item_name(named)


def keyword(stated: str) -> str:
    """Name a gate as pytest's ``-k`` can read it: ``LSE-C_S-floor-CR-below-0.3``."""
    words = stated.replace("<", " below ").replace(">", " above ")
    return re.sub(r"[^\w.+-]+", "-", words).strip("-")


def gates_without_file(session: pytest.Session) -> list[Gates]:
    """Return the parent of the gates of a project that has no ini file."""
    asked = session.config.stash[REQUEST]
    if not asked.wanted or asked.home.is_file():
        return []
    return [Gates.of(session)]


def add_defaults(session: pytest.Session, items: list[pytest.Item], *, tests_judge: bool) -> None:
    """Append, where no gate is configured, the expert's default gates.

    Args:
        session: pytest's.
        items: all that is collected.
        tests_judge: whether some of them judge: such a suite is not given limits that nobody chose.
    """
    config = session.config
    ours, asked = config.stash[KEY], config.stash[REQUEST]
    if not asked.wanted or asked.names or any(map(is_gate, items)):
        return
    ours.default_gates = not tests_judge
    parent = Gates.of(session)
    parent.all_is_collected = True
    config.hook.pytest_collectstart(collector=parent)
    report = config.hook.pytest_make_collect_report(collector=parent)
    config.hook.pytest_collectreport(report=report)
    items.extend(report.result)
    if not report.result and not tests_judge:
        expert = ours.run.expert
        why = (
            f"model {ours.settings.inputs.model!r} is named, but there is nothing to judge it by: no gate is "
            f"configured, no test uses a lipleak fixture, and expert {expert.name} has no default limits "
            f"under protocol {expert.protocol}; give limits, for example --lipleak-gate 'LSD-CR < 0.6' --lipleak-gate "
            "'LipCorr_XO < 0.15'; `lipleak calibrate --gates FILE` measures some for this expert on your clips"
            if ours.settings.rules.limits is None
            else "--lipleak-gate none judges nothing, and nothing is to be measured; name one with --lipleak-measure"
        )
        items.append(Unusable.from_parent(parent, why=why))


def is_gate(item: pytest.Item) -> bool:
    """Whether an item is a gate."""
    return isinstance(item, GateItem)


def turn_among_workers(item: pytest.Item) -> int:
    """Return when an item is to begin where several processes take items: what they share comes last.

    What is asked of all clips goes on by whoever is free, clip by clip, so that all end together. A probe is one
    worker's own. Of the probes those under the clip's own speech, and those that swap a mouth, are taken on half as
    many clips: they come behind the others.
    """
    if not isinstance(item, Gate) or not item.metric.is_probe:
        return 3 * is_gate(item)
    from pytest_lipleak.core.conditions import Setup

    moves = item.metric.columns[0].measure.endswith("_shift")
    return 1 if moves and item.metric.conditions[-1].setup is not Setup.AM else 2


def _line_of(path: Path, states: Any) -> int:
    """Return the line, from 0, that ``states`` says yes to, else that of the model's key, else 0."""
    if not path.is_file():
        return 0
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    keys = (number for number, line in enumerate(lines) if MODEL_KEY.match(line))
    return next((number for number, line in enumerate(lines) if states(line)), next(keys, 0))


def _stated(line: str) -> Sequence[Any]:
    from pytest_lipleak.core.errors import ConfigurationError
    from pytest_lipleak.verdicts.limits import Limit

    found = []
    # Quoted in a TOML file, bare in an ini file.
    for text in (*re.findall(r"[\"']([^\"']*[<>][^\"']*)[\"']", line), line.rpartition("= ")[2], line):
        with suppress(ConfigurationError):
            found.append(Limit.parse(text.strip()))
    return found
