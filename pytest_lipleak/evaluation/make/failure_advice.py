"""What to do about a model that fails, where that follows from what it did not fail on."""

from collections.abc import Collection, Sequence

from pytest_lipleak.core.conditions import Setup
from pytest_lipleak.core.corpus import Key
from pytest_lipleak.core.errors import GeneratorError, LipleakError
from pytest_lipleak.generators.interface import TAKE_NOISE

ONLY_SILENCE = f"only silence fails, so its audio front end may not take exact zeros: {TAKE_NOISE}"
ONLY_SOME = (
    "other clips work: mend the model for these, or leave them out of --lipleak-clips; --lipleak-allow-unscored is for "
    "clips that cannot be scored, and does not cover a model that fails"
)


def failure_advice(error: LipleakError, failed: Sequence[Key], worked: Collection[Key], silence: str) -> str:
    """Return the line to add to an error; empty where nothing follows.

    Args:
        error: of the first trial that failed.
        failed: those trials.
        worked: trials of the model that are scored, and did not fail in a probe either.
        silence: which silence drives under SI.
    """
    if not isinstance(error, GeneratorError):
        return ""
    silent = [condition is not None and condition.setup is Setup.SI for _, condition in failed]
    hears = {clip for clip, condition in worked if condition and condition.setup is not Setup.SI}
    takes_silence = any(condition and condition.setup is Setup.SI for _, condition in worked)
    # What names an option has its way out already.
    told = "--lipleak-" in str(error)
    if silence == "zeros" and all(silent) and failed[0][0] in hears and not takes_silence and not told:
        return f"\n{ONLY_SILENCE}"
    return f"\n{ONLY_SOME}" if {condition for _, condition in worked} & {failed[0][1]} else ""
