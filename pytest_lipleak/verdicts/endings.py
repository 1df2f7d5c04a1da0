"""How a run ended and what it found: the one place that decides it, words it and gives the exit status.

Terminal, HTML, Markdown, JSON, ``lipleak report``, ``lipleak merge`` and the exit statuses lay out an ``Ending``.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from pytest_lipleak.core.conditions import Reference, Setup
from pytest_lipleak.core.corpus import Corpus
from pytest_lipleak.core.errors import LipleakError, unexpected
from pytest_lipleak.core.exit_status import BROKEN, GOOD, LEAK, NOT_JUDGED
from pytest_lipleak.core.metrics.default_gates import PROBE_LIMIT, every_default
from pytest_lipleak.core.metrics.families import Question, Source
from pytest_lipleak.core.metrics.formulas import Metric
from pytest_lipleak.core.number_words import SHOWN, counted, named
from pytest_lipleak.core.scores import POSED
from pytest_lipleak.verdicts.judged_limits import JudgedLimit
from pytest_lipleak.verdicts.limits import Outcome, Verdict

Verdicts = Mapping[str, JudgedLimit]
"""Verdicts of one model by limit."""

OTHERWISE = "failed for another reason than a limit"

UNREAD = "a limit could not be read: "
"""Before why, among the remarks of a model that should have been judged by it."""

LIMITS_SHOWN = 3
"""Limits that it names, of those that ended alike: the tables below it, and the lines of JSON, have all."""


class Finding(StrEnum):
    """What is found of a model, or of all models of a report."""

    LEAKS = "leaks"
    """A limit is broken whose metric shows leaks."""
    BROKEN = "broken"
    """Another limit is broken: lips do not follow the audio, or pictures are poor."""
    NOT_JUDGED = "not judged"
    INCONCLUSIVE = "inconclusive"
    PASSED = "passed"

    @property
    def outcome(self) -> str:
        """The word of ``Outcome`` that CI reads as the verdict: ``pass``, ``fail``, ..."""
        words = {Finding.LEAKS: "fail", Finding.BROKEN: "fail", Finding.PASSED: "pass"}
        return words.get(self, str(self))

    @property
    def status(self) -> int:
        """The exit status of ``lipleak``."""
        statuses = {Finding.LEAKS: LEAK, Finding.BROKEN: BROKEN, Finding.PASSED: GOOD}
        return statuses.get(self, NOT_JUDGED)

    @property
    def head(self) -> str:
        """The first word that people read."""
        words = {"pass": "PASSED", "fail": "FAILED"}
        return words.get(self.outcome, self.outcome.upper())


class Ended(StrEnum):
    """Whether a run came to its end."""

    FINISHED = "finished"
    EARLY = "early"
    """Interrupted, stopped or crashed; also the state in which a report is begun."""
    UNKNOWN = "unknown"
    """A report of an older version, which did not write it down."""


@dataclass(frozen=True)
class RunEnd:
    """How a run ended, whatever it measured.

    Args:
        ended: whether it came to its end.
        why: what ended it early, in words.
        not_run: gates and tests that judge, were collected and did not run to their end.
        failed: tests that failed for another reason than a limit.
        cause: why, in one line, where we worded it and it is the same for all of them.
        deselected: how many gates and tests that judge the user left out (``-k``, ``-m``, ``--deselect``, ``--sw``).
        skipped: how many such tests a mark or a fixture skipped; where no limit was judged, how many were skipped.
        only_last_failed: whether ``--lf`` left out what did not fail last time, before anybody could count it.
    """

    ended: str = Ended.FINISHED
    why: str = ""
    not_run: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    deselected: int = 0
    skipped: int = 0
    only_last_failed: bool = False
    cause: str = ""

    def __post_init__(self) -> None:
        if self.not_run and self.ended == Ended.FINISHED:
            object.__setattr__(self, "ended", Ended.EARLY)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data; the failed tests stand beside it in a report, as ``unjudged``."""
        return {
            "ended": str(self.ended),
            "why": self.why or None,
            "not_run": list(self.not_run),
            "deselected": self.deselected,
            "skipped": self.skipped,
            "only_last_failed": self.only_last_failed,
        }

    @classmethod
    def of_report(cls, data: Mapping[str, Any]) -> "RunEnd":
        """Read it from a report; one of schema 1 does not say how its run ended."""
        run = data.get("run") or {"ended": Ended.UNKNOWN}
        return cls(
            str(run.get("ended", Ended.EARLY)),
            str(run.get("why") or ""),
            tuple(run.get("not_run", ())),
            tuple(data.get("unjudged", ())),
            int(run.get("deselected", 0)),
            int(run.get("skipped", 0)),
            bool(run.get("only_last_failed")),
        )

    @property
    def is_whole(self) -> bool:
        """Whether nothing that should have judged is missing, as far as is known."""
        return self.ended in (Ended.FINISHED, Ended.UNKNOWN)  # any other word is none of ours

    @property
    def interruption(self) -> str:
        """Why it is not whole and what did not run, in words."""
        parts = [self.why or "the run did not come to its end"]
        if self.not_run:
            parts.append(f"did not run: {named(self.not_run)}")
        return "; ".join(parts)

    @property
    def failures(self) -> str:
        """Which tests failed for another reason than a limit, in words; the reason alone where it is one for all."""
        if self.cause:
            return f"{self.cause} ({counted(len(self.failed), 'test')} failed for this reason)"
        return f"{named(self.failed)} {OTHERWISE}"


