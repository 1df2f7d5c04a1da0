"""Plain functions on files and arrays, for notebooks and training loops; pytest has no part in them.

They read no environment variable and no ini file: the same call gives the same numbers everywhere.
"""

import html
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_lipleak.core.clips import Audio, Clip, Frames, check_audio, check_frames
from pytest_lipleak.core.corpus import Corpus
from pytest_lipleak.core.errors import ConfigurationError, NotApplicableError
from pytest_lipleak.core.suggestions import meant
from pytest_lipleak.verdicts.limits import Limit, Measurement, Verdict

if TYPE_CHECKING:
    from pytest_lipleak.evaluation.one_video import FileScore
    from pytest_lipleak.evaluation.results.run_result import RunResult
    from pytest_lipleak.run.run import Run
    from pytest_lipleak.verdicts.endings import Ending

Clips = str | Path | Mapping[str, tuple[Frames, Audio]]
"""A folder of videos, a table, ``"embedded"``, or arrays by clip name."""

EVERYTHING = ("LSD-CR", "LSE-C_S[CR]", "LSD-AR", "LSE-C_S[AR]")
"""Needs all six conditions, from which every score of the paper follows."""


def score(
    video: str | Path | Frames,
    audio: str | Path | Audio | None = None,
    *,
    expert: str = "auto",
    protocol: str = "auto",
    weights: str | Path | None = None,
    device: str = "cpu",
    face: str = "largest",
) -> "FileScore":
    """Score how well the lips of one video follow its audio, or another one.

    Args:
        video: a file, or frames, uint8 RGB of shape (T, H, W, 3) at 25 per second.
        audio: a file, or samples, int16 of shape (N,), mono, 16 kHz. None: the file's own; frames need some.
        expert: ``auto``, ``embedded`` or ``syncnet``; two experts have two scales.
        protocol: how frames become face crops: ``auto``, ``lrs``, ``direct`` (the face fills the frame) or ``tracked``.
        weights: folder or file with model weights.
        device: where networks run: ``cpu``, ``cuda``, ``cuda:N``, ``mps``.
        face: under ``tracked``, whose face counts where several are seen: ``largest`` or ``speaking``.

    Returns:
        ``lse_c`` (confidence, higher is better), ``lse_d`` (distance, lower is better), ``offset`` in frames, and notes
        on what was converted and what makes the score unreliable.

    Raises:
        ConfigurationError: unknown expert or protocol, or a video that goes with no such audio.
        InputError: a file that cannot be read.
        UnscorableError: too short, or no face where one is needed.
        ValueError: arrays of another shape or dtype.
    """
    from pytest_lipleak.evaluation.make.devices import resolve_device
    from pytest_lipleak.evaluation.one_video import score_clip, score_file

    found = Path(weights) if weights is not None else None
    device = resolve_device(device)
    _check_kind("video", video)
    if audio is not None:
        _check_kind("audio", audio)
    if isinstance(video, np.ndarray):
        if not isinstance(audio, np.ndarray):
            raise ConfigurationError(
                "frames have no sound of their own; give audio as an array, int16 at 16 kHz"
            )
        clip = _clip("video", video, audio)
        return score_clip(clip, expert=expert, protocol=protocol, weights=found, device=device, face=face)
    if isinstance(audio, np.ndarray):
        raise ConfigurationError(
            "a video file is scored against an audio file; give both as files, or both as arrays"
        )
    return score_file(
        Path(video),
        audio=None if audio is None else Path(audio),
        expert=expert,
        protocol=protocol,
        weights=found,
        device=device,
        face=face,
    )


