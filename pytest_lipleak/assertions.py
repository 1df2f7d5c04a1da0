"""Assertions for a test suite: compare a metric with a limit and say what was found."""

from typing import TYPE_CHECKING, NoReturn

from pytest_lipleak.core.conditions import Condition, Reference, Setup
from pytest_lipleak.core.errors import NotApplicableError
from pytest_lipleak.core.metrics import metric
from pytest_lipleak.core.verdicts import Limit, Verdict
from pytest_lipleak.report.failures import explain

if TYPE_CHECKING:
    from pytest_lipleak.evaluation.evaluation import Evaluation


def assert_metric(lipleak: "Evaluation", limit: str) -> Verdict:
    """Assert any limit, for example ``assert_metric(lipleak, "LSD-CR < 0.6")``.

    Args:
        lipleak: the fixture of that name.
        limit: METRIC < NUMBER (or <=, >, >=); the direction must be the one in which the metric is better.

    Returns:
        The verdict, when it passed.

    Raises:
        AssertionError: the limit is not kept, or cannot be judged (no clip scored, NaN, unscored clips).
        ConfigurationError: the limit does not parse or points the wrong way.
    """
    __tracebackhide__ = True
    return _assert(lipleak, Limit.parse(limit))


def assert_lsd_below(lipleak: "Evaluation", limit: float, *, reference: str = "CR") -> Verdict:
    """Assert that LSD stays below ``limit``: sync must not depend on whose audio drives.

    LSD = 0.5 (|C_AM - C_XM| + |D_AM - D_XM|) from corpus means (Yaman et al. 2025).

    Args:
        lipleak: the fixture of that name.
        limit: on the scale of the sync expert in use; 0 is the metric's minimum.
        reference: ``"CR"`` or ``"AR"``.
    """
    __tracebackhide__ = True
    return _assert(lipleak, Limit(metric(f"LSD-{Reference(reference)}"), "<", limit))


def assert_silent_lse_c_below(lipleak: "Evaluation", limit: float, *, reference: str = "CR") -> Verdict:
    """Assert that lips driven by silence do not agree with the audio the model never heard: LSE-C_S."""
    __tracebackhide__ = True
    return _assert(lipleak, Limit(metric(f"LSE-C_S[{Reference(reference)}]"), "<", limit))


def assert_silent_lse_d_above(lipleak: "Evaluation", limit: float, *, reference: str = "CR") -> Verdict:
    """Assert that lips driven by silence stay far from the audio the model never heard: LSE-D_S."""
    __tracebackhide__ = True
    return _assert(lipleak, Limit(metric(f"LSE-D_S[{Reference(reference)}]"), ">", limit))


def assert_lse_c_above(
    lipleak: "Evaluation", limit: float, *, setup: str = "AM", reference: str = "CR"
) -> Verdict:
    """Assert that lips follow the driving audio: LSE-C of one condition, AM or XM."""
    __tracebackhide__ = True
    return _assert(lipleak, Limit(metric(f"LSE-C[{_heard(setup, reference)}]"), ">", limit))


def assert_lse_d_below(
    lipleak: "Evaluation", limit: float, *, setup: str = "AM", reference: str = "CR"
) -> Verdict:
    """Assert that lips stay close to the driving audio: LSE-D of one condition, AM or XM."""
    __tracebackhide__ = True
    return _assert(lipleak, Limit(metric(f"LSE-D[{_heard(setup, reference)}]"), "<", limit))


def _heard(setup: str, reference: str) -> Condition:
    condition = Condition(Setup(setup), Reference(reference))
    if condition.setup is Setup.SI:
        raise ValueError(
            "under SI there is no driving audio to follow; use assert_silent_lse_c_below or assert_silent_lse_d_above"
        )
    return condition


def _assert(lipleak: "Evaluation", limit: Limit) -> Verdict:
    __tracebackhide__ = True
    try:
        verdict = lipleak.judge(limit)
    except NotApplicableError as error:
        _skip(str(error))
    if not verdict.passed:
        raise AssertionError(explain(verdict))
    return verdict


def _skip(reason: str) -> NoReturn:
    __tracebackhide__ = True
    import pytest

    pytest.skip(reason)
