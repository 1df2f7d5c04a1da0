"""Finished videos of published systems: do their lips carry the speech of the clip they were made from?

    python -m research.known_guilt.finished --shared FOLDER --work FOLDER --out docs/evidence/finished-videos.md

Nobody generates anything here. Each output is compared with the clip that it was made from, driven by other speech:
its lips with the clip's own lips, and its lips with the clip's own speech. What other clips give is the null.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.clips import Audio, Clip, Frames
from pytest_lipleak.core.scores import LAGS
from pytest_lipleak.evaluation.make.crops import Cropper, Crops
from pytest_lipleak.evaluation.measures.floor import floor_frames, most_closed
from pytest_lipleak.evaluation.measures.lag_scan import excesses, scan_chance
from pytest_lipleak.evaluation.measures.lips import correlations, movement, without
from pytest_lipleak.faces.small_faces import (
    Faces,
    enlarged,
    grey_faces,
    lips_region,
)
from pytest_lipleak.media.clipsets import open_clips
from pytest_lipleak.sync.distances import distances
from pytest_lipleak.sync.embedded import EmbeddedExpert
from pytest_lipleak.sync.lse import score
from pytest_lipleak.sync.protocols import Protocol
from research.known_guilt.tables import filled, table

DRAWS = 10_000


@dataclass(frozen=True)
class Finished:
    """One finished video and where it came from.

    Args:
        output: file of the output.
        source: file of the clip.
        model: who made it.
        speaker: who is seen.
        driver: whose speech drove it.
    """

    output: str
    source: str
    model: str
    speaker: str
    driver: str


@dataclass(frozen=True, eq=False)
class Seen:
    """Face crops of one video, as they are needed here.

    Args:
        faces: grey, uint8 (T, SIDE, SIDE).
        floor: likewise, of the same frames with one still mouth of the video in the lips, carried along with the head.
        embedding: as the expert sees the crops, float32 (W, D).
        still: one crop, whose mouth is closed, uint8 RGB.
    """

    faces: Faces
    floor: Faces
    embedding: NDArray[np.float32]
    still: Frames


def listed(shared: Path) -> list[Finished]:
    """Return the finished videos."""
    with (shared / "published" / "manifest.csv").open(newline="") as file:
        return [
            Finished(row["output"], row["source"], row["model"], row["speaker"], row["driving_speaker"])
            for row in csv.DictReader(file)
        ]


class Videos:
    """Face crops and speech of the finished videos and their sources, each made once.

    Args:
        shared: folder with ``published/`` and ``weights/``.
        work: what was made is kept here.
    """

    def __init__(self, shared: Path, work: Path) -> None:
        self._shared = shared
        self._work = work / "finished"
        self._work.mkdir(parents=True, exist_ok=True)
        self._expert = EmbeddedExpert()
        self._croppers: dict[str, Cropper] = {}

    def clip(self, name: str) -> Clip:
        """Return a video with its sound."""
        clips = open_clips(self._shared / "published" / name)
        return clips[next(iter(clips))]

    def seen(self, name: str, geometry: str = "") -> Seen:
        """Return the face crops of a video by its own face track, or by that of another video."""
        geometry = geometry or name
        kept = self._work / f"{Path(name).stem}--{Path(geometry).stem}.npz"
        if not kept.exists():
            made = self._made(name, geometry)
            np.savez(kept, **vars(made))
        with np.load(kept) as stored:
            return Seen(**{key: stored[key] for key in ("faces", "floor", "embedding", "still")})

    def _made(self, name: str, geometry: str) -> Seen:
        crops = self.crops(name, geometry)
        faces = grey_faces(crops)
        still = crops[most_closed(faces)]
        floor = grey_faces(floor_frames(crops, still, enlarged(lips_region(), 8)))
        return Seen(faces, floor, self._expert.embed_video(crops), still)

    def crops(self, name: str, geometry: str) -> Frames:
        """Mouth-aligned face crops, uint8 RGB; the common length of both videos."""
        clip = self.clip(name)
        if geometry == name:
            return np.stack(list(self._cropper(name)(clip.video)))
        # Another's track; an output may be a frame longer than its source.
        other = self.clip(geometry)
        length = min(len(clip.video), len(other.video))
        frames = list(clip.frames[:length]) + [clip.frames[length - 1]] * (len(other.video) - length)
        return np.stack(list(self._cropper(geometry)(np.stack(frames))))[:length]

    def _cropper(self, name: str) -> Cropper:
        if name not in self._croppers:
            crops = Crops(Protocol.TRACKED, self._shared / "weights", expert=self._expert)
            self._croppers[name] = crops.of(self.clip(name))
        return self._croppers[name]

    def speech(self, name: str) -> NDArray[np.float32]:
        """A source's own speech as the expert hears it."""
        kept = self._work / f"{Path(name).stem}.speech.npy"
        if not kept.exists():
            audio: Audio = self.clip(name).audio
            np.save(kept, self._expert.embed_audio(audio))
        found: NDArray[np.float32] = np.load(kept)
        return found

    def embed(self, crops: Frames) -> NDArray[np.float32]:
        """As the expert sees crops."""
        return np.asarray(self._expert.embed_video(crops))

    def floor_embedding(self, name: str) -> NDArray[np.float32]:
        """A source with one still mouth of its own in the lips, jaw and cheeks as they were, as the expert sees it."""
        kept = self._work / f"{Path(name).stem}.floor.npy"
        if not kept.exists():
            crops = self.crops(name, name)
            still = crops[most_closed(grey_faces(crops))]
            frames = floor_frames(crops, still, enlarged(lips_region(), 8))
            np.save(kept, self._expert.embed_video(frames))
        found: NDArray[np.float32] = np.load(kept)
        return found


