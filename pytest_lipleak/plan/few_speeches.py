"""What cannot be judged of a clip set because it holds too few speeches: known before anything is generated."""

from collections.abc import Collection, Mapping

from pytest_lipleak.core.number_words import counted
from pytest_lipleak.core.scores import LEAST_UNRELATED
from pytest_lipleak.media.clipsets import ClipSet

FOR_ALL_LIMITS = LEAST_UNRELATED + 2
"""Recordings with which every limit can be judged: the clip's own, its partner's, and as many as show chance."""


def few_speeches(clips: ClipSet, partners: Mapping[str, Collection[str]]) -> str | None:
    """Say which limits under other speech no model can keep or break on these clips; None where there are none.

    Lips that other speech drove are compared with speech that is neither the clip's own nor its partner's.

    Args:
        clips: the set.
        partners: by clip, whose speech drives under XM.
    """
    speeches: list[str] = []
    for name in clips:
        if not any(clips.same_speech(name, other) for other in speeches):
            speeches.append(name)
        if len(speeches) == FOR_ALL_LIMITS:
            return None
    left = {
        name: min(
            sum(not any(clips.same_speech(each, own) for own in (name, partner)) for each in speeches)
            for partner in heard
        )
        for name, heard in partners.items()
        if heard
    }
    if not left or min(left.values()) >= LEAST_UNRELATED:
        return None
    clip = min(left, key=lambda name: left[name])
    what = (
        "limits under other speech (LSE-C_XO@floor, LipCorr_XO) cannot be judged on these clips, so the default "
        "verdict will be NOT JUDGED, or a leak: beside its own and its partner's speech"
        if not left[clip]
        else "no single clip can be accused under other speech (LipCorr_XO@worst): beside its own and its partner's "
        "speech"
    )
    count = left[clip]
    there = f"there {'are' if count > 1 else 'is'} {counted(count, 'other recording') if count else 'none'}"
    return (
        f"{what} {there} to compare {clip} with; "
        f"{FOR_ALL_LIMITS} recordings let all limits be judged, and there are {len(speeches)}"
    )
