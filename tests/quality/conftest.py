from functools import cache
from itertools import islice

import pytest


@pytest.fixture(scope="session")
def clip_frames(shared):
    """Return a function that decodes the first frames of a clip, uint8 RGB (T, H, W, 3), once per session."""
    import av
    import numpy as np

    pytest.importorskip("ai_edge_litert")

    @cache
    def read(name: str, count: int | None = None):
        with av.open(str(shared / "clips" / name)) as container:
            decoded = islice(container.decode(video=0), count)
            return np.stack([frame.to_ndarray(format="rgb24") for frame in decoded])

    return read
