"""The ``lipleak`` command."""

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_lipleak.cli import COMMANDS, CUT_OFF, GOOD, NOT_JUDGED, USAGE, main
from pytest_lipleak.cli.supervised import supervised
from pytest_lipleak.core.version import __version__
from pytest_lipleak.evaluation.results.dose_curves import read_curve
from pytest_lipleak.machine.resources import resource
from pytest_lipleak.sync.weights import SYNCNET_FILE, SYNCNET_SHA256

KEYS = {
    "lse_c", "lse_d", "offset", "above_unrelated", "windows", "frames", "mean_distances", "window_confidence",
    "protocol", "expert", "weights_sha256", "verified_weights", "notes",
}  # fmt: skip


@pytest.fixture(scope="module")
def video() -> Path:
    from pytest_lipleak.media.clipsets import open_clips

    return open_clips("embedded").files["anna_1"].video


@pytest.fixture(scope="module")
def seeded_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SyncNet weights that are not the published ones."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnx")
    from pytest_lipleak.sync.architecture import parameter_shapes

    rng = np.random.default_rng(0)
    state = {
        name: torch.tensor(
            (0.5 + 0.1 * rng.random(shape)) if "running_var" in name else 0.02 * rng.normal(size=shape)
        ).float()
        for name, shape in parameter_shapes().items()
    }
    path = tmp_path_factory.mktemp("weights") / SYNCNET_FILE
    torch.save(state, path)
    return path


