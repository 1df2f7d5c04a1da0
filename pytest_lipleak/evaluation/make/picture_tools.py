"""The networks behind picture measures, and the store that keeps what they found."""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.clips import Video, digest_of
from pytest_lipleak.core.version import __version__
from pytest_lipleak.machine.libraries import OPENCV
from pytest_lipleak.machine.model_files import file_sha256
from pytest_lipleak.machine.written_files import write_array
from pytest_lipleak.store.keys import key_of, versions_of
from pytest_lipleak.store.store import Store, read_array
from pytest_lipleak.sync.protocols import Protocol

ArtefactMaker = Callable[[], NDArray[Any]]


class PictureTools:
    """The networks that picture measures need, each loaded when first used.

    Args:
        weights: folder of model files, or None for the download folder.
        device: torch device for Inception-v3.
        protocol: under ``tracked`` the mouth is found by landmarks, else it lies where a face-centred
            frame has it.
        store: where landmarks and features are kept.
        arcface: an ONNX file of the user's own for CSIM, or None for the default network.
    """

    def __init__(
        self,
        weights: Path | None,
        device: str,
        protocol: Protocol,
        store: Store,
        arcface: Path | None = None,
    ) -> None:
        self._arcface = arcface
        self._weights = weights
        self._device = device
        self.protocol = protocol
        self._store = store

    @cached_property
    def landmarker(self) -> Any:
        """Face landmarks, MediaPipe's networks."""
        from pytest_lipleak.faces.landmarks import FaceLandmarker

        return FaceLandmarker(self._weights)

    def landmarks(
        self, source: str, read: Callable[[], Video], boxes: NDArray[np.float64] | None
    ) -> NDArray[np.float32]:
        """Face mesh per frame of the video with the key ``source``, float32 (T, 478, 2); NaN without a face."""

        def make() -> NDArray[np.float32]:
            return np.asarray(self.landmarker.landmarks(read(), () if boxes is None else boxes), np.float32)

        return self.artefact("landmarks", f"{source} {'' if boxes is None else digest_of(boxes)}", make)

    @cached_property
    def recogniser(self) -> Any:
        """ArcFace."""
        from pytest_lipleak.quality.csim import FaceRecogniser

        return FaceRecogniser(self._weights, model=self._arcface)

    @cached_property
    def perceptual(self) -> Any:
        """LPIPS."""
        from pytest_lipleak.quality.perceptual import PerceptualDistance

        return PerceptualDistance(self._weights, self._device)

    @cached_property
    def inception(self) -> Any:
        """Inception-v3."""
        from pytest_lipleak.quality.fid import Inception

        return Inception(self._weights, self._device)

    def artefact(self, kind: str, source: str, make: ArtefactMaker) -> NDArray[Any]:
        """Return what ``make`` computes for the video ``source``, from the store where it was made before."""

        def write(path: Path) -> None:
            write_array(path, make())

        key = self._key(kind=kind, source=source)
        found = self._store.load(f"{kind}.npy", key, write, read_array, about={"of": source})
        assert found is not None
        return found

    def has_artefact(self, kind: str, source: str) -> bool:
        """Whether ``artefact`` of that kind was made before."""
        return self._store.find(f"{kind}.npy", self._key(kind=kind, source=source)) is not None

    def data(self, kind: str, compute: Callable[[], Any], **of: Any) -> Any:
        """Return JSON-ready data that depends on ``of``, from the store where it was computed before."""
        return self._store.data(kind, self._key(kind=kind, **of), compute, about={"of": str(of)})

    def has(self, kind: str, **of: Any) -> bool:
        """Whether ``data`` of that kind was computed before."""
        return self._store.find(f"{kind}.json", self._key(kind=kind, **of)) is not None

    def _key(self, **parts: Any) -> str:
        return key_of(
            **parts,
            protocol=str(self.protocol),
            arcface=file_sha256(self._arcface) if self._arcface else None,
            device=self._device.partition(":")[0],
            libraries=versions_of("numpy", OPENCV, "ai-edge-litert", "onnxruntime", "torch", "lpips"),
            package=__version__,
        )
