"""Models that keep what they made are named before memory ends; others are not."""

import warnings
from collections.abc import Sequence
from pathlib import Path

import pytest

from pytest_lipleak.generators.memory import CALLS, WARM_UP, MemoryWatch, resident

MEGA = 1_000_000


def told(sizes: Sequence[int], growth: int = 100 * MEGA) -> list[str]:
    left = iter(sizes)
    watch = MemoryWatch("m", lambda: next(left), growth)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in sizes:
            watch.note()
    return [str(entry.message) for entry in caught]


@pytest.mark.parametrize(
    ("sizes", "count"),
    [
        ([500 * MEGA + 20 * MEGA * call for call in range(20)], 1),
        ([500 * MEGA + 1 * MEGA * call for call in range(20)], 0),
        ([500 * MEGA] * 20, 0),
        ([500 * MEGA, 2000 * MEGA, *[2500 * MEGA] * 20], 0),
        ([500 * MEGA + 300 * MEGA * (call % 2) for call in range(20)], 0),
        ([500 * MEGA + 20 * MEGA * call for call in range(WARM_UP + CALLS)], 0),
    ],
    ids=["leaks", "slowly", "steady", "warms up", "up and down", "too few calls"],
)
def test_steady_growth_is_told_once(sizes: list[int], count: int) -> None:
    assert len(told(sizes)) == count


def test_the_warning_names_model_amount_and_way_out() -> None:
    (words,) = told([MEGA * 50 * call for call in range(30)])
    assert "model 'm'" in words
    assert "50 MB a call" in words
    assert "torch.no_grad()" in words


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the system does not say")
def test_memory_that_is_really_kept_is_seen() -> None:
    hoard: list[bytes] = []
    watch = MemoryWatch("m", growth=60 * MEGA)

    def leak() -> None:
        for _ in range(WARM_UP + CALLS + 2):
            hoard.append(b"x" * 10 * MEGA)
            watch.note()

    with pytest.warns(RuntimeWarning, match="10 MB a call"):
        leak()
    assert resident() > len(hoard) * 10 * MEGA
