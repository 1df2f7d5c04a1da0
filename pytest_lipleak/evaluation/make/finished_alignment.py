"""A finished video laid on the clip that it was made from: checked by what it shows and what is heard in it."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice, permutations

import numpy as np

from pytest_lipleak.core.clips import Audio, Clip, Image, StreamedVideo, Video, frames_at
from pytest_lipleak.core.conditions import Setup
from pytest_lipleak.core.errors import UnscorableError
from pytest_lipleak.core.number_words import counted
from pytest_lipleak.core.scores import POSED
from pytest_lipleak.core.timebase import FRAME_RATE
from pytest_lipleak.evaluation.make.crops import Boxes, Cropper
from pytest_lipleak.faces.lookalikes import Likeness, Traits, likeness, traits_of
from pytest_lipleak.faces.placement import (
    FOUND,
    Place,
    Warp,
    between_pairs,
    composed,
    has_shape_of,
    inverted,
    place_of,
    steadied,
    turned_to,
    whole_of,
)
from pytest_lipleak.faces.small_faces import Faces, Region, grey_faces, lips_region
from pytest_lipleak.faces.source_match import (
    BLANK,
    LACKING,
    MOVES,
    REACH,
    STILL,
    UPPER,
    Match,
    match,
    numbers_of,
    upper_inside,
)
from pytest_lipleak.generators.finished_model import LEAST_SHOWN, is_quiet
from pytest_lipleak.media.finished_tables import TRACK, FinishedVideo
from pytest_lipleak.media.same_recordings import HOP_SECONDS, LEAST_OVERLAP, fingerprint, shared_recordings

LEAST_INSIDE = 0.3
"""Share of the upper face that an output must show to be known again."""

PLAINLY = 0.9
BETTER = 0.05
"""Agreement of movements from which on no other place is looked for, and by how much another must agree more."""

SAME_PIXELS = 0.25
"""Grey levels, mean over the lips, below which an output's lips are the clip's own, to rounding."""

SAMPLED = 5
"""Frames whose colours are compared."""

SWAPPED = 2.0
"""How many times nearer to the clip an output must be with its colours in another order."""

STANDS_STILL = 0.5
"""Grey levels, spread over time within a face, below which nothing of it moves, lips included."""

FOLLOWS = 0.6
PLAINLY_MORE = 0.2
"""Correlation of quick movements from which on an output whose head is said to follow nobody follows another clip, if
it follows that one more than its own by so much. Among 655 clips of one person, 4 of 205 right
files do so by chance, and are refused."""

LOOKS_MORE = 0.15
"""By how much more than its own it must look like another clip, in correlation: that of the right one was exceeded by
at most .10, among 655 clips of one person and 60 of 29 people; ``research/known_guilt/belonging.py --swaps``."""

REST = 0.05
GOES_ON = 4
LONG_REST = 12
"""Grey levels between two frames, mean over a face, below which an output stands still while its clip moves so many
times as much; frames of it that are worth a word: 0.5 s."""

EYES = 0.9
"""Quantile of the differences in an upper face: a codec changes lips no more than what moves there, eyes and brows."""

LOOKS_LIKE = 0.45
"""And how much it must look like its own at the least: 300 right ones of 29 people came to .51 and more."""

OUT_OF_STEP = 0.1
"""Seconds by which the sound of an output may be off the audio that drove it without a word."""


@dataclass(frozen=True)
class Laid:
    """How an output lies on its clip.

    Args:
        indices: which of its frames stands at every frame of the clip; they never descend.
        place: where its picture lies in the clip's.
        notes: what was done, in words.
        faces: its small grey faces at these indices, uint8 (T, SIDE, SIDE); None where it is refused.
        poses: where its head is not where the clip's is, a warp as in ``Place`` for every frame; else empty.
        refused: why it cannot be a video made from the clip, or None.
    """

    indices: tuple[int, ...]
    place: Place
    notes: tuple[str, ...]
    faces: Faces | None = None
    poses: tuple[tuple[float, ...], ...] = ()
    refused: str | None = None

    def pictures(self, output: Iterable[Image], clip: Iterable[Image]) -> Iterator[Image]:
        """Yield the output's pictures, uint8 RGB (h, w, 3), one a frame of the clip, in place of the clip's."""
        for at, (image, real) in enumerate(zip(output, clip, strict=True)):
            place = replace(self.place, warp=self.poses[at]) if self.poses else self.place
            yield place.laid(image, real)


@dataclass(frozen=True)
class FreePose:
    """How an output is looked at whose head follows nobody, as its table says: the clip's movement is not asked for.

    Args:
        face_in: follows the face through a video and returns its boxes (N, 4); None where faces fill the pictures.
        clips: gives what is compared of all clips, of which it may have been made instead.
    """

    face_in: Callable[[Video], Boxes | None]
    clips: Callable[[], Mapping[str, Traits]]


def lay(
    clip: Clip,
    output: Video,
    cropper: Cropper,
    free: FreePose | None = None,
    *,
    may_copy: bool = False,
    least: int = 0,
) -> Laid:
    """Lay an output on its clip.

    Args:
        clip: the real clip.
        output: uint8 RGB (N, h, w, 3).
        cropper: of the clip.
        free: where its head need not move as the clip's.
        may_copy: whether it may be the clip itself, for that is what the model made.
        least: frames that it must have, where its last may not stand for more that are missing.
    """
    try:
        _check_that_it_shows_something(clip, output, least)
        given = grey_faces(cropper(clip.video))
        found = _best_match(clip, output, cropper, given)
        _check_that_it_has_both_ends(clip, found)
        if free is not None and not (found.seen is not None and found.seen.belongs):
            laid = _in_its_own_pose(clip, given, output, cropper, free)
        else:
            laid = _where_it_was_found(clip, output, cropper, found)
        assert laid.faces is not None
        return _compared(clip, given, output, laid, laid.faces, may_copy=may_copy)
    except _RefusedError as why:
        straight = tuple(range(len(clip.video)))
        return Laid(straight, whole_of(clip.video), (), refused=str(why))


class _RefusedError(Exception):
    """Why an output cannot be a video made from its clip."""


def _check_that_it_shows_something(clip: Clip, output: Video, least: int) -> None:
    if len(output) < max(LEAST_SHOWN * len(clip.video), least):
        raise _RefusedError(
            f"shows {len(output)} frames of the clip's {len(clip.video)}: it was cut off, or is another video"
        )
    some = frames_at(output, np.linspace(0, len(output) - 1, SAMPLED).round().astype(int).tolist())
    if max(float(np.std(image)) for image in some) < BLANK:
        raise _RefusedError("shows nothing: every picture is of one colour")


def _check_that_it_has_both_ends(clip: Clip, found: "_Found") -> None:
    """Refuse an output that shows its clip from or to somewhere: one picture would stand for all that it lacks."""
    if found.seen is None or not (lacks := found.seen.lacks):
        return
    seconds = f"{abs(lacks) / FRAME_RATE:.2f}"
    frames, alike = (
        f"{abs(lacks)} frames ({seconds} s)",
        f"upper faces move alike with r = {found.seen.motion:.2f}",
    )
    raise _RefusedError(
        f"lacks the first {frames} of clip {clip.name!r}: {alike} from there on; make it from the clip's first frame "
        f"on, or judge it on a clip that begins there ({seconds} s later than now: column 'start' in a list of clips, "
        "--clips)"
        if lacks > 0
        else f"shows clip {clip.name!r} {frames} late: {alike}; cut off what it shows before"
    )


@dataclass(frozen=True)
class _Found:
    """The place at which an output fits its clip best, and how it fits there and at those before; None: at none."""

    place: Place
    seen: Match | None
    tries: Sequence[Match]


def _best_match(clip: Clip, output: Video, cropper: Cropper, given: Faces) -> _Found:
    """Look for an output in its clip's picture until it fits plainly, or everywhere."""
    place, found = whole_of(clip.video), None
    tries: list[Match] = []
    for tried in _places(clip, output, cropper):
        seen = _seen(clip, output, cropper, tried, given)
        if seen is None:
            continue
        tries.append(seen)
        if found is None or (seen.belongs and (not found.belongs or seen.motion > found.motion + BETTER)):
            place, found = tried, seen
        if found.belongs and found.motion >= PLAINLY:
            break
    return _Found(place, found, tries)


