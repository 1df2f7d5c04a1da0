"""Assertions for a test suite: compare a metric with a limit and say what was found."""

import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial, wraps
from inspect import signature
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, ParamSpec, TypeVar

from pytest_lipleak.core.conditions import SETUPS, Condition, Reference, Setup
from pytest_lipleak.core.errors import ConfigurationError, NotApplicableError, UnscorableError
from pytest_lipleak.core.metrics.default_gates import LEAST_EXCESS, default_limit
from pytest_lipleak.core.metrics.formulas import REFERENCE_PROBES, metric
from pytest_lipleak.core.number_words import counted
from pytest_lipleak.report.failures import explain
from pytest_lipleak.sync.experts import refuse_unnamed
from pytest_lipleak.verdicts.endings import UNREAD
from pytest_lipleak.verdicts.limits import Limit, Measurement, Verdict, check_confidence

if TYPE_CHECKING:
    from pytest_lipleak.core.corpus import Corpus
    from pytest_lipleak.evaluation.comparison import Regression
    from pytest_lipleak.evaluation.evaluation import Evaluation


JUDGED: Mapping[str, str] = {
    "assert_lsd_below": "LSD-CR",
    "assert_silent_lse_c_below": "LSE-C_S[CR]",
    "assert_silent_lse_d_above": "LSE-D_S[CR]",
    "assert_lse_c_above": "LSE-C[AM,CR]",
    "assert_lse_d_below": "LSE-D[AM,CR]",
    "assert_ssim_above": "SSIM[AM,CR]",
    "assert_psnr_above": "PSNR[AM,CR]",
    "assert_fid_below": "FID[AM,CR]",
    "assert_csim_above": "CSIM[AM,CR]",
    "assert_lmd_below": "LMD[AM,CR]",
    "assert_no_silent_leak": "LSE-C_S@floor[CR]",
    "assert_no_own_audio_leak": "LSE-C_XO@floor[CR]",
}
"""What each assertion judges where it is given nothing else."""

LOOKED_UP = ("assert_no_silent_leak", "assert_no_own_audio_leak")
"""Those whose limit is looked up for the expert in use, unless ``min_effect`` says it."""


class InconclusiveWarning(UserWarning):
    """A verdict that this many clips cannot settle, under ``--lipleak-inconclusive=warn``."""


P = ParamSpec("P")
R = TypeVar("R")


def _checked(assertion: Callable[P, R]) -> Callable[P, R]:
    """Let an assertion say in one line that it was given something of another kind, such as swapped arguments."""
    parameters = signature(assertion).parameters.values()

    @wraps(assertion)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        __tracebackhide__ = True
        given = {**dict(zip((each.name for each in parameters), args, strict=False)), **kwargs}
        called = f"{assertion.__name__}({', '.join(each.name for each in list(parameters)[:2])}, ...)"
        if "lipleak" in given and not hasattr(given["lipleak"], "judge"):
            raise ConfigurationError(
                f"got {given['lipleak']!r} to judge; expected the fixture lipleak, or an evaluation: {called}"
            )
        for each in parameters:
            kind, words = _KINDS.get(each.annotation, (object, ""))
            value = given.get(each.name)
            if words and each.name in given and (not isinstance(value, kind) or isinstance(value, bool)):
                shown = repr(value) if isinstance(value, str | bytes | int | None) else type(value).__name__
                raise ConfigurationError(f"got {shown} as {each.name}; expected {words}: {called}")
        return assertion(*args, **kwargs)

    return checked


_KINDS: Mapping[Any, tuple[Any, str]] = {
    str: (str, "text"),
    float: (Real, "a number"),
    float | None: (Real | None, "a number"),
}
"""What is given to a parameter of that annotation, and how it is called."""


@_checked
def assert_metric(lipleak: "Evaluation", limit: str, *, confidence: float | None = None) -> Verdict:
    """Assert any limit, for example ``assert_metric(lipleak, "LSD-CR < 0.6")``.

    Args:
        lipleak: the fixture of that name.
        limit: METRIC < NUMBER (or <=, >, >=); the direction must be the one in which the metric is better.
        confidence: None compares the value itself with the limit, as papers do (unless ``--lipleak-confidence``
            says otherwise); a share such as 0.95 wants the whole interval of that coverage on the good side.
            All assertions take it.

    Returns:
        The verdict, when it passed.

    Raises:
        AssertionError: the limit is not kept, cannot be judged (no clip scored, NaN, unscored clips), or is
            inconclusive at that confidence (``--lipleak-inconclusive`` may skip or warn instead).
        ConfigurationError: the limit does not parse or points the wrong way.
    """
    __tracebackhide__ = True
    try:
        wanted = Limit.parse(limit)
    except ConfigurationError as error:
        lipleak.corpus.remarks[f"{UNREAD}{error}"] = 1
        raise error.with_traceback(None) from None  # of ours nobody needs the lines
    return _assert(lipleak, wanted, confidence)


