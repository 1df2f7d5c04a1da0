import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_lipleak.sync.distances import distances, shifted_means


def calc_pdist(video: np.ndarray, audio: np.ndarray) -> np.ndarray:
    """The loop of the SyncNet demo code: one video window against 31 padded audio windows at a time."""
    import torch
    from torch.nn.functional import pad, pairwise_distance

    feat1, feat2 = torch.from_numpy(video), torch.from_numpy(audio)
    padded = pad(feat2, (0, 0, 15, 15))
    rows = [pairwise_distance(feat1[[i], :].repeat(31, 1), padded[i : i + 31, :]) for i in range(len(feat1))]
    return torch.stack(rows).numpy()


@settings(max_examples=40)
@given(st.integers(1, 60), st.integers(1, 64), st.sampled_from([1e-3, 1.0, 50.0]), st.integers(0, 2**31))
def test_distances_are_those_of_the_demo_code(windows: int, width: int, scale: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    video, audio = (scale * random.normal(size=(2, windows, width))).astype(np.float32)
    own = distances(video, audio)
    assert own.dtype == np.float32
    np.testing.assert_allclose(own, calc_pdist(video, audio), rtol=3e-5, atol=2e-6 * scale)


def test_equal_windows_are_not_quite_at_zero() -> None:
    same = np.random.default_rng(0).normal(size=(3, 1024)).astype(np.float32)
    # pairwise_distance adds 1e-6 to every one of the 1024 differences.
    np.testing.assert_allclose(distances(same, same)[:, 15], 32e-6, rtol=1e-3)


@pytest.mark.parametrize(("video", "audio", "rows"), [(5, 9, 5), (9, 5, 5), (0, 4, 0), (4, 0, 0)])
def test_the_shorter_of_the_two_counts(video: int, audio: int, rows: int) -> None:
    random = np.random.default_rng(1)
    seen, heard = (random.normal(size=(n, 8)).astype(np.float32) for n in (video, audio))
    result = distances(seen, heard)
    assert result.shape == (rows, 31)
    np.testing.assert_array_equal(result, distances(seen[:rows], heard[:rows]))


def test_column_j_is_the_audio_j_minus_15_windows_later() -> None:
    audio = np.random.default_rng(2).normal(size=(50, 16)).astype(np.float32)
    for shift in (-15, -4, 0, 7, 15):
        video = np.roll(audio, -shift, axis=0)
        best = distances(video, audio)[15:-15].argmin(axis=1)
        assert (best == shift + 15).all()


@pytest.mark.parametrize(("windows", "recording"), [(40, 40), (40, 95), (40, 23), (3, 50), (700, 600)])
def test_stretches_of_a_recording_score_as_if_cut_first(windows: int, recording: int) -> None:
    random = np.random.default_rng(5)
    video, audio = (random.normal(size=(n, 16)).astype(np.float32) for n in (windows, recording))
    starts = np.array([0, 7, recording - 1])
    found = shifted_means(video, audio, starts)
    for start, means in zip(starts, found, strict=True):
        stretch = np.resize(np.roll(audio, -start, axis=0), (windows, 16))
        np.testing.assert_allclose(means, distances(video, stretch).mean(axis=0), rtol=1e-5)
