"""Judges every variant on every set of clips by every judge, and writes the tables of ``docs/trained-network.md``.

    PYTHONPATH=. python examples/tiny_lipsync/experiment.py measure CHECKPOINT ... --clips embedded --out OUT
    PYTHONPATH=. python examples/tiny_lipsync/experiment.py held-out FOLDER SPLIT.csv sets/grid.csv
    PYTHONPATH=. python examples/tiny_lipsync/experiment.py tables OUT
    PYTHONPATH=. python examples/tiny_lipsync/experiment.py compare OUT/release-3 OUT/second OUT/loss
    PYTHONPATH=. python examples/tiny_lipsync/experiment.py broken OUT/release-3
    PYTHONPATH=. python examples/tiny_lipsync/experiment.py filmstrip CHECKPOINT ... --out mouths.webp

``measure`` writes one JSON report per variant, which ``lipleak report`` reads, too. ``--judge expert.onnx`` lets
another expert than the shipped one judge: a network must not be judged by the expert alone that it was trained with.
"""

import argparse
import csv
import json
from pathlib import Path
from typing import Any

from pytest_lipleak.core.metrics.default_gates import DEFAULT_GATES, LEAST_EXCESS
from pytest_lipleak.evaluation.results.parts import judged_parts
from pytest_lipleak.evaluation.results.run_result import ModelResult, RunResult
from pytest_lipleak.media.clipsets import EMBEDDED, open_clips
from pytest_lipleak.report.json import document, read_document
from pytest_lipleak.run.run import Run
from pytest_lipleak.settings.resolve import make_settings
from pytest_lipleak.sync.embedded import EmbeddedExpert
from pytest_lipleak.verdicts.limits import Limit

HERE = Path(__file__).parent
SYNC = (
    "LSD-{0}",
    "LSE-C_S[{0}]",
    *(f"LSE-C_{audio}@{against}[{{0}}]" for audio in ("S", "XO") for against in ("floor", "offset", "null")),
)
PROBES = ("REF_shift[SI,{0}]", "REF_swap[SI,{0}]")
SETUPS = ("AM", "XM", "SI")
PICTURES = tuple(
    f"{name}[{setup},{{0}}]" for name in ("SSIM", "PSNR", "SSIM_mouth", "PSNR_mouth") for setup in SETUPS
)
FACES = (*(f"CSIM[{setup},{{0}}]" for setup in SETUPS), "LMD_face[AM,{0}]", "MAR_motion[SI,{0}]")
"""What needs ``--weights``: MediaPipe's landmarker and ArcFace."""


def measure(
    checkpoint: Path, clips: str, out: Path, judge: Path | None, weights: Path | None, dose: Path | None
) -> None:
    """Measure one variant under all six conditions."""
    given = {
        "model": f"{HERE / 'tiny_lipsync.py'}:load",
        "model_arg": [f"checkpoint={checkpoint}"],
        "clips": clips,
        "expert": "embedded",
        "json": str(out),
        "weights": str(weights) if weights else None,
        "dose": str(dose) if dose else None,
        "store": str(out.parent / "store"),
    }
    run = Run(make_settings(given, Path.cwd()))
    try:
        evaluation = run.new_evaluation(run.model, expert=EmbeddedExpert(judge) if judge else None)
        names = SYNC if judge else (*SYNC, *PROBES, *PICTURES, *(FACES if weights else ()))
        for reference in ("CR", "AR"):
            for name in names:
                if reference == "CR" or "REF_shift" not in name:  # only a reference that moves can be moved
                    evaluation.measure(name.format(reference))
        if unfit := evaluation.expert_unfit():
            print(f"{out}: {unfit}")
        evaluation.corpus.curve, _ = run.dose_curve(evaluation.corpus)
        run.reports.write(document(RunResult((ModelResult(evaluation.corpus),))))
        print(out, flush=True)
    finally:
        run.close()


