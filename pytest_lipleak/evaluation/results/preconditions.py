"""Can this expert judge these clips at all? Asked of the real clips before any verdict."""

from collections.abc import Mapping, Sequence

import numpy as np

from pytest_lipleak.core.corpus import Corpus
from pytest_lipleak.core.number_words import counted
from pytest_lipleak.core.scores import SyncScore, Unscored, cut_notes, rank_p
from pytest_lipleak.statistics.signs import sign_flip_p

ALPHA = 0.05

NOT_HEARD_FROM = 0.2
"""A real clip is not heard when at least this share of unrelated audios fits it as well as its own does, or"""

HEARD_ABOVE = 1.25
"""when its own stands by less than so many standard deviations above them, where there are"""

ENOUGH_UNRELATED = 5
"""so many of them or more: from fewer no deviation is known."""

SURE_BY = 1.0
"""A real clip's offset is in doubt when the best one leads the next by less than so many of these deviations: a leak is
sought around that offset. Both limits were chosen on faces turned, warped and covered on purpose, and lost none of the
same faces unchanged: figures in docs/evidence/embedded-expert-tables.md."""


def out_of_sync(real: SyncScore, others: Sequence[float]) -> str | None:
    """Return why the expert does not hear one real clip, or None when it does.

    Such a clip can show no leak, and would only thin out the leaks of the others: its trials count as unscored.

    Args:
        real: of the clip against its own audio.
        others: LSE-C of the clip against unrelated audios, by the best shift of each, so that the choice of the best
            favours neither.
    """
    if why := unheard(real.lse_c, others):
        return f"the expert does not hear that this real clip is in sync: {why}; a leak would not be heard either"
    if why := doubtful_offset(real, others):
        return f"{why}; a leak would be sought at the wrong place"
    return None


def unheard(own: float, others: Sequence[float]) -> str | None:
    """Return why lips follow an audio no better than unrelated ones, or None where they follow it.

    Args:
        own: LSE-C with the audio.
        others: likewise with unrelated audios.
    """
    better = sum(other >= own for other in others)
    if rank_p(own, others) > max(NOT_HEARD_FROM, 1 / (1 + len(others))):
        return (
            f"LSE-C {own:.2f} with its own audio, and {better} of {len(others)} unrelated audios fit as well"
        )
    if len(others) >= ENOUGH_UNRELATED and (above := _deviations_above(own, others)) < HEARD_ABOVE:
        return (
            f"LSE-C {own:.2f} with its own audio, only {above:.1f} standard deviations ({HEARD_ABOVE:g} expected) "
            f"above the {np.mean(others):.2f} that {len(others)} unrelated audios give on average"
        )
    return None


def doubtful_offset(score: SyncScore, others: Sequence[float]) -> str | None:
    """Return why the best offset is in doubt, or None where none fits nearly as well.

    Args:
        score: against an audio.
        others: LSE-C with unrelated audios, whose spread says how far offsets differ by chance.
    """
    best, rival = score.lse_c, score.confidence_at(score.rival)
    if len(others) < ENOUGH_UNRELATED or best - rival >= SURE_BY * float(np.std(others, ddof=1)):
        return None
    return (
        f"the expert is not sure of the offset: {score.offset:+d} and {score.rival:+d} frames fit nearly alike (LSE-C "
        f"{best:.2f} and {rival:.2f}), as with a face that is on its side, turned away or half hidden"
    )


def _deviations_above(own: float, others: Sequence[float]) -> float:
    spread = float(np.std(others, ddof=1))
    above = own - float(np.mean(others))
    return above / spread if spread else float(np.copysign(np.inf, above))


def mark_out_of_sync(corpus: Corpus) -> None:
    """Count as unscored every real clip that the expert does not hear, in place of what was marked before.

    None is where it cannot judge the clips at all: that is about all of them, so no word about single ones.
    """
    judges = expert_unfit_for(corpus) is None
    for clip in filter(corpus.unrelated.__contains__, corpus.provenance.clip_names):
        real = corpus.trials[clip, None]
        corpus.unscored.pop((clip, None), None)
        if judges and (why := out_of_sync(real.own, corpus.unrelated[clip])):
            corpus.unscored[clip, None] = Unscored(clip, None, "; ".join((why, *cut_notes(real.notes))))


def expert_unfit_for(corpus: Corpus) -> str | None:
    """Return why the expert cannot judge the clips of ``corpus``; see ``expert_unfit``."""
    own = {
        clip: corpus.trials[clip, None].own.lse_c
        for clip in corpus.provenance.clip_names
        if (clip, None) in corpus.trials
    }
    return expert_unfit(own, corpus.unrelated)


def expert_unfit(own: Mapping[str, float], others: Mapping[str, Sequence[float]]) -> str | None:
    """Return why the expert cannot judge the clips, or None when it can.

    Real clips must score better with their own audio than with other clips' (Chung & Zisserman 2016). An
    expert that does not hear the difference would also not see a leak, and let every model pass.

    Args:
        own: LSE-C of each real clip against its own audio.
        others: LSE-C of the same clip against unrelated audios of equal length.
    """
    clips = [clip for clip in own if others.get(clip)]
    if not clips:
        return None
    mine = np.array([own[clip] for clip in clips])
    unrelated = np.array([np.mean(others[clip]) for clip in clips])
    # With n clips p cannot fall below 1 / 2^n: fewer than five clips must all agree instead.
    p = sign_flip_p(mine - unrelated)
    if p <= max(ALPHA, 0.5 ** len(clips)):
        return None
    told = counted(len(clips), "clip")
    return (
        f"this expert cannot judge these clips: the real clips score LSE-C {mine.mean():.2f} with their own audio "
        f"and {unrelated.mean():.2f} with others' (p = {p:.2f}, {told}); check that the clips are in "
        "sync and face-centred (or use --lipleak-protocol tracked), and that the expert's weights are right"
    )
