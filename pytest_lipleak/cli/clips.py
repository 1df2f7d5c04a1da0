"""``lipleak clips``: look a clip set over before anything is generated."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from pytest_lipleak.cli.option_names import here
from pytest_lipleak.core.exit_status import GOOD, NOT_JUDGED
from pytest_lipleak.machine.written_files import check_writable, to_be_written, write_text
from pytest_lipleak.settings.parsers import add_arguments
from pytest_lipleak.settings.resolve import command_settings


def add(commands: Any) -> None:
    """Add the subcommand's parser."""
    clips = commands.add_parser(
        "clips",
        help="look a clip set over before anything is generated: ready, or what to fix",
        description="Reads and judges every real clip as a run does: streams, length, speech, shots, faces, whether "
        "the sync expert hears it, partners under XM. Faces need the extra 'faces'.",
        epilog="example: lipleak clips my_clips/ --write-list my_clips.csv; "
        "exit status: 0 ready, 2 usage or no clips, 3 something is to be fixed",
    )
    clips.add_argument(
        "set", metavar="DIR|LIST", help="a folder of videos, a list of clips, a video, or 'embedded'"
    )
    add_arguments(clips, "clips")
    clips.add_argument(
        "--write-list",
        type=Path,
        metavar="LIST.csv",
        help="write the list of these clips to publish: files below the folder, hashes, stretches, speakers, words, XM "
        "partners; only where the set is ready",
    )
    clips.add_argument("--json", action="store_true", help="print everything as JSON")
    clips.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Look, judge, print."""
    from pytest_lipleak.evaluation.checks.clip_set import ClipRules, check_clips
    from pytest_lipleak.evaluation.make.devices import resolve_device
    from pytest_lipleak.media.clip_lists import clip_list
    from pytest_lipleak.media.clipsets import EMBEDDED, open_clips, root_of
    from pytest_lipleak.plan.pairing import ANY_SPEAKER
    from pytest_lipleak.report.checked_clip_set import text_of
    from pytest_lipleak.report.progress import StreamProgress
    from pytest_lipleak.sync.experts import AUTO, choose_expert, default_protocol, load_expert
    from pytest_lipleak.sync.protocols import Protocol

    settings = command_settings("clips", options)
    scoring, plan = settings.scoring, settings.plan
    clips_root = settings.inputs.clips_root
    if options.write_list is not None:
        check_writable(options.write_list, "--write-list")
    clips = open_clips(options.set, clips_root)
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
        plan.pairing or ANY_SPEAKER,
    )
    report = check_clips(clips, expert, rules, StreamProgress(sys.stderr))
    if options.json:
        print(json.dumps(report.to_dict(), indent=1, allow_nan=False))
    else:
        print(here("\n".join(text_of(report)), options))
    if not report.ready:
        if options.write_list is not None:
            print(here("lipleak: no list is written before the set is ready", options), file=sys.stderr)
        return NOT_JUDGED
    if options.write_list is not None:
        partners = {clip.name: clip.partner for clip in report.clips if clip.partner is not None}
        with to_be_written("list of clips", options.write_list):
            write_text(options.write_list, clip_list(clips.files, root_of(options.set, clips_root), partners))
    return GOOD
