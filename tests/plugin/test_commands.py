"""A program of the user's as the model of a run: no code of his is imported."""

import sys

import pytest
from inner_pytest import Project

COPY = """
import sys
import av

video, audio, output = sys.argv[1:4]
print("frames of", video)
if "--fail" in sys.argv:
    sys.exit("CUDA out of patience")
with av.open(video) as source, av.open(output, "w") as target:
    given = source.streams.video[0]
    stream = target.add_stream("libx264rgb", rate=25)
    stream.height, stream.width, stream.pix_fmt = given.height, given.width, "rgb24"
    stream.options = {"qp": "0", "preset": "ultrafast"}
    for index, frame in enumerate(source.decode(given)):
        frame = av.VideoFrame.from_ndarray(frame.to_ndarray(format="rgb24"), format="rgb24")
        frame.pts = index
        target.mux(stream.encode(frame))
    target.mux(stream.encode())
"""
MODEL = f"cmd: {sys.executable} copy_video.py {{video}} {{audio}} {{output}}"


@pytest.fixture
def program(project: Project) -> Project:
    (project.path / "copy_video.py").write_text(COPY)
    return project


def test_runs_like_any_model(program: Project, distribution: tuple[str, ...]) -> None:
    gates = ("--lipleak-gate=LSE-C_S < 50", "--lipleak-gate=LSE-C_S[AR] < 50")
    run = program.measure(MODEL, *gates, "-rs", *distribution)
    assert run.counts == {"passed": 1, "skipped": 1}
    assert run.lines("declares no AR")
    (result,) = run.json["results"]
    own = {(trial["clip"], trial["condition"]): trial["own"] for trial in result["trials"]}
    assert len(own) == 6
    for clip in ("clip0", "clip1", "clip2"):
        # What comes back is what went out, to the bit: so is its score.
        assert own[clip, "SI,CR"] == own[clip, "GT"]
    assert not list((program.path / "temporary").glob("*command*-*-*/*"))


def test_failing_shows_its_last_words(program: Project) -> None:
    run = program.measure(f"{MODEL} --fail", "--lipleak-gate=LSE-C_S < 50")
    assert run.counts == {"failed": 1}
    assert run.lines(
        r"clip 'clip0', condition \[SI,CR\]: the command exited with status 1; the command said:"
    )
    assert run.lines("  CUDA out of patience$")
    assert run.lines(r"  whole log: .*log\.txt$")


def test_a_bad_template_is_a_usage_error(program: Project) -> None:
    run = program.measure("cmd: python x.py {vido} {audio}", "--lipleak-gate=LSE-C_S < 50")
    assert run.code == pytest.ExitCode.USAGE_ERROR
    assert "unknown placeholder {vido}" in run.text


def test_named_in_the_ini_file(program: Project) -> None:
    """A command as it stands; a network's file from where the ini file lies."""
    (program.path / "networks").mkdir()
    (program.path / "networks" / "lips.onnx").touch()
    below = program.path / "below"
    below.mkdir()
    for model in (MODEL, "networks/lips.onnx"):
        program.ini(f"lipleak_model = {model}", "lipleak_gates = LSE-C_S < 50", "lipleak_expert = embedded")
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(below)
            run = program.run("--collect-only", "../pytest.ini", f"--lipleak-clips={program.clips}")
        assert run.code == pytest.ExitCode.OK, run.text
        assert run.lines("<Gate LSE-C_S < 50>")
    program.ini("lipleak_model = networks/other.onnx")
    assert "model 'networks/other.onnx': no such file" in program.run(f"--lipleak-clips={program.clips}").text
