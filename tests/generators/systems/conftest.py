"""What the tests of all adapters share: a checkout, real or written here, and a short clip."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from scenes import Scene, centred, tracked, write


@pytest.fixture(params=["stand-in", "repository"])
def kind(request: pytest.FixtureRequest) -> str:
    """Whether the checkout is a stand-in with a tiny network, or the real repository.

    Tests that change the checkout, or look at what is ours alone, ask for the stand-in by parametrizing this.
    """
    return str(request.param)


@pytest.fixture
def checkout_of(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> Callable[[str, Mapping[str, str]], Path]:
    """Give the checkout of a repository by its name; a stand-in is written from the given files."""

    def give(name: str, files: Mapping[str, str]) -> Path:
        if kind == "stand-in":
            folder = tmp_path / name
            write(folder, files)
            return folder
        pytest.importorskip("ai_edge_litert")
        folder = request.getfixturevalue("repositories") / name
        if not folder.is_dir():
            pytest.skip(f"no checkout {name} in {folder.parent}")
        return Path(folder)

    return give


@pytest.fixture
def scene(kind: str, request: pytest.FixtureRequest) -> Scene:
    """A face-centred embedded clip for a stand-in, a real clip with tracked boxes for a real repository."""
    return tracked(request.getfixturevalue("shared")) if kind == "repository" else centred()