@_checked
def assert_no_regression(
    lipleak: "Evaluation", baseline: "str | Path | Corpus", *fail: str
) -> "list[Regression]":
    """Assert that a model is not worse than a baseline, paired by clip.

    Args:
        lipleak: the fixture of that name.
        baseline: a file of ``--lipleak-save-baseline`` or ``--lipleak-json``; or the scores themselves.
        fail: what must not happen, for example ``"LSD-CR > +0.1"`` or ``"LSD-CR > +10% +0.05"`` (by a tenth of the
            baseline and by 0.05); none takes LSE-C_S, LSE-C_S@floor, LSE-C_XO@floor, LipCorr_S, LipCorr_XO,
            LSE-C[AM] and LSE-C[XM] of every reference that the model and the baseline have, each by 0.1 and all but
            LipCorr by 10 %.

    Returns:
        The verdicts, when all passed. What could not be compared, because baseline or model lack it, is said by a note
        of the report.

    Raises:
        AssertionError: a metric got worse by more than that, or cannot be judged; without ``fail``, also where the
            baseline holds none of these metrics that show leaks. Says what was not compared, too.
        InputError: the baseline was measured otherwise (protocol, expert, weights, clips, pairing, silence, AR
            strategy, unverified weights); says which differs.
        ConfigurationError: ``fail`` does not parse.
    """
    __tracebackhide__ = True
    from pytest_lipleak.evaluation.comparison import has, judge_regression, matching
    from pytest_lipleak.report.baseline_words import explain_regression
    from pytest_lipleak.report.reading import read_report
    from pytest_lipleak.verdicts.regressions import DEFAULT_ALLOWANCES, Allowance

    given = isinstance(baseline, str | Path)
    file = str(baseline) if given else "the baseline"
    corpora = read_report(Path(baseline)).corpora if isinstance(baseline, str | Path) else [baseline]
    before = matching(corpora, lipleak.corpus.provenance.model, file)
    allowances, lacking = [Allowance.parse(text) for text in fail or DEFAULT_ALLOWANCES], []
    if not fail:
        wanted, allowances = allowances, [each for each in allowances if has(before, each.metric)]
        if not any(each.metric.shows_leak for each in allowances):
            # Sync alone may have stayed as it was in a model that now copies.
            leaks = ", ".join(each.metric.name for each in wanted if each.metric.shows_leak)
            raise AssertionError(
                f"{file}: cannot be judged for leaks, it holds none of {leaks} on all clips; save it with limits on "
                "these (the default gates, for example), or say what must not happen, such as 'LSE-C_S > +0.1'"
            )
        unknown = [each.metric.name for each in wanted if each not in allowances]
        if unknown:
            lacking.append(f"the baseline lacks {', '.join(unknown)}")
    judged, skipped = [], []
    for allowance in allowances:
        try:
            judged.append(judge_regression(lipleak, allowance, before))
        except NotApplicableError as error:
            skipped.append(str(error))
            lacking.append(f"the model lacks {allowance.metric.name}")
        except UnscorableError as error:
            raise AssertionError(f"{allowance}: cannot be judged: {error}") from None
    if skipped and not judged:
        _skip(lipleak, "; ".join(dict.fromkeys(skipped)))
        return []
    uncompared = f"not compared with {file}: {'; '.join(lacking)}" if lacking else ""
    if broken := [explain_regression(each, file) for each in judged if not each.verdict.passed]:
        raise AssertionError("\n".join([*broken, *([uncompared] if uncompared else [])]))
    if uncompared:
        lipleak.corpus.remarks[uncompared] = 1
    return judged


