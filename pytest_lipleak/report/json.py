"""The JSON report: everything needed to recompute the metrics."""

from collections.abc import Iterable, Mapping
from typing import Any

from pytest_lipleak.core.corpus import Corpus
from pytest_lipleak.core.errors import InputError

SCHEMA_VERSION = 1


def document(models: Iterable[tuple[Corpus, Mapping[str, Mapping[str, Any]]]]) -> dict[str, Any]:
    """Return the report as plain data, with a value that is not a number as null."""
    return {
        "schema": SCHEMA_VERSION,
        "results": [
            {**corpus.to_dict(), "verdicts": [_finite(verdict) for verdict in verdicts.values()]}
            for corpus, verdicts in models
        ],
    }


def read_document(data: Mapping[str, Any]) -> list[Corpus]:
    """Read the scores back.

    Raises:
        InputError: another schema version.
    """
    if data.get("schema") != SCHEMA_VERSION:
        raise InputError(f"report has schema {data.get('schema')!r}, expected {SCHEMA_VERSION}")
    return [Corpus.from_dict(result) for result in data["results"]]


def _finite(verdict: Mapping[str, Any]) -> dict[str, Any]:
    value = verdict["value"]
    return {**verdict, "value": value if value == value else None}
