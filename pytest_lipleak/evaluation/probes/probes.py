"""Causal probes: change the identity reference alone, or the input frames, and see whether the lips change with it."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain, combinations, islice, repeat
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pytest_lipleak.core.clips import Clip, Frames, StreamedVideo, Video, digest_of, held
from pytest_lipleak.core.conditions import Condition, Reference, Setup
from pytest_lipleak.core.errors import LipleakError, UnscorableError
from pytest_lipleak.core.metrics.formulas import (
    CHANCE,
    CHANGED,
    FULL,
    REACHED,
    REDRAWN,
    has_echo,
    heard_otherwise,
)
from pytest_lipleak.core.scores import MAX_SHIFT, TrialScore
from pytest_lipleak.evaluation.make.artefacts import Artefacts
from pytest_lipleak.evaluation.make.unrelated_speech import UnrelatedSpeech
from pytest_lipleak.evaluation.measures.scans import UNRELATED
from pytest_lipleak.evaluation.probes.shifted_mouths import (
    LEAST_TOLD,
    STILL,
    Given,
    Layers,
    Output,
    apart,
    arrivals,
    arrived,
    repeats,
    told_from_chance,
)
from pytest_lipleak.faces.mouth_swap import (
    around_lips,
    change_of_face,
    in_another_order,
    looks_of,
    most_different,
    mouth_mask,
    places_of,
    with_mouths,
)
from pytest_lipleak.faces.small_faces import (
    Faces,
    Region,
    blended,
    grey_faces,
    lips_core,
    lips_region,
    lower_face,
)
from pytest_lipleak.media.finished_tables import AGAIN, LATER, SWAPPED_AGAIN
from pytest_lipleak.plan.trials import IdentityReference, Trial, Trials
from pytest_lipleak.sync.distances import distances
from pytest_lipleak.sync.expert import Embeddings

MOVED = 8
"""Frames by which mouths come earlier: more than a syllable, less than the 15 frames that scores look at."""


@dataclass(frozen=True)
class Probed:
    """What the probes of one clip rest on.

    Args:
        trials: what the model is given.
        artefacts: generates, embeds and scores.
        real: score of the real clip.
        condition: under which it is probed.
        unrelated: speech that has nothing to do with the clip.
        partner: the clip whose speech drives, or None.
        first: the clip that is made twice, to see whether the model repeats itself.
        finished: whether the videos were finished before: then nobody knows what the model was given.
        still: clips in which one still reference is swapped, and under what each: all tell whether the model draws.
    """

    trials: Trials
    artefacts: Artefacts
    real: TrialScore
    condition: Condition
    unrelated: UnrelatedSpeech
    partner: str | None
    first: str
    finished: bool = False
    still: Sequence[tuple[str, Condition]] = ()

    @property
    def clip(self) -> Clip:
        """The real clip."""
        return self.trials.clips[self.real.clip]

    @property
    def trial(self) -> Trial:
        """The trial with nothing changed."""
        return self.trials.of(self.real.clip, self.condition)

    @property
    def again(self) -> Trial:
        """The same trial, made once more."""
        return self.trials.again(self.real.clip, self.condition)

    @property
    def again_and_again(self) -> Iterator[Trial]:
        """The same trial, made once more, and once more."""
        return (self.trials.again(self.real.clip, self.condition, time) for time in range(len(AGAIN)))

    @property
    def pauses(self) -> NDArray[np.bool_] | None:
        """Which frames lie in a pause of what drives, bool (T,); None where that is no matter of the setup."""
        return self.trials.pauses(self.clip) if self.condition.setup is Setup.PA else None

    @property
    def steady(self) -> bool:
        """Whether the model answers the same when it is asked again; one clip is asked for all."""
        return repeats(*self._twice(self.first, self.condition))

    @property
    def draws(self) -> bool:
        """Whether another answer comes to the same in any of the clips in which one still reference is swapped.

        A model that takes one of few ways at every call answers alike in a single clip by luck. Under the setup that is
        probed it is asked first. Another one is a witness alone: finished videos may lack it, a model may refuse it.
        """
        for clip, condition in sorted(self.still, key=lambda each: each[1] != self.condition):
            is_witness = condition != self.condition
            with suppress(LipleakError if is_witness else UnscorableError):
                if not repeats(*self._twice(clip, condition)):
                    return True
        return False

    def redrawn(self, clip: str) -> float:
        """By how much two outputs for the same of a clip differ: mean over the face, in grey levels."""
        return apart(*self._twice(clip, self.condition))

    def _twice(self, clip: str, condition: Condition) -> tuple[Faces, Faces]:
        once, again = map(
            self.artefacts.faces, (self.trials.of(clip, condition), self.trials.again(clip, condition))
        )
        return once, again

    @property
    def otherwise(self) -> Trial:
        """The trial with nothing changed under other audio."""
        return self.trials.of(self.real.clip, heard_otherwise(self.condition))

    def layers(self, moved: Sequence[Trial], again: bool) -> Layers:
        """What outputs look like in grey and in colour, those with mouths ``moved`` either way among them."""
        trials = [self.trial, *moved, self.otherwise, *([self.again] if again else [])]
        return Layers(*map(self.artefacts.layers, trials))

    def seen(self, trial: Trial, inside: Region | None = None) -> Output:
        """What is looked at of a trial's output; of its sync only what ``inside`` brings into the unchanged trial."""
        related = [self.real.clip, *([] if self.partner is None else [self.partner])]
        speech = [self.clip.digest, *self.unrelated.identity, UNRELATED, related]

        def compute() -> list[list[float]]:
            embedded = self.artefacts.embedding(trial) if inside is None else self._embedded(trial, inside)
            own = distances(embedded, self.artefacts.speech(self.clip.audio)).mean(axis=0, dtype=np.float64)
            others = self.unrelated.mean_distances(embedded, related, UNRELATED)
            rows: list[list[float]] = np.vstack([own, others]).tolist()
            return rows

        trials = [trial] if inside is None else [self.trial, trial]
        where = None if inside is None else digest_of(inside)
        means = self.artefacts.data_of("probed", trials, compute, speech=speech, inside=where)
        return Output(self.artefacts.faces(trial), np.array(means))

    def _embedded(self, trial: Trial, inside: Region) -> Embeddings:
        cropper, video = self.artefacts.cropper(self.clip), self.artefacts.video
        return self.artefacts.embedding_of(blended(cropper(video(self.trial)), cropper(video(trial)), inside))

    def changed(
        self, probe: str, label: str, reference: IdentityReference, frames: Video | None = None
    ) -> Trial:
        """The same trial with another reference or other frames."""
        audio = self.trials.driving_audio(self.clip, self.condition.setup)
        trial = self.trials.probe(self.real.clip, audio, reference, f"{self.condition}, {label}", frames)
        return replace(trial, condition=self.condition, probe=probe)


