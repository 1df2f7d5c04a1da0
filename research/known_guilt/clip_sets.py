"""The clip sets of the bench: which clips, and whether limits may be chosen on them.

    python -m research.known_guilt.clip_sets --shared FOLDER

writes the lists in ``clips/`` anew; they are committed, and this says how they were made.
"""

from __future__ import annotations

import argparse
import csv
import io
import random
import wave
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pytest_lipleak.core.clips import Audio, Clip, Frames
from pytest_lipleak.core.timebase import SAMPLE_RATE, SAMPLES_PER_FRAME
from pytest_lipleak.media.clipsets import ClipSet, open_clips
from pytest_lipleak.media.video import write_video

LISTS = Path(__file__).parent / "clips"
SPLITS = Path(__file__).parents[1] / "training" / "splits"

FRAMES = 75
"""Length of a clip in the bench: its loudest 3 s."""

SIZE = 12
"""Clips of a set: what the embedded set has, and what users begin with."""

CHOOSE, REPORT = "choose", "report"


@dataclass(frozen=True)
class BenchSet:
    """A clip set of the bench.

    Args:
        name: of the set, and of its list.
        part: ``choose``: limits may be chosen on it; ``report``: they are only reported.
        folder: of the shared clips; empty for those that ship with the package.
        pairing: whose speech drives under XM, ``same-speaker`` where each person has several recordings.
        centred: its files are face crops already; others are tracked and cropped when the set is prepared.
        about: who is seen.
    """

    name: str
    part: str
    folder: str
    pairing: str
    centred: bool
    about: str


SETS: Mapping[str, BenchSet] = {
    each.name: each
    for each in (
        BenchSet("embedded", REPORT, "", "same-speaker", True, "4 rendered people, 3 sentences each"),
        BenchSet(
            "grid-choose", CHOOSE, "grid_s1", "same-speaker", True, "GRID s1, sentences the expert never saw"
        ),
        BenchSet(
            "grid-report", REPORT, "grid_s1", "same-speaker", True, "GRID s1, other sentences it never saw"
        ),
        BenchSet(
            "talkers-choose", CHOOSE, "talkers", "same-speaker", True, "6 generated people, 2 recordings each"
        ),
        BenchSet(
            "talkers-report",
            REPORT,
            "talkers",
            "same-speaker",
            True,
            "6 other generated people, other recordings",
        ),
        BenchSet("people", CHOOSE, "clips", "any", False, "12 real people, news, web and GRID"),
        BenchSet("wild", REPORT, "wild", "any", False, "12 other real people in the wild: validation only"),
    )
}
"""The expert was trained on the people of both talkers sets, though the limits of the bench were not chosen on
talkers-report; nobody trained on, or chose by, ``wild``."""


def prepared(name: str, shared: Path | None, work: Path) -> ClipSet:
    """Return a set as face-centred clips of 3 s, made once under ``work``.

    Args:
        name: of ``SETS``.
        shared: folder of the shared clips; None will do for ``embedded``.
        work: where the cut clips are kept, lossless.
    """
    spec = SETS[name]
    folder = work / "sets" / name
    manifest = folder / "manifest.csv"
    if not manifest.exists():
        folder.mkdir(parents=True, exist_ok=True)
        if spec.folder and shared is None:
            raise FileNotFoundError(f"set {name!r} needs the shared clips: name their folder by --shared")
        rows = [_cut(folder, clip, text) for clip, text in _clips(spec, shared)]
        temporary = manifest.with_suffix(".part")
        with temporary.open("w", newline="") as file:
            writer = csv.DictWriter(file, ["file", "audio", "name", "speaker", "text"])
            writer.writeheader()
            writer.writerows(rows)
        temporary.replace(manifest)
    return open_clips(manifest)


def _clips(spec: BenchSet, shared: Path | None) -> list[tuple[Clip, str]]:
    if not spec.folder:
        embedded = open_clips("embedded")
        return [(embedded[name], embedded.files[name].text or name) for name in embedded]
    assert shared is not None
    found = []
    for row in read_list(spec.name):
        clips = open_clips(shared / spec.folder / row["file"])
        clip = clips[next(iter(clips))]
        centred = clip.frames if spec.centred else _face(clip, shared / "weights")
        clip = Clip(Path(row["file"]).stem, centred, clip.audio, row["speaker"])
        found.append((clip, row["recording"]))
    return found


def _face(clip: Clip, weights: Path) -> Frames:
    """The clip as the embedded expert sees it under ``tracked``: mouth-aligned face crops."""
    from pytest_lipleak.evaluation.make.crops import Crops
    from pytest_lipleak.sync.embedded import EmbeddedExpert
    from pytest_lipleak.sync.protocols import Protocol

    cropper = Crops(Protocol.TRACKED, weights, expert=EmbeddedExpert()).of(clip)
    return np.stack(list(cropper(clip.video)))


