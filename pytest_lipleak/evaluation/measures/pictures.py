"""Picture measures of trials: SSIM, PSNR, FID, CSIM, LMD and mouth opening, each only when asked for.

All compare a generated video with the clip's own frames. What is slow to make (landmarks, Inception
features) is an artefact of the store; the measures themselves follow from it.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.clips import Audio, Video, digest_of
from pytest_lipleak.core.errors import UnscorableError
from pytest_lipleak.core.metrics.formulas import FULL
from pytest_lipleak.core.scores import SetScore
from pytest_lipleak.evaluation.make.picture_tools import PictureTools
from pytest_lipleak.sync.protocols import Protocol

FACES_NEEDED = 0.9
"""Share of the frames with a real face in which the generated one must be found, too."""


class Pictures:
    """One video of a clip, generated or real, and what the measures need of it.

    Args:
        tools: the networks.
        source: key of the video's content.
        read: gives the video, uint8 RGB (T, H, W, 3); called when a measure first looks at it.
        boxes: gives the tracked face's box per frame, (T, 4), or None where the frames are face-centred;
            without it, landmarks might follow another person.
        audio: gives what drove the video, int16 (640 T,); of a real one its own.
    """

    def __init__(
        self,
        tools: PictureTools,
        source: str,
        read: Callable[[], Video],
        boxes: Callable[[], NDArray[np.float64] | None] = lambda: None,
        audio: Callable[[], Audio] = lambda: np.zeros(0, np.int16),
    ) -> None:
        self.audio = audio
        self.tools = tools
        self.source = source
        self._read = read
        self._boxes = boxes

    @cached_property
    def boxes(self) -> NDArray[np.float64] | None:
        """The tracked face's box per frame, (T, 4), or None where the frames are face-centred."""
        return self._boxes()

    @cached_property
    def video(self) -> Video:
        """The video, uint8 RGB (T, H, W, 3)."""
        return self._read()

    @cached_property
    def landmarks(self) -> NDArray[np.float32]:
        """Face mesh per frame, float32 (T, 478, 2); NaN where no face is seen."""
        return self.tools.landmarks(self.source, lambda: self.video, self.boxes)

    @cached_property
    def lip_distance(self) -> NDArray[np.float64]:
        """THEval's lip opening per frame, float64 (T,)."""
        from pytest_lipleak.quality.lips_at_rest import lip_distance

        return lip_distance(self.landmarks, *self.video.shape[1:3])

    @cached_property
    def opening(self) -> NDArray[np.float32]:
        """Mouth aspect ratio per frame, float32 (T,)."""
        from pytest_lipleak.faces.landmarks import mouth_opening

        return mouth_opening(self.landmarks)

    def take_features(self) -> NDArray[np.float32]:
        """Inception-v3 features of evenly spread frames, float32 (N, 2048); the frames are not kept."""
        make = self.tools.inception
        return self.tools.artefact("features", self.source, lambda: np.asarray(make.features(self._read())))

    def take_over_features(self, rows: NDArray[np.float32]) -> None:
        """Keep features that another process took of this very video."""
        self.tools.artefact("features", self.source, lambda: rows)

    @property
    def has_features(self) -> bool:
        """Whether they were taken, so that the video need not be there for them."""
        return self.tools.has_artefact("features", self.source)

    @cached_property
    def mouth_boxes(self) -> NDArray[np.int64]:
        """Where the mouth is, int64 (T, 4)."""
        from pytest_lipleak.quality.regions import centred_mouth, mouth

        if self.tools.protocol is not Protocol.TRACKED:
            return centred_mouth(self.video)
        return mouth(self.landmarks, *self.video.shape[1:3])


def kept_measure(measure: str, output: Pictures, real: Pictures) -> dict[str, float]:
    """Like ``take_measure``, from the store where it was taken before; with what belongs to the measure.

    Returns:
        The clip's value by the name of the measure, and what is noted with it: for ``MAR_open`` the shares at other
        thresholds, for a measure relative to the real clip the real clip's own.
    """

    def compute() -> dict[str, float]:
        value = {measure: take_measure(measure, output, real)}
        beside = MEASURES[measure].beside
        return value if beside is None else value | beside(output, real)

    found = output.tools.data("measure", compute, **_identity(measure, output, real))
    return {name: float(value) for name, value in found.items()}


def is_kept(measure: str, output: Pictures, real: Pictures) -> bool:
    """Whether a measure was taken before, so that no video is needed for it."""
    return output.tools.has("measure", **_identity(measure, output, real))


def _identity(measure: str, output: Pictures, real: Pictures) -> dict[str, Any]:
    boxes = real.boxes
    where = None if boxes is None else digest_of(boxes)
    return {"measure": measure, "output": output.source, "real": real.source, "boxes": where}


