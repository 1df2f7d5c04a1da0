"""Which clip's audio drives which clip under XM: a seeded derangement."""

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.errors import InputError
from pytest_lipleak.core.number_words import counted
from pytest_lipleak.media.clipsets import ClipSet

Marks = NDArray[np.bool_]
Places = NDArray[np.int64]

ANY_SPEAKER, SAME_SPEAKER, GIVEN = "any", "same-speaker", "given"


def drawn_partners(
    clips: ClipSet, seed: int, rule: str = ANY_SPEAKER, count: int = 1
) -> dict[str, tuple[str, ...]]:
    """Return ``count`` partners of every clip, in order: so many derangements, no clip with one speech twice.

    The first partners are those of ``mismatched_pairs``; more of them change nothing of the first.

    Raises:
        InputError: a clip has fewer possible partners.
    """
    found: dict[str, tuple[str, ...]] = dict.fromkeys(clips, ())
    for _ in range(count):
        drawn = mismatched_pairs(clips, seed, rule, found)
        found = {clip: (*partners, drawn[clip]) for clip, partners in found.items()}
    return found


def mismatched_pairs(
    clips: ClipSet,
    seed: int,
    rule: str = ANY_SPEAKER,
    taken: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> dict[str, str]:
    """Return the partner of every clip: another clip whose speech drives it under XM.

    A random permutation without fixed points, so that every speech is used once; never the same clip, never the same
    speech (``ClipSet.same_speech``). A copy (``ClipSet.copies``) drives nothing, and has the partner of its original.
    Partners at least as long as the clip are preferred. Where no such permutation exists, a speech may be used twice.

    Args:
        clips: the clip set.
        seed: of the draw; the same clips and seed give the same pairs on every machine.
        rule: ``any``, or ``same-speaker`` to pair within one speaker.
        taken: partners that clips have already; neither these nor clips of the same speech are drawn again.

    Raises:
        InputError: a clip has no possible partner.
    """
    names = [name for name in clips if name not in clips.copies]
    if len(names) < 2:
        raise InputError(
            f"{clips.origin}: 1 clip has no partner for the XM setup; add a clip with other speech, or measure "
            "only AM and SI"
        )
    had = max(map(len, taken.values()), default=0)
    shuffled = names.copy()
    random.Random(f"lipleak pairing {seed}{f' {had}' if had else ''}").shuffle(shuffled)

    length = np.array([clips.speech_length(name) for name in shuffled])
    place = {name: index for index, name in enumerate(shuffled)}
    codes = {
        speaker: code for code, speaker in enumerate({file.speaker: None for file in clips.files.values()})
    }
    speakers = np.array([codes[clips.files[name].speaker] for name in shuffled])
    unknown = codes.get(None, -1)
    same_speech = _same_speech(clips, place, taken)
    blocked = np.zeros(len(names), np.bool_)

    def may_drive(clip: int, among: Places) -> Marks:
        blocked[same_speech[clip]] = True
        fits: Marks = ~blocked[among]
        blocked[same_speech[clip]] = False
        if rule == SAME_SPEAKER:
            fits &= (speakers[among] == speakers[clip]) & (speakers[clip] != unknown)
        return fits

    every = np.arange(len(names))
    for name in names:
        if not may_drive(place[name], every).any():
            raise InputError(
                f"{clips.origin}: clip {name!r} has no partner for XM: {_why(clips, name, rule)}"
                if not had
                else f"{clips.origin}: clip {name!r} has {counted(had, 'partner')} for XM, expected more: no other "
                f"clip that may drive it says something else; ask for {had} with --lipleak-partners, or add clips"
            )
    partners = _Matching(length, may_drive)
    # First of all those who need no repeated audio.
    for needed in (length, np.zeros_like(length)):
        partners.extend(needed)
    for clip in np.flatnonzero(partners.of < 0).tolist():
        # The first one, which another clip has as well.
        fits = may_drive(clip, every)
        long_enough = fits & (length >= length[clip])
        partners.of[clip] = (long_enough if long_enough.any() else fits).argmax()
    return {name: shuffled[partners.of[place[clips.copies.get(name, name)]]] for name in clips}


def _same_speech(
    clips: ClipSet, place: Mapping[str, int], taken: Mapping[str, Sequence[str]]
) -> list[list[int]]:
    """Places of the clips that may not drive the one at each place, for what they say.

    Args:
        clips: the clip set.
        place: of every clip that may drive one.
        taken: see ``mismatched_pairs``.
    """
    found = [[place[name] for name in clips.same_speech_as(clip) if name in place] for clip in place]
    for copy, original in clips.copies.items():
        found[place[original]] += [place[name] for name in clips.same_speech_as(copy) if name in place]
    # What speaks already is never drawn again, nor what says the same.
    for driven, index in place.items():
        for partner in taken.get(driven, ()):
            said = (partner, *clips.same_speech_as(partner))
            found[index] += [place[name] for name in said if name in place]
    return found


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


class _Matching:
    """Gives as many clips as possible a partner of their own, by augmenting paths (Kuhn 1955).

    Args:
        length: of each clip's audio; all clips may be partners.
        may_drive: which of some clips may drive one, whatever their length.
    """

    def __init__(self, length: NDArray[np.int64], may_drive: Callable[[int, Places], Marks]) -> None:
        self.of = np.full(len(length), -1)
        """Partner of each clip; -1 for none."""
        self._clip_of = np.full(len(length), -1)
        self._length = length
        self._may_drive = may_drive

    def extend(self, needed: NDArray[np.int64]) -> None:
        """Find partners for clips that have none; earlier ones are preferred.

        Args:
            needed: least length of each clip's partner.
        """
        alive = np.arange(len(self.of))
        for clip in np.flatnonzero(self.of < 0).tolist():
            unmet = self._augment(clip, needed, alive)
            if unmet is not None:
                # What a search without success went through leads nowhere later, either.
                alive = unmet

    def _augment(self, clip: int, needed: NDArray[np.int64], alive: Places) -> Places | None:
        """Give a clip a partner; or return the clips that a search without success did not meet."""
        seeker_of = np.full(len(self.of), -1)
        unmet = alive
        longest = self._length[unmet].max(initial=-1)
        queue = [clip]
        for seeker in queue:
            if needed[seeker] > longest:
                continue
            fits = self._may_drive(seeker, unmet) & (self._length[unmet] >= needed[seeker])
            fresh = unmet[fits]
            seeker_of[fresh] = seeker
            owners = self._clip_of[fresh]
            if (owners < 0).any():
                self._assign(clip, int(fresh[(owners < 0).argmax()]), seeker_of)
                return None
            if len(fresh):
                unmet = unmet[~fits]
                longest = self._length[unmet].max(initial=-1)
                queue += owners.tolist()
        return unmet

    def _assign(self, clip: int, partner: int, seeker_of: NDArray[np.int64]) -> None:
        """Hand partners on along the path that was found, back to the clip it began with."""
        while True:
            seeker = int(seeker_of[partner])
            partner_before = int(self.of[seeker])
            self.of[seeker], self._clip_of[partner] = partner, seeker
            if seeker == clip:
                return
            partner = partner_before


def _why(clips: ClipSet, clip: str, rule: str) -> str:
    if rule == SAME_SPEAKER:
        speaker = clips.files[clip].speaker
        if speaker is None:
            return (
                "its speaker is unknown, and pairs must stay within one speaker (the demo models and "
                "--lipleak-pairing=same-speaker ask for it); put each speaker's clips into a folder of their own, "
                "or name a list of clips (CSV) with a column 'speaker'"
            )
        return f"no other clip of speaker {speaker!r} says something else (see --lipleak-pairing)"
    return "all other clips contain the same speech (one recording, or one text), or none"