@dataclass(frozen=True, eq=False)
class Compared:
    """What one output has of the clip that it was made from.

    Args:
        video: which.
        lips: correlation of lips, (1 + K, 21): with the clip's own, then with those of other people's clips.
        slope: share of the clip's own lip movement, (21,).
        speech: agreement with speech over the floor, (1 + K, 21): the clip's own, then other people's.
    """

    video: Finished
    lips: NDArray[np.float64]
    slope: NDArray[np.float64]
    speech: NDArray[np.float64]

    def excess(self, rows: NDArray[np.float64]) -> float:
        """Best lag of the own row over the mean of the best lags of the others: no search is left in it."""
        return float(rows[0].max() - rows[1:].max(axis=1).mean())


def compared(video: Finished, everything: Sequence[Finished], videos: Videos, *, own_track: bool) -> Compared:
    """Compare one output with its source and with the sources of other people.

    Args:
        video: the output.
        everything: all of them; null clips come from here.
        videos: crops and speech.
        own_track: the output's face is tracked in the output; else the source's track is used, which only fits where
            the system left the frame as it was.
    """
    output = videos.seen(video.output, video.output if own_track else video.source)
    strangers = {
        other.source: other for other in everything if other.speaker not in (video.speaker, video.driver)
    }
    moved = without(movement(output.faces), movement(output.floor))

    def lips_of(source: str) -> NDArray[np.float32]:
        seen = videos.seen(source)
        return without(movement(seen.faces), movement(seen.floor))

    own, slope = correlations(moved, lips_of(video.source))
    others = [correlations(moved, lips_of(source))[0] for source in strangers]
    offset = score(videos.seen(video.source).embedding, videos.speech(video.source)).offset
    heard = [videos.speech(source) for source in (video.source, *strangers)]
    seen, floor = (
        np.stack([distances(rows, speech).mean(axis=0, dtype=np.float64) for speech in heard])
        for rows in (output.embedding, videos.floor_embedding(video.source))
    )
    return Compared(video, np.stack([own, *others]), slope, excesses(seen, floor, offset))


