"""Which clips of a set say the same: one recording, or one text."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cached_property

from pytest_lipleak.core.clips import Audio, digest_of
from pytest_lipleak.core.errors import InputError
from pytest_lipleak.media.ahead import ahead
from pytest_lipleak.media.recordings import Fingerprint, fingerprint, shared_recordings


class Speeches:
    """The speeches of a clip set, compared with one another.

    Args:
        texts: what is said in each clip, None where unknown.
        speech: decodes the audio of a clip, int16 (N,) at 16 kHz.
    """

    def __init__(self, texts: Mapping[str, str | None], speech: Callable[[str], Audio]) -> None:
        self._texts = texts
        self._speech = speech
        self._known: dict[str, frozenset[str]] = {}

    def same_as(self, name: str) -> frozenset[str]:
        """Return the clips of the same text or recording as one, itself among them."""
        if name not in self._known:
            text = self._texts[name]
            alike = frozenset(self._by_text[text]) if text is not None else frozenset((name,))
            self._known[name] = alike | self.same_recording(name).keys()
        return self._known[name]

    def same_recording(self, name: str) -> dict[str, float]:
        """Return the clips whose audio holds the same recording as one, itself among them.

        Returns:
            By clip, how many seconds later what is heard in ``name`` is heard there.
        """
        digest = self._digests.get(name)
        if digest is None:
            return {name: 0.0}
        lags = {digest: 0.0} | self._links.get(digest, {})
        return {clip: lag for alike, lag in lags.items() for clip in self._by_digest[alike]}

    @cached_property
    def _by_text(self) -> dict[Hashable, list[str]]:
        return _grouped((text, name) for name, text in self._texts.items() if text is not None)

    @cached_property
    def _by_digest(self) -> dict[Hashable, list[str]]:
        return _grouped((digest, name) for name, digest in self._digests.items())

    @cached_property
    def _digests(self) -> dict[str, str]:
        """Hash of the samples of each clip that can be read; the others are refused where they are needed."""
        return {name: digest for name, (digest, _) in self._read.items()}

    @cached_property
    def _read(self) -> dict[str, tuple[str, Fingerprint | None]]:
        """Hash of the samples of each clip, and the fingerprint of what was not met before."""
        read: dict[str, tuple[str, Fingerprint | None]] = {}
        met: set[str] = set()
        # The next one is decoded meanwhile.
        for name, audio in ahead(self._audible()):
            digest = digest_of(audio)
            read[name] = digest, None if digest in met else fingerprint(audio)
            met.add(digest)
        return read

    def _audible(self) -> Iterator[tuple[str, Audio]]:
        for name in self._texts:
            with suppress(InputError):
                yield name, self._speech(name)

    @cached_property
    def _links(self) -> dict[str, dict[str, float]]:
        """By hash of the samples, the other recordings that are the same, and their lag in seconds."""
        prints = {digest: found for digest, found in self._read.values() if found is not None}
        digests = list(prints)
        links: dict[str, dict[str, float]] = {}
        for one, other, lag in shared_recordings(list(prints.values())):
            links.setdefault(digests[one], {})[digests[other]] = lag
            links.setdefault(digests[other], {})[digests[one]] = -lag
        # Not needed any more, and the larger part of the memory.
        self._read = {name: (digest, None) for name, (digest, _) in self._read.items()}
        return links


def _grouped(pairs: Iterable[tuple[Hashable, str]]) -> dict[Hashable, list[str]]:
    groups: dict[Hashable, list[str]] = {}
    for key, name in pairs:
        groups.setdefault(key, []).append(name)
    return groups