def _how_blank(output: Video) -> str:
    """How many pictures of an output show nothing, in words; nothing where all show something."""
    blank = [at for at, image in enumerate(output) if float(np.std(image)) < BLANK]
    if not blank:
        return ""
    return f" ({len(blank)} of its {len(output)} pictures show nothing, the first at {blank[0] / FRAME_RATE:.2f} s)"


def _where_it_was_found(clip: Clip, output: Video, cropper: Cropper, found: _Found) -> Laid:
    """Lay an output where it fits; raises ``_RefusedError`` where it was not made from the clip."""
    seen = found.seen
    if seen is None:
        raise _RefusedError(
            f"its picture of {output.shape[2]} x {output.shape[1]} pixels is found nowhere in the clip's of "
            f"{clip.video.shape[2]} x {clip.video.shape[1]}: is it another video? Name the panel in the column 'box' "
            "where several are shown side by side"
        )
    if seen.moves >= MOVES and seen.output_moves < STILL * seen.moves:
        raise _RefusedError(
            f"does not move: by {seen.output_moves:.1f} grey levels in the upper face, where the clip moves by "
            f"{seen.moves:.1f}"
        )
    if not seen.belongs:
        raise _RefusedError(
            f"was not made from clip {clip.name!r}{_how_blank(output)}: {numbers_of(found.tries)}; name the right "
            f"file, or the right clip{NOBODYS}"
        )
    return Laid(
        seen.indices,
        found.place,
        (*_placed(found.place, output, clip), *seen.notes),
        _faces(clip, output, cropper, found.place, seen.indices),
    )


