"""What a model author writes: run it with `pytest --lipleak-model my_package.my_model:load`.

The limits are on the scale of the embedded sync expert; SyncNet v2 has a scale of its own.
"""

import pytest

from pytest_lipleak import (
    assert_lsd_below,
    assert_lse_c_above,
    assert_metric,
    assert_silent_lse_c_below,
)

# One test per reference: what a model does not have is skipped, and the rest is still judged.
both_references = pytest.mark.parametrize("reference", ["CR", "AR"])


@both_references
def test_lips_follow_the_audio(lipleak, reference):
    assert_lse_c_above(lipleak, 1.5, setup="XM", reference=reference)


@both_references
def test_lips_do_not_follow_the_reference(lipleak, reference):
    assert_lsd_below(lipleak, 0.5, reference=reference)


@both_references
def test_silence_closes_the_mouth(lipleak, reference):
    assert_silent_lse_c_below(lipleak, 1.0, reference=reference)


@both_references
def test_other_speech_leaves_nothing_of_the_clips_own(lipleak, reference):
    assert_metric(lipleak, f"LSE-C_XO@offset[{reference}] < 1.4")
