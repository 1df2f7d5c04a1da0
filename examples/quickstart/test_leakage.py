"""What a model author writes: run it with `pytest --lipleak-model my_package.my_model:load`.

The limits are on the scale of the embedded sync expert; SyncNet v2 has a scale of its own.
"""

from pytest_lipleak import (
    assert_lsd_below,
    assert_lse_c_above,
    assert_metric,
    assert_silent_lse_c_below,
)


def test_lips_follow_the_audio(lipleak):
    assert_lse_c_above(lipleak, 1.5, setup="XM", reference="CR")


def test_lips_do_not_follow_the_reference(lipleak):
    assert_lsd_below(lipleak, 0.8, reference="CR")
    assert_lsd_below(lipleak, 0.8, reference="AR")


def test_silence_closes_the_mouth(lipleak):
    assert_silent_lse_c_below(lipleak, 1.0)


def test_other_speech_leaves_nothing_of_the_clips_own(lipleak):
    assert_metric(lipleak, "LSE-C_XO@offset[CR] < 1.4")
