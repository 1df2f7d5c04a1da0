"""``lipleak clips``: look a clip set over before anything is generated."""

import argparse
import json
import sys
from typing import Any

from pytest_lipleak.cli.exit_codes import GOOD, NOT_JUDGED
from pytest_lipleak.cli.words import here
from pytest_lipleak.settings.parsers import add_arguments
from pytest_lipleak.settings.resolve import command_settings


def add(commands: Any) -> None:
    """Add the subcommand's parser."""
    clips = commands.add_parser(
        "clips",
        help="look a clip set over before anything is generated: ready, or what to fix",
        description="Reads and judges every real clip as a run does: streams, length, speech, shots, faces, whether "
        "the sync expert hears it, partners under XM. Faces need the extra 'faces'.",
        epilog="example: lipleak clips my_clips/; "
        "exit status: 0 ready, 2 usage or no clips, 3 something is to be fixed",
    )
    clips.add_argument(
        "set", metavar="DIR|MANIFEST", help="a folder of videos, a manifest, a video, or 'embedded'"
    )
    add_arguments(clips, "clips")
    clips.add_argument("--json", action="store_true", help="print everything as JSON")
    clips.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Look, judge, print."""
    from pytest_lipleak.evaluation.clip_check import ClipRules, check_clips
    from pytest_lipleak.evaluation.make.devices import resolve_device
    from pytest_lipleak.evaluation.plan.pairing import ANY
    from pytest_lipleak.media.clipsets import EMBEDDED, open_clips
    from pytest_lipleak.report.clip_check import text_of
    from pytest_lipleak.report.progress import StreamProgress
    from pytest_lipleak.sync.experts import AUTO, choose_expert, default_protocol, load_expert
    from pytest_lipleak.sync.protocols import Protocol

    settings = command_settings("clips", options)
    scoring, plan = settings.scoring, settings.plan
    clips = open_clips(options.set)
    name, _ = choose_expert(scoring.expert, scoring.weights, rendered_clips=options.set == EMBEDDED)
    device = resolve_device(settings.machine.device)
    expert = load_expert(
        name,
        scoring.weights,
        allow_unverified=scoring.allow_unverified_weights,
        device=device if device.startswith("cuda") else "cpu",
    )
    rules = ClipRules(
        None if scoring.protocol == AUTO else Protocol(scoring.protocol),
        default_protocol(name),
        scoring.weights,
        scoring.face,
        plan.seed,
        plan.pairing or ANY,
    )
    report = check_clips(clips, expert, rules, StreamProgress(sys.stderr))
    if options.json:
        print(json.dumps(report.to_dict(), indent=1, allow_nan=False))
    else:
        print(here("\n".join(text_of(report)), options))
    return GOOD if report.ready else NOT_JUDGED
