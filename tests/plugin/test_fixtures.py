"""What a test can ask for."""

import pytest
from inner_pytest import Project

USES_ALL = """
import numpy as np
from pytest_lipleak import Condition, Reference, Setup

def test_clips(lipleak_clips):
    assert list(lipleak_clips) == ["clip0", "clip1", "clip2"]
    clip = lipleak_clips["clip1"]
    assert clip.frames.shape == (52, 80, 80, 3) and clip.audio.shape == (52 * 640,)

def test_silent_audio(lipleak_silent_audio):
    audio = lipleak_silent_audio(10)
    assert audio.dtype == np.int16 and audio.shape == (6400,) and not audio.any()

def test_pairs(lipleak_mismatched_pairs, lipleak):
    assert sorted(lipleak_mismatched_pairs) == sorted(lipleak_mismatched_pairs.values())
    assert all(clip != partner for clip, partner in lipleak_mismatched_pairs.items())
    assert lipleak.pairs() == lipleak_mismatched_pairs

def test_references(lipleak_references, lipleak_clips):
    clip = lipleak_clips["clip0"]
    assert np.array_equal(lipleak_references(clip, "CR"), clip.frames)
    assert np.array_equal(lipleak_references(clip, "AR"), clip.frames[:1])

def test_expert(lipleak_sync_expert, lipleak_clips):
    clip = lipleak_clips["clip0"]
    assert lipleak_sync_expert.identity.name == "embedded"
    assert len(lipleak_sync_expert.embed_video(clip.frames)) == len(lipleak_sync_expert.embed_audio(clip.audio)) == 47

def test_device(lipleak_device):
    assert lipleak_device == "cpu"

def test_model(lipleak_model, lipleak):
    assert lipleak_model.name == lipleak.model.name == "models.py:Copy"
    assert type(lipleak_model.generator).__name__ == "Copy"

def test_frames(lipleak, lipleak_clips):
    assert np.array_equal(lipleak.frames("clip2", Condition(Setup.SI, Reference.CR)), lipleak_clips["clip2"].frames)

def test_measure(lipleak):
    measurement = lipleak.measure("LSE-C_S")
    assert measurement.clips == 3 and measurement.value == lipleak.measure("LSE-C[GT]").value
"""


def test_every_fixture(project: Project, distribution: tuple[str, ...]) -> None:
    project.write(test_all=USES_ALL)
    run = project.measure(
        "Copy", "--strict-markers", "-m", "lipleak", "-o", "lipleak_device=cpu", *distribution
    )
    assert run.counts == {"passed": 9}
    assert run.lines("^NOT JUDGED: no limit was given")


def test_marker_is_registered_and_set(project: Project) -> None:
    project.write(
        test_some="""
        import pytest
        def test_plain(): pass
        @pytest.mark.lipleak
        def test_marked(): pass
        def test_uses(lipleak_silent_audio): pass
        """
    )
    run = project.run("--strict-markers", "-m", "lipleak", "--collect-only", "-q")
    assert [line.rpartition("::")[2] for line in run.lines("::")] == ["test_marked", "test_uses"]
    assert project.run("--markers").lines("@pytest.mark.lipleak: measures lip leakage")


def test_without_a_model_the_error_says_what_to_do(project: Project) -> None:
    project.write(test_leak="def test_leak(lipleak): pass")
    run = project.run()
    assert run.counts == {"errors": 1}
    assert run.lines(
        "^no model to test: name one with --lipleak-model .or LIPLEAK_MODEL, or ini key lipleak_model"
    )
    assert run.lines("^ERROR test_leak.py::test_leak - no model to test")
    assert not run.lines("session.py|fixtures.py|pluggy/"), "no traceback of ours"
    assert "fixtures.py" in project.run("--full-trace").text


def test_missing_clips_in_a_fixture_read_as_plainly(project: Project) -> None:
    project.write(test_where="def test_clips(lipleak_clips): pass")
    run = project.run("--lipleak-clips=nowhere")
    assert run.counts == {"errors": 1}
    assert run.lines("^clips '.*nowhere': no such file or folder")
    assert not run.lines("clipsets.py")