def _compared(clip: Clip, given: Faces, output: Video, laid: Laid, shown: Faces, *, may_copy: bool) -> Laid:
    """Refuse what is the clip itself, or has its colours swapped; note what is worth a look."""
    lips = lips_region()
    apart = float(np.mean(np.abs(given[:, lips].astype(np.float32) - shown[:, lips])))
    if apart < SAME_PIXELS and not may_copy:
        raise _RefusedError(
            f"is the clip itself: its lips differ from the clip's by {apart:.2f} grey levels; name the model's output"
        )
    _check_that_it_goes_on(given, shown)
    laid = replace(laid, notes=(*laid.notes, *_looks_again(given, shown, apart)))
    if not laid.poses and (order := _order_of_colours(clip, output, laid.place, laid.indices)) != "RGB":
        what = "red and blue are swapped in it" if order == "BGR" else f"its colours are in the order {order}"
        raise _RefusedError(f"{what}; write its frames as RGB")
    return laid


def _check_that_it_goes_on(given: Faces, shown: Faces) -> None:
    """Refuse an output that shows nothing for a while, where its clip shows a face: nothing is seen or missed there."""
    empty, there = (faces.std(axis=(1, 2)) < BLANK for faces in (shown, given))
    gone = np.flatnonzero(empty & ~there)
    if len(gone) > LACKING:
        raise _RefusedError(
            f"shows nothing in {len(gone)} of {len(shown)} frames, the first at {gone[0] / FRAME_RATE:.2f} s: make it "
            "anew, or remove the file, which is a failed trial then"
        )


def _looks_again(given: Faces, shown: Faces, apart: float) -> Iterator[str]:
    """Yield what is worth a look at an output that belongs to its clip: does it stand still, is it the clip itself?

    Args:
        given: small grey faces of the clip, uint8 (T, SIDE, SIDE).
        shown: of the output.
        apart: how far lips differ, in grey levels.
    """
    steps, goes_on = (
        np.abs(np.diff(faces.astype(np.int16), axis=0)).mean(axis=(1, 2)) for faces in (shown, given)
    )
    first, length, run = 0, 0, 0
    for at, is_still in enumerate(steps < REST):
        run = run + 1 if is_still else 0
        if run > length:
            first, length = at + 1 - run, run
    if length >= LONG_REST and goes_on[first : first + length].mean() > GOES_ON * REST:
        yield f"stands still for {length / 25:.1f} s from {first / 25:.1f} s on, where the clip moves"
    changed = np.abs(given.astype(np.int16) - shown)[:, :UPPER].mean(axis=0)
    if apart <= (around := float(np.quantile(changed, EYES))):
        yield (
            f"its lips differ from the clip's by {apart:.1f} grey levels, its eyes by {around:.1f}: a whole copy, or "
            "the clip itself, encoded again"
        )


