import numpy as np
import pytest

from pytest_lipleak.plan.silent_audio import silence


def test_silence_is_exact_zeros_unless_noise_is_asked_for() -> None:
    assert not silence(999).any()
    assert (len(silence(999)), silence(999).dtype) == (999, np.int16)


@pytest.mark.parametrize("seed", [0, 7])
def test_noise_is_60_decibels_below_full_scale_and_seeded(seed: int) -> None:
    noise = silence(160_000, "noise", seed)
    level = 20 * np.log10(np.sqrt(np.mean(noise.astype(float) ** 2)) / 32_768)
    assert level == pytest.approx(-60, abs=0.05)
    assert noise.dtype == np.int16
    np.testing.assert_array_equal(noise, silence(160_000, "noise", seed))
    assert not np.array_equal(noise, silence(160_000, "noise", seed + 1))
    assert abs(noise.astype(float).mean()) < 0.5
