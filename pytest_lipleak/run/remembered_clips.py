"""What real clips are, found out once for all processes of a run, and all runs on a store."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_lipleak.generators.finished_model import FinishedVideos
    from pytest_lipleak.media.clipsets import ClipFile
    from pytest_lipleak.store.store import Store


class RememberedClips:
    """Finds again, by the content of its files, the size, notes and digest of a clip that outputs were made from.

    Args:
        finished: the outputs; a clip ends where they do.
        store: gives where it is kept.
    """

    def __init__(self, finished: "FinishedVideos", store: "Callable[[], Store]") -> None:
        self._finished = finished
        self._store = store

    def __call__(self, file: "ClipFile", compute: Callable[[], Any]) -> Any:
        """Return what ``compute`` gives for this clip, JSON-ready."""
        from pytest_lipleak.core.errors import MissingDataError
        from pytest_lipleak.core.version import __version__
        from pytest_lipleak.machine.libraries import OPENCV
        from pytest_lipleak.machine.model_files import file_sha256
        from pytest_lipleak.store.keys import STORE_FORMAT, key_of, versions_of

        try:
            content = [file_sha256(path) for path in (file.video, file.audio) if path is not None]
        except MissingDataError:
            # Refused where it is needed.
            return compute()
        key = key_of(
            content=content,
            cut=file.cut,
            box=str(file.box or ""),
            ends=self._finished.ends_of(file.name),
            libraries=versions_of("av", "numpy", OPENCV),
            package=__version__,
            format=STORE_FORMAT,
        )
        return self._store().data("clip", key, compute, about={"clip": file.name})