def as_json(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> dict[str, Any]:
    assert main(["score", *map(str, arguments), "--json"]) == GOOD
    return json.loads(capsys.readouterr().out)


def test_score_as_text(video: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["score", str(video)]) == GOOD
    first, second, third, *_ = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{video}: LSE-C ")
    assert first.endswith("offset +0")
    assert float(second.split()[0]) > 0.5
    assert second.split(maxsplit=1)[1].startswith("above the mean LSE-C with ")
    assert third.startswith("  expert embedded ")
    assert "protocol direct" in third


def test_score_as_json(video: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = as_json(capsys, video)
    assert set(data) == KEYS
    distances = data["mean_distances"]
    assert data["lse_d"] == min(distances)
    assert data["lse_c"] == pytest.approx(np.median(distances) - min(distances))
    assert data["offset"] == 15 - int(np.argmin(distances))
    assert data["windows"] == data["frames"] - 5 == len(data["window_confidence"])
    assert data["verified_weights"] is True
    assert main(["score", str(video)]) == GOOD
    assert f"LSE-C {data['lse_c']:.3f} " in capsys.readouterr().out


def test_score_at_a_known_offset(video: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = as_json(capsys, video, "--offset", "-3")
    assert data["distance_at_known_offset"] == data["mean_distances"][18]
    assert data["known_offset"] == -3
    assert main(["score", str(video), "--offset", "3"]) == GOOD
    assert "at the known offset +3: confidence " in capsys.readouterr().out


def test_score_against_other_audio(video: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own, same = as_json(capsys, video), as_json(capsys, video, "--audio", video)
    assert own == same
    longer = max(video.parent.glob("mara_*.mkv"), key=lambda path: path.stat().st_size)
    other = as_json(capsys, video, "--audio", longer)
    assert other["lse_c"] < own["lse_c"] / 2
    # Speech that is not the lips' own scores like any other, and its own stands above that.
    assert other["above_unrelated"] < 0.3 < 0.5 < own["above_unrelated"] < own["lse_c"]


REFUSED = [
    (("missing.mp4",), "missing.mp4: no such file"),
    ((".",), ".: is a folder, expected one media file"),
    (("empty.mp4",), "the file is empty (0 bytes)"),
    (("text.mp4",), "cannot be decoded"),
    (("VIDEO", "--audio", "missing.wav"), "missing.wav: no such file"),
    (
        ("VIDEO", "--expert", "nobody"),
        "--expert: 'nobody' is not allowed; choose one of auto, syncnet, embedded",
    ),
    (
        ("VIDEO", "--protocol", "raw"),
        "--protocol: 'raw' is not allowed; choose one of auto, lrs, direct, tracked",
    ),
    (("VIDEO", "--device", "tpu"), "--device: 'tpu' is no device; use auto, cpu, cuda, cuda:N or mps"),
    (("VIDEO", "--face", "left"), "--face: 'left' is not allowed; choose one of largest, speaking"),
    (("VIDEO", "--weights", "nowhere"), "nowhere: no such file or folder"),
    (("VIDEO", "--expert", "syncnet"), f"no {SYNCNET_FILE} in the download folder; run `lipleak fetch`"),
    (("VIDEO", "--expert", "syncnet", "--weights", "text.mp4"), f"expected {SYNCNET_SHA256}"),
]


@pytest.mark.parametrize(("arguments", "words"), REFUSED, ids=[" ".join(case[0]) for case in REFUSED])
def test_score_refuses(
    arguments: tuple[str, ...],
    words: str,
    video: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty.mp4").touch()
    Path("text.mp4").write_text("no video")
    assert main(["score", *(str(video) if word == "VIDEO" else word for word in arguments)]) == USAGE
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("lipleak: ")
    assert words in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments",
    [(), ("judge",), ("score",), ("score", "v", "--offset", "16")],
)
def test_wrong_words_on_the_command_line(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == USAGE
    assert "usage: lipleak" in capsys.readouterr().err


def test_a_misspelt_option_is_named_with_the_right_one(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["evaluate", "--model", "demo", "--gates", "LSD-CR < 1"])
    assert stopped.value.code == USAGE
    assert "unrecognized arguments: --gates LSD-CR < 1; did you mean --gate?\n" in capsys.readouterr().err


def test_too_short_to_be_judged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from pytest_lipleak.media.video import write_video

    path = tmp_path / "short.mkv"
    write_video(path, np.zeros((5, 64, 64, 3), np.uint8), np.zeros(5 * 640, np.int16))
    assert main(["score", str(path)]) == NOT_JUDGED
    assert "could not be judged: fewer than 6 usable frames" in capsys.readouterr().err


def test_a_still_picture_is_scored_and_called_unreliable(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from pytest_lipleak.media.video import write_video

    path = tmp_path / "still.mkv"
    write_video(path, np.full((60, 64, 64, 3), 90, np.uint8), np.zeros(60 * 640, np.int16))
    notes = " ".join(as_json(capsys, path)["notes"])
    assert "unreliable: no voiced speech" in notes
    assert "unreliable: the mouth does not move" in notes


@pytest.mark.slow
def test_unverified_weights_are_said_everywhere(
    seeded_weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from pytest_lipleak.media.video import write_video

    video = tmp_path / "noise.mkv"
    pictures = np.random.default_rng(0).integers(0, 255, (8, 64, 64, 3)).astype(np.uint8)
    write_video(video, pictures, np.random.default_rng(0).integers(-9, 9, 8 * 640).astype(np.int16))
    arguments = [str(video), "--weights", str(seeded_weights.parent)]
    assert main(["score", *arguments]) == USAGE
    assert "--allow-unverified-weights" in capsys.readouterr().err
    arguments.append("--allow-unverified-weights")
    assert main(["score", *arguments]) == GOOD
    text = capsys.readouterr().out
    sha256 = hashlib.sha256(seeded_weights.read_bytes()).hexdigest()
    assert f"unverified weights {sha256[:8]}, protocol lrs" in text
    assert "unverified weights: these are not published numbers" in text
    data = as_json(capsys, *arguments)
    assert (data["verified_weights"], data["weights_sha256"], data["protocol"]) == (False, sha256, "lrs")
    assert data["expert"].endswith(f"unverified weights {sha256[:8]}")
    assert "unverified weights: these are not published numbers" in data["notes"]


def test_doctor_says_unverified(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / SYNCNET_FILE).write_bytes(b"other weights")
    assert main(["doctor", "--weights", str(tmp_path)]) == GOOD
    assert f"{SYNCNET_FILE} (unverified weights: not the published hash)" in capsys.readouterr().out


def test_doctor(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == GOOD
    text = capsys.readouterr().out
    assert text.startswith(f"pytest-lipleak {__version__}, Python {sys.version.split()[0]}")
    for line in (
        "embedded clips: 12",
        "embedded expert: embedded 3+",
        "SyncNet v2: not found; run `lipleak fetch`",
        "face model: not found; protocol tracked and landmarks download it at first use (https://",
        "next: pytest --lipleak-model=demo",
    ):
        assert line in text
    assert main(["doctor", "--weights", "nowhere"]) == USAGE


def test_doctor_says_what_to_type_next(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--model", "demo", "--expert", "embedded", "--frames", "12"]) == GOOD
    assert capsys.readouterr().out.endswith("\nnext: lipleak evaluate --model demo --expert embedded\n")


def test_doctor_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == GOOD
    data = json.loads(capsys.readouterr().out)
    assert data["versions"]["numpy"] == np.__version__
    assert data["embedded clips"] == "12"


@pytest.mark.parametrize("name", [command.__name__.rpartition(".")[2] for command in COMMANDS])
def test_every_help_has_exit_status_and_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([name, "--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert "example" in text
    assert "exit status" in text or name == "completion"
    # What calibrate writes is JSON anyway.
    assert "--json" in text or name == "completion"


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_completion_knows_commands_and_options(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("shtab")
    assert main(["completion", shell]) == GOOD
    script = capsys.readouterr().out
    for word in ("evaluate", "--alternative-reference", "doctor", "terminal"):
        assert word in script, word


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_completes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("shtab")
    assert main(["completion", "bash"]) == GOOD
    script = tmp_path / "lipleak.bash"
    script.write_text(capsys.readouterr().out)
    ask = f"""source {script}
    COMP_WORDS=(lipleak evaluate --confi); COMP_CWORD=2
    $(complete -p lipleak | sed 's/.*-F \\([^ ]*\\) .*/\\1/') lipleak; echo "${{COMPREPLY[@]}}" """
    done = subprocess.run(["bash", "-c", ask], capture_output=True, text=True, check=False)
    assert "--confidence" in done.stdout, done.stderr


def test_doctor_names_the_extra_of_a_missing_package(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from importlib.metadata import PackageNotFoundError

    def nothing_installed(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr("importlib.metadata.version", nothing_installed)
    assert main(["doctor"]) == GOOD
    assert "torch missing: pip install 'pytest-lipleak[syncnet]'" in capsys.readouterr().out


def test_cache_is_listed_and_cleared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from pytest_lipleak.store.store import Store

    def said(action: str) -> list[str]:
        assert main(["cache", action]) == GOOD
        return capsys.readouterr().out.splitlines()

    monkeypatch.setenv("LIPLEAK_STORE", str(tmp_path))
    store = Store(tmp_path)
    about = {"model": "demo:leaky", "clip": "ann", "condition": "SI,CR"}
    store.get_or_make("video.mkv", "a" * 40, lambda path: path.write_bytes(bytes(1_500_000)), about=about)
    store.get_or_make("embedding.npy", "b" * 40, lambda path: path.write_bytes(bytes(400_000)))
    assert said("path") == [str(tmp_path)]
    assert said("size") == ["2 artefacts in 1.9 MB", "  embedding: 1 in 0.4 MB", "  video: 1 in 1.5 MB"]
    lines = said("list")
    assert len(lines) == 2
    assert any(line.endswith("1.5 MB  video  model demo:leaky, clip ann, condition SI,CR") for line in lines)
    assert main(["cache", "list", "--json"]) == GOOD
    listed = json.loads(capsys.readouterr().out)["artefacts"]
    assert sorted(artefact["bytes"] for artefact in listed) == [400_000, 1_500_000]
    assert about in [artefact["about"] for artefact in listed]
    assert said("clear") == ["removed 2 artefacts, 1.9 MB"]
    assert said("list") == ["empty"]
    monkeypatch.delenv("LIPLEAK_STORE")
    for arguments in (["cache", "size"], ["cache", "size", "--store", str(tmp_path / "nowhere")]):
        assert main(arguments) == USAGE
    err = capsys.readouterr().err
    assert "Name its folder with --store or LIPLEAK_STORE" in err
    assert "nowhere: no such folder" in err


class Web:
    """Stands in for pooch's download: serves ``content`` at every address."""

    def __init__(self, content: bytes | None) -> None:
        self.content = content
        self.asked: list[str] = []

    def __call__(self, url: str, output_file: Any, pooch: Any, check_only: bool = False) -> None:
        self.asked.append(url)
        if self.content is None:
            raise OSError("network is unreachable")
        Path(output_file).write_bytes(self.content)


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Web:
    served = Web(b"weights as published")
    monkeypatch.setattr("pooch.core.choose_downloader", lambda url, progressbar=False: served)
    return served


def test_fetch_puts_verified_weights_where_score_finds_them(
    web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import dataclasses

    from pytest_lipleak.machine.model_files import locate
    from pytest_lipleak.sync import weights

    known = hashlib.sha256(b"weights as published").hexdigest()
    monkeypatch.setattr(weights, "SYNCNET", dataclasses.replace(weights.SYNCNET, sha256=known))
    monkeypatch.setenv("LIPLEAK_CACHE", str(tmp_path))
    assert main(["fetch"]) == GOOD
    assert capsys.readouterr().out.strip() == str(tmp_path / SYNCNET_FILE)
    assert locate(SYNCNET_FILE, None) == tmp_path / SYNCNET_FILE
    assert main(["fetch", "--folder", str(tmp_path / "elsewhere"), "--json"]) == GOOD
    assert json.loads(capsys.readouterr().out)["path"] == str(tmp_path / "elsewhere" / SYNCNET_FILE)
    assert (tmp_path / "elsewhere" / SYNCNET_FILE).is_file()
    assert main(["fetch"]) == GOOD
    assert len(web.asked) == 2, "what is there is not fetched again"


@pytest.mark.parametrize("content", [b"a login page", b"", None])
def test_fetch_refuses_anything_else(
    web: Web, content: bytes | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    web.content = content
    assert main(["fetch", "--folder", str(tmp_path)]) == USAGE
    err = capsys.readouterr().err
    assert "could not download syncnet_v2.model" in err
    assert ("network is unreachable" if content is None else "hash") in err
    assert "name that with --lipleak-weights or LIPLEAK_WEIGHTS" in err
    assert not (tmp_path / SYNCNET_FILE).exists()


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("ConnectionError", "the server could not be reached"),
        ("ReadTimeout", "the server did not answer in time"),
        ("SSLError", "the server's certificate could not be verified"),
    ],
)
def test_why_a_download_failed_is_said_without_the_insides_of_a_connection(
    kind: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import pooch
    import requests

    def fail(*given: object, **named: object) -> None:
        raise getattr(requests.exceptions, kind)(
            "HTTPSConnectionPool(host='x', port=443): Max retries exceeded"
        )

    monkeypatch.setattr("pytest_lipleak.machine.model_files._size", lambda url: "1.0 MB")
    monkeypatch.setattr(pooch, "retrieve", fail)
    assert main(["fetch", "--folder", str(tmp_path)]) == USAGE
    err = capsys.readouterr().err
    assert f": {said}. Without internet" in err
    assert "HTTPSConnectionPool" not in err


def test_as_a_module_and_on_a_poor_console(video: Path) -> None:
    command = [sys.executable, "-m", "pytest_lipleak.cli", "score", str(video)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={"PYTHONIOENCODING": "ascii", "PATH": ""}
    )
    assert (done.returncode, done.stderr) == (GOOD, "")
    assert "LSE-C" in done.stdout
    done = subprocess.run([*command[:3], "--version"], capture_output=True, text=True, check=False)
    assert done.stdout == f"pytest-lipleak {__version__}\n"


def test_help_loads_nothing_that_reads_results() -> None:
    program = (
        "import sys; from pytest_lipleak.cli import main\ntry: main(['--help'])\nfinally: print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.splitlines()[-1].split())
    assert "pytest_lipleak.cli.report" in loaded
    assert loaded.isdisjoint({"numpy", "pytest_lipleak.core.corpus", "pytest_lipleak.report.tables"})


@pytest.mark.skipif(sys.platform == "win32", reason="pipes break otherwise there")
def test_a_reader_that_wants_no_more_is_no_error() -> None:
    """As ``lipleak report ... | head``."""
    command = [sys.executable, "-m", "pytest_lipleak.cli", "report", "--paper", "all", "--format", "csv"]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert running.stdout is not None
    assert running.stderr is not None
    running.stdout.close()
    assert (running.wait(60), running.stderr.read()) == (CUT_OFF, b"")
    running.stderr.close()


LARGE = ("latentsync", "retalking")
"""How the names begin of clips of half a million pixels or more: one second of them takes as long as ten of others."""


def beginning(path: Path, target: Path) -> Path:
    """Copy the first 2.5 s of a file, packet by packet: nothing is encoded anew."""
    import av

    with av.open(str(path)) as whole, av.open(str(target), "w") as cut:
        kept = {
            each: cut.add_stream_from_template(each) for each in (*whole.streams.video, *whole.streams.audio)
        }
        for packet in whole.demux(list(kept)):
            if packet.dts is not None and packet.dts * packet.time_base < 2.5:
                packet.stream = kept[packet.stream]
                cut.mux(packet)
    return target


def clip_names() -> list[Any]:
    names = [
        "grid_bbaf2n.mpg", "grid_brbk7n.mpg", "grid_lbax4n.mpg", "grid_lbbc2a.mpg", "grid_lrwp9a.mpg",
        "grid_lwbsza.mpg", "katie_hill.mp4", "may_5s.mp4", "merkel_mismatched.avi", "retalking_1.mp4",
        "retalking_2.mp4", "retalking_4.mp4", "syncnet_example.avi",
    ]  # fmt: skip
    return [*names, pytest.param("latentsync_demo1.mp4", marks=pytest.mark.slow)]


@pytest.mark.parametrize("name", clip_names())
def test_real_files(shared: Path, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = shared / "clips" / name
    if name.startswith(LARGE):
        path = beginning(path, tmp_path / name)
    data = as_json(capsys, path, "--expert", "embedded", "--protocol", "direct")
    assert set(data) == KEYS
    assert len(data["mean_distances"]) == 31
    assert 0 < data["lse_d"] < 20
    assert data["lse_c"] >= 0
    assert data["frames"] > 20


def test_no_real_file_is_left_out(shared: Path) -> None:
    files = {path.name for path in (shared / "clips").iterdir() if path.suffix != ".csv"}
    named = {entry if isinstance(entry, str) else entry.values[0] for entry in clip_names()}
    assert files == named


def test_calibrate_prints_the_curve_that_it_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    known = read_curve(resource("dose/embedded.json"))
    monkeypatch.setattr("pytest_lipleak.evaluation.results.dose_curves.calibrated", lambda measured: known)
    assert main(["calibrate", f"--output={tmp_path / 'dose.json'}", "--json"]) == GOOD
    out, err = capsys.readouterr()
    assert out == (tmp_path / "dose.json").read_text()
    assert json.loads(out).keys() >= known.to_dict().keys()
    assert "dose.json: 12 clips" in err


def test_a_folder_of_somebodys_own_beside_the_curve_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    known = read_curve(resource("dose/embedded.json"))
    monkeypatch.setattr("pytest_lipleak.evaluation.results.dose_curves.calibrated", lambda measured: known)
    own = tmp_path / "dose.json.part" / "thesis.txt"
    own.parent.mkdir()
    own.write_text("years of work")
    assert main(["calibrate", f"--output={tmp_path / 'dose.json'}"]) == GOOD
    assert [*own.parent.iterdir()] == [own]
    assert "goes on" not in capsys.readouterr().err


def test_a_model_in_the_judging_process_is_said_to_be(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delattr("os.fork", raising=False)
    assert supervised(lambda: 3) == 3
    assert "runs in the process that judges it, since this one runs on a system that does not fork" in (
        capsys.readouterr().err
    )


def test_an_expert_that_hears_nothing_is_refused_before_anything_is_calibrated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from pytest_lipleak.evaluation.evaluation import Evaluation
    from pytest_lipleak.generators.control_generators import ControlGenerator

    monkeypatch.setattr(ControlGenerator, "generate", lambda *inputs: pytest.fail("a video was made"))
    monkeypatch.setattr(Evaluation, "expert_unfit", lambda self: "this expert cannot judge these clips")
    gates = tmp_path / "gates.txt"
    files = ("--output", str(tmp_path / "dose.json"), "--gates", str(gates))
    assert main(["calibrate", "--clips", "embedded", *files]) == NOT_JUDGED
    assert "this expert cannot judge these clips" in capsys.readouterr().err
    assert not gates.exists()


@pytest.mark.parametrize(
    ("word", "said"), [("scor", "did you mean score?"), ("wobble", "known are score, clips,")]
)
def test_an_unknown_command_is_told_with_the_nearest_or_with_all(
    word: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([word])
    assert ended.value.code == USAGE
    assert f"unknown command {word!r}; {said}" in capsys.readouterr().err
