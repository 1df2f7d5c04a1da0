"""The plain functions: on files and on arrays, and what their results give away."""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import pytest_lipleak
from pytest_lipleak import LipleakError, evaluate, score
from pytest_lipleak.generators.control_generators import demo
from pytest_lipleak.media.clipsets import EMBEDDED, open_clips
from pytest_lipleak.media.video import write_video
from pytest_lipleak.report.json import schema
from pytest_lipleak.report.reading import read_report
from pytest_lipleak.report.records import COLUMNS

pytestmark = pytest.mark.usefixtures("warm")
GATES = ["LSE-C_S[CR] < 1.5", "LSE-C[XM,CR] > 1.2"]


@pytest.fixture(scope="module")
def arrays() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    clips = open_clips(EMBEDDED)
    return {name: (clips[name].frames, clips[name].audio) for name in ("anna_1", "mara_2", "omar_1")}


def copy(frames: np.ndarray, audio: np.ndarray, reference: np.ndarray) -> np.ndarray:
    return frames


def black(frames: np.ndarray, audio: np.ndarray, reference: np.ndarray) -> np.ndarray:
    return np.zeros_like(frames)


@pytest.fixture(scope="module")
def leaking(arrays: dict[str, tuple[np.ndarray, np.ndarray]]) -> pytest_lipleak.Result:
    return evaluate(copy, arrays, GATES, expert="embedded")


def test_a_file_and_its_arrays_have_one_score(
    arrays: dict[str, tuple[np.ndarray, np.ndarray]], tmp_path: Path
) -> None:
    frames, audio = arrays["anna_1"]
    write_video(tmp_path / "anna.mkv", frames, audio)
    by_array = score(frames, audio, expert="embedded")
    by_file = score(tmp_path / "anna.mkv", expert="embedded")
    assert (by_array.lse_c, by_array.lse_d, by_array.offset) == (by_file.lse_c, by_file.lse_d, by_file.offset)
    assert by_array.frames == by_file.frames == len(frames)
    # The command prints the same.
    command = [sys.executable, "-m", "pytest_lipleak.cli", "score", str(tmp_path / "anna.mkv")]
    said = subprocess.run(
        [*command, "--expert=embedded", "--json"], capture_output=True, text=True, check=True
    )
    assert json.loads(said.stdout) == by_file.to_dict()
    (record,) = by_file.to_records()
    assert record["lse_c"] == by_file.lse_c
    assert f"{by_file.frames}</td>" in by_file._repr_html_()


def test_lips_that_follow_nothing_are_said_to_score_like_chance(
    arrays: dict[str, tuple[np.ndarray, np.ndarray]],
) -> None:
    frames, audio = arrays["anna_1"]
    backwards = score(frames, audio[::-1].copy(), expert="embedded")
    assert any(note.startswith("no better than chance: ") for note in backwards.notes)
    assert "protocol tracked" in " ".join(backwards.notes)
    assert not score(frames, audio, expert="embedded").notes


def test_a_leaking_function_fails(leaking: pytest_lipleak.Result) -> None:
    assert (leaking.verdict, leaking.passed) == ("fail", False)
    assert leaking.headline.startswith("FAILED: leaks under silence")
    assert [verdict.passed for verdict in leaking.verdicts] == [False, False]
    assert str(leaking).startswith(leaking.headline)


def test_black_pictures_do_not_pass(arrays: dict[str, tuple[np.ndarray, np.ndarray]]) -> None:
    result = evaluate(black, arrays, GATES, expert="embedded")
    assert not result.passed
    assert "does not follow the audio" in result.headline


def test_a_model_by_name_is_the_object(own_clips: Path) -> None:
    by_name, by_object = (
        evaluate(model, own_clips, ["LSE-C_S@floor[CR] < 0.7"], expert="embedded")
        for model in ("demo", demo())
    )
    assert by_name.passed
    assert by_name.metrics() == by_object.metrics()
    assert by_name.metrics()["LSE-C_S@floor"] < 0.7


