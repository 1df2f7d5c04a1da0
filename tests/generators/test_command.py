"""A command as a model: files go in exactly, what comes out is checked, and what hangs is ended with its children."""

import json
import os
import re
import shlex
import subprocess
import sys
import textwrap
import time
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_lipleak.core.clips import Clip, StreamedVideo
from pytest_lipleak.core.conditions import Condition, Reference, Setup
from pytest_lipleak.core.errors import ConfigurationError, GeneratorError
from pytest_lipleak.generators import command
from pytest_lipleak.generators.contract import declared_by
from pytest_lipleak.generators.interface import run_generator
from pytest_lipleak.generators.registry import Model, check_name, load_model
from pytest_lipleak.machine.private_folders import MARK

RNG = np.random.default_rng(0)
CLIP = Clip(
    "ann",
    RNG.integers(0, 255, (6, 17, 20, 3)).astype(np.uint8),
    RNG.integers(-9, 9, 6 * 640).astype(np.int16),
)
CR, AR = Condition(Setup.AM, Reference.CR), Condition(Setup.AM, Reference.AR)

PROGRAM = """
import json, os, subprocess, sys, time
from pathlib import Path
import av
import numpy as np

video, audio, output, *rest = sys.argv[1:]


def read(path):
    with av.open(path) as file:
        return [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]


def write(path, frames, rate=25):
    with av.open(path, "w", format="mp4") as file:
        stream = file.add_stream("libx264rgb", rate=rate)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt, stream.options = "rgb24", {"qp": "0"}
        for index, image in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
            frame.pts = index
            file.mux(stream.encode(frame))
        file.mux(stream.encode())


"""


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Model]:
    """Write a program whose last lines are given, and load it as a model."""
    monkeypatch.chdir(tmp_path)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))

    def build(body: str, words: str = "{video} {audio} {output}", **arguments: Any) -> Model:
        (tmp_path / "program.py").write_text(PROGRAM + textwrap.dedent(body))
        return load_model(f"cmd: {shlex.quote(sys.executable)} program.py {words}", arguments)

    return build


def generate(model: Model, condition: Condition = CR, reference: Any = None, **options: Any) -> np.ndarray:
    given = CLIP.frames[: 1 if condition == AR else None] if reference is None else reference
    return run_generator(model.generator, "m", CLIP, condition, CLIP.audio, given, **options)


def failure(model: Model, **options: Any) -> str:
    with pytest.raises(GeneratorError) as caught:
        generate(model, **options)
    assert str(caught.value).startswith("model 'm', clip 'ann', condition [AM,CR]: ")
    return str(caught.value)


def left(tmp_path: Path) -> list[str]:
    """What calls left behind, locks and marks aside."""
    files = (path for path in (tmp_path / "temporary").rglob("*") if path.is_file())
    return [path.name for path in files if path.suffix != ".lock" and path.name != MARK]


def test_a_copy_comes_back_bit_by_bit_although_its_size_is_odd(
    program: Callable[..., Model], tmp_path: Path
) -> None:
    np.testing.assert_array_equal(generate(program("write(output, read(video))")), CLIP.frames)
    assert left(tmp_path) == []


def test_the_files_are_exact(program: Callable[..., Model], tmp_path: Path) -> None:
    """Read as OpenCV and the standard library read them, from the folder that ``workdir`` keeps."""
    import cv2

    model = program(
        "Path('told.json').write_text(json.dumps(sys.argv[1:])); write(output, read(video))",
        "{video} {audio} {output} --ref={reference} {seed} {workdir}",
        workdir="kept",
        seed=7,
    )
    generate(model, AR, CLIP.frames[3:5])
    video, audio, _output, reference, seed, workdir = json.loads((tmp_path / "told.json").read_text())
    assert seed == "7"
    assert Path(workdir).parent == tmp_path / "kept"
    for path, frames in ((video, CLIP.frames), (reference.removeprefix("--ref="), CLIP.frames[3:5])):
        capture = cv2.VideoCapture(path)
        assert capture.get(cv2.CAP_PROP_FPS) == 25
        seen = [capture.read()[1][:17, :, ::-1] for _ in frames]
        assert not capture.read()[0]
        np.testing.assert_array_equal(np.stack(seen), frames)
    with wave.open(audio) as file:
        assert file.getparams()[:3] == (1, 2, 16000)
        np.testing.assert_array_equal(np.frombuffer(file.readframes(-1), np.int16), CLIP.audio)


