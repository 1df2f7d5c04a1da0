"""Limits for an expert that has no default gates, from what the control generators come to on a clip set.

A limit on a leak stands halfway between what no leak comes to at most and what half a copy comes to at least. The
control generators are one way to make lips, and others agree more with speech that they never heard: so a limit is
never below a share of what a full copy gives. Where a full copy would keep such a limit, the metric cannot tell a leak
on these clips, and there is none; where half a copy would, the limit stands, and that is said.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from pytest_lipleak.core.conditions import Reference
from pytest_lipleak.core.corpus import Corpus
from pytest_lipleak.core.metrics.default_gates import PROBE_GATES, SCALELESS_GATES, SCAN_LIMITS
from pytest_lipleak.core.metrics.formulas import metric
from pytest_lipleak.core.number_words import counted
from pytest_lipleak.evaluation.results.aggregate import measure
from pytest_lipleak.verdicts.limits import MIN_UNITS, Limit, Measurement

NONE, HALF, FULL = 0.0, 0.5, 1.0
"""Copied shares between which limits are set."""

LEAST_SHARE: Mapping[str, float] = {metric(name).name: limit for name, limit in SCAN_LIMITS.items()}
"""By metric on the expert's scale that leaks are told by: the share of a full copy's value below which no limit stands.
The embedded expert's own default limits, as if a full copy gave 1: on its scale it comes to .87 on clips of GRID and to
1.9 on the embedded ones. So a limit may be narrower than the default: .35 under silence on those of GRID, where honest
lips of any set come to .34 (``docs/evidence/known-guilt.md``, "Gate by gate")."""

CALIBRATED = tuple(LEAST_SHARE)

FOLLOWS = ("LSE-C[AM,CR]", "LSE-C[XM,CR]")
"""Whether lips follow their own audio, and other speech: lips that stand still under a jaw that moves do the former."""


FOLLOWING = 0.1
"""Share of the way from real lips with speech of others to the control generator's with what drives it, from which lips
follow. The control generator pastes filmed mouths, which experts like best: halfway, lips of other kinds that follow
are called deaf. How many, by each share, stands in ``docs/evidence/known-guilt.md``, "Calibrated on a real set": 4 of
77 by the embedded expert's default gates, 16 at a tenth, 20 halfway."""


def on_these_clips(corpus: Corpus, found: Measurement) -> Measurement:
    """Return a measurement with an interval over clips where it has none because they show too few speakers.

    The limits judge models on the clips that they were set on, whoever is seen there; other people are another
    question, which ``few_speakers`` names. The value stays.
    """
    if found.interval is not None or found.speakers is None or found.clips < MIN_UNITS:
        return found
    alone = replace(corpus, provenance=replace(corpus.provenance, speakers={}))
    return replace(found, interval=measure(alone, found.metric).interval)


def few_speakers(corpus: Corpus) -> str | None:
    """Say for whom limits hold that were set on few speakers; None where there are enough of them."""
    known = corpus.provenance.speakers
    names = corpus.provenance.clip_names
    people = {known.get(name, name) for name in names}
    if len(people) >= MIN_UNITS or len(names) < MIN_UNITS:
        return None
    return (
        f"limits on the expert's scale were set on {counted(len(names), 'clip')} of {counted(len(people), 'speaker')}: "
        f"they hold for these clips; for other people, calibrate on clips of at least {MIN_UNITS} speakers"
    )


def limit_between(good: Measurement, bad: Measurement) -> float | None:
    """Return the value halfway between the bad end of ``good``'s interval and the good end of ``bad``'s.

    None where the intervals do not part, or there is none.
    """
    if good.interval is None or bad.interval is None:
        return None
    worst, best = (
        (good.interval[1], bad.interval[0])
        if good.metric.better == "lower"
        else (good.interval[0], bad.interval[1])
    )
    parted = worst < best if good.metric.better == "lower" else worst > best
    return (worst + best) / 2 if parted else None


