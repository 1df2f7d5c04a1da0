"""Which clip's audio drives which clip under XM: a seeded derangement."""

import random
from collections import Counter
from collections.abc import Callable, Sequence

from pytest_lipleak.core.errors import InputError
from pytest_lipleak.media.clipsets import ClipSet

ANY, SAME_SPEAKER, GIVEN = "any", "same-speaker", "given"


def mismatched_pairs(clips: ClipSet, seed: int, rule: str = ANY) -> dict[str, str]:
    """Return the partner of every clip: another clip whose speech drives it under XM.

    A random permutation without fixed points, so that every speech is used once; never the same clip,
    never the same speech. Partners at least as long as the clip are preferred. Where no such permutation
    exists, a speech may be used twice.

    Args:
        clips: the clip set.
        seed: of the draw; the same clips and seed give the same pairs on every machine.
        rule: ``any``, or ``same-speaker`` to pair within one speaker.

    Raises:
        InputError: a clip has no possible partner.
    """
    names = list(clips)
    if len(names) < 2:
        raise InputError(
            f"{clips.origin}: 1 clip has no partner for the XM setup; add a clip with other speech, or measure "
            "only AM and SI"
        )
    shuffled = names.copy()
    random.Random(f"lipleak pairing {seed}").shuffle(shuffled)

    def fits(clip: str, partner: str) -> bool:
        return (
            clip != partner
            and (rule != SAME_SPEAKER or clips.same_speaker(clip, partner))
            and not clips.same_speech(clip, partner)
        )

    length = {name: len(clips.speech(name)) for name in names}
    allowed = {clip: [partner for partner in shuffled if fits(clip, partner)] for clip in shuffled}
    for clip in names:
        if not allowed[clip]:
            raise InputError(
                f"{clips.origin}: clip {clip!r} has no partner for XM: {_why(clips, clip, rule)}"
            )
    partners = _matching(shuffled, lambda clip: [p for p in allowed[clip] if length[p] >= length[clip]])
    partners = _matching(shuffled, lambda clip: allowed[clip], partners)
    for clip in shuffled:
        partners.setdefault(
            clip, next((p for p in allowed[clip] if length[p] >= length[clip]), allowed[clip][0])
        )
    return {name: partners[name] for name in names}


def refuse_unknown_speakers(clips: ClipSet, rule: str = SAME_SPEAKER) -> None:
    """Refuse, from the list of files alone, clips that cannot be paired within one speaker.

    Raises:
        InputError: a clip's speaker is unknown, or has no other clip.
    """
    speakers = Counter(file.speaker for file in clips.files.values())
    for name, file in clips.files.items():
        if rule == SAME_SPEAKER and (file.speaker is None or speakers[file.speaker] < 2):
            raise InputError(
                f"{clips.origin}: clip {name!r} has no partner for XM: {_why(clips, name, rule)}"
            )


def _matching(
    clips: Sequence[str], options: Callable[[str], Sequence[str]], start: dict[str, str] | None = None
) -> dict[str, str]:
    """Give as many clips as possible a partner of their own, by augmenting paths (Kuhn 1955)."""
    taken = {partner: clip for clip, partner in (start or {}).items()}
    for clip in clips:
        if clip not in taken.values():
            _augment(clip, options, taken)
    return {clip: partner for partner, clip in taken.items()}


def _augment(clip: str, options: Callable[[str], Sequence[str]], taken: dict[str, str]) -> None:
    came_from: dict[str, str] = {}
    queue = [clip]
    for seeker in queue:
        for partner in options(seeker):
            if partner in came_from:
                continue
            came_from[partner] = seeker
            if partner in taken:
                queue.append(taken[partner])
                continue
            while True:
                seeker = came_from[partner]
                previous = next((p for p, c in taken.items() if c == seeker), None)
                taken[partner] = seeker
                if previous is None:
                    return
                partner = previous


def _why(clips: ClipSet, clip: str, rule: str) -> str:
    if rule == SAME_SPEAKER:
        speaker = clips.files[clip].speaker
        if speaker is None:
            return (
                "its speaker is unknown, and pairs must stay within one speaker (the demo models and "
                "--lipleak-pairing=same-speaker ask for it); put each speaker's clips into a folder of their own, "
                "or name a CSV manifest with a column 'speaker'"
            )
        return f"no other clip of speaker {speaker!r} says something else (see --lipleak-pairing)"
    return "all other clips contain the same speech"