@_checked
def assert_lsd_below(
    lipleak: "Evaluation", limit: float, *, reference: str = "CR", confidence: float | None = None
) -> Verdict:
    """Assert that LSD stays below ``limit``: sync must not depend on whose audio drives.

    LSD = 0.5 (|C_AM - C_XM| + |D_AM - D_XM|) from corpus means (Yaman et al. 2025).

    Args:
        lipleak: the fixture of that name.
        limit: on the scale of the sync expert in use; 0 is the metric's minimum.
        reference: ``"CR"`` or ``"AR"``.
    """
    __tracebackhide__ = True
    return _assert(lipleak, Limit(metric(f"LSD-{_reference(reference)}"), "<", limit), confidence)


@_checked
def assert_silent_lse_c_below(
    lipleak: "Evaluation", limit: float, *, reference: str = "CR", confidence: float | None = None
) -> Verdict:
    """Assert that lips driven by silence do not agree with the audio the model never heard: LSE-C_S."""
    __tracebackhide__ = True
    return _assert(lipleak, Limit(metric(f"LSE-C_S[{_reference(reference)}]"), "<", limit), confidence)


@_checked
def assert_silent_lse_d_above(
    lipleak: "Evaluation", limit: float, *, reference: str = "CR", confidence: float | None = None
) -> Verdict:
    """Assert that lips driven by silence stay far from the audio the model never heard: LSE-D_S."""
    __tracebackhide__ = True
    return _assert(lipleak, Limit(metric(f"LSE-D_S[{_reference(reference)}]"), ">", limit), confidence)


@_checked
def assert_lse_c_above(
    lipleak: "Evaluation",
    limit: float,
    *,
    setup: str = "AM",
    reference: str = "CR",
    confidence: float | None = None,
) -> Verdict:
    """Assert that lips follow the driving audio: LSE-C of one condition, AM or XM."""
    __tracebackhide__ = True
    return _assert(lipleak, Limit(metric(f"LSE-C[{_heard(setup, reference)}]"), ">", limit), confidence)


@_checked
def assert_lse_d_below(
    lipleak: "Evaluation",
    limit: float,
    *,
    setup: str = "AM",
    reference: str = "CR",
    confidence: float | None = None,
) -> Verdict:
    """Assert that lips stay close to the driving audio: LSE-D of one condition, AM or XM."""
    __tracebackhide__ = True
    return _assert(lipleak, Limit(metric(f"LSE-D[{_heard(setup, reference)}]"), "<", limit), confidence)


@_checked
def assert_ssim_above(
    lipleak: "Evaluation",
    limit: float,
    *,
    setup: str = "AM",
    reference: str = "CR",
    region: str = "full",
    confidence: float | None = None,
) -> Verdict:
    """Assert structural similarity to the real frames (Wang et al. 2004), ``region`` "full" or "mouth".

    A model that returns its input outside the mouth scores near 1 on the full frame; the mouth region says more.
    """
    __tracebackhide__ = True
    return _assert(lipleak, _picture("SSIM", ">", limit, setup, reference, region), confidence)


@_checked
def assert_psnr_above(
    lipleak: "Evaluation",
    limit: float,
    *,
    setup: str = "AM",
    reference: str = "CR",
    region: str = "full",
    confidence: float | None = None,
) -> Verdict:
    """Assert peak signal-to-noise ratio to the real frames in dB, ``region`` "full" or "mouth"."""
    __tracebackhide__ = True
    return _assert(lipleak, _picture("PSNR", ">", limit, setup, reference, region), confidence)


@_checked
def assert_fid_below(
    lipleak: "Evaluation",
    limit: float,
    *,
    setup: str = "AM",
    reference: str = "CR",
    confidence: float | None = None,
) -> Verdict:
    """Assert Fréchet inception distance of all generated to all real frames (Heusel et al. 2017).

    Biased upward for few frames: limits hold for one clip set and frame count only. Needs ``[quality]``.
    """
    __tracebackhide__ = True
    return _assert(lipleak, _picture("FID", "<", limit, setup, reference), confidence)


@_checked
def assert_csim_above(
    lipleak: "Evaluation",
    limit: float,
    *,
    setup: str = "AM",
    reference: str = "CR",
    confidence: float | None = None,
) -> Verdict:
    """Assert identity: ArcFace cosine to the real face (Deng et al. 2019), -1..1. Needs ``[faces]``."""
    __tracebackhide__ = True
    return _assert(lipleak, _picture("CSIM", ">", limit, setup, reference), confidence)


