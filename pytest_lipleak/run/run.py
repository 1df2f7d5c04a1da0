"""A run: what the settings name, each part built when first needed, and evaluations under these settings.

Knows nothing of pytest: the plugin's session has one, and so have the commands.
"""

import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_lipleak.run.baseline import Baseline
from pytest_lipleak.run.chosen_expert import ChosenExpert
from pytest_lipleak.run.device import Device
from pytest_lipleak.run.named_model import NamedModel
from pytest_lipleak.run.process import Process
from pytest_lipleak.run.remembered_clips import RememberedClips
from pytest_lipleak.run.remembered_speech import RememberedSpeech
from pytest_lipleak.run.report_files import Reports
from pytest_lipleak.settings.options import Settings

if TYPE_CHECKING:
    from pytest_lipleak.core.corpus import Corpus
    from pytest_lipleak.core.dose import DoseCurve
    from pytest_lipleak.evaluation.evaluation import Evaluation
    from pytest_lipleak.evaluation.make.gallery import Gallery
    from pytest_lipleak.evaluation.make.progress_relay import Progress
    from pytest_lipleak.generators.finished_model import FinishedVideos
    from pytest_lipleak.generators.registry import Model
    from pytest_lipleak.machine.private_folders import PrivateFolder
    from pytest_lipleak.media.clipsets import ClipSet
    from pytest_lipleak.plan.user_choices import Plan
    from pytest_lipleak.store.store import Store
    from pytest_lipleak.verdicts.limits import Limit, Rules

GIGABYTE = 10**9


def to_stderr(text: str) -> None:
    """Say why this process ends."""
    print(f"\nlipleak: {text}", file=sys.__stderr__, flush=True)


def unseen() -> "Progress":
    """Show progress nowhere."""
    from pytest_lipleak.report.progress import silent

    return silent


def _rules(settings: Settings) -> "Rules":
    from pytest_lipleak.verdicts.limits import Rules

    rules = settings.rules
    return Rules(rules.allow_unscored, rules.confidence, rules.inconclusive, rules.sequential)


def _gallery(settings: Settings) -> "Gallery | None":
    if settings.outputs.html is None:
        return None
    from pytest_lipleak.evaluation.make.gallery import Gallery
    from pytest_lipleak.report.page_files import files_of

    return Gallery(files_of(settings.outputs.html))