OVERRIDES = {
    "conftest": """
        import pytest, models
        @pytest.fixture(scope="session")
        def lipleak_model(): return models.Copy()
        """,
    "test_a": """
        import pytest, models
        @pytest.fixture(scope="module")
        def lipleak_model(): return models.Still()
        def test_still(lipleak):
            assert type(lipleak.model.generator).__name__ == "Still"
            assert lipleak.measure("LSE-D_S").value > 10.5
        """,
    "test_b": """
        import models
        def test_copy(lipleak):
            assert type(lipleak.model.generator).__name__ == "Copy"
            assert lipleak.measure("LSE-D_S").value < 10
        """,
    "test_c": """
        import pytest, models
        @pytest.fixture
        def lipleak_model(): return models.Still()
        class TestMore:
            @pytest.fixture(scope="class")
            @classmethod
            def lipleak_model(cls): return models.Copy()
            def test_copy(self, lipleak):
                assert lipleak.measure("LSE-D_S").value < 10
        def test_still(lipleak):
            assert lipleak.measure("LSE-D_S").value > 10.5
        """,
}


def test_overrides_reach_as_far_as_fixtures_do(project: Project, distribution: tuple[str, ...]) -> None:
    project.write(**OVERRIDES)
    run = project.run(
        f"--lipleak-clips={project.clips}",
        "--lipleak-expert=embedded",
        "--lipleak-json=scores.json",
        *distribution,
    )
    assert run.counts == {"passed": 4}, run.text
    names = [result["provenance"]["model"] for result in run.json["results"]]
    assert names == [
        "Copy",
        "Copy of test_c.py::TestMore",
        "Still of test_a.py",
        "Still of test_c.py::test_still",
    ]


@pytest.mark.parametrize("order", ["test_a.py test_b.py", "test_b.py test_a.py"])
def test_two_models_of_one_class_are_not_mixed_up(project: Project, order: str) -> None:
    module = """
        import pytest, models
        class Model(models.Copy):
            def __init__(self, still): self.still = still
            def generate(self, frames, audio, reference):
                return models.Still().generate(frames, audio, reference) if self.still else frames
        @pytest.fixture(scope="module")
        def lipleak_model(): return Model({still})
        def test_it(lipleak): assert (lipleak.measure("LSE-D_S").value > 10.5) is {still}
        """
    project.write(test_a=module.format(still=True), test_b=module.format(still=False))
    run = project.run(f"--lipleak-clips={project.clips}", "--lipleak-expert=embedded", *order.split())
    assert run.counts == {"passed": 2}
    assert len(run.lines("= lip leakage: Model of test_[ab].py =")) == 2


def test_parametrised_models_have_rows_of_their_own(project: Project, distribution: tuple[str, ...]) -> None:
    project.write(
        conftest="""
        import pytest, models
        @pytest.fixture(scope="session", params=["still", "copy"])
        def checkpoint(request): return request.param
        @pytest.fixture(scope="session")
        def lipleak_model(checkpoint): return models.Function(checkpoint)
        """,
        test_it="""
        import pytest
        @pytest.mark.parametrize("limit", [10.5])
        def test_it(lipleak, checkpoint, limit):
            assert (lipleak.measure("LSE-D_S").value > limit) is (checkpoint == "still")
        """,
    )
    with (project.path / "models.py").open("a") as file:
        file.write(
            "\n\nclass Function(Copy):\n    def __init__(self, checkpoint): self.still = checkpoint == 'still'\n"
            "    def generate(self, frames, audio, reference):\n"
            "        return np.repeat(frames[:1], len(frames), axis=0) if self.still else frames\n"
        )
    run = project.run(
        f"--lipleak-clips={project.clips}",
        "--lipleak-expert=embedded",
        "--lipleak-json=scores.json",
        *distribution,
    )
    assert run.counts == {"passed": 2}, run.text
    names = [result["provenance"]["model"] for result in run.json["results"]]
    assert names == ["Function [checkpoint=copy #1]", "Function [checkpoint=still #0]"]