def held_out(folder: Path, split: Path, manifest: Path, most: int, fold: str | None) -> None:
    """Write a manifest of clips that training left out: sentences of GRID, or one clip for each person of a fold."""
    chosen: dict[str, dict[str, str]] = {}
    for row in csv.DictReader(split.open()):
        if row.get("fold") == fold and (row["train"] == "1") is (fold is not None):
            chosen.setdefault(row.get("person", row["file"]), row)
    rows = list(chosen.values())
    rows = [row for row in rows if (folder / row["file"]).exists()][:: max(len(rows) // most, 1)][:most]
    manifest.parent.mkdir(parents=True, exist_ok=True)
    with manifest.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("file", "speaker"))
        writer.writerows(((folder / row["file"]).resolve(), row.get("person", "s1")) for row in rows)
    print(f"{len(rows)} clips -> {manifest}")


TABLES = {
    "Sync by condition": "LSE-C[AM,{0}] LSE-D[AM,{0}] LSE-C[XM,{0}] LSE-D[XM,{0}] LSE-C_S[{0}] LSE-D_S[{0}]",
    "Leakage": "LSD-{0} LSE-C_S[{0}] LSE-C_S@floor[{0}] LipCorr_S[{0}] LSE-C_XO@floor[{0}] LipCorr_XO[{0}]",
    "What the reference moves": "REF_shift[SI,{0}] REF_swap[SI,{0}] MAR_motion[SI,{0}]",
    **{
        f"Pictures, {setup}": " ".join(
            f"{name}[{setup},{{0}}]" for name in ("SSIM", "PSNR", "SSIM_mouth", "PSNR_mouth", "CSIM")
        )
        + (" LMD_face[AM,{0}]" if setup == "AM" else "")
        for setup in SETUPS
    },
}


def tables(folder: Path) -> None:
    """Print one folder of reports as Markdown: a line per variant and reference, a column per metric."""
    found = _metrics(folder)
    for title, text in TABLES.items():
        columns = [name for name in text.split() if any(_short(name, "CR") in f for f in found.values())]
        if not columns:
            continue
        heads = [_head(name) for name in columns]
        print(f"\n| {title} | {' | '.join(heads)} |\n|---|{'---|' * len(columns)}")
        for variant, metrics in found.items():
            for reference in ("CR", "AR"):
                cells = [_cell(metrics.get(_short(name, reference))) for name in columns]
                print(f"| {variant}, {reference} | {' | '.join(cells)} |")


COMPARED = (
    "LSE-C[AM,{0}]",
    "LSE-C_S@floor[{0}]",
    "LipCorr_S[{0}]",
    "LSE-C_XO@floor[{0}]",
    "LipCorr_XO[{0}]",
    "LSD-{0}",
)


def compare(folders: list[Path]) -> None:
    """Print what several judges, or networks of several seeds, say of the same clips: one number per folder."""
    found = [_metrics(folder) for folder in folders]
    everyone = [metrics for of in found for metrics in of.values()]
    names = [name for name in COMPARED if all(_short(name, "CR") in metrics for metrics in everyone)]
    print(f"\n| {' / '.join(folder.name for folder in folders)} | {' | '.join(map(_head, names))} |")
    print(f"|---|{'---|' * len(names)}")
    real = [next(iter(of.values()))["LSE-C[GT]"]["value"] for of in found]
    print(f"| real clips | {' / '.join(f'{value:.2f}' for value in real)} |{' |' * (len(names) - 1)}")
    for variant in found[0]:
        for reference in ("CR", "AR"):
            values = [
                [of[variant][_short(n, reference)]["value"] for of in found if variant in of] for n in names
            ]
            cells = [" / ".join(f"{value:.2f}" for value in row) for row in values]
            print(f"| {variant}, {reference} | {' | '.join(cells)} |")


def broken(folders: list[Path]) -> None:
    """Print which default gates, and which tests against chance, every variant breaks, in each folder of reports."""
    limits = [Limit.parse(text) for text in DEFAULT_GATES["embedded", "direct"]]
    for name, least in LEAST_EXCESS["embedded", "direct"].items():
        limits += [Limit.parse(f"{name}[{reference}] < {least} @ p 0.01") for reference in ("CR", "AR")]
    for path in (path for folder in folders for path in _reports(folder)):
        corpus = read_document(json.loads(path.read_text()))[0]
        verdicts = judged_parts(corpus, limits)
        unjudged = [v for v in verdicts if not v.judged]
        print(f"{path}: {', '.join(str(v.limit) for v in verdicts if v.judged and not v.passed) or 'none'}")
        for verdict in unjudged:
            print(f"  could not be judged: {verdict.headline}")


ORDER = ("cr", "ar", "silent", "hidden")


def _metrics(folder: Path) -> dict[str, dict[str, Any]]:
    """Metrics by variant and name, without the reference where it is CR, as the shorter names are."""
    found = {}
    for path in _reports(folder):
        metrics = json.loads(path.read_text())["results"][0]["metrics"]
        found[path.stem] = {_short(m["metric"], "CR"): m for m in metrics}
    return found


def _reports(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.json"), key=lambda path: ORDER.index(path.stem))


def _head(name: str) -> str:
    return name.replace(",{0}]", "]").replace("[{0}]", "").replace("-{0}", "")


def _short(name: str, reference: str) -> str:
    return name.format(reference).replace("[CR]", "")


def _cell(metric: dict[str, Any] | None) -> str:
    if metric is None or metric["value"] is None:
        return ""
    low_high = ""
    dose = f", {_share(metric['dose'])}" if metric["dose"] else ""
    chance = f", p {metric['p']:.2g}" if metric["p"] is not None else ""
    digits = 3 if metric["metric"].startswith("LMD") else 2
    if metric["interval"] is not None:  # a few clips have none
        low_high = " [{:.{digits}f}, {:.{digits}f}]".format(*metric["interval"], digits=digits)
    return f"{metric['value']:.{digits}f}{low_high}{dose}{chance}"


def _share(dose: dict[str, Any]) -> str:
    """``67 %``, or which end of the curve lies nearer."""
    if dose["share"] is None:
        return "> 100 %" if "more than" in dose["words"] else "< 0 %"
    return f"{100 * dose['share']:.0f} %"


def filmstrip(checkpoints: list[Path], picture: Path, name: str, other: str) -> None:
    """Draw mouths of an embedded clip: real, and painted under CR and AR, told own speech, other speech, silence."""
    import cv2
    import numpy as np
    from tiny_lipsync import load

    clips = open_clips(EMBEDDED)
    frames, audio = clips[name].frames, clips[name].audio
    speeches = {"AM": audio, "XM": np.resize(clips[other].audio, len(audio)), "SI": np.zeros_like(audio)}
    strips = {"real": frames}
    for checkpoint in checkpoints:
        painter = load(str(checkpoint))
        for kind, reference in {"CR": frames, "AR": frames[:1]}.items():
            for setup, speech in speeches.items():
                label = f"{checkpoint.stem}: {setup} {kind}"
                strips[label] = painter.generate(frames, speech, reference)
    rows = []
    for label, video in strips.items():
        margin = np.full((72, 150, 3), 255, np.uint8)
        cv2.putText(margin, label, (4, 42), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 1, cv2.LINE_AA)
        rows.append(np.concatenate([margin, *(video[i, 50:122, 36:124] for i in range(20, 68, 4))], axis=1))
    cv2.imwrite(
        str(picture), cv2.cvtColor(np.concatenate(rows), cv2.COLOR_RGB2BGR), [cv2.IMWRITE_WEBP_QUALITY, 80]
    )


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("measure")
    one.add_argument("checkpoints", type=Path, nargs="+")
    one.add_argument("--clips", required=True)
    one.add_argument("--out", type=Path, required=True, help="folder for CHECKPOINT.json")
    one.add_argument("--judge", type=Path, help="an expert in ONNX, of research.training.export")
    one.add_argument("--weights", type=Path, help="folder of model files, for landmarks and ArcFace")
    one.add_argument("--dose", type=Path, help="dose curve of these clips, of lipleak calibrate")
    two = commands.add_parser("held-out")
    two.add_argument("folder", type=Path)
    two.add_argument("split", type=Path)
    two.add_argument("manifest", type=Path)
    two.add_argument("--most", type=int, default=12)
    two.add_argument("--fold", help="people that were left out; without it, clips with train 0")
    three = commands.add_parser("tables")
    three.add_argument("folder", type=Path, help="what measure wrote")
    both = commands.add_parser("compare")
    both.add_argument(
        "folders", type=Path, nargs="+", help="what measure wrote, one folder per judge or seed"
    )
    five = commands.add_parser("broken")
    five.add_argument("folders", type=Path, nargs="+", help="what measure wrote, by the shipped judge")
    four = commands.add_parser("filmstrip")
    four.add_argument("checkpoints", type=Path, nargs="+")
    four.add_argument("--out", type=Path, required=True)
    four.add_argument("--clip", default="anna_1")
    four.add_argument("--other", default="zola_1")
    a = parser.parse_args()
    if a.command == "held-out":
        held_out(a.folder, a.split, a.manifest, a.most, a.fold)
    elif a.command == "tables":
        tables(a.folder)
    elif a.command == "compare":
        compare(a.folders)
    elif a.command == "broken":
        broken(a.folders)
    elif a.command == "filmstrip":
        filmstrip(a.checkpoints, a.out, a.clip, a.other)
    else:
        for checkpoint in a.checkpoints:
            measure(checkpoint, a.clips, a.out / f"{checkpoint.stem}.json", a.judge, a.weights, a.dose)


if __name__ == "__main__":
    main()
