"""What metrics and protocols need beyond the package, asked for before anything is measured."""

from collections.abc import Iterable

from pytest_lipleak.core.metrics.formulas import Metric
from pytest_lipleak.faces.landmark_networks import require_faces
from pytest_lipleak.settings.options import Scoring
from pytest_lipleak.sync.protocols import Protocol

FID, LPIPS, CSIM = "FID", "LPIPS", "CSIM"


def require_protocol(protocol: str, scoring: Scoring) -> None:
    """See to it that frames can become face crops.

    Args:
        protocol: in use.
        scoring: says where model files lie.

    Raises:
        MissingExtraError: a package is not installed.
        LipleakError: a model file cannot be had.
    """
    if protocol == Protocol.TRACKED:
        require_faces(scoring.weights)


def require_metrics(metrics: Iterable[Metric], scoring: Scoring) -> None:
    """See to it that metrics can be measured: packages of extras, and model files, which are downloaded if need be.

    Raises:
        MissingExtraError: a package is not installed.
        LipleakError: a model file cannot be had.
    """
    measures = {found.family.measure: found for found in metrics if found.family.is_picture}
    if not measures:
        return
    from pytest_lipleak.evaluation.measures.pictures import MEASURES
    from pytest_lipleak.quality.csim import require_recogniser
    from pytest_lipleak.quality.fid import require_inception
    from pytest_lipleak.quality.perceptual import require_trunk

    weights = scoring.weights
    if FID in measures:
        require_inception(weights)
    if LPIPS in measures:
        require_trunk(weights)
    if CSIM in measures:
        require_recogniser(weights, model=scoring.arcface)
    if any(measure in MEASURES and MEASURES[measure].needs_faces for measure in measures):
        require_faces(weights)
