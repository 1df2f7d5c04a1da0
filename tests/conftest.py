"""Fixtures of the whole test suite."""

import gc
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

# Processes that tests start may keep the bytecode of what they import: without it each of them compiles the whole
# package anew, and pytest rewrites it, which takes longer than most of what they do.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


import numpy as np

# NumPy loads it late; an inner run would forget it, and it cannot be loaded twice.
import numpy.fft
import pytest

# Loaded by an inner run alone, it would know other cookies than those that the next download meets.
import requests.cookies  # noqa: F401
from filelock import FileLock
from hypothesis import HealthCheck, settings
from known_answers import remember_answers, remember_what_is_installed
from warm_python import import_package, warm_python

from pytest_lipleak.evaluation.make.devices import share_threads

if TYPE_CHECKING:
    from pytest_lipleak.media.clipsets import ClipSet

# The workers of this suite share the processors, as those of a user do; see also what share_threads says.
share_threads(int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))


UNCOMPILED = (
    "test_mel.py",
    "test_logmel.py",
    "test_onnx_model.py",
    "test_diff2lip.py",
    "test_ip_lap.py",
    "test_wav2lip.py",
)
"""Files whose tests ask librosa for mel spectra."""

COMPILED = "COMPILE_LIBROSA"
"""Environment variable: where it is set, librosa is tested as it is installed, helpers compiled."""


def _uncompiled(*given: Any, **options: Any) -> Any:
    return given[0] if given and callable(given[0]) else lambda function: function


@pytest.fixture(autouse=True)
def librosa_uncompiled(request: pytest.FixtureRequest) -> Iterator[None]:
    """librosa has numba compile helpers when it is imported, a dozen seconds of processor time in a new environment.
    What is used of it here calls none of them: where mel spectra are asked for, they stay Python.
    """
    if request.path.name not in UNCOMPILED or "numba" in sys.modules or COMPILED in os.environ:
        yield
        return
    numba = ModuleType("numba")
    for decorator in ("jit", "vectorize", "guvectorize", "stencil"):
        setattr(numba, decorator, _uncompiled)
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(sys.modules, "numba", numba)
        yield


# A busy machine is no fault of a test.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

SHARED = "LIPLEAK_SHARED"
"""Environment variable that names the folder of real clips, golden numbers and model files."""

REPOSITORIES = "LIPLEAK_REPOSITORIES"
"""Environment variable that names the folder of checkouts of published systems, one folder each."""


@pytest.fixture(scope="session")
def repositories() -> Path:
    """The folder of checkouts of published systems (``Wav2Lip``, ...); such tests skip without it."""
    if REPOSITORIES not in os.environ:
        pytest.skip(f"needs checkouts of published systems; set {REPOSITORIES} to their folder")
    folder = Path(os.environ[REPOSITORIES])
    if not folder.is_dir():
        pytest.fail(f"{REPOSITORIES}={folder} is no folder")
    return folder


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real clips, golden numbers and model files; such tests skip without it."""
    if SHARED not in os.environ:
        pytest.skip(f"needs real clips and model files; set {SHARED} to their folder")
    folder = Path(os.environ[SHARED])
    if not (folder / "clips").is_dir():
        pytest.fail(f"{SHARED}={folder} has no folder clips/")
    return folder


@pytest.fixture(scope="session")
def clip_frames(shared: Path) -> Callable[..., np.ndarray]:
    """A function that decodes frames of a real clip, uint8 RGB (T, H, W, 3): all, or ``range(start, stop, step)``.

    The latest few are remembered: together they are gigabytes.
    """
    import av

    pytest.importorskip("ai_edge_litert")

    @lru_cache(4)
    def read(name: str, stop: int | None = None, start: int = 0, step: int = 1) -> np.ndarray:
        with av.open(str(shared / "clips" / name)) as container:
            decoded = islice(container.decode(video=0), start, stop, step)
            return np.stack([frame.to_ndarray(format="rgb24") for frame in decoded])

    return read


LONG = ("test_docs_run.py", "test_tiny_lipsync.py", "test_grid.py", "test_faults.py", "test_known_guilt.py")
"""Files whose tests take longest: they begin, so that no process waits for them at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.name not in LONG)


def pytest_collection_finish() -> None:
    _lasting()


def _lasting() -> None:
    """Let the garbage collector pass over what stays to the end: looking at it took a tenth of the processor time."""
    gc.collect()
    gc.freeze()


MakeOnce = Callable[[str, Callable[[Path], None]], Path]


@pytest.fixture(scope="session")
def make_once(tmp_path_factory: pytest.TempPathFactory) -> MakeOnce:
    """A function that makes a folder of that name once, for all processes of this test run."""
    base = tmp_path_factory.getbasetemp()
    shared_base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def made(name: str, make: Callable[[Path], None]) -> Path:
        folder = shared_base / f"made-{name}"
        with FileLock(shared_base / f"made-{name}.lock"):
            if not (folder / "made").exists():
                folder.mkdir()
                make(folder)
                (folder / "made").touch()
        return folder

    return made


