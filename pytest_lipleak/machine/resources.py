"""Finds the data of the top-level ``fixtures/`` folder, however the package was installed.

In a wheel the folder lies inside the package as ``data``; in a checkout or an editable install it
lies beside the package; a package imported from a zip archive is unpacked for as long as it is needed.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from pytest_lipleak.core.errors import MissingDataError


def resource(name: str) -> Traversable:
    """Return the shipped file or folder ``name``, for example ``"expert/embedded.onnx"``.

    Raises:
        MissingDataError: the installation lacks it.
    """
    package = files("pytest_lipleak")
    inside_package = package.joinpath("data", *name.split("/"))
    if inside_package.is_file() or inside_package.is_dir():
        return inside_package
    if (
        isinstance(package, Path)
        and (beside_package := package.resolve().parent / "fixtures" / name).exists()
    ):
        return beside_package
    raise MissingDataError(
        f"pytest-lipleak's own data file {name!r} is missing from this installation; reinstall the package"
    )


@contextmanager
def resource_path(name: str) -> Iterator[Path]:
    """Yield the shipped file or folder ``name`` as a real path, valid while the context lasts."""
    found = resource(name)
    if isinstance(found, Path):
        yield found
        return
    # importlib.resources.as_file unpacks folders only from Python 3.12 on.
    with tempfile.TemporaryDirectory(prefix="pytest-lipleak-data-") as folder:
        yield _unpacked(found, Path(folder))


def _unpacked(source: Traversable, folder: Path) -> Path:
    target = folder / source.name
    if source.is_file():
        target.write_bytes(source.read_bytes())
        return target
    target.mkdir()
    for entry in source.iterdir():
        _unpacked(entry, target)
    return target
