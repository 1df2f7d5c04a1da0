"""GitHub Actions: verdict and tables in the job's summary."""

import os
from pathlib import Path

from pytest_lipleak.core.conditions import MEANINGS, Setup
from pytest_lipleak.core.corpus import Corpus
from pytest_lipleak.core.metrics.formulas import Metric
from pytest_lipleak.core.text import escaped
from pytest_lipleak.evaluation.results.aggregate import measured
from pytest_lipleak.evaluation.results.run_result import RunResult
from pytest_lipleak.report.failures import remedy
from pytest_lipleak.report.render import markdown, unlinked
from pytest_lipleak.report.summary import limits_of
from pytest_lipleak.report.tables import Measure, corpus_tables
from pytest_lipleak.report.text_report import footnotes, heading
from pytest_lipleak.verdicts.endings import Verdicts, failed_lines, leaks_first
from pytest_lipleak.verdicts.limits import Measurement, Outcome
from pytest_lipleak.verdicts.unjudged import unjudged_lines


def write_step_summary(text: str) -> None:
    """Append to the job's summary, where GitHub Actions has one."""
    if path := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(f"{text}\n")


def step_summary(result: RunResult) -> str:
    """Return the report on a run as GitHub's Markdown: per model the verdict, then the tables."""
    parts = []
    for model, ending in zip(result.models, result.endings, strict=True):
        corpus = model.corpus

        def measure(metric: Metric, corpus: Corpus = corpus) -> Measurement | None:
            return measured(corpus, metric)

        parts += [
            f"## Lip leakage: {_inline(corpus.provenance.model)}",
            f"**{_inline(ending.headline)}**",
            _inline(heading(corpus)),
            markdown(corpus_tables(corpus, measure, limits_of(model.verdicts))),
            "\n".join(
                f"- {_inline(line)}"
                for line in _to_do(model.verdicts, measure, finished=corpus.provenance.finished)
            ),
            "\n".join(f"- {_inline(note)}" for note in footnotes(corpus) if note),
        ]
    if not result.models:
        parts += ["## Lip leakage", f"**{_inline(result.ending.headline)}**"]
    else:
        parts.append(_legend(result))
    parts += [f"**{_inline(line)}**" for line in failed_lines(result.end)]
    return "\n\n".join(part for part in parts if part)


def _legend(result: RunResult) -> str:
    """What AM to AR mean, in one line; of PA only where a limit is about it."""
    limits = [verdict.metric for model in result.models for verdict in model.verdicts.values()]
    has_pauses = any(of.setup is Setup.PA for each in limits for of in each.conditions)
    told = [(name, words) for name, words in MEANINGS.items() if name is not Setup.PA or has_pauses]
    return f"<sub>{'; '.join(f'**{name}**, {_inline(words)}' for name, words in told)}.</sub>"


def _to_do(verdicts: Verdicts, measure: Measure, *, finished: bool) -> list[str]:
    """Why limits could not be judged, the worst clips of every broken one, and what to do next, each once."""
    lines, steps = [], []
    for limit, verdict in leaks_first(verdicts).items():
        if verdict.outcome is not Outcome.FAIL:
            continue
        broken = verdict.metric
        found = measure(broken)
        if found is not None and (worst := found.worst()):
            told = ", ".join(f"{clip} {value:.2f}" for clip, value in worst)
            lines.append(f"{limit}: worst clips {told}")
        steps.append(remedy(broken, finished=finished))
    why = unjudged_lines(leaks_first(verdicts).values())
    return [*why, *lines, *dict.fromkeys(filter(None, steps))]


def _inline(text: str) -> str:
    """A name as text, whatever signs of Markdown or HTML it holds."""
    plain = " ".join(escaped(line) for line in text.splitlines())
    html = plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return unlinked("".join(f"\\{letter}" if letter in "\\`*_[]|~$" else letter for letter in html))