def test_records_are_what_the_report_holds(leaking: pytest_lipleak.Result, tmp_path: Path) -> None:
    records = leaking.to_records()
    assert set(records[0]) == set(COLUMNS)
    of = [each for each in records if each["metric"] == "LSE-C[XM,CR]"]
    assert sorted(each["clip"] for each in of) == ["anna_1", "mara_2", "omar_1"]
    mean = float(np.mean([each["value"] for each in of]))
    assert mean == pytest.approx(leaking.metrics()["LSE-C[XM,CR]"])
    report = tmp_path / "scores.json"
    report.write_text(json.dumps(leaking.to_dict()))
    assert read_report(report).corpora[0].to_dict() == leaking.corpus.to_dict()
    command = [sys.executable, "-m", "pytest_lipleak.cli", "report", str(report), "--format=records"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rows = list(csv.DictReader(io.StringIO(said)))
    assert [float(row["value"]) for row in rows] == [each["value"] for each in records]
    assert [row["clip"] for row in rows] == [each["clip"] for each in records]


def test_pandas_reads_records_and_file(leaking: pytest_lipleak.Result) -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    table = pandas.DataFrame(leaking.to_records())
    wide = table.pivot_table(index="clip", columns="metric", values="value")
    assert wide.loc["anna_1", "LSE-C[XM,CR]"] > 0
    assert table["value"].dtype.kind == "f"


def test_a_report_is_valid_and_what_a_notebook_shows_is_escaped(leaking: pytest_lipleak.Result) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.validate(leaking.to_dict(), schema())
    shown = leaking._repr_html_()
    assert "&lt; 1.5" in shown
    assert "< 1.5" not in shown


def test_nothing_given_is_judged_by_default_gates_or_only_measured(
    arrays: dict[str, tuple[np.ndarray, np.ndarray]],
) -> None:
    measured = evaluate(copy, arrays, [], expert="embedded")
    assert measured.verdict == "not judged"
    assert {"LSE-C[XM,AR]", "LSD-CR"} <= set(measured.metrics())


def test_environment_and_working_folder_do_not_matter(
    arrays: dict[str, tuple[np.ndarray, np.ndarray]],
    leaking: pytest_lipleak.Result,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("LIPLEAK_GATES", "LSE-C_S < 90")
    monkeypatch.setenv("LIPLEAK_SEED", "3")
    monkeypatch.chdir(tmp_path)
    again = evaluate(copy, arrays, GATES, expert="embedded")
    assert again.metrics() == leaking.metrics()
    assert list(tmp_path.iterdir()) == []


def test_what_is_wrong_is_said_before_anything_is_measured(
    arrays: dict[str, tuple[np.ndarray, np.ndarray]],
) -> None:
    def never(frames: np.ndarray, audio: np.ndarray, reference: np.ndarray) -> np.ndarray:
        raise AssertionError("measured")

    frames, audio = arrays["anna_1"]
    with pytest.raises(LipleakError, match="unknown metric"):
        evaluate(never, arrays, ["LSE < 1"], expert="embedded")
    with pytest.raises(LipleakError, match="takes no 'gatess'"):
        evaluate(never, arrays, gatess=1)
    with pytest.raises(LipleakError, match="no clips; give at least one"):
        evaluate(never, {})
    with pytest.raises(LipleakError, match="100 samples of audio for"):
        evaluate(never, {"a": (frames, audio[:100])})
    with pytest.raises(ValueError, match="dtype float"):
        evaluate(never, {"a": (frames / 255, audio)})
    with pytest.raises(LipleakError, match="a name is a file's name"):
        evaluate(never, {"../a": (frames, audio)})
    with pytest.raises(LipleakError, match="'a': got a ndarray, expected frames and audio"):
        evaluate(never, {"a": frames})  # type: ignore[dict-item]
    with pytest.raises(ValueError, match=r"shape \(137, 160, 160\), expected \(T, H, W, 3\)"):
        evaluate(never, {"a": (frames[..., 0], audio)})
    with pytest.raises(ValueError, match=r"'a'.*int16"):
        evaluate(never, {"a": (frames, audio / 32768)})
    with pytest.raises(ValueError, match=r"'a'.*int16"):
        evaluate(never, {"a": (frames, None)})  # type: ignore[dict-item]
    with pytest.raises(LipleakError, match="give audio as an array"):
        score(frames)
    with pytest.raises(LipleakError, match="video is a list; expected a file's name or a NumPy array"):
        score(list(frames), audio)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="int16"):
        score(frames, np.stack([audio, audio], 1))
    with pytest.raises(ValueError, match="dtype float"):
        score(frames / 255, audio)
    with pytest.raises(LipleakError, match="'gpu' is no device; use auto"):
        score(frames, audio, device="gpu")
    with pytest.raises(LipleakError, match="unknown protocol"):
        score(frames, audio, protocol="whole")
    with pytest.raises(LipleakError, match="both as files, or both as arrays"):
        score("video.mp4", audio)


def test_nothing_that_was_judged_is_no_pass(arrays: dict[str, tuple[np.ndarray, np.ndarray]]) -> None:
    class OnlyAR:
        supports = ("AR",)

        def generate(self, frames: np.ndarray, audio: np.ndarray, reference: np.ndarray) -> np.ndarray:
            return frames

    one = {"anna_1": arrays["anna_1"]}
    result = evaluate(OnlyAR(), one, ["PSNR[AM,CR] > 1"], expert="embedded")
    assert result.corpus.provenance.clips == "arrays"
    assert list(result.skipped) == ["PSNR[AM,CR] > 1"]
    assert (result.verdict, result.passed) == ("not judged", False)
    assert "not judged" in result._repr_html_().lower()


def test_a_metric_that_only_a_gate_names_is_among_the_metrics(leaking: pytest_lipleak.Result) -> None:
    """Whoever asks for it by name finds it in the report."""
    from dataclasses import replace

    from pytest_lipleak.evaluation.results.aggregate import measure
    from pytest_lipleak.verdicts.limits import Limit
    from pytest_lipleak.verdicts.value_against_limit import judge

    limit = Limit.parse("success[SI,CR] > 0.5")
    verdict = judge(limit, measure(leaking.corpus, limit.metric))
    named = replace(leaking, verdicts=(*leaking.verdicts, verdict))
    assert limit.metric.name not in leaking.metrics()
    assert named.metrics()[limit.metric.name] == verdict.measurement.value
    (found,) = named.to_dict()["results"]
    assert limit.metric.name in {each["metric"] for each in found["metrics"]}
