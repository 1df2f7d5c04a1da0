"""The suite itself: its tests can be told apart by name, in every process."""

import os
import re

import pytest


def test_ids_are_the_same_in_every_process(request: pytest.FixtureRequest) -> None:
    """pytest-xdist refuses to run tests whose names hold an object's address or an iteration's chance order."""
    ids = [item.nodeid for item in request.session.items]
    assert [name for name in ids if re.search(r" at 0x[0-9a-f]+", name)] == []
    assert len(ids) == len(set(ids))


def test_small_matrices_are_multiplied_by_one_thread() -> None:
    """Whatever is imported first: OpenBLAS counts its threads when NumPy is loaded, and never again."""
    threadpoolctl = pytest.importorskip("threadpoolctl", reason="comes with scikit-learn")
    if os.environ["OPENBLAS_NUM_THREADS"] != "1":
        pytest.skip("somebody chose another number")
    pools = [pool for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"]
    assert {pool["num_threads"] for pool in pools} <= {1}
