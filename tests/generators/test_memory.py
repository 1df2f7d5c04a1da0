"""Models that keep what they made are named before memory ends; others are not."""

import mmap
from collections.abc import Sequence

import pytest

from pytest_lipleak.generators.memory import CALLS, WARM_UP, MemoryWatch, resident

MEGA = 1_000_000


def watched(sizes: Sequence[int], growth: int = 100 * MEGA) -> None:
    left = iter(sizes)
    watch = MemoryWatch("m", lambda: next(left), growth)
    for _ in sizes:
        watch.note()


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
def test_steady_growth_is_told_once(sizes: list[int], count: int, remarks: list[str]) -> None:
    watched(sizes)
    assert len(remarks) == count


def test_the_remark_names_model_amount_and_way_out(remarks: list[str]) -> None:
    watched([MEGA * 50 * call for call in range(30)])
    (words,) = remarks
    assert "model 'm'" in words
    assert "50 MB a call" in words
    assert "torch.no_grad()" in words


def test_memory_that_is_really_kept_is_seen(remarks: list[str]) -> None:
    # Memory of its own, which the system gave nobody before: what earlier tests freed would be given out again.
    hoard: list[mmap.mmap] = []
    watch = MemoryWatch("m", growth=60 * MEGA)

    def leak() -> None:
        for _ in range(WARM_UP + CALLS + 2):
            hoard.append(mmap.mmap(-1, 10 * MEGA))
            hoard[-1].write(b"x" * 10 * MEGA)
            watch.note()

    leak()
    (told,) = remarks
    assert "10 MB a call" in told
    assert resident() > len(hoard) * 10 * MEGA