def _cut(folder: Path, clip: Clip, text: str) -> dict[str, str]:
    start = loudest(clip.audio, len(clip.video), FRAMES)
    part = slice(start, start + FRAMES)
    write_video(folder / f"{clip.name}.mkv", clip.frames[part])
    audio = clip.audio[part.start * SAMPLES_PER_FRAME : part.stop * SAMPLES_PER_FRAME]
    (folder / f"{clip.name}.wav").write_bytes(_wav(audio))
    return {
        "file": f"{clip.name}.mkv",
        "audio": f"{clip.name}.wav",
        "name": clip.name,
        "speaker": clip.speaker or "",
        "text": text,
    }


def loudest(audio: Audio, frames: int, length: int) -> int:
    """Return the first frame of the ``length`` frames with the most speech: the largest sum of loudness in dB."""
    if frames <= length:
        return 0
    energy = np.square(audio[: frames * SAMPLES_PER_FRAME].astype(np.float64)).reshape(frames, -1).mean(1)
    sums = np.convolve(np.log(energy + 100.0), np.ones(length), "valid")
    return int(sums.argmax())


def _wav(audio: Audio) -> bytes:
    target = io.BytesIO()
    with wave.open(target, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(audio.astype("<i2").tobytes())
    return target.getvalue()


def read_list(name: str) -> list[dict[str, str]]:
    """Return the committed list of a set: file, speaker, recording."""
    with (LISTS / f"{name}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def _write_list(name: str, rows: Sequence[tuple[str, str, str]]) -> None:
    LISTS.mkdir(exist_ok=True)
    with (LISTS / f"{name}.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["file", "speaker", "recording"])
        writer.writerows(sorted(rows))


def _grid() -> None:
    """Sentences that the expert was not trained on, in turn to one set and the other, spread over the list."""
    with (SPLITS / "grid_s1.csv").open() as file:
        names = [row["file"] for row in csv.DictReader(file) if row["train"] == "0"]
    chosen = [names[round(at)] for at in np.linspace(0, len(names) - 1, 2 * SIZE)]
    for part, files in (("grid-choose", chosen[::2]), ("grid-report", chosen[1::2])):
        _write_list(part, [(file, "s1", Path(file).stem) for file in files])


def _talkers() -> None:
    """Six people a half, two recordings each, no person and no recording in both; the first draw that has them."""
    said: dict[str, dict[str, str]] = defaultdict(dict)
    with (SPLITS / "talkers.csv").open() as file:
        for row in csv.DictReader(file):
            if row["train"] == "1":
                said[row["person"]].setdefault(row["speech"], row["file"])
    people = sorted(person for person, recordings in said.items() if len(recordings) > 1)
    for seed in range(100_000):
        order = random.Random(seed).sample(people, len(people))
        first = _half(said, order[::2], set())
        halves = first, _half(said, order[1::2], {recording for _, recording in first})
        if all(len(half) == SIZE for half in halves):
            break
    else:
        raise ValueError("no split by person and recording was found")
    for part, half in zip(("talkers-choose", "talkers-report"), halves, strict=True):
        _write_list(part, [(said[person][recording], person, recording) for person, recording in half])


def _half(
    said: Mapping[str, Mapping[str, str]], people: Sequence[str], taken: set[str]
) -> list[tuple[str, str]]:
    """Two recordings each of the first six people who still have them, every recording once."""
    used = set(taken)
    half: list[tuple[str, str]] = []
    for person in people:
        free = [recording for recording in sorted(said[person]) if recording not in used]
        if len(free) >= 2 and len(half) < SIZE:
            half += [(person, recording) for recording in free[:2]]
            used.update(free[:2])
    return half


def _real_people(shared: Path) -> None:
    """One clip a person; second clips fill up. The deliberately mismatched clip, and a man of GRID s1, stay out."""
    with (shared / "clips" / "manifest.csv").open() as file:
        rows = [(row["file"], row["person"]) for row in csv.DictReader(file)]
    kept = [(file, person) for file, person in rows if "mismatched" not in file and "(s1)" not in person]
    _write_list("people", [(file, person, Path(file).stem) for file, person in kept[:SIZE]])
    with (shared / "wild" / "manifest.csv").open() as file:
        rows = [(row["file"], row["speaker"]) for row in csv.DictReader(file)]
    first = list({person: (file, person) for file, person in reversed(rows)}.values())[::-1]
    _write_list("wild", [(file, person, Path(file).stem) for file, person in first[:SIZE]])


def main() -> None:
    """Read the command line, and write the lists."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, required=True, help="folder with clips/ and wild/")
    shared = parser.parse_args().shared
    _grid()
    _talkers()
    _real_people(shared)


if __name__ == "__main__":
    main()
