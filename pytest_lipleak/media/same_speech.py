"""Which clips of a set say the same: one recording, or one text."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any

from pytest_lipleak.core.clips import Audio, digest_of
from pytest_lipleak.core.errors import InputError
from pytest_lipleak.media.ahead import ahead
from pytest_lipleak.media.audio import level
from pytest_lipleak.media.same_recordings import Fingerprint, fingerprint, shared_recordings

Remember = Callable[[Callable[[], Any]], Any]
"""Returns JSON-ready data that was computed before, or computes it now."""


def at_once(compute: Callable[[], Any]) -> Any:
    """Remember nothing."""
    return compute()


class FoundInPart(Exception):  # noqa: N818 - no error
    """Raised by what computes: it met what could not be read, which may be so now alone, and must not be remembered.

    Args:
        found: what was found in the rest.
    """

    def __init__(self, found: Any) -> None:
        super().__init__(found)
        self.found = found


def also_in_part(ask: Callable[[], Any]) -> Any:
    """Return what ``ask`` gives, or what was found in part."""
    try:
        return ask()
    except FoundInPart as part:
        return part.found


class Speeches:
    """The speeches of a clip set, compared with one another.

    Args:
        texts: what is said in each clip, None where unknown.
        speech: decodes the audio of a clip, int16 (N,) at 16 kHz.
        remember: finds again what was found out of these very files.
    """

    def __init__(
        self,
        texts: Mapping[str, str | None],
        speech: Callable[[str], Audio],
        remember: Remember = at_once,
    ) -> None:
        self._texts = texts
        self._speech = speech
        self._remember = remember
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

    def length(self, name: str) -> int:
        """Return the number of samples of a clip's audio.

        Raises:
            InputError: it cannot be read.
        """
        found: int | None = self._found["lengths"].get(name)
        return len(self._speech(name)) if found is None else found

    def level(self, name: str) -> float:
        """Return how loud a clip's audio is, root mean square of its samples, 0 for no sound at all.

        Raises:
            InputError: it cannot be read.
        """
        found: float | None = self._found["levels"].get(name)
        return level(self._speech(name)) if found is None else found

    @property
    def _digests(self) -> dict[str, str]:
        """Hash of the samples of each clip that can be read; the others are refused where they are needed."""
        found: dict[str, str] = self._found["digests"]
        return found

    @property
    def _links(self) -> dict[str, dict[str, float]]:
        """By hash of the samples, the other recordings that are the same, and their lag in seconds."""
        found: dict[str, dict[str, float]] = self._found["links"]
        return found

    @cached_property
    def _found(self) -> dict[str, Any]:
        found: dict[str, Any] = also_in_part(lambda: self._remember(self._compared))
        return found

    def _compared(self) -> dict[str, Any]:
        """Decode every audio, and compare all.

        Raises:
            FoundInPart: one cannot be read.
        """
        digests: dict[str, str] = {}
        lengths: dict[str, int] = {}
        levels: dict[str, float] = {}
        prints: dict[str, Fingerprint] = {}
        unheard: list[str] = []
        # The next one is decoded meanwhile.
        for name, audio in ahead(self._audible(unheard)):
            digests[name], lengths[name], levels[name] = digest_of(audio), len(audio), level(audio)
            if digests[name] not in prints:
                prints[digests[name]] = fingerprint(audio)
        met = list(prints)
        links: dict[str, dict[str, float]] = {}
        for one, other, lag in shared_recordings(list(prints.values())):
            links.setdefault(met[one], {})[met[other]] = lag
            links.setdefault(met[other], {})[met[one]] = -lag
        found = {"digests": digests, "lengths": lengths, "levels": levels, "links": links}
        if unheard:
            raise FoundInPart(found)
        return found

    def _audible(self, unheard: list[str]) -> Iterator[tuple[str, Audio]]:
        for name in self._texts:
            try:
                audio = self._speech(name)
            except InputError:
                unheard.append(name)
            else:
                yield name, audio


def _grouped(pairs: Iterable[tuple[Hashable, str]]) -> dict[Hashable, list[str]]:
    groups: dict[Hashable, list[str]] = {}
    for key, name in pairs:
        groups.setdefault(key, []).append(name)
    return groups
