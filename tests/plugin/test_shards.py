"""A corpus measured in parts and merged is, to the bit, the corpus measured at once."""

import json
from pathlib import Path
from typing import Any

import pytest
from inner_pytest import Project, Run

from pytest_lipleak.cli import GOOD, LEAK, NOT_JUDGED, USAGE, main

LIMITS = ("LSD-CR < 0.001", "LSE-C_S < 50", "LSE-C_XO[AR] < 50", "SSIM[AM,CR] > 0.5")
GATES = tuple(f"--lipleak-gate={limit}" for limit in LIMITS)


def measure_parts(project: Project, count: int, *arguments: str, model: str = "Copy") -> list[str]:
    files = []
    for part in range(1, count + 1):
        run = project.measure(model, f"--lipleak-shard={part}/{count}", *arguments)
        file = project.path / f"part{part}.json"
        run.json_file.rename(file)
        files.append(str(file))
        assert set(run.counts) <= {"skipped", "failed"}, "nothing passes on a part"
    return files


def merge(files: list[str], *arguments: str) -> int:
    return main(["merge", *files, *arguments])


def changed(file: str, to: Path, **provenance: Any) -> str:
    data = json.loads(Path(file).read_text())
    about = data["results"][0]["provenance"]
    for name, value in provenance.items():
        (about["shard"] if name in about["shard"] else about)[name] = value
    to.write_text(json.dumps(data))
    return str(to)


