"""Which of a file's streams is the picture and which the sound: what a player takes."""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_lipleak.core.errors import InputError
from pytest_lipleak.core.timebase import FRAME_RATE
from pytest_lipleak.media.opening import demuxed, opened

NAMES = {"video": "video", "audio": "sound"}
MISSING = {
    "video": "no video stream",
    "audio": "no audio stream; lip sync cannot be judged without the clip's own speech",
}
PATIENCE = 300
"""Packets of a track that may fail before it counts as one that cannot be decoded."""


@dataclass(frozen=True)
class Tracks:
    """The streams of a file that are read.

    Args:
        video: index of the picture's stream, or None where there is none.
        audio: index of the sound's stream, likewise.
        notes: which of how many were taken, where there was a choice.
        missing: why there is none, by kind.
    """

    video: int | None
    audio: int | None
    notes: tuple[str, ...]
    missing: dict[str, str]


def choose_tracks(path: Path, container: Any) -> Tracks:
    """Choose as players do: the track marked as default, else the first; of those that can be decoded.

    Attached pictures (cover art, thumbnails) are no video, nor is a track of one packet beside one of many. Comments,
    and descriptions for people who do not see or hear, come after the others where none is marked.

    Args:
        path: the file. It is opened once more where tracks must be tried.
        container: the file, opened; no packet of it is read.

    Raises:
        InputError: the file cannot be read.
    """
    kinds = {kind: [s for s in container.streams if s.type == kind] for kind in NAMES}
    attached = [stream for stream in kinds["video"] if _is_attached(stream)]
    kinds["video"] = [stream for stream in kinds["video"] if not _is_attached(stream)]
    codecs = _codecs(container)
    usable = {kind: [s for s in found if s.codec_context is not None] for kind, found in kinds.items()}
    rivals = [stream for found in usable.values() if len(found) > 1 for stream in found]
    if rivals:
        packets, decoded = _tried(path, [stream.index for stream in rivals])
        for kind, found in usable.items():
            if len(found) > 1:
                usable[kind] = _best(found, packets, decoded)
    chosen: dict[str, int] = {}
    missing, notes = dict(MISSING), []
    together = of_one_program(usable, programs_in(_description(container))) if rivals else usable
    for kind, found in together.items():
        if found:
            best = min(found, key=lambda stream: (not _is_default(stream), _is_beside(stream), stream.index))
            chosen[kind] = best.index
            if len(kinds[kind]) > 1:
                notes.append(_note(kind, kinds[kind], best, usable[kind], codecs))
        elif kinds[kind]:
            names = ", ".join(codecs.get(stream.index, "unknown") for stream in kinds[kind])
            missing[kind] = (
                f"none of its {len(kinds[kind])} {NAMES[kind]} tracks can be decoded (codec: {names}); "
                "convert the file to a common codec first"
            )
    if attached:
        notes.append(f"{len(attached)} attached picture(s) left out")
    return Tracks(chosen.get("video"), chosen.get("audio"), tuple(notes), missing)


def _is_attached(stream: Any) -> bool:
    from av.stream import Disposition

    pictures = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image
    return bool(stream.disposition & pictures)


def _is_default(stream: Any) -> bool:
    from av.stream import Disposition

    return bool(stream.disposition & Disposition.default)


def _is_beside(stream: Any) -> bool:
    from av.stream import Disposition

    kinds = (
        Disposition.comment | Disposition.visual_impaired | Disposition.hearing_impaired | Disposition.karaoke
    )
    return bool(stream.disposition & (kinds | Disposition.clean_effects | Disposition.descriptions))


def _codecs(container: Any) -> dict[int, str]:
    """Codec names by stream."""
    names = {s.index: s.codec_context.name for s in container.streams if s.codec_context is not None}
    if len(names) < len(container.streams):
        # PyAV has no name for a codec that nobody decodes; FFmpeg's own description has.
        pattern = r"Stream #\d+:(\d+).*?: (?:Audio|Video): (\w+)(?: \((\w+) /)?"
        lines = re.findall(pattern, _description(container))
        for index, name, tag in lines:
            names.setdefault(int(index), tag if name == "none" and tag else name)
    return names


