"""Which part of the frame a generator repaints: from the lips alone to the lower half."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.clips import Frames
from pytest_lipleak.faces.mouth_swap import CENTRE, FEATHER, RADII
from research.known_guilt.scene import Scene, Signal, opening, smoothed

Masks = NDArray[np.float32]
"""What is repainted, and how much, (T or 1, H, W, 1) in 0..1; or one number for all."""


@dataclass(frozen=True)
class Ellipse:
    """An ellipse around the mouth, with a soft edge.

    Args:
        scale: 1 reaches from nose to chin, as the control generators' does; 0.5 holds the lips alone.
        follows_mouth: its size follows how wide the *input's* mouth is open, as a face box does that was found in
            every frame: the edge of the edit tells what the clip says.
        follows_head: its size follows how much the head moves.
        flickers: its size changes at random from frame to frame.
    """

    scale: float = 1.0
    follows_mouth: float = 0.0
    follows_head: float = 0.0
    flickers: float = 0.0

    def masks(self, scene: Scene) -> Masks:
        """Float32 (T or 1, H, W, 1) in 0..1."""
        scales = np.array([self.scale], np.float32)
        if self.follows_mouth:
            scales = self.scale * (1 + self.follows_mouth * opening(scene.frames))
        if self.follows_head:
            scales = scales * (1 + self.follows_head * head_movement(scene.frames))
        if self.flickers:
            draw = np.random.default_rng(scene.place).uniform(-1, 1, len(scene.frames))
            scales = scales * np.float32(1 + self.flickers * draw)
        height, width = scene.frames.shape[1:3]
        y, x = np.mgrid[:height, :width].astype(np.float32)
        radius = np.hypot(
            ((y + 0.5) / height - CENTRE[0]) / RADII[0],
            ((x + 0.5) / width - CENTRE[1]) / RADII[1],
        )
        masks = np.clip((1 - radius / scales[:, None, None]) / FEATHER, 0, 1)[..., None]
        return np.asarray(masks, np.float32)


def head_movement(frames: Frames) -> Signal:
    """How much eyes and nose differ from frame to frame, 0 still, 1 as the liveliest twentieth."""
    height = frames.shape[1]
    upper = frames[:, round(0.15 * height) : round(0.45 * height)].astype(np.float32)
    moved = np.abs(np.diff(upper, axis=0, prepend=upper[:1])).mean(axis=(1, 2, 3))
    return np.asarray(
        np.clip(smoothed(moved, 2) / max(float(np.percentile(moved, 95)), 1e-3), 0, 1), np.float32
    )


@dataclass(frozen=True)
class LowerHalf:
    """Everything below the nose, as Wav2Lip repaints it.

    Args:
        top: first row, a share of the height.
    """

    top: float = 0.45

    def masks(self, scene: Scene) -> Masks:
        """Float32 (1, H, W, 1) in 0..1."""
        height, width = scene.frames.shape[1:3]
        y, x = np.mgrid[:height, :width].astype(np.float32)
        rows = np.clip(((y + 0.5) / height - self.top) / 0.04, 0, 1)
        columns = np.clip(np.minimum(x + 0.5, width - x - 0.5) / width / 0.08 - 0.5, 0, 1)
        return np.asarray((rows * columns)[None, ..., None], np.float32)


@dataclass(frozen=True)
class Cloned:
    """Gradients of the made face inside an ellipse, solved for the frame's colours at its edge (Poisson blending).

    Args:
        scale: as ``Ellipse``'s.
    """

    scale: float = 1.0

    def masks(self, scene: Scene) -> Masks:
        """Float32 (1, H, W, 1) in 0..1."""
        return Ellipse(self.scale).masks(scene)


@dataclass(frozen=True)
class Whole:
    """The whole frame: whatever made the faces has pasted them already."""

    def masks(self, scene: Scene) -> Masks:
        """Ones."""
        return np.ones((1, 1, 1, 1), np.float32)


def cloned(scene: Scene, faces: Frames, masks: Masks) -> Frames:
    """Return the input frames with the gradients of ``faces`` where the mask is above 0."""
    # Three channels: of one, some versions of OpenCV read more than there is.
    where = np.repeat(np.asarray(255 * (masks[0] > 0), np.uint8), 3, axis=2)
    rows, columns = (np.flatnonzero(where.any(axis=(axis, 2))) for axis in (1, 0))
    centre = (int(columns[0] + columns[-1] + 1) // 2, int(rows[0] + rows[-1] + 1) // 2)
    return np.stack(
        [
            np.asarray(
                cv2.seamlessClone(np.ascontiguousarray(face), frame.copy(), where, centre, cv2.NORMAL_CLONE)
            )
            for frame, face in zip(scene.frames, faces, strict=True)
        ]
    ).astype(np.uint8)


def pasted(scene: Scene, faces: Frames, masks: Masks) -> Frames:
    """Return the input frames with ``faces`` where the masks are 1."""
    if masks.size == 1:
        return faces
    output = scene.frames.copy()
    # Picture by picture: only the rows and columns that change.
    rows, columns = masks.max(axis=(0, 2, 3)) > 0, masks.max(axis=(0, 1, 3)) > 0
    area = tuple(slice(int(axis.argmax()), len(axis) - int(axis[::-1].argmax())) for axis in (rows, columns))
    for at, (frame, face) in enumerate(zip(scene.frames, faces, strict=True)):
        mask = masks[at % len(masks)][area]
        mixed = frame[area] + mask * (face[area].astype(np.float32) - frame[area])
        output[at][area] = np.rint(mixed)
    return output