FINISHED = RunEnd()
BEGUN = RunEnd(Ended.EARLY, "the run did not come to its end: it was killed, or is still at work")
"""Of a report that is written when a run begins."""


def early_end(error: BaseException) -> str:
    """Return in words what ended a run early."""
    if isinstance(error, KeyboardInterrupt):
        return f"interrupted{f' ({error})' if str(error) else ''}"
    if isinstance(error, SystemExit):
        return "the model, or another plugin, ended the process"
    if isinstance(error, LipleakError):
        # The rest of a longer one (a model's own traceback) stands where the error itself is shown.
        return str(error).partition("\n")[0]
    return unexpected(error, None).removeprefix("could not be judged: ")


def run_of_all(runs: Sequence[RunEnd]) -> RunEnd:
    """Return how several runs ended together: as the least whole of them."""
    ended = next(
        (each for each in (Ended.EARLY, Ended.UNKNOWN) if any(run.ended == each for run in runs)),
        Ended.FINISHED,
    )

    def joined(texts: Iterable[str]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(filter(None, texts)))

    return RunEnd(
        ended,
        "; ".join(joined(run.why for run in runs)),
        joined(test for run in runs for test in run.not_run),
        joined(test for run in runs for test in run.failed),
        sum(run.deselected for run in runs),
        sum(run.skipped for run in runs),
        any(run.only_last_failed for run in runs),
    )


@dataclass(frozen=True)
class Line:
    """One thing that was found; the heaviest comes first."""

    finding: Finding
    text: str


