"""``python -m pytest_lipleak.cli``, for where the ``lipleak`` script is not on the path."""

import sys

from pytest_lipleak.cli import main

if __name__ == "__main__":
    sys.exit(main())
