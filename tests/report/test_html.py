"""The HTML report: true to the JSON report, safe with any name, small at 200 clips."""

import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
from corpora import corpus, report
from test_side_by_side import scanned

from pytest_lipleak.core.clips import Clip
from pytest_lipleak.core.conditions import CONDITIONS, MEANINGS, Condition, Reference, Setup
from pytest_lipleak.core.dose import COLUMNS, DoseCurve
from pytest_lipleak.core.errors import InputError, MissingExtraError
from pytest_lipleak.core.metrics.formulas import metric
from pytest_lipleak.evaluation.make.crops import Cropper
from pytest_lipleak.evaluation.make.gallery import Gallery, trial_stem
from pytest_lipleak.evaluation.results.aggregate import measure
from pytest_lipleak.evaluation.results.dose_curves import _identity as identity
from pytest_lipleak.report.html import write_html
from pytest_lipleak.report.page_files import files_of, forget_page, page_of
from pytest_lipleak.sync.protocols import Protocol

pytest.importorskip("jinja2")

EVIL = "<script>alert(\"1\")</script> & 'x' {{ 7*7 }} #?%20"
LIMITS = ("LSE-C_S < 1", "LSD-CR < 0.8", "LSE-C[XM,AR] > 1.5")


class Page(HTMLParser):
    """Tags, links and visible words of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.text = path.read_text(encoding="utf-8")
        self.feed(self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.words.append(data.strip())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    def addresses(self) -> list[str]:
        return [str(a[key]) for _, a in self.tags for key in ("src", "href") if key in a]


def gallery(found, folder: Path) -> None:  # type: ignore[no-untyped-def]
    """The pictures of every trial, as a run writes them."""
    frames = np.zeros((125, 32, 32, 3), np.uint8)
    pictures = Gallery(folder)
    for (name, condition), trial in found.trials.items():
        clip = Clip(name, frames, np.zeros(125 * 640, np.int16))
        if condition is None:
            pictures.add_real("made:up", trial, clip)
        else:
            pictures.add("made:up", trial, clip, lambda: frames + 1, None, Cropper(Protocol.DIRECT))


def test_verdict_first_then_numbers_of_the_json_report(tmp_path: Path) -> None:
    found = corpus(["a", "b", "c"], leak=0.8)
    page = Page(write_html(report(found, *LIMITS), tmp_path))
    start = page.words.index("Lip leakage")
    assert page.words[start + 1] == "Failed"
    assert page.words[start + 3 : start + 5] == [
        "leaks under silence, or loses sync with other speech: 2 of 3 limits broken",
        "made:up",
    ], "the headline names the finding"
    headline = page.text[page.text.index("<h1>") : page.text.index("</h1>")]
    assert "leaks under silence, or loses sync with other speech" in headline
    for limit in LIMITS:
        value = measure(found, metric(limit.split()[0])).value
        # A long name may break before the condition.
        at = page.words.index(limit.split()[0].partition("[")[0], page.words.index("Limits"))
        assert f"{value:.2f}" in page.words[at : at + 4]


@pytest.fixture(scope="module")
def leaky(tmp_path_factory: pytest.TempPathFactory) -> Page:
    found = corpus(["a", "b", "c"], leak=0.8)
    folder = tmp_path_factory.mktemp("leaky")
    gallery(found, files_of(folder))
    return Page(write_html(report(found, *LIMITS), folder))


def test_every_setup_and_reference_is_explained(leaky: Page) -> None:
    start = leaky.words.index("How to read the names")
    for name in (*Setup, *Reference):
        at = leaky.words.index(str(name), start)
        assert leaky.words[at + 1] == MEANINGS[name]


def test_what_a_metric_measures_is_told_where_the_column_has_no_room(leaky: Page) -> None:
    """The column is hidden on a phone; the list below the table stands in."""
    listed = leaky.text[leaky.text.index('<details class="phone">') :].partition("</details>")[0]
    for limit in LIMITS:
        told = metric(limit.split()[0])
        assert told.meaning.replace("'", "&#39;") in listed
    assert re.search(r"\.phone \{ display: none", leaky.text)
    phone = leaky.text[leaky.text.index("@media (max-width: 40rem) {\n") :].partition("\n}\n")[0]
    assert ".minor { display: none" in phone
    assert ".phone { display: block" in phone


def test_a_metric_is_called_alike_in_limits_tables_and_explanations(tmp_path: Path) -> None:
    """A limit names it without the reference, tables with it."""
    found = scanned(corpus(["a", "b", "c"]), 1.5)
    page = Page(write_html(report(found, "LSE-C_S@floor < 0.4", "LSE-C_S@floor[AR] < 0.4"), tmp_path))
    text = re.sub(r"<wbr>|&#8203;", "", page.text)
    names = re.findall(r"(?:<dt>|<h4>|<th scope=\"row\">)(LSE-C_S@floor[^ <]*)", text)
    assert {name: names.count(name) for name in names} == {"LSE-C_S@floor[CR]": 4, "LSE-C_S@floor[AR]": 4}, (
        "limits, what they measure, failures, and the table of leakage"
    )


def test_the_next_step_after_a_leak_and_after_too_few_clips(leaky: Page, tmp_path: Path) -> None:
    def steps(page: Page) -> str:
        return " ".join(page.words[page.words.index("What to do next") :][:8])

    assert "lipleak probe" in steps(leaky)
    few = Page(write_html(report(corpus(["a", "b"]), "LSE-C_S < 1 @ 95%"), tmp_path / "few"))
    assert "Measure more clips" in steps(few)
    assert "probe" not in steps(few), "no remedy for what was not found"
    clean = Page(write_html(report(corpus(["a", "b"]), "LSE-C_S < 1"), tmp_path / "clean"))
    assert "What to do next" not in clean.words


def test_what_is_wider_than_a_screen_scrolls_by_keyboard_and_has_a_name(leaky: Page) -> None:
    boxes = [attributes for _, attributes in leaky.tags if attributes.get("class") == "scroll"]
    assert len(boxes) > 10
    assert all(box.get("tabindex") == "0" and box.get("role") == "group" for box in boxes)
    assert all(box.get("aria-label") for box in boxes)
    # Whatever is wider than 390 px in itself lies in such a box.
    opened: list[bool] = []
    wide = re.compile(r"<(/?)div(?:[^>]*class=\"([^\"]*)\")?|<table", re.IGNORECASE)
    for tag in wide.finditer(leaky.text):
        if tag[0].startswith("</"):
            opened.pop()
        elif tag[0] == "<table":
            assert any(opened), leaky.text[tag.start() :][:80]
        else:
            if tag[2] in ("sheet", "wide"):
                assert any(opened), leaky.text[tag.start() :][:80]
            opened.append(tag[2] == "scroll")
    assert not opened


def test_leaks_stand_before_lost_sync(tmp_path: Path) -> None:
    page = Page(
        write_html(report(corpus(["a", "b", "c"], leak=0.8), "LSE-C[XM,AR] > 9", "LSE-C_S < 1"), tmp_path)
    )
    failed = page.words[page.words.index("What failed, and where to look") :]
    assert failed.index("LSE-C_S < 1") < failed.index("LSE-C[XM,AR] > 9")


def test_several_models_stand_side_by_side(tmp_path: Path) -> None:
    # As many as a paired test of the best one needs.
    leaky, clean = (corpus([*"abcdef"], leak=leak) for leak in (0.8, 0.0))
    both = report(leaky, *LIMITS)
    both["results"] += report(clean, *LIMITS)["results"]
    page = Page(write_html(both, tmp_path, labels=["ours <1>", "theirs"]))
    start = page.words.index("Models side by side")
    assert start < page.words.index("Limits"), "before what there is to say of each"
    table = page.words[start : page.words.index("Silent input")]
    assert table[1:4] == ["Leakage", "model", "LSE-C_S ↓"]
    values = [f"{measure(each, metric('LSE-C_S')).value:.2f}" for each in (leaky, clean)]
    assert [table[table.index(name) + 1] for name in ("ours <1>", "theirs")] == values
    assert f"<strong>{values[1]}</strong>" in page.text
    assert f"<strong>{values[0]}</strong>" not in page.text
    assert len([word for word in page.words if word.startswith("ours <1>")]) >= 3
    alone = Page(write_html(report(clean, *LIMITS), tmp_path / "alone"))
    assert "Models side by side" not in alone.words


def test_nothing_is_called_bold_where_nothing_is(tmp_path: Path) -> None:
    for names, marked in ((["a", "b"], False), ([*"abcdef"], True)):
        both = report(corpus(names, leak=0.8), *LIMITS)
        both["results"] += report(corpus(names, leak=0.0), *LIMITS)["results"]
        page = Page(write_html(both, tmp_path / str(marked), labels=["one", "two"]))
        assert ("of each column and reference is bold" in page.text) is marked


def test_a_model_that_keeps_its_limits(tmp_path: Path) -> None:
    page = Page(write_html(report(corpus(["a", "b"]), "LSE-C_S < 1"), tmp_path))
    assert "Passed" in page.words
    assert any(word.startswith("1 limit kept; not looked at: leaks under AR, ") for word in page.words)
    assert not any("What failed" in word for word in page.words)


def test_nothing_measured_is_not_passed(tmp_path: Path) -> None:
    empty = {"schema": 1, "verdict": "fail", "unjudged": ["test_x.py::test_<b>"], "results": []}
    page = Page(write_html(empty, tmp_path))
    assert "Failed" in page.words
    assert "test_x.py::test_<b>" in page.words


def test_what_these_clips_cannot_settle(tmp_path: Path) -> None:
    page = Page(write_html(report(corpus(["a", "b"]), "LSE-C_S < 1 @ 95%"), tmp_path))
    assert page.words[page.words.index("Lip leakage") + 1] == "Inconclusive"
    assert "1 of 1 limit not settled by these clips" in page.words
    assert "inconclusive" in page.words
    assert not any(word == "Passed" for word in page.words)


def test_mouth_opening_where_it_was_measured_in_this_run(tmp_path: Path) -> None:
    found = corpus(["a"])
    silent = CONDITIONS[2]
    found.pictures["a", silent] = {"MAR": 0.25}
    opening = np.linspace(0, 0.5, 125, dtype=np.float32)
    for value, lines in ((0.3, 0), (0.25, 2)):
        Gallery(files_of(tmp_path)).add_opening("made:up", "a", silent, "MAR", value, opening, opening[::-1])
        text = write_html(report(found), tmp_path).read_text()
        assert text.count('class="line opening') == lines, "the real mouth's and the generated one's"


def test_names_cannot_bring_markup(tmp_path: Path) -> None:
    found = corpus([EVIL, "b"], leak=0.8)
    gallery(found, files_of(tmp_path))
    page = Page(write_html(report(found, *LIMITS), tmp_path))
    assert len(page.all("script")) == 1
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert EVIL in page.words
    pictures = [image["src"] for image in page.all("img")]
    assert len(pictures) > 12
    assert all((tmp_path / unquote(str(src))).is_file() for src in pictures)


def test_needs_no_network(tmp_path: Path) -> None:
    found = corpus(["a", "b"], leak=0.8)
    gallery(found, files_of(tmp_path))
    page = Page(write_html(report(found, *LIMITS), tmp_path))
    assert not any("//" in address for address in page.addresses())
    assert "@import" not in page.text
    assert "url(" not in page.text


def test_pictures_of_another_run_are_not_shown(tmp_path: Path) -> None:
    gallery(corpus(["a", "b"], leak=0.5), files_of(tmp_path))
    page = Page(write_html(report(corpus(["a", "b"], leak=0.8), *LIMITS), tmp_path))
    shown = {unquote(str(image["src"])) for image in page.all("img")}
    # Only AM is the same in both: its lips heard the clip's own audio.
    assert shown
    assert all("-AM-" in address for address in shown)


def test_media_from_elsewhere_are_brought_along(tmp_path: Path) -> None:
    found = corpus(["a"], leak=0.8)
    gallery(found, tmp_path / "elsewhere")
    page = Page(write_html(report(found), tmp_path / "deep/page.html", media=tmp_path / "elsewhere"))
    sources = [unquote(str(image["src"])) for image in page.all("img")]
    assert sources
    assert all(source.startswith("page_files/made@up/a-") for source in sources)
    assert all((tmp_path / "deep" / source).is_file() for source in sources)


def test_kept_videos_lie_beside_the_page(tmp_path: Path) -> None:
    found = corpus(["a"])
    for key, trial in list(found.trials.items()):
        video = tmp_path / "kept" / f"{trial_stem('made:up', 'a', trial.condition)}.mp4"
        video.parent.mkdir(parents=True, exist_ok=True)
        video.write_bytes(str(key).encode())
        found.trials[key] = type(trial)(**{**vars(trial), "video": str(video)})
    data = json.loads(json.dumps(report(found)))
    for attempt in ("first", "again"):
        page = Page(write_html(data, tmp_path / "site", videos=[tmp_path / "kept"]))
        videos = [link for link in page.all("a") if link.get("class") == "video"]
        assert len(videos) == 8, attempt
        assert page.all("video") == [], "players are made where someone looks"
        assert {(tmp_path / "site" / unquote(str(v["href"]))).read_bytes().decode() for v in videos} == {
            str(("a", condition)) for condition in (None, *CONDITIONS)
        }
    # On another machine the paths in the JSON lead nowhere, but the report's own copies are there.
    for path in (tmp_path / "kept").rglob("*.mp4"):
        path.unlink()
    again = Page(write_html(data, tmp_path / "site"))
    assert [link.get("class") for link in again.all("a")].count("video") == 8


def test_dose_where_there_is_a_curve(tmp_path: Path) -> None:
    """A curve from the same made-up models, so that one that copies half lies on its middle."""
    found = corpus(["a", "b"], leak=0.5)
    assert "share of copied lips" not in write_html(report(found), tmp_path / "none").read_text()
    shares = (0.0, 0.5, 1.0)
    copies = [corpus(["a", "b"], leak=share) for share in shares]
    columns = {column: tuple(tuple(copy.column(column).values()) for copy in copies) for column in COLUMNS}
    about = identity(found.provenance)
    curve = tmp_path / "dose.json"
    curve.write_text(json.dumps(DoseCurve(about, ("a", "b"), shares, columns).to_dict()))
    text = write_html(report(found), tmp_path / "some", dose=curve).read_text()
    assert re.search(r"<strong>LSE-C_S ↓</strong> leaks like a 50 % copy", text)
    dot = re.search(r'LSE-C_S by copied share".*?<circle class="dot own" cx="([\d.]+)"', text)
    assert dot is not None
    assert float(dot[1]) == pytest.approx((34 + 292) / 2, abs=1.5)


def test_two_hundred_clips(tmp_path: Path) -> None:
    found = corpus([f"speaker/{n:03}" for n in range(200)], leak=0.5)
    page = Page(write_html(report(found, *LIMITS), tmp_path))
    assert len([d for d in page.all("details") if d.get("class") == "clip"]) == 200
    assert len(page.text) < 8_000_000
    assert all(image["loading"] == "lazy" for image in page.all("img"))


def test_files_of_pauses_are_forgotten_too(tmp_path: Path) -> None:
    for reference in Reference:
        video = files_of(tmp_path) / f"{trial_stem('made:up', 'a', Condition(Setup.PA, reference))}.mp4"
        video.parent.mkdir(parents=True, exist_ok=True)
        video.touch()
    forget_page(tmp_path)
    assert not [path for path in files_of(tmp_path).rglob("*") if path.is_file()]


def test_only_own_files_are_forgotten(tmp_path: Path) -> None:
    gallery(corpus(["a"]), files_of(tmp_path))
    mine = files_of(tmp_path) / "made@up" / "notes.json"
    mine.write_text("{}")
    forget_page(tmp_path)
    assert [path for path in files_of(tmp_path).rglob("*") if path.is_file()] == [mine]


def test_folder_or_file() -> None:
    assert page_of(Path("out")) == Path("out/index.html")
    assert page_of(Path("out/x.html")) == Path("out/x.html")
    assert files_of(Path("out")) == Path("out/report_files")
    assert files_of(Path("out/x.html")) == Path("out/x_files")


def test_without_jinja2_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(MissingExtraError, match=r"pytest-lipleak\[html\]"):
        write_html(report(corpus(["a"])), tmp_path)


def test_another_schema_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="schema 99"):
        write_html({"schema": 99, "results": []}, tmp_path)
