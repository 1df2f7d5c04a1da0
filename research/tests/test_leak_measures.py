"""The study of leak measures: rankings of known numbers, and the rivals' values of drawn mouths."""

import json
from pathlib import Path

import numpy as np
import pytest

from pytest_lipleak.faces.landmarks import INNER_CORNERS, INNER_LIPS, POINTS
from research.known_guilt.catalogue import MEMBERS
from research.known_guilt.generator import HONEST, LEAKS
from research.known_guilt.leak_measures import at_rest, chosen, ranked_right, ranking, summarised, tables


def mouths(openings: np.ndarray) -> np.ndarray:
    """Landmarks of a face whose mouth has these aspect ratios."""
    points = np.zeros((len(openings), POINTS, 2), np.float32) + 80
    points[:, INNER_CORNERS[0], 0] -= 20
    points[:, INNER_CORNERS[1], 0] += 20
    points[:, 33, 0] -= 40
    points[:, 263, 0] += 40
    for upper, lower in INNER_LIPS:
        points[:, upper, 1] -= 20 * openings
        points[:, lower, 1] += 20 * openings
    return points


def test_ranking_is_the_share_of_pairs() -> None:
    assert ranked_right(np.array([1.0, 2.0]), np.array([3.0, 1.0])) == (1 + 1 + 0.5 + 0) / 4
    assert ranking([0.0, 0.1, 0.2], [1.0, 2.0]) == (1.0, 1.0, 1.0)
    right, low, high = ranking([0.0, 1.0, 2.0, 3.0], [0.5, 1.5, 2.5, 3.5])
    assert low < right == 10 / 16 < high


def test_a_copy_under_silence_reads_as_the_real_clip() -> None:
    time = np.arange(75)
    real = mouths(0.2 + 0.2 * np.sin(time))
    speech = (8000 * np.sin(np.arange(75 * 640) * 0.1)).astype(np.int16)
    copy, closed = (at_rest(each, real, speech, (160, 160)) for each in (real, mouths(np.zeros(75))))
    assert copy["LipLeak"] == copy["LipLeak_real"] > 0
    assert copy["SLS"] == copy["SLS_real"] > 0
    assert (closed["LipLeak"], closed["SLS"], closed["Closed"]) == (0, 0, 1)


def test_members_are_of_both_sides_and_one_of_a_class() -> None:
    members = [MEMBERS[name] for name in chosen()]
    assert {member.guilt for member in members} == {HONEST, LEAKS}
    kinds = [(member.guilt, member.kind) for member in members]
    assert len(set(kinds)) == len(kinds) > 20


def test_tables_from_results(tmp_path: Path) -> None:
    scores = dict.fromkeys(
        ("LSE-C_S", "LSE-D_S", "C_AM", "C_XM", "D_AM", "D_XM", "SLS", "Closed", "MAR_motion", "LipLeak_real",
         "SLS_real", "Open_real"), 1.0,
    )  # fmt: skip
    results = tmp_path / "lines.jsonl"
    lines = [
        {"member": f"m{n}", "set": "wild", "guilt": guilt, "clips": {"a": scores | {"LipLeak": value}}}
        for n, (guilt, value) in enumerate([(HONEST, 0.1), (HONEST, 0.2), (LEAKS, 0.3), (LEAKS, 0.4)])
    ]
    results.write_text("".join(json.dumps(line) + "\n" for line in lines))
    text = tables(results, tmp_path / "none.jsonl")["ranking_wild"]
    (line,) = [line for line in text.splitlines() if "| `LipLeak` |" in line]
    assert "1.00 [1.00, 1.00]" in line
    (line,) = [line for line in text.splitlines() if "| `SLS` |" in line]
    assert "0.50 [0.50, 0.50]" in line
    assert summarised(lines[0]["clips"])["LSD"] == pytest.approx(0)
