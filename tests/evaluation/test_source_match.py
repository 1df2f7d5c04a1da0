"""Finished videos are laid on their clips by what they show: late, lost, scaled, cut out; wrong ones are refused."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import cv2
import numpy as np
import pytest

from pytest_lipleak.core.clips import Clip
from pytest_lipleak.core.errors import UnscorableError
from pytest_lipleak.core.scores import POSED
from pytest_lipleak.evaluation.make.crops import Cropper
from pytest_lipleak.evaluation.make.finished_alignment import FreePose, Laid, lay
from pytest_lipleak.faces.lookalikes import traits_of
from pytest_lipleak.faces.placement import turned_to, whole_of
from pytest_lipleak.faces.small_faces import grey_faces
from pytest_lipleak.faces.source_match import SAME_QUICK, match, numbers_of
from pytest_lipleak.faces.tracking import FacePolicy, FaceTrack
from pytest_lipleak.media.clipsets import EMBEDDED, open_clips
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
    return lay(clip, output, Cropper(Protocol.DIRECT))


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
        (lambda made: made[:-1], [*range(59), 58], "ends 1 frame"),
        (lambda made: np.concatenate([made, made[:5]]), range(60), "5 frames beyond the clip's end"),
        (lambda made: np.concatenate([made[:1]] * 3 + [made]), range(3, 63), "begins 3 frames before"),
        (lambda made: made[2:], [*range(58)], "lacks the first 2 frames"),
        (lambda made: np.delete(made, [30], axis=0), [*range(30), *range(29, 59)], "1 frame lost"),
        (lambda made: np.insert(made, 30, made[30], axis=0), [*range(30), *range(31, 61)], "1 frame doubled"),
    ],
    ids=["short", "short by one", "long", "late", "early", "lost", "doubled"],
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


def test_an_output_of_less_than_half_of_its_clip_is_refused(clip: np.ndarray, output: np.ndarray) -> None:
    assert str(laid(clip, output[:29]).refused).startswith("shows 29 frames of the clip's 60: it was cut off")
    assert "it was cut off" not in str(laid(clip, output[:30]).refused)


@pytest.mark.parametrize("lacks", [6, 10, 25])
def test_an_output_that_shows_its_clip_from_somewhere_on_is_refused_with_the_place(
    clip: np.ndarray, output: np.ndarray, lacks: int
) -> None:
    """Nothing of it is measured where its first picture would stand for what it lacks: no leak is seen there."""
    why = laid(clip, output[lacks:]).refused
    assert why is not None
    assert f"lacks the first {lacks} frames ({lacks / 25:.2f} s) of clip 'ann'" in why
    assert f"{lacks / 25:.2f} s later than now: column 'start'" in why
    assert laid(clip[lacks:], output[lacks:]).indices == tuple(range(LENGTH - lacks)), "as it says"


@pytest.mark.parametrize("before", [7, 20], ids=["as long as its clip", "beyond what is looked at"])
def test_an_output_that_shows_its_clip_far_too_late_is_refused_with_the_place(
    clip: np.ndarray, output: np.ndarray, before: int
) -> None:
    late = np.concatenate([np.zeros_like(output[:before]), output])
    why = laid(clip, late[:LENGTH]).refused
    assert why is not None
    assert f"shows clip 'ann' {before} frames ({before / 25:.2f} s) late" in why
    assert (laid(clip, late).refused is None) is (before == 7), "all of it is there"


def test_a_refusal_counts_pictures_that_show_nothing(clip: np.ndarray, output: np.ndarray) -> None:
    half = laid(clip, np.concatenate([output[:20], 0 * output[20:50], output[50:]])).refused
    assert half is not None
    assert "(30 of its 60 pictures show nothing, the first at 0.80 s)" in half
    belongs = np.concatenate([output[:20], 0 * output[20:40], output[40:]])
    third = laid(clip, belongs).refused
    assert third is not None
    assert "shows nothing in 20 of 60 frames, the first at 0.80 s" in third


@pytest.mark.parametrize("may_copy", [False, True], ids=["by hand", "planned"])
def test_an_output_is_refused_where_it_is_black_and_its_clip_is_not(
    clip: np.ndarray, output: np.ndarray, may_copy: bool
) -> None:
    black = np.r_[20:40]

    def of(real: np.ndarray, made: np.ndarray) -> str | None:
        ann = Clip("ann", real, np.zeros(640 * LENGTH, np.int16))
        return lay(ann, made, Cropper(Protocol.DIRECT), may_copy=may_copy).refused

    broken, dark = output.copy(), clip.copy()
    broken[black] = 0
    dark[black] = 0
    assert "shows nothing in 20 of 60 frames, the first at 0.80 s" in (of(clip, broken) or "")
    assert of(dark, broken) is None, "what the clip shows is what is missing nowhere"


def test_the_clip_itself_is_refused_or_where_it_may_be_noted(clip: np.ndarray) -> None:
    ann = Clip("ann", clip, np.zeros(640 * LENGTH, np.int16))
    by_hand, planned = (
        lay(ann, clip.copy(), Cropper(Protocol.DIRECT), may_copy=may) for may in (False, True)
    )
    assert "is the clip itself" in (by_hand.refused or "")
    assert planned.refused is None
    assert "a whole copy, or the clip itself" in " ".join(planned.notes)


@pytest.mark.parametrize("order", ["BGR", "RBG", "GRB", "BRG", "GBR"])
def test_colours_in_another_order_are_refused(clip: np.ndarray, output: np.ndarray, order: str) -> None:
    pale = (clip // 2 + clip.mean(axis=3, keepdims=True) / 2).astype(np.uint8)
    why = laid(pale, made_from(pale)[..., ["RGB".index(channel) for channel in order]]).refused
    assert why is not None
    assert why.endswith("write its frames as RGB")
    assert order == "BGR" or order in why


def test_frames_that_are_lost_on_the_way_are_no_missing_beginning(
    clip: np.ndarray, output: np.ndarray
) -> None:
    found = laid(clip, np.delete(output, range(20, 27), axis=0))
    assert found.refused is None
    assert found.indices[:20] == tuple(range(20))


@pytest.mark.parametrize("name", ["anna_1", "anna_2"])
@pytest.mark.parametrize("frames", [90, 70, 63])
def test_an_output_of_another_length_is_laid_to_the_frame(name: str, frames: int) -> None:
    """Its mean picture is another one than the clip's: by that alone frames of these clips were laid one late."""
    real = np.stack([cv2.resize(each, (96, 96)) for each in open_clips(EMBEDDED)[name].frames[:75]])
    made = real.copy()
    made[:, 58:80, 32:64] = 40
    # A longer one goes on as its end did.
    output = np.concatenate([made, made[-15:]])[:frames]
    found = laid(real, output)
    assert found.refused is None
    assert found.indices == tuple(min(at, frames - 1) for at in range(75))


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
    found = lay(real, shown, cropper)
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
    assert words in found.refused


