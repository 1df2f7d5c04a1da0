"""What follows from mouths moves with them, whatever it is; what is merely otherwise does not."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from pytest_lipleak.evaluation.probes.echo import changed_share, echo
from pytest_lipleak.faces.small_faces import SIDE, chroma_faces, grey_faces, lips_region

Signal = NDArray[np.float64]
FRAMES, MOVED = 75, 8
LIPS = lips_region()


def wave(*seed: int, width: int = 7) -> Signal:
    """Openings as lips have them, and in no rhythm: smooth, 0..1, the ends meet, (75,)."""
    noise = np.random.default_rng(seed).normal(0, 1, FRAMES)
    smooth = sum(weight * np.roll(noise, at) for at, weight in enumerate(np.hanning(width + 2)[1:-1]))
    return np.asarray((smooth - smooth.min()) / np.ptp(smooth))


def lips(signal: Signal) -> NDArray[np.uint8]:
    """Faces whose lips darken by a signal, and nothing else moves."""
    faces = np.full((FRAMES, SIDE, SIDE), 170.0)
    faces[:, LIPS] -= 60 * signal[:, None]
    return np.uint8(np.clip(np.rint(faces), 0, 255))


def of(model: Callable[[Signal], Signal], own: Signal, silent: Signal) -> float:
    """Probe what a model makes of a mouth's openings."""
    before, earlier, later = (lips(model(np.roll(own, by))) for by in (0, -MOVED, MOVED))
    return echo(before, earlier, later, moved=MOVED, region=LIPS, otherwise=lips(silent))


def _envelope(own: Signal) -> Signal:
    # Twice round, so that its end is as if it had no beginning.
    held, last = [], 0.0
    for each in np.concatenate([own, own]):
        last = max(float(each), 0.85 * last)
        held.append(last)
    return np.array(held[FRAMES:])


FORMS: dict[str, Callable[[Signal], Signal]] = {
    "as wide": lambda own: own,
    "the other way round": lambda own: 1 - own,
    "how fast": lambda own: 4 * np.abs(np.roll(own, -1) - np.roll(own, 1)),
    "how fast it opens": lambda own: 4 * np.maximum(np.roll(own, -1) - np.roll(own, 1), 0),
    "squared": np.square,
    "half open": lambda own: 1 - np.abs(2 * own - 1),
    "shut or open": lambda own: (own > 0.5).astype(float),
    "moving or at rest": lambda own: (np.abs(np.gradient(own)) > 0.04).astype(float),
    "an envelope": _envelope,
    "half a second's mean": lambda own: np.mean([np.roll(own, at) for at in range(12)], axis=0) * 2,
    "twenty frames late": lambda own: np.roll(own, 20),
}


@pytest.mark.parametrize("form", FORMS)
def test_whatever_follows_from_moved_mouths_echoes(form: str) -> None:
    own, heard = wave(1), wave(2)
    assert of(lambda mouth: 0.5 * heard + 0.5 * FORMS[form](mouth), own, 0.5 * FORMS[form](own)) > 0.4


def test_a_leak_for_half_of_the_time_and_one_whose_lag_swings_echo() -> None:
    own, heard, at = wave(1), wave(2), np.arange(FRAMES)
    half = (at < FRAMES // 2).astype(float)
    assert of(lambda mouth: 0.5 * heard + 0.5 * half * mouth, own, 0.5 * half * own) > 0.2
    swinging = np.rint(at - 4 * np.sin(2 * np.pi * at / FRAMES)).astype(int) % FRAMES
    assert of(lambda mouth: 0.5 * heard + 0.5 * mouth[swinging], own, 0.5 * own[swinging]) > 0.3


def test_lips_that_stay_have_no_echo() -> None:
    assert of(lambda mouth: wave(2), wave(1), np.zeros(FRAMES)) == 0


@pytest.mark.parametrize("width", [3, 7, 15])
def test_lips_that_come_out_otherwise_have_none_on_average(width: int) -> None:
    """A model that answers whatever it is given with other lips, drawn by it: a mean of four clips stays small."""
    found = []
    for suite in range(25):
        clips = []
        for clip in range(4):
            draw = iter(range(9))
            clips.append(
                of(
                    lambda mouth, suite=suite, clip=clip, draw=draw: wave(
                        suite, clip, next(draw), width=width
                    ),  # type: ignore[misc]
                    wave(suite, clip, 20),
                    np.zeros(FRAMES),
                )
            )
        found.append(np.mean(clips))
    assert np.mean(found) < 0
    assert np.quantile(found, 0.95) < 0.15


def test_what_chance_moves_is_taken_off() -> None:
    own, drawn = wave(1), [0.5 * wave(2, call) for call in range(5)]
    seen = [
        lips(each + 0.02 * np.roll(own, by)) for each, by in zip(drawn, (0, -MOVED, MOVED, 0, 0), strict=True)
    ]
    before, earlier, later, again, otherwise = seen
    alone = echo(before, earlier, later, moved=MOVED, region=LIPS, otherwise=otherwise, again=again)
    assert alone < 0.1


def test_mouths_that_were_moved_the_other_way_first_echo_as_well() -> None:
    own = wave(1)
    before, earlier, later = (lips(np.roll(own, by)) for by in (0, MOVED, -MOVED))
    assert echo(before, earlier, later, moved=-MOVED, region=LIPS, otherwise=lips(0 * own)) > 0.6


def test_colour_without_light_is_in_the_chroma_alone() -> None:
    red, green = np.full((2, 2, 40, 40, 3), 100, np.uint8)
    # As bright as before, by the weights of BT.601.
    red[..., 0] += 30
    red[..., 1] -= 15
    assert np.abs(grey_faces(red).astype(int) - grey_faces(green)).max() <= 1
    assert np.abs(chroma_faces(red).astype(int) - chroma_faces(green)).max() >= 15
    assert chroma_faces([]).shape == (0, SIDE, SIDE, 2)


def test_what_changes_with_mouths_is_seen_where_it_follows_them_in_no_form() -> None:
    own, order = wave(1), np.random.default_rng(3).permutation(FRAMES)

    def changed(model: Callable[[Signal], Signal]) -> float:
        before, earlier, later = (lips(model(np.roll(own, by))) for by in (0, -MOVED, MOVED))
        return changed_share(before, earlier, later, region=LIPS, otherwise=lips(wave(2)))

    assert of(lambda mouth: mouth[order], own, wave(2)) < 0.2
    assert changed(lambda mouth: mouth[order]) > 0.5
    assert changed(lambda mouth: wave(4)) == 0, "it looks at no mouth"
