"""The report on one model as lines of text: tables, and what must be known beside them."""

from collections.abc import Sequence

from pytest_lipleak.core.conditions import EVERY_CONDITION
from pytest_lipleak.core.corpus import Corpus
from pytest_lipleak.core.metrics.formulas import LEAKAGE_METRICS, metric
from pytest_lipleak.core.number_words import counted
from pytest_lipleak.evaluation.make.costs import LESS, STAGES, longest
from pytest_lipleak.evaluation.results.aggregate import suspicions
from pytest_lipleak.report.failures import unscored_lines
from pytest_lipleak.report.progress import duration
from pytest_lipleak.report.render import Paint, text_lines
from pytest_lipleak.report.tables import Limits, Measure, corpus_tables
from pytest_lipleak.sync.experts import AS_ASKED, RENDERED


def table(
    corpus: Corpus,
    measure: Measure,
    limits: Limits,
    *,
    unjudged: Sequence[str] = (),
    full: bool = True,
    paint: Paint | None = None,
) -> list[str]:
    """Return the lines of the report on one model.

    Args:
        corpus: its scores.
        measure: gives the measurements.
        limits: what was judged.
        unjudged: why the others were not, a line a reason.
        full: everything, else the paper's metrics and those with a limit.
        paint: colours cells.
    """
    lines = [heading(corpus)]
    for each in corpus_tables(corpus, measure, limits, full=full):
        lines += ["", *text_lines(each, paint)]
    if full:
        lines += _worst(corpus, measure)
    lines += ["", *unjudged] if unjudged else []
    return [*lines, *_sensitivity(corpus), *_frame_counts(corpus), *footnotes(corpus), *_costs(corpus)]


def _worst(corpus: Corpus, measure: Measure) -> list[str]:
    """The clips that look worst by each of the paper's metrics, with the file of the generated video if it was kept."""
    lines = []
    for name in LEAKAGE_METRICS:
        found = measure(metric(name))
        if found is None or not found.clips:
            continue
        told = [
            f"{clip} {value:.2f}" + (f" ({found.videos[clip]})" if clip in found.videos else "")
            for clip, value in found.worst()
        ]
        lines.append(f"worst clips by {name}: {', '.join(told)}")
    return ["", *lines] if lines else []


def _costs(corpus: Corpus) -> list[str]:
    """Where the time went, over all processes, and what would make most of it less."""
    spent = {stage: sum(each.get(stage, 0.0) for each in corpus.costs.values()) for stage in STAGES}
    told = [f"{stage} {duration(seconds)}" for stage, seconds in spent.items() if seconds >= 0.5]
    several = f", summed over {len(corpus.costs)} processes" if len(corpus.costs) > 1 else ""
    most = longest(spent)
    advice = f"; most is {most}, {LESS[most]}" if most else ""
    return ["", f"time: {', '.join(told)}{several}{advice}"] if told else []


def _frame_counts(corpus: Corpus) -> list[str]:
    """How many frames a distance between sets rests on, and why that may be too few; one line per measure."""
    lines = []
    for measure in dict.fromkeys(measure for measure, _ in corpus.sets):
        found = [each for (name, _), each in corpus.sets.items() if name == measure]
        fewest = min(found, key=lambda each: each.frames)
        lines.append(
            f"{measure} rests on {fewest.frames} frames" + (f": {fewest.warning}" if fewest.warning else "")
        )
    return lines


def _sensitivity(corpus: Corpus) -> list[str]:
    """How the share of open mouths moves with the threshold, one line per condition."""
    lines = []
    for condition in EVERY_CONDITION:
        trials = [values for (_, of), values in corpus.pictures.items() if of == condition]
        shares: dict[str, list[float]] = {}
        for values in trials:
            for name, share in values.items():
                if name.startswith("MAR_open@"):
                    shares.setdefault(name.partition("@")[2], []).append(share)
        if shares:
            told = ", ".join(f"{sum(each) / len(each):.3f} at {limit}" for limit, each in shares.items())
            lines.append(
                f"{condition.setup} {condition.reference}: share of open mouths by threshold: {told}"
            )
    return lines


def heading(corpus: Corpus) -> str:
    """Return, in one line, what must agree before two reports are compared."""
    about = corpus.provenance
    # Where nobody chose the expert on whose scale the values are, that is said.
    why = "" if about.expert_reason in ("", AS_ASKED, RENDERED) else f" ({about.expert_reason})"
    clips = counted(len(about.clip_names), "clip")
    return (
        f"{clips} ({about.clips}), expert {about.expert}{why}, protocol {about.protocol}, "
        f"AR {about.alternative_reference}, silence {about.silence}, seed {about.seed}"
    )


def footnotes(corpus: Corpus) -> list[str]:
    """Return what must be known beside the tables: objections, clips without a score, conversions."""
    lines = [corpus.expert_unfit] if corpus.expert_unfit else []
    lines += suspicions(corpus)
    lacking: dict[str, list[str]] = {}
    for what, why in corpus.not_applicable.items():
        lacking.setdefault(why, []).append(str(what))
    lines += [f"not applicable: {'; '.join(found)}: {why}" for why, found in lacking.items()]
    for lost in corpus.unscored, corpus.unpictured:
        lines += unscored_lines(sorted(lost.values(), key=lambda entry: entry.name))
    converted = [
        trial for (_, condition), trial in corpus.trials.items() if condition is None and trial.notes
    ]
    if converted:
        lines.append(
            f"notes on {counted(len(converted), 'clip')}, e.g. {converted[0].clip}: {'; '.join(converted[0].notes)}"
        )
    lines += list(corpus.reader_notes)
    return ["", *lines] if lines else []
