import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lipleak.core.conditions import CONDITIONS, Condition, Reference, Setup
from pytest_lipleak.core.errors import ConfigurationError
from pytest_lipleak.core.metrics.formulas import KNOWN_METRICS, LEAKAGE_METRICS, Audio, metric

scores = st.floats(-50, 50)


def described(name: str) -> list[str]:
    """The columns of a metric in words: measure, condition, audio."""
    return [f"{c.measure} {c.condition or 'GT'} {c.audio}" for c in metric(name).columns]


@pytest.mark.parametrize(
    ("name", "canonical", "arrow", "columns"),
    [
        ("LSE-C_S", "LSE-C_S", "↓", ["LSE-C SI,CR own"]),
        ("LSE-C_S[CR]", "LSE-C_S", "↓", ["LSE-C SI,CR own"]),
        ("LSE-C_S[AR]", "LSE-C_S[AR]", "↓", ["LSE-C SI,AR own"]),
        ("LSE-D_S", "LSE-D_S", "↑", ["LSE-D SI,CR own"]),
        ("LSE-D_S[ar]", "LSE-D_S[AR]", "↑", ["LSE-D SI,AR own"]),
        ("LSE-C_XO", "LSE-C_XO[CR]", "↓", ["LSE-C XM,CR own"]),
        ("LSE-D_XO[AR]", "LSE-D_XO[AR]", "↑", ["LSE-D XM,AR own"]),
        ("LSE-C[AM,CR]", "LSE-C[AM,CR]", "↑", ["LSE-C AM,CR driving"]),
        ("LSE-C(AM,CR)", "LSE-C[AM,CR]", "↑", ["LSE-C AM,CR driving"]),
        (" LSE-D [ xm , ar ] ", "LSE-D[XM,AR]", "↓", ["LSE-D XM,AR driving"]),
        ("LSE-C[SI,AR]", "LSE-C_S[AR]", "↓", ["LSE-C SI,AR own"]),
        ("LSE-D[SI,CR]", "LSE-D_S", "↑", ["LSE-D SI,CR own"]),
        ("LSE-C[GT]", "LSE-C[GT]", "↑", ["LSE-C GT driving"]),
        ("LSE-D[gt]", "LSE-D[GT]", "↓", ["LSE-D GT driving"]),
        (
            "LSD-CR",
            "LSD-CR",
            "↓",
            [
                "LSE-C AM,CR driving",
                "LSE-C XM,CR driving",
                "LSE-D AM,CR driving",
                "LSE-D XM,CR driving",
            ],
        ),
        (
            "LSD-AR",
            "LSD-AR",
            "↓",
            [
                "LSE-C AM,AR driving",
                "LSE-C XM,AR driving",
                "LSE-D AM,AR driving",
                "LSE-D XM,AR driving",
            ],
        ),
    ],
)
def test_a_name_says_what_is_measured(name: str, canonical: str, arrow: str, columns: list[str]) -> None:
    found = metric(name)
    assert (found.name, found.arrow) == (canonical, arrow)
    assert described(name) == columns
    assert metric(canonical) == found, "a canonical name must mean the same metric"


@pytest.mark.parametrize(
    "name",
    [
        "", " ", "LSD", "LSD-XR", "LSD-CR[AM]", "lsd-cr", "LSE-C", "LSE-E", "LSE-C[AM]", "LSE-C[AM,CR,AR]",
        "LSE-C[XX,CR]", "LSE-C[AM,XX]", "LSE-C[]", "LSE-C_S[GT]", "LSE-C_S[SI,CR]", "LSE-C[AM,CR", "SSIM",
        "LSE-C[GT,CR]",
    ],
)  # fmt: skip
def test_an_unknown_name_is_told_with_the_nearest_or_with_what_there_is(name: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        metric(name)
    message = str(caught.value)
    assert repr(name) in message
    assert "docs/metrics.md" in message
    if "did you mean" in message:
        assert any(known in message for known in KNOWN_METRICS)
        assert len(message) < 400
    else:
        assert all(re.split(r"[\[@]", known)[0] in message for known in KNOWN_METRICS)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("lsd-cr", "LSD-CR"),
        ("LSD_CR", "LSD-CR"),
        ("LSD", "LSD-CR or LSD-AR"),
        ("LSE-C_S@flor", "LSE-C_S@floor"),
        ("LSE-C_XO@flor[AR]", "LSE-C_XO@floor[AR]"),
        ("LSE-C_S[AC]", "LSE-C_S"),
        ("LSEC[AM,CR]", "LSE-C[AM,CR]"),
        ("LSEC[AM]", "LSE-C[SETUP,REFERENCE]"),
        ("SSIM", "SSIM[SETUP,REFERENCE]"),
        ("REF_swap", " or ".join(f"REF_swap[{setup},REFERENCE]" for setup in ("SI", "XM", "PA", "AM"))),
    ],
)
def test_the_nearest_name_is_named(name: str, meant: str) -> None:
    with pytest.raises(
        ConfigurationError, match=re.escape(f"unknown metric {name!r}; did you mean {meant}? docs")
    ):
        metric(name)


