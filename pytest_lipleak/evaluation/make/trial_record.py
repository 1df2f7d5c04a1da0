"""What is known so far of one model's trials, and why the rest is not."""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from pytest_lipleak.core.corpus import Corpus, Key
from pytest_lipleak.core.errors import LipleakError, UnscorableError, WrongVideoError, with_message
from pytest_lipleak.core.number_words import counted, named
from pytest_lipleak.core.scores import Unscored
from pytest_lipleak.evaluation.make.failure_advice import failure_advice

Item = TypeVar("Item")


class TrialRecord:
    """Scores and measures of trials, and why others have none.

    Args:
        corpus: holds what was measured, and what could not be scored.
        start_share: where in the work to begin, in 0..1, so that parallel workers spread out.
    """

    def __init__(self, corpus: Corpus, start_share: float = 0.0) -> None:
        self.corpus = corpus
        self._start_share = start_share
        self.failures: dict[Key, LipleakError] = {}
        """Trials that could not be made; they are not tried again."""

    def remark(self, text: str) -> None:
        """Note what happened on the way."""
        self.corpus.remarks[text] = self.corpus.remarks.get(text, 0) + 1

    def in_turn(self, items: Sequence[Item]) -> list[Item]:
        """Return the items in the order in which this process takes them: workers that do the same begin apart."""
        start = int(self._start_share * len(items))
        return [*items[start:], *items[:start]]

    @contextmanager
    def attempt(self, key: Key, measure: str | None = None) -> Iterator[None]:
        """Note why something cannot be done for a trial, or for a measure of it."""
        try:
            yield
        except UnscorableError as error:
            why = Unscored(*key, str(error), measure)
            if measure is None:
                self.corpus.unscored[key] = why
            else:
                self.corpus.unpictured[key, measure] = why
        except LipleakError as error:
            self.failures[key] = error

    def missing(self, keys: Iterable[Key]) -> list[Key]:
        """Return those trials that are neither scored nor given up."""
        scored, lost, failed = self.corpus.trials, self.corpus.unscored, self.failures
        # Asked clip by clip of thousands of clips: nothing is put together here that grows with them.
        done = (scored, lost, failed)
        return [key for key in keys if (key[0], None) not in lost and not any(key in each for each in done)]

    def lacks(self, measure: str, key: Key) -> bool:
        """Whether a measure of a trial is neither taken nor given up."""
        known = self.corpus.pictures.get(key, {})
        return not (measure in known or (key, measure) in self.corpus.unpictured or key in self.failures)

    def raise_failures(self, keys: Collection[Key], *, alone: bool = False) -> None:
        """Raise the first failure of these trials, saying how many there are and what to do.

        ``alone``: what was tried, a probe, was tried on these trials alone; others say nothing about it.
        """
        failed = {key: self.failures[key] for key in keys if key in self.failures}
        if failed:
            first, *others = failed.values()
            causes = {_cause(key, error) for key, error in failed.items()}
            places = [error.place for error in others if isinstance(error, WrongVideoError)]
            # The reason stands above already: what is new are the files.
            which = f": {named(places)}" if len(places) == len(others) else ""
            how = f"{IN_THE_SAME_WAY}{which}" if len(causes) == 1 else f", the first with: {others[0]}"
            more = f"\n{counted(len(others), 'more video')} failed{how}" if others else ""
            silence = self.corpus.provenance.silence
            # A trial may be scored, and fail in a probe of it.
            worked = (set(keys) if alone else self.corpus.trials.keys()) - self.failures.keys()
            advice = failure_advice(first, tuple(failed), worked, silence)
            raise with_message(type(first), f"{first}{more}{advice}") from first


def _cause(key: Key, error: LipleakError) -> str:
    """What went wrong in a trial, without the words that name it, and without numbers: clips are not equally long."""
    words = str(error).partition("\n")[0]
    if isinstance(error, WrongVideoError) and error.place:
        words = words.removeprefix(f"{error.place}: ")
    else:
        words = words.partition(f"condition [{key[1]}]: ")[2] or words
    return re.sub(r"\d+", "0", words)


IN_THE_SAME_WAY = " in the same way"
"""Behind how many more videos failed where all failed of the cause that stands above."""


def label_of(key: Key) -> str:
    """Return a trial in the words of progress lines."""
    name, condition = key
    return f"{name} [{condition}]" if condition else f"{name} (real clip)"
