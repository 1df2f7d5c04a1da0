"""Rendering whole clips and their manifest."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from research.rendering.articulation import articulate, loudness
from research.rendering.face import render
from research.rendering.looks import Look, random_look
from research.rendering.media import write_clip
from research.rendering.plate import build_plate
from research.rendering.sentences import random_sentence
from research.rendering.speech import FRAME_RATE, Speech, speak

MANIFEST_FIELDS = ("file", "speaker", "text", "seed", "voice", "frames", "seconds")
SHORTEST, LONGEST = 4.0, 6.0


@dataclass(frozen=True)
class ClipPlan:
    """One clip to render: who says what; *seed* drives room noise, blinks and head motion."""

    file: str
    look: Look
    text: str
    seed: int


def speech_of(plan: ClipPlan) -> Speech:
    """The plan's speech."""
    return speak(plan.text, plan.look.voice, plan.seed)


def plan_clips(speakers: int, sentences: int, seed: int, pace: float = 1.0) -> list[ClipPlan]:
    """Random speakers with random sentences of 4 to 6 s, no sentence twice; at half the ``pace`` twice as long."""
    rng = np.random.default_rng(seed)
    said: set[str] = set()
    plans = []
    for index in range(speakers):
        look = random_look(f"s{seed}_{index:03d}", int(rng.integers(2**31)))
        look = replace(look, voice=replace(look.voice, rate=round(pace * look.voice.rate)))
        for number in range(sentences):
            while True:
                text = random_sentence(rng)
                plan = ClipPlan(f"{look.name}_{number:02d}.mkv", look, text, int(rng.integers(2**31)))
                if text not in said and SHORTEST <= pace * speech_of(plan).seconds <= LONGEST:
                    break
            said.add(text)
            plans.append(plan)
    return plans


def render_clip(plan: ClipPlan, folder: Path, crf: int = 20) -> dict[str, object]:
    """Render one clip into *folder*; returns its manifest row."""
    speech = speech_of(plan)
    movement = articulate(speech, plan.look.effort)
    envelope = loudness(speech, FRAME_RATE)[: len(movement)]
    frames = render(plan.look, build_plate(plan.look), movement, envelope, plan.seed)
    write_clip(folder / plan.file, frames, speech.audio, crf)
    return {
        "file": plan.file, "speaker": plan.look.name, "text": plan.text, "seed": plan.seed,
        "voice": plan.look.voice.name, "frames": len(movement), "seconds": f"{speech.seconds:.2f}",
    }  # fmt: skip


def render_all(plans: Iterable[ClipPlan], folder: Path, crf: int = 20) -> list[dict[str, object]]:
    """Render every plan into *folder* and write ``manifest.csv`` beside the clips."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for plan in plans:
        rows.append(render_clip(plan, folder, crf))
        print(
            f"{plan.file}: {rows[-1]['seconds']} s, {(folder / plan.file).stat().st_size // 1024} KiB, {plan.text}",
            flush=True,
        )
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as out:
        writer = csv.DictWriter(out, MANIFEST_FIELDS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return rows
