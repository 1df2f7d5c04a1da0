"""How much of a full copy a result amounts to, and the curve that says so, as plain data.

The scale is that of the control generators, which leak a known share.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pytest_lipleak.core.conditions import Condition, Reference, Setup
from pytest_lipleak.core.errors import InputError
from pytest_lipleak.core.metrics.formulas import Audio, Column, Metric

FORMAT = 1
"""Of the curve's file."""

_AM, _XM, _SI = (Condition(setup, Reference.CR) for setup in (Setup.AM, Setup.XM, Setup.SI))
COLUMNS = (
    Column("LSE-C", _AM),
    Column("LSE-D", _AM),
    Column("LSE-C", _XM),
    Column("LSE-D", _XM),
    *(Column(measure, condition, Audio.OWN) for condition in (_SI, _XM) for measure in ("LSE-C", "LSE-D")),
)
"""What a curve keeps of every clip. All under CR, where the control generators leak lips that fit the audio."""


@dataclass(frozen=True)
class Dose:
    """A result as an equivalent share of copied lips.

    Args:
        share: the share, 0..1; minus infinity below what the control generator scores without any leak,
            infinity above what it scores as a full copy.
        low: lower end of its 95 % interval, on the same scale.
        high: upper end.
    """

    share: float
    low: float
    high: float

    def __str__(self) -> str:
        """For example ``leaks like a 23 % copy [18 %, 29 %]``."""
        interval = "" if math.isnan(self.low) else f" [{_percent(self.low)}, {_percent(self.high)}]"
        if self.share == -math.inf:
            return f"leaks less than any copy: less than 0 %{interval}"
        if self.share == math.inf:
            return f"leaks more than a full copy: more than 100 %{interval}"
        return f"leaks like a {_percent(self.share)} copy{interval}"

    @property
    def short(self) -> str:
        """For a table's cell, for example ``23 % [18, 29]``."""
        interval = "" if math.isnan(self.low) else f" [{_number(self.low)}, {_number(self.high)}]"
        return f"{_percent(self.share)}{interval}"

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON-ready data; a share off the curve is null, its words say which side."""
        ends = {"share": self.share, "low": self.low, "high": self.high}
        return {name: end if math.isfinite(end) else None for name, end in ends.items()} | {
            "words": str(self)
        }


@dataclass(frozen=True)
class DoseCurve:
    """Scores of the control generators on one clip set, by the share that they copy.

    Args:
        about: what must agree with a result before the curve is used for it: ``clips_sha256``, ``expert``,
            ``weights_sha256``, ``protocol``, ``face``, ``offset``; and for readers ``clips``, ``generator``, ``seed``,
            ``pairing_rule`` and ``version``.
        clip_names: the clips, in the order of the rows.
        shares: the copied shares, increasing, in 0..1.
        columns: one number per clip, for each column and share.
    """

    about: Mapping[str, Any]
    clip_names: tuple[str, ...]
    shares: tuple[float, ...]
    columns: Mapping[Column, tuple[tuple[float, ...], ...]]

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON-ready data with six decimals; ``from_dict`` reads it back."""
        return {
            "format": FORMAT,
            "kind": "lipleak dose curve",
            "about": dict(self.about),
            "clips": list(self.clip_names),
            "shares": list(self.shares),
            "columns": {
                _name(column): [[round(value, 6) for value in row] for row in rows]
                for column, rows in self.columns.items()
            },
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], file: str) -> "DoseCurve":
        """Read what ``to_dict`` wrote.

        Raises:
            InputError: it is no dose curve, one of another format, or incomplete.
        """
        if data.get("kind") != "lipleak dose curve" or data.get("format") != FORMAT:
            raise InputError(
                f"{file}: is no dose curve of format {FORMAT}; write one with `lipleak calibrate`"
            )
        by_name = {_name(column): column for column in COLUMNS}
        columns = {
            by_name[name]: tuple(tuple(float(value) for value in row) for row in rows)
            for name, rows in data["columns"].items()
            if name in by_name
        }
        curve = cls(data["about"], tuple(data["clips"]), tuple(map(float, data["shares"])), columns)
        shape = {(len(rows), len(row)) for rows in columns.values() for row in rows}
        whole = shape == {(len(curve.shares), len(curve.clip_names))} and len(columns) == len(COLUMNS)
        finite = all(math.isfinite(value) for rows in columns.values() for row in rows for value in row)
        if (
            not whole
            or not finite
            or len(curve.shares) < 2
            or list(curve.shares) != sorted(set(curve.shares))
        ):
            raise InputError(f"{file}: the dose curve is incomplete; write it anew with `lipleak calibrate`")
        return curve


def scale_of(metric: Metric) -> tuple[Column, ...] | None:
    """Return the curve's columns that a metric is read against, or None where there is no scale for it.

    A metric under AR is read on the scale of CR: what a copy of the very lips would score.
    """
    columns = tuple(
        Column(column.measure, Condition(column.condition.setup, Reference.CR), column.audio)
        for column in metric.columns
        if column.condition is not None
    )
    # What follows the driving audio falls for many reasons; only agreement that should not be there is a copy.
    leaks = metric.name.startswith("LSD") or all(column.audio is Audio.OWN for column in columns)
    return columns if columns and leaks and set(columns) <= set(COLUMNS) else None


def _name(column: Column) -> str:
    assert column.condition is not None
    return f"{column.measure} {column.condition.setup} against {column.audio}"


def _percent(share: float) -> str:
    return f"{_number(share)} %"


def _number(share: float) -> str:
    # The z leaves the sign away where nothing but it is left.
    return "< 0" if share == -math.inf else "> 100" if share == math.inf else f"{100 * share:z.0f}"
