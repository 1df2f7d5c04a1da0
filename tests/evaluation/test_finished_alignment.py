"""Finished videos are laid on their clips by what they show: late, lost, scaled, cut out; wrong ones are refused."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from pytest_lipleak.core.clips import Clip
from pytest_lipleak.evaluation.make.crops import Cropper
from pytest_lipleak.evaluation.make.finished_alignment import Laid, lay
from pytest_lipleak.faces.alignment import match, numbers_of
from pytest_lipleak.faces.placement import turned_to, whole_of
from pytest_lipleak.faces.small import grey_faces
from pytest_lipleak.sync.protocols import Protocol

LENGTH, SIDE = 60, 160


def scene(seed: int, length: int = LENGTH) -> np.ndarray:
    """A face-like blob of colours that wanders before a background of its own, uint8 (T, SIDE, SIDE, 3)."""
    draw = np.random.default_rng(seed)
    texture = draw.uniform(0, 255, (14, 14, 3)).astype(np.float32)
    large = cv2.resize(texture, (SIDE + 60, SIDE + 60), interpolation=cv2.INTER_CUBIC)
    path = np.cumsum(draw.normal(0, 1.6, (length, 2)), axis=0)
    path = np.clip(path - path.mean(axis=0), -29, 29) + 30
    frames = [large[round(y) : round(y) + SIDE, round(x) : round(x) + SIDE] for y, x in path]
    return np.clip(np.stack(frames), 0, 255).astype(np.uint8)


def made_from(frames: np.ndarray, seed: int = 0) -> np.ndarray:
    """What a model makes of them: other lips and jaw, all of it a little blurred and noisy."""
    draw = np.random.default_rng(seed)
    made = np.stack([cv2.GaussianBlur(frame, (0, 0), 1.2) for frame in frames]).astype(np.float32)
    made += draw.normal(0, 3, made.shape)
    made[:, 85:150, 40:120] = draw.uniform(40, 200, (len(frames), 1, 1, 3))
    return np.clip(made, 0, 255).astype(np.uint8)


def laid(frames: np.ndarray, output: np.ndarray) -> Laid:
    clip = Clip("ann", frames, np.zeros(640 * len(frames), np.int16))
    return lay(clip, output, Cropper(Protocol.DIRECT), "out.mp4")


@pytest.fixture(scope="module")
def clip() -> np.ndarray:
    return scene(1)


@pytest.fixture(scope="module")
def output(clip: np.ndarray) -> np.ndarray:
    return made_from(clip)


def test_an_output_as_it_should_be_is_taken_as_it_is(clip: np.ndarray, output: np.ndarray) -> None:
    found = laid(clip, output)
    assert (found.refused, found.notes) == (None, ())
    assert found.indices == tuple(range(LENGTH))


@pytest.mark.parametrize(
    ("change", "indices", "words"),
    [
        (lambda made: made[:-4], [*range(56), 55, 55, 55, 55], "ends 4 frames early"),
        (lambda made: np.concatenate([made, made[:5]]), range(60), "5 frames beyond the clip's end"),
        (lambda made: np.concatenate([made[:1]] * 3 + [made]), range(3, 63), "begins 3 frames late"),
        (lambda made: made[2:], [*range(58)], "begins 2 frames early"),
        (lambda made: np.delete(made, [30], axis=0), [*range(30), *range(29, 59)], "1 frame lost"),
        (lambda made: np.insert(made, 30, made[30], axis=0), [*range(30), *range(31, 61)], "1 frame doubled"),
    ],
    ids=["short", "long", "late", "early", "lost", "doubled"],
)
def test_time_is_found_by_content(
    clip: np.ndarray,
    output: np.ndarray,
    change: Callable[[np.ndarray], np.ndarray],
    indices: object,
    words: str,
) -> None:
    found = laid(clip, change(output))
    assert found.refused is None
    assert words in "; ".join(found.notes)
    wanted = np.array(list(indices))  # type: ignore[call-overload]
    got = np.array(found.indices)[-len(wanted) :]
    # Where exactly a frame is missing, a picture that hardly moves does not say.
    assert (abs(got - wanted) > 1).mean() < 0.02
    assert (got != wanted).mean() < 0.15


def test_a_scaled_output_comes_back_in_the_size_of_the_clip(clip: np.ndarray, output: np.ndarray) -> None:
    small = np.stack([cv2.resize(each, (96, 96), interpolation=cv2.INTER_AREA) for each in output])
    found = laid(clip, small)
    assert found.refused is None
    assert found.notes == ("96 x 96 pixels, scaled to 160 x 160",)
    picture = found.place.laid(small[7], clip[7])
    assert picture.shape == clip[7].shape
    assert np.abs(picture.astype(int) - output[7]).mean() < 12


@pytest.mark.parametrize("back", [False, True], ids=["as it is", "scaled to the clip's size again"])
def test_a_cut_out_output_is_found_where_it_lies(clip: np.ndarray, output: np.ndarray, back: bool) -> None:
    part = output[:, 8:152, 24:144]
    if back:
        part = np.stack([cv2.resize(each, (160, 192)) for each in part])
    found = laid(clip, part)
    assert found.refused is None
    place = found.place
    assert np.abs(np.array([place.x, place.y, place.width, place.height]) - [24, 8, 120, 144]).max() <= 4
    whole = place.laid(part[3], clip[3])
    assert np.array_equal(whole[:, :16], clip[3][:, :16]), "around it, the clip"


def elsewhere(frames: np.ndarray, degrees: float, size: float, right: float) -> np.ndarray:
    """Every frame with the head turned, of another size and moved."""
    turn = cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), degrees, size)
    turn[0, 2] += right
    return np.stack(
        [cv2.warpAffine(each, turn, (SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE) for each in frames]
    )


@pytest.mark.parametrize(("degrees", "size", "right"), [(0, 1.0, 9), (6, 1.15, 4), (-5, 0.87, -4)])
def test_a_head_that_is_shown_elsewhere_is_brought_back(
    clip: np.ndarray, output: np.ndarray, degrees: float, size: float, right: float
) -> None:
    shown = elsewhere(output, degrees, size, right)
    found = laid(clip, shown)
    assert found.refused is None
    assert any("shows the head elsewhere" in note for note in found.notes)
    middle = np.s_[40:120, 40:120]
    back = found.place.laid(shown[20], clip[20])[middle].astype(int)
    assert np.abs(back - output[20][middle]).mean() < 8
    assert (
        np.abs(back - output[20][middle]).mean()
        < np.abs(shown[20][middle].astype(int) - output[20][middle]).mean() / 2
    )


def test_another_video_is_refused_wherever_it_shows_the_head(clip: np.ndarray) -> None:
    for seed in (2, 3):
        found = laid(clip, elsewhere(made_from(scene(seed)), 6, 1.15, 4))
        assert found.refused is not None
        assert "was not made from clip 'ann'" in found.refused


def test_a_refusal_names_the_best_numbers_of_all_places(clip: np.ndarray) -> None:
    shown = elsewhere(made_from(clip[::-1]), 6, 1.15, 4)
    real = Clip("ann", clip, np.zeros(640 * LENGTH, np.int16))
    cropper = Cropper(Protocol.DIRECT)
    given = grey_faces(cropper(real.video))
    turn = turned_to(real.video, shown, cropper.boxes)
    there = [
        grey_faces(cropper(place.laid(image, image) for image in shown)) for place in (whole_of(shown), turn)
    ]
    whole, turned = match(given, there[0]), match(given, there[1], anew=True)
    assert turn.warp
    assert whole.turns is None
    assert turned.turns is not None
    found = lay(real, shown, cropper, "out.mp4")
    assert found.refused is not None
    best = max(whole, turned, key=lambda each: each.motion - each.needed)
    assert f"upper faces move alike with r = {best.motion:.2f} (at least {best.needed:.2f} " in found.refused
    assert f"heads turn alike with r = {turned.turns:.2f} (" in found.refused


def test_a_refusal_says_nothing_of_turns_where_nobody_asked(clip: np.ndarray) -> None:
    one, other = (grey_faces(scene(seed)) for seed in (1, 2))
    assert "heads turn" not in numbers_of([match(one, other)])


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda clip: clip, "is the clip itself"),
        (lambda clip: made_from(scene(2)), "was not made from clip 'ann'"),
        (lambda clip: made_from(clip)[:20], "shows 20 frames of the clip's 60"),
        (lambda clip: np.repeat(made_from(clip)[:1], LENGTH, axis=0), "does not move"),
        (lambda clip: np.zeros_like(clip), "shows nothing"),
        (lambda clip: made_from(clip)[..., ::-1], "red and blue are swapped"),
        (lambda clip: made_from(scene(3))[:, 40:120, :], "is found nowhere in the clip's"),
    ],
    ids=[
        "the clip itself",
        "another video",
        "cut off",
        "still",
        "black",
        "swapped channels",
        "another shape",
    ],
)
def test_a_wrong_file_is_refused_with_numbers(
    clip: np.ndarray, wrong: Callable[[np.ndarray], np.ndarray], words: str
) -> None:
    found = laid(clip, np.ascontiguousarray(wrong(clip)))
    assert found.refused is not None
    assert found.refused.startswith("out.mp4: ")
    assert words in found.refused