def test_names_differ_by_content_and_condition(program: Callable[..., Model], tmp_path: Path) -> None:
    model = program(
        "open('names', 'a').write(Path(video).stem + '\\n'); write(output, read(video))",
        "{video} {audio} {output} {reference}",
    )
    for condition in (CR, AR, CR):
        generate(model, condition)
    first, other, again = (tmp_path / "names").read_text().split()
    assert first == again != other


MADE = [
    ("write(output, read(video)[:3])", {"slack": 3}, [0, 1, 2, 2, 2, 2]),
    ("write(output, read(video)[:4])", {}, [0, 1, 2, 3, 3, 3]),
    ("write(output, read(video) + read(video)[:2])", {}, [0, 1, 2, 3, 4, 5]),
]


@pytest.mark.parametrize(("body", "arguments", "indices"), MADE)
def test_a_few_frames_more_or_less_are_set_right_and_told(
    program: Callable[..., Model],
    body: str,
    arguments: dict[str, Any],
    indices: list[int],
    remarks: list[str],
) -> None:
    output = generate(program(body, **arguments))
    assert re.search("program.py .* its output has . frames for 6; the ", "\n".join(remarks))
    np.testing.assert_array_equal(output, CLIP.frames[indices])


REFUSED = [
    (
        "print('no face found'); sys.exit(3)",
        "the command exited with status 3; the command said:\n  no face found",
    ),
    ("os.kill(os.getpid(), 11)", "the command exited with status 139 (signal 11)"),
    ("raise ValueError('Mel contains nan')", "the command said:\n  Traceback"),
    ("pass", "the command ended well but wrote no {output}; the command said: nothing"),
    ("Path(output).touch()", "its output cannot be read: "),
    ("Path(output).write_text('x' * 999)", "its output cannot be read: "),
    (
        "write(output, read(video), rate=30)",
        "its output has 30 frames per second, expected 25 like its input",
    ),
    (
        "write(output, [f[:8] for f in read(video)])",
        "pictures of 20 x 8 pixels, expected 20 x 17 pixels like its input",
    ),
    (
        "write(output, [np.hstack([f, f]) for f in read(video)])",
        "pictures of 40 x 18 pixels, expected 20 x 17",
    ),
    (
        "write(output, read(video) * 2)",
        "its output has 12 frames, expected 6 like its input; at most 5 may be",
    ),
]


@pytest.mark.parametrize(("body", "words"), REFUSED, ids=[case[0] for case in REFUSED])
def test_what_went_wrong_is_said_with_the_end_of_the_log(
    program: Callable[..., Model], body: str, words: str, tmp_path: Path
) -> None:
    message = failure(program(body))
    assert words in message
    assert message.splitlines()[-1].startswith("  whole log: ")
    assert left(tmp_path) == ["log.txt"]
    assert Path(message.rpartition("whole log: ")[2]).is_file()


def test_the_log_as_a_terminal_shows_it(program: Callable[..., Model]) -> None:
    message = failure(program("print('\\x1b[31m 1 %\\r99 %'); print('x\\n' * 40); sys.exit('no CUDA')"))
    assert message.count("\n  x") == command.TAIL_LINES - 1
    assert "\n  no CUDA\n" in message
    message = failure(program("print('\\x1b[31m 1 %\\r99 %'); sys.exit(1)"))
    assert "said:\n  99 %\n" in message
    message = failure(program("print('y' * 9000); sys.exit(1)"))
    assert f"said:\n  {'y' * command.LINE_LENGTH}...\n" in message


def test_its_last_line_is_shown_while_it_works(program: Callable[..., Model]) -> None:
    shown: list[str] = []
    model = program("print('half done'); time.sleep(1.2); write(output, read(video))")
    model.generator.use_progress(shown.append)  # type: ignore[attr-defined]
    generate(model)
    assert any(line.endswith("s: half done") for line in shown)
    assert shown[0].startswith("0 s: ")


HANGS = """
sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
children = [subprocess.Popen(sleep, start_new_session=own) for own in (False, True)]
Path("pids").write_text(" ".join(str(pid) for pid in (os.getpid(), *(child.pid for child in children))))
print("at work")
time.sleep(600)
"""


