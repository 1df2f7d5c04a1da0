"""The files of the HTML report: the page, and the pictures and videos beside it."""

import json
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pytest_lipleak.core.scores import TakeScore
from pytest_lipleak.evaluation.make.gallery import file_stem, score_digest
from pytest_lipleak.outputs import check_writable, forget_file

FILES = (
    "*.strip.webp",
    "*.peaks.webp",
    "*.opening.json",
    *(f"*-{take}.{kind}" for take in ("[AXS][MI]-[AC]R", "real") for kind in ("json", "mp4")),
)
"""What a report's folder of files holds."""


def page_of(target: Path) -> Path:
    """Return the HTML file that ``target``, a folder or a file ending in .html, stands for."""
    return target if target.suffix.lower() in (".html", ".htm") else target / "index.html"


def files_of(target: Path) -> Path:
    """Return the folder of a report's pictures and videos, beside its page."""
    page = page_of(target)
    return page.with_name("report_files" if page.name == "index.html" else f"{page.stem}_files")


def check_page(target: Path, option: str) -> None:
    """Refuse a report that could not be written, before anything is measured for it.

    Raises:
        ConfigurationError: see ``outputs.check_writable``.
    """
    if page_of(target) != target:
        check_writable(target, option, "page")
    check_writable(page_of(target), option)
    check_writable(files_of(target), option, "folder")


def forget_page(target: Path) -> None:
    """Remove an earlier report with its pictures and videos, and nothing else."""
    forget_file(page_of(target))
    for pattern in FILES:
        for path in files_of(target).rglob(pattern):
            with suppress(OSError):
                path.unlink()


@dataclass(frozen=True)
class Files:
    """Finds the pictures and videos of takes and says how the page names them.

    Args:
        source: where the run left them.
        folder: where the report's own files lie.
        page: folder of the page.
    """

    source: Path
    folder: Path
    page: Path

    def entry(self, model: str, take: TakeScore) -> dict[str, Any]:
        """Return what is known of a take beside its scores; empty where it is of another run."""
        found = self._read(model, take, ".json")
        return found if found.get("of") == score_digest(take.own) else {}

    def opening(self, model: str, take: TakeScore, measures: Mapping[str, float]) -> dict[str, Any]:
        """Return the mouth opening per frame, where it was measured; empty where it is of another run."""
        found = self._read(model, take, ".opening.json")
        same = found and measures.get(found.get("measure", "")) == found.get("value")
        return found if same else {}

    def picture(self, model: str, take: TakeScore, kind: str) -> str | None:
        """Return the address of a take's filmstrip; ``kind`` is ``strip`` or ``peaks``."""
        return self._carried(self.source / f"{self._stem(model, take)}.{kind}.webp", model, take)

    def video(self, model: str, take: TakeScore) -> str | None:
        """Return the address of a take's video; None where it was not kept or is not there any more."""
        if take.video is None:
            return None
        beside = self.source / f"{self._stem(model, take)}.mp4"
        path = Path(take.video)
        return self._carried(path if path.is_file() else beside, model, take)

    @staticmethod
    def _stem(model: str, take: TakeScore) -> str:
        return file_stem(model, take.clip, take.condition)

    def _read(self, model: str, take: TakeScore, ending: str) -> dict[str, Any]:
        path = self.source / f"{self._stem(model, take)}{ending}"
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def _carried(self, path: Path, model: str, take: TakeScore) -> str | None:
        """Bring a file to the report, without a second copy on the disk where that can be, and name it."""
        if not path.is_file():
            return None
        ending = path.name.partition(Path(self._stem(model, take)).name)[2] or path.suffix
        own = self.folder / f"{self._stem(model, take)}{ending}"
        if not (own.exists() and own.samefile(path)):
            own.parent.mkdir(parents=True, exist_ok=True)
            own.unlink(missing_ok=True)
            try:
                os.link(path, own)
            except OSError:
                shutil.copyfile(path, own)
        return quote(own.relative_to(self.page).as_posix())