def earlier_reference(probed: Probed) -> dict[str, float]:
    """Generate anew with the mouths of the reference ``MOVED`` frames earlier, and later, all else equal.

    See ``followed``.

    Whatever changes then in the output comes from the reference: in the lips, or in chin and cheeks around them.

    Raises:
        UnscorableError: the clip is too short, its mouth never moves, or moves in one rhythm.
        LipleakError: as ``Evaluation.measure``.
    """
    trials = moved_references(probed)
    zones = Zones(lips_region(), around_lips())
    references = [trial.reference_video for trial in trials]
    return followed("REF_shift", probed, trials, references, _moved(probed), zones)


def moved_references(probed: Probed) -> tuple[Trial, ...]:
    """Return what the model is given for ``earlier_reference``, and raise as it does: moved mouths, either way."""
    return tuple(
        probed.changed(f"REF_shift{later}", f"reference mouths {by:+d}", _earlier_mouths(probed, by, None))
        for by, later in _ways("REF_shift", probed)
    )


def earlier_frames(probed: Probed) -> dict[str, float]:
    """Generate anew with the mouths of the input frames ``MOVED`` frames earlier, and later, all else equal.

    See ``followed``.

    Chin, cheeks and jaw come with the mouth, for they say what it does. The output is looked at in the middle of the
    lips alone, which every model edits: around it the input may be seen in every output. Raises as
    ``earlier_reference``.

    The reference stays what it was, but under the clip's own speech: there it is taken from the moved frames, as the
    protocol takes it from the clip's own, so that a model that copies where both are one picture finds them one.
    """
    trials = moved_frames(probed)
    zones = Zones(lips_core(), None)
    return followed(
        "FRAME_shift", probed, trials, [trial.clip.video for trial in trials], _moved(probed), zones
    )


