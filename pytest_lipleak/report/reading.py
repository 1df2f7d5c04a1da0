"""Reports that are read: they travel as artefacts and may be anybody's, so nothing in them is believed unseen."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

from pytest_lipleak.core.corpus import Corpus
from pytest_lipleak.core.errors import InputError, LipleakError, MissingDataError
from pytest_lipleak.core.metrics.formulas import metric
from pytest_lipleak.core.names import check_name, check_printable, escaped
from pytest_lipleak.core.plain_numbers import number_of
from pytest_lipleak.core.scores import LAGS
from pytest_lipleak.core.strict_json import parse_json
from pytest_lipleak.core.suggestions import meant_file
from pytest_lipleak.core.text import printable
from pytest_lipleak.evaluation.results.run_result import RunResult
from pytest_lipleak.report.json import READ_VERSIONS, read_document, result_of, schema, with_current_names
from pytest_lipleak.verdicts.endings import RunEnd
from pytest_lipleak.verdicts.judged_limits import outcome_in
from pytest_lipleak.verdicts.limits import Limit, Outcome


@dataclass(frozen=True)
class Report:
    """A report that was read from a file.

    Args:
        data: the document, as ``report.json.document`` made it.
        corpora: the scores of each of its models.
    """

    data: dict[str, Any]
    corpora: list[Corpus]

    @property
    def run(self) -> RunEnd:
        """How its run ended."""
        return RunEnd.of_report(self.data)

    @property
    def result(self) -> RunResult:
        """What its run found."""
        return result_of(self.data, self.corpora)


def read_report(path: Path, *, may_be_empty: bool = False) -> Report:
    """Read a report, a baseline or a part: they are the same file.

    Args:
        path: of the file.
        may_be_empty: take a report of a run that ended before it measured anything, too.

    Raises:
        MissingDataError: the file cannot be read.
        InputError: it is no report, or nothing was measured in it.
    """
    try:
        data = parse_json(path.read_bytes(), str(path))
    except OSError as error:
        raise MissingDataError(f"{path}: cannot be read ({error.strerror}){meant_file(path)}") from None
    corpora = checked_document(data, str(path))
    # Notes, reasons and headlines are any text.
    data = with_current_names(_printable(data))
    report = Report(data, read_document(data) if corpora else [])
    if not report.corpora and not (may_be_empty and "run" in data):
        raise InputError(f"{path}: nothing was measured in it; run it again")
    return report


def checked_document(data: Any, where: str) -> list[Corpus]:
    """Return the scores in a report of anybody's.

    Args:
        data: what the file holds.
        where: the file, for messages.

    Raises:
        InputError: it does not follow the schema, contradicts itself, or names clips that cannot be.
    """
    try:
        _refuse_other_versions(data)
        data = with_current_names(data)
        _schema_check()(data)
        for result in data["results"]:
            _check_result(result, where)
        return read_document(data)
    except InputError as error:
        text = str(error)
        raise InputError(text if text.startswith(where) else f"{where}: {text}") from None
    except (LipleakError, KeyError, TypeError, ValueError) as error:
        why = escaped(str(error))[:300]
        raise InputError(f"{where}: is no report of pytest-lipleak ({why})") from None


def _printable(value: Any) -> Any:
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, dict):
        return {printable(key): _printable(inner) for key, inner in value.items()}
    return [_printable(inner) for inner in value] if isinstance(value, list) else value


def _refuse_other_versions(data: Any) -> None:
    if not isinstance(data, dict) or "schema" not in data:
        raise InputError(
            "is no report of pytest-lipleak: expected an object with the key 'schema', as --lipleak-json writes"
        )
    if data["schema"] not in READ_VERSIONS or isinstance(data["schema"], bool):
        shown = escaped(repr(data["schema"]))[:40]
        expected = " or ".join(map(str, READ_VERSIONS))
        raise InputError(
            f"report has schema {shown}, expected {expected}: it is of another version of pytest-lipleak; measure again"
        )


@cache
def _schema_check() -> Callable[[Any], Any]:
    import fastjsonschema

    check: Callable[[Any], Any] = fastjsonschema.compile(schema(), use_formats=False)
    return check


def _check_result(result: Mapping[str, Any], where: str) -> None:
    """Refuse what a schema cannot say: names, and entries that contradict each other."""
    about = result["provenance"]
    check_printable(about["model"], where, "model's name")
    clips = set(about["clip_names"])
    for clip in about["clip_names"]:
        check_name(clip, where)
    _refuse_twice(about["clip_names"], "clip")
    trials = [(trial["clip"], trial["condition"]) for trial in result["trials"]]
    _refuse_twice(trials, "video")
    for kind, name in (("pictures", "entry of pictures"), ("scans", "scan")):
        _refuse_twice([(entry["clip"], entry["condition"]) for entry in result[kind]], name)
    _refuse_twice([(s["measure"], s["condition"]) for s in result["sets"]], "entry of sets")
    _refuse_twice([verdict["limit"] for verdict in result["verdicts"]], "limit")
    for kind in ("trials", "unscored", "unpictured", "pictures", "scans"):
        for entry in result[kind]:
            if entry["clip"] not in clips:
                raise InputError(f"{kind}: the clip {_shown(entry['clip'])} is none of the report's clips")
    for clip in result.get("unrelated", ()):
        if (clip, "GT") not in trials:
            raise InputError(f"unrelated: the real clip {_shown(clip)} has no score of its own in it")
    for scan in result["scans"]:
        if (scan["clip"], scan["condition"]) not in trials:
            raise InputError(f"scans: the video of {_shown(scan['clip'])}, {scan['condition']} is not in it")
        _check_scan(scan)
    for verdict in result["verdicts"]:
        limit = Limit.parse(verdict["limit"])
        if limit.metric.name != metric(verdict["metric"]).name:
            raise InputError(
                f"verdicts: {_shown(verdict['limit'])} is no limit of {_shown(verdict['metric'])}"
            )
        _check_verdict(verdict, limit)


def _check_scan(scan: Mapping[str, Any]) -> None:
    """Refuse tables that a scan cannot have: a column per lag, and beside the own row one at least of another clip."""
    tables = scan["excess"], scan["lips"]
    if any(len(table) < 2 for table in tables) or any(
        len(row) != len(LAGS) for row in (*chain(*tables), scan["slope"])
    ):
        raise InputError(
            f"scans: {_shown(scan['clip'])}: expected {len(LAGS)} lags in every row, and at least two rows in every "
            "table"
        )


def _check_verdict(verdict: Mapping[str, Any], limit: Limit) -> None:
    """Refuse a verdict whose parts say different things: some readers show one, some the other."""
    shown = _shown(verdict["limit"])
    if verdict["passed"] and not verdict["judged"]:
        raise InputError(f"verdicts: {shown} was passed without having been judged")
    if (outcome_in(verdict) is Outcome.PASS) != verdict["passed"] or verdict["bound"] != limit.bound:
        raise InputError(f"verdicts: {shown} contradicts itself")
    value = verdict["value"]
    if verdict["passed"] and not _keeps(limit, value):
        raise InputError(f"verdicts: {shown} was passed with a value of {value}, which does not keep it")


def _keeps(limit: Limit, value: Any) -> bool:
    number = number_of(value)
    # The limit's text is rounded.
    return limit.holds(number) or math.isclose(number, limit.value, rel_tol=1e-5)


def _refuse_twice(entries: Iterable[Any], kind: str) -> None:
    twice = next((entry for entry, count in Counter(entries).items() if count > 1), None)
    if twice is not None:
        told = ", ".join(map(_shown, twice)) if isinstance(twice, tuple) else _shown(twice)
        raise InputError(f"the {kind} {told} stands twice in it")


def _shown(text: str) -> str:
    return repr(escaped(text if len(text) <= 80 else f"{text[:77]}..."))