def take_measure(measure: str, output: Pictures, real: Pictures) -> float:
    """Compare a generated video with the real one by one of ``MEASURES``.

    Returns:
        The clip's value; infinite for the PSNR of identical videos.

    Raises:
        UnscorableError: it cannot be told, for example because no frame shows a face.
    """
    taken = MEASURES[measure]
    if taken.needs_faces:
        _check_faces(measure, output, real)
    value = taken.compute(output, real)
    if np.isnan(value):
        raise UnscorableError(f"{measure}: {taken.why_not}")
    return value


def _check_faces(measure: str, output: Pictures, real: Pictures) -> None:
    """Refuse a value over the few frames in which a model left the face alone."""
    expected = np.isfinite(real.landmarks[:, 0, 0])
    found = np.isfinite(output.landmarks[:, 0, 0]) & expected
    if found.sum() < FACES_NEEDED * expected.sum():
        raise UnscorableError(
            f"{measure}: no face in {int(expected.sum() - found.sum())} of {int(expected.sum())} generated frames "
            "whose real frame shows one"
        )


def open_share_sensitivity(output: Pictures, real: Pictures) -> dict[str, float]:
    """Share of frames with an open mouth at several thresholds: how much hangs on the chosen one."""
    from pytest_lipleak.quality.mouth import open_shares

    return {f"MAR_open@{threshold:g}": share for threshold, share in open_shares(output.opening).items()}


def set_measure(
    measure: str, clips: Iterable[str], pair: Callable[[str], tuple[Pictures, Pictures]]
) -> SetScore:
    """Compare all generated frames with all real ones, by FID or KID.

    Args:
        measure: ``FID`` or ``KID``.
        clips: names of the clips.
        pair: gives the generated and the real video of a clip, whose frames are not kept.
    """
    pairs = {clip: pair(clip) for clip in clips}
    sources = {clip: [output.source, real.source] for clip, (output, real) in pairs.items()}
    (tools,) = {output.tools for output, _ in pairs.values()}
    found = tools.data("distance", lambda: vars(_distance(measure, pairs)), measure=measure, sources=sources)
    return SetScore(**found)


def _distance(measure: str, pairs: Mapping[str, tuple[Pictures, Pictures]]) -> SetScore:
    from pytest_lipleak.quality.fid import fid, kid

    outputs: dict[str, NDArray[np.float32]] = {}
    reals: dict[str, NDArray[np.float32]] = {}
    for clip, (output, real) in pairs.items():
        outputs[clip], reals[clip] = output.take_features(), real.take_features()
    every_output, every_real = (np.concatenate(list(each.values())) for each in (outputs, reals))
    distance = {"FID": fid, "KID": kid}[measure](every_output, every_real)
    # How far the clip's mean features moved: the part of FID that a single clip can answer for.
    moved = {
        clip: float(np.square(outputs[clip].mean(axis=0) - reals[clip].mean(axis=0)).sum())
        for clip in outputs
    }
    return SetScore(distance.value, distance.output_frames, moved, distance.warning)


def _ssim(output: Pictures, real: Pictures, boxes: NDArray[np.int64] | None = None) -> float:
    from pytest_lipleak.quality.ssim import ssim

    return float(ssim(output.video, real.video, boxes).mean())


def _psnr(output: Pictures, real: Pictures, boxes: NDArray[np.int64] | None = None) -> float:
    from pytest_lipleak.quality.psnr import mean_psnr, psnr

    return mean_psnr(psnr(output.video, real.video, boxes))


def _lpips(output: Pictures, real: Pictures) -> float:
    return float(output.tools.perceptual.distances(output.video, real.video).mean())


def _csim(output: Pictures, real: Pictures) -> float:
    from pytest_lipleak.quality.csim import csim

    recogniser = output.tools.recogniser
    values = csim(output.video, real.video, output.landmarks, real.landmarks, recogniser)
    return float(values.mean()) if len(values) else float("nan")


def _lmd(output: Pictures, real: Pictures) -> Any:
    from pytest_lipleak.quality.lmd import lmd

    return lmd(output.landmarks, real.landmarks)


def _mouth(name: str) -> Callable[[Pictures, Pictures], float]:
    def compute(output: Pictures, real: Pictures) -> float:
        from pytest_lipleak.quality import mouth

        return float(getattr(mouth, name)(output.opening))

    return compute


def _slope(output: Pictures, real: Pictures) -> float:
    from pytest_lipleak.quality.mouth import opening_slope

    # Under CR the reference of a frame is the real frame itself.
    return opening_slope(output.opening, real.opening).slope


def _mean_opening(output: Pictures, real: Pictures) -> float:
    seen = output.opening[np.isfinite(output.opening)]
    return float(seen.mean()) if len(seen) else float("nan")


def _lip_leak(output: Pictures, real: Pictures) -> float:
    from pytest_lipleak.quality.lips_at_rest import lip_leak

    return lip_leak(output.opening)


def _closed(output: Pictures, real: Pictures) -> float:
    from pytest_lipleak.quality.lips_at_rest import closed_share

    return closed_share(output.opening)


def _in_pauses(output: Pictures, real: Pictures) -> float:
    from pytest_lipleak.quality.lips_at_rest import deviation, pauses

    return deviation(output.lip_distance[pauses(output.audio(), len(output.lip_distance))])


