"""What cannot work is refused once, before any test, and only where something needs it."""

import inspect
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from inner_pytest import Project

from pytest_lipleak import assertions
from pytest_lipleak.core.errors import WeightsError
from pytest_lipleak.core.metrics.formulas import metric

SCALE = "on the scale of which expert?"
OWN_MODEL = """
import pytest

@pytest.fixture(scope="session")
def lipleak_model():
    from models import Copy
    return Copy()
"""


def asked(project: Project, *more: str) -> tuple[str, ...]:
    return ("--lipleak-model=models.py:Copy", f"--lipleak-clips={project.clips}", *more)


def refused(project: Project, words: str, *arguments: str) -> str:
    """Run, and see that it ended with one usage error before any test; return its output."""
    run = project.run("-rA", *arguments)
    assert run.code == pytest.ExitCode.USAGE_ERROR, run.text
    assert not run.lines(r"\d+ (passed|failed|error|skipped)"), run.text
    told = run.lines(f"ERROR: .*{words}")
    assert len(told) == 1, run.text
    assert "Traceback" not in run.text
    return told[0]


SIX = """
from pytest_lipleak import assert_lsd_below, assert_metric, assert_no_silent_leak
import pytest
import pytest_lipleak as product

LIMIT = "LSD-AR < 0.6"

def helper(evaluation):
    assert_metric(evaluation, LIMIT)

def test_plain(lipleak): assert_lsd_below(lipleak, 0.6)
def test_module(lipleak): product.assert_silent_lse_c_below(lipleak, 0.6)
def test_text(lipleak): assert_metric(lipleak, "LSE-C_S[CR] < 0.5")
def test_helper(lipleak): helper(lipleak)
def test_effect(lipleak): assert_no_silent_leak(lipleak, min_effect=50)
@pytest.mark.parametrize("limit", ["LSD-CR < 0.6"])
def test_parameter(lipleak, limit): assert_metric(lipleak, limit)
"""


@pytest.mark.parametrize("test", ["plain", "module", "text", "helper", "effect", "parameter"])
def test_a_scale_without_an_expert_is_refused_however_the_test_says_it(project: Project, test: str) -> None:
    project.write(test_it=SIX)
    told = refused(project, SCALE, *asked(project, "-k", f"test_{test}"))
    assert told.startswith(f"ERROR: test_it.py::test_{test}")
    assert "--lipleak-expert=embedded" in told


def test_six_tests_bring_one_message(project: Project, distribution: tuple[str, ...]) -> None:
    project.write(test_it=SIX)
    assert "test_it.py::test_plain: assert_lsd_below" in refused(
        project, SCALE, *asked(project, *distribution)
    )


def test_a_model_of_a_fixture_is_refused_alike(project: Project) -> None:
    project.write(conftest=OWN_MODEL, test_it=SIX)
    refused(project, SCALE, f"--lipleak-clips={project.clips}")


@pytest.mark.parametrize(
    "body",
    [
        """assert_metric(lipleak, "SSIM[AM,CR] > 0.1")""",
        """assert_no_silent_leak""",
        """ "LSD-CR < 0.6" """,
    ],
)
def test_what_has_no_scale_of_the_users_runs(project: Project, body: str) -> None:
    project.write(
        test_it=f"""
        from pytest_lipleak import assert_metric, assert_no_silent_leak
        def test_it(lipleak): {body}
        """
    )
    assert project.run(*asked(project)).counts == {"passed": 1}


@pytest.mark.parametrize(
    "arguments",
    [("-k", "arithmetic"), ("test_it.py::test_arithmetic",), ("-m", "not lipleak"), ("--collect-only",)],
)
def test_runs_that_need_none_of_it_are_not_stopped(project: Project, arguments: tuple[str, ...]) -> None:
    project.ini("lipleak_model = nowhere:Model", "lipleak_protocol = tracked")
    project.write(test_it=SIX + "def test_arithmetic(): assert 1 + 1 == 2\n")
    run = project.run(*arguments)
    assert run.code == pytest.ExitCode.OK, run.text


@pytest.mark.parametrize(
    "mark", ["skip(reason='later')", "skipif(True, reason='later')", "xfail(reason='broken')"]
)
def test_a_mark_that_excuses_a_test_excuses_it_here(project: Project, mark: str) -> None:
    project.write(
        test_it=f"""
        import pytest
        from pytest_lipleak import assert_lsd_below
        @pytest.mark.{mark}
        def test_it(lipleak): assert_lsd_below(lipleak, 0.6)
        """
    )
    run = project.run(*asked(project))
    assert run.code != pytest.ExitCode.USAGE_ERROR, run.text
    assert set(run.counts) <= {"skipped", "xfailed"}


