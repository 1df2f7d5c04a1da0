"""Caches of :mod:`research.training.prepare` as training batches and as evaluation clips."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from pytest_lipleak.sync.logmel import level_normalised_log, mel_power
from research.training import augment
from research.training.losses import MAX_SHIFT
from research.training.network import FRAMES_PER_WINDOW, MEL_PER_FRAME, MEL_PER_WINDOW
from research.training.splits import SPLITS

SAMPLES_PER_FRAME = 640


@dataclass(frozen=True)
class Talk:
    """One clip of a cache.

    ``region``: grey uint8 (T, 104, 112); ``audio``: int16 (N,); ``offset``: frames by which that audio is late;
    ``speech``: which recording it is, since several talkers speak with the same one; ``confidence``: the published
    one of SyncNet v2, where there is one.
    """

    name: str
    region: NDArray[np.uint8]
    audio: NDArray[np.int16]
    offset: float = 0.0
    speech: str = ""
    confidence: float = float("nan")


@dataclass(frozen=True)
class Source:
    """A cache restricted to some clips, with its share of every batch."""

    talks: list[Talk]
    per_batch: int
    name: str = field(default="")


def speeches() -> dict[str, str]:
    """Which recording each talkers clip speaks with."""
    return {row["file"]: row["speech"] for row in csv.DictReader((SPLITS / "talkers.csv").open())}


def load(cache: Path, names: set[str] | None = None, known: Path | None = None) -> list[Talk]:
    """Clips of a cache (memory-mapped), all or those named; ``known``: the folder with what realign found of them."""
    spoken = speeches()
    offsets, confidences = (by_clip(known or cache, what) for what in ("offsets", "confidences"))
    frames = np.load(cache / "frames.npy", mmap_mode="r")
    audio = np.load(cache / "audio.npy", mmap_mode="r")
    talks = []
    for entry in json.loads((cache / "index.json").read_text()):
        if names is None or entry["name"] in names:
            region = frames[entry["frame"] : entry["frame"] + entry["frames"]]
            speech = audio[entry["sample"] : entry["sample"] + entry["samples"]]
            name = entry["name"]
            confidence = confidences.get(name, float("nan"))
            talks.append(
                Talk(name, region, speech, offsets.get(name, 0.0), spoken.get(name, name), confidence)
            )
    return talks


def by_clip(cache: Path, what: str) -> dict[str, float]:
    """What ``research.training.realign`` wrote of each clip: ``offsets`` or ``confidences``; none without that step."""
    file = cache / f"{what}.json"
    return json.loads(file.read_text()) if file.exists() else {}


def shifted(audio: NDArray[np.int16], frames: float) -> NDArray[np.int16]:
    """Audio moved earlier by ``frames`` video frames (later where negative), same length."""
    samples = round(frames * SAMPLES_PER_FRAME)
    if samples >= 0:
        return np.pad(audio[samples:], (0, min(samples, len(audio))))
    return np.pad(audio[:samples], (-samples, 0))


class Batch(NamedTuple):
    """What one step sees.

    ``video`` (B, rows + 4, 48, 64), ``mel`` (B, 4 (rows + 29) + 20, 40), ``valid`` (B, rows + 30): which audio windows
    lie inside the recording, ``same`` (B, B): which clips speak with one recording, ``confidence`` (B,): SyncNet v2's,
    NaN where unknown.
    """

    video: torch.Tensor
    mel: torch.Tensor
    valid: torch.Tensor
    same: torch.Tensor
    confidence: torch.Tensor


@dataclass
class Batches:
    """Draws augmented batches; ``rows`` video windows per clip and 30 more audio windows around them.

    ``hard``: share of the examples that also get what the wild does worst (see :mod:`research.training.augment`).
    """

    sources: list[Source]
    seed: int
    rows: int = 40
    strength: float = 1.0
    hard: float = 0.0
    augmented: bool = True

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)
        self.all_talks = [talk for source in self.sources for talk in source.talks]

    def draw(self) -> Batch:
        """The next batch."""
        picked = []
        for source in self.sources:
            chosen = self.rng.choice(
                len(source.talks), source.per_batch, replace=len(source.talks) < source.per_batch
            )
            picked += [source.talks[i] for i in chosen]
        parts = [self._example(talk) for talk in picked]
        video, mel, valid = (torch.from_numpy(np.stack(column)) for column in zip(*parts, strict=True))
        same = torch.tensor([[one.speech == other.speech for other in picked] for one in picked])
        return Batch(video, mel, valid, same, torch.tensor([talk.confidence for talk in picked]))

    def _example(self, talk: Talk) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]:
        rng = self.rng
        frames = self.rows + FRAMES_PER_WINDOW - 1
        hard = bool(self.augmented and self.hard and rng.random() < self.hard)
        speed = rng.uniform(0.85, 1.2) if hard and rng.random() < 0.3 else 1.0
        length = int(len(talk.region) / speed)
        start = int(rng.integers(0, max(length - frames, 0) + 1))
        region = at_times(talk.region, speed * np.arange(start, start + frames))
        if self.augmented:
            video = augment.degrade(augment.warp(region, rng, self.strength, hard=hard), rng, hard=hard)
        else:
            video = augment.plain_window(region)
        first, columns = start - MAX_SHIFT, self.rows + 2 * MAX_SHIFT
        mel = self._mel(talk, speed, hard)
        available = (len(mel) - MEL_PER_WINDOW) // MEL_PER_FRAME + 1
        places = np.arange(first, first + columns)
        valid = (places >= 0) & (places < available)
        lines = np.arange(first * MEL_PER_FRAME, (first + columns - 1) * MEL_PER_FRAME + MEL_PER_WINDOW)
        return augment.normalise(video), mel[np.clip(lines, 0, len(mel) - 1)], valid

    def _mel(self, talk: Talk, speed: float, hard: bool) -> NDArray[np.float32]:
        rng = self.rng
        jitter = rng.uniform(-0.2, 0.2) if self.augmented else 0.0
        audio = shifted(np.asarray(talk.audio), talk.offset + jitter).astype(np.float32) / 32768
        if not self.augmented:
            return level_normalised_log(mel_power((audio * 32767).astype(np.int16)))
        if speed != 1.0:
            samples = np.arange(int(len(audio) / speed)) * speed
            audio = np.interp(samples, np.arange(len(audio)), audio).astype(np.float32)
        other = self.all_talks[rng.integers(len(self.all_talks))].audio
        audio = augment.disturb_audio(audio, np.asarray(other).astype(np.float32) / 32768, rng, hard=hard)
        audio = audio / max(np.abs(audio).max(), 1e-3) * 10 ** (-rng.uniform(0, 12) / 20)
        power = augment.disturb_mel(mel_power((audio * 32767).astype(np.int16)), rng)
        return augment.mask_bands(level_normalised_log(power), rng)


def at_times(region: NDArray[np.uint8], times: NDArray[np.float64]) -> NDArray[np.uint8]:
    """The clip at fractional frames, neighbours blended; past its end the last frame stays."""
    times = np.clip(times, 0, len(region) - 1)
    first = np.floor(times).astype(int)
    frames = np.asarray(region[first[0] : first[-1] + 2])
    parts, first = times - first, first - first[0]
    if not parts.any():
        return frames[first]
    after = np.minimum(first + 1, len(frames) - 1)
    mixed = (
        cv2.addWeighted(frames[i], 1 - part, frames[j], part, 0)
        for i, j, part in zip(first, after, parts, strict=True)
    )
    return np.stack(list(mixed))
