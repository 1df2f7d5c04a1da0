"""``python -m research.rendering --out DIR --speakers N --sentences M --seed S``: random talking faces."""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2

from research.rendering.clips import plan_clips, render_all


def main() -> None:
    """Parse the command line and render."""
    parser = argparse.ArgumentParser(prog="python -m research.rendering", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for the clips and manifest.csv")
    parser.add_argument("--speakers", type=int, default=4)
    parser.add_argument("--sentences", type=int, default=3, help="clips per speaker")
    parser.add_argument("--seed", type=int, default=0, help="decides speakers, sentences and motion")
    parser.add_argument(
        "--pace", type=float, default=1.0, help="of speech; espeak-ng goes down to about 0.55"
    )
    parser.add_argument("--crf", type=int, default=20, help="H.264 quality, lower is better")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    plans = plan_clips(options.speakers, options.sentences, options.seed, options.pace)
    render_all(plans, options.out, options.crf)


if __name__ == "__main__":
    main()
