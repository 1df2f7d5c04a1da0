"""The table of videos that a run kept: with it their folder is judged again, by another expert, without the model."""

import csv
import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytest_lipleak.core.conditions import SETUPS, Condition, Setup
from pytest_lipleak.media.finished_tables import KEPT
from pytest_lipleak.media.finished_tables import MANIFEST as MANIFEST

COLUMNS = ("output", "source", "audio", "model", "setup", "reference", "speaker", "clip", "inputs")

AUDIO: Mapping[str, str] = {Setup.AM: "own", Setup.SI: "silence"}


def manifest_of(report: Mapping[str, Any], folder: Path) -> str | None:
    """Return the table of the videos of a report that were kept in a folder, or None where none was.

    Videos of setups beside the paper's are left out: what drove them stands in no file.

    Args:
        report: as ``report.json.document`` makes it.
        folder: that holds them; paths are relative to it.
    """
    rows = [row for result in report["results"] for row in _rows(result, folder)]
    if not rows:
        return None
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _rows(result: Mapping[str, Any], folder: Path) -> list[dict[str, str]]:
    kept = {
        (trial["clip"], trial["condition"]): Path(os.path.relpath(trial["video"], folder)).as_posix()
        for trial in result["trials"]
        if trial["video"]
    }
    speakers = result["provenance"]["speakers"]
    rows = []
    for trial in result["trials"]:
        clip, condition = trial["clip"], trial["condition"]
        source = kept.get((clip, "GT"))
        if condition == "GT" or (clip, condition) not in kept or source is None:
            continue
        setup, reference = Condition.parse(condition).setup, Condition.parse(condition).reference
        if setup not in SETUPS:
            continue
        partner = kept.get((trial["partner"], "GT"), "")
        rows.append(
            {
                "output": kept[clip, condition],
                "source": source,
                # Where the partner's own video was not kept, it is heard in the output.
                "audio": AUDIO.get(setup, partner),
                "model": result["provenance"]["model"],
                "setup": str(setup),
                "reference": str(reference),
                "speaker": speakers.get(clip, ""),
                "clip": clip,
                "inputs": KEPT,
            }
        )
    return rows
