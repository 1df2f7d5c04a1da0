"""The blocks of code in README, CONTRIBUTING and docs."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


@dataclass(frozen=True)
class Block:
    """A block of code.

    Args:
        page: file it stands in.
        line: of its first line of code.
        language: behind the fence.
        code: its text.
    """

    page: Path
    line: int
    language: str
    code: str

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"


def blocks(path: Path) -> list[Block]:
    text = path.read_text(encoding="utf-8")
    return [
        Block(path, text[: match.start()].count("\n") + 2, match[1], match[2])
        for match in re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.S | re.M)
    ]


ALL = [block for page in PAGES for block in blocks(page)]


def of(*languages: str) -> Any:
    found = [block for block in ALL if block.language in languages]
    return pytest.mark.parametrize("block", found, ids=str)


def commands(code: str) -> list[list[str]]:
    """The commands of a console block, without what they print."""
    lines = code.replace("\\\n", " ").splitlines()
    prompted = [line[2:] for line in lines if line.startswith("$ ")]
    parts = [part for line in prompted or lines for part in re.split(r"\s&&\s", line)]
    return [words for part in parts if (words := shlex.split(part, comments=True))]


def printed(code: str) -> list[str]:
    """What a console block with prompts shows below its commands."""
    lines = code.replace("\\\n", " ").splitlines()
    return [line for line in lines if not line.startswith("$ ")] if "$ " in code else []
