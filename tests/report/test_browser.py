"""The HTML report in a real browser: it reads at any width, its links and tables work, its videos play."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from corpora import corpus, report

from pytest_lipleak.core.clips import Clip
from pytest_lipleak.evaluation.make.crops import Cropper
from pytest_lipleak.evaluation.make.gallery import Gallery, trial_stem
from pytest_lipleak.media.video import write_playable
from pytest_lipleak.report.html import write_html
from pytest_lipleak.report.page_files import files_of
from pytest_lipleak.sync.protocols import Protocol

pytestmark = pytest.mark.slow
pytest.importorskip("jinja2")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PATHS = [path for path in map(shutil.which, BROWSERS) if path]
playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright and Chromium")
if not PATHS:
    pytest.skip(f"needs one of {', '.join(BROWSERS)} on PATH", allow_module_level=True)

LONG = "success[XM,CR] > 0.995"
"""As long as names of default gates are."""

SIZES = {"desktop": (1280, 900), "phone": (390, 844)}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=PATHS[0], args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A failing report on three clips, with pictures, and with the videos of the first."""
    folder = tmp_path_factory.mktemp("browser")
    found = corpus(["a", "b <script>", "c"], leak=0.8)
    frames = np.random.default_rng(0).integers(0, 256, (125, 64, 64, 3), np.uint8)
    for key, trial in list(found.trials.items()):
        clip = Clip(trial.clip, frames, np.zeros(125 * 640, np.int16))
        if trial.condition is not None:
            Gallery(files_of(folder)).add(
                "made:up", trial, clip, lambda: frames, None, Cropper(Protocol.DIRECT)
            )
        if trial.clip == "a":
            video = folder / "kept" / f"{trial_stem('made:up', 'a', trial.condition)}.mp4"
            video.parent.mkdir(parents=True, exist_ok=True)
            write_playable(video, frames, clip.audio)
            found.trials[key] = type(trial)(**{**vars(trial), "video": str(video)})
    document = report(found, "LSE-C_S < 1", "LSD-CR < 0.8", "LSE-C[XM,AR] > 1.5", LONG)
    return write_html(document, folder, videos=[folder / "kept"])


@pytest.fixture
def opened(browser: Any, page_file: Path, request: pytest.FixtureRequest) -> Iterator[Any]:
    """The page at a size and colour scheme; at the end nothing may have gone wrong."""
    size, scheme = getattr(request, "param", ("desktop", "light"))
    width, height = SIZES[size]
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    page = context.new_page()
    wrong: list[str] = []
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto(page_file.as_uri())
    yield page
    assert wrong == []
    context.close()


EVERYWHERE = [(size, scheme) for size in SIZES for scheme in ("light", "dark")]


@pytest.mark.parametrize("opened", EVERYWHERE, indirect=True, ids="-".join)
def test_reads_at_a_glance(opened: Any) -> None:
    size = opened.viewport_size
    heading = opened.locator("h1")
    assert heading.inner_text().startswith("Failed")
    assert "leaks under silence" in heading.inner_text()
    assert heading.bounding_box()["y"] < 100
    # The first limits with their values, without scrolling in any direction.
    value = opened.locator("table.limits tbody tr").first.locator("td.number").first.bounding_box()
    assert value["y"] < size["height"]
    assert value["x"] + value["width"] <= size["width"]
    assert opened.evaluate("document.documentElement.scrollWidth") <= size["width"]
    names = [
        box["height"] for row in opened.locator("table.limits tbody th").all() if (box := row.bounding_box())
    ]
    if size["width"] > 1000:
        assert max(names) < 80, "names break on narrow screens alone"
    # Value and limit stand beside each other, however long the name.
    for box in opened.locator(".scroll:has(table.limits)").all():
        assert box.evaluate("box => box.scrollWidth - box.clientWidth") <= 0


@pytest.mark.parametrize("opened", [("desktop", "light"), ("desktop", "dark")], indirect=True, ids="-".join)
def test_colours_differ_and_can_be_read(opened: Any) -> None:
    """The contrast of text and background by WCAG: 4.5 and more."""
    contrast = """selector => {
        const probe = document.querySelector(selector);
        const light = colour => {
            const [r, g, b] = colour.match(/[\\d.]+/g).map(Number).map(v => v / 255)
                .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
            return 0.2126 * r + 0.7152 * g + 0.0722 * b;
        };
        let back = probe;
        while (getComputedStyle(back).backgroundColor === "rgba(0, 0, 0, 0)") back = back.parentElement;
        const [a, b] = [getComputedStyle(probe).color, getComputedStyle(back).backgroundColor].map(light);
        return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    }"""
    for selector in (
        "h1",
        "body",
        ".caption",
        "thead th",
        ".badge.fail",
        ".badge.pass",
        "a[href^='#m']",
        "td.meaning",
    ):
        assert opened.evaluate(contrast, selector) >= 4.5, selector


def test_tables_sort_by_mouse_and_keyboard(opened: Any) -> None:
    head = opened.locator("table.clips thead button").first
    names = opened.locator("table.clips tbody th")
    head.click()
    assert names.all_inner_texts() == ["a", "b <script>", "c"]
    head.focus()
    opened.keyboard.press("Enter")
    assert names.all_inner_texts() == ["c", "b <script>", "a"]
    value = opened.locator("table.limits thead button", has_text="value")
    value.click()
    shown = opened.locator("table.limits tbody tr td:nth-child(3)").all_inner_texts()
    assert [float(each) for each in shown] == sorted(float(each) for each in shown)


def test_a_link_opens_its_clip_and_its_pictures_load(opened: Any) -> None:
    assert not opened.locator("details.clip").first.evaluate("clip => clip.open")
    opened.locator("table.clips a", has_text="b <script>").click()
    clip = opened.locator("details.clip[open]")
    assert clip.locator("summary").inner_text().startswith("b <script>")
    picture = clip.locator("img").first
    picture.scroll_into_view_if_needed()
    opened.wait_for_function(
        "image => image.complete && image.naturalWidth > 500", arg=picture.element_handle()
    )


def test_videos_play_together(opened: Any) -> None:
    opened.locator("details.clip summary").first.click()
    group = opened.locator(".videos").first
    assert group.locator("figure").count() == 4
    assert group.locator("figcaption").all_inner_texts()[0] == "real"
    group.locator("button").click()
    for video in group.locator("video").element_handles():
        opened.wait_for_function("video => video.currentTime > 0.2 && video.videoWidth === 64", arg=video)
    assert group.locator("video").evaluate_all("videos => videos.map(video => video.muted)") == [
        False, True, True, True,
    ]  # fmt: skip


def test_prints(opened: Any) -> None:
    assert opened.pdf().startswith(b"%PDF")
    opened.emulate_media(media="print")
    assert not opened.locator("details.clip").first.is_visible(), "clips that nobody opened are left out"
