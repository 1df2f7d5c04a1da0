import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_lipleak.core.errors import UnscorableError
from pytest_lipleak.sync.lse import median_filter, score


def embeddings(windows: int, seed: int = 0, width: int = 24) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(windows, width)).astype(np.float32)


@settings(max_examples=60)
@given(
    st.lists(st.floats(-100, 100, width=32), min_size=1, max_size=60),
    st.sampled_from([1, 3, 9, 13]),
)
def test_the_running_median_is_scipys(values: list[float], width: int) -> None:
    from scipy.signal import medfilt

    # SciPy 1.15 aborts where the filter is longer than the signal; padded with zeros, as it does itself, none is.
    beyond = width // 2
    padded = np.pad(np.array(values, np.float64), beyond)
    expected = medfilt(padded, width)[beyond : beyond + len(values)]
    np.testing.assert_allclose(median_filter(np.array(values), width), expected)


@pytest.mark.parametrize("offset", [-9, -1, 0, 3, 9])
def test_audio_that_comes_later_has_a_positive_offset(offset: int) -> None:
    both = embeddings(80)
    video = np.roll(both, offset, axis=0)
    result = score(video[12:-12], both[12:-12])
    assert result.offset == offset
    assert result.lse_d < 3 < result.lse_c


@pytest.mark.parametrize(("video", "audio", "windows"), [(40, 40, 40), (40, 30, 30), (1, 5, 1)])
def test_windows_are_those_both_have(video: int, audio: int, windows: int) -> None:
    result = score(embeddings(video, 1), embeddings(audio, 2))
    assert result.windows == windows
    assert len(result.window_confidence) == windows
    assert len(result.mean_distances) == 31


def test_window_confidence_is_the_demo_codes() -> None:
    """The demo code: median of the means minus each window's distance at the best shift, median of 9."""
    import torch
    from scipy.signal import medfilt

    video, audio = embeddings(40, 3), embeddings(40, 4)
    padded = torch.nn.functional.pad(torch.from_numpy(audio), (0, 0, 15, 15))
    by_window = torch.stack(
        [
            torch.nn.functional.pairwise_distance(
                torch.from_numpy(video[[i]]).repeat(31, 1), padded[i : i + 31]
            )
            for i in range(40)
        ],
        1,
    )
    means = torch.mean(by_window, 1)
    least, best = torch.min(means, 0)
    result = score(video, audio)
    confidence = medfilt((torch.median(means) - by_window[best]).numpy(), kernel_size=9)
    np.testing.assert_allclose(result.window_confidence, confidence, atol=1e-4)
    assert result.lse_d == pytest.approx(float(least), rel=1e-5)
    assert result.lse_c == pytest.approx(float(torch.median(means) - least), abs=1e-4)
    assert result.offset == 15 - int(best)


@pytest.mark.parametrize(("video", "audio"), [(0, 0), (0, 9), (9, 0)])
def test_without_a_window_there_is_no_score(video: int, audio: int) -> None:
    with pytest.raises(UnscorableError, match="fewer than 6 usable frames"):
        score(embeddings(video), embeddings(audio))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_embeddings_that_are_no_numbers_are_never_scored(bad: float) -> None:
    video = embeddings(20)
    video[13, 5] = bad
    with pytest.raises(UnscorableError, match="not finite"):
        score(video, embeddings(20, 1))


def test_unrelated_audio_scores_above_zero_and_more_so_in_short_clips() -> None:
    """The zero padding's bias: why AM and XM clips have equal lengths."""
    confidences = {
        windows: np.mean(
            [score(embeddings(windows, s, 512), embeddings(windows, s + 99, 512)).lse_c for s in range(5)]
        )
        for windows in (20, 95)
    }
    assert confidences[20] > 3 * confidences[95] > 0
