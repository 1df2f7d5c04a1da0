"""What a model author writes: run it with `pytest --lipleak-model my_package.my_model:load`.

The limits are on the scale of the embedded sync expert; SyncNet v2 has a scale of its own.
"""

import pytest

from pytest_lipleak import assert_lse_c_above, assert_metric

# One test per reference: what a model does not have is skipped, and the rest is still judged.
both_references = pytest.mark.parametrize("reference", ["CR", "AR"])


@both_references
def test_lips_follow_the_audio(lipleak, reference):
    assert_lse_c_above(lipleak, 1.5, setup="XM", reference=reference)


@both_references
def test_silence_leaves_nothing_of_the_clips_own_speech(lipleak, reference):
    assert_metric(lipleak, f"LSE-C_S@floor[{reference}] < 0.4")


@both_references
def test_other_speech_leaves_nothing_of_the_clips_own(lipleak, reference):
    assert_metric(lipleak, f"LSE-C_XO@floor[{reference}] < 0.5")
