"""What a command tells: on its standard output, or in the file that it was given."""

from pathlib import Path

from pytest_lipleak.cli.exit_codes import GOOD
from pytest_lipleak.core.errors import OutputError
from pytest_lipleak.machine.outputs import to_be_written, write_text


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
