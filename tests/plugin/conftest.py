"""Fixtures of the tests that run pytest inside pytest."""

from collections.abc import Callable
from pathlib import Path

import pytest
from inner_pytest import FRAMES, MODELS, Project


@pytest.fixture(scope="session")
def clip_folder(make_once: Callable[[str, Callable[[Path], None]], Path]) -> Path:
    """A folder with three short clips that the embedded expert can judge; the last has the brightest corner."""
    return make_once("few", write_clips) / "clips"


@pytest.fixture(scope="session")
def longer_clips(make_once: Callable[[str, Callable[[Path], None]], Path]) -> Path:
    """The same three, 3 s of each, for what must be told from chance."""
    return make_once("longer", lambda folder: write_clips(folder, 75)) / "clips"


def write_clips(folder: Path, length: int = FRAMES) -> None:
    import cv2
    import numpy as np

    from pytest_lipleak.media.clipsets import EMBEDDED, open_clips
    from pytest_lipleak.media.video import write_video

    (folder / "clips").mkdir()
    embedded = open_clips(EMBEDDED)
    for number, name in enumerate(("anna_1", "mara_2", "omar_1")):
        large = embedded[name].frames[:length]
        frames = np.stack([cv2.resize(frame, (80, 80), interpolation=cv2.INTER_AREA) for frame in large])
        # A mark that tells the clips apart, far from the mouth.
        frames[:, :4, :4] = 100 * number + 40
        write_video(folder / "clips" / f"clip{number}.mkv", frames, embedded[name].audio[: 640 * length])


@pytest.fixture
def project(
    pytester: pytest.Pytester, clip_folder: Path, monkeypatch: pytest.MonkeyPatch, warm: None
) -> Project:
    # What the run folder is made in: a test may look whether anything was left there.
    temporary = pytester.path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    (pytester.path / "models.py").write_text(MODELS)
    pytester.syspathinsert()
    return Project(pytester, clip_folder)


@pytest.fixture(
    params=[
        pytest.param((), id="plain"),
        pytest.param(("-n2",), id="n2", marks=pytest.mark.slow),
    ]
)
def distribution(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """Without workers, and with two; test_xdist.py has the other ways to distribute."""
    return request.param


@pytest.fixture(
    params=[
        pytest.param((), id="plain"),
        pytest.param(("-n1",), id="n1", marks=pytest.mark.slow),
    ]
)
def in_a_worker(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """In this process, and in a worker: for what must reach it or come back, and no other worker has a part in."""
    return request.param
