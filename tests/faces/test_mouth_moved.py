"""A mouth that is moved to another face: the same pixels as of the whole picture, moved by OpenCV."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_lipleak.faces.mouth_swap import mouth_patch, moved_to


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([(160, 160), (131, 77), (256, 200)]),
    st.floats(-0.07, 0.07),
    st.floats(-0.07, 0.07),
    st.integers(0, 2**32 - 1),
)
def test_moved_mouth_is_cut_out_of_the_moved_picture(size, down, across, seed):
    height, width = size
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)
    source = cv2.GaussianBlur(noise, (0, 0), 3)
    by = (across * width, down * width)
    place = mouth_patch(height, width).place

    with pytest.MonkeyPatch.context() as patch:
        # What is found is another test's business: here any movement is.
        patch.setattr(cv2, "phaseCorrelate", lambda *images: (by, 1.0))
        moved, brighter = moved_to(source, source[::-1].copy(), place)

    move = np.array([[1, 0, by[0]], [0, 1, by[1]]], np.float32)
    expected = cv2.warpAffine(source, move, (width, height), borderMode=cv2.BORDER_REPLICATE)
    assert brighter is not None
    np.testing.assert_array_equal(moved, expected[place])
