"""Control generators with every copied share on real clips: the pool of `python -m research.benchmarks.validity`.

A control generator under CR mixes two videos: the one that leaks nothing and the one that copies. Both are made
once per clip by the generator itself; every share in between is their mixture.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import av
import cv2
import numpy as np

from pytest_lipleak.core.clips import Audio, Frames
from pytest_lipleak.core.conditions import Condition, Reference, Setup
from pytest_lipleak.core.corpus import Corpus, Provenance
from pytest_lipleak.core.scores import MAX_SHIFT, SyncScore, TrialScore
from pytest_lipleak.core.version import __version__
from pytest_lipleak.evaluation.measures.probes import MOVED
from pytest_lipleak.generators.control import ControlGenerator
from pytest_lipleak.media.audio import fit
from pytest_lipleak.media.clipsets import ClipFile, ClipSet
from pytest_lipleak.plan.pairing import SAME_SPEAKER, mismatched_pairs
from pytest_lipleak.sync.distances import shifted_means
from pytest_lipleak.sync.expert import Embeddings, SyncExpert
from pytest_lipleak.sync.score import score

SHARES = (0.0, 0.1, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
FEW_SHARES = (0.0, 0.25, 0.5)
"""Under changed pictures or sound."""

NULL_SHARES = (0.0, 0.1, 0.25, 0.5)
"""At which unrelated audio is scored, too."""

ROWS, COLUMNS = slice(40, 136), slice(24, 136)
"""The part of the 160x160 frame that is kept: more than the embedded expert looks at, which `judged` checks."""

SIZE = 160
SPLITS = Path(__file__).parent.parent / "training" / "splits"

AM, XM, SI = (Condition(setup, Reference.CR) for setup in (Setup.AM, Setup.XM, Setup.SI))


def compressed(crf: int) -> Callable[[Frames], Frames]:
    """H.264 at a constant rate factor, there and back."""

    def change(frames: Frames) -> Frames:
        file = io.BytesIO()
        with av.open(file, "w", format="mp4") as container:
            stream = container.add_stream("libx264", rate=25, options={"crf": str(crf), "threads": "1"})
            stream.width, stream.height, stream.pix_fmt = SIZE, SIZE, "yuv420p"
            for frame in frames:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, "rgb24")))
            container.mux(stream.encode())
        file.seek(0)
        with av.open(file) as container:
            return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])

    return change


def _blurred(frames: Frames) -> Frames:
    return np.stack([cv2.GaussianBlur(frame, (0, 0), 2) for frame in frames])


def _noisy(frames: Frames) -> Frames:
    noise = np.random.default_rng(len(frames)).normal(0, 10, frames.shape).astype(np.float32)
    return np.clip(np.rint(frames + noise), 0, 255).astype(np.uint8)


PICTURES: Mapping[str, Callable[[Frames], Frames]] = {
    "H.264 crf 23": compressed(23),
    "H.264 crf 35": compressed(35),
    "blur, sigma 2 of 160": _blurred,
    "noise, sigma 10 of 255": _noisy,
}
"""What happens to every video, real and generated, before it is judged."""


def _late(audio: Audio) -> Audio:
    return np.concatenate([np.zeros(2 * 640, np.int16), audio[: -2 * 640]])


def _half(audio: Audio) -> Audio:
    return np.rint(audio / 2).astype(np.int16)


def _hissing(audio: Audio) -> Audio:
    level = float(np.sqrt(np.mean(np.square(audio, dtype=np.float64)))) / 10 ** (10 / 20)
    noise = np.random.default_rng(len(audio)).normal(0, level, len(audio))
    return np.clip(np.rint(audio + noise), -32768, 32767).astype(np.int16)


SOUNDS: Mapping[str, Callable[[Audio], Audio]] = {
    "audio 2 frames late": _late,
    "half loudness": _half,
    "white noise at 10 dB in the audio": _hissing,
}
"""What happens to all audio; the lips are those of the untouched audio."""

CLEAN = "as they are"


def grid(shared: Path, count: int) -> ClipSet:
    """Sentences of GRID speaker s1 that the embedded expert was not trained on, spread over the list."""
    with (SPLITS / "grid_s1.csv").open() as file:
        names = [row["file"] for row in csv.DictReader(file) if row["train"] == "0"]
    chosen = [names[round(number)] for number in np.linspace(0, len(names) - 1, min(count, len(names)))]
    files = [
        ClipFile(Path(name).stem, shared / "grid_s1" / name, speaker="s1") for name in dict.fromkeys(chosen)
    ]
    return ClipSet(files, "grid_s1")


def talkers(shared: Path, count: int) -> ClipSet:
    """Generated characters who speak at least two recordings, two clips of each; the expert was trained on them."""
    with (SPLITS / "talkers.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["train"] == "1"]
    chosen: dict[str, dict[str, str]] = {}
    for row in rows:
        said = chosen.setdefault(row["person"], {})
        if len(said) < 2:
            said.setdefault(row["speech"], row["file"])
    files = [
        ClipFile(Path(name).stem, shared / "talkers" / name, speaker=person, text=speech)
        for person, said in sorted(chosen.items())
        if len(said) == 2
        for speech, name in said.items()
    ]
    return ClipSet(files[:count], "talkers")


def followed(stayed: SyncScore, moved: SyncScore, real: SyncScore, frames: int) -> tuple[float, float]:
    """Return how much sync with the clip's own audio moved along with a reference that comes ``frames`` later.

    Lips that were copied from that reference are early by as many frames: the score at the clip's known offset
    falls, the one ``frames`` below it rises. Lips that come from anywhere else stay.

    Args:
        stayed: of the video generated with the reference in its place, against the clip's own audio.
        moved: of the video generated with the later reference, all else equal.
        real: of the real clip.
        frames: how much later; the moved offset must lie within the 31 shifts.

    Returns:
        The mean of fall and rise, and what a complete copy would give.
    """
    here, there = real.offset, real.offset - frames
    if abs(there) > MAX_SHIFT:
        raise ValueError(f"offset {here} moved by {frames} frames lies beyond {MAX_SHIFT} frames")
    fall = stayed.confidence_at(here) - moved.confidence_at(here)
    rise = moved.confidence_at(there) - stayed.confidence_at(there)
    return (fall + rise) / 2, real.confidence_at(here) - real.confidence_at(there)


def mixed(none: Frames, copy: Frames, share: float) -> Frames:
    """What a control generator with this share makes, from what it makes with 0 and with 1."""
    return np.rint(none + np.float32(share) * (copy.astype(np.float32) - none)).astype(np.uint8)


def make(clips: ClipSet, folder: Path, changed: int) -> None:
    """Generate the videos of every clip that is not there yet; the first ``changed`` clips also with all pictures."""
    pairs = mismatched_pairs(clips, 0, SAME_SPEAKER)
    none, copier = ControlGenerator(0.0), ControlGenerator(1.0)
    none.use_clips(clips)
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(clips):
        file = folder / f"{name}.npz"
        if file.exists():
            continue
        clip = clips[name]
        silence = np.zeros_like(clip.audio)
        speech = fit(clips.speech(pairs[name]), len(clip.audio))
        videos = {
            "SI": none.generate(clip.frames, silence, clip.frames),
            "XM": none.generate(clip.frames, speech, clip.frames),
        }
        moved = copier.generate(clip.frames, silence, np.roll(clip.frames, -MOVED, axis=0))
        kept = {f"{CLEAN}|{setup}|0": video for setup, video in videos.items()}
        kept |= {f"{CLEAN}|real|0": clip.frames, f"{CLEAN}|moved|1": moved}
        for condition, change in PICTURES.items() if number < changed else ():
            kept[f"{condition}|real|0"] = change(clip.frames)
            for setup, video in videos.items():
                for share in FEW_SHARES:
                    kept[f"{condition}|{setup}|{share:g}"] = change(mixed(video, clip.frames, share))
        temporary = file.with_suffix(".part")
        with temporary.open("wb") as target:
            np.savez(target, **{key: video[:, ROWS, COLUMNS] for key, video in kept.items()})
        temporary.replace(file)
        print(f"made {number + 1} of {len(clips)}: {name}", flush=True)


@dataclass
class Cell:
    """Scores of one control generator on one clip set under one change of pictures or sound.

    Args:
        corpus: trials under AM, XM and SI with CR.
        nulls: confidence at the clip's offset against every other clip's speech, by (clip, setup).
        follows: of each clip, how much sync moved with a reference that comes later, and how much could have.
    """

    corpus: Corpus
    nulls: dict[tuple[str, Condition], dict[str, float]] = field(default_factory=dict)
    follows: dict[str, tuple[float, float]] = field(default_factory=dict)


Cells = dict[tuple[str, float], Cell]
"""By change and share."""


def judged(clips: ClipSet, folder: Path, expert: SyncExpert, changed: int) -> Cells:
    """Score all videos of ``make``; the first ``changed`` clips also under all changes."""
    pairs = mismatched_pairs(clips, 0, SAME_SPEAKER)
    cells: Cells = {}
    heard: dict[tuple[str, bytes], Embeddings] = {}

    def listen(change: str, audio: Audio) -> Embeddings:
        key = (change if change in SOUNDS else CLEAN, audio.tobytes())
        if key not in heard:
            heard[key] = expert.embed_audio(SOUNDS[change](audio) if change in SOUNDS else audio)
        return heard[key]

    for number, name in enumerate(clips):
        clip = clips[name]
        with np.load(folder / f"{name}.npz") as stored:
            seen = _Seen(dict(stored), expert)
        if not np.allclose(expert.embed_video(clip.frames), seen(CLEAN, "real", 0.0), atol=1e-4):
            raise AssertionError(f"{name}: the expert looks beyond the part of the frame that is kept")
        speech = fit(clips.speech(pairs[name]), len(clip.audio))
        others = [
            other
            for other in clips
            if not clips.same_speech(name, other) and not clips.same_speech(pairs[name], other)
        ]
        for change in (CLEAN, *PICTURES, *SOUNDS) if number < changed else (CLEAN,):
            pictures = change if change in PICTURES else CLEAN
            own, driving = listen(change, clip.audio), listen(change, speech)
            real = score(seen(pictures, "real", 0.0), own)
            for share in SHARES if change == CLEAN else FEW_SHARES:
                cell = cells.setdefault((change, share), Cell(_empty(clips, expert, pairs)))
                trials = cell.corpus.trials
                for condition in (None, AM):
                    trials[name, condition] = TrialScore(name, condition, real, real, real.offset)
                silent, mismatched = seen(pictures, "SI", share), seen(pictures, "XM", share)
                trials[name, SI] = TrialScore(name, SI, score(silent, own), None, real.offset)
                trials[name, XM] = TrialScore(
                    name, XM, score(mismatched, own), score(mismatched, driving), real.offset, pairs[name]
                )
                if change == CLEAN and share in NULL_SHARES:
                    for condition, video in ((SI, silent), (XM, mismatched)):
                        cell.nulls[name, condition] = {
                            other: _unrelated(video, listen(CLEAN, clips.speech(other)), real.offset)
                            for other in others
                        }
                if change == CLEAN:
                    moved = score(seen(CLEAN, "moved", share), own)
                    cell.follows[name] = followed(trials[name, SI].own, moved, real, MOVED)
        print(f"judged {number + 1} of {len(clips)}: {name}", flush=True)
    for cell in cells.values():
        scored = tuple(name for name in clips if (name, None) in cell.corpus.trials)
        cell.corpus.provenance = replace(cell.corpus.provenance, clip_names=scored)
    return cells


def _unrelated(video: Embeddings, speech: Embeddings, offset: int) -> float:
    """Confidence at an offset against a whole other recording, as `evaluation/make/unrelated_speech.py` scores it."""
    (means,) = shifted_means(video, speech, np.zeros(1, np.int64))
    return float(np.median(means) - means[MAX_SHIFT - offset])


class _Seen:
    """What the expert sees in the stored videos of one clip, embedded when first asked for."""

    def __init__(self, videos: Mapping[str, Frames], expert: SyncExpert) -> None:
        self._videos = videos
        self._expert = expert
        self._known: dict[tuple[str, str, float], Embeddings] = {}

    def __call__(self, pictures: str, kind: str, share: float) -> Embeddings:
        key = (pictures, kind, share)
        if key not in self._known:
            kept = self._frames(*key)
            frames = np.zeros((len(kept), SIZE, SIZE, 3), np.uint8)
            frames[:, ROWS, COLUMNS] = kept
            self._known[key] = self._expert.embed_video(frames)
        return self._known[key]

    def _frames(self, pictures: str, kind: str, share: float) -> Frames:
        if kind == "real":
            return self._videos[f"{pictures}|real|0"]
        if pictures != CLEAN:
            return self._videos[f"{pictures}|{kind}|{share:g}"]
        if kind == "moved":
            return mixed(self._videos[f"{CLEAN}|SI|0"], self._videos[f"{CLEAN}|moved|1"], share)
        return mixed(self._videos[f"{CLEAN}|{kind}|0"], self._videos[f"{CLEAN}|real|0"], share)


def _empty(clips: ClipSet, expert: SyncExpert, pairs: Mapping[str, str]) -> Corpus:
    about = Provenance(
        "control",
        clips.origin,
        (),
        expert.identity.label,
        "direct",
        "first",
        "zeros",
        pairs,
        0,
        "cpu",
        __version__,
    )
    return Corpus(about)
