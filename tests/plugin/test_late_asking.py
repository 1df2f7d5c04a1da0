"""What a run says never depends on when somebody asks for the plugin: early, by a conftest, or in a running test."""

import pytest
from inner_pytest import Project

OWN_MODEL = """
import pytest
from models import Still

@pytest.fixture(scope="session")
def lipleak_model():
    return Still()
"""

NAMES_MODEL = {
    "environment": """
import os
os.environ["LIPLEAK_MODEL"] = "models.py:Still"
os.environ["LIPLEAK_CLIPS"] = {clips!r}
os.environ["LIPLEAK_EXPERT"] = "embedded"
os.environ["LIPLEAK_GATES"] = "SSIM[AM,CR] > 0.99999"
""",
    "option in pytest_cmdline_main": """
import pytest

@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config):
    config.option.lipleak_model = "models.py:Still"
    config.option.lipleak_clips = {clips!r}
    config.option.lipleak_expert = "embedded"
    config.option.lipleak_gate = ["SSIM[AM,CR] > 0.99999"]
""",
    "option in pytest_configure": """
import pytest

@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    config.option.lipleak_model = "models.py:Still"
    config.option.lipleak_clips = {clips!r}
    config.option.lipleak_expert = "embedded"
    config.option.lipleak_gate = ["SSIM[AM,CR] > 0.99999"]
""",
}