class Run:
    """What one run works with.

    Args:
        settings: resolved.
        process: this process within the run; None: it is alone, and begins here.
        progress: where progress is shown; asked when something is to be measured.
        on_give_up: told why the process ends when a model hangs and cannot be interrupted.
    """

    def __init__(
        self,
        settings: Settings,
        process: Process | None = None,
        *,
        progress: "Callable[[], Progress]" = unseen,
        on_give_up: Callable[[str], None] = to_stderr,
    ) -> None:
        self.settings = settings
        self.process = process or Process()
        self._progress = progress
        self._on_give_up = on_give_up
        self._folder: PrivateFolder | None = None
        self.device = Device(settings.machine.device, self.process)
        self.expert = ChosenExpert(
            settings.scoring, self._has_rendered_clips, self.device, lambda: self.clips
        )
        self.named_model = NamedModel(
            settings.inputs,
            settings.machine.workers_per_gpu,
            self.device,
            self.process,
            lambda: self._private_folder,
        )
        self.baseline = Baseline(settings.inputs.compare, self.process)
        self.reports = Reports(settings)

    @property
    def folder(self) -> Path:
        """The run's own artefacts; shared by all workers of the run, removed at its end."""
        return self._private_folder.path

    @property
    def _private_folder(self) -> "PrivateFolder":
        from pytest_lipleak.machine.private_folders import PrivateFolder

        self._folder = self._folder or PrivateFolder(self.process.run)
        return self._folder

    @cached_property
    def clips(self) -> "ClipSet":
        """The real clips, listed; each is decoded when asked for."""
        from pytest_lipleak.media.clipsets import open_clips

        finished = self.named_model.finished()
        remember = RememberedSpeech(self._any_store)
        if finished is not None and self._clips_of_table():
            return finished.over(None, remember)
        clips = open_clips(self.settings.inputs.clips, self.settings.inputs.clips_root)
        clips.origin = self.process.naming(self.settings.inputs.clips)
        clips.remember = remember
        return clips if finished is None else finished.over(clips)

    def _clips_of_table(self) -> bool:
        """Whether the clips are the sources that a table of finished videos names; clips that somebody names win."""
        finished = None if "clips" in self.settings.sources else self.named_model.finished()
        return finished is not None and finished.table.names_sources

    def _passing_store(self) -> "Store":
        """The store of what goes with the run; its processes share it."""
        from pytest_lipleak.store.store import Store

        self._private_folder.enter()
        return Store(self.folder, passing=True)

    @property
    def model(self) -> "Model":
        """The model named in the settings.

        Raises:
            LipleakError: none is named, or it cannot be loaded.
        """
        return self.named_model.get()

    def _has_rendered_clips(self) -> bool:
        """Whether the clips are the embedded ones."""
        from pytest_lipleak.media.clipsets import EMBEDDED

        return self.settings.inputs.clips == EMBEDDED and not self._clips_of_table()

    def check(self, *, measures: bool = True) -> None:
        """Refuse at once what cannot work, before anything is loaded or generated.

        Args:
            measures: whether the run will measure; one that only lists changes and removes nothing.

        Raises:
            LipleakError: a setting names something that is not there, or cannot be read.
        """
        from pytest_lipleak.run import preflight

        if measures:
            preflight.make_ready(self.device)
        preflight.check_settings(self.settings, self.baseline)
        preflight.check_partners(self.settings, self.clips)
        preflight.check_scales(self.settings, self.expert)
        # Checked once, by the controller, unless it could not know what its workers will run.
        checks_for_all = self.process.is_controller or not self.settings.asked_for_model
        # Workers hash again only when they load.
        if checks_for_all:
            preflight.check_judge(self.clips, self.expert, self.settings.scoring)
        if checks_for_all and measures:
            from pytest_lipleak.machine.private_folders import remove_forgotten

            remove_forgotten()
            if store := self._lasting_store():
                store.check()

    def check_pairs(self, limits: "Iterable[Limit]") -> None:
        """Refuse, before anything is measured, limits that need pairs of clips where there are none.

        Raises:
            InputError: a clip's speaker is unknown, or has no other clip.
        """
        from pytest_lipleak.run.preflight import check_pairs

        if self.named_model.finished() is None:
            check_pairs(self.settings, self.clips, limits)

    def limits(self, *, or_defaults: bool) -> "list[Limit]":
        """Return what is to be judged: the gates that were given, else the expert's defaults where those count.

        Raises:
            ConfigurationError: a gate that does not parse.
        """
        from pytest_lipleak.verdicts.limits import Limit

        given = self.settings.rules.limits
        texts = given if given is not None else self.expert.default_gates if or_defaults else ()
        limits = [replace(Limit.parse(text), by_default=given is None) for text in texts]
        return list({str(limit): limit for limit in limits}.values())

    def new_evaluation(self, model: "Model", *, shard: tuple[int, int] | None = None) -> "Evaluation":
        """Return an evaluation of a model under these settings.

        Args:
            model: loaded.
            shard: the part of the clips to measure, and of how many, in place of what the settings say.
        """
        from pytest_lipleak.evaluation.evaluation import Evaluation
        from pytest_lipleak.evaluation.make.run_pictures import SharedDecoding
        from pytest_lipleak.evaluation.make.this_process import Files, ThisProcess
        from pytest_lipleak.generators.finished_model import finished_of

        self._private_folder.enter()
        settings, process, clips = self.settings, self.process, self.clips
        finished = finished_of(model)
        if finished is not None and not finished.is_resolved:
            clips = finished.over(clips)
        clips.decoding = SharedDecoding(self._passing_store())
        if finished is not None:
            clips.recall = RememberedClips(finished, self._any_store)
        kept = self._lasting_store() if model.fingerprint is not None else None
        evaluation = Evaluation(
            clips,
            model,
            self.expert.loaded,
            self._plan(shard or self.settings.machine.shard, finished),
            kept or self._passing_store(),
            rules=_rules(settings),
            process=ThisProcess(
                run=process.run,
                device=self.device.name,
                start_share=process.number / process.count,
                timeout=settings.machine.timeout,
                on_give_up=self._on_give_up,
                progress=self._progress(),
            ),
            files=Files(
                weights=settings.scoring.weights,
                arcface=settings.scoring.arcface,
                dose=settings.inputs.dose,
                keep=settings.outputs.keep,
                gallery=_gallery(settings),
            ),
        )
        if self.expert.protocol_reason and self.expert.protocol == "tracked":
            evaluation.corpus.remarks[f"protocol {self.expert.protocol}: {self.expert.protocol_reason}"] = 1
        return evaluation

    def _plan(self, shard: tuple[int, int] | None, finished: "FinishedVideos | None") -> "Plan":
        from pytest_lipleak.media.pair_lists import given_pairs
        from pytest_lipleak.plan.user_choices import Plan
        from pytest_lipleak.sync.protocols import Protocol

        settings = self.settings
        return Plan(
            Protocol(self.expert.protocol),
            seed=settings.plan.seed,
            silence=settings.plan.silence,
            alternative_reference=settings.plan.alternative_reference,
            pairing=settings.plan.pairing,
            face=settings.scoring.face,
            retrack=settings.scoring.retrack,
            shard=shard,
            partners=settings.plan.partners,
            pairs=(given_pairs(settings.inputs.pairs, self.clips) if finished is None else finished.partners),
            measured=None if finished is None else finished.clip_names,
            expert_reason=self.expert.reason,
        )

    def _lasting_store(self) -> "Store | None":
        """The store that outlives the run, where one is named."""
        from pytest_lipleak.store.store import Store

        machine = self.settings.machine
        if machine.store is None:
            return None
        limit = None if machine.store_limit is None else machine.store_limit * GIGABYTE
        store = Store(machine.store, limit, shared=machine.store_shared)
        store.refuse_others()
        return store

    def _any_store(self) -> "Store":
        return self._lasting_store() or self._passing_store()

    def dose_curve(self, corpus: "Corpus") -> "tuple[DoseCurve | None, str | None]":
        """Return the curve on which a model's results are read as a share of copied lips, and why there is none."""
        from pytest_lipleak.core.errors import LipleakError
        from pytest_lipleak.evaluation.results.dose_curves import curve_for

        try:
            return curve_for(corpus.provenance, self.settings.inputs.dose)
        except LipleakError as error:
            return None, str(error)

    def close(self, *, remove: bool | None = None) -> None:
        """Leave the run's folder.

        Args:
            remove: whether the artefacts in it go, too; None leaves that to the controller.
        """
        remove = self.process.is_controller if remove is None else remove
        # The controller may only have waited for others who worked in the folder.
        if self._folder is not None or remove:
            self._private_folder.leave(remove=remove)