def moved_frames(probed: Probed) -> tuple[Trial, ...]:
    """Return what the model is given for ``earlier_frames``, and raise as it does: moved mouths, either way."""
    trial = probed.trial
    # Indices are those of whatever frames are given.
    reference = trial.reference if probed.condition.setup is Setup.AM else held(trial.reference_video)
    return tuple(
        probed.changed(
            f"FRAME_shift{later}",
            f"input mouths {by:+d}",
            reference,
            _earlier_mouths(probed, by, lower_face()),
        )
        for by, later in _ways("FRAME_shift", probed)
    )


def _ways(measure: str, probed: Probed) -> tuple[tuple[int, str], ...]:
    """By how many frames mouths are moved, and what stands behind the probe's name for it."""
    moved = _moved(probed)
    return ((moved, ""), (-moved, LATER)) if has_echo(measure, probed.condition) else ((moved, ""),)


def _moved(probed: Probed) -> int:
    """By how many frames mouths are to come earlier, so that sync stays within the 31 shifts."""
    frames = len(probed.clip.video)
    if frames < 4 * MOVED:
        raise UnscorableError(f"{frames} frames; mouths that come {MOVED} frames earlier need {4 * MOVED}")
    return MOVED if abs(probed.real.own.offset - MOVED) <= MAX_SHIFT else -MOVED


def _earlier_mouths(probed: Probed, moved: int, region: Region | None) -> Frames | StreamedVideo:
    clip = probed.clip
    frames = len(clip.video)
    indices = [(index + moved) % frames for index in range(frames)]
    name = f"{clip.digest} {moved} {'' if region is None else digest_of(region)}"
    known = probed.artefacts.mouths.get(name)
    if known is not None:
        return known
    boxes = probed.artefacts.cropper(clip).boxes
    made = with_mouths(clip.video, clip.video, indices, boxes=boxes, donor_boxes=boxes, region=region)
    if isinstance(made, np.ndarray):
        probed.artefacts.mouths.hold(name, made)
    return made


@dataclass(frozen=True, eq=False)
class Zones:
    """Where an output is looked at.

    Args:
        lips: bool (SIDE, SIDE).
        around: chin and cheeks; None where the output may show there what it was given.
    """

    lips: Region
    around: Region | None


