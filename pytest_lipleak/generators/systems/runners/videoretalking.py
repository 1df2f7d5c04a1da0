"""Runs VideoReTalking's script in a folder of its own, beside which its checkout looks untouched.

The script keeps landmarks, coefficients and pictures in a folder ``temp`` where it stands. Here it stands in a folder
of links to all else of its checkout, so that nothing is left behind there, and no call finds another's files. Needs
nothing of pytest-lipleak.
"""

import os
import runpy
import sys
from pathlib import Path

SCRIPT = "inference.py"


def main() -> None:
    """Run the script: the first argument is a folder, the others are the script's own."""
    checkout, place = Path.cwd(), Path(sys.argv[1]) / "place"
    place.mkdir()
    for entry in checkout.iterdir():
        if entry.name != "temp":
            (place / entry.name).symlink_to(entry)
    os.chdir(place)
    # In place of this file's own folder, whose modules must not go before the checkout's.
    sys.path[0] = str(place)
    sys.argv = [SCRIPT, *sys.argv[2:]]
    runpy.run_path(SCRIPT, run_name="__main__")


if __name__ == "__main__":
    main()
