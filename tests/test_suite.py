"""The suite itself: its tests can be told apart by name, in every process."""

import ast
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import threadpoolctl

TESTS = Path(__file__).parent


def test_ids_are_the_same_in_every_process(request: pytest.FixtureRequest) -> None:
    """pytest-xdist refuses to run tests whose names hold an object's address or an iteration's chance order."""
    ids = [item.nodeid for item in request.session.items]
    assert [name for name in ids if re.search(r" at 0x[0-9a-f]+", name)] == []
    assert len(ids) == len(set(ids))


def test_small_matrices_are_multiplied_by_one_thread() -> None:
    """Whatever is imported first: OpenBLAS counts its threads when NumPy is loaded, and never again."""
    if os.environ["OPENBLAS_NUM_THREADS"] != "1":
        pytest.skip("somebody chose another number")
    pools = [pool for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"]
    assert {pool["num_threads"] for pool in pools} <= {1}


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def test_every_file_can_be_run_alone() -> None:
    """Pytest finds what is beside a test or in tests/; a helper of another folder is there behind its tests alone."""
    files = [path for path in TESTS.rglob("*.py") if not (path.parent / "__init__.py").exists()]
    places: dict[str, set[Path]] = {}
    for path in files:
        places.setdefault(path.stem, set()).add(path.parent)
    lost = [
        f"{path.relative_to(TESTS)} imports {name}"
        for path in files
        for name in imported(path)
        if name in places and not places[name] & {path.parent, TESTS}
    ]
    assert lost == []