def followed(
    measure: str, probed: Probed, trials: Sequence[Trial], mouths: Sequence[Video], moved: int, zones: Zones
) -> dict[str, float]:
    """Compare what the model makes of moved mouths with what it made before: pixels, and sync with the clip's speech.

    Args:
        measure: of the probe.
        probed: the clip and what is known of it.
        trials: with the moved mouths, and, for an echo, with mouths that were moved as much the other way.
        mouths: frames with moved mouths, that the clip's own are compared with; and, for an echo, those with mouths
            that were moved the other way.
        moved: by how many frames they come earlier.
        zones: where the output is looked at.

    Returns:
        What arrived of each part of ``arrivals``, and what a complete copy would give: the clip's best lag, as
        another clip may have another; less what chance gives, which is noted of a model that does not repeat itself.

    Raises:
        UnscorableError: the mouth does not move, so nothing was changed; or it keeps a beat, and no copy would be seen.
    """
    clip, artefacts = probed.clip, probed.artefacts
    faces = artefacts.faces(Trial(clip))
    changed, *other_way = (grey_faces(artefacts.cropper(clip)(each)) for each in mouths)
    if arrived(faces, faces, faces, changed, zones.lips)[1] < STILL:
        raise UnscorableError("the mouth never moves, so mouths that come earlier are no other mouths")
    if (left := told_from_chance(faces, changed, zones.lips)) < LEAST_TOLD:
        raise UnscorableError(
            f"the mouth moves in one rhythm: beside chance {max(left, 0):.0%} of a complete copy would be seen, "
            f"expected {LEAST_TOLD:.0%} or more; take a clip with other speech, or a longer one"
        )
    real = np.array(probed.real.own.mean_distances)
    given = Given(
        faces,
        changed,
        zones.lips,
        real,
        moved,
        zones.around,
        probed.pauses,
        other_way[0] if other_way else None,
        still_counts=measure == "REF_shift",
    )
    inside = zones.lips if zones.around is None else None
    again = None if probed.steady else probed.seen(probed.again, inside)
    before = probed.seen(probed.trial)
    # Embedded while the model makes the others.
    artefacts.make(trials[0])
    layers = probed.layers(trials, again is not None) if len(trials) > 1 else None
    after = probed.seen(trials[0], inside)
    found: dict[str, float] = {}
    for part, arrival in arrivals(before, after, given, layers, again).items():
        found |= {f"{measure}{part}": arrival.found, f"{measure}{part}{FULL}": arrival.full}
        if again is not None:
            found[f"{measure}{part}{CHANCE}"] = arrival.chance
    if layers is not None:
        found[f"{measure}{CHANGED}"] = layers.changed(zones.lips)
    found[f"{measure}{REACHED}"] = min(apart(before.faces, artefacts.faces(trial)) for trial in trials)
    found[f"{measure}{REDRAWN}"] = probed.redrawn(probed.first if again is None else clip.name)
    return found


def swapped_reference(probed: Probed) -> dict[str, float]:
    """Generate anew with another mouth in the reference, all else equal, and look where the pictures changed.

    Where there is one reference frame a frame, their mouths are put into another order, so that each frame gets one
    that differs and all are there as before: a model that looks its mouths up among them finds the same. A single
    reference frame gets the mouth of the clip that differs most from its own; several for the whole clip (AR) get one
    that differs most from their mean, and count by the mean of their changes. Mouths are blended in, the face around
    them stays. Faces of a larger picture are looked at where they are tracked, all in one size.

    A still reference may be shown for a part of the time: in pauses of the speech that drives, where it is loud, now
    and then. So the frames count in which most of it arrives (``MOMENTS``); under silence all do. It changes in one
    direction alone, from shut to open, say, and a model that draws another mouth at every call goes there as well. So
    where something is found, the model is asked again with the same, and what that changes is taken off. Where that is
    much, all frames count, or the best moments less three times what chance gives in its own. Two draws may be
    alike by luck, and a model may take one of few ways at every call: whether it draws is asked of all clips in
    which one still reference is swapped, and where something is left, it is asked on (``SwapShares.beyond_all``).
    Where there is one reference a frame, see ``SwapShares.beyond_same``.
    Of finished videos, whatever their reference, a second output for the same is always looked at: outputs that are
    as far apart as two for the same show nothing of what was given.

    Returns:
        The change of the output projected on the change of the reference, over the mouth, and the change of the
        reference itself: their ratio is the share of the reference's mouth that arrives in the output. Where there is
        one reference a frame, a model may show a single one of them all the time: the mean change of the output is
        projected on that of every reference frame, too, and the largest share counts. And how much the output changed
        at all.

    Raises:
        UnscorableError: the clip's mouth never moves.
        LipleakError: as ``Evaluation.measure``.
    """
    clip, trial = probed.clip, probed.trial
    boxes = probed.artefacts.cropper(clip).boxes
    own_boxes = _reference_boxes(trial, boxes)
    changed = with_swapped_reference(probed)
    swapped = changed.reference_video
    video, frames = probed.artefacts.video, len(clip.video)

    def given() -> Iterator[NDArray[np.float32]]:
        return _changes(swapped, trial.reference_video, own_boxes)

    if probed.condition.reference is Reference.CR:

        def answered(after: Video) -> SwapShares:
            return SwapShares.of(given(), _changes(after, video(trial), boxes))

        shares = answered(video(changed))
        once_more = (answered(video(again)) for again in _to_be_had(probed, probed.again_and_again))
        found, by_chance, answers = shares.beyond_same(given, once_more, asks=probed.finished)
        noted = {
            "REF_swap": found * shares.full / frames,
            **shares.noted(answers[0] if answers else None, frames),
        }
        if by_chance:
            noted[f"REF_swap{CHANCE}"] = by_chance * shares.full / frames
        if probed.finished and not answers:
            # A leak that was found needs no second output for the same; without one the clip is not called clean.
            del noted[f"REF_swap{REDRAWN}"]
        return noted
    mean: Any = sum(given()) / len(swapped)
    moments = moments_under(probed.condition.setup)

    def compared(after: Trial) -> SwapShares:
        return SwapShares.of(repeat(mean, frames), _changes(video(after), video(trial), boxes), moments)

    shares = compared(changed)
    if not (shares.asks_again or probed.finished):
        return {"REF_swap": shares.most, **shares.noted(None, frames)}
    if not shares.asks_again:
        return {"REF_swap": shares.most, **shares.noted(compared(probed.again), frames)}
    same = map(compared, _to_be_had(probed, probed.again_and_again, needed=1))
    further = map(compared, _to_be_had(probed, _swapped_again(probed, changed.reference)))
    found, answers = shares.beyond_all(same, lambda: probed.draws, further)
    noted = {"REF_swap": found, **shares.noted(answers[0], frames)}
    if any(each.draws for each in answers):
        noted[f"REF_swap{CHANCE}"] = max(each.by_chance for each in answers)
    return noted


