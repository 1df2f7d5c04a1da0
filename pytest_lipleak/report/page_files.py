"""The files of the HTML report: the page, and the pictures and videos beside it."""

import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pytest_lipleak.core.errors import InputError
from pytest_lipleak.core.scores import TrialScore
from pytest_lipleak.core.strict_json import parse_json
from pytest_lipleak.evaluation.make.gallery import score_digest, trial_stem
from pytest_lipleak.machine.written_files import check_writable, forget_file

FILES = (
    "*.strip.webp",
    "*.peaks.webp",
    "*.opening.json",
    *(f"*-{trial}.{kind}" for trial in ("[APSX][AIM]-[AC]R", "real") for kind in ("json", "mp4")),
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
        ConfigurationError: see ``written_files.check_writable``.
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
    """Finds the pictures and videos of trials and says how the page names them.

    Args:
        source: where the run left them.
        folder: where the report's own files lie.
        page: folder of the page.
        videos: folders below which videos may lie; a report may name any path of this machine.
    """

    source: Path
    folder: Path
    page: Path
    videos: tuple[Path, ...] = ()

    def entry(self, model: str, trial: TrialScore) -> dict[str, Any]:
        """Return what is known of a trial beside its scores; empty where it is of another run."""
        found = self._read(model, trial, ".json")
        return {"spread": [], "peaks": [], **found} if found.get("of") == score_digest(trial.own) else {}

    def opening(self, model: str, trial: TrialScore, measures: Mapping[str, float]) -> dict[str, Any]:
        """Return the mouth opening per frame, where it was measured; empty where it is of another run."""
        found = self._read(model, trial, ".opening.json")
        same = {"output", "real"} <= found.keys() and measures.get(found.get("measure", "")) == found.get(
            "value"
        )
        return found if same else {}

    def picture(self, model: str, trial: TrialScore, kind: str) -> str | None:
        """Return the address of a trial's filmstrip; ``kind`` is ``strip`` or ``peaks``."""
        return self._carried(self.source / f"{self._stem(model, trial)}.{kind}.webp", model, trial)

    def video(self, model: str, trial: TrialScore) -> str | None:
        """Return the address of a trial's video; None where it was not kept, is not there any more, or is none."""
        if trial.video is None:
            return None
        # Whatever the report says, a run names its videos like this.
        stem = Path(f"{self._stem(model, trial)}.mp4")
        named = (
            [folder / trial.video for folder in self.videos] if Path(trial.video).name == stem.name else []
        )
        candidates = [*named, *(folder / stem for folder in self.videos)]
        found = next((path for path in candidates if self._is_below(path)), None)
        return None if found is None else self._carried(found, model, trial)

    def _is_below(self, path: Path) -> bool:
        """Whether it is a file that really lies, links followed, in one of the folders of videos."""
        try:
            real = path.resolve(strict=True)
            return real.is_file() and any(real.is_relative_to(folder.resolve()) for folder in self.videos)
        except (OSError, ValueError, RuntimeError):
            return False

    @staticmethod
    def _stem(model: str, trial: TrialScore) -> str:
        return trial_stem(model, trial.clip, trial.condition)

    def _read(self, model: str, trial: TrialScore, ending: str) -> dict[str, Any]:
        path = self.source / f"{self._stem(model, trial)}{ending}"
        try:
            found = parse_json(path.read_bytes(), str(path))
        except (OSError, ValueError, InputError):
            return {}
        return found if isinstance(found, dict) and _is_well_formed(found) else {}

    def _carried(self, path: Path, model: str, trial: TrialScore) -> str | None:
        """Copy a file to the report and name it; a link would change, or give away, what it leads to."""
        if not path.is_file():
            return None
        ending = path.name.partition(Path(self._stem(model, trial)).name)[2] or path.suffix
        own = self.folder / f"{self._stem(model, trial)}{ending}"
        if not (own.exists() and own.samefile(path)):
            own.parent.mkdir(parents=True, exist_ok=True)
            own.unlink(missing_ok=True)
            shutil.copyfile(path, own)
        return quote(own.relative_to(self.page).as_posix())


_WHOLE, _MEASURED = ("spread", "peaks"), ("sound", "output", "real")
"""What files beside pictures hold: frames, and numbers or nothing by frame."""


def _is_well_formed(found: Mapping[str, Any]) -> bool:
    """Whether a file beside a picture, which may be anybody's, holds what the page draws."""

    def holds(name: str, kinds: tuple[type, ...], low: float) -> bool:
        values = found.get(name, [])
        return isinstance(values, list) and all(
            type(value) in kinds and (value is None or value >= low) for value in values
        )

    texts = all(isinstance(found.get(name, ""), str) for name in ("of", "measure"))
    whole = all(holds(name, (int,), 0) for name in _WHOLE)
    return texts and whole and all(holds(name, (int, float, type(None)), -1e6) for name in _MEASURED)
