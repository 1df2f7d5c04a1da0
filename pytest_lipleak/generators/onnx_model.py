"""Wav2Lip-shaped networks (Prajwal et al. 2020) exported to ONNX, run by ONNX Runtime on the CPU or CUDA.

Such a network takes a mel window and a face of six channels per frame, the masked face and the reference,
and returns a face. Exports differ in names, order and layout of inputs; what is what is read from the shapes.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.clips import Audio, Frames
from pytest_lipleak.core.errors import ConfigurationError, GeneratorError
from pytest_lipleak.core.suggestions import meant_file
from pytest_lipleak.generators.facecrops import FaceCrops, as_pixels, finite, one_per_frame
from pytest_lipleak.generators.mel import mel_windows
from pytest_lipleak.machine.model_files import file_sha256

Array = NDArray[Any]
Shape = tuple[int | None, ...]
"""Sizes without the batch; None where the graph leaves one open."""

TYPES: Mapping[str, type[np.floating[Any]]] = {"tensor(float)": np.float32, "tensor(float16)": np.float16}

MEL_LAYOUTS: tuple[tuple[Shape, Callable[[Array], Array]], ...] = (
    ((1, 80, 16), lambda mel: mel[:, None]),
    ((80, 16, 1), lambda mel: mel[..., None]),
    ((80, 16), lambda mel: mel),
)
"""Shapes of a mel input, and how (N, 80, 16) is brought into each."""

OUTSIDE = 0.01
"""How far beyond 0..1 a face may reach, by rounding."""


@dataclass(frozen=True)
class Layout:
    """How a network wants its inputs and gives its output.

    Args:
        mel: name, type and layout of the mel input.
        faces: name, type, and whether channels come last, of the faces input.
        size: height and width of the faces.
        output: name of the output.
        batch: the only batch that it takes, or None for any.
    """

    mel: tuple[str, type[np.floating[Any]], Callable[[Array], Array]]
    faces: tuple[str, type[np.floating[Any]], bool]
    size: int
    output: str
    batch: int | None


def load(
    path: str | Path,
    device: str = "cpu",
    *,
    size: int | None = None,
    pads: Sequence[int] = (0, 10, 0, 0),
    batch: int = 64,
    colour: str = "bgr",
    reference_first: bool = False,
    feather: float = 0.0,
    threads: int = 0,
) -> FaceCrops:
    """Build a generator from a Wav2Lip-shaped ONNX file.

    Args:
        path: the file.
        device: ``cpu`` or ``cuda:N``.
        size: of the faces, where the graph leaves it open (96 in Wav2Lip).
        pads: top, bottom, left, right in pixels around the face box; Wav2Lip's default.
        batch: frames at once, where the graph leaves it open.
        colour: ``bgr``, as Wav2Lip was trained, or ``rgb``.
        reference_first: whether the reference's three channels come before the masked face's.
        feather: width of the soft edge when pasting back; see ``facecrops.FaceCrops``.
        threads: of the CPU; 0 lets ONNX Runtime choose.

    Raises:
        ConfigurationError: no such file, no such network, or a device that ONNX Runtime cannot use.
    """
    if colour not in ("bgr", "rgb"):
        raise ConfigurationError(f"argument colour={colour!r}: expected bgr or rgb")
    if isinstance(batch, bool) or not isinstance(batch, int) or batch < 1:
        raise ConfigurationError(f"argument batch={batch!r}: expected a whole number, 1 or more")
    file = Path(path).expanduser()
    session = _session(file, device, threads)
    layout = layout_of(file.name, session.get_inputs(), session.get_outputs(), size)
    faces = OnnxFaces(session, layout, batch, colour, reference_first)
    faces.fingerprint = f"onnx-1 {_content(file)}"
    return FaceCrops(faces, layout.size, pads=pads, feather=feather)


class OnnxFaces:
    """The network, from face crops to face crops; see ``facecrops.FaceCrops``."""

    supports = ("CR", "AR")
    alternative_reference = "first"
    silence = "noise"  # as for Wav2Lip itself, with which its numbers are compared

    def __init__(self, session: Any, layout: Layout, batch: int, colour: str, reference_first: bool) -> None:
        self.fingerprint = ""
        if layout.batch is None:
            self.batch = batch
        self._session = session
        self._layout = layout
        self._colour = colour
        self._reference_first = reference_first

    def generate(self, faces: Frames, audio: Audio, reference: Frames) -> Frames:
        """Generate; faces (T, size, size, 3) with their lower half masked."""
        mel = mel_windows(audio, len(faces))
        parts = [faces, one_per_frame(reference, len(faces))]
        pictures = np.concatenate(
            [self._scaled(part) for part in parts[:: -1 if self._reference_first else 1]], axis=3
        )
        output = np.empty_like(faces)
        step = self._layout.batch or self.batch
        for start in range(0, len(faces), step):
            made = self._run(mel[start : start + step], pictures[start : start + step])
            output[start : start + step] = self._turned(as_pixels(made))
        return output

    def _run(self, mel: Array, pictures: Array) -> Array:
        """Run one batch; return float32 (N, size, size, 3) in 0..1."""
        layout, count = self._layout, len(mel)
        missing = (layout.batch or count) - count
        mel, pictures = (
            np.concatenate([part, np.repeat(part[-1:], missing, axis=0)]) for part in (mel, pictures)
        )
        mel_name, mel_type, arranged = layout.mel
        faces_name, faces_type, channels_last = layout.faces
        given = {
            mel_name: np.ascontiguousarray(arranged(mel), mel_type),
            faces_name: np.ascontiguousarray(
                pictures if channels_last else pictures.transpose(0, 3, 1, 2), faces_type
            ),
        }
        (made,) = self._session.run([layout.output], given)
        return _checked(np.asarray(made, np.float32), len(mel), layout)[:count]

    def _scaled(self, faces: Frames) -> NDArray[np.float32]:
        return self._turned(faces).astype(np.float32) / np.float32(255)

    def _turned(self, faces: Frames) -> Frames:
        """RGB to the network's order of colours, and back."""
        return faces[..., ::-1] if self._colour == "bgr" else faces