def _in_its_own_pose(
    clip: Clip,
    given: Faces,
    output: Video,
    cropper: Cropper,
    free: FreePose,
) -> Laid:
    """Lay an output on its clip from its first frame on, its face where the clip's is, wherever it shows it.

    ``given``: the small grey faces of the clip.
    """
    length, place = len(clip.video), whole_of(clip.video)
    indices = tuple(min(at, len(output) - 1) for at in range(length))
    boxes = _followed_faces(clip, output, free)
    anchors = _anchors(cropper, length)
    bases: list[Warp] = [np.eye(2, 3)] * length
    if boxes is not None and cropper.boxes is not None:
        high, wide = output.shape[1:3]
        scale = np.array([place.width / wide, place.height / high] * 2)
        bases = [_from_box_to_box(cropper.boxes[0], box) for box in boxes[list(indices)] * scale]

    def faces(by: Laid) -> Faces:
        return grey_faces(cropper(by.pictures(stepped(output, indices), clip.video)))

    laid = Laid(indices, place, _beyond(len(output), length), poses=_poses(bases, anchors))
    _check_that_it_is_the_clips(clip, given, faces(laid), free)
    laid = replace(laid, poses=_poses(_steadied(clip, output, cropper, laid, bases, anchors), anchors))
    return replace(laid, notes=(POSED, *laid.notes), faces=faces(laid))


def _followed_faces(clip: Clip, output: Video, free: FreePose) -> Boxes | None:
    """Return where the face of an output is, (N, 4); None where faces fill the pictures."""
    length = len(clip.video)
    if len(output) < length - REACH:
        raise _RefusedError(
            f"shows {len(output)} frames of the clip's {length}, and poses the head by itself: nothing says which part "
            "of the clip it belongs to"
        )
    try:
        boxes = free.face_in(output)
    except UnscorableError as error:
        raise _RefusedError(f"no face is found in it: {error}") from None
    if boxes is None and not has_shape_of(output, clip.video):
        raise _RefusedError(
            f"its picture of {output.shape[2]} x {output.shape[1]} pixels has another shape than the clip's of "
            f"{clip.video.shape[2]} x {clip.video.shape[1]}; judge it with --protocol tracked, which finds its face"
        )
    return boxes


def _check_that_it_is_the_clips(clip: Clip, given: Faces, shown: Faces, free: FreePose) -> None:
    """Ask of an output that moves as it likes whether it moves at all, and looks like its clip more than like others.

    ``given``, ``shown``: small grey faces of the clip and of the output.
    """
    if float(shown.std(axis=0).mean()) < STANDS_STILL:
        raise _RefusedError("does not move: nothing changes in its face, lips included")
    itself = {clip.name: traits_of(given)}
    among = likeness(shown, {**free.clips(), **itself})
    if why := of_another(clip.name, among):
        raise _RefusedError(why)
    look = among[clip.name].look
    if likeness(shown[:, ::-1], itself)[clip.name].look >= look + LOOKS_MORE:
        raise _RefusedError("shows the face upside down; turn it round")
    if look < LOOKS_LIKE:
        raise _RefusedError(
            f"does not look like clip {clip.name!r}: r = {look:.2f} of the upper faces, at the best pose (at least "
            f"{LOOKS_LIKE}); name the right file, or the right clip"
        )


def of_another(name: str, found: Mapping[str, Likeness]) -> str | None:
    """Return why an output was made of another clip, or None: is it plainly more like any of them?

    Args:
        name: of its clip.
        found: how much it is like each clip, its own among them.
    """
    own = found[name]
    found = {other: like for other, like in found.items() if other != name}
    follows = max(found, key=lambda other: found[other].quick, default=None)
    if follows is not None and found[follows].quick >= max(FOLLOWS, own.quick + PLAINLY_MORE):
        return (
            f"was not made from clip {name!r} but from {follows!r}, as which it moves: quick movements of the upper "
            f"faces are alike with r = {found[follows].quick:.2f} (at least {FOLLOWS}), and with its own with "
            f"{own.quick:.2f}; name the right file, or the right clip"
        )
    looks = max(found, key=lambda other: found[other].look, default=None)
    if looks is not None and found[looks].look >= own.look + LOOKS_MORE:
        return (
            f"looks more like clip {looks!r} (r = {found[looks].look:.2f}) than like clip {name!r} "
            f"({own.look:.2f}); name the right file, or the right clip"
        )
    return None


NOBODYS = ". Where the system poses heads by itself, say so: pose=free, as a column or with --model-arg"


