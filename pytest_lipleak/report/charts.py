"""Plots as inline SVG: small, sharp in print, and coloured by the page's own style in light and dark.

Own code and not matplotlib: a plot is a few hundred bytes instead of tens of thousands, which counts at 200
clips, follows the reader's colour scheme, and needs no further package. Classes, not colours, stand in the
SVG; ``templates/report.css`` says what they look like.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from statistics import median, quantiles

Points = Sequence[tuple[float, float]]

MANY = 30
"""From so many curves on, bands are drawn instead."""

LONGEST = 320
"""Most points in a line over time; longer ones are averaged."""


@dataclass(frozen=True)
class Scale:
    """A linear map from data to pixels.

    Args:
        low: the data at ``start``.
        high: the data at ``end``.
        start: first pixel.
        end: last pixel; may be smaller than ``start``.
    """

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Return the pixel of ``value``."""
        span = self.high - self.low or 1.0
        return self.start + (value - self.low) / span * (self.end - self.start)

    def ticks(self, count: int = 4) -> list[float]:
        """Return round numbers within the range, ``count`` or somewhat more."""
        span = self.high - self.low
        if not math.isfinite(span) or span <= 0:
            return [self.low]
        power = 10 ** math.floor(math.log10(span / count))
        found: list[float] = []
        for step in (power * nice for nice in (10, 5, 2, 1)):
            first = math.ceil(self.low / step - 1e-9)
            found = [round(n * step, 10) for n in range(first, math.floor(self.high / step + 1e-9) + 1)]
            if len(found) >= count - 1:
                break
        return found


@dataclass(frozen=True)
class Series:
    """The curves of one kind in a plot.

    Args:
        name: its class: ``own``, ``driving`` or ``real``.
        label: for the tooltip.
        curves: values by clip, all equally long.
    """

    name: str
    label: str
    curves: Mapping[str, Sequence[float]]


def spread(values: Iterable[float]) -> tuple[float, float]:
    """Return a range that holds all finite values with a little room; (0, 1) without any."""
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return 0.0, 1.0
    low, high = min(finite), max(finite)
    room = (high - low) * 0.06 or 0.5
    return low - room, high + room


def curves(title: str, series: Sequence[Series], shifts: Sequence[int], ends: tuple[float, float]) -> str:
    """Plot mean distance against shift: the mean over clips bold, clips thin, or as a band where they are many.

    Args:
        title: said to those who cannot see the plot.
        series: own and driving audio.
        shifts: of the values, in frames.
        ends: range of the distances, the same in all plots that stand side by side.
    """
    width, height = 300, 190
    x = Scale(shifts[0], shifts[-1], 34, width - 8)
    y = Scale(*ends, height - 30, 8)
    parts = _frame(x, y, (-15, -10, -5, 0, 5, 10, 15), "shift of the audio, frames")
    for each in series:
        columns = list(zip(*each.curves.values(), strict=True))
        if len(each.curves) >= MANY:
            for low, high in ((0, 18), (4, 14)):
                cuts = [quantiles(column, n=20) for column in columns]
                parts.append(_band(each.name, x, y, shifts, [(c[low], c[high]) for c in cuts]))
        else:
            parts += [
                f'<path class="line thin {each.name}" d="{_path(x, y, shifts, values)}">'
                f"<title>{escape(clip)}</title></path>"
                for clip, values in each.curves.items()
            ]
    for each in series:
        mean = [sum(column) / len(column) for column in zip(*each.curves.values(), strict=True)]
        parts.append(f'<path class="line {each.name}" d="{_path(x, y, shifts, mean)}"/>')
        best = min(range(len(mean)), key=mean.__getitem__)
        told = f"{each.label}: smallest mean distance {mean[best]:.2f} at shift {shifts[best]:+d}"
        parts.append(
            f'<circle class="dot {each.name}" cx="{x(shifts[best]):.1f}" cy="{y(mean[best]):.1f}" r="4">'
            f"<title>{escape(told)}</title></circle>"
        )
    return _svg(width, height, title, parts)


