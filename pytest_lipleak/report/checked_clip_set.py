"""What ``lipleak clips`` prints."""

from pytest_lipleak.core.number_words import counted, named
from pytest_lipleak.evaluation.checks.clip_set import ClipReport, ClipSetReport


def text_of(report: ClipSetReport) -> list[str]:
    """Return the lines that people read: the verdict first, then what is to be fixed, then all else."""
    lines = [verdict_of(report), *(f"FIX   {why}" for why in report.problems)]
    lines += [f"few   {report.few}"] if report.few else []
    lines += [f"note  {note}" for note in report.notes]
    if report.listing.left_out:
        lines.append(f"note  {report.listing.summary}")
    lines.append("")
    for clip in sorted(report.clips, key=lambda clip: not clip.problems):
        lines += _clip_lines(clip)
    return lines


def verdict_of(report: ClipSetReport) -> str:
    """One line: whether the set is ready, and how many clips stand behind that."""
    judged = f"expert {report.expert}, protocol {report.protocol}"
    if report.ready:
        speech = sum(clip.speech or 0.0 for clip in report.clips)
        speakers = {clip.speaker for clip in report.clips} - {None}
        who = f" of {counted(len(speakers), 'speaker')}" if speakers else ""
        count = counted(len(report.clips), "clip")
        but = ", but too few clips to judge every limit" if report.few else ""
        return f"{report.origin}: READY{but}: {count}{who}, {speech:.0f} s of speech; {judged}"
    bad = [clip.name for clip in report.clips if clip.problems]
    which = ["the set as a whole"] if report.problems else []
    which += [f"{len(bad)} of {counted(len(report.clips), 'clip')} ({named(bad)})"] if bad else []
    return f"{report.origin}: NOT READY, to be fixed: {' and '.join(which)}; {judged}"


def _clip_lines(clip: ClipReport) -> list[str]:
    lines = [f"{'FIX ' if clip.problems else 'ok  '}  {clip.name}"]
    lines += [f"      -> {why}" for why in clip.problems]
    facts = [*_as_read(clip), *_face(clip), *_sync(clip)]
    if clip.speaker:
        facts.append(f"speaker {clip.speaker}")
    if clip.partner:
        facts.append(f"partner {clip.partner}")
    if facts:
        lines.append(f"      {'; '.join(facts)}")
    if clip.streams:
        lines.append(f"      {'; '.join(clip.streams)}")
    return lines + [f"      {note}" for note in clip.notes]


def _as_read(clip: ClipReport) -> list[str]:
    if clip.size is None or clip.seconds is None:
        return []
    facts = [f"{clip.size[0]} x {clip.size[1]}, {clip.seconds:.2f} s"]
    if clip.speech is not None:
        facts.append(f"{clip.speech:.1f} s of speech")
    if clip.shots is not None:
        facts.append(counted(clip.shots, "shot"))
    return facts


def _face(clip: ClipReport) -> list[str]:
    if clip.faces is None or not clip.face_side:
        return []
    lost = f", lost in {counted(clip.face_lost, 'frame')}" if clip.face_lost else ""
    place = "face-centred" if clip.centred else "face not centred"
    return [f"{counted(clip.faces, 'face')}, {clip.face_side:.0f} pixels{lost}, {place}"]


def _sync(clip: ClipReport) -> list[str]:
    if clip.lse_c is None or clip.offset is None or clip.above_unrelated is None:
        return []
    heard = {True: "heard", False: "not heard", None: ""}[clip.heard]
    others = f"LSE-C {clip.lse_c:.2f}, {clip.above_unrelated:.2f} above unrelated speech of its length"
    return [f"offset {clip.offset:+d}, {others}{f' ({heard})' if heard else ''}"]