def _anchors(cropper: Cropper, length: int) -> list[Warp]:
    """Where a pixel of the clip's face lies in its first frame, by what its crops follow."""
    if cropper.corners is not None:
        return [between_pairs(corners, cropper.corners[0]) for corners in cropper.corners]
    if cropper.boxes is not None:
        return [_from_box_to_box(box, cropper.boxes[0]) for box in cropper.boxes]
    return [np.eye(2, 3)] * length


def _poses(outer: Iterable[Warp], inner: Iterable[Warp]) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(composed(*both).ravel().tolist()) for both in zip(outer, inner, strict=True))


def _steadied(
    clip: Clip, output: Video, cropper: Cropper, laid: Laid, bases: Sequence[Warp], anchors: Sequence[Warp]
) -> list[Warp]:
    """Return the maps with which an output's head stands still where the clip's first frame shows its own.

    ``bases``: from there to where the output shows it, roughly.
    """
    _, height, width, _ = clip.video.shape
    straight = [np.eye(2, 3)] * len(anchors)
    boxes = None if cropper.boxes is None else np.repeat(cropper.boxes[:1], len(anchors), axis=0)

    def pictures(maps: Iterable[Warp]) -> Iterator[Image]:
        by = replace(laid, poses=_poses(maps, straight))
        return by.pictures(stepped(output, laid.indices), clip.video)

    followed = steadied(pictures(bases), None if boxes is None else boxes[0].tolist())
    steady = [composed(*both) for both in zip(bases, followed, strict=True)]
    whole = whole_of(clip.video)

    def anchored() -> Iterator[Image]:
        for image, anchor in zip(clip.video, anchors, strict=True):
            yield replace(whole, warp=tuple(inverted(anchor).ravel().tolist())).laid(image, image)

    shape = (len(anchors), height, width, 3)
    turn = turned_to(
        StreamedVideo(anchored, shape), StreamedVideo(lambda: pictures(steady), shape), boxes
    ).warp
    return [composed(warp, np.reshape(turn, (2, 3))) for warp in steady] if turn else steady


def _beyond(shown: int, length: int) -> tuple[str, ...]:
    if shown > length:
        return (f"{shown - length} frames beyond the clip's end left out",)
    return (f"ends {counted(length - shown, 'frame')} early: its last frame stays",) if shown < length else ()


def _from_box_to_box(one: Boxes, other: Boxes) -> Warp:
    """The affine map that takes one box (left, top, right, bottom) to another."""
    across, down = (other[2:] - other[:2]) / (one[2:] - one[:2])
    return np.array([[across, 0, other[0] - across * one[0]], [0, down, other[1] - down * one[1]]])


def _places(clip: Clip, output: Video, cropper: Cropper) -> Iterator[Place]:
    """Where an output may lie in its clip's picture, the likeliest first: all over it, in a part of it (and perhaps
    scaled to the clip's size again), or all over it with the face moved, turned or of another size.
    """
    fills = has_shape_of(output, clip.video)
    if fills:
        yield whole_of(clip.video)
    part = place_of(output, clip.video)
    if part.agreement >= FOUND:
        yield part
    if fills:
        yield turned_to(clip.video, output, cropper.boxes)


def _seen(clip: Clip, output: Video, cropper: Cropper, place: Place, given: Faces) -> Match | None:
    """How an output fits its clip at a place; None where too little of the face lies there."""
    fills = (place.width, place.height) == clip.video.shape[2:0:-1]
    inside = None if fills else _inside(clip, cropper, place)
    if inside is not None and upper_inside(inside).mean() < LEAST_INSIDE:
        return None
    faces = _faces(clip, output, cropper, place)[: len(output)]
    if (more := min(len(output) - len(given), REACH)) > 0:
        # Where an output begins late, its end lies beyond the clip's.
        later = _faces(clip, output, cropper, place, range(more, more + len(given)))
        faces = np.concatenate([faces, later[-more:]])
    # Around a part lies the clip itself, which turns as it does.
    return match(given, faces, len(output), inside, anew=bool(place.warp))


def _inside(clip: Clip, cropper: Cropper, place: Place) -> Region:
    """Which pixels of the face crops are the output's own in every frame: the clip's around it say nothing of it."""
    mask = np.zeros(clip.video.shape[1:], np.uint8)
    # The outermost ones are blends of both.
    mask[place.y + 1 : place.y + place.height - 1, place.x + 1 : place.x + place.width - 1] = 255
    crops = grey_faces(cropper(mask for _ in clip.video))
    return np.asarray((crops == 255).all(axis=0))


