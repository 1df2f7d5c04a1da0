"""What tests will judge, as far as their code says: so that a run that cannot work is refused before any of them.

Code is looked at, never called. What it hides (a name put together at run time, a fixture of the user's that asserts)
is refused where it happens, as a failure of its test.
"""

import inspect
from collections.abc import Iterator, Mapping
from contextlib import suppress
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

if TYPE_CHECKING:
    from pytest_lipleak.core.metrics.formulas import Metric

EXCUSED = ("skip", "skipif", "xfail")
"""Marks whose tests may not run, or may fail."""

EXCUSING = ("skip", "skipTest", "importorskip", "xfail", "raises")
"""What a test, or a fixture of it, calls that may not run to its end, or that looks for the very refusal."""

HELPERS = 3
"""Functions that a test calls are looked at as well, and those that they call, so many times."""


class Foreseen(NamedTuple):
    """A metric that a test will judge.

    Args:
        test: its node id.
        words: the limit, or the assertion.
        metric: what is judged.
        by_user: whether the limit is the user's, and not one that is looked up for the expert.
    """

    test: str
    words: str
    metric: "Metric"
    by_user: bool


def foreseen(item: pytest.Item) -> Iterator[Foreseen]:
    """Yield what a test will judge, as far as can be told; nothing where it may be skipped, or is to fail."""
    function = inspect.unwrap(getattr(item, "function", None) or _nothing)
    if not isinstance(function, FunctionType) or any(map(item.get_closest_marker, EXCUSED)):
        return
    from pytest_lipleak import assertions
    from pytest_lipleak.core.metrics.formulas import metric

    known = {name: getattr(assertions, name) for name in (*assertions.JUDGED, "assert_metric")}
    used, texts = _used(function, {**known, **dict.fromkeys(EXCUSING)})
    if used & set(EXCUSING) or any(_used(each, dict.fromkeys(EXCUSING))[0] for each in _fixtures_of(item)):
        return
    for name in used & assertions.JUDGED.keys():
        by_user = name not in assertions.LOOKED_UP or "min_effect" in texts
        yield Foreseen(item.nodeid, name, metric(assertions.JUDGED[name]), by_user)
    if "assert_metric" in used:
        callspec = getattr(item, "callspec", None)
        given = callspec.params.values() if callspec else ()
        yield from _limits(item.nodeid, {*texts, *(value for value in given if isinstance(value, str))})


def _nothing() -> None: ...


def _fixtures_of(item: pytest.Item) -> Iterator[FunctionType]:
    """Yield the functions of a test's fixtures, but for pytest's and our own."""
    # pytest has no public way to ask for them.
    info: Any = getattr(item, "_fixtureinfo", None)
    for definitions in info.name2fixturedefs.values() if info else ():
        for definition in definitions:
            function = inspect.unwrap(getattr(definition.func, "__func__", definition.func))
            whose = str(getattr(function, "__module__", "")).partition(".")[0]
            if isinstance(function, FunctionType) and whose not in ("_pytest", "pytest_lipleak"):
                yield function


def _limits(test: str, texts: set[str]) -> Iterator[Foreseen]:
    from pytest_lipleak.core.errors import LipleakError
    from pytest_lipleak.verdicts.limits import Limit

    for text in sorted(text for text in texts if "<" in text or ">" in text):
        with suppress(LipleakError):
            limit = Limit.parse(text)
            yield Foreseen(test, str(limit), limit.metric, by_user=True)


def _used(
    function: FunctionType, known: Mapping[str, Any], depth: int = HELPERS
) -> tuple[set[str], set[str]]:
    """Names of known functions that a function calls, by whatever name, and texts in it."""
    names, texts = _named(function.__code__)
    found = names & known.keys()
    for name in names:
        value = function.__globals__.get(name)
        if isinstance(value, str):
            texts.add(value)
        elif isinstance(value, FunctionType):
            found |= {known_as for known_as, ours in known.items() if ours is value}
            if depth and value.__module__ == function.__module__:
                helped, more = _used(value, known, depth - 1)
                found, texts = found | helped, texts | more
    return found, texts


def _named(code: CodeType) -> tuple[set[str], set[str]]:
    """All names and texts of a function's code, also of what is defined in it."""
    names, texts = set(code.co_names), set()
    for constant in code.co_consts:
        if isinstance(constant, str):
            texts.add(constant)
        elif isinstance(constant, tuple):
            texts.update(part for part in constant if isinstance(part, str))
        elif isinstance(constant, CodeType):
            inner, more = _named(constant)
            names, texts = names | inner, texts | more
    return names, texts