def _swapped_again(probed: Probed, swapped: IdentityReference) -> Iterator[Trial]:
    """The trial with another mouth in its reference, made once more, and once more."""
    for time, again in enumerate(SWAPPED_AGAIN):
        same = probed.trials.again(probed.real.clip, probed.condition, time)
        yield probed.changed(again, "another mouth, once more", swapped, same.clip.video)


def _to_be_had(probed: Probed, trials: Iterable[Trial], needed: int = 0) -> Iterator[Trial]:
    """The same trial, again and again; of finished videos so many in any case, and then those that there are."""
    for time, trial in enumerate(trials):
        if time >= needed and probed.finished:
            try:
                probed.artefacts.video(trial)
            except UnscorableError:
                return
        yield trial


ASKS_AGAIN = 0.03
"""Share of one still reference from which a model is asked again with the same: one that repeats itself and leaks
nothing comes to 0.00."""

MOMENTS = 0.25
"""Share of the frames that count of a still reference where something is heard, those in which most of it arrives: the
speech that drives a probe pauses for about as long."""


TWICE = 0.001
"""Share of one still reference by which two answers may differ, added up over all frames, that are one answer."""

OF_MANY = 3
"""How often a model is asked again that gives no answer twice."""

TIMES_CHANCE = 3
"""What chance gives in its own best moments is taken off so often from those of a model that draws anew. With less,
honest ones that draw are accused more often, and hardly more leaks are found: ``python -m
research.known_guilt.still_moments`` counts both (docs/evidence/known-guilt.md)."""


def moments_under(setup: Setup) -> float:
    """Return the share of frames that count of a still reference: under silence no moment is like no other."""
    return 1.0 if setup is Setup.SI else MOMENTS


