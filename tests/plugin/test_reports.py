"""What a run leaves behind: table, JSON, JUnit properties. Numbers agree everywhere."""

import html
import json
import math
import re
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Callable
from statistics import median
from typing import Any

import pytest
from inner_pytest import Project, Run

from pytest_lipleak.core.metrics.formulas import metric
from pytest_lipleak.evaluation.results.aggregate import measure
from pytest_lipleak.report.json import read_document, schema
from pytest_lipleak.report.properties import set_properties
from pytest_lipleak.verdicts.limits import Limit, Measurement
from pytest_lipleak.verdicts.value_against_limit import judge

LIMITS = ("LSD-CR < 0.001", "LSE-C_S < 50", "LSE-C[XM,CR] > 0", "LSE-C_S < 60")
GATES = tuple(f"--lipleak-gate={limit}" for limit in LIMITS)


def cells(run: Run, first: str) -> list[str]:
    (line,) = run.lines(rf"^{re.escape(first)} ")[:1]
    return re.split(r"\s{2,}", line)


OWN_TEST = """
from pytest_lipleak import assert_metric
def test_two(lipleak):
    assert_metric(lipleak, "LSE-D_S > 0.5")
    assert_metric(lipleak, "LSE-C_S < 40")
"""
# A copy is infinitely like its original, which JSON cannot say.
PICTURE_GATES = ("--lipleak-gate=SSIM[SI,CR] > 0.9", "--lipleak-gate=PSNR[AM,CR] > 30")

_runs: dict[tuple[str, ...], Run] = {}


def made_once(project: Project, *arguments: str) -> Run:
    """A run of the copying model: made once, for all tests that read what it left."""
    if arguments not in _runs:
        _runs[arguments] = project.measure("Copy", *arguments)
    return _runs[arguments]


def copied(project: Project, distribution: tuple[str, ...]) -> Run:
    """A run under all gates."""
    return made_once(project, *GATES, *distribution)


def copied_with_pictures(project: Project, distribution: tuple[str, ...]) -> Run:
    """A run under all gates, those of picture measures too, with a test beside them and a JUnit file."""
    project.write(test_own=OWN_TEST)
    return made_once(project, *GATES, *PICTURE_GATES, "--junitxml=junit.xml", *distribution)


def test_table_agrees_with_the_json_report(project: Project, distribution: tuple[str, ...]) -> None:
    run = copied(project, distribution)
    (corpus,) = read_document(run.json)
    for row, name in (("real clips", "GT"), ("AM CR", "AM,CR"), ("XM CR", "XM,CR"), ("SI CR", "SI,CR")):
        shown = cells(run, row)
        assert shown[1] == f"{measure(corpus, metric(f'LSE-C[{name}]')).value:.2f}"
        assert shown[2] == f"{measure(corpus, metric(f'LSE-D[{name}]')).value:.2f}"
        assert shown[4] == "3"
    for name in ("LSE-C_S", "LSE-D_S", "LSD-CR"):
        again = measure(corpus, metric(name))
        assert again.interval is None
        shown = cells(run, f"{name} {again.metric.arrow}")
        assert shown[1:3] == [f"{again.value:.2f}", "needs 5 clips"]
    assert [cells(run, "LSD-CR ↓")[3:], cells(run, "LSE-C[XM,CR] ↑")[3:]] == [
        ["< 0.001", "FAILED"],
        ["> 0", "ok"],
    ]
    assert [line.split()[-3:] for line in run.lines("^LSE-C_S ↓")] == [["<", "50", "ok"], ["<", "60", "ok"]]
    for verdict in run.json["results"][0]["verdicts"]:
        assert verdict["value"] == measure(corpus, metric(verdict["metric"])).value