@pytest.fixture(scope="session", autouse=True)
def answers(make_once: MakeOnce) -> Path:
    """The folder of what the embedded network answered in this test run; see known_answers.py."""
    folder = make_once("answers", lambda folder: None)
    remember_answers(folder)
    remember_what_is_installed()
    return folder


@pytest.fixture(scope="session")
def python(answers: Path) -> Iterator[Path]:
    """A program that stands for ``sys.executable`` and has imported already; see warm_python.py for what must not."""
    with warm_python(answers) as program:
        yield program


@pytest.fixture
def warm(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let ``sys.executable`` be that program; not for tests marked ``cold``, nor where systems fork in other ways."""
    if sys.platform == "linux" and request.node.get_closest_marker("cold") is None:
        monkeypatch.setattr("sys.executable", str(request.getfixturevalue("python")))


@pytest.fixture(scope="session")
def _loaded() -> None:
    """Import the package, all but what needs torch: an inner run forgets what it was the first to import."""
    from importlib import import_module

    import_package()
    for name in ("av", "onnxruntime"):
        import_module(name)
    _lasting()


@pytest.fixture
def pytester(_loaded: None, pytester: pytest.Pytester) -> pytest.Pytester:
    """As pytest's; what runs in this process has nothing to import."""
    return pytester


@pytest.fixture(scope="session")
def common_store(make_once: MakeOnce) -> Path:
    """A store of artefacts for tests that want measurements and do not ask who made them, of all processes."""

    def private(folder: Path) -> None:
        (folder / "store").mkdir(mode=0o700)

    return make_once("store", private) / "store"


@pytest.fixture(scope="session")
def short_clips(make_once: MakeOnce) -> "ClipSet":
    """The first 85 frames of the embedded clips at half their size: what holds for them costs a fourth."""
    import cv2

    from pytest_lipleak.media.clipsets import EMBEDDED, ClipSet, open_clips
    from pytest_lipleak.media.video import write_video

    embedded = open_clips(EMBEDDED)

    def write(folder: Path) -> None:
        for name, clip in embedded.items():
            small = [cv2.resize(each, (80, 80), interpolation=cv2.INTER_AREA) for each in clip.frames[:85]]
            write_video(folder / f"{name}.mkv", np.stack(small), clip.audio[: 640 * 85])

    folder = make_once("short", write)
    files = [replace(file, video=folder / f"{name}.mkv", audio=None) for name, file in embedded.files.items()]
    return ClipSet(files, "the beginnings of the embedded clips")


@pytest.fixture(scope="session")
def own_clips(make_once: MakeOnce) -> Path:
    """Four of the embedded clips, at half their size and their first 2.1 s, as somebody's own."""
    import cv2

    from pytest_lipleak.media.clipsets import EMBEDDED, open_clips
    from pytest_lipleak.media.video import write_video

    def write(folder: Path) -> None:
        embedded = open_clips(EMBEDDED)
        for name in ("anna_1", "anna_2", "mara_1", "mara_2"):
            speaker = folder / "clips" / name.partition("_")[0]
            speaker.mkdir(parents=True, exist_ok=True)
            small = [
                cv2.resize(each, (80, 80), interpolation=cv2.INTER_AREA)
                for each in embedded[name].frames[:52]
            ]
            write_video(speaker / f"{name}.mkv", np.stack(small), embedded[name].audio[: 640 * 52])

    return make_once("readers", write) / "clips"


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep tests away from the user's own downloads, settings and exports."""
    for variable in [
        name for name in os.environ if name.startswith("LIPLEAK_") and name not in (SHARED, REPOSITORIES)
    ]:
        monkeypatch.delenv(variable)
    # What inner runs would write annotations for.
    for variable in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("LIPLEAK_CACHE", str(tmp_path_factory.getbasetemp() / "lipleak-cache"))


@pytest.fixture
def most_pictures_alive(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """A function that says how many decoded pictures were in memory at most, from now on."""
    import weakref

    from pytest_lipleak.media.geometry import Upright

    alive: weakref.WeakSet[np.ndarray] = weakref.WeakSet()
    most = 0
    convert = Upright.__call__

    class Picture(np.ndarray):
        __hash__ = object.__hash__  # a set asks for it

    def noted(self: Upright, frame: object) -> np.ndarray:
        nonlocal most
        picture = convert(self, frame).view(Picture)  # type: ignore[arg-type]
        alive.add(picture)
        most = max(most, len(alive))
        return picture

    monkeypatch.setattr(Upright, "__call__", noted)
    return lambda: most


@pytest.fixture
def remarks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is remarked on the way; a measurement that begins takes the next ones."""
    heard: list[str] = []
    monkeypatch.setattr("pytest_lipleak.core.remarks._hearing", [heard.append])
    return heard
