"""The words of a failed verdict: what a person in a hurry needs, the number first."""

from collections.abc import Mapping

from pytest_lipleak.core.metrics import Question
from pytest_lipleak.core.verdicts import Outcome, Verdict

ADVICE: Mapping[str, str] = {
    "LSE-C_S": "lips driven by silence agree with audio the model never heard: the clip's own speech is in them",
    "LSE-D_S": "lips driven by silence stay close to audio the model never heard: the clip's own speech is in them",
    "LSD": "sync collapses when the audio is swapped: in AM the lips may come from elsewhere than the audio",
    "signed-LSD": "AM is better in sync than XM: in AM the lips may come from elsewhere than the audio",
    "LSE-C_S@null": "under silence the lips agree with the clip's own audio more than with unrelated audio: a leak",
    "LSE-C_XO@null": "lips driven by other speech agree with the clip's own more than with unrelated audio: a leak",
    "LSE-C_XO": "lips driven by other speech still agree with the clip's own speech: it is in the lips",
    "LSE-D_XO": "lips driven by other speech stay close to the clip's own speech: it is in the lips",
    "SSIM": "the pictures differ from the real ones",
    "PSNR": "the pictures differ from the real ones",
    "FID": "the frames as a whole do not look like the real ones",
    "KID": "the frames as a whole do not look like the real ones",
    "CSIM": "the face does not look like the same person",
    "LMD": "the lips are not where the real ones were",
    "MAR": "the mouth does not rest under silence: what moves or opens it is not audio",
    "LSE-C_S@floor": "driven by silence, the lips agree with the clip's own speech: it is in the lips",
    "LSE-C_S@worst": "driven by silence, the lips of this clip agree with its own speech: it is in the lips",
    "LSE-C_XO@floor": "driven by other speech, the lips agree with the clip's own: it is in the lips",
    "LSE-C_XO@worst": "driven by other speech, the lips of this clip agree with its own: it is in the lips",
    "LipCorr_S": "driven by silence, the lips move as the clip's own lips do: its own speech is in the lips",
    "LipCorr_XO": "driven by other speech, the lips move as the clip's own do: its own speech is in the lips",
    "REF_shift": "lips move along when the mouths of the reference come earlier: they come from the reference",
    "FRAME_shift": "lips move along when the mouths of the input frames come earlier: they come from the input frames",
    "REF_swap": "another mouth in the reference makes another mouth in the output: it is copied",
    "LSE-C": "the lips do not follow the driving audio",
    "LSE-D": "the lips do not follow the driving audio",
}
"""What each metric's failure means, by the beginning of its name; the longest match counts."""

REMEDIES: Mapping[Question, str] = {
    Question.REFERENCE: (
        "try: look which reference is in use: another frame than the current one (compare CR with AR) leaks less; "
        "training with another frame alone did not help"
    ),
    Question.FRAMES: "try: look whether the mouth is masked wherever the model sees the frame that it edits",
}
"""What to try where a causal probe says where the lips come from."""

REMEDY = (
    "where they come from is not known yet: `lipleak probe` changes the mouths of the reference alone, then those of "
    "the input frames"
)
"""Where nothing but a score is known."""


def explain(verdict: Verdict, *, can_keep: bool = True) -> str:
    """Return the failure's text; its first line stands alone.

    Args:
        verdict: that is not a pass.
        can_keep: whether videos can be kept where this is shown.
    """
    measurement = verdict.measurement
    lines = [verdict.headline]
    if measurement.unscored:
        lines += [f"  unscored: {entry.clip}: {entry.reason}" for entry in measurement.unscored[:5]]
        lines.append("  judge the rest with --lipleak-allow-unscored")
    if worst := measurement.worst():
        lines.append("  worst clips: " + ", ".join(f"{clip} {value:.2f}" for clip, value in worst))
        videos = [measurement.videos[clip] for clip, _ in worst if clip in measurement.videos]
        if videos or can_keep:
            lines.append(f"  videos: {', '.join(videos) if videos else 'keep them with --lipleak-keep DIR'}")
    # What was not found to be broken has no meaning yet, and no remedy.
    broken = verdict.outcome is Outcome.FAIL
    if broken:
        lines.append(f"  meaning: {advice(measurement.metric.name)}")
    if measurement.dose:
        lines.append(f"  dose: {measurement.dose}, on the scale of the control generators")
    if measurement.warning:
        lines.append(f"  mind: {measurement.warning}")
    if broken and measurement.metric.shows_leak:
        lines.append(f"  {REMEDIES.get(measurement.metric.question, REMEDY)}")
    return "\n".join(lines)


def advice(name: str) -> str:
    """Return what a failure of the metric of this name means, in one line."""
    return ADVICE[max((key for key in ADVICE if name.startswith(key)), key=len)]
