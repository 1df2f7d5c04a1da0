"""What the clips of a set have in common, found out once for all processes of a run, and all runs on a store."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_lipleak.media.clipsets import ClipSet
    from pytest_lipleak.store.store import Store


class RememberedSpeech:
    """Finds again, by the content of the files, what was found out of their sound, and of the pictures that go with it.

    Args:
        store: gives where it is kept.
    """

    def __init__(self, store: "Callable[[], Store]") -> None:
        self._store = store

    def __call__(
        self, clips: "ClipSet", what: str, compute: Callable[[], Any], lengths: Mapping[str, int]
    ) -> Any:
        """Return what ``compute`` gives for these clips, JSON-ready.

        Args:
            clips: whose.
            what: its name.
            compute: gives it, or raises, and then nothing is kept.
            lengths: of clips, in frames, where it depends on more than their files.
        """
        from pytest_lipleak.core.errors import MissingDataError
        from pytest_lipleak.core.version import __version__
        from pytest_lipleak.machine.libraries import OPENCV
        from pytest_lipleak.store.keys import STORE_FORMAT, key_of, versions_of

        try:
            files = clips.speech_digest
        except MissingDataError:
            # Refused where it is needed.
            return compute()
        libraries = versions_of("av", "numpy", OPENCV)
        key = key_of(
            speech=files, lengths=lengths, libraries=libraries, package=__version__, format=STORE_FORMAT
        )
        return self._store().data(what, key, compute, about={"clips": clips.origin})
