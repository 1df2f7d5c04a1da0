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
from research.known_guilt.measuring import Bench


def run(
    members: Sequence[Member],
    sets: Sequence[str],
    shared: Path | None,
    work: Path,
    results: Path,
    scans: Path | None = None,
) -> None:
    """Judge what is missing; several processes may share the work, each takes what nobody has begun.

    Args:
        members: generators.
        sets: names of clip sets.
        shared: folder of the shared clips, or None.
        work: where prepared clips are kept.
        results: the file of JSON lines.
        scans: an older file of the same kind, whose scans are taken over where it has them: the probes alone are taken
            anew.
    """
    import cv2

    cv2.setNumThreads(1)
    expert = EmbeddedExpert()
    benches: dict[str, Bench] = {}
    claims = results.with_suffix(".claims")
    claims.mkdir(parents=True, exist_ok=True)
    people: dict[str, dict[str, str]] = {}
    finished = Done(results)
    known = {} if scans is None else {(line["member"], line["set"]): line["clips"] for line in read(scans)}
    for member, name in ((member, name) for member in members for name in sets):
        if name not in people:
            files = prepared(name, shared, work).files.values()
            people[name] = {file.name: file.speaker for file in files if file.speaker}
        if member.needs_people and len(set(people[name].values())) < 2:
            continue
        claim = claims / f"{list(MEMBERS).index(member.name)}-{name}"
        if (member.name, name) in finished() or not _claimed(claim):
            continue
        if name not in benches:
            benches[name] = Bench(prepared(name, shared, work), expert, SETS[name].pairing)
        began = time.process_time()
        line: dict[str, Any] = {
            "member": member.name,
            "guilt": member.guilt,
            "kind": member.kind,
            "alternative": member.alternative,
            "set": name,
            "speakers": people[name],
            "clips": benches[name].measure(
                KnownGuilt(member, SETS[name].pairing), known.get((member.name, name))
            ),
        }
        line["cpu_s"] = round(time.process_time() - began, 1)
        _append(results, line)
        claim.unlink(missing_ok=True)
        found = judged(line)
        print(
            f"{name:15} {member.guilt:7} {member.name:50} {found.verdict}: {'; '.join(found.broken)}",
            flush=True,
        )


class Done:
    """What was measured already, by whomever; only what was added since is read again.

    Args:
        results: the file of JSON lines.
    """

    def __init__(self, results: Path) -> None:
        self._results = results
        self._read = 0
        self._done: set[tuple[str, str]] = set()

    def __call__(self) -> set[tuple[str, str]]:
        """Members and sets."""
        if self._results.exists():
            with self._results.open("rb") as file:
                file.seek(self._read)
                for line in file:
                    if line.endswith(b"\n"):
                        self._read += len(line)
                        found = json.loads(line)
                        self._done.add((found["member"], found["set"]))
        return self._done


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