def _description(container: Any) -> str:
    import av

    level = av.logging.get_level()
    av.logging.set_level(av.logging.INFO)
    try:
        return str(container.dumps_format())
    finally:
        av.logging.set_level(level)


def programs_in(description: str) -> list[set[int]]:
    """Indices of the streams of each program of a broadcast, from FFmpeg's description: PyAV does not show them."""
    _, *sections = re.split(r"^  (?:No )?Program\b.*$", description, flags=re.MULTILINE)
    return [set(map(int, re.findall(r"^  Stream #\d+:(\d+)", section, re.MULTILINE))) for section in sections]


def of_one_program(usable: dict[str, list[Any]], programs: list[set[int]]) -> dict[str, list[Any]]:
    """The streams of the first program that has all kinds that there are; without such a program, all."""
    kinds = [kind for kind, found in usable.items() if found]
    for program in programs:
        within = {
            kind: [stream for stream in found if stream.index in program] for kind, found in usable.items()
        }
        if all(within[kind] for kind in kinds):
            return within
    return usable


def _tried(path: Path, indices: list[int]) -> tuple[Counter[int], set[int]]:
    """How many packets some streams have, and which of them give at least one picture or sound when decoded."""
    import av

    packets: Counter[int] = Counter()
    decoded: set[int] = set()
    with opened(path) as container:
        for packet in demuxed(container, [container.streams[index] for index in indices]):
            index = packet.stream.index
            packets[index] += packet.size > 0
            if index not in decoded and packets[index] <= PATIENCE:
                try:
                    stream: Any = packet.stream
                    if stream.decode(packet):
                        decoded.add(index)
                except av.error.FFmpegError:
                    continue
    return packets, decoded


def _best(streams: list[Any], packets: Counter[int], decoded: set[int]) -> list[Any]:
    """Those that move or sound; where none does, those that can be decoded at all."""
    whole = [stream for stream in streams if stream.index in decoded]
    moving = [stream for stream in whole if packets[stream.index] > 1]
    return moving or whole


def _note(kind: str, streams: list[Any], best: Any, usable: list[Any], codecs: dict[int, str]) -> str:
    number = [stream.index for stream in streams].index(best.index) + 1
    others = [
        f"track {place} ({codecs.get(stream.index, 'unknown')}{_why(stream, usable)})"
        for place, stream in enumerate(streams, 1)
        if stream is not best
    ]
    marked = " (marked default)" if _is_default(best) else ""
    return f"{NAMES[kind]} track {number} of {len(streams)}{marked}; left out: {', '.join(others)}"


def _why(stream: Any, usable: list[Any]) -> str:
    if stream in usable:
        return ""
    return ", cannot be decoded" if stream.codec_context is None else ", nothing or one packet in it"


def require(path: Path, tracks: Tracks, kind: str) -> int:
    """Return the index of the chosen stream of a kind.

    Raises:
        InputError: there is none.
    """
    index: int | None = getattr(tracks, kind)
    if index is None:
        raise InputError(f"{path}: {tracks.missing[kind]}")
    return index


def shown_frames(path: Path) -> int:
    """Return how many frames of 1/25 s a file says that its video has, without decoding it; 0 where it does not say."""
    try:
        with opened(path) as container:
            index = choose_tracks(path, container).video
            if index is None:
                return 0
            stream = container.streams[index]
            if stream.duration and stream.time_base:
                return round(float(stream.duration * stream.time_base) * FRAME_RATE)
            # Matroska notes it as text; the file's is that of the sound where this is longer.
            if clock := re.fullmatch(r"(\d+):(\d+):(\d+\.?\d*)", stream.metadata.get("DURATION", "")):
                hours, minutes, seconds = map(float, clock.groups())
                return round((hours * 3600 + minutes * 60 + seconds) * FRAME_RATE)
            return round((container.duration or 0) / 1e6 * FRAME_RATE)
    except InputError:
        return 0
