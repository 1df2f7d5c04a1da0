"""Walks a session's items by their paths, as the pytest plugin of VS Code's Python extension does.

Written anew after what ``python_files/vscode_pytest`` of microsoft/vscode-python (MIT) does with items: a file per
parent's path, and folders from there up to the session's. Discovery ends in an error, without any test, where that
walk does not arrive at the session's folder within a hundred steps.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest

STEPS = 100


def absolute_id(item: pytest.Item) -> str:
    """What the extension calls a test, and later hands to pytest to run it."""
    return "::".join([str(item.path), *item.nodeid.split("::")[1:]])


def discovered(session: pytest.Session) -> dict[str, Any]:
    """Return the tests by file, and what went wrong."""
    files: dict[Path, list[dict[str, Any]]] = {}
    for item in session.items:
        assert item.parent is not None
        line = item.location[1]
        test = {"name": item.name, "id": absolute_id(item), "line": None if line is None else line + 1}
        files.setdefault(item.parent.path, []).append(test)
    top = Path(session.path)
    for file in files:
        if not file.is_relative_to(top):
            top = Path(os.path.commonpath([file, top]))
        folder, steps = file.parent, 0
        while folder != top:
            folder, steps = folder.parent, steps + 1
            if steps > STEPS:
                return {"tests": {}, "error": "Infinite loop occurred in build_nested_folders"}
    return {"tests": {str(file): tests for file, tests in files.items()}, "error": None}


class Discovery:
    """Writes what is discovered when the session ends."""

    def __init__(self, output: Path) -> None:
        self.output = output

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        self.output.write_text(json.dumps(discovered(session)), encoding="utf-8")
