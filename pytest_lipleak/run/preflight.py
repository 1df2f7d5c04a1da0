"""What is refused before anything is loaded or generated, because it cannot work."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from pytest_lipleak.core.suggestions import meant_file
from pytest_lipleak.run.baseline import Baseline
from pytest_lipleak.run.chosen_expert import ChosenExpert
from pytest_lipleak.run.device import Device
from pytest_lipleak.settings.options import Scoring, Settings

if TYPE_CHECKING:
    from pytest_lipleak.media.clipsets import ClipSet
    from pytest_lipleak.verdicts.limits import Limit


def make_ready(device: Device) -> None:
    """Make this process ready to measure.

    Raises:
        MissingDataError: a library that every measurement needs does not load.
    """
    from pytest_lipleak.machine.libraries import check_libraries

    # Before NumPy is loaded: OpenBLAS counts its threads then, and never again.
    device.share_threads()
    check_libraries()


def check_settings(settings: Settings, baseline: Baseline) -> None:
    """Refuse settings that contradict each other, or name what is not there.

    Raises:
        LipleakError: they do.
    """
    from pytest_lipleak.generators.registry import check_name, parse_arguments

    check_name(settings.inputs.model or "", parse_arguments(settings.inputs.model_args))
    if settings.outputs.html is not None:
        from pytest_lipleak.report.html import require_jinja2

        require_jinja2()
    _check_gates(settings)
    _check_baseline(settings, baseline)
    if settings.inputs.dose is not None:
        from pytest_lipleak.evaluation.results.dose_curves import read_curve

        read_curve(settings.inputs.dose)
    _check_whole(settings)
    _check_files(settings)


def _check_gates(settings: Settings) -> None:
    from pytest_lipleak.core.errors import ConfigurationError

    for limit in _limits(settings):
        if limit.metric.over_sets and settings.machine.shard is not None:
            raise ConfigurationError(
                f"{limit} compares whole sets of frames and cannot be put together from parts; leave it out, or "
                "run without --lipleak-shard"
            )


def _limits(settings: Settings) -> "list[Limit]":
    from pytest_lipleak.verdicts.limits import Limit

    return [Limit.parse(gate) for gate in settings.rules.limits or ()]


def _check_baseline(settings: Settings, baseline: Baseline) -> None:
    """Refuse what no comparison can come of."""
    from pytest_lipleak.core.errors import ConfigurationError
    from pytest_lipleak.verdicts.regressions import Allowance

    for text in settings.rules.compare_fails:
        Allowance.parse(text)
    if settings.rules.compare_fails and baseline.file is None:
        raise ConfigurationError("--lipleak-compare-fail: name the baseline with --lipleak-compare=FILE")
    if settings.machine.shard is not None and (baseline.file or settings.outputs.save_baseline):
        raise ConfigurationError(
            "a part of the clips is no baseline: `lipleak merge --json FILE` writes that of all parts, and "
            "`lipleak compare` compares it"
        )
    if baseline.file is not None:
        _ = baseline.corpora  # read


def _check_whole(settings: Settings) -> None:
    """Refuse to measure some clips where all are needed, and parts that nobody could put together."""
    from pytest_lipleak.core.errors import ConfigurationError

    whole = settings.machine.shard or settings.inputs.compare or settings.outputs.save_baseline
    if settings.rules.sequential and whole:
        raise ConfigurationError(
            "--lipleak-sequential measures only as many clips as verdicts need; parts (--lipleak-shard) and "
            "baselines need all of them, so leave one of them out"
        )
    if settings.rules.sequential and settings.plan.partners > 1:
        raise ConfigurationError(
            "--lipleak-sequential looks at clips one by one, and with --lipleak-partners several share the speech that "
            "drives them; leave one of them out"
        )
    if settings.machine.shard is not None and settings.outputs.json is None:
        raise ConfigurationError(
            "--lipleak-shard measures for `lipleak merge`: name the part's file with --lipleak-json"
        )


def _check_files(settings: Settings) -> None:
    from pytest_lipleak.core.errors import MissingDataError

    pairs, arcface, weights = settings.inputs.pairs, settings.scoring.arcface, settings.scoring.weights
    if pairs is not None and not pairs.is_file():
        raise MissingDataError(f"pairs {pairs}: no such file{meant_file(pairs)}")
    if arcface is not None and not arcface.is_file():
        raise MissingDataError(f"ArcFace network {arcface}: no such file{meant_file(arcface)}")
    if weights is not None and not weights.exists():
        raise MissingDataError(f"weights {weights}: no such file or folder{meant_file(weights)}")


def check_partners(settings: Settings, clips: "ClipSet") -> None:
    """Refuse to draw several partners where others are given.

    Raises:
        ConfigurationError: a pair list, or the list of clips, names them.
    """
    from pytest_lipleak.core.errors import ConfigurationError

    given = settings.inputs.pairs or next(
        (clips.origin for file in clips.files.values() if file.partner), None
    )
    if settings.plan.partners > 1 and given:
        raise ConfigurationError(
            f"--lipleak-partners draws partners, and {given} names them; leave one of them out (a pair list may have "
            "several lines for a clip)"
        )


def check_scales(settings: Settings, expert: ChosenExpert) -> None:
    """Refuse numbers on the scale of one expert where nobody named the expert.

    Raises:
        ConfigurationError: nobody did.
    """
    if settings.machine.shard is not None:
        expert.refuse_unnamed("parts for `lipleak merge`")
    for limit in _limits(settings):
        if limit.metric.on_a_scale:
            expert.refuse_unnamed(str(limit))


def check_judge(clips: "ClipSet", expert: ChosenExpert, scoring: Scoring) -> None:
    """Refuse clips, an expert or a protocol that are not at hand.

    Raises:
        LipleakError: says what is missing, and how to get it.
    """
    from pytest_lipleak.run.requirements import require_protocol

    len(clips)
    expert.check_weights()
    require_protocol(expert.protocol, scoring)


def check_pairs(settings: Settings, clips: "ClipSet", limits: "Iterable[Limit]") -> None:
    """Refuse, before anything is measured, limits under XM where pairs must stay within one speaker and none can.

    A model of the user's own may declare that rule, too; that is known when it is loaded.

    Raises:
        InputError: a clip's speaker is unknown, or has no other clip.
    """
    from pytest_lipleak.core.conditions import OTHER_SPEECH
    from pytest_lipleak.generators.catalogue import DEMO
    from pytest_lipleak.plan.pairing import refuse_unknown_speakers

    given = settings.inputs.pairs is not None or any(file.partner for file in clips.files.values())
    if not given and any(
        condition.setup in OTHER_SPEECH for limit in limits for condition in limit.metric.conditions
    ):
        is_demo = (settings.inputs.model or "").partition(":")[0] == DEMO.name
        refuse_unknown_speakers(clips, settings.plan.pairing or (DEMO.pairing if is_demo else "any"))