@given(st.text(max_size=30))
def test_no_text_makes_the_parser_stumble(name: str) -> None:
    try:
        found = metric(name)
    except ConfigurationError:
        return
    assert metric(found.name) == found


@pytest.mark.parametrize("name", LEAKAGE_METRICS)
def test_leakage_metrics_need_only_their_own_conditions(name: str) -> None:
    reference = Reference.AR if name.endswith("AR") else Reference.CR
    setups = (Setup.AM, Setup.XM) if name.startswith("LSD") else (Setup.SI,)
    assert metric(name).conditions == tuple(Condition(setup, reference) for setup in setups)


def test_ground_truth_needs_nothing_generated() -> None:
    assert metric("LSE-C[GT]").conditions == ()


def test_the_six_conditions_are_each_there_once() -> None:
    assert {str(c) for c in CONDITIONS} == {"AM,CR", "XM,CR", "SI,CR", "AM,AR", "XM,AR", "SI,AR"}
    assert len(CONDITIONS) == 6


@given(scores, scores, scores, scores)
def test_lsd_is_half_the_city_block_distance_of_matched_and_mismatched(
    c_am: float, c_xm: float, d_am: float, d_xm: float
) -> None:
    lsd = metric("LSD-CR").combine
    value = lsd([c_am, c_xm, d_am, d_xm])
    assert value >= 0
    assert value == lsd([c_xm, c_am, d_xm, d_am]), "symmetric in AM and XM"
    assert lsd([c_am, c_am, d_am, d_am]) == 0
    assert lsd([c_am, c_xm, 0, 0]) + lsd([0, 0, d_am, d_xm]) == pytest.approx(value)


def test_own_audio_metrics_are_scored_against_the_clip() -> None:
    for name in ("LSE-C_S", "LSE-D_S", "LSE-C_XO", "LSE-D_XO"):
        assert {column.audio for column in metric(name).columns} == {Audio.OWN}


@pytest.mark.parametrize(
    ("names", "leak"),
    [
        (
            (
                *LEAKAGE_METRICS,
                "LSE-C_S@floor",
                "LipCorr_XO[AR]",
                "LSE-C[SI,AR]",
                "REF_swap[SI,CR]",
            ),
            True,
        ),
        (
            (
                "LSE-C[AM,CR]",
                "LSE-D[XM,AR]",
                "LSE-C[GT]",
                "SSIM[XM,CR]",
                "FID[SI,AR]",
                "MAR[SI,CR]",
            ),
            False,
        ),
    ],
)
def test_what_a_bad_value_says(names: tuple[str, ...], leak: bool) -> None:
    assert {metric(name).shows_leak for name in names} == {leak}


@pytest.mark.parametrize(
    ("name", "part", "once", "often"),
    [
        ("REF_shift[PA,CR]", "_colour_echo", 0.15, 1.0),
        ("REF_shift[PA,CR]", "_frame_by_frame", 0.15, 1.0),
        ("FRAME_shift[PA,CR]", "_frame_by_frame", 0.4, 1.0),
        ("REF_shift[PA,CR]", "_late", 0.1, 0.8),
        ("FRAME_shift[PA,CR]", "_colour_echo", 0.1, 0.8),
    ],
)
def test_what_honest_models_hardly_have_counts_more_and_at_most_as_a_copy(
    name: str, part: str, once: float, often: float
) -> None:
    probe = metric(name)
    for found, value in ((0.1, once), (0.8, often)):
        means = [
            found if column.measure.endswith(part) else float(column.measure.endswith("_full"))
            for column in probe.columns
        ]
        assert probe.combine(means) == pytest.approx(value)
