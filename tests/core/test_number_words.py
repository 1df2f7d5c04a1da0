"""What a line says of many names."""

import ast
from pathlib import Path

import pytest_lipleak
from pytest_lipleak.cli.doctor import _to_mend
from pytest_lipleak.core.listing import Listing
from pytest_lipleak.core.number_words import SHOWN, named
from pytest_lipleak.evaluation.checks.model import FIX, Finding


def test_a_line_names_a_few_and_counts_the_others() -> None:
    names = [f"n{number}" for number in range(SHOWN + 2)]
    assert named(names[:1]) == "n0"
    assert named(names[:SHOWN]) == ", ".join(names[:SHOWN])
    assert named(names) == f"{', '.join(names[:SHOWN])} and 2 more"
    assert named(names, 3) == f"n0, n1, n2 and {SHOWN - 1} more"


def test_a_reason_that_many_files_share_names_a_few_of_them() -> None:
    findings = [Finding(f"v{number}", FIX, f"v{number} (table): other sound") for number in range(SHOWN + 2)]
    (line,) = _to_mend(findings)
    assert line.count("(table)") == SHOWN
    assert line.endswith("(table) and 2 more: other sound")
    left_out = {f"v{number}": "hidden" for number in range(SHOWN + 2)}
    assert Listing(1, left_out).summary.endswith(f"{SHOWN + 2} hidden ({named([*left_out])})")


def test_how_many_is_said_in_one_place() -> None:
    """Limits are long, and have a number of their own."""
    top = Path(pytest_lipleak.__file__).parent
    said = [
        path.relative_to(top).as_posix()
        for path in top.rglob("*.py")
        for node in ast.parse(path.read_bytes()).body
        if isinstance(node, ast.Assign)
        and any(isinstance(name, ast.Name) and name.id in ("SHOWN", "NAMED") for name in node.targets)
    ]
    assert said == ["core/number_words.py"]