@pytest.fixture
def late(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project whose own tests ask for nothing; what its conftest sets is taken back."""
    for name in ("MODEL", "CLIPS", "EXPERT", "GATES"):
        # What was set is what is restored: first set, so that there is something to take back.
        monkeypatch.setenv(f"LIPLEAK_{name}", "")
        monkeypatch.delenv(f"LIPLEAK_{name}")
    # Three short clips for the twelve embedded ones: to name others is to ask.
    clips = "".join(f"{clip}\n" for clip in sorted(project.clips.glob("*.mkv")))
    (project.path / "manifest.csv").write_text(f"file\n{clips}")
    monkeypatch.setattr("pytest_lipleak.media.clipsets._embedded_folder", lambda: project.path)
    project.write(test_plain="def test_plain(): pass")
    return project


@pytest.mark.parametrize("place", NAMES_MODEL)
def test_a_model_that_a_conftest_names_is_judged(late: Project, place: str) -> None:
    late.write(conftest=NAMES_MODEL[place].format(clips=str(late.clips)))
    run = late.run()
    assert run.code == 1, run.text
    assert run.counts == {"passed": 1, "failed": 1}


def test_a_model_that_another_plugin_names_is_judged(late: Project) -> None:
    # As pytest-env does; it is first, or it is not.
    late.write(
        naming="import pytest\n@pytest.hookimpl(tryfirst=True)\ndef pytest_load_initial_conftests():"
        + NAMES_MODEL["environment"].format(clips=str(late.clips)).replace("\n", "\n    ")
    )
    run = late.run("-p", "naming")
    assert run.code == 1, run.text
    assert run.counts == {"passed": 1, "failed": 1}


def test_a_conftest_that_names_a_model_and_leaves_has_not_passed(late: Project) -> None:
    late.write(conftest="import os\nos.environ['LIPLEAK_MODEL'] = 'models.py:Still'\nraise SystemExit(0)")
    assert late.run(subprocess=True).code == 3


@pytest.mark.parametrize("by", ["arguments", "environment", "ini"])
def test_a_plugin_that_a_conftest_loads_judges(
    late: Project, by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    late.write(conftest="pytest_plugins = ['pytest_lipleak.plugin']")
    settings = {
        "model": "models.py:Still",
        "clips": str(late.clips),
        "expert": "embedded",
        "gates": "SSIM[AM,CR] > 0.99999",
    }
    arguments = []
    if by == "arguments":
        arguments = [f"--lipleak-{name.replace('gates', 'gate')}={value}" for name, value in settings.items()]
    elif by == "environment":
        for name, value in settings.items():
            monkeypatch.setenv(f"LIPLEAK_{name.upper()}", value)
    else:
        late.ini(*(f"lipleak_{name} = {value}" for name, value in settings.items()))
        arguments = ["pytest.ini"]
    result = late.pytester.runpytest_subprocess(*arguments)
    assert result.ret == 1, result.outlines
    result.assert_outcomes(failed=1, passed=0 if by == "ini" else 1)


CASES = [
    ("test", "SSIM[AM,CR] > 0.99999", 1),
    ("parameter", "SSIM[AM,CR] > -2", 0),
    ("fixture", "SSIM[AM,CR] > -2", 0),
]


@pytest.mark.parametrize(("way", "limit", "code"), CASES)
def test_a_test_that_asks_while_it_runs_judges(late: Project, way: str, limit: str, code: int) -> None:
    tests = {
        "test": "def test_late(request):\n    assert_metric(request.getfixturevalue('lipleak'), {!r})",
        "parameter": "@pytest.mark.parametrize('name', ['lipleak'])\n"
        "def test_late(request, name):\n    assert_metric(request.getfixturevalue(name), {!r})",
        "fixture": "@pytest.fixture\ndef mine(request):\n    return request.getfixturevalue('lipleak')\n"
        "def test_late(mine):\n    assert_metric(mine, {!r})",
    }
    late.write(
        conftest=OWN_MODEL,
        test_late="import pytest\nfrom pytest_lipleak import assert_metric\n"
        + tests[way].format(limit)
        + "\ndef test_other(): pass",
    )
    run = late.run("test_late.py")
    assert run.code == code, run.text
    assert run.counts == ({"passed": 2} if code == 0 else {"failed": 1, "passed": 1})
    assert "INTERNALERROR" not in run.text
    assert "NOT JUDGED" not in run.text


@pytest.mark.parametrize("hook", ["pytest_collection_modifyitems", "pytest_itemcollected"])
def test_a_fixture_that_a_conftest_adds_to_a_test_is_seen(late: Project, hook: str) -> None:
    add = {
        "pytest_collection_modifyitems": "def pytest_collection_modifyitems(items):\n    for item in items:\n"
        "        item.fixturenames.append('lipleak')",
        "pytest_itemcollected": "def pytest_itemcollected(item):\n    item.fixturenames.append('lipleak')",
    }
    late.write(conftest=add[hook])
    run = late.run()
    # No model is named, and none of the tests returns one.
    assert run.code != 0, run.text
    assert "--lipleak-model" in run.text


LATE_SETTINGS = {
    "a model as an option": "def pytest_configure(config):\n    config.option.lipleak_model = 'models.py:Still'",
    "a model in the environment": "import os\ndef pytest_configure(config):\n"
    "    os.environ['LIPLEAK_MODEL'] = 'models.py:Still'",
    "a model when the session starts": "import os\ndef pytest_sessionstart():\n"
    "    os.environ['LIPLEAK_MODEL'] = 'models.py:Still'",
}


@pytest.mark.parametrize(
    ("what", "arguments"),
    [
        *((what, ()) for what in LATE_SETTINGS),
        ("a model as an option", ("--lipleak-seed=3",)),
        pytest.param("a model when the session starts", ("-n1",), marks=pytest.mark.slow),
    ],
)
def test_what_is_set_too_late_to_count_is_refused(
    late: Project, what: str, arguments: tuple[str, ...]
) -> None:
    late.write(conftest=LATE_SETTINGS[what])
    run = late.run(*arguments)
    assert run.code == 4, run.text
    assert "--lipleak-model: set by a conftest.py or a plugin after" in run.text
    assert "@pytest.hookimpl(tryfirst=True)" in run.text
    assert "INTERNALERROR" not in run.text


def test_what_is_no_other_value_is_not_refused(late: Project) -> None:
    late.write(conftest="def pytest_configure(config):\n    config.option.lipleak_seed = 3")
    assert late.run("--lipleak-seed=3").code == 0
    assert late.run("--lipleak-seed=4").code == 4


NEEDS_MODEL = {
    "the judge": "request.getfixturevalue('lipleak')",
    "the model": "request.getfixturevalue('lipleak_model')",
    "a fixture of the suite's own": "request.getfixturevalue('mine')",
}


@pytest.mark.parametrize(
    ("what", "arguments"),
    [
        *((what, ()) for what in NEEDS_MODEL),
        pytest.param("the judge", ("-n1",), marks=pytest.mark.slow),
    ],
)
def test_asking_late_without_a_model_is_no_leak(late: Project, what: str, arguments: tuple[str, ...]) -> None:
    late.write(
        conftest="import pytest\n@pytest.fixture\ndef mine(lipleak): return lipleak",
        # The second finds that the session's fixtures have failed already.
        test_late=f"def test_late(request):\n    {NEEDS_MODEL[what]}\n"
        f"def test_again(request):\n    {NEEDS_MODEL[what]}\n",
    )
    run = late.run(*arguments)
    assert run.code == 3, run.text
    assert run.counts == {"failed": 2, "passed": 1}
    assert "no model to test: name one with --lipleak-model" in run.text
    assert "NOT JUDGED" in run.text
    assert "INTERNALERROR" not in run.text


def test_a_test_of_the_users_own_that_fails_beside_it_is_a_failure(late: Project) -> None:
    late.write(
        test_late="def test_late(request): request.getfixturevalue('lipleak')\ndef test_other(): assert 0"
    )
    assert late.run().code == 1


BROKEN = {
    "a model that raises": (
        "Raises",
        "assert_metric(request.getfixturevalue('lipleak'), 'SSIM[AM,CR] > 0.99999')",
    ),
    "a metric that nobody knows": (
        "Still",
        "assert_metric(request.getfixturevalue('lipleak'), 'NOSUCH > 2')",
    ),
    "a reference that nobody knows": (
        "Still",
        "clip = next(iter(request.getfixturevalue('lipleak_clips').values()))\n"
        "    request.getfixturevalue('lipleak_references')(clip, 'AR')\n"
        "    assert_metric(request.getfixturevalue('lipleak'), 'SSIM[AM,CR] >')",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_could_not_be_judged_late_is_no_leak(late: Project, case: str) -> None:
    model, test = BROKEN[case]
    late.write(
        conftest=OWN_MODEL.replace("Still", model),
        test_late=f"from pytest_lipleak import assert_metric\ndef test_late(request):\n    {test}",
    )
    run = late.run("test_late.py")
    assert run.code == 3, run.text
    assert run.counts == {"failed": 1}
    assert "NOT JUDGED" in run.text