def gone(pids: list[int]) -> bool:
    """Whether all processes end, on a busy machine within a minute; a zombie that nobody reaps has ended, too."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        states = [Path(f"/proc/{pid}/stat") for pid in pids]
        if all(not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z" for stat in states):
            return True
        time.sleep(0.05)
    return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
@pytest.mark.parametrize("own", [True, False], ids=["argument", "option"])
def test_what_hangs_is_ended_with_its_children(
    program: Callable[..., Model], tmp_path: Path, own: bool
) -> None:
    for limit in (2, 10, 50):
        begun = time.monotonic()
        message = failure(
            program(HANGS, **({"timeout": limit} if own else {})), timeout=None if own else limit
        )
        assert time.monotonic() - begun < limit + 300
        assert (f"did not end within {limit} s" if own else f"did not return within {limit} s") in message
        if (tmp_path / "pids").is_file():
            break
        # The machine is so busy that it had not begun.
    assert "the command said:\n  at work" in message
    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    assert len(pids) == 3
    assert gone(pids)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
def test_it_ends_when_its_caller_is_killed(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(
        "import os, subprocess, sys, time\nfrom pathlib import Path\n" + HANGS
    )
    guard = [
        sys.executable,
        str(Path(command.__file__).with_name("process_guard.py")),
        sys.executable,
        "program.py",
    ]
    caller = f"import subprocess, time; subprocess.Popen({guard!r}, stdin=subprocess.PIPE); time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", caller], cwd=tmp_path) as process:
        pids = tmp_path / "pids"
        while not (pids.is_file() and len(pids.read_text().split()) == 3):
            time.sleep(0.05)
        process.kill()
    assert gone([int(pid) for pid in pids.read_text().split()])


def test_what_stays_in_the_background_is_ended(program: Callable[..., Model], tmp_path: Path) -> None:
    generate(program(HANGS.replace("\ntime.sleep(600)\n", "\nwrite(output, read(video))\n")))
    assert gone([int(pid) for pid in (tmp_path / "pids").read_text().split()[1:]])


def test_calls_in_one_folder_wait_for_each_other(program: Callable[..., Model]) -> None:
    one, other = (program("write(output, read(video))").generator for _ in range(2))
    with one.turn(), pytest.raises(TimeoutError), other.turn().acquire(timeout=0.3):  # type: ignore[attr-defined]
        pass
    free = program("pass", parallel=True).generator
    with one.turn(), free.turn():  # type: ignore[attr-defined]
        pass


@pytest.mark.parametrize(
    ("words", "arguments", "references"),
    [
        ("{video} {audio} {output}", {}, ("CR",)),
        ("{video} {audio} {output} {reference}", {}, ("CR", "AR")),
        ("{video} {audio} {output}", {"ar_args": "--one_shot"}, ("CR", "AR")),
        ("{video} {audio} {output}", {"supports": "AR"}, ("AR",)),
        ("{video} {audio} {output}", {"supports": ()}, ("AR",)),
        ("{video} {audio} {output} {reference}", {"supports": "CR, AR"}, ("CR", "AR")),
    ],
)
def test_references_it_can_tell_apart(
    program: Callable[..., Model], words: str, arguments: dict[str, Any], references: tuple[str, ...]
) -> None:
    assert (
        tuple(map(str, declared_by(program("pass", words, **arguments).generator).references)) == references
    )


def test_words_that_select_the_reference(program: Callable[..., Model], tmp_path: Path) -> None:
    model = program(
        "open('words', 'a').write(f'{rest}\\n'); write(output, read(video))",
        ar_args="--ref 'frame 0'",
        cr_args="-c",
    )
    generate(model, CR)
    generate(model, AR)
    assert (tmp_path / "words").read_text().splitlines() == ["['-c']", "['--ref', 'frame 0']"]
    with pytest.raises(GeneratorError, match="takes the reference from the video itself"):
        generate(model, AR, CLIP.frames[:1] + 1)
    with pytest.raises(GeneratorError, match="takes the reference from the video itself"):
        generate(model, CR, CLIP.frames[::-1])


def test_a_result_that_nobody_can_name(program: Callable[..., Model], tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "old.mp4").write_text("of last week")
    words, result = "{video} {audio} x {workdir}", "results/*.mp4"
    writes = "write('results/' + Path(video).name, read(video))"
    for _ in range(2):
        np.testing.assert_array_equal(generate(program(writes, words, result=result)), CLIP.frames)
    message = failure(program("pass", words, result=result))
    assert "wrote 0 files that match result='results/*.mp4', expected 1" in message
    own = program("write(rest[0] + '/a.mp4', read(video))", words, result="{workdir}/*a.mp4")
    np.testing.assert_array_equal(generate(own), CLIP.frames)


def test_another_python(
    program: Callable[..., Model], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``python`` means the environment's own, and what PYTHONPATH says of ours is not handed on."""
    monkeypatch.setenv("PYTHONPATH", "/ours")
    environment = tmp_path / "conda env"
    (environment / "bin").mkdir(parents=True)
    called = environment / "bin" / "python"
    called.write_text(
        f'#!/bin/sh\necho "$PYTHONPATH|$PATH" > called\nexec {shlex.quote(sys.executable)} "$@"\n'
    )
    called.chmod(0o755)
    (tmp_path / "program.py").write_text(PROGRAM + "write(output, read(video))")
    template = "cmd: python program.py {video} {audio} {output}"
    for python in (environment, called):
        generate(load_model(template, {"python": str(python)}))
        pythonpath, _, path = (tmp_path / "called").read_text().partition("|")
        assert pythonpath == ""
        assert path.startswith(f"{environment}/bin{os.pathsep}")
        (tmp_path / "called").unlink()