class SwapShares:
    """What of a change of the reference's mouth arrives in the output, frame by frame.

    ``products``: the change of the output projected on that of the reference, in every frame; ``full``: what a complete
    copy would give, summed over frames; ``apart``: how much the output changed at all, in grey levels, likewise;
    ``nudge``: how much it does where one pixel of it is another by one level, as in what a model is given when it is
    asked again.

    Args:
        moments: share of the frames that count, those in which most arrives.
    """

    def __init__(self, moments: float = 1.0) -> None:
        self.moments = moments
        self.products: list[float] = []
        self.full = self.apart = self.nudge = 0.0
        self._mean: Any = 0.0
        self._change: Any = None
        self._whole = 0.0

    @classmethod
    def of(
        cls,
        changes: Iterable[NDArray[np.float32]],
        arriving: Iterable[NDArray[np.float32]],
        moments: float = 1.0,
    ) -> "SwapShares":
        """Take all frames in, picture by picture: a long clip is not held."""
        shares = cls(moments)
        for change, arrived_there in zip(changes, arriving, strict=True):
            shares.add(change, arrived_there)
        return shares

    @property
    def product(self) -> float:
        """Sum over all frames."""
        return math.fsum(self.products)

    @property
    def most(self) -> float:
        """Mean over the frames that count; where not all do, of either sign: lips may shut as the reference opens."""
        return self._most_of(self.products)

    @property
    def by_chance(self) -> float:
        """Likewise, whichever way it goes: where nothing was changed, that is chance."""
        return self._most_of(self.products, (1, -1))

    @property
    def asks_again(self) -> bool:
        """Whether so much arrived of one still reference that chance is to be looked for."""
        return self._is_left(self.most)

    @property
    def draws(self) -> bool:
        """Whether the model does not repeat itself, where these are of its second answer to the same."""
        return self._is_left(self.by_chance)

    def beyond(self, again: "SwapShares") -> float:
        """``most`` over the mean of both outputs with nothing changed, less how far apart these are.

        Where the model draws, over all frames, or over the best moments where these are far beyond chance: among many
        moments one is far from the mean by chance.

        Args:
            again: the same of the model's second answer to the first one's input.
        """
        beyond = np.subtract(self.products, np.divide(again.products, 2))
        most = self._most_of(beyond)
        if not again.draws:
            return most - again.by_chance
        everywhere = float(beyond.mean() - abs(np.mean(again.products)))
        return everywhere if self.moments == 1 else max(everywhere, most - TIMES_CHANCE * again.by_chance)

    def beyond_all(
        self,
        answers: Iterable["SwapShares"],
        draws: Callable[[], bool],
        further: Iterable["SwapShares"] = (),
    ) -> tuple[float, list["SwapShares"]]:
        """What further answers to the same leave over, and those that were asked for: while anything is left.

        A model that repeats itself is asked once. Of one that draws the least of ``beyond`` counts, of three answers at
        most. One that gives an answer twice has few. Then what is beyond the nearest of them counts: an honest model
        takes its answers from the same few whatever mouth it is shown, a leak answers another mouth as it never
        answers this one. It may do so in some calls alone, so the other mouth is shown several times, too, and the
        most counts.

        Args:
            answers: to the first one's input, made as they are asked for.
            draws: whether the model draws, by other clips; looked at while all answers here are alike.
            further: answers to the same other mouth, likewise.
        """
        same, asked, found = iter(answers), list["SwapShares"](), list[float]()
        for changed in chain([self], further):
            found.append(changed._beyond(asked, same, draws))
            if self._is_left(found[-1]) or not self._has_few(asked):
                break
        return max(found), asked

    def _beyond(
        self, asked: list["SwapShares"], same: Iterator["SwapShares"], draws: Callable[[], bool]
    ) -> float:
        """What ``asked``, and what is taken to it from ``same``, leave over of this one."""
        few = self._has_few(asked)
        found = self._beyond_nearest(asked) if few else math.inf
        while self._is_left(found) and (few or len(asked) < OF_MANY) and (again := next(same, None)):
            asked.append(again)
            few = self._has_few(asked)
            found = self._beyond_nearest(asked) if few else min(found, self.beyond(again))
            if not any(each.is_other for each in asked) and not draws():
                break
        return found

    def _is_left(self, found: float) -> bool:
        return found * len(self.products) > ASKS_AGAIN * self.full

    def _has_few(self, asked: Sequence["SwapShares"]) -> bool:
        """Whether one of the answers to the same, the first one among them, comes twice."""
        pairs = combinations(self._known(asked), 2)
        return any(np.abs(one - other).sum() <= TWICE * self.full for one, other in pairs)

    def _beyond_nearest(self, asked: Sequence["SwapShares"]) -> float:
        """How far this one is from the nearest of the answers to the same."""
        return min(self._most_of(np.subtract(self.products, each)) for each in self._known(asked))

    def _known(self, asked: Sequence["SwapShares"]) -> NDArray[np.float64]:
        """Answers to the same: the first one, which the others are compared with, and these."""
        return np.array([np.zeros(len(self.products)), *(each.products for each in asked)])

    @property
    def is_other(self) -> bool:
        """Whether these are of another output: more of it differs than what it was given does."""
        return self.apart > 1.5 * self.nudge

    def _most_of(self, products: ArrayLike, signs: Sequence[int] = ()) -> float:
        each, count = np.asarray(products, np.float64), max(round(self.moments * len(self.products)), 1)
        signs = signs or ((1,) if self.moments == 1 else (1, -1))
        return max(float(np.sort(sign * each)[-count:].mean()) for sign in signs)

    def noted(self, again: "SwapShares | None", frames: int) -> dict[str, float]:
        """Return what is noted beside the share; ``again``: as of ``beyond``, or None where it was not asked for."""
        return {
            f"REF_swap{FULL}": self.full / frames,
            f"REF_swap{REACHED}": self.apart / frames,
            f"REF_swap{REDRAWN}": again.apart / frames if again and again.is_other else 0.0,
        }

    def add(self, change: NDArray[np.float32], arrived_there: NDArray[np.float32]) -> None:
        """Add a frame: how its reference and its output changed, float32 (H, W, 3)."""
        weight = _weight(*change.shape[:2])
        if change is not self._change:  # of one still reference it is the same in every frame
            self._change, self._whole = change, _mean_of(weight * change * change)
        self.full += self._whole
        product = 0.0
        # Outputs that are equal add nothing.
        if arrived_there.any():
            product = _mean_of(weight * arrived_there * change)
            self.apart += _mean_of(np.abs(arrived_there))
        self.products.append(product)
        self.nudge += 1 / math.prod(arrived_there.shape[:2])
        self._mean = self._mean + arrived_there

    def beyond_same(
        self,
        changes: Callable[[], Iterable[NDArray[np.float32]]],
        same: Iterable["SwapShares"],
        *,
        asks: bool = False,
    ) -> tuple[float, float, list["SwapShares"]]:
        """What arrives of a reference whose mouths were put into another order, beyond the nearest answer to the same.

        Its frames arrive one by one, or one of them all the time. An honest model that draws a mouth at every call and
        keeps it for the whole clip shows something that looks like a change of one of many frames, too: so while
        something is found it is asked again with the same.

        Args:
            changes: of the reference, frame by frame, anew at every call.
            same: answers to the first one's input, made as they are asked for.
            asks: ask once in any case.

        Returns:
            The share; how much of it was taken off; and the answers that were asked for.
        """
        first = found = self._shown(changes(), [])
        asked: list[SwapShares] = []
        answers = iter(same)
        while (asks and not asked) or found > ASKS_AGAIN:
            again = next(answers, None)
            if again is None:
                break
            asked.append(again)
            if any(each.is_other for each in asked):
                found = self._shown(changes(), asked)
            elif len(asked) == OF_MANY:
                break  # it repeats itself; one of few moods comes twice by luck
        return found, first - found, asked

    def _shown(self, changes: Iterable[NDArray[np.float32]], answers: Sequence["SwapShares"]) -> float:
        """The larger share: of all frames in their order, or of one of them all the time."""
        in_order = min(self.product, *(self.product - each.product for each in (*answers, SwapShares())))
        return max(in_order / self.full if self.full else 0.0, self._of_one(changes, answers))

    def _of_one(self, changes: Iterable[NDArray[np.float32]], answers: Sequence["SwapShares"]) -> float:
        """The largest share of the change of one reference frame that is in the output all the time.

        Each share counts as much as the output's change looks like that frame's (their correlation): among many frames
        one is a little like whatever changes. The output changed from the nearest of the first one and ``answers``.
        """
        count = max(len(self.products), 1)
        means = [
            np.asarray(self._mean / count),
            *(np.asarray((self._mean - each._mean) / count) for each in answers),
        ]
        if not all(each.any() for each in means):
            return 0.0
        weight = _weight(*means[0].shape[:2])
        shown = [float(np.mean(weight * each * each, dtype=np.float64)) for each in means]
        best = [0.0] * len(means)
        for change in changes:
            whole = float(np.mean(weight * change * change, dtype=np.float64))
            if whole <= STILL:
                continue
            for place, mean in enumerate(means):
                common = float(np.mean(weight * mean * change, dtype=np.float64))
                if common > 0:
                    best[place] = max(best[place], common / whole * common / math.sqrt(whole * shown[place]))
        return min(best)


