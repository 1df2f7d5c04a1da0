"""The floor video: the clip with one still mouth in the region, the rest as it is."""

import numpy as np

from pytest_lipleak.evaluation.measures.floor import floor_frames, most_closed
from pytest_lipleak.faces.centred import mouth_darkness
from pytest_lipleak.faces.small_faces import SIDE, enlarged, grey_faces, lips_region, soft
from pytest_lipleak.media.clipsets import EMBEDDED, open_clips

FRAMES = open_clips(EMBEDDED)["anna_1"].frames[:40]


def test_the_most_closed_mouth_is_the_least_dark_one() -> None:
    chosen = most_closed(grey_faces(FRAMES))
    darkness = mouth_darkness(FRAMES)
    assert darkness[chosen] <= np.sort(darkness)[2]


def test_only_the_region_stands_still() -> None:
    region = enlarged(lips_region(), 4)
    made = np.stack(list(floor_frames(FRAMES, FRAMES[7], region)))
    outside = soft(region, 160, 160)[..., 0] == 0
    assert np.array_equal(made[:, outside], FRAMES[:, outside])
    assert np.array_equal(made[7], FRAMES[7])
    lips = np.zeros((SIDE, SIDE), bool)
    lips[44:50, 34:46] = True
    still, moving = (grey_faces(video)[:, lips].astype(float).std(axis=0).mean() for video in (made, FRAMES))
    assert still < 0.5 * moving