@dataclass(frozen=True)
class Ending:
    """What there is to say of a model, or of a whole run.

    Args:
        finding: what was found.
        headline: one line that stands alone; begins with the verdict.
        brief: the same without the verdict's word and without the names of limits, for where a table shows them.
        lines: what was found, the heaviest first.
    """

    finding: Finding
    headline: str
    brief: str
    lines: tuple[Line, ...] = ()

    @property
    def verdict(self) -> str:
        """``pass``, ``fail``, ``inconclusive`` or ``not judged``: what CI reads."""
        return self.finding.outcome

    @property
    def status(self) -> int:
        """The exit status of ``lipleak``."""
        return self.finding.status

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for the JSON report."""
        return {
            "verdict": self.verdict,
            "finding": str(self.finding),
            "headline": self.headline,
            "lines": [{"finding": str(line.finding), "text": line.text} for line in self.lines],
        }


def finding_of(verdict: JudgedLimit) -> Finding:
    """Return what a verdict finds."""
    return _finding(verdict.outcome, leak=verdict.shows_leak)


def status_of(verdicts: Iterable[Verdict]) -> int:
    """Return the exit status of a command that judged this; without any verdict it could not judge."""
    return worst(_finding(each.outcome, leak=each.limit.metric.shows_leak) for each in verdicts).status


def _finding(ended: str, *, leak: bool) -> Finding:
    if ended == Outcome.FAIL:
        return Finding.LEAKS if leak else Finding.BROKEN
    words = {str(Outcome.PASS): Finding.PASSED, str(Outcome.INCONCLUSIVE): Finding.INCONCLUSIVE}
    return words.get(ended, Finding.NOT_JUDGED)


def worst(findings: Iterable[Finding]) -> Finding:
    """Return the heaviest of these; of none, that nothing was judged."""
    found = set(findings)
    return next((each for each in Finding if each in found), Finding.NOT_JUDGED)


def leaks_first(verdicts: Verdicts) -> dict[str, JudgedLimit]:
    """Return verdicts by limit in the order in which people should read them.

    Leaks come before lost sync and pictures, in the order of ``Question``, as the words of a headline do; of what
    differs in the reference alone, CR before AR, as in every table.
    """
    order = list(Question)
    alike: dict[tuple[str, Setup | None], int] = {}

    def place(verdict: JudgedLimit) -> tuple[bool, int, int, int]:
        asked = verdict.metric
        last = asked.conditions[-1] if asked.conditions else None
        family = alike.setdefault((asked.family.pattern, last.setup if last else None), len(alike))
        at = list(Reference).index(last.reference) if last else 0
        return not verdict.shows_leak, order.index(asked.question), family, at

    return dict(sorted(verdicts.items(), key=lambda entry: place(entry[1])))


ENDED_AS: Mapping[str, str] = {
    Outcome.FAIL: "broken",
    Outcome.NOT_JUDGED: "could not be judged",
    Outcome.INCONCLUSIVE: "not settled by these clips",
}
"""Limits that are not kept, in words, worst first."""


def model_ending(verdicts: Verdicts, corpus: Corpus, run: RunEnd = FINISHED) -> Ending:
    """Return what there is to say of one model.

    Args:
        verdicts: by limit.
        corpus: its scores.
        run: how the run ended in which it was measured.
    """
    told = _told(verdicts, corpus)
    # Which model a test is about that failed for another reason nobody knows: none of them has passed.
    unasked = not verdicts and not corpus.provenance.shard
    is_open = bool(run.failed) and (unasked or told.finding in (Finding.PASSED, Finding.INCONCLUSIVE))
    if not run.is_whole or is_open:
        so_far = f"; so far {told.headline.partition(': ')[2]}" if verdicts else ""
        brief = f"; so far {told.brief}" if verdicts else ""
        words = run.interruption if not run.is_whole else run.failures
        if run.is_whole and unasked:
            words = next((remark for remark in corpus.remarks if remark.startswith(UNREAD)), words)
        return Ending(
            Finding.NOT_JUDGED,
            f"NOT JUDGED: {words}{so_far}",
            f"{words}{brief}",
            (Line(Finding.NOT_JUDGED, words), *told.lines),
        )
    notes = "".join(f"; {note}" for note in _notes(run))
    return replace(told, headline=f"{told.headline}{notes}", brief=f"{told.brief}{notes}")


def defaults_see_no_leak(verdicts: Verdicts, corpus: Corpus) -> bool:
    """Whether the default gates judge finished videos of which none can show a leak, such as those of AM alone.

    Who sets limits of his own says what passes; who sets none asks whether it leaks.
    """
    asks_nothing = not any(each.shows_leak for each in verdicts.values())
    return bool(
        corpus.provenance.finished
        and not corpus.provenance.shard
        and verdicts
        and asks_nothing
        and every_default().issuperset(verdicts)
    )


def _told(verdicts: Verdicts, corpus: Corpus) -> Ending:
    if shard := corpus.provenance.shard:
        words = f"part {shard['part']}/{shard['of']}; `lipleak merge` judges all parts together"
        brief = f"part {shard['part']} of {shard['of']}; all parts are judged together"
        return Ending(Finding.NOT_JUDGED, f"NOT JUDGED: {words}", brief)
    if not verdicts:
        has = "what there are videos of" if corpus.provenance.finished else "what the model has"
        words = f"no limit is about {has}" if corpus.not_applicable else "no limit was given"
        return Ending(Finding.NOT_JUDGED, f"NOT JUDGED: {words}", words)
    count = counted(len(verdicts), "limit")
    finding = worst(map(finding_of, verdicts.values()))
    leaks = leaks_of(corpus)
    lines = _lines(verdicts, leaks)
    names = {
        ended: [limit for limit, verdict in leaks_first(verdicts).items() if verdict.outcome == ended]
        for ended in ENDED_AS
    }
    found = [(ended, limits) for ended, limits in names.items() if limits]
    if not found and defaults_see_no_leak(verdicts, corpus):
        words = f"{count} kept, but none that looks at leaks: that takes videos under other speech (XM) or silence (SI)"
        return Ending(
            Finding.NOT_JUDGED, f"NOT JUDGED: {words}", words, (Line(Finding.NOT_JUDGED, words), *lines)
        )
    asks_expert = any(not each.metric.is_picture for each in verdicts.values())
    without = clips_without(corpus) if asks_expert else ""
    if not found:
        hollow = {limit: each.shows_leak for limit, each in leaks_first(verdicts).items() if each.hollow}
        copied, idle = ([limit for limit in hollow if hollow[limit] is leak] for leak in (True, False))
        copied_words = f"a full copy would keep {named(copied, LIMITS_SHOWN)}, too" if copied else ""
        idle_words = f"no model can break {named(idle, LIMITS_SHOWN)}" if idle else ""
        unseen = unwatched((each.metric for limit, each in verdicts.items() if limit not in idle), corpus)
        words = "; ".join(filter(None, (f"{count} kept", copied_words, idle_words, without, unseen)))
        return Ending(finding, f"{finding.head}: {words}", words, lines)
    (ended, limits), *rest = found
    what = f"{_found(verdicts, leaks)}: " if ended == Outcome.FAIL else ""
    head = f"{finding.head}: {what}{len(limits)} of {count} {ENDED_AS[ended]}: {named(limits, LIMITS_SHOWN)}"
    more = "".join(
        f"; {len(limits)} {ENDED_AS[ended]}: {named(limits, LIMITS_SHOWN)}" for ended, limits in rest
    )
    brief = what + ", ".join(f"{len(limits)} of {count} {ENDED_AS[ended]}" for ended, limits in found)
    more, brief = (f"{words}; {without}" if without else words for words in (more, brief))
    if corpus.provenance.finished:
        # Of finished videos there are seldom those that would answer everything.
        unseen = unwatched((verdict.metric for verdict in verdicts.values()), corpus)
        more, brief = (f"{words}; {unseen}" if unseen else words for words in (more, brief))
    return Ending(finding, f"{head}{more}", brief, lines)


def leaks_of(corpus: Corpus) -> str:
    """What a broken limit says: of finished videos that lips were copied from the source that each was made from."""
    return "leaks the source's lips" if corpus.provenance.finished else "leaks"


def _lines(verdicts: Verdicts, leaks: str) -> tuple[Line, ...]:
    """What was found, by weight, with the limits that found it."""
    by_finding: dict[tuple[Finding, str], list[str]] = {}
    for limit, verdict in verdicts.items():
        finding = finding_of(verdict)
        by_finding.setdefault((finding, _meaning(finding, verdict, leaks)), []).append(limit)
    weights = list(Finding)
    ordered = sorted(by_finding.items(), key=lambda entry: weights.index(entry[0][0]))
    return tuple(Line(finding, f"{words}: {', '.join(limits)}") for (finding, words), limits in ordered)


def _meaning(finding: Finding, verdict: JudgedLimit, leaks: str) -> str:
    if finding is Finding.BROKEN:
        broken = verdict.metric
        if broken.family.source is Source.TRIALS:
            return "makes no video of some clips"
        return "poor pictures" if broken.is_picture else "does not follow the audio"
    if finding is Finding.LEAKS:
        return f"{leaks} {_where(verdict)}".rstrip()
    words = {Finding.NOT_JUDGED: "could not be judged", Finding.PASSED: "kept"}
    return words.get(finding, ENDED_AS[Outcome.INCONCLUSIVE])


def _where(verdict: JudgedLimit) -> str:
    """Where a leak was found; the clips by name where single ones are meant."""
    return _in_words(verdict.metric.question, verdict.offenders)


def _in_words(question: Question, offenders: Sequence[str]) -> str:
    return f"in {named(offenders)}" if question is Question.CLIPS and offenders else str(question)


def _found(verdicts: Verdicts, leaks: str) -> str:
    """What broken limits found, each once, in the order of ``Question``."""
    broken = [each for each in verdicts.values() if finding_of(each) in (Finding.LEAKS, Finding.BROKEN)]
    order = list(Question)
    broken.sort(key=lambda each: (not each.shows_leak, order.index(each.metric.question)))
    leaking = [each for each in broken if each.shows_leak]
    questions = dict.fromkeys(each.metric.question for each in leaking)
    # Several limits on single clips name their clips together.
    single = [each for each in leaking if each.metric.question is Question.CLIPS]
    offenders = list(dict.fromkeys(clip for each in single for clip in each.offenders))
    words = [_in_words(question, offenders) for question in _told_apart(list(questions), verdicts)]
    found = [f"{leaks} {', '.join(filter(None, words))}".rstrip()] if leaking else []
    found += dict.fromkeys(_meaning(Finding.BROKEN, each, leaks) for each in broken if not each.shows_leak)
    return "; ".join(found)


def _told_apart(questions: Sequence[Question], verdicts: Verdicts) -> list[Question]:
    """Say of lips that came with the reference and the input frames, both changed, which it was, where that is known.

    It is where another probe broke; or where the reference alone was changed, all else equal, and little moved.
    """
    if Question.EITHER not in questions:
        return list(questions)
    found: list[Question] = [each for each in questions if each is not Question.EITHER]
    if Question.REFERENCE in found or Question.FRAMES in found:
        return found
    both = {
        each.metric.conditions[-1] for each in verdicts.values() if each.metric.question is Question.EITHER
    }
    unmoved = {
        each.metric.conditions[-1]
        for each in verdicts.values()
        if each.metric.of_reference and finding_of(each) is Finding.PASSED and each.value < PROBE_LIMIT
    }
    return [Question.FRAMES if both <= unmoved and each is Question.EITHER else each for each in questions]


def _notes(run: RunEnd) -> list[str]:
    """What else a reader of a whole run must know."""
    notes = []
    if run.deselected:
        notes.append(f"{run.deselected} deselected")
    if run.only_last_failed:
        notes.append("--lf left out what did not fail last time")
    if run.skipped:
        notes.append(f"{run.skipped} skipped by a mark or a fixture")
    if run.ended == Ended.UNKNOWN:
        notes.append("ended: unknown (a report of an older version)")
    return notes


def clips_without(corpus: Corpus) -> str:
    """Name the real clips that the expert cannot judge, with the reason in short: no limit says anything of these."""
    reasons: dict[str, list[str]] = {}
    # By name: however the work was shared, the words are the same.
    for clip, entry in sorted((clip, entry) for (clip, of), entry in corpus.unscored.items() if of is None):
        reasons.setdefault(entry.reason.partition(":")[0], []).append(clip)
    if not reasons:
        return ""
    count = sum(map(len, reasons.values()))
    shown = [f"{named(clips)} ({reason})" for reason, clips in [*reasons.items()][:SHOWN]]
    more = [f"others for {counted(len(reasons) - SHOWN, 'more reason')}"] if len(reasons) > SHOWN else []
    return (
        f"without {count} of {counted(len(corpus.provenance.clip_names), 'clip')}: {', '.join(shown + more)}"
    )


def unwatched(limited: Iterable[Metric], corpus: Corpus) -> str:
    """Say what no limit looks at: questions, and references of the model; empty where all is looked at."""
    metrics = list(limited)
    leaks = [each for each in metrics if each.shows_leak]
    seen = {condition.reference for each in leaks for condition in each.conditions}
    unseen = [each for each in Reference if each not in seen and each not in corpus.not_applicable]
    asked = {each.question for each in metrics}
    where = [f"under {' or '.join(unseen)}"] if unseen else []
    if leaks:
        where += [str(each) for each in ASKED if each not in asked and each is not Question.FOLLOWS]
    elif any(each not in corpus.not_applicable for each in Reference):
        where = ["at all"]
    notes = [f"leaks {', '.join(where)}"] if where else []
    if Question.FOLLOWS not in asked:
        notes.append(str(Question.FOLLOWS))
    about = corpus.provenance
    if about.finished and 1 < len(about.clip_names) > len(about.speakers.keys() & set(about.clip_names)):
        notes.append("whether several clips are of one person (column 'speaker')")
    if posed := sum(POSED in trial.notes for trial in corpus.trials.values()):
        notes.append(f"whether {counted(posed, 'video')} with freely posed heads belong to their clips")
    return f"not looked at: {'; '.join(notes)}" if notes else ""


ASKED = tuple(each for each in Question if each not in (Question.OTHER, Question.SWAPPED, Question.EITHER))
"""What must be asked of a model before it may be said to be clean."""


def run_ending(models: Sequence[Ending], run: RunEnd = FINISHED) -> Ending:
    """Return what there is to say of all models of a run together.

    Args:
        models: of each model.
        run: how the run ended.
    """
    lines = [line for model in models for line in model.lines if line.finding is not Finding.PASSED]
    lines += [Line(Finding.NOT_JUDGED, line.partition(": ")[2]) for line in failed_lines(run)]
    weights = list(Finding)
    lines.sort(key=lambda line: weights.index(line.finding))
    if not run.is_whole:
        words = run.interruption
        rest = tuple(line for line in lines if line.text != words)
        return Ending(
            Finding.NOT_JUDGED, f"NOT JUDGED: {words}", words, (Line(Finding.NOT_JUDGED, words), *rest)
        )
    finding = worst(model.finding for model in models)
    if run.failed:
        finding = worst((finding, Finding.NOT_JUDGED))
    if len(models) == 1 and finding is models[0].finding:
        return replace(models[0], lines=tuple(lines) or models[0].lines)
    if not models:
        words = run.failures if run.failed else "nothing was measured"
        if run.skipped and not run.failed:
            words = all_skipped(run.skipped)
    else:
        heavy = [model for model in models if model.finding is finding]
        words = "; ".join(model.brief for model in heavy) or run.failures
    return Ending(finding, f"{finding.head}: {words}", words, tuple(lines))


def failed_lines(run: RunEnd) -> list[str]:
    """Say which tests failed for another reason than a limit: a line each, or one line where one reason is known."""
    if run.cause:
        return [f"NOT JUDGED: {run.failures}"]
    return [f"NOT JUDGED: {test} {OTHERWISE}" for test in run.failed]


def all_skipped(tests: int) -> str:
    """Say that every test of a model was skipped."""
    every = "the only test" if tests == 1 else f"all {tests} tests"
    return f"{every} of it skipped (see -rs); a model that nothing judges has not passed"
