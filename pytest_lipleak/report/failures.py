"""The words of a failed verdict: what a person in a hurry needs, the number first."""

from collections.abc import Iterable, Mapping

from pytest_lipleak.core.conditions import Reference
from pytest_lipleak.core.metrics.families import Question
from pytest_lipleak.core.metrics.formulas import (
    AROUND,
    COLOUR_ECHO,
    ECHO,
    FRAME_BY_FRAME,
    LATE,
    PAUSE,
    SYNC,
    Metric,
)
from pytest_lipleak.core.number_words import SHOWN, counted, named
from pytest_lipleak.core.scores import Unscored
from pytest_lipleak.verdicts.limits import Outcome, Verdict

REMEDIES: Mapping[Question, str] = {
    Question.REFERENCE: (
        "try: look which reference is in use: another frame than the current one (compare CR with AR) leaks less; "
        "small networks of ours that were trained with another frame leaked all the same"
    ),
    Question.FRAMES: "try: look whether the mouth is masked wherever the model sees the frame that it edits",
    Question.EITHER: (
        "try: look whether the mouth is masked wherever the model sees the frame that it edits, and which reference is "
        "in use where that is the same frame"
    ),
}
"""What to try where a causal probe says where the lips come from."""

SEEN: Mapping[str, str] = {
    "": "in the pixels of the lips",
    PAUSE: "in pauses of the speech that drives",
    LATE: "at lags of up to two seconds",
    FRAME_BY_FRAME: "in single frames or short stretches",
    AROUND: "in chin and cheeks",
    SYNC: "in the sync with the clip's own speech",
    ECHO: "in how the lips move",
    COLOUR_ECHO: "in the colour of the lips",
}
"""Where a probe looks for what was changed, by part."""

MOST_SEEN = 3
"""Parts that are named: a whole copy is seen in all."""

UNSCORED = "unscored: "
"""Before a video that could not be scored, and the reason."""

ALLOW = "judge the rest with --lipleak-allow-unscored"
"""Where videos could not be scored."""

REMEDY = "from which pictures the lips come, limits on REF_ and FRAME_ metrics tell, and `lipleak probe`"
"""Where nothing but a score is known."""

FINISHED = (
    "from which pictures the lips come, limits on REF_ and FRAME_ metrics tell, where there are videos of probes: "
    "`lipleak export` writes what those are made from"
)
"""The same where videos were finished before."""


def remedy(metric: Metric, *, finished: bool = False) -> str:
    """Return what to do next about a broken limit on a metric that shows leaks; empty for others.

    Args:
        metric: of the limit.
        finished: whether the videos were finished before.
    """
    if metric.question is Question.REFERENCE and metric.conditions[-1].reference is Reference.AR:
        return ""  # it is another frame already, and nothing else is known to help
    return REMEDIES.get(metric.question, FINISHED if finished else REMEDY) if metric.shows_leak else ""


def unscored_lines(entries: Iterable[Unscored]) -> list[str]:
    """Return a line for each reason why videos have no score, a few of them: thousands may have none."""
    videos: dict[str, list[str]] = {}
    for entry in entries:
        videos.setdefault(entry.reason, []).append(entry.name)
    lines = [f"{UNSCORED}{named(found)}: {reason}" for reason, found in videos.items()]
    if len(lines) > SHOWN:
        left = sum(map(len, list(videos.values())[SHOWN:]))
        more = counted(len(lines) - SHOWN, "more reason")
        lines[SHOWN:] = [f"{UNSCORED}{counted(left, 'more video')}, for {more}: see the JSON report"]
    return lines


def explain(verdict: Verdict, *, can_keep: bool = True) -> str:
    """Return the failure's text; its first line stands alone.

    Args:
        verdict: that is not a pass.
        can_keep: whether videos can be kept where this is shown.
    """
    measurement = verdict.measurement
    lines = [verdict.headline]
    lines += [f"  {line}" for line in unscored_lines(measurement.unscored)]
    if measurement.lost:
        lines.append(f"  {ALLOW}")
    if worst := measurement.worst():
        lines.append("  worst clips: " + ", ".join(f"{clip} {value:.2f}" for clip, value in worst))
        videos = [measurement.videos[clip] for clip, _ in worst if clip in measurement.videos]
        if videos or (can_keep and not measurement.finished):
            lines.append(f"  videos: {', '.join(videos) if videos else 'keep them with --lipleak-keep=DIR'}")
    # What was not found to be broken has no meaning yet, and no remedy.
    broken = verdict.outcome is Outcome.FAIL
    if broken:
        lines.append(f"  meaning: {measurement.metric.failure}")
        if seen := _seen(verdict):
            lines.append(f"  seen {seen}")
    if measurement.dose:
        lines.append(f"  how much: {measurement.dose}, on the scale of the control generators")
    if measurement.warning:
        lines.append(f"  mind: {measurement.warning}")
    if broken and (told := remedy(measurement.metric, finished=measurement.finished)):
        lines.append(f"  {told}")
    return "\n".join(lines)


def _seen(verdict: Verdict) -> str:
    """Which parts of a probe break its limit by themselves, the largest first."""
    found = sorted(verdict.measurement.parts.items(), key=lambda each: -each[1])
    broken = [f"{SEEN[part]} ({share:.2f})" for part, share in found if not verdict.limit.holds(share)]
    return ", ".join(broken[:MOST_SEEN])
