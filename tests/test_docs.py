"""Every block of code in README, CONTRIBUTING and docs is run, or checked as what it is."""

import ast
import json
import re
import sys
import tomllib
from pathlib import Path

import pytest
from doc_blocks import ALL, PAGES, ROOT, Block, commands, of

from pytest_lipleak.cli import parser
from pytest_lipleak.core.metrics.formulas import KNOWN_METRICS
from pytest_lipleak.settings.options import OPTIONS
from pytest_lipleak.verdicts.limits import Limit

OWN_TEST = {"adapters.md"}
"""Pages whose Python is run by a test of their own, in a package that stands for the reader's."""


def test_every_block_says_what_it_is() -> None:
    checked = {"python", "toml", "yaml", "console", "json", "bash"}  # bash: test_cluster_docs.py
    # Text is what a program printed, or a picture of folders.
    assert {block.language for block in ALL} <= checked | {"text", ""}
    unnamed = {block.page.name for block in ALL if not block.language}
    assert unnamed <= {"CONTRIBUTING.md"}, "only the house's floor plan has no language"


@of("python")
def test_python_compiles(block: Block) -> None:
    compile(block.code, str(block), "exec")


def needs_the_readers_package(code: str) -> bool:
    return "my_package" in "".join(line for line in code.splitlines() if "import" in line)


