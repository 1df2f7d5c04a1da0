"""Speech as a sync expert hears it; the latest is kept in memory."""

from collections import OrderedDict

from pytest_lipleak.core.clips import Audio, digest_of
from pytest_lipleak.evaluation.make.costs import Stopwatch
from pytest_lipleak.sync.expert import Embeddings, SyncExpert

KEPT_SPEECH = 64_000_000
"""Bytes of embedded speech kept in memory, the latest first."""


class HeardSpeech:
    """Embeds speech.

    Args:
        expert: the sync expert that judges.
        stopwatch: takes the time.
    """

    def __init__(self, expert: SyncExpert, stopwatch: Stopwatch) -> None:
        self._expert = expert
        self._stopwatch = stopwatch
        self._speech: OrderedDict[str, Embeddings] = OrderedDict()

    def __call__(self, audio: Audio) -> Embeddings:
        """Return speech as the sync expert hears it, float32 (W, D); the latest are kept in memory."""
        digest = digest_of(audio)
        if digest not in self._speech:
            with self._stopwatch("embedding"):
                self._speech[digest] = self._expert.embed_audio(audio)
            # A clip's own speech and its partner's are needed together, for all its trials in a row.
            while len(self._speech) > 2 and sum(kept.nbytes for kept in self._speech.values()) > KEPT_SPEECH:
                self._speech.popitem(last=False)
        self._speech.move_to_end(digest)
        return self._speech[digest]
