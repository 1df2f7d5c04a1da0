"""A finished video laid on the clip that it was made from: checked by what it shows and what is heard in it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np

from pytest_lipleak.core.clips import Audio, Clip, Image, Video, frames_at
from pytest_lipleak.core.conditions import Setup
from pytest_lipleak.core.errors import InputError
from pytest_lipleak.evaluation.make.crops import Cropper
from pytest_lipleak.faces.alignment import BLANK, MOVES, REACH, STILL, Match, match, numbers_of, upper_inside
from pytest_lipleak.faces.placement import FOUND, Place, has_shape_of, place_of, turned_to, whole_of
from pytest_lipleak.faces.small import Faces, Region, grey_faces, lips_region
from pytest_lipleak.generators.finished_model import is_quiet
from pytest_lipleak.media.audio import read_audio
from pytest_lipleak.media.finished_tables import TRACK, FinishedVideo
from pytest_lipleak.media.recordings import HOP_SECONDS, LEAST_OVERLAP, fingerprint, shared_recordings

LEAST_SHOWN = 0.5
"""Share of its clip that an output must show; a shorter one is a failed trial."""

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
"""How many times nearer to the clip an output must be with red and blue swapped."""

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
        refused: why it cannot be a video made from the clip, or None.
    """

    indices: tuple[int, ...]
    place: Place
    notes: tuple[str, ...]
    faces: Faces | None = None
    refused: str | None = None


def lay(clip: Clip, output: Video, cropper: Cropper, name: str) -> Laid:
    """Lay an output on its clip.

    Args:
        clip: the real clip.
        output: uint8 RGB (N, h, w, 3).
        cropper: of the clip.
        name: of the output's file, for messages.
    """
    place, straight = whole_of(clip.video), tuple(range(len(clip.video)))

    def refused(why: str) -> Laid:
        return Laid(straight, place, (), refused=f"{name}: {why}")

    if len(output) < LEAST_SHOWN * len(clip.video):
        return refused(
            f"shows {len(output)} frames of the clip's {len(clip.video)}: it was cut off, or is another video"
        )
    some = frames_at(output, np.linspace(0, len(output) - 1, SAMPLED).round().astype(int).tolist())
    if max(float(np.std(image)) for image in some) < BLANK:
        return refused("shows nothing: every picture is of one colour")
    given = grey_faces(cropper(clip.video))
    found: Match | None = None
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
    if found is None:
        return refused(
            f"its picture of {output.shape[2]} x {output.shape[1]} pixels is found nowhere in the clip's of "
            f"{clip.video.shape[2]} x {clip.video.shape[1]}: is it another video? Name the panel in the column 'box' "
            "where several are shown side by side"
        )
    if found.moves >= MOVES and found.output_moves < STILL * found.moves:
        return refused(
            f"does not move: by {found.output_moves:.1f} grey levels in the upper face, where the clip moves by "
            f"{found.moves:.1f}"
        )
    if not found.belongs:
        return refused(
            f"was not made from clip {clip.name!r}: {numbers_of(tries)}; name the right file, or the right clip"
        )
    faces = _faces(clip, output, cropper, place, found.indices)
    lips = lips_region()
    apart = float(np.mean(np.abs(given[:, lips].astype(np.float32) - faces[:, lips])))
    if apart < SAME_PIXELS:
        return refused(
            f"is the clip itself: its lips differ from the clip's by {apart:.2f} grey levels; name the model's output"
        )
    if _swapped(clip, output, place, found.indices):
        return refused("red and blue are swapped in it; write its frames as RGB")
    return Laid(found.indices, place, (*_placed(place, output, clip), *found.notes), faces)


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

    def pictures() -> Iterator[Image]:
        wanted = range(len(clip.video)) if indices is None else indices
        ahead, at, image = enumerate(output), -1, None
        for index, real in zip(wanted, clip.video, strict=True):
            while at < min(index, len(output) - 1):
                at, image = next(ahead)
            assert image is not None
            yield place.laid(image, real)

    return grey_faces(cropper(pictures()))


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


def _swapped(clip: Clip, output: Video, place: Place, indices: tuple[int, ...]) -> bool:
    at = np.linspace(0, len(indices) - 1, SAMPLED).round().astype(int).tolist()
    real = frames_at(clip.video, at)
    made = frames_at(output, [indices[index] for index in at])
    laid = np.stack([place.laid(image, given) for image, given in zip(made, real, strict=True)]).astype(
        np.float32
    )
    right, swapped = (float(np.abs(each - real).mean()) for each in (laid, laid[..., ::-1]))
    return right > SWAPPED * swapped and right - swapped > BLANK


def objection_to_sound(row: FinishedVideo, own: Audio, driving: Audio | None) -> str | None:
    """Return why an output was driven by other audio than its row says, or None: its sound track is listened to.

    Args:
        row: of the output.
        own: the clip's own speech, int16 16 kHz.
        driving: what the row says drove it.
    """
    if row.audio == TRACK and row.setup not in (Setup.SI, Setup.AM):
        return None  # the sound track is what is believed
    try:
        heard, _ = read_audio(row.output)
    except InputError:
        return None  # without sound
    if is_quiet(heard) or driving is None:
        return None
    name = row.output.name
    if is_quiet(driving):
        whose = "the clip's own speech" if _lag(heard, own) is not None else "sound"
        return (
            f"{name}: {whose} is heard in it, and {row.where} says that silence drove it; name the right file, or "
            "write it without sound"
        )
    if len(heard) / 16_000 < LEAST_OVERLAP * HOP_SECONDS or _lag(heard, driving) is not None:
        return None
    whose = "the clip's own speech" if _lag(heard, own) is not None else "other sound"
    return (
        f"{name}: {whose} is heard in it, and not the audio that drove it as {row.where} says; name the right file or "
        "the right audio, or write it without sound"
    )


def _lag(one: Audio, other: Audio) -> float | None:
    """How many seconds later the same is heard in the other, or None where it is not the same recording."""
    found = shared_recordings([fingerprint(one), fingerprint(other)])
    return next((lag for _, _, lag in islice(found, 1)), None)