def test_picture_measures_travel_too(project: Project, distribution: tuple[str, ...]) -> None:
    run = copied_with_pictures(project, distribution)
    kept = {verdict["limit"] for verdict in run.json["results"][0]["verdicts"] if verdict["passed"]}
    assert kept >= {"SSIM[SI,CR] > 0.9", "PSNR[AM,CR] > 30"}
    assert run.lines("^SI CR .*1.000")
    (corpus,) = read_document(run.json)
    assert measure(corpus, metric("PSNR[AM,CR]")).value == math.inf


def test_verdict_comes_first(project: Project) -> None:
    run = copied(project, ())
    (start,) = [
        n for n, line in enumerate(run.text.splitlines()) if "= lip leakage: models.py:Copy =" in line
    ]
    below = run.text.splitlines()[start + 1 :]
    assert below[0] == "FAILED: leaks or loses sync with other speech: 1 of 4 limits broken: LSD-CR < 0.001"
    assert below[1].startswith("3 clips (")
    assert list(run.json)[:2] == ["schema", "verdict"]
    assert next(iter(run.json["results"][0])) == "verdict"
    assert (run.json["verdict"], run.json["results"][0]["verdict"]) == ("fail", "fail")


@pytest.mark.parametrize(
    ("quiet", "verdict", "table"), [((), 1, 1), (("-q",), 1, 0), (("-qq",), 0, 0), (("-v",), 1, 1)]
)
def test_quiet(project: Project, quiet: tuple[str, ...], verdict: int, table: int) -> None:
    run = project.measure("Copy", GATES[1], *quiet)
    assert len(run.lines("^PASSED: 1 limit kept")) == verdict
    assert len(run.lines("^condition ")) == table


def test_colours(project: Project) -> None:
    coloured, plain = (project.measure("Copy", GATES[0], f"--color={when}") for when in ("yes", "no"))
    assert coloured.lines("^LSD-CR .*\x1b\\[31m\x1b\\[1mFAILED\x1b")
    assert plain.lines("^LSD-CR .* FAILED$")
    assert "\x1b" not in plain.text


def test_json_is_finite_and_complete(project: Project, distribution: tuple[str, ...]) -> None:
    run = copied(project, distribution)

    def check(value: Any) -> None:
        if isinstance(value, float):
            assert math.isfinite(value)
        for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            check(inner)

    check(run.json)
    (result,) = run.json["results"]
    about = result["provenance"]
    assert about["model"] == "models.py:Copy"
    assert about["clip_names"] == ["clip0", "clip1", "clip2"]
    assert sorted(about["pairing"]) == sorted(about["pairing"].values()) == about["clip_names"]
    assert (about["protocol"], about["seed"], about["silence"]) == ("direct", 0, "zeros")
    assert {trial["condition"] for trial in result["trials"]} == {"GT", "AM,CR", "XM,CR", "SI,CR"}
    assert len(result["trials"]) == 12
    assert [verdict["limit"] for verdict in result["verdicts"]] == sorted(LIMITS)


def test_the_file_alone_gives_the_same_metrics_to_the_bit(
    project: Project, distribution: tuple[str, ...]
) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    run = copied_with_pictures(project, distribution)
    jsonschema.validate(run.json, schema())
    (result,) = run.json["results"]
    (corpus,) = read_document(run.json)
    metrics = {entry["metric"]: entry for entry in result["metrics"]}
    assert {"LSE-C[GT]", "LSE-D[AM,CR]", "LSE-C_S", "LSD-CR", "LSE-C_XO[CR]"} < metrics.keys()
    for name, entry in metrics.items():
        again = measure(corpus, metric(name))
        assert (entry["value"], entry["clips"]) == (again.value if name[0] != "P" else "inf", 3)
        assert entry["interval"] == (list(again.interval) if again.interval else None)
    # And by the definitions alone, without our code.
    trials = {(trial["clip"], trial["condition"]): trial for trial in result["trials"]}

    def mean(condition: str, formula: Callable[[list[float]], float]) -> float:
        names = result["provenance"]["clip_names"]
        return sum(formula(trials[name, condition]["driving"]["mean_distances"]) for name in names) / 3

    c, d = ([mean(f"{s},CR", f) for s in ("AM", "XM")] for f in (lambda m: median(m) - min(m), min))
    lsd = 0.5 * (abs(c[0] - c[1]) + abs(d[0] - d[1]))
    assert metrics["LSD-CR"]["value"] == pytest.approx(lsd, abs=1e-12)
    about = result["provenance"]
    assert about["pairing_rule"] == "any"
    assert about["arguments"] == {}
    assert about["fingerprint"] is None
    assert len(about["weights_sha256"]) == len(about["clips_sha256"]) == 64
    assert {"python", "numpy", "av", "onnxruntime"} < about["libraries"].keys()
    spent = Counter[str]()
    for seconds in result["costs"].values():
        spent.update(seconds)
    assert spent["embedding"] > 0 < spent["generation"]