def dose(title: str, shares: Sequence[float], values: Sequence[float], value: float, share: float) -> str:
    """Plot a metric of the control generators against the share that they copy, and a result on that curve.

    Args:
        title: said to those who cannot see the plot.
        shares: copied shares, 0..1.
        values: of the control generators.
        value: the result.
        share: the share it amounts to; infinite off the curve, where only its height is drawn.
    """
    width, height = 300, 190
    x = Scale(0, 1, 34, width - 8)
    y = Scale(*spread([*values, value]), height - 30, 8)
    parts = _frame(x, y, (0, 0.25, 0.5, 0.75, 1), "share of copied lips")
    parts.append(f'<path class="line real" d="{_path(x, y, shares, values)}"/>')
    parts.append(f'<path class="line own dashed" d="M{x.start} {y(value):.1f}H{x.end}"/>')
    if math.isfinite(share):
        parts.append(f'<circle class="dot own" cx="{x(share):.1f}" cy="{y(value):.1f}" r="5"/>')
    return _svg(width, height, title, parts)


@dataclass(frozen=True)
class Dots:
    """One row of a distribution plot.

    Args:
        label: at the left.
        name: its class.
        values: by clip.
    """

    label: str
    name: str
    values: Mapping[str, float]


def distributions(title: str, rows: Sequence[Dots], unit: str) -> str:
    """Plot one dot per clip in every row, with the median and the middle half."""
    width, step, top = 640, 30, 8
    height = top + step * len(rows) + 34
    ends = spread(value for row in rows for value in row.values.values())
    x = Scale(min(ends[0], 0.0), ends[1], 118, width - 10)
    bottom = height - 34
    parts = [
        f'<path class="grid" d="M{x(tick):.1f} {top}V{bottom}"/>'
        f'<text class="tick mid" x="{x(tick):.1f}" y="{bottom + 14}">{tick:g}</text>'
        for tick in x.ticks(8)
    ]
    parts.append(f'<text class="tick mid" x="{(118 + width) / 2:.0f}" y="{height - 4}">{escape(unit)}</text>')
    for index, row in enumerate(rows):
        middle = top + step * (index + 0.5)
        parts.append(f'<text class="tick end" x="110" y="{middle + 4:.1f}">{escape(row.label)}</text>')
        parts += _row_of_dots(row, x, middle)
    return _svg(width, height, title, parts)