def layout_of(file: str, inputs: Sequence[Any], outputs: Sequence[Any], size: int | None = None) -> Layout:
    """Read from names, types and shapes what a network takes and gives.

    Args:
        file: name of the file, for messages.
        inputs: as ONNX Runtime's ``get_inputs`` describes them: ``name``, ``type``, ``shape``.
        outputs: likewise.
        size: of the faces, where the graph leaves it open.

    Raises:
        ConfigurationError: it is no Wav2Lip-shaped network; says which shapes were found.
    """
    found = f"it takes {_described(inputs)} and gives {_described(outputs)}"

    def refused(why: str) -> ConfigurationError:
        return ConfigurationError(
            f"{file}: {why}; {found}; expected a mel (N,1,80,16) and faces (N,6,96,96), masked and reference, in any "
            "order and with channels first or last, and faces (N,3,96,96) out; other networks run as your own code"
        )

    mels = [entry for entry in inputs if _mel_layout(entry) is not None]
    faces = [entry for entry in inputs if _face_shape(_shape(entry), 6) is not None]
    if len(inputs) != 2 or len(mels) != 1 or len(faces) != 1:
        raise refused("its inputs are not those of Wav2Lip")
    if wrong := [entry for entry in inputs if entry.type not in TYPES]:
        raise refused(f"its input {wrong[0].name!r} is of type {wrong[0].type}, expected float or float16")
    mel, face = mels[0], faces[0]
    side, channels_last = _face_shape(_shape(face), 6) or (None, False)
    if side is None and size is None:
        raise refused("it leaves the size of the faces open: give the argument size, 96 in Wav2Lip")
    if side is not None and size not in (None, side):
        raise ConfigurationError(f"{file}: argument size={size}, but it takes faces of {side} x {side}")
    made = [entry for entry in outputs if _face_shape(_shape(entry), 3) is not None]
    if len(made) != 1:
        raise refused(f"{len(made)} of its outputs are faces")
    batches = {batch for entry in inputs if (batch := _batch(entry)) is not None}
    if len(batches) > 1:
        raise refused("its inputs have different batches")
    arranged = _mel_layout(mel)
    assert arranged is not None
    return Layout(
        (mel.name, TYPES[mel.type], arranged),
        (face.name, TYPES[face.type], channels_last),
        side or size or 0,
        made[0].name,
        next(iter(batches), None),
    )