def test_merged_is_the_whole_to_the_bit(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    whole = project.measure("Copy", *GATES).lasting
    files = measure_parts(project, 2, *GATES)
    capsys.readouterr()
    merged_file = project.path / "merged.json"
    assert merge(files[::-1], f"--json={merged_file}") == LEAK
    merged = Run(None, "", merged_file).lasting  # type: ignore[arg-type]
    for result in merged["results"]:
        assert "taken on trust" in result["provenance"]["notes"].pop(), "Copy has no fingerprint"
        assert set(result.pop("asked")) == {limit.replace("50", "50.0") for limit in LIMITS}
    for result in whole["results"]:
        assert result.pop("asked") == {}
    assert merged == whole
    out = capsys.readouterr().out
    assert "FAILED LSD-CR = " in out
    assert (
        "models.py:Copy: FAILED: leaks or loses sync with other speech: 1 of 4 limits broken: LSD-CR < 0.001"
        in out
    )
    assert merge(files, "--json=-") == LEAK
    assert json.loads(capsys.readouterr().out)["verdict"] == "fail"
    # Every trial was made by one part alone.
    trials = [
        {
            (trial["clip"], trial["condition"])
            for trial in json.loads(Path(file).read_text())["results"][0]["trials"]
        }
        for file in files
    ]
    assert not trials[0] & trials[1]
    assert merge(files, "--gate=LSE-C_S < 50", "--gate=LSE-D_S > 1") == GOOD
    assert merge(files, "--gate=LSD-AR < 50") == NOT_JUDGED, "AM,AR was not measured"
    assert merge(files, "--gate=LSD-CR > 1") == USAGE
    part = json.loads(Path(files[0]).read_text())
    assert (part["verdict"], part["results"][0]["verdicts"]) == ("not judged", [])

    refused = [
        (files[:1], "part 2/2 is missing"),
        ([files[0], files[0]], "part1.json is named twice"),
        ([*files, files[1]], "part2.json is named twice"),
        ([*files, changed(files[1], project.path / "again.json")], "are both part 2/2"),
        ([str(project.path / "nowhere.json")], "nowhere.json: cannot be read"),
        ([str(project.path / "models.py")], "is no JSON file"),
    ]
    differences: dict[str, Any] = {
        "expert": "other", "protocol": "lrs", "seed": 7, "version": "0", "silence": "noise", "device": "cuda:0",
        "alternative_reference": "random", "pairing": {"clip0": "clip2"},
    }  # fmt: skip
    differences |= {"clips_sha256": "0" * 64, "fingerprint": "w", "arguments": {"a": "1"}}
    differences |= {
        "weights_sha256": "0" * 64,
        "verified_weights": False,
        "pairing_rule": "given",
    }
    differences |= {"notes": ["JPEG step by another encoder"]}
    for word, value in differences.items():
        other = changed(files[1], project.path / f"{word}.json", **{word: value})
        refused.append(([files[0], other], f"disagree in {word}"))
    for word, value, words in (("model", "other", "2/2 is missing"), ("of", 3, "3/3 is missing")):
        refused.append(([files[0], changed(files[1], project.path / f"{word}.json", **{word: value})], words))
    stranger = changed(files[1], project.path / "stranger.json", clip_names=["clip0", "clip1", "clip2"])
    refused.append(([files[0], stranger], "its clips are not those of part 2/2"))
    for given, words in refused:
        capsys.readouterr()
        assert merge(given) == USAGE, words
        assert words in capsys.readouterr().err


def test_what_pauses_drove_is_merged_and_compared(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    gates = ("--lipleak-gate=REF_shift[PA,CR] < 0.5", "--lipleak-gate=FRAME_shift[PA,CR] < 1.5")
    whole, merged = project.path / "whole.json", project.path / "merged.json"
    project.measure("Copy", *gates).json_file.rename(whole)
    assert merge(measure_parts(project, 2, *gates), f"--json={merged}") == GOOD
    ours, theirs = (json.loads(file.read_text())["results"][0] for file in (merged, whole))
    assert "PA,CR" in {trial["condition"] for trial in ours["trials"]}
    for kind in ("trials", "pictures", "metrics"):
        assert ours[kind] == theirs[kind]
    capsys.readouterr()
    assert main(["compare", str(merged), str(whole)]) == GOOD
    assert "4 more metrics without a change" in capsys.readouterr().out, "both probes and the real clips' two"


def test_more_parts_than_clips_and_a_clip_that_fails(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    files = measure_parts(project, 4, "--lipleak-gate=LSE-C_S < 50", model="RaisesOnOneClip")
    capsys.readouterr()
    assert merge(files) == NOT_JUDGED
    out = capsys.readouterr().out
    assert "1 of 3 clips were not measured" in out
    assert "NOT JUDGED: lipleak::LSE-C_S < 50 failed for another reason than a limit" in out


def test_a_sequential_run_is_not_merged(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    limit = "--lipleak-gate=LSE-C_S < 50"
    sequential = str(project.measure("Copy", limit, "--lipleak-sequential").json_file)
    (part,) = json.loads(Path(sequential).read_text())["results"]
    assert part["provenance"]["sequential"] is True
    forged = changed(sequential, project.path / "forged.json", shard={"part": 1, "of": 1, "clips": []})
    for file in (sequential, forged):
        capsys.readouterr()
        assert merge([file], "--gate=LSE-C_S < 50") == USAGE
        assert "was measured with --lipleak-sequential" in capsys.readouterr().err


def test_limits_on_a_reference_that_the_model_does_not_have(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    files = measure_parts(
        project, 2, "--lipleak-gate=LSD-CR < 0.6", "--lipleak-gate=LSE-C_S[AR] < 50", model="OnlyAR"
    )
    capsys.readouterr()
    assert merge(files) == GOOD
    out = capsys.readouterr().out
    assert "ok     LSE-C_S[AR] = " in out
    assert "n/a    LSD-CR < 0.6: model 'models.py:OnlyAR' declares no CR" in out
    assert merge(files, "--gate=LSD-CR < 0.6") == NOT_JUDGED, "nothing is left to judge"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--lipleak-shard=3/2",), "--lipleak-shard: '3/2' is no part; write I/N with I from 1 to N"),
        (("--lipleak-shard=0/2",), "'0/2' is no part"),
        (("--lipleak-shard=half",), "'half' is no part"),
        (("--lipleak-shard=1/2", "--lipleak-json="), "name the part's file with --lipleak-json"),
    ],
)
def test_refused_at_start(project: Project, arguments: tuple[str, ...], words: str) -> None:
    run = project.measure("Copy", *arguments)
    assert run.code == pytest.ExitCode.USAGE_ERROR
    assert words in run.text


def test_distances_between_sets_cannot_be_put_together(project: Project) -> None:
    run = project.measure("Copy", "--lipleak-shard=1/2", "--lipleak-gate=FID[AM,CR] < 10")
    assert run.code == pytest.ExitCode.USAGE_ERROR
    assert run.lines(r"FID\[AM,CR\] < 10 compares whole sets of frames and cannot be put together from parts")
