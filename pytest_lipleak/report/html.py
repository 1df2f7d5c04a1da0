"""The HTML report: verdict on top, tables, plots, and every clip to look at; opens from disk without a network."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pytest_lipleak.core.conditions import MEANINGS
from pytest_lipleak.core.errors import MissingExtraError
from pytest_lipleak.evaluation.make.gallery import GAIN, WINDOW
from pytest_lipleak.evaluation.results.dose_curves import curve_for
from pytest_lipleak.machine.written_files import write_text
from pytest_lipleak.report.json import endings_of, read_document
from pytest_lipleak.report.page_files import Files, files_of, page_of
from pytest_lipleak.report.page_views import ModelView
from pytest_lipleak.report.side_by_side import entry_of, side_by_side
from pytest_lipleak.verdicts.endings import RunEnd


def require_jinja2() -> None:
    """Say, before hours of work, that the report cannot be written.

    Raises:
        MissingExtraError: Jinja2 is not installed.
    """
    try:
        import jinja2  # noqa: F401
    except ImportError:
        raise MissingExtraError("the HTML report", "jinja2", "html") from None


def write_html(
    document: Mapping[str, Any],
    target: Path,
    media: Path | None = None,
    *,
    dose: Path | None = None,
    labels: Sequence[str] = (),
    videos: Sequence[Path] = (),
) -> Path:
    """Write the report as a page that opens from disk.

    Args:
        document: the JSON report, as ``report.json.document`` makes it or as read from a file.
        target: a folder, which gets an ``index.html``, or the name of an HTML file. Pictures and videos lie in a
            folder beside the page; move or upload both together.
        media: where the run left its filmstrips, and perhaps its videos; by default the report's own folder of files.
        dose: a dose curve of the user's own, as the run was given.
        labels: what the results are called, where models of one name must be told apart.
        videos: folders from which videos that the report names are copied; others are not touched, whatever it says.

    Returns:
        The page.

    Raises:
        MissingExtraError: Jinja2 is not installed.
        InputError: the document is of another schema.
    """
    require_jinja2()
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    page = page_of(target)
    source = media or files_of(target)
    files = Files(source, files_of(target), page.parent, (*videos, source))
    corpora = read_document(document)
    for corpus in corpora if dose is not None else ():
        corpus.curve, _ = curve_for(corpus.provenance, dose)
    whole, endings = endings_of(document, corpora)
    names = list(labels) or [corpus.provenance.model for corpus in corpora]
    models = [
        ModelView(number, name, corpus, result, ending, files, Markup)
        for number, (name, corpus, result, ending) in enumerate(
            zip(names, corpora, document["results"], endings, strict=True), 1
        )
    ]
    entries = [entry_of(corpus, name) for corpus, name in zip(corpora, names, strict=True)]
    environment = Environment(
        loader=PackageLoader("pytest_lipleak.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    text = environment.get_template("report.html").render(
        verdict=whole.verdict,
        words=whole.finding.head.capitalize(),
        terms=MEANINGS,
        ending=whole,
        not_run=RunEnd.of_report(document).not_run,
        models=models,
        side_by_side=side_by_side(entries) if len(entries) > 1 else (),
        unjudged=document.get("unjudged", ()),
        gain=GAIN,
        window=WINDOW,
    )
    write_text(page, text)
    return page