@pytest.mark.parametrize(
    ("device", "visible", "seen"),
    [("cpu", "3", "3"), ("cuda:1", "", "1"), ("cuda:1", "4,6", "6"), ("cuda", "3", "3")],
)
def test_a_cuda_device_is_the_only_one_it_sees(
    monkeypatch: pytest.MonkeyPatch, device: str, visible: str, seen: str
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert command._environment(os.environ, None, device)["CUDA_VISIBLE_DEVICES"] == seen


TEMPLATES = [
    ("", "no command behind 'cmd:'; write for example 'cmd: python inference.py"),
    ("run 'x", "No closing quotation; check its quotes"),
    ("run {audio} {output}", "no {video} in it"),
    ("run {video} {output}", "no {audio} in it"),
    (
        "run {video} {audio} {out}",
        "unknown placeholder {out}; there are {video}, {audio}, {reference}, {landmarks}, {output}",
    ),
    ("run {video} {audio} {output} | tee x", "no shell runs it, so '|' has no meaning"),
]


@pytest.mark.parametrize(("template", "words"), TEMPLATES)
def test_a_template_that_cannot_work_is_refused_at_start(template: str, words: str) -> None:
    for check in (check_name, load_model):
        with pytest.raises(ConfigurationError) as caught:
            check(f"cmd: {template}")
        assert words in str(caught.value)


ARGUMENTS = [
    ({"repo": "nowhere"}, "argument repo=nowhere: no such folder"),
    ({"python": "nowhere"}, "argument python=nowhere: no interpreter"),
    ({"slack": -1}, "argument slack=-1: expected a whole number"),
    ({"supports": "CR,AR"}, "it would run alike under CR and AR"),
    ({"checkpoint": "a.pth"}, "also give repo=FOLDER"),
    ({"checkpoint": "a.pth", "repo": "."}, "no such file"),
    ({"speed": 3}, "unexpected keyword argument 'speed'; it takes (template, device, repo, python"),
]


@pytest.mark.parametrize(("arguments", "words"), ARGUMENTS)
def test_an_argument_that_cannot_work_is_refused(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_model(f"cmd: {sys.executable} x.py {{video}} {{audio}} {{output}}", arguments)
    assert words in str(caught.value)


def test_a_missing_program_and_output_are_said_at_load() -> None:
    with pytest.raises(ConfigurationError, match="no program 'no-such-program' can be found"):
        load_model("cmd: no-such-program {video} {audio} {output}")
    folder = Path(sys.executable).parent
    load_model(
        f"cmd: bin/{Path(sys.executable).name} {{video}} {{audio}} {{output}}", {"repo": str(folder.parent)}
    )
    with pytest.raises(ConfigurationError, match="no program 'bin/no-such-program' can be found"):
        load_model("cmd: bin/no-such-program {video} {audio} {output}", {"repo": str(folder.parent)})
    with pytest.raises(ConfigurationError, match=r"no \{output\} in it"):
        load_model(f"cmd: {sys.executable} {{video}} {{audio}}")


def test_the_fingerprint_follows_weights_and_source(tmp_path: Path) -> None:
    def fingerprint() -> str | None:
        arguments = {"checkpoint": "w.pth", "repo": str(tmp_path)}
        return load_model(f"cmd: {sys.executable} {{video}} {{audio}} {{output}}", arguments).fingerprint

    (tmp_path / "w.pth").write_text("weights")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "net.py").write_text("depth = 3")
    (tmp_path / "notes.txt").write_text("a")
    first = fingerprint()
    assert first is not None
    (tmp_path / "notes.txt").write_text("b")
    assert fingerprint() == first
    (tmp_path / "models" / "net.py").write_text("depth = 4")
    second = fingerprint()
    (tmp_path / "w.pth").write_text("other weights")
    third = fingerprint()
    os.utime(tmp_path / "w.pth", ns=(0, 1))
    assert fingerprint() == third, "the checkpoint counts by its contents"
    (tmp_path / "models" / "detector.onnx").write_text("faces")
    fourth = fingerprint()
    assert fingerprint() == fourth
    os.utime(tmp_path / "models" / "detector.onnx", ns=(0, 1))
    assert len({first, second, third, fourth, fingerprint()}) == 5
    plain = f"cmd: {sys.executable} {{video}} {{audio}} {{output}}"
    assert load_model(plain).fingerprint is None
    assert load_model(plain, {"fingerprint": "mine"}).fingerprint == "mine"


def test_a_long_clip_goes_to_the_command_and_back_without_being_held(
    program: Callable[..., Model], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, remarks: list[str]
) -> None:
    monkeypatch.setattr("pytest_lipleak.media.video.HELD", 0)
    monkeypatch.setattr("pytest_lipleak.core.clips.frames_at", lambda *_: pytest.fail("an array was made"))
    streamed = StreamedVideo(lambda: iter(CLIP.frames), (6, *CLIP.frames.shape[1:]))
    long = Clip("ann", streamed, CLIP.audio)
    model = program("write(output, read(video)[:5])", "{video} {audio} {output} {reference}")
    made = run_generator(
        model.generator, "m", long, CR, long.audio, long.video, takes_videos=model.declared.takes_videos
    )
    assert "has 5 frames for 6" in "".join(remarks)
    for _ in range(2):
        np.testing.assert_array_equal(list(made), CLIP.frames[[0, 1, 2, 3, 4, 4]])
    assert left(tmp_path), "the program's video is read when it is needed"
    del made
    assert left(tmp_path) == []


def test_a_long_result_of_a_fixed_name_is_not_that_of_the_next_call(
    program: Callable[..., Model], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pytest_lipleak.media.video.HELD", 0)
    model = program(
        "write('result.mp4', read(video)[:: 1 if 'CR' in sys.argv else -1])",
        "{video} {audio}",
        result="result.mp4",
        cr_args="CR",
        ar_args="AR",
    )
    first, second = (
        run_generator(model.generator, "m", CLIP, condition, CLIP.audio, reference)
        for condition, reference in ((CR, CLIP.frames), (AR, CLIP.frames[:1]))
    )
    np.testing.assert_array_equal(list(first), CLIP.frames)
    np.testing.assert_array_equal(list(second), CLIP.frames[::-1])


def test_the_fingerprint_follows_the_environment(tmp_path: Path) -> None:
    """An environment whose packages were renewed makes other videos, from the same weights."""
    (tmp_path / "w.pth").write_text("weights")
    environment = tmp_path / "env"
    (environment / "bin").mkdir(parents=True)
    (environment / "bin" / "python").symlink_to(sys.executable)
    installed = environment / "lib" / "python3.10" / "site-packages"
    (installed / "torch-2.4.0.dist-info").mkdir(parents=True)
    given = {"checkpoint": "w.pth", "repo": str(tmp_path), "python": str(environment)}

    def fingerprint() -> str | None:
        return load_model("cmd: python run.py {video} {audio} {output}", given).fingerprint

    first = fingerprint()
    assert fingerprint() == first
    (installed / "torch-2.4.0.dist-info").rename(installed / "torch-2.5.1.dist-info")
    assert fingerprint() != first
    assert command.packages_of(str(environment)) == "torch-2.5.1"
    assert command.packages_of(None) == ""