@_checked
def assert_lmd_below(
    lipleak: "Evaluation",
    limit: float,
    *,
    setup: str = "AM",
    reference: str = "CR",
    confidence: float | None = None,
) -> Verdict:
    """Assert mouth landmark distance to the real frames, in pixels (Chen et al. 2018). Needs ``[faces]``."""
    __tracebackhide__ = True
    return _assert(lipleak, _picture("LMD", "<", limit, setup, reference), confidence)


@_checked
def assert_no_silent_leak(
    lipleak: "Evaluation", alpha: float = 0.01, *, reference: str = "CR", min_effect: float | None = None
) -> Verdict:
    """Assert that lips driven by silence agree with the clip's own speech no more than without a leak.

    ``LSE-C_S@floor``: at any lag, over unrelated speech, and over a floor video of the region that the model edits.
    Fails when the mean over clips reaches ``min_effect`` and all clips together would score like that by chance with p
    of at most ``alpha``; so neither chance nor, in a large corpus, dust fails. Inconclusive when it is that large but
    may be chance.

    Args:
        lipleak: the fixture of that name.
        alpha: how often a model without leak may be found leaking by chance.
        reference: ``"CR"`` or ``"AR"``.
        min_effect: the excess that counts, on the scale of the sync expert in use; None takes the one measured
            for this expert and protocol (docs/statistics.md).

    Raises:
        AssertionError: a leak, or so few clips that none could be found.
        ConfigurationError: no ``min_effect`` is known for this expert and protocol.
    """
    __tracebackhide__ = True
    return _assert_no_excess(lipleak, "LSE-C_S@floor", alpha, reference, min_effect)


@_checked
def assert_no_own_audio_leak(
    lipleak: "Evaluation", alpha: float = 0.01, *, reference: str = "CR", min_effect: float | None = None
) -> Verdict:
    """Assert that lips driven by other speech agree with the clip's own speech no more than without a leak.

    ``LSE-C_XO@floor``; arguments and outcome as ``assert_no_silent_leak``.
    """
    __tracebackhide__ = True
    return _assert_no_excess(lipleak, "LSE-C_XO@floor", alpha, reference, min_effect)


def _assert_no_excess(
    lipleak: "Evaluation", name: str, alpha: float, reference: str, min_effect: float | None
) -> Verdict:
    __tracebackhide__ = True
    chosen = min_effect is not None
    if min_effect is None:
        expert, protocol = lipleak.expert.identity.name, lipleak.corpus.provenance.protocol
        min_effect = LEAST_EXCESS.get((expert, protocol), {}).get(name)
        if min_effect is None:
            raise ConfigurationError(
                f"no min_effect is known for expert {expert!r} under protocol {protocol!r} (known: "
                f"{', '.join(map(' under '.join, LEAST_EXCESS))}); measure it with a generator that does not leak, and "
                "give min_effect="
            )
    limit = Limit(metric(f"{name}[{_reference(reference)}]"), "<", min_effect, alpha=alpha)
    return _assert(lipleak, limit, None, chosen=chosen)


@_checked
def assert_reference_does_not_move_lips(
    lipleak: "Evaluation", limit: float | None = None, *, setup: str = "PA", alpha: float = 0.01
) -> list[Verdict]:
    """Assert that the lips stay as they are when the identity reference alone is changed.

    Two causal probes, for every reference that the model has: the mouths of the reference come 8 frames earlier (CR),
    and neither pixels nor sync with the clip's own audio may move along; the mouth in the reference is swapped for
    another one (CR and AR), and none of it may arrive in the output. Both are 0 without any effect and 1 for a
    complete copy; a shift may come to 1 for half of one, too.

    Args:
        lipleak: the fixture of that name.
        limit: from which value on each counts as a leak; None takes the default gates' own, .15 where they have none.
        setup: what drives: ``"PA"`` (other speech with pauses), ``"XM"`` or ``"SI"``. Models that know silence when
            they hear it show nothing under SI.
        alpha: a value beyond the limit that is no more than chance (sign-flip p over clips) is reported as not settled
            by these clips; it fails as well.

    Returns:
        The verdicts, when all passed.

    Raises:
        AssertionError: the reference moves the lips, or that cannot be told.
    """
    __tracebackhide__ = True
    names = [name.format(setup) for name in REFERENCE_PROBES]
    limits = [Limit(metric(name), "<", default_limit(name) if limit is None else limit) for name in names]
    verdicts, broken, skipped = [], [], []
    for each in limits:
        try:
            verdict = lipleak.judge(each)
        except NotApplicableError as error:
            skipped.append(str(error))
            continue
        verdicts.append(verdict)
        if not verdict.passed:
            broken.append(f"{explain(verdict)}\n  {_chance(verdict, alpha)}")
    if not verdicts:
        _skip(lipleak, "; ".join(dict.fromkeys(skipped)))
    if broken:
        raise AssertionError("\n".join(broken))
    return verdicts


