"""What the HTML report shows of one model and of its clips: words, tables and drawings for the template."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pytest_lipleak.core.conditions import CONDITIONS, OTHER_SPEECH, Condition, Reference, Setup
from pytest_lipleak.core.corpus import Corpus
from pytest_lipleak.core.dose import scale_of
from pytest_lipleak.core.errors import ConfigurationError
from pytest_lipleak.core.metrics.formulas import metric
from pytest_lipleak.core.scores import MAX_SHIFT, SyncScore, TrialScore
from pytest_lipleak.core.timebase import FRAME_RATE
from pytest_lipleak.evaluation.make.gallery import WINDOW
from pytest_lipleak.evaluation.results.aggregate import measured
from pytest_lipleak.evaluation.results.run_result import verdicts_from
from pytest_lipleak.report import charts
from pytest_lipleak.report.failures import remedy
from pytest_lipleak.report.json import FAIL, INCONCLUSIVE, NOT_JUDGED, PASS
from pytest_lipleak.report.page_files import Files
from pytest_lipleak.report.tables import WORDS, Table, corpus_tables
from pytest_lipleak.verdicts.endings import ENDED_AS, Ending, leaks_first
from pytest_lipleak.verdicts.judged_limits import JudgedLimit
from pytest_lipleak.verdicts.limits import Limit, Measurement
from pytest_lipleak.verdicts.unjudged import unjudged

WORST = 3
"""Clips that are shown with a broken limit."""

HALF_WINDOW = WINDOW // 2


@dataclass(frozen=True)
class LimitRow:
    """One row of the table of limits.

    ``label`` is what people read for the metric's name, ``outcome`` one of the words of ``Outcome``, ``word`` what
    tables say of it.
    """

    name: str
    label: str
    arrow: str
    meaning: str
    value: str
    interval: str
    bound: str
    outcome: str
    word: str
    gauge: Any
    headline: str


class ModelView:
    """What the page shows of one model."""

    def __init__(
        self,
        number: int,
        label: str,
        corpus: Corpus,
        result: Mapping[str, Any],
        ending: Ending,
        files: Files,
        markup: Any,
    ) -> None:
        self.anchor = f"m{number}"
        self.corpus = corpus
        self.about = corpus.provenance
        self.name = corpus.provenance.model
        self.label = label
        self.verdict = ending.verdict
        self.words = ending.brief
        """The verdict in one line."""
        self._result = result
        self._files = files
        self._svg = markup
        self._measured: dict[str, Measurement | None] = {}
        self._trials: dict[Condition | None, dict[str, TrialScore]] = {}
        for (clip, condition), trial in corpus.trials.items():
            self._trials.setdefault(condition, {})[clip] = trial
        verdicts = verdicts_from(result["verdicts"])
        in_order = leaks_first(verdicts).values()
        rows = [self._limit_row(verdict) for verdict in in_order]
        self.unjudged = list(unjudged(in_order).items())
        """Why limits could not be judged, each reason with all of them."""
        order = (*map(str, ENDED_AS), PASS)
        self.limits = sorted(rows, key=lambda row: order.index(row.outcome))
        self.broken = [row for row in self.limits if row.outcome != PASS]
        self.clips = [
            ClipView(self, name, f"{self.anchor}-{nth}") for nth, name in enumerate(self._names(), 1)
        ]
        self._by_name = {clip.name: clip for clip in self.clips}

    def _names(self) -> list[str]:
        scored = {clip for clip, _ in self.corpus.trials}
        return [name for name in self.about.clip_names if name in scored]

    @property
    def facts(self) -> list[tuple[str, str]]:
        """What must agree before two reports are compared."""
        about = self.about
        return [
            ("clips", f"{len(about.clip_names)} ({about.clips})"),
            ("sync expert", about.expert),
            ("protocol", about.protocol),
            ("AR strategy", about.alternative_reference),
            ("silence", about.silence),
            ("seed", str(about.seed)),
            ("device", about.device),
            ("pytest-lipleak", about.version),
        ]

    @property
    def notes(self) -> list[str]:
        """What a reader must know: what the expert objects, what has no score, what was converted."""
        found = [self.corpus.expert_unfit] if self.corpus.expert_unfit else []
        found += self._result.get("warnings", ())
        found += [
            f"{reference} is not applicable: {why}" for reference, why in self.corpus.not_applicable.items()
        ]
        unscored = {entry.name: entry.reason for entry in self.corpus.unscored.values()}
        found += [f"unscored: {video}: {why}" for video, why in sorted(unscored.items())]
        found += [f"unscored: {e.name}: {e.reason}" for e in self.corpus.unpictured.values()]
        found += [
            f"{name}: {entry.warning}" for (name, _), entry in self.corpus.sets.items() if entry.warning
        ]
        return [*dict.fromkeys(found), *self.corpus.reader_notes]

    def measured(self, name: str) -> Measurement | None:
        """Return a metric's measurement, None where it was not needed or does not apply."""
        if name not in self._measured:
            self._measured[name] = measured(self.corpus, metric(name))
        return self._measured[name]

    def _limit_row(self, verdict: JudgedLimit) -> LimitRow:
        limit = Limit.parse(verdict.limit)
        value, interval, ended = verdict.value, verdict.interval, str(verdict.outcome)
        gauge = charts.gauge(
            value, interval, limit.value, lower_is_better=limit.metric.better == "lower", ended=ended
        )
        digits = limit.metric.family.digits
        return LimitRow(
            limit.metric.name,
            limit.metric.label,
            limit.metric.arrow,
            limit.metric.meaning,
            "none" if math.isnan(value) else limit.shown(value),
            f"[{interval[0]:.{digits}f}, {interval[1]:.{digits}f}]"
            if interval
            else verdict.no_interval or "",
            verdict.bound,
            ended,
            WORDS[ended],
            self._svg(gauge),
            verdict.headline,
        )

    @property
    def tables(self) -> list[tuple[Table, str]]:
        """The tables that every report prints, each with its title."""
        tables = corpus_tables(self.corpus, lambda wanted: self.measured(wanted.name), {})
        return [(table, table.name.capitalize()) for table in tables]

    @staticmethod
    def meaning(label: str) -> str:
        """Return what the metric in a table's row measures; empty for other rows."""
        with suppress(ConfigurationError):
            return metric(label.rpartition(" ")[0]).meaning
        return ""

    def trials(self, condition: Condition | None) -> dict[str, TrialScore]:
        """Return the trials of a condition by clip."""
        return self._trials.get(condition, {})

    @property
    def curves(self) -> list[tuple[str, str, Any]]:
        """Per condition its name, what it is, and the plot of distance against shift."""
        every = [
            score for trial in self.corpus.trials.values() for score in (trial.own, trial.driving) if score
        ]
        ends = charts.spread(value for score in every for value in score.mean_distances)
        # mean_distances runs over shifts of the audio from -15 to 15.
        shifts = range(-MAX_SHIFT, MAX_SHIFT + 1)
        found = []
        for condition in (None, *CONDITIONS):
            trials = self.trials(condition)
            if not trials:
                continue
            series = [
                charts.Series(name, _AUDIO[name], {clip: s.mean_distances for clip, s in scores.items()})
                for name, scores in _scores(trials, condition).items()
            ]
            title = f"{_label(condition)}: mean distance against shift"
            plot = charts.curves(title, series, shifts, ends)
            found.append(
                (_label(condition), _SETUPS[condition.setup if condition else None], self._svg(plot))
            )
        return found

    @property
    def distributions(self) -> Any:
        """LSE-C of every clip under every condition, against driving and own audio."""
        rows = []
        for condition in (None, *CONDITIONS):
            for name, scores in _scores(self.trials(condition), condition).items():
                told = {"real": "", "driving": " driving", "own": " own audio"}[name]
                values = {clip: score.lse_c for clip, score in scores.items()}
                rows.append(charts.Dots(f"{_label(condition)}{told}", name, values))
        return self._svg(charts.distributions("LSE-C of every clip by condition", rows, "LSE-C"))

    @cached_property
    def columns(self) -> list[tuple[str, str]]:
        """Columns of the table of clips: metric and what stands above it."""
        wanted = [("LSE-C[GT]", "real")]
        for reference in Reference:
            wanted += [
                (f"LSE-C[AM,{reference}]", f"AM {reference} ↑"),
                (f"LSE-C[XM,{reference}]", f"XM {reference} ↑"),
                (f"LSE-C_XO[{reference}]", f"XO {reference} ↓"),
                (f"LSE-C_S[{reference}]", f"SI {reference} ↓"),
            ]
        return [(name, head) for name, head in wanted if self.measured(name) is not None]

    @property
    def explained(self) -> list[tuple[str, str]]:
        """Every metric that a table of the page names, with what it measures; for screens without room for both."""
        labels = [row.label for row in self.limits]
        labels += [row.label.rpartition(" ")[0] for table, _ in self.tables for row in table.rows]
        told = {name: self.meaning(f"{name} ") for name in labels}
        return [(name, meaning) for name, meaning in told.items() if meaning]

    @cached_property
    def next_steps(self) -> list[str]:
        """What to do about what is not kept, each once."""
        finished = self.about.finished
        found = [remedy(metric(row.name), finished=finished) for row in self.broken if row.outcome == FAIL]
        if any(row.outcome == INCONCLUSIVE for row in self.broken):
            found.append("measure more clips: these do not settle every limit")
        if any(row.outcome == NOT_JUDGED for row in self.broken):
            found.append("see below why limits could not be judged")
        if found and self.clips and not finished and not any(clip.videos for clip in self.clips):
            found.append("keep the videos to see them here: `--lipleak-keep=DIR`")
        return [f"{step[0].upper()}{step[1:]}." for step in dict.fromkeys(filter(None, found))]

    @cached_property
    def failures(self) -> "list[FailureView]":
        """Broken limits, each with its worst clips; those that could not be judged stand in ``unjudged``."""
        found = []
        for row in self.broken:
            if row.outcome == NOT_JUDGED:
                continue
            measurement = self.measured(row.name)
            worst = measurement.worst(WORST) if measurement else []
            conditions = metric(row.name).conditions
            last = conditions[-1] if conditions else None
            clips = [(self._by_name[clip], value, last) for clip, value in worst if clip in self._by_name]
            found.append(FailureView(row, metric(row.name).failure, clips))
        return found

    @cached_property
    def doses(self) -> list[tuple[str, str, Any]]:
        """Per metric with a dose: its name, the dose in words, and the control generators' curve with the result."""
        curve = self.corpus.curve
        if curve is None:
            return []
        found = []
        for name in _DOSED:
            measurement = self.measured(name)
            columns = scale_of(metric(name))
            if measurement is None or measurement.dose is None or columns is None:
                continue
            values = [
                measurement.metric.combine(
                    [sum(curve.columns[c][n]) / len(curve.clip_names) for c in columns]
                )
                for n in range(len(curve.shares))
            ]
            plot = charts.dose(
                f"{name} by copied share", curve.shares, values, measurement.value, measurement.dose.share
            )
            found.append((f"{name} {measurement.metric.arrow}", str(measurement.dose), self._svg(plot)))
        return found

    @property
    def has_pictures(self) -> bool:
        """Whether there are filmstrips to explain."""
        return any(strip for clip in self.clips for _, strip, _ in clip.strips)


