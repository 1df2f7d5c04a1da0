"""The embedded expert: a small lip-sync network of the project's own, shipped with the package.

Two towers (0.8 M parameters) on ONNX Runtime, without torch. The data, recipe and figures stand in
``fixtures/expert/MODEL_CARD.md`` and ``docs/embedded-expert.md``. Its scores have a scale of their own: they are
never compared with those of SyncNet v2.
"""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.clips import Audio, Image
from pytest_lipleak.core.timebase import SAMPLES_PER_FRAME
from pytest_lipleak.machine.resources import resource
from pytest_lipleak.sync.distances import distances
from pytest_lipleak.sync.expert import (
    KEPT_WINDOWS,
    WINDOW_FRAMES,
    Embeddings,
    Examined,
    ExpertIdentity,
    Suitability,
    window_count,
)
from pytest_lipleak.sync.logmel import BANDS, log_mel
from pytest_lipleak.sync.lse import score
from pytest_lipleak.sync.mouth_window import (
    MOUTH_HEIGHT,
    MOUTH_WIDTH,
    aligned_faces,
    mouth_square,
    mouth_windows,
    turned_mouths,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

WEIGHTS = "expert/embedded.onnx"
RELEASE = "3"
"""Raised by hand whenever the weights are trained anew; the version adds the file's hash, so it can't be forgotten."""
RELEASE_SHA256 = "65b2b173fefad6e9f7b688466fb2438c35ad489d817f3a15e65a678444b2cb5f"
"""Of the weights file that is this release."""

MEL_PER_FRAME = 4
MEL_PER_WINDOW = 20
ROWS_PER_RUN = 64
"""Windows per call of the network: memory stays below 30 MB however long the clip is."""

TURNED_FRAMES = 750
"""Frames of a clip (30 s) that are looked at turned, where it is not heard clearly."""

SCALE = 10.0
"""Length of the embeddings, so that scores read well with two decimals."""


class EmbeddedExpert:
    """The shipped lip-sync network as a ``SyncExpert``.

    Args:
        weights: an ONNX file to use instead of the shipped one, for example one just trained.
        threads: in which calls of the network run side by side; one per process is best when pytest-xdist runs several
            processes. Their number changes no digit: a call takes the same windows, and one thread, in any case.
    """

    mouth_aligned = True
    gathers = False  # its network takes the same windows in every call, so that results are equal to the bit

    def __init__(self, weights: Path | None = None, *, threads: int = 1) -> None:
        self._weights = weights
        self._threads = threads
        self.works_beside = threads > 1
        self._examined = _Known(), _Known()

    @cached_property
    def _content(self) -> bytes:
        return self._weights.read_bytes() if self._weights else resource(WEIGHTS).read_bytes()

    @cached_property
    def identity(self) -> ExpertIdentity:
        """Name, version and weights hash; other weights than the release's are said to be unverified."""
        sha256 = hashlib.sha256(self._content).hexdigest()
        return ExpertIdentity("embedded", f"{RELEASE}+{sha256[:8]}", sha256, sha256 == RELEASE_SHA256)

    @cached_property
    def _session(self) -> Any:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        # Threads within a call gain less than calls side by side.
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        return onnxruntime.InferenceSession(self._content, options, providers=["CPUExecutionProvider"])

    def embed_video(self, frames: Iterable[Image]) -> Embeddings:
        """Embed face crops.

        Args:
            frames: uint8 RGB, shape (T, H, W, 3) or T images (H, W, 3), 25 fps; the crop of the ``tracked``
                protocol, or a face-centred frame such as LRS2's; any size, resized to 160x160.

        Returns:
            float32, shape (max(T - 5, 0), 129); row i sees frames i..i+4.
        """
        return self.embed_mouths(mouth_windows(frames))

    def begin(self, frames: Iterable[Image]) -> Callable[[], Embeddings]:
        """Cut the mouths out of face crops; return what embeds them: calls of the network, and little else."""
        return partial(self.embed_mouths, mouth_windows(frames))

    def embed_aligned(self, frames: Iterable[Image], corners: NDArray[np.floating]) -> Embeddings:
        """Embed frames whose mouth corners are known, which judges better than a face crop does.

        Args:
            frames: uint8 RGB, shape (T, H, W, 3) or T images (H, W, 3), 25 fps; any frames that show the face.
            corners: shape (T, 2, 2): x and y in pixels of the mouth corner on the image's left, then its right.

        Returns:
            As :meth:`embed_video`.
        """
        return self.embed_video(aligned_faces(frames, corners))

    def review(self, frames: Iterable[Image], audio: Audio) -> Suitability:
        """Refuse real clips with too little speech, no voice, a mouth that does not move, or a face that lies."""
        return self.examine(frames, audio).review

    def examine(self, frames: Iterable[Image], audio: Audio) -> Examined:
        """Distances and review in one pass, of which only the grey mouth windows are kept (3 KB per frame).

        Squares about the mouth of the first ``TURNED_FRAMES``, too: to look at turned copies where little is heard.
        """
        from pytest_lipleak.sync.suitability import suitability_of_mouths

        squares: list[NDArray[np.uint8]] = []

        def noted() -> Iterator[Image]:
            for frame in frames:
                if len(squares) < TURNED_FRAMES:
                    squares.append(mouth_square(frame))
                yield frame

        mouths = mouth_windows(noted())
        own = audio[: len(mouths) * SAMPLES_PER_FRAME]
        seen, heard = self.embed_mouths(mouths), self.embed_audio(own)
        if len(mouths) <= TURNED_FRAMES:  # an evaluation scores next what it has reviewed
            self._examined = _Known(mouths, seen), _Known(own, heard)
        review = suitability_of_mouths(mouths, own)
        if review.suitable:
            review = review.refused(self._why_lying(squares, seen, heard))
        return Examined(distances(seen, heard), review, seen[:KEPT_WINDOWS], heard[:KEPT_WINDOWS])

    def _why_lying(
        self, squares: Sequence[NDArray[np.uint8]], seen: Embeddings, heard: Embeddings
    ) -> str | None:
        """Why the face is taken to lie; turned copies are looked at where the clip is not heard clearly."""
        from pytest_lipleak.sync.suitability import CLEARLY_HEARD, lying

        begun = heard[: window_count(len(squares))]
        confidence = score(seen[: len(begun)], begun).lse_c
        if confidence >= CLEARLY_HEARD:
            return None
        upright = np.stack(squares)
        turned = (self.embed_mouths(turned_mouths(upright, quarters)) for quarters in (1, 2, 3))
        copies = [score(rows, begun).lse_c for rows in turned]
        return lying(confidence, dict(zip((90, 180, 270), copies, strict=True)))

    def embed_mouths(self, windows: NDArray[np.uint8]) -> Embeddings:
        """Embed grey mouth windows, uint8 (T, 48, 64); as :meth:`embed_video` otherwise."""
        rows = window_count(len(windows))
        if not rows:
            return np.zeros((0, 129), np.float32)
        if (known := self._examined[0].of(windows)) is not None:
            return known
        mean, deviation = _brightness(windows)

        def embed(start: int) -> NDArray[np.float32]:
            stop = min(start + ROWS_PER_RUN, rows)
            pixels = (windows[start : stop + WINDOW_FRAMES - 1].astype(np.float32) / 255.0 - mean) / deviation
            five = np.lib.stride_tricks.sliding_window_view(pixels, WINDOW_FRAMES, axis=0).transpose(
                0, 3, 1, 2
            )
            return self._run("video", frames=np.ascontiguousarray(five))

        return _with_constant(np.concatenate(self._side_by_side(embed, range(0, rows, ROWS_PER_RUN))))

    def embed_audio(self, audio: Audio) -> Embeddings:
        """Embed speech.

        Args:
            audio: int16 mono, 16 kHz, shape (N,).

        Returns:
            float32, shape (max(N // 640 - 5, 0), 129); row i sees the audio beside frames i..i+4.
        """
        rows = window_count(len(audio) // SAMPLES_PER_FRAME)
        if not rows:
            return np.zeros((0, 129), np.float32)
        if (known := self._examined[1].of(audio)) is not None:
            return known
        mel = log_mel(audio)

        def embed(start: int) -> NDArray[np.float32]:
            stop = min(start + ROWS_PER_RUN, rows)
            lines = mel[start * MEL_PER_FRAME : (stop - 1) * MEL_PER_FRAME + MEL_PER_WINDOW]
            return self._run("audio", mel=np.ascontiguousarray(lines.T)[None, None])[0, :, 0].T

        return _with_constant(np.concatenate(self._side_by_side(embed, range(0, rows, ROWS_PER_RUN))))

    def _side_by_side(
        self, embed: Callable[[int], NDArray[np.float32]], starts: Sequence[int]
    ) -> list[NDArray[np.float32]]:
        """Embed the windows from each start on, in order; calls release the GIL, so two take two processors."""
        if self._threads < 2 or len(starts) < 2:
            return list(map(embed, starts))
        _ = self._session  # loaded once
        with ThreadPoolExecutor(min(self._threads, len(starts))) as pool:
            return list(pool.map(embed, starts))

    def _run(self, output: str, **inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        # One file holds both towers, and ONNX Runtime wants every input: the other tower gets its smallest.
        smallest = {
            "frames": np.zeros((1, WINDOW_FRAMES, MOUTH_HEIGHT, MOUTH_WIDTH), np.float32),
            "mel": np.zeros((1, 1, BANDS, MEL_PER_WINDOW), np.float32),
        }
        result: NDArray[np.float32] = self._session.run([output], smallest | inputs)[0]
        return result


@dataclass(frozen=True, eq=False)
class _Known:
    """Something that was embedded lately.

    Args:
        given: mouth windows, or samples.
        embedded: what the network made of it, (W, 129).
    """

    given: NDArray[Any] | None = None
    embedded: Embeddings | None = None

    def of(self, given: NDArray[Any]) -> Embeddings | None:
        """Return its embeddings where the same is given, to the bit."""
        if self.given is None or self.embedded is None or not np.array_equal(self.given, given):
            return None
        # Laid in memory as it was: another layout is summed up in another order, and the last digit moves.
        return self.embedded.copy(order="K")


def _brightness(windows: NDArray[np.uint8]) -> tuple[float, float]:
    """Mean and standard deviation (plus 1e-4) over the whole clip, pixels in 0..1, from a histogram."""
    counts = np.zeros(256)
    for start in range(0, len(windows), ROWS_PER_RUN):
        counts += np.bincount(windows[start : start + ROWS_PER_RUN].ravel(), minlength=256)
    shades = np.arange(256) / 255.0
    mean = float(counts @ shades / counts.sum())
    return mean, float(np.sqrt(counts @ (shades - mean) ** 2 / counts.sum())) + 1e-4


def _with_constant(raw: NDArray[np.float32]) -> Embeddings:
    """Unit length, a constant 1 appended, times ``SCALE``.

    The constant is the same for video and audio, so it changes no distance between them. It places the zero vector,
    with which the score pads the audio, as far from every video window (10 sqrt 2) as audio that has nothing to do
    with it: without it, shifts that run past the end of a short clip would look better than wrong ones inside it.
    """
    unit = raw / np.maximum(np.linalg.norm(raw, axis=1, keepdims=True), 1e-8)
    constant = np.ones((len(unit), 1), np.float32)
    return np.asarray(SCALE * np.concatenate([unit, constant], axis=1), np.float32)
