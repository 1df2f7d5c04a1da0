"""SSIM and PSNR: scikit-image's numbers, analytic cases, properties, speed."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import noisy, scenes

from pytest_lipleak.quality.psnr import mean_psnr, psnr
from pytest_lipleak.quality.ssim import PIXELS_AT_ONCE, ssim


def reference_ssim(output, real):
    metrics = pytest.importorskip("skimage.metrics")
    return [
        metrics.structural_similarity(
            one,
            other,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            data_range=255,
            channel_axis=-1,
        )
        for one, other in zip(output, real, strict=True)
    ]


@pytest.mark.parametrize("size", [(11, 11), (12, 40), (64, 80), (160, 160), (161, 333)])
@pytest.mark.parametrize("level", [0.5, 5, 40])
def test_ssim_equals_scikit_image(size, level):
    real = scenes(2, *size)
    output = noisy(real, level)
    assert ssim(output, real) == pytest.approx(reference_ssim(output, real), abs=1e-6)


@pytest.mark.parametrize("pair", [(0, 255), (255, 255), (0, 0), (7, 8), (250, 251)])
def test_ssim_of_flat_pictures_equals_scikit_image(pair):
    output, real = (np.full((1, 32, 32, 3), shade, np.uint8) for shade in pair)
    assert ssim(output, real) == pytest.approx(reference_ssim(output, real), abs=1e-6)


def test_ssim_of_flat_pictures_of_quite_other_shades_is_nearly_that_of_scikit_image():
    output, real = (np.full((1, 32, 32, 3), shade, np.uint8) for shade in (20, 90))
    assert ssim(output, real) == pytest.approx(reference_ssim(output, real), abs=2e-5)


@pytest.mark.parametrize("shade", [0, 3, 110, 251])
def test_ssim_of_grain_on_flat_parts_equals_scikit_image(shade):
    # Bars and padding are where float32 would lose digits.
    real = scenes(2, 120, 160)
    real[:, :60] = shade
    for level in (1, 8, 30):
        output = noisy(real, level)
        assert ssim(output, real) == pytest.approx(reference_ssim(output, real), abs=1e-6)


def test_ssim_in_strips_equals_ssim_at_once(monkeypatch):
    real = scenes(1, 70, 90)
    output = noisy(real, 20)
    expected = ssim(output, real)
    assert real[0, ..., 0].size < PIXELS_AT_ONCE
    for pixels in (1, 90, 90 * 7, 90 * 59):
        monkeypatch.setattr("pytest_lipleak.quality.ssim.PIXELS_AT_ONCE", pixels)
        assert ssim(output, real) == pytest.approx(expected, abs=1e-7)


def test_identical_pictures():
    real = scenes()
    assert (ssim(real, real) == 1).all()
    assert np.isposinf(psnr(real, real)).all()


def test_unrelated_noise_has_no_structure_in_common():
    rng = np.random.default_rng(0)
    one, other = rng.integers(0, 256, (2, 1, 128, 128, 3), np.uint8)
    assert abs(ssim(one, other)[0]) < 0.02


@pytest.mark.parametrize("difference", [1, 5, 100])
def test_psnr_of_a_constant_difference(difference):
    real = np.full((2, 20, 20, 3), 100, np.uint8)
    expected = 20 * np.log10(255 / difference)
    assert psnr(real + np.uint8(difference), real) == pytest.approx(expected)


def test_psnr_equals_scikit_image():
    metrics = pytest.importorskip("skimage.metrics")
    real = scenes(3, 160, 160)
    output = noisy(real, 12)
    expected = [metrics.peak_signal_noise_ratio(a, b) for a, b in zip(real, output, strict=True)]
    assert psnr(output, real) == pytest.approx(expected, rel=1e-12)


@settings(max_examples=20)
@given(seed=st.integers(0, 1000), level=st.floats(1, 60))
def test_both_are_symmetric_and_bounded(seed, level):
    real = scenes(1, 40, 40, seed=seed)
    output = noisy(real, level)
    assert ssim(output, real) == pytest.approx(ssim(real, output), abs=1e-6)
    assert (psnr(output, real) == psnr(real, output)).all()
    assert -1 <= ssim(output, real)[0] < 1


@settings(max_examples=15)
@given(seed=st.integers(0, 1000))
def test_both_fall_as_noise_rises(seed):
    real = scenes(1, 48, 48, seed=seed)
    for measure in (ssim, psnr):
        values = [measure(noisy(real, level, seed), real)[0] for level in (2, 6, 18, 54)]
        assert values == sorted(values, reverse=True)
        assert len(set(values)) == 4


def test_boxes_compare_only_what_they_hold():
    real = scenes(2, 64, 80)
    output = real.copy()
    output[:, 40:60, 20:60] = 0
    spoilt, intact = np.array([[20, 40, 60, 60]] * 2), np.array([[0, 0, 80, 40]] * 2)
    assert (ssim(output, real, intact) == 1).all()
    assert np.isposinf(psnr(output, real, intact)).all()
    assert (ssim(output, real, spoilt) < ssim(output, real)).all()
    assert (psnr(output, real, spoilt) < psnr(output, real)).all()
    part = slice(40, 60), slice(20, 60)
    inside = reference_ssim(output[:, *part], real[:, *part])
    assert ssim(output, real, spoilt) == pytest.approx(inside, abs=1e-6)


def test_mean_psnr_leaves_unchanged_frames_out_unless_all_are():
    assert mean_psnr(np.array([30.0, np.inf, 40.0])) == 35
    assert mean_psnr(np.array([np.inf, np.inf])) == np.inf
    assert np.isnan(mean_psnr(np.array([])))


@pytest.mark.parametrize("measure", [ssim, psnr])
def test_wrong_inputs(measure):
    real = scenes()
    with pytest.raises(ValueError, match=r"shape \(2, 64, 80, 3\), expected \(3, 64, 80, 3\)"):
        measure(real[:2], real)
    with pytest.raises(ValueError, match="expected uint8"):
        measure(real.astype(np.float32), real)
    with pytest.raises(ValueError, match=r"boxes of shape \(1, 4\), expected \(3, 4\)"):
        measure(real, real, np.zeros((1, 4), int))


def test_ssim_needs_a_full_window():
    with pytest.raises(ValueError, match="a picture of 40x10 is compared, expected 11x11 or more"):
        ssim(*[scenes(1, 10, 40)] * 2)


@pytest.mark.slow
def test_ssim_is_four_times_as_fast_as_scikit_image():
    real = scenes(12, 160, 160)
    output = noisy(real, 10)
    reference_ssim(output[:1], real[:1])

    def cpu_time(function) -> float:
        start = time.process_time()
        function(output, real)
        return time.process_time() - start

    # The best of paired runs: other processes on the machine may slow down either.
    assert max(cpu_time(reference_ssim) / cpu_time(ssim) for _ in range(5)) > 4
