"""Decoded sound laid on a clock by its time stamps: mono, 16 kHz, int16."""

from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_lipleak.core.clips import Audio
from pytest_lipleak.core.errors import InputError
from pytest_lipleak.core.timebase import SAMPLE_RATE
from pytest_lipleak.media.clip_bounds import (
    LARGEST_BACKSTEP,
    LONGEST_CLIP,
    LONGEST_DELAY,
    LONGEST_GAP,
    backstep,
    jump,
    place,
)

if TYPE_CHECKING:
    from av import AudioFrame

LOOK_AHEAD = 0.25
"""Seconds of sound that must agree that time stamps have moved on, before silence is put in or sound is taken out.

Time stamps of live recordings jump about by tens of milliseconds while their samples follow each other without a hole:
such a stamp alone moves nothing.
"""

TOLERANCE = 0.008
"""Seconds by which samples may run ahead of their time stamps or behind; less than any packet that can be lost."""

AGREED = 3
"""So many stamps are enough to agree."""


@dataclass
class Section:
    """Sound without a hole: when it begins, in seconds on the file's clock, and its pieces at 16 kHz."""

    begin: float
    pieces: list[Audio] = field(default_factory=list)


class SoundTrack:
    """Collects the decoded frames of one sound stream, in order.

    Args:
        path: the file, for errors.
        run_in: whether the first frame is the codec's run-in, of which the file says nothing: no part of a sound that
            is on its own clock. (On a picture's clock, time stamps count it.)

    ``gaps`` and ``overlaps`` are places (begin, end) in seconds on the file's clock, ``end`` is where the sound ends.

    Raises (when frames are added):
        InputError: the clock jumps ahead or runs backwards by more than the limits, or the sound is longer than they
            allow.
    """

    def __init__(self, path: Path, run_in: bool = False) -> None:
        self.gaps: list[tuple[float, float]] = []
        self.overlaps: list[tuple[float, float]] = []
        self.end = 0.0
        self.formats: list[tuple[str, str, int, int]] = []
        self._path = path
        self._sections: list[Section] = []
        self._resampler: Any = None
        self._waiting: deque[AudioFrame] = deque()
        self._ahead = 0.0
        self._seconds = self._start = self._jitter = 0.0
        self._has_run_in = run_in
        self._run_in = 0.0

    def add(self, frame: "AudioFrame") -> None:
        """Take the next frame."""
        self._waiting.append(frame)
        self._ahead += _seconds(frame)
        while self._ahead > LOOK_AHEAD:
            self._place_next()

    def finish(self) -> None:
        """Take what is still waiting: there are no more frames."""
        while self._waiting:
            self._place_next()
        self._flush()

    @property
    def begin(self) -> float | None:
        """Where the sound begins on the file's clock; None without sound."""
        return self._sections[0].begin if self._sections else None

    def _place_next(self) -> None:
        moved = self._moved() if self._sections else 0.0
        frame = self._waiting.popleft()
        length = _seconds(frame)
        self._ahead -= length
        begin = self.end + moved
        if not self._sections:
            begin = self.end = frame.time or 0.0
            self._start = begin
            self._run_in = length if self._has_run_in else 0.0
        if moved > 0:
            self.gaps.append((self.end, begin))
        elif moved < 0:
            self.overlaps.append((begin, self.end))
        self._seconds += length
        if max(self._seconds, begin + length - self._start) > LONGEST_CLIP:
            raise InputError(
                f"{self._path}: more than {LONGEST_CLIP / 3600:g} hours of sound; cut the clip to the part that matters"
            )
        self._convert(frame, begin, moved)
        self.end = begin + length

    def _moved(self) -> float:
        """Seconds by which time stamps have moved on from the samples, from the next frame on; 0 within tolerance."""
        lags, expected = [], self.end
        for frame in self._waiting:
            if frame.time is not None:
                lags.append(frame.time - expected)
            expected += _seconds(frame)
        if not lags or self._waiting[0].time is None:
            return 0.0
        if lags[0] > LONGEST_GAP:
            raise jump(
                self._path, f"no sound for longer than {LONGEST_GAP:g} s", self.end, self._waiting[0].time
            )
        if lags[0] < -LARGEST_BACKSTEP:
            raise backstep(self._path, "sound", self.end, self._waiting[0].time)
        # At the very end few stamps are left to agree: these must be clearer than the jitter before.
        tolerance = TOLERANCE if len(lags) >= AGREED else max(TOLERANCE, 1.5 * self._jitter)
        if min(lags) > tolerance:
            return min(lags)
        if max(lags) < -tolerance:
            return max(lags)
        self._jitter = max(self._jitter, abs(lags[0]))
        return 0.0

    def _convert(self, frame: "AudioFrame", begin: float, moved: float) -> None:
        import av

        form = (frame.format.name, frame.layout.name, frame.sample_rate, frame.layout.nb_channels)
        changed = not self.formats or form != self.formats[-1]
        if changed or moved:
            self._flush()
            self._resampler = av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)
            self._sections.append(Section(begin))
        if changed:
            self.formats.append(form)
        self._sections[-1].pieces += [piece.to_ndarray()[0] for piece in self._resampler.resample(frame)]

    def _flush(self) -> None:
        if self._resampler is not None:
            self._sections[-1].pieces += [piece.to_ndarray()[0] for piece in self._resampler.resample(None)]
            self._resampler = None

    def on_clock(self, zero: float | None) -> Audio:
        """Return the sound whose sample 0 is at ``zero`` seconds of the file's clock, or at its own beginning.

        Its own beginning is its first sample. What lies before time 0 is the run-in of a codec, not sound.

        Raises:
            InputError: there is no sound, or it begins too long before or after ``zero``.
        """
        lengths = [sum(map(len, section.pieces)) for section in self._sections]
        if not sum(lengths):
            raise InputError(f"{self._path}: the audio stream is empty")
        if zero is None:
            zero = max(self._sections[0].begin, 0.0) + self._run_in
        if abs(self._sections[0].begin - zero) > LONGEST_DELAY:
            raise InputError(
                f"{self._path}: the sound begins at {place(self._sections[0].begin)}, the picture at {place(zero)}; at "
                f"most {LONGEST_DELAY:g} s may lie between them; the time stamps are broken"
            )
        begins = [round((section.begin - zero) * SAMPLE_RATE) for section in self._sections]
        ends = [begin + length for begin, length in zip(begins, lengths, strict=True)]
        if max(ends) <= 0:
            raise InputError(f"{self._path}: the sound ends before the first picture")
        audio = np.zeros(max(ends), np.int16)
        filled = 0
        for section, begin in zip(self._sections, begins, strict=True):
            for piece in section.pieces:
                first = max(filled - begin, 0)
                if first < len(piece):
                    audio[begin + first : begin + len(piece)] = piece[first:]
                    filled = begin + len(piece)
                begin += len(piece)
            section.pieces.clear()
        return audio

    def notes(self) -> tuple[str, ...]:
        """What was converted, filled and trimmed, in words."""
        notes = []
        _, _, rate, channels = self.formats[0]
        if (rate, channels) != (SAMPLE_RATE, 1) or len(self.formats) > 1:
            notes.append(f"audio converted from {rate} Hz, {channels} channel(s) to {SAMPLE_RATE} Hz mono")
        if len(self.formats) > 1:
            changes = ", ".join(
                f"{hertz} Hz, {number} channel(s)" for _, _, hertz, number in self.formats[1:4]
            )
            notes.append(f"the sound's format changes on the way {len(self.formats) - 1} time(s): {changes}")
        for places, what in ((self.gaps, "filled with silence"), (self.overlaps, "trimmed")):
            if places:
                kind = (
                    "gap(s) in the sound"
                    if what.startswith("filled")
                    else "stretch(es) of sound that overlap"
                )
                total = sum(end - begin for begin, end in places)
                notes.append(f"{len(places)} {kind}, {total:.2f} s in all, {what}")
        return tuple(notes)


def _seconds(frame: "AudioFrame") -> float:
    return float(frame.samples / frame.sample_rate)
