"""Results as plain records, one value each: what pandas, spreadsheets and trackers of experiments read as they are."""

import csv
import io
from collections.abc import Iterable
from typing import Any

from pytest_lipleak.core.corpus import Corpus
from pytest_lipleak.evaluation.results.aggregate import every_measurement
from pytest_lipleak.report.render import no_formula

COLUMNS = ("model", "clips", "expert", "protocol", "metric", "better", "clip", "speaker", "value")
"""The keys of a record, which are the columns of the file."""


def records(corpora: Iterable[Corpus]) -> list[dict[str, Any]]:
    """Return every metric of every clip, one record each.

    Args:
        corpora: the scores of models.

    Returns:
        Dictionaries of text and numbers with the keys of ``COLUMNS``; ``speaker`` is None where it is not known.
        Metrics of whole sets of frames (FID) have no value for single clips, and are not among them. A metric's value
        over all clips, which need not be the mean of these, stands in the report.
    """
    found = []
    for corpus in corpora:
        about = corpus.provenance
        for measurement in every_measurement(corpus):
            found += [
                {
                    "model": about.model,
                    "clips": about.clips,
                    "expert": about.expert,
                    "protocol": about.protocol,
                    "metric": measurement.metric.name,
                    "better": measurement.metric.better,
                    "clip": clip,
                    "speaker": about.speakers.get(clip),
                    "value": float(value),
                }
                for clip, value in measurement.per_clip.items()
            ]
    return found


def records_csv(corpora: Iterable[Corpus]) -> str:
    """Return the records as CSV: a line each, numbers at full precision; no text begins a spreadsheet's formula."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    for record in records(corpora):
        cells = (record[name] for name in COLUMNS)
        writer.writerow(repr(cell) if isinstance(cell, float) else no_formula(cell or "") for cell in cells)
    return file.getvalue().rstrip("\n")