def _row_of_dots(row: Dots, x: Scale, middle: float) -> list[str]:
    values = sorted((value, clip) for clip, value in row.values.items() if math.isfinite(value))
    if not values:
        return [f'<text class="tick" x="{x.start + 4:.0f}" y="{middle + 4:.1f}">no value</text>']
    parts = []
    numbers = [value for value, _ in values]
    if len(values) >= 4:
        low, _, high = quantiles(numbers, n=4)
        parts.append(
            f'<rect class="box {row.name}" x="{x(low):.1f}" y="{middle - 9:.1f}" '
            f'width="{max(x(high) - x(low), 1):.1f}" height="18" rx="3"/>'
        )
    radius = 3.2 if len(values) <= 60 else 2.0
    taken: dict[int, int] = {}
    for value, clip in values:
        # Dots that would cover each other are stacked, up and down in turn.
        place = round(x(value) / (2 * radius))
        nth = taken[place] = taken.get(place, -1) + 1
        shift = min((nth + 1) // 2 * radius, 10) * (1 if nth % 2 else -1)
        parts.append(
            f'<circle class="dot {row.name}" cx="{x(value):.1f}" cy="{middle + shift:.1f}" r="{radius}">'
            f"<title>{escape(clip)}: {value:.2f}</title></circle>"
        )
    at = x(median(numbers))
    parts.append(f'<path class="median" d="M{at:.1f} {middle - 11:.1f}v22"/>')
    return parts


def gauge(
    value: float, interval: tuple[float, float] | None, bound: float, *, lower_is_better: bool, ended: str
) -> str:
    """Draw a value with its interval against the limit; the forbidden side is shaded, ``ended`` is the colour."""
    width, height = 150, 26
    ends = [bound, *(interval or ())] + ([value] if math.isfinite(value) else [])
    low, high = min([0.0, *ends]), max(ends)
    room = (high - low) * 0.12 or 1.0
    x = Scale(low - room / 3, high + room, 2, width - 2)
    at = x(bound)
    left, right = (at, width) if lower_is_better else (0.0, at)
    parts = [
        f'<rect class="forbidden" x="{left:.1f}" y="0" width="{right - left:.1f}" height="{height}"/>',
        f'<path class="bound" d="M{at:.1f} 0V{height}"/>',
    ]
    name = ended.replace(" ", "-")
    if interval:
        parts.append(
            f'<path class="interval {name}" d="M{x(interval[0]):.1f} {height / 2}H{x(interval[1]):.1f}"/>'
        )
    if math.isfinite(value):
        parts.append(f'<circle class="dot {name}" cx="{x(value):.1f}" cy="{height / 2}" r="5"/>')
    told = f"value {value:.3g}, limit {bound:g}" + (
        f", interval {interval[0]:.3g} to {interval[1]:.3g}" if interval else ""
    )
    return _svg(width, height, told, parts, "gauge")


@dataclass(frozen=True)
class Track:
    """One row of a timeline.

    Args:
        label: at the left.
        lines: values per frame by class; a value may be None.
        sound: envelope of what is heard, 0..100 per half frame, or empty.
        marks: frames that are pointed at, as (first, last).
        opening: mouth opening per frame by class, on a scale of its own, or empty.
    """

    label: str
    lines: Mapping[str, Sequence[float | None]]
    sound: Sequence[float] = ()
    marks: Sequence[tuple[int, int]] = ()
    opening: Mapping[str, Sequence[float | None]] | None = None


def timeline(title: str, tracks: Sequence[Track], frames: int, frame_rate: int) -> str:
    """Plot rows over time, one below the other on one time axis: sound, confidence, mouth opening.

    Args:
        title: said to those who cannot see the plot.
        tracks: the rows.
        frames: length of the clip.
        frame_rate: frames per second.
    """
    width, step, left = 900, 52, 66
    height = step * len(tracks) + 26
    x = Scale(0, max(frames, 1), left, width - 8)
    numbers = [v for track in tracks for line in track.lines.values() for v in line if v is not None]
    ends = spread([*numbers, 0.0])
    opened = [v for t in tracks for line in (t.opening or {}).values() for v in line if v is not None]
    parts = [
        f'<path class="grid" d="M{x(tick * frame_rate):.0f} 0V{height - 24}"/>'
        f'<text class="tick mid" x="{x(tick * frame_rate):.0f}" y="{height - 8}">{tick:g} s</text>'
        for tick in Scale(0, frames / frame_rate, 0, 1).ticks(8)
    ]
    for index, track in enumerate(tracks):
        top = step * index
        y = Scale(*ends, top + step - 5, top + 4)
        middle = top + step / 2
        parts.append(
            f'<text class="tick end" x="{left - 8}" y="{middle + 4:.0f}">{escape(track.label)}</text>'
        )
        parts.append(f'<path class="grid" d="M{left} {top + step}H{width - 8}"/>')
        for first, last in track.marks:
            parts.append(
                f'<rect class="mark" x="{x(first):.0f}" y="{top + 1}" width="{x(last + 1) - x(first):.0f}" '
                f'height="{step - 2}"/>'
            )
        if track.sound:
            parts.append(_sound(track.sound, x, middle, step / 2 - 3))
        if track.lines:
            parts.append(f'<path class="zero" d="M{left} {y(0):.0f}H{width - 8}"/>')
        for name, line in track.lines.items():
            parts.append(f'<path class="line {name}" d="{_broken_path(line, x, y)}"/>')
        for name, line in (track.opening or {}).items():
            scale = Scale(0, max(opened, default=1.0), top + step - 5, top + 4)
            parts.append(f'<path class="line opening {name}" d="{_broken_path(line, x, scale)}"/>')
    return _svg(width, height, title, parts, "timeline")


def _sound(values: Sequence[float], x: Scale, middle: float, half: float) -> str:
    """A waveform's outline, mirrored; as loud as the loudest moment allows."""
    loudest = max(max(values), 1)
    most = 2 * LONGEST
    size = max(math.ceil(len(values) / most), 1)
    peaks = [max(values[i : i + size]) for i in range(0, len(values), size)]
    scale = Scale(0, len(peaks), x.start, x(len(values) / 2))
    upper = [(round(scale(i + 0.5)), round(middle - peak / loudest * half)) for i, peak in enumerate(peaks)]
    lower = [(px, round(2 * middle) - py) for px, py in reversed(upper)]
    return f'<path class="sound" d="{_relative([*upper, *lower])}z"/>'


def _broken_path(values: Sequence[float | None], x: Scale, y: Scale) -> str:
    """A line over frames, with gaps where there is no value; long ones averaged to what a screen shows."""
    size = max(math.ceil(len(values) / LONGEST), 1)
    pieces: list[list[tuple[int, int]]] = [[]]
    for start in range(0, len(values), size):
        known = [value for value in values[start : start + size] if value is not None]
        if known:
            pixel = round(x(start + size / 2)), round(y(sum(known) / len(known)))
            pieces[-1].append(pixel)
        elif pieces[-1]:
            pieces.append([])
    return "".join(_relative(piece) for piece in pieces if piece)


def _relative(pixels: Sequence[tuple[int, int]]) -> str:
    """Path data in relative steps, which is a third of the size."""
    (x, y), *rest = pixels
    text = [f"M{x} {y}l"]
    for px, py in rest:
        dx, dy = px - x, py - y
        text.append(f"{dx}{'' if dy < 0 else ' '}{dy} ")
        x, y = px, py
    return "".join(text).rstrip().rstrip("l")


def _path(x: Scale, y: Scale, at: Sequence[float], values: Sequence[float]) -> str:
    return "M" + " ".join(f"{x(a):.1f} {y(value):.1f}" for a, value in zip(at, values, strict=True))


def _band(name: str, x: Scale, y: Scale, at: Sequence[float], ends: Points) -> str:
    low = [(x(a), y(low)) for a, (low, _) in zip(at, ends, strict=True)]
    high = [(x(a), y(high)) for a, (_, high) in zip(at, ends, strict=True)]
    outline = " ".join(f"{px:.1f} {py:.1f}" for px, py in [*low, *reversed(high)])
    return f'<path class="band {name}" d="M{outline}z"/>'


def _frame(x: Scale, y: Scale, ticks: Iterable[float], unit: str) -> list[str]:
    bottom, left = y.start, x.start
    return [
        *(
            f'<path class="grid" d="M{left} {y(tick):.1f}H{x.end}"/>'
            f'<text class="tick end" x="{left - 5}" y="{y(tick) + 4:.1f}">{tick:g}</text>'
            for tick in y.ticks()
        ),
        *(
            f'<text class="tick mid" x="{x(tick):.1f}" y="{bottom + 13:.0f}">{tick:g}</text>'
            for tick in ticks
        ),
        f'<text class="tick mid" x="{(left + x.end) / 2:.0f}" y="{bottom + 27:.0f}">{escape(unit)}</text>',
    ]


def _svg(width: float, height: float, title: str, parts: Iterable[str], name: str = "chart") -> str:
    return (
        f'<svg class="{name}" viewBox="0 0 {width} {height}" role="img" aria-label="{escape(title)}">'
        + "".join(parts)
        + "</svg>"
    )
