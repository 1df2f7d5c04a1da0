"""Reports of strangers: one clear error each, and nothing of this machine is read, changed or run for them."""

import json
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from corpora import corpus, report

from pytest_lipleak.cli import main
from pytest_lipleak.core.conditions import EVERY_CONDITION
from pytest_lipleak.core.errors import InputError
from pytest_lipleak.core.scores import LAGS, LagScan
from pytest_lipleak.evaluation.make.gallery import trial_stem
from pytest_lipleak.report.reading import read_report

LIMITS = ("LSE-C_S < 1", "LSD-CR < 0.8 @ 95%", "LSE-C[XM,AR] > 1.5")


def whole(names: tuple[str, ...] = ("a", "b", "c")) -> dict[str, Any]:
    found = corpus(list(names), leak=0.5)
    key = list(found.trials)[2]
    row = (0.1,) * len(LAGS)
    found.scans[key] = LagScan((row, row), (row, row), row, 0.2)
    data: dict[str, Any] = json.loads(json.dumps(report(found, *LIMITS)))
    return data


def saved(path: Path, data: Any) -> Path:
    path.write_bytes(data if isinstance(data, bytes) else json.dumps(data).encode())
    return path


def test_a_sound_report_is_read(tmp_path: Path) -> None:
    file = saved(tmp_path / "report.json", whole())
    assert [found.provenance.model for found in read_report(file).corpora] == ["made:up"]
    saved(file, b"\xef\xbb\xbf" + json.dumps(whole()).encode())
    assert len(read_report(file).corpora) == 1, "Windows writes a byte order mark"


@pytest.mark.parametrize("version", [1, 2])
def test_older_reports_are_read_with_the_names_they_have(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], version: int
) -> None:
    data = whole()
    expected = read_report(saved(tmp_path / "today.json", data)).corpora[0].trials
    (result,) = data["results"]
    result["takes"] = result.pop("trials")
    del result["expert_unfit"]
    result["objection"] = "this expert cannot judge these clips"
    data["schema"] = version
    if version == 1:
        del data["run"]
        for part in (data, result):
            for name in ("finding", "headline", "lines"):
                del part[name]
    file = saved(tmp_path / "old.json", data)
    (read,) = read_report(file).corpora
    assert read.trials == expected
    assert read.expert_unfit == "this expert cannot judge these clips"
    main(["report", str(file)])
    assert "this expert cannot judge these clips" in capsys.readouterr().out


def test_trials_of_every_condition_are_read(tmp_path: Path) -> None:
    """What a model of this version can be measured under, speech with pauses among it, and nothing else."""
    found = corpus(["a", "b", "c"], conditions=EVERY_CONDITION)
    data = json.loads(json.dumps(report(found, *LIMITS)))
    (read,) = read_report(saved(tmp_path / "report.json", data)).corpora
    assert read.trials == found.trials
    assert {str(condition) for _, condition in read.trials} >= {"PA,CR", "PA,AR", "SI,AR"}
    data["results"][0]["trials"][-1]["condition"] = "AP,CR"
    with pytest.raises(InputError, match="condition must match pattern"):
        read_report(saved(tmp_path / "report.json", data))


@pytest.mark.parametrize(
    "lie",
    [
        {"passed": True, "judged": True, "outcome": "fail"},
        {"passed": False, "judged": True, "outcome": "pass"},
        {"passed": True, "judged": False, "outcome": "pass"},
        {"passed": True, "judged": True, "outcome": "pass", "bound": "< 100"},
        {"passed": True, "judged": True, "outcome": "pass", "value": 50.0},
        {"passed": True, "judged": True, "outcome": "pass", "value": None},
    ],
    ids=str,
)
def test_a_verdict_that_contradicts_itself_is_refused(tmp_path: Path, lie: dict[str, Any]) -> None:
    data = whole()
    (verdict,) = [each for each in data["results"][0]["verdicts"] if each["limit"] == LIMITS[0]]
    verdict.update(lie)
    with pytest.raises(InputError, match=r"contradicts itself|was passed"):
        read_report(saved(tmp_path / "report.json", data))


