"""Options in errors and reports, by their names on this command line instead of pytest's."""

import argparse
import re


def here(text: str, options: argparse.Namespace) -> str:
    """Return ``text`` with ``--lipleak-NAME`` as ``--NAME`` where the running subcommand has that option."""

    def own(match: re.Match[str]) -> str:
        flag = f"--{match[1]}"
        return flag if flag in getattr(options, "flags", ()) else match[0]

    return re.sub(r"--lipleak-([a-z]+(?:-[a-z]+)*)", own, text)