def _faces(
    clip: Clip, output: Video, cropper: Cropper, place: Place, indices: Iterable[int] | None = None
) -> Faces:
    """Grey face crops of an output, at the clip's places; its last frame stays where it ends early."""

    wanted = range(len(clip.video)) if indices is None else indices
    pictures = zip(stepped(output, wanted), clip.video, strict=True)
    return grey_faces(cropper(place.laid(image, real) for image, real in pictures))


def stepped(output: Video, indices: Iterable[int]) -> Iterator[Image]:
    """Yield the pictures at indices that never descend; the last one stands for those beyond."""
    ahead, at, image = enumerate(output), -1, None
    for index in indices:
        while at < min(index, len(output) - 1):
            at, image = next(ahead)
        assert image is not None
        yield image


def _placed(place: Place, output: Video, clip: Clip) -> tuple[str, ...]:
    high, wide = output.shape[1:3]
    height, width = clip.video.shape[1:3]
    if (place.width, place.height) != (width, height):
        return (
            f"{wide} x {high} pixels, cut out of the clip's {width} x {height} at {place.x}, {place.y} "
            f"({place.width} x {place.height} there)",
        )
    scaled = (
        () if (high, wide) == (height, width) else (f"{wide} x {high} pixels, scaled to {width} x {height}",)
    )
    if not place.warp:
        return scaled
    a, b, _, c, d, _ = place.warp
    size = float(np.sqrt(abs(a * d - b * c)))
    return (
        *scaled,
        f"shows the head elsewhere (turned by {np.degrees(np.arctan2(c, a)):.0f} degrees, {size:.2f} times as large): "
        "brought back to where the clip shows it",
    )


def _order_of_colours(clip: Clip, output: Video, place: Place, indices: tuple[int, ...]) -> str:
    """In which order an output's channels show the clip's colours: another than RGB only where that fits far better."""
    at = np.linspace(0, len(indices) - 1, SAMPLED).round().astype(int).tolist()
    real = frames_at(clip.video, at)
    made = frames_at(output, [indices[index] for index in at])
    laid = np.stack([place.laid(image, given) for image, given in zip(made, real, strict=True)]).astype(
        np.float32
    )
    apart = {
        "".join("RGB"[channel] for channel in order): float(np.abs(laid - real[..., order]).mean())
        for order in permutations(range(3))
    }
    best = min(apart, key=apart.__getitem__)
    plainly = apart["RGB"] > SWAPPED * apart[best] and apart["RGB"] - apart[best] > BLANK
    return best if plainly else "RGB"


def is_listened_to(row: FinishedVideo) -> bool:
    """Whether an output's sound is compared with what its row says; else the sound is what is believed."""
    return row.audio != TRACK or row.setup in (Setup.SI, Setup.AM)


def objection_to_sound(
    row: FinishedVideo, heard: Audio | None, own: Audio, driving: Audio | None
) -> str | None:
    """Return why an output was driven by other audio than its row says, or None: its sound track is listened to.

    Args:
        row: of the output.
        heard: its sound, int16 16 kHz; None where it has none.
        own: the clip's own speech.
        driving: what the row says drove it.
    """
    if not is_listened_to(row) or heard is None or is_quiet(heard) or driving is None:
        return None
    if is_quiet(driving):
        whose = "the clip's own speech" if _lag(heard, own) is not None else "sound"
        return (
            f"{whose} is heard in it, but silence should have driven it; name the right file, or write it without "
            "sound"
        )
    if len(heard) / 16_000 < LEAST_OVERLAP * HOP_SECONDS or _lag(heard, driving) is not None:
        return None
    whose = "the clip's own speech" if _lag(heard, own) is not None else "other sound"
    return (
        f"{whose} is heard in it, and not the audio that should have driven it; name the right file or the right "
        "audio, or write it without sound"
    )


def _lag(one: Audio, other: Audio) -> float | None:
    """How many seconds later the same is heard in the other, or None where it is not the same recording."""
    found = shared_recordings([fingerprint(one), fingerprint(other)])
    return next((lag for _, _, lag in islice(found, 1)), None)