def test_what_is_worth_a_look_is_said_of_an_output_that_belongs(clip: np.ndarray, output: np.ndarray) -> None:
    stuck = output.copy()
    stuck[20:36] = stuck[20]
    assert "stands still for 0.6 s from 0.8 s on, where the clip moves" in laid(clip, stuck).notes
    coded = np.clip(clip + np.random.default_rng(3).normal(0, 4, clip.shape), 0, 255).astype(np.uint8)
    found = laid(clip, coded)
    assert found.refused is None
    assert any("a whole copy, or the clip itself, encoded again" in note for note in found.notes)
    assert laid(clip, output).notes == ()


def posed_anew(frames: np.ndarray, seed: int) -> np.ndarray:
    """What a system shows that poses heads by itself: the first frame's head on a way of its own, other lips in it."""
    draw = np.random.default_rng(seed)
    times = np.arange(len(frames)) / 25
    turn, right, down = (
        reach * np.sin(2 * np.pi * draw.uniform(0.3, 0.9) * times + draw.uniform(0, 6)) for reach in (6, 5, 5)
    )
    made = []
    for at in range(len(frames)):
        head = frames[0].copy()
        head[85:120, 50:110] = draw.uniform(40, 200, 3)
        pose = cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), turn[at], 1.05)
        pose[:, 2] += right[at], down[at]
        made.append(cv2.warpAffine(head, pose, (SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE))
    return np.stack(made)


def declared(
    frames: np.ndarray,
    output: np.ndarray,
    others: Mapping[str, np.ndarray] = MappingProxyType({}),
    boxes: np.ndarray | None = None,
    cropper: Cropper | None = None,
) -> Laid:
    """Lay an output whose table says that heads are posed by the system; the face is found at ``boxes``, if any."""
    clip = Clip("ann", frames, np.zeros(640 * len(frames), np.int16))
    cropper = cropper or Cropper(Protocol.DIRECT)
    free = FreePose(
        lambda video: boxes, lambda: {name: traits_of(grey_faces(other)) for name, other in others.items()}
    )
    return lay(clip, output, cropper, free)


def test_a_head_that_follows_nobody_is_refused_until_the_table_says_so(clip: np.ndarray) -> None:
    posed = posed_anew(clip, 4)
    refused = laid(clip, posed).refused
    assert refused is not None
    assert "was not made from clip 'ann'" in refused
    assert "pose=free" in refused
    found = declared(clip, posed, {"bob": scene(2)})
    assert found.refused is None
    assert found.indices == tuple(range(LENGTH))
    assert found.notes[0] == POSED


def test_what_moves_as_its_clip_does_is_laid_by_that_whatever_the_table_says(
    clip: np.ndarray, output: np.ndarray
) -> None:
    late = np.concatenate([output[:1]] * 3 + [output])
    found = declared(clip, late)
    assert found.refused is None
    assert POSED not in found.notes
    assert any("begins 3 frames before its clip" in note for note in found.notes)


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (lambda clip: made_from(scene(2)), "was not made from clip 'ann' but from 'bob'"),
        (lambda clip: posed_anew(scene(2), 4), "looks more like clip 'bob' (r = "),
        (lambda clip: posed_anew(clip, 4)[:40], "nothing says which part of the clip it belongs to"),
        (lambda clip: np.repeat(posed_anew(clip, 4)[:1], LENGTH, axis=0), "nothing changes in its face"),
        (lambda clip: posed_anew(clip, 4)[:, 30:120], "another shape than the clip's"),
        (lambda clip: np.zeros_like(clip), "shows nothing"),
        (lambda clip: clip, "is the clip itself"),
    ],
    ids=[
        "of another clip",
        "of another person",
        "cut off",
        "still",
        "another shape",
        "black",
        "the clip itself",
    ],
)
def test_a_free_pose_excuses_no_wrong_file(
    clip: np.ndarray, made: Callable[[np.ndarray], np.ndarray], words: str
) -> None:
    found = declared(clip, np.ascontiguousarray(made(clip)), {"bob": scene(2)})
    assert found.refused is not None
    assert words in found.refused


