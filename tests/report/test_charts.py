"""Plots: what is drawn where, told by reading the SVG back."""

import itertools
import re
import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lipleak.report.charts import (
    MANY,
    Dots,
    Scale,
    Series,
    Track,
    curves,
    distributions,
    gauge,
    spread,
    timeline,
)

finite = st.floats(-1e4, 1e4, allow_nan=False)


def elements(svg: str, tag: str, *classes: str) -> list[ElementTree.Element]:
    root = ElementTree.fromstring(svg)
    return [each for each in root.iter(tag) if set(classes) <= set(each.get("class", "").split())]


def absolute(path: str) -> list[tuple[int, int]]:
    """Read relative path data back."""
    (x, y), *steps = [
        (int(a), int(b)) for a, b in re.findall(r"(-?\d+) ?(-?\d+)", path.replace("M", "").replace("l", " "))
    ]
    points = [(x, y)]
    for dx, dy in steps:
        points.append((points[-1][0] + dx, points[-1][1] + dy))
    return points


@given(finite, finite)
def test_ticks_are_round_and_within(one: float, other: float) -> None:
    scale = Scale(min(one, other), max(one, other) + 1, 0, 100)
    ticks = scale.ticks()
    assert 3 <= len(ticks) <= 9
    for tick in ticks:
        assert scale.low - 1e-6 <= tick <= scale.high + 1e-6
    for step in (after - before for before, after in itertools.pairwise(ticks)):
        digits = f"{step:.9e}"
        assert float(digits.partition("e")[0]) in (1, 2, 5)


def test_the_smallest_mean_distance_is_marked() -> None:
    values = {"a": [5.0, 3.0, 4.0], "b": [5.0, 1.0, 4.0]}
    svg = curves("t", [Series("own", "own audio", values)], [-1, 0, 1], (0, 6))
    (dot,) = elements(svg, "circle", "own")
    assert dot[0].text == "own audio: smallest mean distance 2.00 at shift +0"
    assert len(elements(svg, "path", "line", "thin")) == 2
    assert {line[0].text for line in elements(svg, "path", "thin")} == {"a", "b"}


def test_many_clips_become_bands() -> None:
    values = {str(n): [5.0 + n, 3.0 + n, 4.0 + n] for n in range(MANY)}
    svg = curves("t", [Series("own", "own audio", values)], [-1, 0, 1], (0, 40))
    assert not elements(svg, "path", "thin")
    assert len(elements(svg, "path", "band")) == 2


def test_one_dot_per_clip_and_none_covers_another() -> None:
    svg = distributions("t", [Dots("row", "own", {"a": 1.0, "b": 1.0, "c": 2.0, "d": float("nan")})], "u")
    dots = elements(svg, "circle", "own")
    places = {(dot.get("cx"), dot.get("cy")) for dot in dots}
    assert [dot[0].text for dot in dots] == ["a: 1.00", "b: 1.00", "c: 2.00"]
    assert len(places) == 3


@pytest.mark.parametrize(("lower", "side"), [(True, "right"), (False, "left")])
def test_the_forbidden_side_of_a_limit_is_shaded(lower: bool, side: str) -> None:
    svg = gauge(0.5, (0.4, 0.6), 1.0, lower_is_better=lower, ended="pass")
    (rect,) = elements(svg, "rect", "forbidden")
    (dot,) = elements(svg, "circle")
    start = float(rect.get("x", ""))
    inside = start <= float(dot.get("cx", "")) <= start + float(rect.get("width", ""))
    assert inside is (side == "left")


def test_no_dot_for_a_value_that_is_none() -> None:
    assert not elements(gauge(float("nan"), None, 1.0, lower_is_better=True, ended="not judged"), "circle")


def test_a_line_over_time_goes_through_its_values_and_has_gaps() -> None:
    values = [0.0, 4.0, None, 2.0]
    svg = timeline("t", [Track("row", {"own": values})], 4, 25)
    (line,) = elements(svg, "path", "line", "own")
    pieces = [absolute(piece) for piece in re.findall(r"M[^M]+", line.get("d", ""))]
    assert [len(piece) for piece in pieces] == [2, 1]
    (low, high), (middle,) = pieces
    assert high[1] < middle[1] < low[1], "larger is higher"
    assert low[0] < high[0] < middle[0]


def test_long_lines_stay_small() -> None:
    svg = timeline("t", [Track("row", {"own": [1.0] * 20_000}, sound=[50] * 40_000)], 20_000, 25)
    assert len(svg) < 12_000


def test_markup_in_names_is_text() -> None:
    svg = distributions("<t>", [Dots("<b>", "own", {"<script>": 1.0})], "<u>")
    assert [each.tag for each in ElementTree.fromstring(svg).iter() if each.tag in ("script", "b", "u")] == []
    assert "&lt;script&gt;: 1.00" in svg


def test_nothing_to_span() -> None:
    assert spread([float("nan")]) == (0.0, 1.0)
    assert spread([2.0]) == (1.5, 2.5)