def _in_speech(output: Pictures, real: Pictures) -> float:
    """What the real clip's lips do where it speaks."""
    from pytest_lipleak.quality.lips_at_rest import deviation, pauses

    return deviation(real.lip_distance[~pauses(real.audio(), len(real.lip_distance))])


def _where(video: Pictures, *, speaks: bool) -> NDArray[np.bool_]:
    """Which frames of a video lie in its audio's speech, or well inside of its pauses."""
    from pytest_lipleak.quality.lips_at_rest import pauses, settled

    quiet = pauses(video.audio(), len(video.opening))
    return ~quiet if speaks else settled(quiet)


def _motion(video: Pictures, *, speaks: bool) -> float:
    from pytest_lipleak.quality.lips_at_rest import motion_where

    return motion_where(video.opening, _where(video, speaks=speaks))


def _open(video: Pictures, *, speaks: bool) -> float:
    from pytest_lipleak.quality.lips_at_rest import open_where

    return open_where(video.opening, _where(video, speaks=speaks))


@dataclass(frozen=True)
class PictureMeasure:
    """How one picture measure is taken.

    Args:
        compute: from the generated and the real video.
        needs_faces: whether it looks at landmarks, so that frames without a face have none.
        of_opening: whether it follows from how far the mouth is open, which reports draw over time.
        why_not: why there is no value where ``compute`` gives NaN.
        beside: gives what is noted with it, by name, or None.
    """

    compute: Callable[[Pictures, Pictures], float]
    needs_faces: bool = True
    of_opening: bool = False
    why_not: str = "no frame shows a face"
    beside: Callable[[Pictures, Pictures], dict[str, float]] | None = None


Taken = Callable[..., float]


def _of_output(taken: Taken, output: Pictures, real: Pictures, *, speaks: bool) -> float:
    return taken(output, speaks=speaks)


def _of_real_clip(taken: Taken, output: Pictures, real: Pictures, *, speaks: bool) -> float:
    return taken(real, speaks=speaks)


def _of_real(
    name: str, compute: Callable[[Pictures, Pictures], float], own: Callable[[Pictures, Pictures], float]
) -> PictureMeasure:
    """A measure over what ``own`` finds in the real clip, or in the same video elsewhere."""

    def beside(output: Pictures, real: Pictures) -> dict[str, float]:
        full = own(output, real)
        if np.isnan(full):
            raise UnscorableError(f"{name}: no frame in speech shows a face")
        return {f"{name}{FULL}": full}

    return PictureMeasure(compute, of_opening=True, why_not=_NO_PAUSE, beside=beside)


_NO_PAUSE = "no frame in a pause of the driving audio (0.3 s or longer) shows a face"

MEASURES: Mapping[str, PictureMeasure] = {
    "SSIM": PictureMeasure(_ssim, needs_faces=False),
    "SSIM_mouth": PictureMeasure(
        lambda output, real: _ssim(output, real, real.mouth_boxes), needs_faces=False
    ),
    "PSNR": PictureMeasure(_psnr, needs_faces=False),
    "PSNR_mouth": PictureMeasure(
        lambda output, real: _psnr(output, real, real.mouth_boxes), needs_faces=False
    ),
    "LPIPS": PictureMeasure(_lpips, needs_faces=False),
    "CSIM": PictureMeasure(_csim),
    "LMD": PictureMeasure(lambda output, real: float(_lmd(output, real).mean_pixels)),
    "LMD_face": PictureMeasure(lambda output, real: float(_lmd(output, real).mean_normalised)),
    "MAR": PictureMeasure(_mean_opening, of_opening=True),
    "MAR_open": PictureMeasure(_mouth("open_share"), of_opening=True, beside=open_share_sensitivity),
    "MAR_motion": PictureMeasure(_mouth("motion_energy"), of_opening=True),
    "MAR_slope": PictureMeasure(
        _slope, of_opening=True, why_not="the real mouth hardly moves, or no frame shows a face"
    ),
    "LipLeak": PictureMeasure(_lip_leak, of_opening=True),
    "LipLeak@real": _of_real("LipLeak@real", _lip_leak, lambda output, real: _lip_leak(real, real)),
    "SLS": PictureMeasure(_in_pauses, of_opening=True, why_not=_NO_PAUSE),
    "SLS@real": _of_real("SLS@real", _in_pauses, _in_speech),
    "Closed": PictureMeasure(_closed, of_opening=True),
    "Closed@real": _of_real(
        "Closed@real",
        lambda output, real: 1 - _closed(output, real),
        lambda output, real: 1 - _closed(real, real),
    ),
    **{
        f"{name}@{whose}": _of_real(
            f"{name}@{whose}",
            partial(_of_output, taken, speaks=False),
            partial(of, taken, speaks=True),
        )
        for name, taken in (("PauseMotion", _motion), ("PauseOpen", _open))
        for whose, of in (("own", _of_output), ("real", _of_real_clip))
    },
}
"""By the names of the table of metric families."""
