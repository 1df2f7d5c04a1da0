"""With what networks picture measures were taken: values of two networks are not comparable."""

from collections.abc import Mapping

from pytest_lipleak.core.corpus import Corpus
from pytest_lipleak.core.version import __version__


def networks_of(corpus: Corpus) -> Mapping[str, str]:
    """Return what each picture measure of a result was taken with, in words for a caption, by measure."""
    about = corpus.provenance
    taken = {name for values in corpus.pictures.values() for name in values} | {
        name for name, _ in corpus.sets
    }
    if about.version != __version__:
        other = f"the network of pytest-lipleak {about.version}"
        return {name: other for name in ("CSIM", "LMD", "LMD_face", "LPIPS", "FID", "KID") if name in taken}
    own = next((note.removeprefix("CSIM by ") for note in about.notes if note.startswith("CSIM by ")), None)
    frames = {name: found.frames for (name, _), found in corpus.sets.items()}
    found = {
        "LPIPS": _perceptual(),
        "CSIM": own or _default_recogniser(),
        **dict.fromkeys(("LMD", "LMD_face"), _landmarks()),
        **{name: f"{_inception()}, {count} frames" for name, count in frames.items()},
    }
    return {name: words for name, words in found.items() if name in taken}


def _default_recogniser() -> str:
    from pytest_lipleak.quality.csim import ARCFACE, FRAMES

    return f"ArcFace {ARCFACE.name} (SHA-256 {ARCFACE.sha256[:8]}), {FRAMES} frames a clip"


def _perceptual() -> str:
    from pytest_lipleak.quality.perceptual import ALEXNET, FRAMES

    return f"lpips 0.1, AlexNet (SHA-256 {ALEXNET.sha256[:8]}), {FRAMES} frames a clip"


def _landmarks() -> str:
    from pytest_lipleak.faces.landmark_networks import FACE_LANDMARKER

    return f"the 40 lip points of MediaPipe's face mesh (SHA-256 {FACE_LANDMARKER.sha256[:8]}), not dlib's 20"


def _inception() -> str:
    from pytest_lipleak.quality.fid import INCEPTION

    return f"Inception-v3 of 2015 (SHA-256 {INCEPTION.sha256[:8]})"