@dataclass(frozen=True)
class FailureView:
    """A broken limit: its row, what that means, and its worst clips with value and condition."""

    row: LimitRow
    meaning: str
    worst: "list[tuple[ClipView, float, Condition | None]]"


class ClipView:
    """What the page shows of one clip."""

    def __init__(self, model: ModelView, name: str, anchor: str) -> None:
        self.name = name
        self.anchor = anchor
        self._model = model
        trials = {condition: model.trials(condition).get(name) for condition in (None, *CONDITIONS)}
        self._trials = {condition: trial for condition, trial in trials.items() if trial is not None}
        self._entries: dict[Condition | None, dict[str, Any]] = {}

    def _entry(self, trial: TrialScore) -> dict[str, Any]:
        if trial.condition not in self._entries:
            self._entries[trial.condition] = self._model._files.entry(self._model.name, trial)
        return self._entries[trial.condition]

    def value(self, name: str) -> str:
        """Return the clip's own value of a metric, empty without one."""
        found = self._model.measured(name)
        value = found.per_clip.get(self.name) if found else None
        return "" if value is None else f"{value:.2f}"

    @property
    def partner(self) -> str | None:
        """Whose audio drove it under XM."""
        return next((trial.partner for trial in self._trials.values() if trial.partner), None)

    @property
    def notes(self) -> tuple[str, ...]:
        """What happened to the clip and its trials."""
        return tuple(dict.fromkeys(note for trial in self._trials.values() for note in trial.notes))

    @cached_property
    def strips(self) -> list[tuple[str, str | None, list[str]]]:
        """Per condition its name, the address of the filmstrip, and the times of its frames."""
        return [
            (_label(condition), *self._picture(condition, "strip")) for condition in self._trials if condition
        ]

    def _picture(self, condition: Condition | None, kind: str) -> tuple[str | None, list[str]]:
        trial = self._trials.get(condition)
        entry = self._entry(trial) if trial else {}
        if trial is None or not entry:
            return None, []
        frames = entry.get("spread" if kind == "strip" else "peaks", [])
        times = [f"{frame / FRAME_RATE:.2f} s" for frame in frames]
        return (self._model._files.picture(self._model.name, trial, kind) if frames else None), times

    def peaks(self, condition: Condition | None) -> tuple[str | None, list[str]]:
        """Return the address of the picture of the moments that leak most, and what stands below each."""
        address, times = self._picture(condition, "peaks")
        trial = self._trials.get(condition)
        if trial is None or address is None:
            return None, []
        confidence = trial.own.window_confidence
        starts = self._entry(trial)["peaks"]
        return address, [
            f"{time}: confidence {confidence[at]:.1f}" for time, at in zip(times, starts, strict=True)
        ]

    @cached_property
    def leaks(self) -> list[tuple[str, str, list[str]]]:
        """Per condition whose audio was not the clip's own: the moments that agree most with it all the same."""
        found = []
        for condition in self._trials:
            address, told = self.peaks(condition)
            if condition and address:
                found.append((_label(condition), address, told))
        return found

    @property
    def videos(self) -> list[tuple[str, list[tuple[str, str]]]]:
        """Per reference the kept videos, the real one first: what it is and its address."""
        files, name = self._model._files, self._model.name
        kept = files.video(name, self._trials[None]) if None in self._trials else None
        real = [("real", kept)] if kept else []
        found = []
        for reference in Reference:
            made = [
                (_label(condition), address)
                for condition, trial in self._trials.items()
                if condition and condition.reference == reference and (address := files.video(name, trial))
            ]
            if made:
                found.append((str(reference), [*real, *made]))
        return found

    @cached_property
    def timeline(self) -> Any:
        """Sound, confidence per window and mouth opening of every trial, on one time axis."""
        tracks = self._tracks
        real = self._trials.get(None)
        windows = max((trial.own.windows for trial in self._trials.values()), default=0)
        if not tracks or real is None:
            return ""
        title = f"{self.name}: confidence over time"
        frames = windows + WINDOW
        return self._model._svg(charts.timeline(title, tracks, frames, FRAME_RATE))

    @property
    def has_opening(self) -> bool:
        """Whether the mouth's opening was measured."""
        return any(track.opening for track in self._tracks)

    @cached_property
    def _tracks(self) -> list[charts.Track]:
        return list(self._rows_over_time())

    def _rows_over_time(self) -> Iterator[charts.Track]:
        model = self._model
        openings = {
            condition: model._files.opening(
                model.name, trial, model.corpus.pictures.get((self.name, condition), {})
            )
            for condition, trial in self._trials.items()
        }
        opened = next((found["real"] for found in openings.values() if found), None)
        for condition, trial in self._trials.items():
            entry = self._entry(trial)
            lines = {"real" if condition is None else "own": _over_frames(trial.own)}
            if condition is not None and trial.driving is not None:
                lines = {"own": lines["own"]} if condition.setup in OTHER_SPEECH else {}
                lines["driving"] = _over_frames(trial.driving)
            found = openings[condition]
            opening = (
                {"own": found["output"]}
                if found
                else {"real": opened}
                if condition is None and opened
                else {}
            )
            marks = [(start, start + WINDOW - 1) for start in entry.get("peaks", ())]
            yield charts.Track(_label(condition), lines, entry.get("sound", ()), marks, opening)


