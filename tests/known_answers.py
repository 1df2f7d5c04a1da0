"""What comes out the same in hundreds of inner runs is found out once: the network's answers, the mouths that it is
shown, and what is installed.

What the embedded network answers, and what it needs of a clip, are functions of its weights and the input. These are
the key here, so that a test gets to the last bit what would be computed; clips of tests are few, and most of their
videos show one of them. All processes of a test run share the folder of answers, which begins empty: nothing is known
of another version of the code. Within a run a part of the answers is asked again. Tests of the network itself
(tests/sync) ask it always.
"""

import hashlib
import importlib.metadata
import os
import pickle
import sysconfig
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from pathlib import Path
from typing import Any

EVERY = 16
"""Of what is known, one answer in so many is computed once more by every process, and must be the same to the bit."""

PICTURES = 1000
"""So many pictures at most are known again."""

_asked_again: set[str] = set()

_asked = True
"""Whether answers may be taken from what is known."""


@contextmanager
def nothing_known() -> Iterator[None]:
    """Have the network asked in this process."""
    global _asked
    before, _asked = _asked, False
    try:
        yield
    finally:
        _asked = before


def remember_answers(folder: Path) -> None:
    """Let the embedded expert in this process, and in its forks, take answers from the folder and leave them there."""
    from pytest_lipleak.sync import mouth_window, suitability
    from pytest_lipleak.sync.embedded import EmbeddedExpert

    for name in ("embed_mouths", "embed_audio"):
        setattr(EmbeddedExpert, name, _remembered(getattr(EmbeddedExpert, name), folder))
    suitability.suitability_of_mouths = _remembered(suitability.suitability_of_mouths, folder)
    mouth_window._grey = _seen_before(mouth_window._grey)


def _remembered(function: Callable[..., Any], folder: Path) -> Callable[..., Any]:
    import numpy as np

    @wraps(function)
    def answer(*given: Any) -> Any:
        if not _asked or not all(map(len, given[-1:])):
            return function(*given)
        sha = hashlib.sha256(function.__qualname__.encode())
        for each in given:
            if isinstance(each, np.ndarray):
                sha.update(f"{each.dtype} {each.shape}".encode())
                sha.update(np.ascontiguousarray(each).tobytes())
            else:
                sha.update(each.identity.weights_sha256.encode())
        file = folder / sha.hexdigest()
        known = None
        with suppress(FileNotFoundError):
            known = pickle.loads(file.read_bytes())
        if known is not None and file.name not in _asked_again and int(file.name[:2], 16) % EVERY == 0:
            _asked_again.add(file.name)
            if pickle.dumps(known) != pickle.dumps(function(*given)):
                raise AssertionError(
                    f"{function.__qualname__} answers otherwise than it did in this test run"
                )
        if known is not None:
            return known
        found = function(*given)
        if folder.is_dir():
            half = folder / f"{file.name}-{os.getpid()}-{os.urandom(4).hex()}"
            half.write_bytes(pickle.dumps(found))
            half.replace(file)
        return found

    return answer


def _seen_before(grey: Callable[..., Any]) -> Callable[..., Any]:
    """Cut a window out of equal pictures once in a process; a clip alone is cut when reviewed and when embedded."""
    import numpy as np

    known: OrderedDict[tuple[Any, ...], Any] = OrderedDict()

    @wraps(grey)
    def window(frame: Any, rows: slice, columns: slice, height: int) -> Any:
        if not _asked:
            return grey(frame, rows, columns, height)
        place = (rows.start, rows.stop, columns.start, columns.stop, height)
        # Not the pixels themselves: a thousand large pictures would be gigabytes.
        key = (hash(frame.tobytes()), frame.shape, frame.dtype.str, place)
        found = known.get(key)
        if found is None or hash(key) % EVERY == 0:
            cut = grey(frame, rows, columns, height)
            if found is not None and not np.array_equal(found, cut):
                raise AssertionError("the same window of the same picture is another one than it was")
            cut.flags.writeable = False
            known[key] = found = cut
            if len(known) > PICTURES:
                known.popitem(last=False)
        return found

    return window


def remember_what_is_installed() -> None:
    """Read once what the installed packages say of themselves: every inner run of pytest asks all of them."""
    installed = sysconfig.get_path("purelib")
    kept: dict[tuple[str, str], Any] = {}
    read_text = importlib.metadata.PathDistribution.read_text

    def text(self: importlib.metadata.PathDistribution, filename: str) -> str | None:
        path = str(self._path)
        if not path.startswith(installed):
            return read_text(self, filename)
        key = (path, filename)
        if key not in kept:
            kept[key] = read_text(self, filename)
        return kept[key]

    importlib.metadata.PathDistribution.read_text = text  # type: ignore[method-assign]
    for name in ("metadata", "entry_points"):
        _keep(name, kept, installed)
    for distribution in importlib.metadata.distributions():
        distribution.entry_points  # noqa: B018 - before any fork
        distribution.metadata  # noqa: B018


def _keep(name: str, kept: dict[tuple[str, str], Any], installed: str) -> None:
    get = getattr(importlib.metadata.Distribution, name).fget

    def value(self: Any) -> Any:
        path = str(getattr(self, "_path", ""))
        if not path.startswith(installed):
            return get(self)
        key = (path, f"the property {name}")
        if key not in kept:
            kept[key] = get(self)
        return kept[key]

    setattr(importlib.metadata.Distribution, name, property(value))
