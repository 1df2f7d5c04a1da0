"""The region that a model edits, from pictures whose changes are known."""

import cv2
import numpy as np
import pytest

from pytest_lipleak.evaluation.measures.edited_region import changes_over_time, edited_region
from pytest_lipleak.faces.small_faces import (
    SIDE,
    Region,
    enlarged,
    grey_faces,
    lips_core,
    lips_region,
    soft,
)

NOISE = np.random.default_rng(3)
STILL = cv2.GaussianBlur(NOISE.integers(40, 200, (SIDE, SIDE)).astype(np.uint8), (0, 0), 2)
INPUTS = np.repeat(STILL[None], 40, axis=0)


def ellipse(rows: float, columns: float) -> Region:
    y, x = (np.mgrid[:SIDE, :SIDE] + 0.5) / SIDE
    return np.asarray(np.hypot((y - 0.58) / rows, (x - 0.5) / columns) <= 1)


def flickering(region: Region, levels: float, seed: int = 0) -> np.ndarray:
    """The inputs with brightness in ``region`` that changes from frame to frame."""
    change = np.random.default_rng(seed).normal(0, levels, len(INPUTS))[:, None, None] * region
    return np.clip(np.rint(INPUTS + change), 0, 255).astype(np.uint8)


def overlap(one: Region, other: Region) -> float:
    return float((one & other).sum() / (one | other).sum())


def test_what_changes_is_found_and_nothing_else() -> None:
    edit = ellipse(0.25, 0.3)
    found = edited_region([flickering(edit, 8)], INPUTS)
    assert overlap(found, edit) > 0.85


def test_it_is_the_union_over_outputs_and_convex() -> None:
    low, high = ellipse(0.25, 0.3).copy(), ellipse(0.25, 0.3).copy()
    low[:46], high[46:] = False, False
    found = edited_region([flickering(low, 8), flickering(high, 8)], INPUTS)
    assert overlap(found, low | high) > 0.8


def test_a_model_that_returns_its_input_edits_the_lips_all_the_same() -> None:
    assert np.array_equal(edited_region([INPUTS], INPUTS), lips_region())


def test_noise_and_brightness_are_no_edit() -> None:
    noisy = np.clip(INPUTS + np.random.default_rng(1).normal(0, 6, INPUTS.shape), 0, 255).astype(np.uint8)
    assert edited_region([noisy], INPUTS).mean() < 1.5 * lips_region().mean()
    gains = np.linspace(0.8, 1.1, len(INPUTS))[:, None, None]
    darker = np.clip(np.rint(gains * INPUTS + 5), 0, 255).astype(np.uint8)
    assert changes_over_time([darker], INPUTS)[0].max() < 0.8
    assert np.array_equal(edited_region([darker], INPUTS), lips_region())


def test_a_frame_redrawn_aside_is_no_edit() -> None:
    large = cv2.resize(STILL, (2 * SIDE, 2 * SIDE), interpolation=cv2.INTER_CUBIC)
    places = np.random.default_rng(2).uniform(-1.5, 1.5, (len(INPUTS), 2))
    moves = [np.array([[1, 0, x], [0, 1, y]], np.float32) for x, y in places]
    aside = [cv2.warpAffine(large, move, large.shape, borderMode=cv2.BORDER_REPLICATE) for move in moves]
    outputs, inputs = (
        np.stack([cv2.resize(each, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for each in video])
        for video in (aside, [large] * len(INPUTS))
    )
    assert edited_region([outputs], inputs).mean() < 1.5 * lips_region().mean()


def test_a_black_output_is_an_edit_of_nothing_it_could_be_fitted_to() -> None:
    assert np.isfinite(changes_over_time([np.zeros_like(INPUTS)], INPUTS)).all()


def test_outputs_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match="expected"):
        changes_over_time([INPUTS, INPUTS[1:]], INPUTS)


def test_faces_of_any_size_become_small_and_grey() -> None:
    frames = np.full((3, 160, 120, 3), (255, 0, 0), np.uint8)
    faces = grey_faces(frames)
    assert faces.shape == (3, SIDE, SIDE)
    assert np.unique(faces).tolist() == [76]  # BT.601: 0.299 of 255
    assert grey_faces([]).shape == (0, SIDE, SIDE)


def test_regions_grow_and_fade() -> None:
    region = ellipse(0.25, 0.3)
    large = enlarged(region, 3)
    assert (region <= large).all()
    assert region.sum() < large.sum()
    weights = soft(region, 160, 120)
    assert weights.shape == (160, 120, 1)
    assert weights.min() == 0
    assert weights.max() == pytest.approx(1)
    assert (lips_core() <= lips_region()).all()
