"""Of which of many clips a video was made, whose head follows nobody."""

from functools import cache
from itertools import product

import cv2
import numpy as np
import pytest

from pytest_lipleak.core.clips import Clip, Frames
from pytest_lipleak.evaluation.make.crops import Cropper
from pytest_lipleak.evaluation.make.finished_alignment import LOOKS_MORE, FreePose, lay
from pytest_lipleak.faces.lookalikes import FRAMES, Traits, likeness, traits_of
from pytest_lipleak.faces.small_faces import SIDE, Faces, grey_faces
from pytest_lipleak.sync.protocols import Protocol

PEOPLE = 20
LENGTH = 40


@cache
def face(who: int) -> np.ndarray:
    """Features at places of their own on a face that all share, float64 (SIDE, SIDE)."""
    draw = np.random.default_rng(who)
    picture = np.full((SIDE, SIDE), 130.0)
    cv2.ellipse(picture, (40, 42), (30, 38), 0, 0, 360, 180, -1)
    for x, y in product((18, 32, 48, 62), (8, 16, 25)):
        at = (int(x + draw.integers(-4, 5)), int(y + draw.integers(-3, 4)))
        cv2.circle(picture, at, int(draw.integers(2, 5)), float(draw.uniform(30, 250)), -1)
    return cv2.GaussianBlur(picture, (0, 0), 1.0)


def moved(who: int, seed: int, size: float = 1.0, turned: float = 0.0, length: int = LENGTH) -> Faces:
    """A face whose head goes its own way, and whose lips move."""
    draw = np.random.default_rng([who, seed])
    right, down = np.cumsum(draw.normal(0, 0.6, (2, length)), axis=1)
    shown = []
    for at in range(length):
        pose = cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), turned, size)
        pose[:, 2] += np.clip((right[at], down[at]), -6, 6)
        picture = face(who).copy()
        picture[44:50, 32:48] = draw.uniform(60, 200)
        shown.append(cv2.warpAffine(picture, pose, (SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE))
    return np.stack(shown).round().clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def clips() -> dict[str, Traits]:
    return {str(who): traits_of(moved(who, 0)) for who in range(PEOPLE)}


@pytest.mark.parametrize(("size", "turned"), [(1.0, 0.0), (1.12, 5.0), (0.9, -6.0)])
def test_a_face_is_known_however_it_is_posed(clips: dict[str, Traits], size: float, turned: float) -> None:
    for who in range(0, PEOPLE, 3):
        found = {name: each.look for name, each in likeness(moved(who, 7, size, turned), clips).items()}
        own = found.pop(str(who))
        assert own > max(found.values()) + LOOKS_MORE, who


def test_quick_movements_are_compared_as_by_hand() -> None:
    one, other = moved(3, 0), moved(4, 0)
    found = likeness(one, {"itself": traits_of(one), "other": traits_of(other), "late": traits_of(one[2:])})
    assert found["itself"].quick == pytest.approx(1, abs=1e-3)
    assert found["late"].quick > 0.9, "two frames late"
    rows = [traits_of(faces).quick.astype(float) for faces in (other, one)]
    expected = []
    for late in range(-2, 3):
        # What lies before the video's beginning and beyond its end counts as no movement.
        shifted = np.zeros_like(rows[1])
        shifted[max(0, -late) : LENGTH - max(0, late)] = rows[1][max(0, late) : LENGTH - max(0, -late)]
        size = np.linalg.norm(rows[0]) * np.linalg.norm(shifted)
        expected.append(np.vdot(rows[0], shifted) / size)
    assert found["other"].quick == pytest.approx(max(expected), abs=2e-3)
    assert found["other"].quick < 0.5


def test_a_short_clip_is_compared_with_as_much_of_the_video() -> None:
    long = moved(3, 0, length=FRAMES + 20)
    assert likeness(long, {"short": traits_of(long[:30])})["short"].quick > 0.95
    assert likeness(long[:30], {"long": traits_of(long)})["long"].quick < 0.9


def test_a_few_kilobytes_are_held_of_a_clip() -> None:
    traits = traits_of(moved(1, 0, length=500))
    assert traits.look.nbytes + traits.quick.nbytes < 10_000


def coloured(faces: Faces) -> Frames:
    return np.repeat(faces[..., None], 3, axis=-1)


@pytest.mark.parametrize("away", range(1, PEOPLE))
def test_a_file_of_any_other_clip_is_refused_however_far_it_stands_in_the_table(
    clips: dict[str, Traits], away: int
) -> None:
    frames = coloured(moved(0, 0))
    clip = Clip("0", frames, np.zeros(640 * LENGTH, np.int16))
    free = FreePose(lambda video: None, lambda: clips)
    wrong = coloured(moved(away, 5, 1.05, 3.0))
    found = lay(clip, wrong, Cropper(Protocol.DIRECT), free)
    assert found.refused is not None
    assert f"looks more like clip '{away}'" in found.refused
    right = lay(clip, coloured(moved(0, 5 + away, 1.05, 3.0)), Cropper(Protocol.DIRECT), free)
    assert right.refused is None


def test_what_shows_no_face_of_the_clip_is_refused_among_no_others() -> None:
    clip = Clip("0", coloured(moved(0, 0)), np.zeros(640 * LENGTH, np.int16))
    free = FreePose(lambda video: None, dict)
    right = moved(0, 5, 1.05, 3.0)
    noise = np.random.default_rng(1).integers(0, 255, right.shape).astype(np.uint8)
    for shown, words in (
        (right, None),
        (right[:, ::-1], "shows the face upside down"),
        (moved(9, 5), "does not look like clip '0'"),
        (noise, "does not look like clip '0'"),
    ):
        found = lay(clip, coloured(shown), Cropper(Protocol.DIRECT), free).refused
        assert (found is None) == (words is None)
        assert words is None or words in str(found)


def test_a_file_that_moves_as_another_clip_is_refused(clips: dict[str, Traits]) -> None:
    frames = coloured(moved(0, 0))
    clip = Clip("0", frames, np.zeros(640 * LENGTH, np.int16))
    # The same person in another recording: the look tells nothing.
    again = moved(0, 9)
    free = FreePose(lambda video: None, lambda: {**clips, "again": traits_of(again)})
    made = np.clip(coloured(again).astype(int) + 6, 0, 255).astype(np.uint8)
    made[:, 44:50, 32:48] = 90
    found = lay(clip, made, Cropper(Protocol.DIRECT), free)
    assert found.refused is not None
    assert "was not made from clip '0' but from 'again'" in found.refused
    assert grey_faces(frames).shape == (LENGTH, SIDE, SIDE)