def gates_for(
    measured: Mapping[float, Mapping[str, Measurement]], honest: Corpus
) -> tuple[list[str], list[str], list[str]]:
    """Return gates for both references, in words which metrics give none, and which limits half a copy would keep.

    Args:
        measured: by copied share (``NONE``, ``HALF``, ``FULL``) and name, ``CALIBRATED`` and ``FOLLOWS``.
        honest: the scores of the generator that leaks nothing.
    """
    gates: list[str] = []
    missing, blunt = [], []
    for name in CALIBRATED:
        none, half, full = (measured[share][name] for share in (NONE, HALF, FULL))
        value = limit_between(none, half)
        if value is None or full.interval is None:
            missing.append(f"{name}: {_untold(none, half)}")
            continue
        value = max(value, LEAST_SHARE[name] * full.value)
        if value >= full.interval[0]:
            missing.append(f"{name}: a full copy would keep {value:.3g}, too")
            continue
        limits = _both(name, "<", value)
        gates += limits
        if half.value < Limit.parse(limits[0]).value:
            blunt.append(f"{limits[0]}: half a copy would keep it ({half.value:.3g})")
    for name in FOLLOWS:
        floor = _follows(measured[NONE][name], honest)
        if floor is None:
            missing.append(f"{name}: {_deaf(measured[NONE][name])}")
        else:
            gates += _both(name, ">", floor)
    gates += [text.format(reference) for text in SCALELESS_GATES for reference in Reference]
    return [str(Limit.parse(text)) for text in (*gates, *PROBE_GATES)], missing, blunt


def _untold(good: Measurement, bad: Measurement) -> str:
    for each in (good, bad):
        if each.no_interval:
            return f"{each.no_interval}, and a limit needs intervals"
    return "these clips do not tell half a copy from none; add clips"


def _deaf(good: Measurement) -> str:
    if good.no_interval:
        return f"{good.no_interval}, and a limit needs intervals"
    return "lips that fit their audio score no better than with speech of others"


def _follows(good: Measurement, honest: Corpus) -> float | None:
    """A tenth of the way from real lips with speech of others to lips that follow."""
    unrelated = [score for scores in honest.unrelated.values() for score in scores]
    if not unrelated or good.interval is None:
        return None
    chance = sum(unrelated) / len(unrelated)
    above = good.interval[0] - chance
    return chance + FOLLOWING * above if above > 0 else None


def _both(name: str, operator: str, value: float) -> Sequence[str]:
    """A limit for CR and AR, rounded to the strict side at three decimals."""
    rounded = (math.floor if operator == "<" else math.ceil)(value * 1000) / 1000
    names = [metric(name.replace("CR", str(reference))).name for reference in Reference]
    if "CR" not in name:
        names = [metric(f"{name}[{reference}]").name for reference in Reference]
    return [f"{each} {operator} {rounded:g}" for each in names]


def without_scores(honest: Corpus) -> str | None:
    """Say which clips the limits were set without, and what a run asks for because of them; None where there are none.

    Args:
        honest: the scores of the generator that leaks nothing.
    """
    names = sorted({entry.clip for entry in honest.unscored.values()})
    if not names:
        return None
    return (
        f"the limits were set without {counted(len(names), 'clip')} that could not be scored ({', '.join(names)}): "
        "leave them out of --lipleak-clips, or a run on them may end as NOT JUDGED (--lipleak-allow-unscored judges "
        "the rest)"
    )


def options_file(gates: Sequence[str], expert: str, protocol: str, clips: str) -> str:
    """Return the file that ``pytest @FILE`` reads: an option a line."""
    lines = [f"--lipleak-expert={expert}", f"--lipleak-protocol={protocol}", f"--lipleak-clips={clips}"]
    return "".join(f"{line}\n" for line in (*lines, *(f"--lipleak-gate={gate}" for gate in gates)))