def test_a_part_of_a_corpus_follows_the_schema(project: Project) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    run = project.measure("Copy", *GATES, "--lipleak-shard=1/2")
    jsonschema.validate(run.json, schema())
    assert run.json["results"][0]["provenance"]["shard"]["part"] == 1


def test_old_json_report_does_not_outlive_a_run_that_measured_nothing(project: Project) -> None:
    project.measure("Copy", GATES[1])
    run = project.measure("broken_factory", GATES[1])
    assert run.counts == {"failed": 1}
    report = run.lasting
    assert (report["verdict"], report["run"]["ended"], report["results"]) == ("not judged", "finished", [])
    assert report["unjudged"] == ["lipleak::LSE-C_S < 50"]


def test_a_run_without_any_limit_is_not_called_good(project: Project) -> None:
    project.write(test_it="def test_it(lipleak): lipleak.measure('LSE-C_S')")
    run = project.measure("Copy")
    assert run.lines("^NOT JUDGED: no limit was given")
    assert run.json["verdict"] == "not judged"


def test_a_test_that_fails_for_another_reason_is_named(project: Project) -> None:
    project.write(test_it="def test_it(lipleak): assert lipleak.measure('LSE-C_S').value < 0")
    run = project.measure("Copy", GATES[1])
    words = "NOT JUDGED: test_it.py::test_it failed for another reason than a limit"
    assert run.lines(f"^{words}; so far 1 limit kept")
    assert run.lines(f"^{words}$")
    assert (run.json["verdict"], run.json["unjudged"]) == ("not judged", ["test_it.py::test_it"])


def test_junit_properties(project: Project, distribution: tuple[str, ...]) -> None:
    run = copied_with_pictures(project, distribution)
    cases = {
        case.attrib["name"]: {p.attrib["name"]: p.attrib["value"] for p in case.iter("property")}
        for case in ElementTree.parse(run.json_file.parent / "junit.xml").iter("testcase")
    }
    numbers = ["lipleak.LSD-CR", "lipleak.LSD-CR.clips"]
    assert list(cases["LSD-CR < 0.001"]) == ["lipleak LSD-CR < 0.001", *numbers, "lipleak.expert"]
    assert cases["LSD-CR < 0.001"]["lipleak LSD-CR < 0.001"].endswith("not < 0.001")
    said = [name for name in cases["test_two"] if name.startswith("lipleak ")]
    assert said == ["lipleak LSE-D_S > 0.5", "lipleak LSE-C_S < 40"]
    assert "(3 clips, expert embedded" in cases["test_two"]["lipleak LSE-C_S < 40"]


def test_properties_hold_the_interval_where_there_is_one(request: pytest.FixtureRequest) -> None:
    per_clip = dict.fromkeys("abcde", 2.5)
    found = Measurement(metric("LSD-CR"), 2.5, (2.25, math.inf), per_clip, (), "embedded 1")
    before = list(request.node.user_properties)
    for _run_again in range(2):
        set_properties(request.node, [judge(Limit.parse("LSD-CR < 1"), found)])
    own, request.node.user_properties[:] = request.node.user_properties[len(before) :], before
    name = "lipleak.LSD-CR"
    numbers = [(name, 2.5), (f"{name}.clips", 5), (f"{name}.low", 2.25), (f"{name}.high", "inf")]
    assert own[1:] == [*numbers, ("lipleak.expert", "embedded 1")]


