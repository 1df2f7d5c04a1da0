"""Writes the split files: talkers by person and recording in three folds, GRID speaker s1 by sentence.

    python -m research.training.splits --shared FOLDER

The files are committed; this says how they were made. Labels of the talkers manifest that may hide one character
behind two names (or that name only "man") are joined first. People who speak with the same recording are joined, too,
and so on along the chain: no person and no recording stands in two folds.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

SPLITS = Path(__file__).parent / "splits"
FOLDS = 3

SAME_PERSON = {
    "woman_plane": "woman_airplane",
    "woman_throw": "teddy",
    "woman_teddy": "teddy",
    "girl_teddy": "teddy",
    "woman_singing": "woman_sing",
    "woman_painitng": "woman_painting",
    "man_street": "man_man",
    "man_agent": "man_man",
    "man_thumbs": "man_on",
}

UNUSABLE = {
    "1p_camera_movement__4_man_skateboarding.mp4": "SyncNet v2 found no face track",
    "1p_generalize_chinese__3_man_man_agents.mp4": "SyncNet v2 offset 15 at confidence 1.9: not in sync",
    "1p_mediumshot_actioncontrol__50_man_turning_right_x_rays.mp4": "SyncNet v2 offset 12: not in sync",
    "1p_mediumshot_actioncontrol__6_woman_airplane_lower_head.mp4": "confidence 2.5, offset 2: not surely in sync",
    "1p_mediumshot_actioncontrol__7_woman_airplane_facing_window.mp4": "SyncNet v2 confidence 2.2: not surely in sync",
    "1p_camera_movement__10_man_basketball_camera_push_in.mp4": "SyncNet v2 confidence 1.4: not surely in sync",
}
"""Clips never used for training, with the reason; they stay in the evaluation."""


def talkers(manifest: Path) -> None:
    """Circles of people and recordings into folds, largest first, each into the smallest fold."""
    rows = list(csv.DictReader(manifest.open()))
    groups: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        groups.setdefault(SAME_PERSON.get(row["person"], row["person"]), []).append(row)
    recording = recordings(manifest.parent, [row["file"] for row in rows])
    circles = joined({group: {recording[row["file"]] for row in groups[group]} for group in groups})
    sizes = [0] * FOLDS
    fold_of: dict[str, int] = {}
    for circle in sorted(circles, key=lambda names: (-sum(len(groups[name]) for name in names), names)):
        fold = sizes.index(min(sizes))
        fold_of |= dict.fromkeys(circle, fold)
        sizes[fold] += sum(len(groups[group]) for group in circle)
    with (SPLITS / "talkers.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["file", "person", "fold", "train", "speech", "why_not"])
        for group in sorted(groups):
            for row in groups[group]:
                reason = UNUSABLE.get(row["file"], "")
                writer.writerow(
                    [row["file"], group, fold_of[group], int(not reason), recording[row["file"]], reason]
                )
    print(f"talkers: {len(rows)} clips, {len(groups)} people, {len(circles)} circles, folds of {sizes}")


def joined(speeches: dict[str, set[str]]) -> list[list[str]]:
    """People (each with the recordings they speak with) in circles that share no recording with another circle."""
    circles: list[tuple[list[str], set[str]]] = []
    for person in sorted(speeches):
        linked = [circle for circle in circles if circle[1] & speeches[person]]
        names = sorted([person, *(name for circle in linked for name in circle[0])])
        circles = [circle for circle in circles if circle not in linked]
        circles.append((names, speeches[person].union(*(circle[1] for circle in linked))))
    return [names for names, _ in circles]


def recordings(folder: Path, files: list[str]) -> dict[str, str]:
    """Which recording each clip speaks with: 121 clips share 52, found by correlating their log-mel at small lags."""
    import numpy as np

    from pytest_lipleak.media.audio import read_audio
    from pytest_lipleak.sync.logmel import log_mel

    features = [log_mel(read_audio(folder / file)[0]) for file in files]
    first: dict[str, int] = {}
    for i, file in enumerate(files):
        first[file] = i
        for j in range(i):
            count = min(len(features[i]), len(features[j])) - 8
            one = features[i][4 : 4 + count]
            lagged = (features[j][4 + lag : 4 + lag + count] for lag in range(-4, 5))
            if (
                max(np.corrcoef((one - one.mean(0)).ravel(), (x - x.mean(0)).ravel())[0, 1] for x in lagged)
                > 0.6
            ):
                first[file] = first[files[j]]
                break
    return {file: f"speech{number:03d}" for file, number in first.items()}


def grid(folder: Path) -> None:
    """Every tenth sentence (sorted) is held out, so the held-out set covers all command words."""
    names = sorted(path.name for path in folder.glob("*.mp4"))
    with (SPLITS / "grid_s1.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["file", "train"])
        writer.writerows([name, int(i % 10 != 5 and name != "bbaf2n.mp4")] for i, name in enumerate(names))


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, required=True, help="folder with talkers/ and grid_s1/")
    shared = parser.parse_args().shared
    talkers(shared / "talkers" / "manifest.csv")
    grid(shared / "grid_s1")


if __name__ == "__main__":
    main()
