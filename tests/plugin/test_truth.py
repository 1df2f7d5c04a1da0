"""What must never look like a pass."""

import json

import pytest
from inner_pytest import Project

from pytest_lipleak.core.metrics.default_gates import DEFAULT_GATES

SKIPPING = """
from pytest_lipleak import assert_lsd_below

def test_current_reference(lipleak):
    assert_lsd_below(lipleak, 50, reference="CR")
"""
ONE_OBJECT = """
import numpy as np
import pytest
from pytest_lipleak import assert_metric

class Net:
    mode = "still"
    def generate(self, frames, audio, reference):
        return np.repeat(frames[:1], len(frames), axis=0) if self.mode == "still" else frames

@pytest.fixture(scope="session")
def net():
    return Net()

@pytest.fixture(scope="session", params=["still", "leaky"])
def lipleak_model(net, request):
    net.mode = request.param
    return net

def test_silence(lipleak):
    assert_metric(lipleak, "LSE-C_S@floor < 1.0")
"""
OTHER_GENERATOR = """
import dataclasses
import pytest
from pytest_lipleak import assert_metric

class Copy:
    def generate(self, frames, audio, reference):
        return frames

@pytest.fixture(scope="session")
def lipleak_model(lipleak_model):
    return dataclasses.replace(lipleak_model, generator=Copy())

def test_silence(lipleak):
    assert_metric(lipleak, "LSE-C_S@floor < 1.0")
"""
PLAIN = """
from pytest_lipleak import assert_metric

def test_silence(lipleak):
    assert_metric(lipleak, "LSE-C_S@floor < 1.0")
"""
PASSES_AND_FAILS = """
import dataclasses
import pytest
from pytest_lipleak import assert_metric

class Shut:
    def generate(self, frames, audio, reference):
        return frames[:1].repeat(len(frames), axis=0)

@pytest.fixture(scope="session")
def lipleak_model(lipleak_model):
    return dataclasses.replace(lipleak_model, generator=Shut())

def test_silence(lipleak):
    assert_metric(lipleak, "LSE-C_S@floor < 1.0")
    assert not "what this test asks besides"
"""
FINGERPRINTS = """
import numpy as np

class Says:
    def fingerprint(self):
        return None
    def generate(self, frames, audio, reference):
        return {returned}
"""


def test_a_model_that_nothing_judges_comes_to_no_verdict(
    project: Project, in_a_worker: tuple[str, ...]
) -> None:
    project.write(test_skipping=SKIPPING)
    run = project.measure("OnlyAR", *in_a_worker)
    assert run.code == 3
    assert run.lines("^NOT JUDGED: models.py:OnlyAR: the only test of it skipped")
    assert json.loads(run.json_file.read_text())["verdict"] == "not judged"


def test_one_object_with_two_settings_is_two_models(project: Project) -> None:
    project.write(test_one=ONE_OBJECT)
    run = project.run(f"--lipleak-clips={project.clips}", "--lipleak-expert=embedded")
    assert run.counts == {"passed": 1, "failed": 1}
    assert run.lines("^FAILED .*leaky")


def test_a_changed_generator_does_not_inherit_videos(project: Project) -> None:
    project.write(test_a=PLAIN, test_b=OTHER_GENERATOR)
    run = project.measure("Still")
    assert run.counts == {"passed": 1, "failed": 1}


def test_a_checkpoint_that_was_written_again_does_not_inherit_videos(project: Project) -> None:
    """Its path is all that its fingerprint says, as many a user's does."""
    (project.path / "net.py").write_text(
        """
import numpy as np

class Net:
    def __init__(self, checkpoint):
        self.fingerprint, self.still = f"net {checkpoint}", open(checkpoint).read() == "still"

    def generate(self, frames, audio, reference):
        return np.repeat(frames[:1], len(frames), axis=0) if self.still else frames
"""
    )
    checkpoint = project.path / "model.pth"
    given = (
        f"--lipleak-model-arg=checkpoint={checkpoint}",
        "--lipleak-gate=LSE-C_S < 1",
        "--lipleak-store=kept",
    )
    for weights, code in (("still", 0), ("leaks", 1)):
        checkpoint.write_text(weights)
        assert project.measure("net.py:Net", *given).code == code


def test_a_limit_that_one_model_broke_is_no_reason_for_another_ones_test(
    project: Project, distribution: tuple[str, ...]
) -> None:
    project.write(test_a=PLAIN, test_b=PASSES_AND_FAILS)
    run = project.measure("Copy", *distribution)
    assert run.counts == {"failed": 2}
    assert run.json["unjudged"] == ["test_b.py::test_silence"]