def evaluate(
    model: Any,
    clips: Clips = "embedded",
    gates: Sequence[str] | None = None,
    *,
    expert: str = "auto",
    protocol: str = "auto",
    device: str = "auto",
    seed: int = 0,
    **options: Any,
) -> "Result":
    """Measure a model, and judge it.

    Args:
        model: a generator (see ``Generator``), a function ``(frames, audio, reference) -> frames``, or a name as
            ``--lipleak-model`` takes it.
        clips: a folder of videos, a table, ``"embedded"``, or arrays by clip name: frames, uint8 RGB of shape
            (T, H, W, 3) at 25 per second, and audio, int16 (640 T,), mono, 16 kHz.
        gates: limits, for example ``["LSE-C_S@floor < 0.4"]``; only what they need is measured. None: the expert's
            default gates. An empty list measures all six conditions and judges nothing.
        expert: ``auto``, ``embedded`` or ``syncnet``. Limits on the scale of one expert need its name.
        protocol: ``auto``, ``lrs``, ``direct`` or ``tracked``.
        device: where networks run.
        seed: of pairing and random references.
        **options: any other option of ``lipleak evaluate`` by its name: ``pairing="same-speaker"``, ``store="cache"``.

    Returns:
        The result. A model that was measured in training goes on as it was: nothing of it is changed or kept.

    Raises:
        ConfigurationError: an option, gate or model that cannot be used.
        GeneratorError: the model failed.
        InputError: a clip that cannot be read.
        ValueError: arrays of another shape or dtype.
    """
    from pytest_lipleak.generators.registry import as_model
    from pytest_lipleak.run.preflight import check_judge
    from pytest_lipleak.run.run import Run
    from pytest_lipleak.settings.options import offered_by
    from pytest_lipleak.settings.resolve import make_settings

    unknown = options.keys() - {option.name for option in offered_by("evaluate")} | options.keys() & {"gate"}
    if unknown:
        known = {option.name for option in offered_by("evaluate")} - {"gate"}
        raise ConfigurationError(
            f"evaluate() takes no {min(unknown)!r}; see `lipleak evaluate --help`{meant(min(unknown), known)}"
        )
    with _as_files(clips) as named:
        given = {
            **options,
            "model": model if isinstance(model, str) else None,
            "clips": named,
            "gate": None if gates is None else list(gates),
            "expert": expert,
            "protocol": protocol,
            "device": device,
            "seed": seed,
        }
        run = Run(make_settings(given, Path.cwd(), {}, command="evaluate"))
        try:
            if isinstance(clips, Mapping):
                run.clips.origin = "arrays"  # the folder is gone tomorrow
            if isinstance(model, str):
                run.check()
            else:
                check_judge(run.clips, run.expert, run.settings.scoring)
            limits = _limits(run, by_default=gates is None)
            evaluation = run.new_evaluation(run.model if isinstance(model, str) else as_model(model))
            skipped: dict[str, str] = {}
            evaluation.foresee(limit.metric for limit in limits)
            for limit in limits:
                with _noted(skipped, str(limit)):
                    evaluation.judge(limit)
            for name in () if limits else EVERYTHING:
                with _noted({}, name):
                    evaluation.measure(name)
            evaluation.corpus.curve, _ = run.dose_curve(evaluation.corpus)
            return Result(evaluation.corpus, tuple(evaluation.verdicts), skipped)
        finally:
            run.close()


def _limits(run: "Run", *, by_default: bool) -> Sequence[Limit]:
    """Return what is to be judged, checked before anything is measured.

    Raises:
        ConfigurationError: a limit that cannot be judged here, or none by default.
    """
    from pytest_lipleak.run.requirements import require_metrics

    limits = run.limits(or_defaults=by_default)
    for limit in limits:
        if limit.metric.on_a_scale and not by_default:
            run.expert.refuse_unnamed(str(limit))
    if not limits and by_default:
        raise ConfigurationError(
            f"expert {run.expert.name} has no default gates under protocol {run.expert.protocol}; give gates, "
            "or [] to measure alone"
        )
    require_metrics((limit.metric for limit in limits), run.settings.scoring)
    run.check_pairs(limits)
    return limits


@contextmanager
def _noted(skipped: dict[str, str], name: str) -> Iterator[None]:
    """Go on where the model does not have what is asked about."""
    try:
        yield
    except NotApplicableError as error:
        skipped[name] = str(error)


