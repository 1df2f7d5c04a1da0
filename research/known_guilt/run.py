"""Runs the bench: every member on every clip set, one JSON line each; what is there already is not made again."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock

from pytest_lipleak.sync.embedded import EmbeddedExpert
from research.known_guilt.catalogue import MEMBERS
from research.known_guilt.clip_sets import SETS, prepared
from research.known_guilt.generator import KnownGuilt, Member
from research.known_guilt.judge import judged


def run(
    members: Sequence[Member], sets: Sequence[str], shared: Path | None, work: Path, results: Path
) -> None:
    """Judge what is missing; several processes may share the work, each takes what nobody has begun.

    Args:
        members: generators.
        sets: names of clip sets.
        shared: folder of the shared clips, or None.
        work: where prepared clips are kept.
        results: the file of JSON lines.
    """
    import cv2

    cv2.setNumThreads(1)
    expert = EmbeddedExpert()
    claims = results.with_suffix(".claims")
    claims.mkdir(parents=True, exist_ok=True)
    for name in sets:
        clips = prepared(name, shared, work)
        people = {file.speaker for file in clips.files.values()}
        for member in members:
            if member.needs_people and len(people) < 2:
                continue
            # Every member judged so far, by whomever.
            if (member.name, name) in {(line["member"], line["set"]) for line in read(results)}:
                continue
            claim = claims / f"{list(MEMBERS).index(member.name)}-{name}"
            if not _claimed(claim):
                continue
            began, cpu = time.monotonic(), time.process_time()
            generator = KnownGuilt(member, SETS[name].pairing)
            try:
                line: dict[str, Any] = judged(generator, clips, expert).to_dict()
            except Exception as error:
                line = {"verdict": "error", "reasons": [f"{type(error).__name__}: {error}"]}
            line = {
                "member": member.name,
                "guilt": member.guilt,
                "kind": member.kind,
                "set": name,
                "part": SETS[name].part,
                "clips": len(clips),
                **line,
                "calls": generator.calls,
                "cpu_s": round(time.process_time() - cpu, 2),
            }
            _append(results, line)
            claim.unlink(missing_ok=True)
            took = time.monotonic() - began
            print(
                f"{name:15} {member.guilt:7} {member.name:50} {line['verdict']:25} {took:.0f} s", flush=True
            )


def _claimed(claim: Path) -> bool:
    """Whether this process may do it: nobody does, or whoever began has died."""
    try:
        with claim.open("x") as file:
            file.write(str(os.getpid()))
    except FileExistsError:
        owner = claim.read_text() or "0"
        if Path(f"/proc/{owner}").exists():
            return False
        claim.write_text(str(os.getpid()))
    return True


def _append(results: Path, line: dict[str, Any]) -> None:
    with FileLock(f"{results}.lock"), results.open("a") as file:
        file.write(json.dumps(line) + "\n")


def read(results: Path) -> list[dict[str, Any]]:
    """Return the lines of a file of results; none if it is not there."""
    return list(_lines(results)) if results.exists() else []


def _lines(results: Path) -> Iterator[dict[str, Any]]:
    with results.open() as file:
        for line in file:
            if line.endswith("\n"):
                yield json.loads(line)
