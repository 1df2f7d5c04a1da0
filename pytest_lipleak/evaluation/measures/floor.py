"""The floor: what a model without any leak would score in the region that this model edits.

Real frames with one still mouth of the clip in the edited region: jaw, cheeks and head move as in the clip, the lips do
not. What the clip's own speech agrees with there is no leak, and is taken off. Nothing is generated for it.
"""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.clips import Image
from pytest_lipleak.faces.centred import MOUTH_COLUMNS, MOUTH_ROWS, darkness
from pytest_lipleak.faces.mouth_swap import aligned
from pytest_lipleak.faces.small_faces import SIDE, Faces, Region, soft_patch


def most_closed(faces: Faces) -> int:
    """Return the frame whose mouth is most closed, of grey faces (T, SIDE, SIDE)."""
    return int(openness(faces).argmin())


def openness(faces: Faces) -> NDArray[np.float32]:
    """How much of the inner mouth shows in every frame of grey faces (T, SIDE, SIDE), by its darkness: float32 (T,)."""
    rows, columns = (
        slice(round(low * SIDE), round(high * SIDE)) for low, high in (MOUTH_ROWS, MOUTH_COLUMNS)
    )
    return darkness(faces[:, rows, columns].astype(np.float32))


def floor_frames(crops: Iterable[Image], still: Image, region: Region) -> Iterator[Image]:
    """Yield every face crop with the mouth of ``still`` in ``region``, aligned on eyes and nose.

    Args:
        crops: of the real clip, uint8 RGB (H, W, 3).
        still: the crop whose mouth is used, of the same size.
        region: bool (SIDE, SIDE), in shares of the crop.
    """
    patch = soft_patch(region, *still.shape[:2])
    for crop in crops:
        yield patch.into(crop, aligned(still, crop, patch.place))
