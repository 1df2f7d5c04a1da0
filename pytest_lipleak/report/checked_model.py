"""What ``lipleak doctor --model`` prints."""

from pytest_lipleak.evaluation.checks.model import FIX, LOOK, Checkup


def text_of(result: Checkup) -> list[str]:
    """Return the lines that people read: the verdict first."""
    failed, doubted = (
        ", ".join(finding.check for finding in result.findings if finding.verdict == verdict)
        for verdict in (FIX, LOOK)
    )
    ready = f"READY to be measured, but look at: {doubted}" if doubted else "READY to be measured"
    head = f"NOT READY, to be fixed: {failed}" if failed else ready
    frames, height, width, _ = result.shape
    calls = "1 call" if result.calls == 1 else f"{result.calls} calls"
    lines = [
        f"{result.model}: {head}",
        f"{calls} on {result.clip}, {frames} frames of {width} x {height}, in {result.seconds:.1f} s",
        "",
    ]
    width = max(len(finding.check) for finding in result.findings)
    for finding in result.findings:
        first, *more = finding.text.splitlines()
        mark = finding.verdict.upper() if finding.verdict == FIX else finding.verdict
        lines.append(f"{mark:5} {finding.check:{width}}  {first}")
        lines += [
            f"{'':{width + 8}}{line}"
            for line in (*more, *([f"-> {finding.advice}"] if finding.advice else []))
        ]
    return lines