def _shape(entry: Any) -> Shape:
    return tuple(each if isinstance(each, int) else None for each in entry.shape[1:])


def _batch(entry: Any) -> int | None:
    return entry.shape[0] if entry.shape and isinstance(entry.shape[0], int) else None


def _mel_layout(entry: Any) -> Callable[[Array], Array] | None:
    return next((arranged for shape, arranged in MEL_LAYOUTS if shape == _shape(entry)), None)


def _face_shape(shape: Shape, channels: int) -> tuple[int | None, bool] | None:
    """Return the side of square faces, None where it is open, and whether channels come last; or None."""
    for channels_last in (False, True):
        if len(shape) == 3 and shape[-1 if channels_last else 0] == channels:
            height, width = shape[:2] if channels_last else shape[1:]
            if height == width:
                return height, channels_last
    return None


def _described(entries: Sequence[Any]) -> str:
    return ", ".join(f"{entry.name} ({','.join(map(str, entry.shape))})" for entry in entries) or "nothing"


def _checked(made: Array, count: int, layout: Layout) -> Array:
    """Return the faces with channels last, clipped to 0..1.

    Raises:
        GeneratorError: another shape, NaN, or values that are no share of white.
    """
    size = layout.size
    if made.shape == (count, 3, size, size):
        made = made.transpose(0, 2, 3, 1)
    if made.shape != (count, size, size, 3):
        raise GeneratorError(f"the network gave shape {made.shape}, expected ({count}, 3, {size}, {size})")
    low, high = float(finite(made).min()), float(made.max())
    if low < -OUTSIDE or high > 1 + OUTSIDE:
        raise GeneratorError(
            f"the network gave values from {low:.3g} to {high:.3g}, expected 0 to 1 as after Wav2Lip's sigmoid; "
            "networks on another scale run as your own code"
        )
    return np.clip(made, 0, 1)


def _session(file: Path, device: str, threads: int) -> Any:
    import onnxruntime

    if not file.is_file():
        raise ConfigurationError(f"model {file}: no such file{meant_file(file)}")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    kind, _, index = device.partition(":")
    if kind not in ("cpu", "cuda"):
        raise ConfigurationError(f"model {file}: ONNX files run on cpu or cuda, not on {device!r}")
    providers: list[Any] = ["CPUExecutionProvider"]
    if kind == "cuda" and "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        # Without TF32 and searched algorithms, so that the same input gives the same output.
        exact = {"device_id": index or "0", "use_tf32": "0", "cudnn_conv_algo_search": "DEFAULT"}
        providers.insert(0, ("CUDAExecutionProvider", exact))
    try:
        session = onnxruntime.InferenceSession(str(file), options, providers=providers)
    except Exception as error:  # ONNX Runtime has its own exceptions, one per reason
        raise ConfigurationError(f"{file}: cannot be loaded as an ONNX network: {error}") from error
    if kind == "cuda" and "CUDAExecutionProvider" not in session.get_providers():
        raise ConfigurationError(
            f"device {device!r}: ONNX Runtime has only {', '.join(session.get_providers())} here; install "
            "onnxruntime-gpu, or use --lipleak-device cpu"
        )
    return session


_LOCATION = re.compile(rb"\x0a\x08location\x12([\x01-\x7f])")
"""Begin of a protobuf entry that names a file of external weights; the byte is the length of the name."""


def _content(file: Path) -> str:
    """SHA-256 over the file, and over the files of weights that it names."""
    content = file.read_bytes()
    names = {content[match.end() : match.end() + match[1][0]] for match in _LOCATION.finditer(content)}
    weights = [file.parent / name.decode(errors="replace") for name in sorted(names)]
    return sha256(
        " ".join(map(file_sha256, [file, *(path for path in weights if path.is_file())])).encode()
    ).hexdigest()