@dataclass(frozen=True)
class Result:
    """What was measured of one model, and how it was judged.

    Args:
        corpus: all scores.
        verdicts: one for each gate.
        skipped: gates that ask for what the model does not have, with the reason.
    """

    corpus: Corpus
    verdicts: tuple[Verdict, ...]
    skipped: Mapping[str, str]

    @property
    def verdict(self) -> str:
        """``pass``, ``fail``, ``inconclusive`` or ``not judged``."""
        return self._ending.verdict

    @property
    def passed(self) -> bool:
        """Whether every gate was judged and kept, but for those in ``skipped``, which nobody looked at.

        False where none was judged: all are skipped, or none was given.
        """
        return self.verdict == "pass"

    @property
    def headline(self) -> str:
        """One line that stands alone and begins with the verdict."""
        return self._ending.headline

    @property
    def _ending(self) -> "Ending":
        return self._run.ending

    @property
    def _run(self) -> "RunResult":
        from pytest_lipleak.evaluation.results.run_result import ModelResult, RunResult

        return RunResult((ModelResult.of(self.corpus, self.verdicts),))

    def metrics(self) -> dict[str, float]:
        """Return every metric that was measured, by name; of those that some clips lack, over the others."""
        return {found.metric.name: float(found.value) for found in self._measurements}

    @property
    def _measurements(self) -> list[Measurement]:
        from pytest_lipleak.evaluation.results.aggregate import every_measurement

        return every_measurement(self.corpus, (each.limit.metric.name for each in self.verdicts))

    def to_records(self) -> list[dict[str, Any]]:
        """Return every metric of every clip, one record each; ``pandas.DataFrame`` reads them as they are."""
        from pytest_lipleak.report.records import records

        return records([self.corpus])

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON report as plain data (``lipleak report --schema``)."""
        from pytest_lipleak.report.json import document

        return document(self._run)

    def __str__(self) -> str:
        from pytest_lipleak.report.summary import summaries

        (summary,) = summaries(self._run)
        return "\n".join([summary.verdict, *summary.table])

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        from pytest_lipleak.report.summary import limits_of

        limits = limits_of(self._run.models[0].verdicts)
        rows = [("metric", "value", "95 % interval", "clips", "limit")]
        for found in self._measurements:
            name = found.metric.name
            interval = "" if found.interval is None else "{:.2f} to {:.2f}".format(*found.interval)
            stated = ", ".join(f"{bound} {word}" for bound, word in limits.get(name, ()))
            rows.append(
                (
                    f"{found.metric.label} {found.metric.arrow}",
                    f"{found.value:.3f}",
                    interval,
                    str(found.clips),
                    stated,
                )
            )
        return f"<p><b>{html.escape(self.headline)}</b></p>{html_table(rows)}"


def html_table(rows: Sequence[Sequence[str]]) -> str:
    """Return rows of text as a table of HTML; the first are its heads."""
    head, *body = ([html.escape(cell) for cell in row] for row in rows)
    lines = [f"<tr>{''.join(f'<th>{cell}</th>' for cell in head)}</tr>"]
    lines += [f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in body]
    return f"<table>{''.join(lines)}</table>"


def _check_kind(name: str, value: object) -> None:
    """Refuse what is neither a file nor an array: a list, a tensor, a file that is open."""
    if not isinstance(value, str | Path | np.ndarray):
        raise ConfigurationError(
            f"{name} is a {type(value).__name__}; expected a file's name or a NumPy array (of a tensor: .numpy())"
        )


def _clip(name: str, frames: Frames, audio: Audio) -> Clip:
    """Return a clip of arrays that are what they should be; sound that goes on behind the pictures is cut off."""
    check_frames(frames, f"clip {name!r}")
    check_audio(audio, f"clip {name!r}")
    return Clip(name, frames, _as_long_as(frames, audio))


def _as_long_as(frames: Frames, audio: Audio) -> Audio:
    from pytest_lipleak.core.timebase import SAMPLES_PER_FRAME

    wanted = len(frames) * SAMPLES_PER_FRAME
    if len(audio) < wanted:
        raise ConfigurationError(
            f"{len(audio)} samples of audio for {len(frames)} frames; expected {wanted} or more "
            f"({SAMPLES_PER_FRAME} for each frame)"
        )
    return audio[:wanted]


@contextmanager
def _as_files(clips: Clips) -> Iterator[str]:
    """Name clips as settings want them; arrays lie in a folder of their own until the model is measured."""
    if not isinstance(clips, Mapping):
        yield str(clips)
        return
    from pytest_lipleak.media.video import write_video

    if not clips:
        raise ConfigurationError("no clips; give at least one")
    with tempfile.TemporaryDirectory(prefix="lipleak-clips-") as folder:
        for name, given in clips.items():
            if not isinstance(name, str) or Path(name).name != name or "\\" in name:
                raise ConfigurationError(f"clip {name!r}: a name is a file's name, without folders")
            if not isinstance(given, tuple | list) or len(given) != 2:
                raise ConfigurationError(
                    f"clip {name!r}: got a {type(given).__name__}, expected frames and audio, two arrays"
                )
            clip = _clip(name, *given)
            write_video(Path(folder) / f"{name}.mkv", clip.video, clip.audio)
        yield folder