def _over_frames(score: SyncScore) -> list[float | None]:
    """Confidence at the middle frame of every window."""
    edge: Sequence[float | None] = [None] * HALF_WINDOW
    return [*edge, *score.window_confidence, *edge]


def _scores(trials: Mapping[str, TrialScore], condition: Condition | None) -> dict[str, dict[str, SyncScore]]:
    """Scores by clip, by which audio they are against: what drove, and what the model never heard."""
    if not trials:
        return {}
    own = {clip: trial.own for clip, trial in trials.items()}
    if condition is None:
        return {"real": own}
    if condition.setup is Setup.AM:
        return {"driving": own}
    driving = {clip: trial.driving for clip, trial in trials.items() if trial.driving}
    return {"driving": driving, "own": own} if driving else {"own": own}


_DOSED = ("LSE-C_S", "LSE-C_S[AR]", "LSD-CR", "LSD-AR", "LSE-C_XO[CR]", "LSE-C_XO[AR]")
"""Metrics whose dose is drawn."""

_AUDIO = {
    "real": "real clips, their own audio",
    "driving": "the driving audio",
    "own": "the clip's own audio, which the model did not hear",
}
_SETUPS: Mapping[Setup | None, str] = {
    None: "",
    Setup.AM: "own audio drives",
    Setup.XM: "other speech drives",
    Setup.SI: "silence drives",
    Setup.PA: "other speech with pauses drives",
}


def _label(condition: Condition | None) -> str:
    return f"{condition.setup} {condition.reference}" if condition else "real clips"