def test_a_fingerprint_that_says_nothing_is_none(project: Project) -> None:
    project.write(test_plain=PLAIN.replace("LSE-C_S@floor", "LSE-C_S"))
    for returned, code in (("np.repeat(frames[:1], len(frames), axis=0)", 0), ("frames", 1)):
        (project.path / "says.py").write_text(FINGERPRINTS.format(returned=returned))
        arguments = (
            f"--lipleak-clips={project.clips}",
            "--lipleak-expert=embedded",
            f"--lipleak-store={project.path / 'store'}",
        )
        assert project.run("--lipleak-model=says.py:Says", *arguments).code == code


def test_data_fixtures_do_not_switch_the_default_gates_off(project: Project) -> None:
    project.write(test_data="def test_data(lipleak_clips): assert len(lipleak_clips)")
    run = project.measure("Copy", "--collect-only", "-q")
    assert len(run.lines("^lipleak::")) == len(DEFAULT_GATES["embedded", "direct"])


def test_default_gates_ask_about_both_references(project: Project) -> None:
    run = project.measure("OnlyAR")
    assert run.counts == {"failed": 6, "skipped": 15, "passed": 4}, "3 clips: none is judged for itself"


def test_a_default_gate_that_is_named_is_not_left_out(project: Project) -> None:
    """Three clips accuse no single one. Who names the limit is told so; the other one passes for anything."""
    run = project.measure(
        "Copy", "--lipleak-gate=LipCorr_S@worst[CR] < 0.3", "--lipleak-gate=LSE-C[AM,CR] > -50"
    )
    assert run.code == 3
    assert run.counts == {"failed": 1, "passed": 1}
    assert run.lines("NOT JUDGED: 1 of 2 limits could not be judged: LipCorr_S@worst < 0.3")


@pytest.mark.parametrize("kind", ["Still", "Black"])
def test_a_model_that_follows_no_audio_fails_the_default_gates(project: Project, kind: str) -> None:
    black = "\n\nclass Black(Copy):\n    def generate(self, frames, audio, reference):\n        return 0 * frames\n"
    models = project.path / "models.py"
    models.write_text(models.read_text() + black)
    run = project.measure(kind)
    assert run.code == 1
    assert run.lines(r"^LSE-C\[AM,CR\] = .*: not > 1.2")


def test_an_old_report_does_not_outlive_a_refused_run(project: Project) -> None:
    project.write(test_plain=PLAIN)
    report = project.measure("Still").json_file
    assert json.loads(report.read_text())["verdict"] == "pass"
    project.measure("Still", "--collect-only")
    project.run(f"--lipleak-json={report}")
    assert report.exists(), "runs that measure nothing leave it alone"
    assert project.measure("Still", "--lipleak-gate=nonsense").code == 4
    assert not report.exists()


def test_misspelt_variables_are_refused(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIPLEAK_CLIP", "clips")
    run = project.run()
    assert run.code == 4
    assert run.lines("environment variable LIPLEAK_CLIP is not known; did you mean LIPLEAK_CLIPS")


def test_black_frames_are_accused_of_no_leak(project: Project) -> None:
    """What a black picture scores is chance; it has no lips that could come from anywhere."""
    black = "\n\nclass Black(Copy):\n    def generate(self, frames, audio, reference):\n        return 0 * frames\n"
    models = project.path / "models.py"
    models.write_text(models.read_text() + black)
    run = project.measure("Black", "--lipleak-gate=LSE-C_S < 0.001")
    assert run.counts == {"failed": 1}
    assert run.lines("LSE-C_S = .*: every frame is of one colour in 3 of 3 videos: there are no lips")
    assert run.lines("^NOT JUDGED: ")
    assert not run.lines("it is in the lips|leaks under silence")


def test_a_model_that_skips_is_not_said_to_have_no_limit(project: Project) -> None:
    skips = "\n\nimport pytest\n\nclass Skips(Copy):\n    def generate(self, *_):\n        pytest.skip('no GPU')\n"
    models = project.path / "models.py"
    models.write_text(models.read_text() + skips)
    run = project.measure("Skips", "--lipleak-gate=LSE-C_S < 1")
    assert run.counts == {"failed": 1}
    assert run.lines("the model raised Skipped of pytest .no GPU.")
    assert run.lines("^NOT JUDGED: 1 of 1 limit could not be judged: LSE-C_S < 1")
    assert "no limit was given" not in run.text