def test_a_face_that_is_found_elsewhere_is_measured_where_the_clip_has_its_own(clip: np.ndarray) -> None:
    aside = np.round(8 * np.sin(np.arange(LENGTH) / 9)).astype(int)
    real = np.stack([np.roll(clip[0], by, axis=1) for by in aside])
    half = np.full(LENGTH, 50.0)
    cropper = Cropper(Protocol.TRACKED, FaceTrack(80.0 + aside, half + 30, half, FacePolicy("largest"), ()))
    # In the output the face is half as large, at a place of its own in every frame, in a wider picture.
    there = np.stack([20 + np.arange(LENGTH), 30 + np.arange(LENGTH) // 3], axis=1)
    shown, lips = (
        np.full((LENGTH, 120, 240, 3), 90, np.uint8),
        np.random.default_rng(5).uniform(40, 200, LENGTH),
    )
    for at, (x, y) in enumerate(there):
        head = clip[0].copy()
        head[85:110, 60:100] = lips[at]
        shown[at, y : y + 50, x : x + 50] = cv2.resize(
            head[30:130, 30:130], (50, 50), interpolation=cv2.INTER_AREA
        )
    boxes = np.concatenate([there, there + 50], axis=1) + np.random.default_rng(6).normal(0, 1, (LENGTH, 4))
    found = declared(real, shown, boxes=boxes, cropper=cropper)
    assert found.refused is None
    assert POSED in found.notes
    assert found.faces is not None
    marked = np.zeros_like(real)
    for at, by in enumerate(aside):
        marked[at, 90:105, 68 + by : 92 + by] = 255
    mouths = [face[mark > 250] for face, mark in zip(found.faces, grey_faces(cropper(marked)), strict=True)]
    assert np.abs(np.array([each.mean() for each in mouths]) - lips).max() < 8, (
        "lips where the clip has its own"
    )
    brow = found.faces[:, 10:30, 15:65].astype(float)
    assert brow.std(axis=0).mean() < 8, "and a head that stands still in its crops"


def test_without_a_face_a_free_pose_is_refused(clip: np.ndarray) -> None:
    def nothing(video: object) -> None:
        raise UnscorableError("no face in 60 of 60 frames")

    real = Clip("ann", clip, np.zeros(640 * LENGTH, np.int16))
    found = lay(real, posed_anew(clip, 4), Cropper(Protocol.DIRECT), FreePose(nothing, dict))
    assert found.refused == "no face is found in it: no face in 60 of 60 frames"


def test_a_head_that_is_posed_with_its_clip_is_known_by_its_quick_movements(clip: np.ndarray) -> None:
    drift = np.cumsum(np.random.default_rng(8).normal(0, 0.02, (LENGTH, 1, 1, 1)), axis=0)
    slow = 60 * np.sin(2 * np.pi * np.arange(LENGTH) / LENGTH)[:, None] * np.linspace(-1, 1, SIDE)
    lit = np.clip(clip * (1 + drift) + slow[:, None, :, None], 0, 255).astype(np.uint8)
    one, other = grey_faces(clip), grey_faces(lit)
    found = match(one, other)
    assert found.motion < found.needed
    assert found.quick is not None
    assert found.quick >= SAME_QUICK
    assert found.belongs
    wrong = match(grey_faces(scene(2)), other)
    assert wrong.quick is not None
    assert wrong.quick < 0.3
    assert not wrong.belongs