def test_other_plugins_receive_the_numbers(project: Project, distribution: tuple[str, ...]) -> None:
    for package in ("pytest_html", "pytest_jsonreport", "pytest_reportlog"):
        pytest.importorskip(package, reason=f"needs {package}")
    files = ("--html=page.html", "--json-report", "--json-report-file=own.json", "--report-log=log.jsonl")
    run = project.measure("Copy", *GATES[:2], *files, *distribution)
    (result,) = run.json["results"]
    values = {verdict["metric"]: verdict["value"] for verdict in result["verdicts"]}
    tests = json.loads((project.path / "own.json").read_text())["tests"]
    told = {
        name: value for test in tests for entry in test["user_properties"] for name, value in entry.items()
    }
    assert {name: told[f"lipleak.{name}"] for name in values} == values
    lines = map(json.loads, (project.path / "log.jsonl").read_text().splitlines())
    logged = dict(entry for line in lines if line.get("when") == "call" for entry in line["user_properties"])
    assert {name: logged[f"lipleak.{name}"] for name in values} == values
    page = html.unescape(html.unescape((project.path / "page.html").read_text()))
    for verdict in result["verdicts"]:
        assert html.escape(verdict["headline"]) in page or verdict["headline"] in page


def test_ci_log_has_no_control_characters(project: Project, distribution: tuple[str, ...]) -> None:
    run = project.measure("Copy", *GATES, "-v", *distribution, subprocess=True)
    assert run.code == 1
    assert not re.search(r"[\x00-\x08\x0b-\x1f]", run.text)


def test_progress_on_a_terminal(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    pexpect = pytest.importorskip("pexpect")
    del pexpect
    child = project.pytester.spawn_pytest(
        f"-p no:randomly --lipleak-model=models.py:Copy --lipleak-clips={project.clips} "
        f"--lipleak-expert=embedded '{GATES[1]}'"
    )
    out = child.read().decode()
    assert "lipleak: 0/6 videos: clip0 (real clip)" in out
    assert "1 passed" in out


@pytest.mark.parametrize("verbose", [(), ("-v",)], ids=["short", "verbose"])
def test_progress_in_a_log_leaves_pytests_lines_whole(
    project: Project, monkeypatch: pytest.MonkeyPatch, verbose: tuple[str, ...]
) -> None:
    monkeypatch.setattr("pytest_lipleak.report.progress.LINE_EVERY", 0)
    project.write(
        test_lips="""
        from pytest_lipleak import assert_silent_lse_c_below
        def test_good(lipleak): assert_silent_lse_c_below(lipleak, 50)
        def test_bad(lipleak): assert_silent_lse_c_below(lipleak, 0.01, reference="AR")
        def test_other(): pass
        """
    )
    text = project.measure("Copy", *verbose).text
    assert "lipleak: 1/3 videos, about" in text
    shown = text[text.index("collected") : text.index("= FAILURES")].splitlines()[2:]
    results = [line for line in shown if not line.startswith(("lipleak: ", "====")) and line]
    if verbose:
        begun = ["test_lips.py::test_good", "test_lips.py::test_bad"]
        assert [line.split(" [")[0].strip() for line in results] == [
            begun[0], f"{begun[0]} PASSED", begun[1], f"{begun[1]} FAILED", "test_lips.py::test_other PASSED",
        ]  # fmt: skip
    else:
        assert [line.split(" [")[0].rstrip() for line in results] == [
            "test_lips.py", "test_lips.py .", "test_lips.py F.",
        ]  # fmt: skip