def test_a_run_that_did_not_end_is_not_judged_by_a_comparison(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = {"weights_sha256": "0" * 64, "clips_sha256": "1" * 64}
    data, early = whole(), whole()
    for each in (data, early):
        each["results"][0]["provenance"].update(known)
    before = saved(tmp_path / "before.json", data)
    early["run"].update(ended="early", why="interrupted", not_run=["LSE-C_S < 1"])
    after = saved(tmp_path / "after.json", early)
    assert main(["compare", str(before), str(before), "--fail", "LSE-C_S > +5"]) == 0
    assert main(["compare", str(before), str(after), "--fail", "LSE-C_S > +5"]) == 3
    assert "interrupted; did not run: LSE-C_S < 1" in capsys.readouterr().err
    assert main(["compare", str(before), str(after)]) == 0, "it is shown all the same"


SOUND = json.dumps(whole()).encode()
BROKEN = {
    "empty": (b"", "is no JSON file"),
    "truncated": (SOUND[: len(SOUND) // 2], "is no JSON file"),
    "two documents": (SOUND + SOUND, "is no JSON file"),
    "UTF-16": (SOUND.decode().encode("utf-16"), "is no text in UTF-8"),
    "Latin-1": (SOUND.replace(b"made:up", "modèle".encode("latin-1")), "is no text in UTF-8"),
    "deep lists": (b"[" * 200_000, "is nested too deeply"),
    "deep objects": (b'{"a":' * 200_000, "is nested too deeply"),
    "NaN": (SOUND.replace(b'"seed": 0', b'"seed": NaN'), "NaN is no JSON number"),
    "Infinity": (
        SOUND.replace(b'"own_offset": 0', b'"own_offset": Infinity', 1),
        "Infinity is no JSON number",
    ),
    "1e999": (SOUND.replace(b'"windows": 120', b'"windows": 1e999', 1), "1e999 is out of range"),
    "1e300": (SOUND.replace(b'"windows": 120', b'"windows": 1e300', 1), "1e300 is out of range"),
    "10^5000": (SOUND.replace(b'"seed": 0', b'"seed": 1' + b"0" * 5000), "is out of range"),
    "key twice": (
        SOUND.replace(b'"verdict": ', b'"verdict": "pass", "verdict": ', 1),
        'the key "verdict" stands twice',
    ),
    "lone surrogate": (SOUND.replace(b"made:up", b"\\ud800"), "half a character"),
    "a list": (b"[]", "expected an object with the key 'schema'"),
    "a number": (b"1", "expected an object with the key 'schema'"),
    "another schema": (b'{"schema": 99}', "report has schema 99, expected"),
    "schema true": (SOUND.replace(b'"schema": 3', b'"schema": true'), "report has schema True"),
}


@pytest.mark.parametrize(("content", "words"), BROKEN.values(), ids=BROKEN)
def test_a_broken_file_is_one_clear_error(
    content: bytes, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = saved(tmp_path / "evil.json", content)
    with pytest.raises(InputError) as caught:
        read_report(file)
    assert str(caught.value).startswith(f"{file}: ")
    assert words in str(caught.value)
    assert len(str(caught.value)) < len(str(file)) + 400
    good = saved(tmp_path / "good.json", SOUND)
    for command in (
        ["report", file],
        ["merge", file, good],
        ["compare", good, file],
        ["compare", file, good],
    ):
        assert main([*map(str, command)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 4
    assert all(line.startswith("lipleak: ") for line in lines)


def first(data: dict[str, Any]) -> Any:
    return data["results"][0]


def name_a_clip(name: str) -> Callable[[dict[str, Any]], None]:
    def change(data: dict[str, Any]) -> None:
        text = json.dumps(data["results"]).replace('"a"', json.dumps(name))
        data["results"] = json.loads(text)

    return change


CONTRADICTIONS: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "take twice": (lambda data: first(data)["trials"].append(first(data)["trials"][0]), "the video 'a', "),
    "clip twice": (
        lambda data: first(data)["provenance"]["clip_names"].append("a"),
        "the clip 'a' stands twice",
    ),
    "limit twice": (
        lambda data: first(data)["verdicts"].append(first(data)["verdicts"][0]),
        "stands twice in it",
    ),
    "unknown clip": (
        lambda data: first(data)["trials"][0].update(clip="z"),
        "the clip 'z' is none of the report's",
    ),
    "scan twice": (lambda data: first(data)["scans"].append(first(data)["scans"][0]), "the scan "),
    "scan of an unknown clip": (
        lambda data: first(data)["scans"][0].update(clip="z"),
        "the clip 'z' is none of the report's",
    ),
    "scan without trial": (lambda data: first(data).update(trials=[]), "scans: the video of"),
    "scan without others": (lambda data: first(data)["scans"][0]["lips"].pop(), "at least two rows"),
    "scan of 20 lags": (lambda data: first(data)["scans"][0]["excess"][1].pop(), "21 lags in every row"),
    "slope of 20 lags": (lambda data: first(data)["scans"][0]["slope"].pop(), "21 lags in every row"),
    "part of nothing": (lambda data: first(data)["provenance"].update(shard={"of": 2}), "provenance.shard"),
    "part zero": (
        lambda data: first(data)["provenance"].update(shard={"part": 0, "of": 2, "clips": ["a"]}),
        "provenance.shard.part",
    ),
    "unrelated speech without a real clip": (
        lambda data: first(data).update(
            unrelated={"a": [0.1, 0.2]},
            scans=[],
            trials=[each for each in first(data)["trials"] if each["condition"] != "GT"],
        ),
        "unrelated: the real clip 'a' has no score",
    ),
    "other metric": (
        lambda data: first(data)["verdicts"][0].update(metric="LSD-AR"),
        "is no limit of 'LSD-AR'",
    ),
    "no metric": (lambda data: first(data)["verdicts"][0].update(metric="XYZ"), "XYZ"),
    "no limit": (lambda data: first(data)["verdicts"][0].update(limit="x"), "is no report"),
    "passed unjudged": (
        lambda data: first(data)["verdicts"][0].update(passed=True, judged=False),
        "without having been",
    ),
    "climbing clip": (name_a_clip("../../etc/passwd"), "leads out of its folder"),
    "absolute clip": (name_a_clip("/etc/passwd"), "is an absolute path"),
    "escape in clip": (name_a_clip("\x1b[2J"), "U+001B"),
    "line in clip": (name_a_clip("a\n::error::gotcha"), "U+000A"),
    "escape in model": (lambda data: first(data)["provenance"].update(model="a\x1b]0;x\x07"), "U+001B"),
    "extra key": (lambda data: data.update(evil=1), "is no report"),
    "missing key": (lambda data: first(data).pop("trials"), "is no report"),
    "text for a number": (lambda data: first(data)["trials"][0].update(own_offset="0"), "is no report"),
    "truth for a number": (lambda data: first(data)["trials"][0]["own"].update(windows=True), "is no report"),
    "30 distances": (lambda data: first(data)["trials"][0]["own"]["mean_distances"].pop(), "is no report"),
}


@pytest.mark.parametrize(("change", "words"), CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_a_report_that_contradicts_itself_is_refused(
    change: Callable[[Any], Any], words: str, tmp_path: Path
) -> None:
    data = whole()
    change(data)
    with pytest.raises(InputError) as caught:
        read_report(saved(tmp_path / "evil.json", data))
    assert words in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """A file of the reader that a stranger would like to have."""
    path = tmp_path / "home" / "private.mp4"
    path.parent.mkdir()
    path.write_bytes(b"private")
    return path


def with_video(folder: Path, video: str) -> Path:
    """A stranger's report, in a folder of downloads, on trials whose videos are all at that path."""
    folder.mkdir(exist_ok=True)
    data = whole()
    for trial in first(data)["trials"]:
        trial["video"] = video
    return saved(folder / "evil.json", data)


def published(target: Path) -> list[bytes]:
    return [path.read_bytes() for path in target.rglob("*") if path.is_file() and path.suffix != ".html"]


@pytest.mark.parametrize("way", ["absolute", "climbing", "linked", "linked folder", "named like a trial"])
def test_no_file_of_the_readers_is_published(way: str, victim: Path, tmp_path: Path) -> None:
    downloads, target = tmp_path / "downloads", tmp_path / "pub"
    downloads.mkdir()
    stem = trial_stem("made:up", "a", None)
    video = {
        "absolute": str(victim),
        "climbing": "../home/private.mp4",
        "linked": f"{Path(stem).name}.mp4",
        "linked folder": f"home/{Path(stem).name}.mp4",
        "named like a trial": str(victim.with_name(f"{Path(stem).name}.mp4")),
    }[way]
    if way == "linked":
        (downloads / video).symlink_to(victim)
    if way == "linked folder":
        (downloads / "home").symlink_to(victim.parent)
    if way in ("linked folder", "named like a trial"):
        victim.rename(victim.with_name(f"{Path(stem).name}.mp4"))
    file = with_video(downloads, video)
    assert main(["report", str(file), "--format", "html", "-o", str(target / "index.html")]) == 0
    assert published(target) == []


def test_other_files_of_the_reports_folder_are_not_published(tmp_path: Path) -> None:
    (tmp_path / "downloads").mkdir()
    (tmp_path / "downloads" / "private.mp4").write_bytes(b"private")
    file = with_video(tmp_path / "downloads", "private.mp4")
    assert main(["report", str(file), "--format", "html", "-o", str(tmp_path / "pub" / "index.html")]) == 0
    assert published(tmp_path / "pub") == []


@pytest.mark.parametrize("media", [False, True])
def test_videos_of_a_run_are_copied_and_never_linked(media: bool, tmp_path: Path) -> None:
    downloads = tmp_path / "downloads"
    kept = (
        tmp_path / "elsewhere" if media else downloads / "kept"
    ) / f"{trial_stem('made:up', 'a', None)}.mp4"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"video")
    file = with_video(downloads, str(kept))
    more = ["--media", str(tmp_path / "elsewhere")] if media else []
    assert (
        main(["report", str(file), "--format", "html", "-o", str(tmp_path / "pub" / "index.html"), *more])
        == 0
    )
    assert published(tmp_path / "pub") == [b"video"]
    assert kept.stat().st_nlink == 1


def test_nothing_outside_of_the_output_is_written(tmp_path: Path) -> None:
    def listed() -> set[Path]:
        return {path for path in tmp_path.rglob("*") if not path.is_relative_to(tmp_path / "pub")}

    data = whole()
    first(data)["provenance"]["model"] = "../../evil"
    file = saved(tmp_path / "evil.json", data)
    before = listed()
    assert (
        main(["report", str(file), "--format", "html", "-o", str(tmp_path / "pub" / "deep" / "index.html")])
        == 0
    )
    assert listed() == before


INJECTION = (
    "\"'></title></script><script>alert(1)</script><img src=x onerror=alert(1)><a href=javascript:1>{{7*7}}"
)


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def poisoned(value: Any, *, key: str = "") -> Any:
    """The report with the injection in every text that may be any."""
    if isinstance(value, dict):
        return {name: poisoned(inner, key=name) for name, inner in value.items()}
    if isinstance(value, list):
        return [poisoned(inner, key=key) for inner in value]
    fixed = (
        "condition",
        "outcome",
        "verdict",
        "metric",
        "better",
        "bound",
        "limit",
        "protocol",
        "created",
        "begun",
        "finding",
        "ended",
    )
    if not isinstance(value, str) or key in fixed or "sha256" in key:
        return value
    return INJECTION + value


def test_no_text_becomes_markup_or_script(tmp_path: Path) -> None:
    data = whole()
    data["unjudged"], first(data)["warnings"], first(data)["expert_unfit"] = ["test"], ["mind"], "unfit"
    for entry in first(data)["trials"]:
        entry["notes"], entry["video"] = ["note"], "javascript:alert(1)"
    first(data)["provenance"]["notes"] = ["note"]
    clean = Tags()
    page = tmp_path / "index.html"
    file = saved(tmp_path / "report.json", data)
    assert main(["report", str(file), "--format", "html", "-o", str(page)]) == 0
    clean.feed(page.read_text())
    saved(file, poisoned(data))
    assert main(["report", str(file), "--format", "html", "-o", str(page)]) == 0
    evil = Tags()
    evil.feed(page.read_text())
    assert [tag for tag, _ in evil.found] == [tag for tag, _ in clean.found]
    for tag, attributes in evil.found:
        assert not [name for name in attributes if name.startswith("on")], tag
        assert not (attributes.get("href") or "").startswith("javascript"), tag
