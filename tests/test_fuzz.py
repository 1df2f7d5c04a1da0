"""Thousands of broken reports, manifests and option values, seeded: whatever comes in, no traceback comes out.

How many is a matter of time: ``LIPLEAK_FUZZ`` multiplies them, for a night.
"""

import json
import os
import random
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent / "report"))
from corpora import corpus, report

from pytest_lipleak.cli import main
from pytest_lipleak.core.errors import LipleakError
from pytest_lipleak.core.scores import LAGS, LagScan
from pytest_lipleak.report.reading import read_report

TIMES = int(os.environ.get("LIPLEAK_FUZZ", "1"))
VALUES: list[Any] = [
    None, True, False, 0, -1, 1, 31, 10**18, 10**30, 0.5, -1e-300, 1e14, 1e300, "", "a", "GT", "AM,CR", "nan", "inf",
    "..", "\x1b[2J", "\ud800", "é" * 3000, "../../x", "<script>", "=1+1", "pass", [], {}, [[]], [0] * 31, {"a": 1},
    [None], ["a", "a"],
]  # fmt: skip


def base() -> dict[str, Any]:
    found = corpus(["a", "b"], leak=0.5)
    row = (0.1,) * len(LAGS)
    for key in sorted(found.trials, key=str)[:3]:
        found.scans[key] = LagScan((row, row), (row, row), row, 0.2)
    data: dict[str, Any] = json.loads(json.dumps(report(found, "LSE-C_S < 1", "LSD-CR < 0.8 @ 95%")))
    (result,) = data["results"]
    kept = {(scan["clip"], scan["condition"]) for scan in result["scans"]}
    result["trials"] = [trial for trial in result["trials"] if (trial["clip"], trial["condition"]) in kept]
    result["metrics"] = result["metrics"][:3]
    return data


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a document; of a list the first and last entry, as the others are alike."""
    found = [path]
    if isinstance(value, dict):
        for key, inner in value.items():
            found += places(inner, (*path, key))
    elif isinstance(value, list) and value:
        for index in {0, len(value) - 1}:
            found += places(value[index], (*path, index))
    return found


def mutated(text: str, dice: random.Random) -> Any:
    """The document with one or two places changed, removed, renamed or doubled."""
    data = json.loads(text)
    for _ in range(dice.choice((1, 1, 2))):
        path = dice.choice(places(data)[1:])
        parent = data
        for step in path[:-1]:
            parent = parent[step]
        kind = dice.choice(("value", "value", "value", "remove", "double", "rename"))
        if kind == "value":
            parent[path[-1]] = dice.choice(VALUES)
        elif kind == "remove":
            del parent[path[-1]]
        elif isinstance(parent, list):
            parent.append(parent[path[-1]])
        else:
            parent[f"{path[-1]}x" if kind == "rename" else dice.choice(["a", "clip", ""])] = parent.pop(
                path[-1]
            )
        if not isinstance(data, dict) or len(places(data)) < 3:
            break
    return data


def damaged(text: bytes, dice: random.Random) -> bytes:
    """The file with bytes changed, cut or doubled."""
    at, size = dice.randrange(len(text)), dice.randrange(1, 40)
    return dice.choice(
        (
            text[:at],
            text[:at] + text[at + size :],
            text[:at] + bytes(dice.randrange(256) for _ in range(size)) + text[at:],
            text[:at] + text[at : at + size] * 2 + text[at:],
        )
    )


def commands(file: Path, folder: Path) -> list[list[str]]:
    ways = [
        ["report", file],
        ["report", file, "-v"],
        ["merge", file],
        ["compare", file, folder / "good.json"],
    ]
    ways += [["report", file, "--format", f] for f in ("markdown", "latex", "csv", "json")]
    ways += [["report", file, "--format", "html", "-o", folder / "page" / "index.html"]]
    return [[str(word) for word in way] for way in ways]


def refusal(call: Callable[[], object]) -> str:
    """How a call is refused; empty where it is not."""
    try:
        call()
    except LipleakError as error:
        return str(error)
    return ""


def test_a_mutated_report_is_read_or_refused_and_never_a_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dice, sound = random.Random(16), json.dumps(base())
    (tmp_path / "good.json").write_text(sound)
    file, seen = tmp_path / "evil.json", Counter[str]()
    for number in range(1500 * TIMES):
        text = json.dumps(mutated(sound, dice)).encode() if number % 3 else damaged(sound.encode(), dice)
        # Some file systems wait for the disk where a file is emptied and written again.
        file.unlink(missing_ok=True)
        file.write_bytes(text)
        if why := refusal(lambda: read_report(file)):
            seen["refused"] += 1
            assert why.startswith(str(file))
            assert why.isprintable(), text
            assert len(why) < len(str(file)) + 600
            continue
        seen["read"] += 1
        if seen["read"] % 4 == 0:  # each goes through one command, as all through all would take minutes
            command = dice.choice(commands(file, tmp_path))
            status = main(command)
            told = capsys.readouterr()
            assert status in (0, 1, 2, 3, 4), (command, text)
            assert "unexpected" not in told.err, (command, told.err, text)
    assert seen["read"] > 100, "a fuzz test that only meets the door sees no house"
    assert seen["refused"] > 500


HEAD = "name,video,audio,speaker,text"
CELLS = [
    "", "a", "a.mp4", "../a.mp4", "/etc/passwd", "\x00", "\x1b[2J", '"', "'", "\n", "=1+1", "é", "\ud800",
    ",", ";", "x" * 200_000,
    "http://127.0.0.1:9/a.mp4", "concat:a|b", "pipe:0", "nul", "..", ".", "a/../b", "12:30.mkv", "-",
    "\u202e", "--help",
]  # fmt: skip


def test_a_manifest_of_anything_is_refused_in_one_line(tmp_path: Path) -> None:
    from pytest_lipleak.media.clipsets import open_clips

    dice = random.Random(17)
    (tmp_path / "a.mp4").write_bytes(b"no video")
    manifest = tmp_path / "clips.csv"
    for _ in range(600 * TIMES):
        rows = [
            ",".join(dice.choice(CELLS) for _ in range(dice.randrange(1, 7)))
            for _ in range(dice.randrange(4))
        ]
        head = dice.choice((HEAD, "name,video", "video", "", dice.choice(CELLS)))
        text = "\n".join([head, *rows]).encode("utf-8", "surrogatepass")
        manifest.unlink(missing_ok=True)
        manifest.write_bytes(damaged(text, dice) if text and dice.random() < 0.3 else text)
        why = refusal(lambda: [clips[name] for clips in [open_clips(str(manifest))] for name in clips])
        assert "\n::" not in why
        assert "\x1b" not in why


OPTIONS: dict[str, Callable[[], list[str]]] = {
    "gate": lambda: [
        "LSD-CR",
        "LSD-CR <",
        "< 1",
        "LSD-CR < nan",
        "LSD-CR < 1e999",
        "LSD-CR < 1 @ 200%",
        "LSE-C[XM,XX] > 1",
    ],
    "expert": list,
    "protocol": list,
    "seed": lambda: ["-1", "1e3", "9" * 30, "0x10", "١"],
    "confidence": lambda: ["1", "0.4", ".", "nan", "95%"],
    "timeout": lambda: ["-1", "inf"],
    "shard": lambda: ["0/2", "3/2", "1/0", "1", "1/2/3", "1/" + "9" * 9],
    "device": lambda: ["cuda:x", "cuda:-1", "tpu"],
    "pairs": lambda: ["/dev/null", "/"],
    "clips": lambda: ["/dev/null", "/proc/self/mem", "no/such"],
    "weights": lambda: ["/dev/null/x", "no/such"],
    "dose": lambda: ["/dev/null", "/", "no/such"],
    "compare": lambda: ["/dev/null", "/", "no/such"],
    "compare-fail": lambda: ["LSD-CR", "LSD-CR > 1", "LSD-CR > +nan%"],
    "model": lambda: [
        "no.such:thing",
        ":",
        "a:",
        "cmd:",
        "cmd: {video}",
        "x.onnx",
        "demo:leaky=x",
        "demo:leaky=1e9",
        "os:system",
    ],
    "model-arg": lambda: ["=", "a", "a=b", "repo=" + "x" * 5000],
}
ANYTHING = [
    "",
    " ",
    "\x1b[2J",
    "a\n::error::b",
    "é" * 300,
    "[" * 2000,
    "{}",
    "-",
    "%s",
    "$(id)",
    "../..",
    "x" * 100_000,
]


@pytest.mark.parametrize("option", OPTIONS)
def test_an_option_of_anything_is_refused_in_one_line(
    option: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is refused is refused before anything is measured; what is not is not tried here."""
    from pytest_lipleak.run.run import Run

    here = tmp_path / "a" / "b"
    here.mkdir(parents=True)
    monkeypatch.chdir(here)  # or "../.." would be all that the other tests wrote
    monkeypatch.setattr(Run, "new_evaluation", stop)
    for value in (*OPTIONS[option](), *ANYTHING):
        model = [] if option == "model" else ["--model", "demo"]
        try:
            status = main(
                ["evaluate", *model, "--expert", "embedded", f"--{option}={value}", "--json", "scores.json"]
            )
        except SystemExit as error:  # argparse's own refusal
            status = int(error.code or 0)
        told = capsys.readouterr()
        assert status in (2, 3), (option, value, told)
        assert "Traceback" not in told.err
        assert "could not be judged: unexpected" not in told.err, (option, value, told.err)
        assert "\x1b" not in told.out + told.err, (option, value)
        assert "\n::" not in told.out + told.err, (option, value)


def stop(*arguments: Any) -> Any:
    raise LipleakError("accepted")
