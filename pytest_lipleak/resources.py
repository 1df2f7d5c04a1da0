"""Finds the data of the top-level ``fixtures/`` folder, however the package was installed.

In a wheel the folder lies inside the package as ``data``; in a checkout or an editable install it
lies beside the package.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files
from importlib.resources.abc import Traversable
from pathlib import Path

from pytest_lipleak.core.errors import MissingDataError


def resource(name: str) -> Traversable:
    """Return the shipped file or folder ``name``, for example ``"expert/embedded.onnx"``.

    Raises:
        MissingDataError: the installation lacks it.
    """
    package = files("pytest_lipleak")
    inside_wheel = package.joinpath("data", *name.split("/"))
    if inside_wheel.is_file() or inside_wheel.is_dir():
        return inside_wheel
    beside_package = Path(__file__).resolve().parent.parent / "fixtures" / name
    if beside_package.exists():
        return beside_package
    raise MissingDataError(
        f"pytest-lipleak's own data file {name!r} is missing from this installation; reinstall the package"
    )


@contextmanager
def resource_path(name: str) -> Iterator[Path]:
    """Yield ``name`` as a real path; a zipped installation is unpacked for as long as the context lasts."""
    with as_file(resource(name)) as path:
        yield path