@of("python")
def test_python_runs(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Alone, as a module; tests and fixtures are run further below."""
    if block.page.name == "recipes.md":
        return  # test_recipes.py runs them on a report
    if block.page.name in OWN_TEST:
        assert needs_the_readers_package(block.code) or "class" in block.code
        return
    monkeypatch.chdir(tmp_path)
    exec(compile(block.code, str(block), "exec"), {"__name__": "example"})


@of("toml")
def test_toml(block: Block) -> None:
    data = tomllib.loads(block.code)
    keys = data.get("tool", {}).get("pytest", {}).get("ini_options", {})
    assert keys.keys() <= {option.ini for option in OPTIONS} | {"testpaths"}
    for gate in keys.get("lipleak_gates", ()):
        Limit.parse(gate)


@of("yaml")
def test_yaml(block: Block) -> None:
    yaml = pytest.importorskip("yaml")
    inputs = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))["inputs"]
    for job in yaml.safe_load(block.code)["jobs"].values():
        for step in job["steps"]:
            if "pytest-lipleak@" in step.get("uses", ""):
                assert step["with"].keys() <= inputs.keys()
                for gate in step["with"].get("gates", "").splitlines():
                    Limit.parse(gate)


@of("console")
def test_console(block: Block) -> None:
    """Options are known and limits can be read, also of what ``test_docs_run.py`` cannot run."""
    found = commands(block.code)
    assert found
    for program, *arguments in found:
        name = Path(program).name
        assert name in ("pytest", "lipleak", "python", "pip"), f"what is {program}?"
        if name == "pytest":
            check_pytest(arguments)
        if name == "lipleak":
            parser().parse_args(arguments)


def check_pytest(arguments: list[str]) -> None:
    flags = {option.flag for option in OPTIONS}
    for argument in arguments:
        flag, _, value = argument.partition("=")
        if flag.startswith("--lipleak"):
            assert flag in flags, f"{flag} is no option"
        if flag == "--lipleak-gate":
            Limit.parse(value)


def test_tests_of_the_docs_run(pytester: pytest.Pytester, tmp_path: Path, warm: None) -> None:
    """All examples with tests, on the demo and few short clips: what they ask for is there."""
    from pytest_lipleak.media.clipsets import EMBEDDED, open_clips
    from pytest_lipleak.media.video import write_video

    embedded = open_clips(EMBEDDED)
    speaker = tmp_path / "clips" / "anna"
    speaker.mkdir(parents=True)
    for name in ("anna_1", "anna_2", "anna_3"):
        write_video(speaker / f"{name}.mkv", embedded[name].frames[:75], embedded[name].audio[: 75 * 640])
    found = [
        b for b in ALL if b.language == "python" and "def test_" in b.code and b.page.name not in OWN_TEST
    ]
    assert len(found) >= 2
    for number, block in enumerate(found):
        (pytester.path / f"test_docs_{number}.py").write_text(block.code)
    run = pytester.runpytest_subprocess(
        "-p", "no:randomly", "--lipleak-model=demo", "--lipleak-expert=embedded",
        f"--lipleak-clips={speaker.parent}", "--lipleak-json=report.json",
    )  # fmt: skip
    outcomes = run.parseoutcomes()
    assert outcomes.pop("errors", 0) == 0
    # The limits are for longer clips: some may be broken here, but every one is judged.
    assert sum(outcomes.get(word, 0) for word in ("passed", "failed")) >= 8
    report = json.loads((pytester.path / "report.json").read_text())
    assert report["unjudged"] == []
    assert {verdict["outcome"] for verdict in report["results"][0]["verdicts"]} <= {"pass", "fail"}


READ_IN_A_MINUTE = 200
"""Words of prose and tables; code is looked at."""


@pytest.mark.parametrize(
    "page", [each for each in PAGES if each.parent.name != "evidence"], ids=lambda page: page.name
)
def test_a_page_is_read_in_ten_minutes(page: Path) -> None:
    """Long tables have pages of their own, under evidence."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.S | re.M)
    assert len(text.split()) <= 10 * READ_IN_A_MINUTE


def strings(path: Path) -> list[str]:
    """Texts of a module, with what is filled in as three dots."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.append(node.value)
        if isinstance(node, ast.JoinedStr):
            parts = [str(p.value) if isinstance(p, ast.Constant) else "..." for p in node.values]
            found.append("".join(parts))
    return found


def test_troubleshooting_quotes_what_the_program_says() -> None:
    said = "\n".join(text for path in ROOT.glob("pytest_lipleak/**/*.py") for text in strings(path))
    text = (ROOT / "docs/troubleshooting.md").read_text(encoding="utf-8")
    quoted = re.findall(r"`([^`]+)`", "\n".join(line for line in text.splitlines() if line.startswith("**`")))
    assert len(quoted) > 15
    lost = [words for words in quoted if not re.search(".*".join(map(re.escape, words.split("..."))), said)]
    assert lost == []


def test_every_metric_is_explained() -> None:
    text = (ROOT / "docs/metrics.md").read_text(encoding="utf-8")
    for name in KNOWN_METRICS:
        base = re.split(r"\[|-CR|-AR", name)[0]
        assert re.search(rf"\b{re.escape(base)}\b", text), base
    assert text.count("Source") >= 8


def test_what_the_code_writes_on_the_site(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    import hooks

    for page in (ROOT / "docs").glob("*.md"):
        written = hooks.on_page_markdown(page.read_text(encoding="utf-8"))
        assert "<!-- written" not in written, f"{page.name} asks for what nothing writes"
    assert all(f"`{name}`" in hooks.metrics_table() for name in KNOWN_METRICS)
    assert all(f"`{option.ini}`" in hooks.options_table() for option in OPTIONS)
    assert "`lipleak merge`" in hooks.commands()
    sys.modules.pop("hooks")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if not target.startswith(("http", "#", "mailto")):
            assert (page.parent / target.partition("#")[0]).exists(), target


def test_nobody_is_told_to_install_by_a_name_that_no_index_knows() -> None:
    """In prose an extra is named to those who have the package; commands are for those who begin."""
    if (
        "(unreleased)"
        not in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").partition("\n## ")[2].split("\n")[0]
    ):
        return
    told = [(block.page.name, line) for block in ALL for line in block.code.splitlines()]
    for example in (ROOT / "examples").rglob("*.yml"):
        told += [(example.name, line) for line in example.read_text(encoding="utf-8").splitlines()]
    by_name = re.compile(r"pip install (?!.*git\+).*pytest-lipleak")
    assert [each for each in told if by_name.search(each[1])] == []


def test_the_site_lists_every_page() -> None:
    listed = set(re.findall(r"(\w[\w/-]*\.md)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.M))
    assert listed == {page.relative_to(ROOT / "docs").as_posix() for page in (ROOT / "docs").rglob("*.md")}


def test_json_blocks() -> None:
    for block in ALL:
        if block.language == "json":
            json.loads(block.code)


def test_all_assertions_are_named_where_tests_are_written() -> None:
    import pytest_lipleak

    page = (ROOT / "docs" / "tests.md").read_text(encoding="utf-8")
    assert [
        name for name in pytest_lipleak.__all__ if name.startswith("assert_") and f"`{name}`" not in page
    ] == []
