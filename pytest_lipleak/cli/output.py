"""What a command tells: on its standard output, or in the file that it was given."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

from pytest_lipleak.core.errors import OutputError
from pytest_lipleak.core.exit_status import GOOD
from pytest_lipleak.machine.written_files import to_be_written, write_text


@contextmanager
def models_print_to_stderr() -> Iterator[None]:
    """Send what is printed meanwhile to standard error, also by native code and by programs that are started.

    A model prints what it likes, and standard output holds the verdict, or JSON, alone.
    """
    sys.stdout.flush()
    try:
        kept = os.dup(1)
        os.dup2(2, 1)
    except OSError:  # a stream is closed: nobody reads what is printed there
        kept = None
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        if kept is not None:
            os.dup2(kept, 1)
            os.close(kept)


def tell(text: str, what: str, output: Path | None) -> int:
    """Print a text, or write it; return the exit status.

    Args:
        text: without its last line break.
        what: it is, in the words of an error message.
        output: the file; None prints it.

    Raises:
        OutputError: the file cannot be written; the text is printed all the same.
    """
    if output is None:
        print(text)
        return GOOD
    try:
        with to_be_written(what, output):
            write_text(output, f"{text}\n")
    except OutputError:
        print(text)
        raise
    return GOOD