@pytest.mark.parametrize("way", ["direct", "indirect", "long"])
def test_models_that_look_alike_as_parameters_are_not_mixed_up(
    project: Project, way: str, distribution: tuple[str, ...]
) -> None:
    """A network's repr shows its layers and not its weights, and may have thousands of characters."""
    with (project.path / "models.py").open("a") as file:
        file.write(
            "\n\nclass Net:\n    def __init__(self, still): self.still = still\n"
            f"    def __repr__(self): return 'Net()' * {1000 if way == 'long' else 1}\n"
            "    def generate(self, frames, audio, reference):\n"
            "        return np.repeat(frames[:1], len(frames), axis=0) if self.still else frames\n"
        )
    project.write(
        conftest="""
        import pytest
        @pytest.fixture(scope="session")
        def lipleak_model(request): return request.param
        """
        if way == "indirect"
        else ""
    )
    module = f"""
        import pytest, models
        NET = models.Net({{still}})
        @pytest.mark.parametrize("lipleak_model", [NET], indirect={way == "indirect"})
        def test_one(lipleak): assert (lipleak.measure("LSE-D_S").value > 10.5) is {{still}}
        @pytest.mark.parametrize("lipleak_model", [NET], indirect={way == "indirect"})
        def test_more(lipleak): assert (lipleak.measure("LSE-D_S").value > 10.5) is {{still}}
        """
    project.write(test_a=module.format(still=True), test_b=module.format(still=False))
    run = project.run(
        f"--lipleak-clips={project.clips}",
        "--lipleak-expert=embedded",
        "--lipleak-json=scores.json",
        *distribution,
    )
    assert run.counts == {"passed": 4}, run.text
    shown = "Net()" if way != "long" else f"{'Net()' * 20}..."
    assert [result["provenance"]["model"] for result in run.json["results"]] == [
        f"Net [lipleak_model={shown} #0, another one (2)]",
        f"Net [lipleak_model={shown} #0]",
    ]


def test_long_paths_that_differ_at_their_ends_are_two_models_in_any_run(project: Project) -> None:
    """The number of a model that looks like another is counted in one run; a store lasts for many."""
    project.write(
        conftest="""
        import pytest, models
        @pytest.fixture
        def lipleak_model(checkpoint): return models.function
        """
    )
    names = []
    for end in ("one.pth", "two.pth", "two.pth"):
        project.write(
            test_it=f"""
            import pytest
            @pytest.mark.parametrize("checkpoint", ["{"folder/" * 20}{end}"])
            def test_it(lipleak): print("called", lipleak.model.name)
            """
        )
        run = project.run(f"--lipleak-clips={project.clips}", "--lipleak-expert=embedded", "-s")
        assert run.counts == {"passed": 1}, run.text
        names += [line for line in run.text.splitlines() if "called function" in line]
    assert len(names) == 3
    assert names[0] != names[1] == names[2]


def test_override_may_return_a_function_or_wrap_the_named_model(project: Project) -> None:
    project.write(
        test_function="""
        import pytest, models
        @pytest.fixture(scope="module")
        def lipleak_model(): return models.function
        def test_it(lipleak): assert lipleak.measure("LSE-C_S").clips == 3
        def test_again(lipleak): assert lipleak.model.name == "function of test_function.py"
        """,
        test_wrapped="""
        import pytest, models
        @pytest.fixture(scope="module")
        def lipleak_model(lipleak_model):
            assert lipleak_model.name == "models.py:Still"
            return models.Copy()
        def test_it(lipleak): assert lipleak.measure("LSE-D_S").value < 10
        """,
        test_nonsense="""
        import pytest
        @pytest.fixture
        def lipleak_model(): return 42
        def test_it(lipleak): pass
        """,
    )
    run = project.measure("Still")
    assert run.counts == {"passed": 3, "errors": 1}
    assert run.lines("^model 'int of .*' is a int; expected an object with generate")