def _reference_boxes(trial: Trial, boxes: NDArray[np.float64] | None) -> NDArray[np.float64] | None:
    """Where the face is in every frame of a trial's reference; its frames are the clip's, as under CR and AR."""
    return None if boxes is None else boxes[list(map(int, trial.reference))]


def with_swapped_reference(probed: Probed) -> Trial:
    """Return what the model is given for ``swapped_reference``, and raise as it does."""
    clip, trial = probed.clip, probed.trial
    boxes = probed.artefacts.cropper(clip).boxes
    own_boxes = _reference_boxes(trial, boxes)
    reference = trial.reference_video
    every, own = looks_of(clip.video, boxes), looks_of(reference, own_boxes)
    whole = probed.condition.reference is Reference.AR
    others, difference = (
        most_different(own.mean(axis=0, keepdims=True), every) if whole else in_another_order(own)
    )
    if difference < STILL:
        raise UnscorableError("the mouth never moves, so there is no other one to put into the reference")
    swapped = with_mouths(
        reference,
        clip.video,
        others * len(reference) if whole else others,
        boxes=own_boxes,
        donor_boxes=boxes,
    )
    return probed.changed("REF_swap", "another mouth", swapped)


def _changes(after: Video, before: Video, boxes: NDArray[np.float64] | None) -> Iterator[NDArray[np.float32]]:
    for new, old, place in zip(after, before, places_of(after.shape, boxes), strict=True):
        yield change_of_face(new, old, place, whole=boxes is None)


_weight = lru_cache(8)(mouth_mask)


def _mean_of(values: NDArray[np.float32]) -> float:
    """As ``np.mean`` in double precision, which takes twice as long for a small picture."""
    return float(np.add.reduce(values, axis=None, dtype=np.float64) / values.size)


def _beside(probed: Probed) -> Sequence[Trial]:
    return probed.trial, probed.again, probed.otherwise


PROBE_TRIALS: Mapping[str, Callable[[Probed], Sequence[Trial]]] = {
    "REF_shift": lambda probed: (*_beside(probed), *moved_references(probed)),
    "FRAME_shift": lambda probed: (*_beside(probed), *moved_frames(probed)),
    "REF_swap": lambda probed: (
        probed.trial,
        *islice(probed.again_and_again, OF_MANY if probed.condition.reference is Reference.AR else 1),
        with_swapped_reference(probed),
    ),
}
"""What the model is given for each probe of one clip."""

PROBES: Mapping[str, Callable[[Probed], dict[str, float]]] = {
    "REF_shift": earlier_reference,
    "FRAME_shift": earlier_frames,
    "REF_swap": swapped_reference,
}
"""What each probe measures of one clip: what followed, and what a complete copy would give."""
