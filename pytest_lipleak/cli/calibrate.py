"""``lipleak calibrate``: the dose curve of a clip set, so that results can be read as a share of copied lips."""

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

from pytest_lipleak.cli.exit_codes import EXIT_STATUS, GOOD
from pytest_lipleak.core.words import counted
from pytest_lipleak.outputs import check_writable, to_be_written, write_text


def add(commands: Any) -> None:
    """Add the subcommand's parser."""
    calibrate = commands.add_parser(
        "calibrate",
        help="measure the control generators on a clip set: the scale for 'leaks like a 23 %% copy'",
        epilog="example: lipleak calibrate --clips clips/ --expert embedded --output dose.json, then run pytest with "
        f"--lipleak-dose=dose.json. {EXIT_STATUS}",
    )
    calibrate.add_argument(
        "--clips",
        default="embedded",
        help="as for --lipleak-clips (default: embedded); several clips per speaker",
    )
    calibrate.add_argument("--expert", default="auto", help="auto, syncnet or embedded (default: auto)")
    calibrate.add_argument(
        "--protocol", default="auto", help="lrs, direct or tracked (default: the expert's own)"
    )
    calibrate.add_argument(
        "--weights", type=Path, help="SyncNet's weights file, or a folder with model files"
    )
    calibrate.add_argument(
        "--face", default="largest", choices=("largest", "speaking"), help="whose face, if several"
    )
    calibrate.add_argument("--retrack", action="store_true", help="track the face anew in generated videos")
    calibrate.add_argument(
        "--pairing",
        default="same-speaker",
        choices=("any", "same-speaker"),
        help="XM pairs (default: same-speaker)",
    )
    calibrate.add_argument("--seed", type=int, default=0, help="of the XM pairs (default: 0)")
    calibrate.add_argument("--device", default="cpu", help="cpu, cuda, cuda:N (default: cpu)")
    calibrate.add_argument(
        "--store", type=Path, help="keep generated videos and embeddings here, for the next time"
    )
    calibrate.add_argument("--output", type=Path, required=True, help="the file to write")
    calibrate.add_argument("--json", action="store_true", help="print the curve as JSON, the rest on stderr")
    calibrate.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Measure every share, write the curve, print what it says."""
    from pytest_lipleak.core.conditions import Condition, Reference, Setup
    from pytest_lipleak.core.corpus import Corpus
    from pytest_lipleak.evaluation.devices import resolve_device
    from pytest_lipleak.evaluation.dose import calibrated, curve_text, table_lines
    from pytest_lipleak.evaluation.evaluation import Evaluation, Plan
    from pytest_lipleak.evaluation.store import Store
    from pytest_lipleak.generators.registry import load_model
    from pytest_lipleak.media.clipsets import EMBEDDED, open_clips
    from pytest_lipleak.sync.experts import choose_expert, default_protocol, load_expert
    from pytest_lipleak.sync.protocols import Protocol

    check_writable(options.output, "--output")
    told = sys.stderr if options.json else sys.stdout
    name, _ = choose_expert(options.expert, options.weights, rendered_clips=options.clips == EMBEDDED)
    device = resolve_device(options.device)
    expert = load_expert(name, options.weights, device=device)
    protocol = default_protocol(name) if options.protocol == "auto" else Protocol(options.protocol)
    plan = Plan(
        protocol, seed=options.seed, pairing=options.pairing, face=options.face, retrack=options.retrack
    )
    clips = open_clips(options.clips)
    with tempfile.TemporaryDirectory(prefix="lipleak-calibrate-") as folder:
        store = Store(options.store or Path(folder))

        def measured(share: float) -> Corpus:
            model = load_model(f"demo:leaky={share:g}")
            evaluation = Evaluation(clips, model, expert, plan, store, device=device, weights=options.weights)
            evaluation.expert_objection()
            evaluation.need(Condition(setup, Reference.CR) for setup in Setup)
            print(f"share {share:g}: {counted(len(clips), 'clip')} measured", file=told, flush=True)
            return evaluation.corpus

        curve = calibrated(measured)
    print("\n".join(table_lines(curve)), file=told)
    if options.json:
        print(curve_text(curve), end="")
    with to_be_written("dose curve", options.output):
        write_text(options.output, curve_text(curve))
    clips_told = counted(len(curve.clip_names), "clip")
    print(f"{options.output}: {clips_told}, expert {curve.about['expert']}, protocol {protocol}", file=told)
    return GOOD
