"""``lipleak score``: how well the lips of one video follow its audio."""

import argparse
import json
from pathlib import Path
from typing import Any

from pytest_lipleak.core.exit_status import GOOD
from pytest_lipleak.core.scores import MAX_SHIFT
from pytest_lipleak.settings.parsers import add_arguments
from pytest_lipleak.settings.resolve import command_settings


def add(commands: Any) -> None:
    """Add the subcommand's parser."""
    score = commands.add_parser(
        "score",
        help="how well the lips of one video follow its audio",
        epilog="example: lipleak score talk.mp4 --expert embedded --protocol tracked; "
        "exit status: 0 scored, 2 usage or unusable input, 3 could not be scored",
    )
    score.add_argument("video", type=Path, help="a talking-face video")
    score.add_argument("--audio", type=Path, help="score against this audio instead of the video's own")
    add_arguments(score, "score")
    score.add_argument(
        "--jpeg", default="pyav", help="who makes the JPEG step of lrs: pyav (default), or ffmpeg on PATH"
    )
    score.add_argument(
        "--offset",
        type=int,
        choices=range(-MAX_SHIFT, MAX_SHIFT + 1),
        metavar="FRAMES",
        help=f"known audio-video offset, {-MAX_SHIFT} to {MAX_SHIFT} frames; adds the score at it",
    )
    score.add_argument("--json", action="store_true", help="print everything as JSON")
    score.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Score one file and print the result."""
    from pytest_lipleak.evaluation.make.devices import resolve_device
    from pytest_lipleak.evaluation.one_video import score_file

    settings = command_settings("score", options)
    scoring = settings.scoring
    result = score_file(
        options.video,
        audio=options.audio,
        expert=scoring.expert,
        protocol=scoring.protocol,
        weights=scoring.weights,
        allow_unverified=scoring.allow_unverified_weights,
        device=resolve_device(settings.machine.device),
        face=scoring.face,
        jpeg=options.jpeg,
    )
    data = result.to_dict()
    if options.offset is not None:
        data["known_offset"] = options.offset
        data["confidence_at_known_offset"] = result.score.confidence_at(options.offset)
        data["distance_at_known_offset"] = result.score.distance_at(options.offset)
    if options.json:
        print(json.dumps(data, indent=1, allow_nan=False))
        return GOOD
    print(
        f"{options.video}: LSE-C {data['lse_c']:.3f} ↑  LSE-D {data['lse_d']:.3f} ↓  offset {data['offset']:+d}"
    )
    if result.above_unrelated is not None:
        print(
            f"  {result.above_unrelated:.3f} above the mean LSE-C with {len(result.unrelated)} other stretches of "
            "the same audio"
        )
    if options.offset is not None:
        print(
            f"  at the known offset {options.offset:+d}: confidence {data['confidence_at_known_offset']:.3f}, "
            f"distance {data['distance_at_known_offset']:.3f}"
        )
    print(
        f"  expert {data['expert']}, protocol {data['protocol']}, {data['windows']} windows, {data['frames']} frames"
    )
    for note in data["notes"]:
        print(f"  {note}")
    return GOOD
