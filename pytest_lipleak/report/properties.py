"""What other plugins get of a test's verdicts: JUnit XML, reportlog and JSON reports read a test's properties,
pytest-html its extras."""

import html
import math
from collections.abc import Sequence
from importlib import import_module

import pytest

from pytest_lipleak.verdicts.limits import Verdict

Property = tuple[str, object]


def set_properties(item: pytest.Item, verdicts: Sequence[Verdict]) -> None:
    """Add the verdicts' words and numbers to the properties of their test; a test that is run again says it again.

    Named ``lipleak LIMIT`` (one line for people), ``lipleak.METRIC`` (the value), ``lipleak.METRIC.low``, ``.high``
    (95 % interval), ``.clips``, and ``lipleak.expert``.
    """
    new = dict(entry for verdict in verdicts for entry in _properties(verdict))
    kept = [(name, value) for name, value in item.user_properties if name not in new]
    item.user_properties[:] = [*kept, *new.items()]


def _properties(verdict: Verdict) -> list[Property]:
    found = verdict.measurement
    name = f"lipleak.{found.metric.name}"
    numbers: list[Property] = [(name, _number(found.value)), (f"{name}.clips", found.clips)]
    if found.interval:
        numbers += zip((f"{name}.low", f"{name}.high"), map(_number, found.interval), strict=True)
    judge: list[Property] = [] if found.metric.is_picture else [("lipleak.expert", found.expert)]
    return [(f"lipleak {verdict.limit}", verdict.headline), *numbers, *judge]


def _number(value: float) -> float | str:
    # JSON, which some of these plugins write, has neither NaN nor infinity.
    return value if math.isfinite(value) else str(value)


def add_html_extras(item: pytest.Item, report: pytest.TestReport) -> None:
    """Show the verdicts' lines below the test in the page of pytest-html, where one is asked for."""
    lines = [str(value) for name, value in item.user_properties if name.startswith("lipleak ")]
    if not lines or not item.config.getoption("htmlpath", None) or report.when != "call":
        return
    extras = import_module("pytest_html.extras")
    shown = "".join(f"<li>{html.escape(line)}</li>" for line in lines)
    report.extras = [*getattr(report, "extras", ()), extras.html(f"<ul>{shown}</ul>")]  # type: ignore[attr-defined]