def test_pairs_file_and_strategy_of_the_settings(project: Project) -> None:
    (project.path / "pairs.txt").write_text("clip1 clip0\nclip0.mkv clip1\n")
    project.write(
        test_pairs="""
        def test_pairs(lipleak_mismatched_pairs, lipleak):
            assert lipleak_mismatched_pairs == lipleak.pairs() == {"clip0": "clip1", "clip1": "clip0"}
        def test_references(lipleak_references, lipleak_clips):
            assert len(lipleak_references(lipleak_clips["clip0"], "AR")) == 5
        def test_noise(lipleak_silent_audio):
            assert 0 < abs(lipleak_silent_audio(25).astype(int)).max() < 200
        """
    )
    run = project.measure(
        "Copy",
        "--lipleak-pairs=pairs.txt",
        "--lipleak-alternative-reference=multiple",
        "--lipleak-silence=noise",
    )
    assert run.counts == {"passed": 3}


OWN_CHOICES = """
import numpy as np
import pytest
from models import Copy

class Noisy(Copy):
    silence = "noise"
    alternative_reference = "multiple"
    pairing = "same-speaker"

{fixture}

def test_silence(lipleak_silent_audio, lipleak, lipleak_clips):
    audio = lipleak_silent_audio(52)
    assert lipleak.silence_kind == "noise" and audio.any()
    assert np.array_equal(audio, lipleak.driving_audio(lipleak_clips["clip0"], Setup.SI))

def test_references(lipleak_references, lipleak, lipleak_clips):
    clip = lipleak_clips["clip0"]
    assert len(lipleak_references(clip, "AR")) == 5
    taken = lipleak.trial("clip0", Condition(Setup.SI, Reference.AR)).reference_video
    assert np.array_equal(lipleak_references(clip, "AR"), taken)

def test_pairs(request):
    with pytest.raises(Exception, match="its speaker is unknown"):
        request.getfixturevalue("lipleak_mismatched_pairs")
"""

FIXTURES = {
    "session": '@pytest.fixture(scope="session")\ndef lipleak_model(): return Noisy()',
    "test": "@pytest.fixture\ndef lipleak_model(): return Noisy()",
    "around": "@pytest.fixture\ndef lipleak_model(lipleak_model):\n    assert lipleak_model\n    return Noisy()",
}


@pytest.mark.parametrize("scope", FIXTURES)
def test_what_the_model_of_a_module_chooses_counts_for_every_fixture_there(
    project: Project, scope: str, in_a_worker: tuple[str, ...]
) -> None:
    head = "from pytest_lipleak import Condition, Reference, Setup\n"
    project.write(
        test_a_noisy=head + OWN_CHOICES.format(fixture=FIXTURES[scope]),
        test_b_plain="""
        def test_plain(lipleak_silent_audio, lipleak_references, lipleak_mismatched_pairs, lipleak_clips):
            assert not lipleak_silent_audio(25).any()
            assert len(lipleak_references(lipleak_clips["clip0"], "AR")) == 1
            assert len(lipleak_mismatched_pairs) == 3
        """,
    )
    run = project.measure("Copy", *in_a_worker)
    assert run.counts == {"passed": 4}, run.text
    asked = project.measure("Copy", "--lipleak-silence=zeros", *in_a_worker)
    assert asked.counts == {"passed": 3, "failed": 1}, "what is asked for outranks the model's own"


def test_fixtures_that_hand_out_data_need_no_model(project: Project) -> None:
    project.write(
        test_it="""
        def test_it(lipleak_silent_audio, lipleak_mismatched_pairs, lipleak_references, lipleak_clips):
            assert not lipleak_silent_audio(25).any()
            assert len(lipleak_references(lipleak_clips["clip0"], "AR")) == 5
            assert len(lipleak_mismatched_pairs) == 3
        """
    )
    run = project.run(f"--lipleak-clips={project.clips}", "--lipleak-alternative-reference=multiple")
    assert run.counts == {"passed": 1}, run.text
