"""``lipleak calibrate``: the dose curve of a clip set, so that results can be read as a share of copied lips."""

import argparse
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from pytest_lipleak.core.exit_status import EXIT_STATUS, GOOD
from pytest_lipleak.core.number_words import counted
from pytest_lipleak.machine.private_folders import STORE_MARK
from pytest_lipleak.machine.written_files import check_writable, to_be_written, write_text
from pytest_lipleak.settings.parsers import add_arguments
from pytest_lipleak.settings.resolve import command_settings

if TYPE_CHECKING:
    from pytest_lipleak.core.corpus import Corpus
    from pytest_lipleak.run.run import Run
    from pytest_lipleak.settings.options import Settings
    from pytest_lipleak.verdicts.limits import Measurement

PART = ".part"
"""Ending of the folder that holds what was measured of a curve that is not finished."""

AT_WORK = "calibration.lock"
"""File in it that a calibration holds while it is at work."""


def add(commands: Any) -> None:
    """Add the subcommand's parser."""
    calibrate = commands.add_parser(
        "calibrate",
        help="measure the control generators on a clip set: the scale for 'leaks like a 23 %% copy'",
        epilog="example: lipleak calibrate --clips clips/ --expert embedded --output dose.json, then run pytest with "
        f"--lipleak-dose=dose.json. {EXIT_STATUS}",
    )
    add_arguments(calibrate, "calibrate")
    calibrate.add_argument("--output", type=Path, required=True, help="the file to write")
    calibrate.add_argument(
        "--gates",
        type=Path,
        metavar="FILE",
        help="also write gates for this expert on these clips: pytest @FILE",
    )
    calibrate.add_argument("--json", action="store_true", help="print the curve as JSON, the rest on stderr")
    calibrate.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Measure every share, write the curve and, where asked, gates; print what they say."""
    settings = command_settings("calibrate", options)
    check_writable(options.output, "--output")
    if options.gates is not None:
        check_writable(options.gates, "--gates")
    settings = settings._replace(inputs=settings.inputs._replace(model="demo"))
    kept = None if settings.machine.store else _kept_beside(options.output)
    if kept is None:
        return _calibrated(options, settings)
    settings = settings._replace(machine=settings.machine._replace(store=kept))
    with _alone_in(kept, options.output):
        ended = _calibrated(options, settings)
        shutil.rmtree(kept, ignore_errors=True)
    return ended


def _calibrated(options: argparse.Namespace, settings: "Settings") -> int:
    from pytest_lipleak.evaluation.results.dose_curves import calibrated, curve_text, table_lines
    from pytest_lipleak.report.progress import StreamProgress
    from pytest_lipleak.run.run import Run

    told = sys.stderr if options.json else sys.stdout
    work = Run(settings, progress=lambda: StreamProgress(sys.stderr))
    shares = _Shares(work, told, for_gates=options.gates is not None)
    try:
        work.check()
        curve = calibrated(shares.measured)
    finally:
        work.close()
    print("\n".join(table_lines(curve)), file=told)
    if options.json:
        print(curve_text(curve), end="")
    with to_be_written("dose curve", options.output):
        write_text(options.output, curve_text(curve))
    if options.gates is not None:
        _write_gates(options.gates, shares)
    clips_told = counted(len(curve.clip_names), "clip")
    print(
        f"{options.output}: {clips_told}, expert {curve.about['expert']}, protocol {work.expert.protocol}",
        file=told,
    )
    return GOOD


class _Shares:
    """Measures the control generator share by share, and keeps what limits are chosen from.

    Args:
        work: the run.
        told: where it is said that a share is measured.
        for_gates: keep it.
    """

    def __init__(self, work: "Run", told: TextIO, *, for_gates: bool) -> None:
        self.work = work
        self.told = told
        self.between: dict[float, dict[str, Measurement]] = {}
        self.corpora: dict[float, Corpus] = {}
        self._for_gates = for_gates
        self._done = 0

    def measured(self, share: float) -> "Corpus":
        """Return what is measured with this share of leakage, 0 to 1.

        Raises:
            UnscorableError: the expert cannot judge the clips.
        """
        from pytest_lipleak.core.conditions import SETUPS, Condition, Reference
        from pytest_lipleak.core.errors import UnscorableError
        from pytest_lipleak.evaluation.results.calibrated_gates import (
            CALIBRATED,
            FOLLOWS,
            FULL,
            HALF,
            NONE,
            on_these_clips,
        )
        from pytest_lipleak.evaluation.results.dose_curves import SHARES
        from pytest_lipleak.generators.registry import load_model

        evaluation = self.work.new_evaluation(load_model(f"demo:leaky={share:g}"))
        # Asked before hours are spent.
        if unfit := evaluation.expert_unfit():
            raise UnscorableError(unfit)
        evaluation.need(Condition(setup, Reference.CR) for setup in SETUPS)
        if self._for_gates and share in (NONE, HALF, FULL):
            measured = {name: evaluation.measure(name) for name in (*CALIBRATED, *FOLLOWS)}
            corpus = self.corpora[share] = evaluation.corpus
            self.between[share] = {name: on_these_clips(corpus, each) for name, each in measured.items()}
        self._done += 1
        clips, part = counted(len(self.work.clips), "clip"), f"{self._done} of {len(SHARES)}"
        print(f"share {share:g}: {clips} measured ({part})", file=self.told, flush=True)
        return evaluation.corpus


def _write_gates(path: Path, shares: _Shares) -> None:
    """Write the limits that follow from what was measured, and say which ones do not."""
    from pytest_lipleak.evaluation.results import calibrated_gates

    work, clean = shares.work, shares.corpora[calibrated_gates.NONE]
    gates, missing, blunt = calibrated_gates.gates_for(shares.between, clean)
    text = calibrated_gates.options_file(
        gates, work.expert.name, work.expert.protocol, str(work.settings.inputs.clips)
    )
    with to_be_written("gates", path):
        write_text(path, text)
    for words in missing:
        print(f"no gate on {words}", file=shares.told)
    for words in blunt:
        print(f"mind: {words}", file=shares.told)
    print(f"{path}: {counted(len(gates), 'gate')}; pytest @{path}", file=shares.told)
    for said in (calibrated_gates.without_scores(clean), calibrated_gates.few_speakers(clean)):
        if said:
            print(f"{path}: {said}", file=sys.stderr)


def _kept_beside(output: Path) -> Path | None:
    """Where what is measured is kept until the curve is written, so that a run that was cut off goes on; None where
    nothing can be kept there.
    """
    from pytest_lipleak.core.errors import StoreError
    from pytest_lipleak.store.store import Store

    if output.exists() and not output.is_file():
        return None  # a device, or a pipe
    folder = output.resolve().with_name(f"{output.name}{PART}")
    if folder.exists() and not (folder / STORE_MARK).is_file():
        return None  # somebody's own: what is called so is removed in the end
    try:
        Store(folder).refuse_others()
    except StoreError:
        return None
    return folder


@contextmanager
def _alone_in(kept: Path, output: Path) -> Iterator[None]:
    """Hold the folder of what is measured, which is removed in the end: whoever else worked in it would lose it.

    Raises:
        ConfigurationError: another calibration holds it.
    """
    from filelock import FileLock, Timeout

    from pytest_lipleak.core.errors import ConfigurationError
    from pytest_lipleak.store.store import Store

    goes_on = kept.is_dir()
    Store(kept).check()
    lock = FileLock(kept / AT_WORK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise ConfigurationError(
            f"--output {output}: another calibration is at work on it (its measurements are in {kept}); wait until it "
            "has ended, or name another file"
        ) from None
    if goes_on:
        print(f"lipleak: goes on with what {kept} holds of a run that was cut off", file=sys.stderr)
    try:
        yield
    finally:
        lock.release()