@dataclass(frozen=True)
class Finding:
    """One system, by one measure: mean over outputs at the best lag, with its interval over people."""

    value: float
    low: float
    high: float
    lag: int
    excess: float
    excess_low: float
    excess_high: float
    above_all: int
    p: float


def finding(results: Sequence[Compared], of: str, seed: int = 0) -> Finding:
    """Summarise ``lips`` or ``speech`` over the outputs of one system; people are drawn, not videos."""
    rows = [getattr(result, of) for result in results]
    if of == "speech":
        own = np.array([each[0] - each[1:].mean(axis=0) for each in rows])
    else:
        own = np.array([each[0] for each in rows])
    best = int(own.mean(axis=0).argmax())
    excess = np.array([result.excess(getattr(result, of)) for result in results])
    people = np.array([result.video.speaker for result in results])
    low, high = _interval(own[:, best], people, seed)
    excess_low, excess_high = _interval(excess, people, seed)
    return Finding(
        float(own[:, best].mean()),
        low,
        high,
        list(LAGS)[best],
        float(excess.mean()),
        excess_low,
        excess_high,
        sum(bool(each[0].max() > each[1:].max()) for each in rows),
        scan_chance(rows)[0],
    )


def _interval(values: NDArray[np.float64], people: NDArray[np.str_], seed: int) -> tuple[float, float]:
    """Percentile bootstrap over people, 95 %."""
    draw = np.random.default_rng(seed)
    names = sorted(set(people))
    sums = np.array([values[people == name].sum() for name in names])
    counts = np.array([(people == name).sum() for name in names])
    drawn = draw.integers(len(names), size=(DRAWS, len(names)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


SAME_FRAME = ("wav2lip", "diff2lip")
"""Systems that leave the frame as it was but for the mouth; PC-AVS shows the head anew."""

NAMES = {"wav2lip": "Wav2Lip", "diff2lip": "Diff2Lip", "pc-avs": "PC-AVS"}


def tables(results: Sequence[Compared]) -> dict[str, str]:
    """The tables of docs/evidence/finished-videos.md, by the name of their marker."""
    rows, every = [], []
    for model, name in NAMES.items():
        of = [result for result in results if result.video.model == model]
        for measure, words in (("lips", "lips against lips"), ("speech", "lips against speech")):
            found = finding(of, measure)
            rows.append(
                [
                    name,
                    words,
                    f"{found.value:.2f} [{found.low:.2f}, {found.high:.2f}]",
                    f"{found.lag:+d}",
                    f"{found.excess:.2f} [{found.excess_low:.2f}, {found.excess_high:.2f}]",
                    f"{found.above_all} of {len(of)}",
                    f"{found.p:.4f}",
                ]
            )
    head = ["system", "measure", "value", "lag", "over what others give", "above all others", "p"]
    sources = sorted({(result.video.speaker, result.video.source) for result in results})
    for speaker, source in sources:
        cells = [speaker, next(r.video.driver for r in results if r.video.source == source)]
        for model in NAMES:
            of = [r for r in results if r.video.source == source and r.video.model == model]
            cells += [f"{r.lips[0].max():.2f} ({r.lips[1:].max(axis=1).mean():.2f})" for r in of] or [""]
        every.append(cells)
    return {
        "systems": table(head, rows),
        "videos": table(["who is seen", "whose speech drove", *NAMES.values()], every),
    }


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shared", type=Path, required=True, help="folder with published/ and weights/")
    parser.add_argument("--work", type=Path, required=True, help="face crops are kept here")
    parser.add_argument("--out", type=Path, help="a page with places for the tables; else they are printed")
    asked = parser.parse_args()
    everything, videos = listed(asked.shared), Videos(asked.shared, asked.work)
    results = [
        compared(video, everything, videos, own_track=video.model not in SAME_FRAME) for video in everything
    ]
    found = tables(results)
    if asked.out:
        asked.out.write_text(filled(asked.out.read_text(), found))
    else:
        print("\n\n".join(found.values()))


if __name__ == "__main__":
    main()