def _chance(verdict: Verdict, alpha: float) -> str:
    import numpy as np

    from pytest_lipleak.statistics.signs import sign_flip_p

    shares = np.array(list(verdict.measurement.per_clip.values()))
    if not len(shares) or not np.isfinite(shares).all():
        return "no p value: not every clip has a finite share"
    p, least = sign_flip_p(shares), 0.5 ** len(shares)
    if p <= max(alpha, least):
        return f"not by chance: sign-flip p = {p:.2g} over {counted(len(shares), 'clip')}"
    return f"not settled: chance may give this (sign-flip p = {p:.2g} over {counted(len(shares), 'clip')}); add clips"


_REGIONS = {"full": "", "mouth": "_mouth"}


def _picture(
    measure: str, operator: str, limit: float, setup: str, reference: str, region: str = "full"
) -> Limit:
    if region not in _REGIONS:
        raise ConfigurationError(f"region={region!r} is not known; use {' or '.join(_REGIONS)}")
    return Limit(metric(f"{measure}{_REGIONS[region]}[{setup},{reference}]"), operator, limit)


def _reference(name: str) -> Reference:
    if name not in Reference.__members__:
        raise ConfigurationError(f"reference={name!r} is not known; use {' or '.join(Reference)}")
    return Reference[name]


def _heard(setup: str, reference: str) -> Condition:
    if setup == Setup.SI:
        raise ConfigurationError(
            "under SI there is no driving audio to follow; use assert_silent_lse_c_below or assert_silent_lse_d_above"
        )
    if setup not in SETUPS:
        raise ConfigurationError(f"setup={setup!r} is not known; use AM or XM")
    return Condition(Setup[setup], _reference(reference))


def _assert(lipleak: "Evaluation", limit: Limit, confidence: float | None, *, chosen: bool = True) -> Verdict:
    """Judge; ``chosen`` says that the limit is the user's, and not one that was looked up for the expert."""
    __tracebackhide__ = True
    if chosen and limit.metric.on_a_scale:
        about = lipleak.corpus.provenance
        refuse_unnamed(str(limit), lipleak.expert.identity.name, about.expert_reason)
    check_confidence(confidence, "confidence=")
    if confidence is not None:
        limit = replace(limit, confidence=confidence)
    try:
        verdict = lipleak.judge(limit)
    except NotApplicableError as error:
        _skip(lipleak, str(error))
        nothing = Measurement(limit.metric, math.nan, None, {}, (), lipleak.corpus.provenance.expert)
        return Verdict(limit, nothing, str(error))
    return settle(verdict, lipleak.rules.inconclusive, AssertionError, partial(_skip, lipleak))


def settle(
    verdict: Verdict,
    inconclusive: str,
    failure: Callable[[str], Exception],
    skip: Callable[[str], None] | None = None,
) -> Verdict:
    """Turn a verdict into what a test does: return it, fail, and where it is inconclusive, as the user chose.

    Args:
        verdict: the verdict.
        inconclusive: ``fail``, ``skip`` or ``warn``.
        failure: what is raised, made from its text.
        skip: how a test is skipped; None skips at once.
    """
    __tracebackhide__ = True
    if verdict.inconclusive and inconclusive == "skip":
        (skip or _skip_now)(verdict.headline)
    elif verdict.inconclusive and inconclusive == "warn":
        warnings.warn(InconclusiveWarning(verdict.headline), stacklevel=4)
    elif not verdict.passed:
        raise failure(explain(verdict))
    return verdict


def _skip(lipleak: "Evaluation", reason: str) -> None:
    """Skip the test, at its end where the plugin watches over it: the assertions behind this one still count."""
    __tracebackhide__ = True
    if lipleak.deferred_skips is None:
        _skip_now(reason)
    else:
        lipleak.deferred_skips.append(reason)


def _skip_now(reason: str) -> NoReturn:
    __tracebackhide__ = True
    import pytest

    pytest.skip(reason)
