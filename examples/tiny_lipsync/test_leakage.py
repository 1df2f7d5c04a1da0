"""What stands beside the gates of pyproject.toml: tests against chance, and one of the network's own mask."""

import numpy as np
import pytest

from pytest_lipleak import assert_no_own_audio_leak, assert_no_silent_leak

both_references = pytest.mark.parametrize("reference", ["CR", "AR"])


@both_references
def test_silence_leaves_nothing_of_the_clips_own_speech(lipleak, reference):
    assert_no_silent_leak(lipleak, reference=reference)


@both_references
def test_other_speech_leaves_nothing_of_the_clips_own(lipleak, reference):
    assert_no_own_audio_leak(lipleak, reference=reference)


def test_the_mask_hides_the_mouth(lipleak_model, lipleak_clips):
    """With the reference held, whatever is behind the mask changes nothing of what is painted."""
    clip = next(iter(lipleak_clips.values()))
    frames, speech, reference = clip.frames[:10], clip.audio[:6400], clip.frames[20:21]
    rows, columns = slice(80, 110), slice(50, 110)  # the mouth of a face-centred frame of 160 x 160
    altered = frames.copy()
    altered[:, rows, columns] = 0
    generate = lipleak_model.generator.generate
    painted, again = (generate(given, speech, reference) for given in (frames, altered))
    np.testing.assert_array_equal(painted[:, rows, columns], again[:, rows, columns])