@pytest.mark.parametrize(
    ("fixture", "body"),
    [
        ("", "pytest.importorskip('no_such_module'); assert_lsd_below(lipleak, 0.6)"),
        ("pytest.skip('later')", "assert_lsd_below(lipleak, 0.6)"),
        ("", "with pytest.raises(BaseException, match='which expert'): assert_lsd_below(lipleak, 0.6)"),
    ],
)
def test_code_that_excuses_a_test_excuses_it_here(project: Project, fixture: str, body: str) -> None:
    project.write(
        test_it=f"""
        import pytest
        from pytest_lipleak import assert_lsd_below
        @pytest.fixture(autouse=True)
        def machine(): {fixture or "pass"}
        def test_it(lipleak):
            {body}
        """
    )
    run = project.run(*asked(project))
    assert run.code != pytest.ExitCode.USAGE_ERROR, run.text
    assert set(run.counts) <= {"skipped", "passed"}, run.text


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Downloads fail as they do without a network."""

    def fail(*_: Any, **__: Any) -> None:
        raise OSError("Name or service not known")

    monkeypatch.setattr("pooch.retrieve", fail)
    monkeypatch.setattr("requests.head", fail)


def test_no_face_model_and_no_network(project: Project, no_network: None) -> None:
    pytest.importorskip("ai_edge_litert")
    project.write(test_it="def test_it(lipleak): pass")
    told = refused(
        project, "could not download face_landmarker.task", *asked(project, "--lipleak-protocol=tracked")
    )
    assert "--lipleak-weights" in told
    assert "Apache-2.0" in told


@pytest.mark.parametrize("where", ["ini", "test", "fixture"])
def test_a_missing_extra(project: Project, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    """Wherever it is asked for, before any test; FID stands for all."""
    import importlib.util

    find = importlib.util.find_spec
    for module in ("pytest_lipleak.quality.fid",):
        __import__(module)
        monkeypatch.setattr(
            f"{module}.find_spec", lambda name, *more: None if name == "torch" else find(name, *more)
        )
    if where == "ini":
        project.ini(
            "lipleak_model = models.py:Copy",
            f"lipleak_clips = {project.clips}",
            "lipleak_gates = FID[AM,CR] < 9",
        )
        refused(project, r"FID needs the package 'torch'.*pip install 'pytest-lipleak\[quality\]'")
        return
    project.write(
        test_it="""
        from pytest_lipleak import assert_fid_below
        def test_other(lipleak): pass
        def test_it(lipleak): assert_fid_below(lipleak, 9)
        """
    )
    given = asked(project)
    if where == "fixture":
        project.write(conftest=OWN_MODEL)
        given = given[1:]
    refused(project, "test_it.py::test_it: FID needs the package 'torch'", *given)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nowhere.at.all:Model", "nowhere"),
        ("broken.py:Model", "No module named 'not_installed_here'"),
        ("models.py:Absent", "Absent"),
    ],
)
def test_a_model_that_cannot_be_imported(
    project: Project, name: str, words: str, distribution: tuple[str, ...]
) -> None:
    (project.path / "broken.py").write_text("import not_installed_here\nclass Model: ...\n")
    project.ini(f"lipleak_model = {name}", f"lipleak_clips = {project.clips}", "lipleak_expert = embedded")
    project.write(test_it="def test_one(lipleak): pass\ndef test_two(lipleak): pass\n")
    refused(project, words, *distribution)


def test_an_experts_check_may_fail_as_it_likes(monkeypatch: pytest.MonkeyPatch) -> None:
    from pytest_lipleak.core.errors import ConfigurationError
    from pytest_lipleak.sync import experts

    def check(weights: Path | None, allow_unverified: bool) -> None:
        raise SystemExit("no licence")

    registered = experts.RegisteredExpert(lambda *_, **__: None, check=check)  # type: ignore[arg-type,return-value]
    monkeypatch.setattr(experts, "registered_expert", lambda name: registered)
    with pytest.raises(ConfigurationError, match="'theirs' could not be loaded: SystemExit: no licence"):
        experts.check_weights("theirs")


def test_the_table_says_what_assertions_judge() -> None:
    """Each is called, and what it has judged is compared with the table."""
    judged: list[Any] = []

    class Judged(Exception):  # noqa: N818 - it only carries
        pass

    def judge(limit: Any) -> None:
        judged.append(limit.metric)
        raise Judged

    about = SimpleNamespace(expert_reason="as asked", protocol="direct")
    lipleak = SimpleNamespace(
        judge=judge,
        corpus=SimpleNamespace(provenance=about),
        expert=SimpleNamespace(identity=SimpleNamespace(name="embedded")),
    )
    asserts = {
        name
        for name, value in vars(assertions).items()
        if name.startswith("assert_") and inspect.isfunction(value)
    }
    elsewhere = {"assert_metric", "assert_no_regression", "assert_reference_does_not_move_lips"}
    assert asserts == elsewhere | set(assertions.JUDGED)
    for name, stated in assertions.JUDGED.items():
        given = () if name in assertions.LOOKED_UP else (0.5,)
        with pytest.raises(Judged):
            getattr(assertions, name)(lipleak, *given)
        assert judged[-1] == metric(stated), name


def test_a_download_says_what_how_large_from_where_and_under_which_licence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """From a server of this process; the second time nothing is said, for nothing is downloaded."""
    import hashlib
    import threading
    from functools import partial
    from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

    from pytest_lipleak.machine.model_files import ModelFile, fetch

    monkeypatch.setattr("pytest_lipleak.core.remarks._telling", [])
    content = bytes(2_500_000)
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / "net.bin").write_bytes(content)
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path / "served"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/net.bin"
    file = ModelFile("net.bin", url, hashlib.sha256(content).hexdigest(), "MIT", "a network, for tests")
    try:
        assert fetch(file, tmp_path / "here").read_bytes() == content
        told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("lipleak: ")]
        assert told == [
            f"lipleak: downloads net.bin (a network, for tests), 2.5 MB, from {url} to {tmp_path / 'here'}, once; "
            "licence: MIT"
        ]
        fetch(file, tmp_path / "here")
        assert "lipleak: " not in capsys.readouterr().err
        wrong = ModelFile("net.bin", url, "0" * 64, "MIT", "a network, for tests")
        with pytest.raises(WeightsError, match=r"could not download net.bin .a network, for tests. from"):
            fetch(wrong, tmp_path / "there")
    finally:
        server.shutdown()
