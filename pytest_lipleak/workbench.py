"""What a run works with, built from the settings when first needed: clips, model, expert, evaluation.

Knows nothing of pytest: the plugin's session and ``lipleak evaluate`` both stand on it.
"""

import importlib
import json
import math
import os
import sys
import traceback
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_lipleak.core.corpus import Corpus
    from pytest_lipleak.core.dose import DoseCurve
    from pytest_lipleak.core.endings import RunEnd
    from pytest_lipleak.core.errors import LipleakError
    from pytest_lipleak.core.verdicts import Limit
    from pytest_lipleak.evaluation.evaluation import Evaluation
    from pytest_lipleak.evaluation.make.gallery import Gallery
    from pytest_lipleak.evaluation.make.progress import Progress
    from pytest_lipleak.evaluation.make.store import Store
    from pytest_lipleak.generators.registry import Model
    from pytest_lipleak.media.clipsets import ClipSet
    from pytest_lipleak.private_folders import PrivateFolder
    from pytest_lipleak.settings.options import Settings
    from pytest_lipleak.sync.expert import SyncExpert

GIGABYTE = 10**9
OURS = Path(__file__).parent


class Workbench:
    """What one run works with.

    Args:
        settings: resolved.
        start: the folder in which the run was started; reports name paths from there.
        run: the run's id; processes of one run share it.
        position: this process's number and the count of processes.
        first: whether this process is the one that checks and clears away for all.
    """

    def __init__(
        self,
        settings: "Settings",
        start: Path,
        *,
        run: str | None = None,
        position: tuple[int, int] = (0, 1),
        first: bool = True,
    ) -> None:
        self.settings = settings
        self.start = start
        self.run = run or uuid.uuid4().hex
        self.position = position
        self.first = first
        self.alone = first
        """Whether no other process of the run uses the model."""
        self.default_gates = False
        """Whether the expert's default limits count where none is given."""
        self._compared_with: list[Corpus] | None = None
        self._clips: ClipSet | None = None
        self._model: Model | None = None
        self._model_error: LipleakError | None = None
        self._build_model: Callable[[], Model] | None = None
        self._expert: SyncExpert | None = None
        self._device: str | None = None
        self._folder: PrivateFolder | None = None

    @property
    def folder(self) -> Path:
        """The run's own artefacts; shared by all workers of the run, removed at its end."""
        return self._private_folder.path

    @property
    def _private_folder(self) -> "PrivateFolder":
        from pytest_lipleak.private_folders import PrivateFolder

        self._folder = self._folder or PrivateFolder(self.run)
        return self._folder

    @property
    def measures(self) -> bool:
        """Whether this run will measure; one that only lists changes and removes nothing."""
        return True

    @property
    def clips(self) -> "ClipSet":
        """The real clips, listed; each is decoded when asked for."""
        if self._clips is None:
            from pytest_lipleak.media.clipsets import open_clips

            self._clips = open_clips(self.settings.inputs.clips)
            self._clips.origin = self._as_named(self.settings.inputs.clips)
        return self._clips

    def _as_named(self, path: str) -> str:
        """A path as people and reports should read it: from where the run was started, where it lies below."""
        return os.path.relpath(path, self.start) if Path(path).is_relative_to(self.start) else path

    def check(self) -> None:
        """Refuse at once what cannot work, before anything is loaded or generated.

        Raises:
            LipleakError: a setting names something that is not there, or cannot be read.
        """
        from pytest_lipleak.core.errors import ConfigurationError, MissingDataError
        from pytest_lipleak.core.verdicts import Limit
        from pytest_lipleak.generators.registry import check_name, parse_arguments

        if self.measures:
            from pytest_lipleak.libraries import check_libraries

            check_libraries()
        settings = self.settings
        check_name(settings.inputs.model or "", parse_arguments(settings.inputs.model_args))
        if settings.outputs.html is not None:
            from pytest_lipleak.report.html import require_jinja2

            require_jinja2()
        limits = [Limit.parse(gate) for gate in settings.rules.gates]
        for limit in limits:
            if limit.metric.over_sets and settings.machine.shard is not None:
                raise ConfigurationError(
                    f"{limit} compares whole sets of frames and cannot be put together from parts; leave it out, or "
                    "run without --lipleak-shard"
                )
        self._check_baseline()
        if settings.inputs.dose is not None:
            from pytest_lipleak.evaluation.results.dose import read_curve

            read_curve(settings.inputs.dose)
        whole = settings.machine.shard or settings.inputs.compare or settings.outputs.save_baseline
        if settings.rules.sequential and whole:
            raise ConfigurationError(
                "--lipleak-sequential measures only as many clips as verdicts need; parts (--lipleak-shard) and "
                "baselines need all of them, so leave one of them out"
            )
        if settings.machine.shard is not None and settings.outputs.json is None:
            raise ConfigurationError(
                "--lipleak-shard measures for `lipleak merge`: name the part's file with --lipleak-json"
            )
        if settings.inputs.pairs is not None and not settings.inputs.pairs.is_file():
            raise MissingDataError(f"pairs {settings.inputs.pairs}: no such file")
        if settings.scoring.arcface is not None and not settings.scoring.arcface.is_file():
            raise MissingDataError(f"ArcFace network {settings.scoring.arcface}: no such file")
        if settings.scoring.weights is not None and not settings.scoring.weights.exists():
            raise MissingDataError(f"weights {settings.scoring.weights}: no such file or folder")
        len(self.clips)
        if settings.machine.shard is not None:
            self._refuse_unnamed_expert("parts for `lipleak merge`")
        for limit in limits:
            if limit.metric.on_a_scale:
                self._refuse_unnamed_expert(str(limit))
        self._check_expert()
        if self.first and self.measures:
            from pytest_lipleak.private_folders import remove_forgotten

            remove_forgotten()
            if store := self._persistent_store():
                store.check()

    def _check_baseline(self) -> None:
        """Refuse at once what no comparison can come of."""
        from pytest_lipleak.core.errors import ConfigurationError
        from pytest_lipleak.core.regressions import Allowance

        settings = self.settings
        for text in settings.rules.compare_fails:
            Allowance.parse(text)
        if settings.rules.compare_fails and settings.inputs.compare is None:
            raise ConfigurationError("--lipleak-compare-fail: name the baseline with --lipleak-compare FILE")
        if settings.machine.shard is not None and (settings.inputs.compare or settings.outputs.save_baseline):
            raise ConfigurationError(
                "a part of the clips is no baseline: `lipleak merge --json FILE` writes that of all parts, and "
                "`lipleak compare` compares it"
            )
        if settings.inputs.compare is not None:
            self._baselines()

    def _baselines(self) -> "list[Corpus]":
        from pytest_lipleak.report.reading import read_report

        assert self.settings.inputs.compare is not None
        if self._compared_with is None:
            self._compared_with = read_report(self.settings.inputs.compare).corpora
        return self._compared_with

    @property
    def baseline_name(self) -> str:
        """The baseline's file, as people should read it."""
        return self._as_named(str(self.settings.inputs.compare))

    def baseline(self, model: str) -> "Corpus":
        """Return the baseline of a model.

        Raises:
            InputError: the file holds several models, and none of that name.
        """
        from pytest_lipleak.evaluation.comparison import matching

        return matching(self._baselines(), model, str(self.settings.inputs.compare))

    def _refuse_unnamed_expert(self, what: str) -> None:
        """Raise ``ConfigurationError`` where ``what`` is on one expert's scale and nobody named the expert."""
        from pytest_lipleak.sync.experts import refuse_unnamed

        refuse_unnamed(what, *self.chosen_expert())

    def _check_expert(self) -> None:
        from pytest_lipleak.sync.experts import SYNCNET, syncnet_weights

        name, _ = self.chosen_expert()
        # Hashed once, by the controller; the workers hash again only when they load.
        if name == SYNCNET and self.first:
            scoring = self.settings.scoring
            syncnet_weights(scoring.weights, allow_unverified=scoring.allow_unverified_weights)

    @property
    def device(self) -> str:
        """Where networks run."""
        if self._device is None:
            from pytest_lipleak.evaluation.make.devices import resolve_device

            self._device = resolve_device(self.settings.machine.device, self.position[0])
        return self._device

    @property
    def model(self) -> "Model":
        """The model named in the settings.

        Raises:
            ConfigurationError: none is named.
        """
        if self._model_error is not None:
            raise self._model_error
        if self._model is None:
            from pytest_lipleak.core.errors import LipleakError

            try:
                self._model = self._load_model()
            except LipleakError as error:
                self._model_error = error
                raise
        return self._model

    def find_model(self) -> None:
        """Import what builds the model, without building it.

        Raises:
            ConfigurationError: none is named, or its module or factory cannot be used.
            GeneratorError: its module cannot be imported.
        """
        from pytest_lipleak.core.errors import ConfigurationError
        from pytest_lipleak.generators.registry import model_builder, parse_arguments

        if self._build_model is not None:
            return  # a file of the user is executed once, however often the model is loaded
        name = self.settings.inputs.model
        if name is None:
            raise ConfigurationError(
                "no model to test: name one with --lipleak-model (or LIPLEAK_MODEL, or ini key lipleak_model), "
                "or override the fixture lipleak_model"
            )
        # Before the model imports what it computes with.
        self._share_threads()
        with self._loading(name):
            self._build_model = model_builder(
                name, parse_arguments(self.settings.inputs.model_args), self.device
            )

    @contextmanager
    def _loading(self, name: str) -> Iterator[None]:
        """Word what comes out of the user's module or factory, which may be anything."""
        from pytest_lipleak.core.errors import GeneratorError, LipleakError
        from pytest_lipleak.exit_guard import guarded

        try:
            with guarded():
                yield
        except (LipleakError, KeyboardInterrupt):
            raise
        except BaseException as error:  # SystemExit; a skip or xfail of pytest, which would be green
            raise GeneratorError(
                f"model {name!r} could not be loaded: {type(error).__name__}: {error}{self._place_of(error)}"
            ) from error

    def _place_of(self, error: BaseException) -> str:
        """Where the user's code raised it, for those who are shown no traceback."""
        if isinstance(error, SyntaxError) and Path(error.filename or "").is_file():
            return ""  # it names its place itself
        importing = Path(importlib.__file__).parent
        places = [
            frame
            for frame in traceback.extract_tb(error.__traceback__)
            if not frame.filename.startswith("<")
            and not any(Path(frame.filename).is_relative_to(folder) for folder in (OURS, importing))
        ]
        return f" ({self._as_named(places[-1].filename)}, line {places[-1].lineno})" if places else ""

    def _load_model(self) -> "Model":
        from pytest_lipleak.generators.registry import Model, parse_arguments

        self.find_model()
        name, build = str(self.settings.inputs.model), self._build_model

        def load() -> "Model":
            assert build is not None
            with self._loading(name):
                return build()

        if self.alone or not self.settings.machine.workers_per_gpu:
            return load()
        from pytest_lipleak.evaluation.make.devices import device_label
        from pytest_lipleak.generators.shared import SharedGenerator, Slots

        label = device_label(self.device)
        slots = Slots(self._private_folder.enter(), label, self.settings.machine.workers_per_gpu)
        declared = self.folder / f"model-{label}.json"
        arguments = parse_arguments(self.settings.inputs.model_args)
        return Model(name, SharedGenerator(lambda: load().generator, slots, declared), arguments)

    def let_go_of_model(self) -> None:
        """Unload the model where other processes may be waiting for it (--lipleak-workers-per-gpu)."""
        if self._model is not None and self.settings.machine.workers_per_gpu:
            from pytest_lipleak.generators.shared import SharedGenerator

            if isinstance(self._model.generator, SharedGenerator):
                self._model.generator.unload()

    def _share_threads(self) -> int | None:
        from pytest_lipleak.evaluation.make.devices import share_threads

        return share_threads(self.position[1])

    def chosen_expert(self) -> tuple[str, str]:
        """The sync expert's name, and why it judges."""
        from pytest_lipleak.media.clipsets import EMBEDDED
        from pytest_lipleak.sync.experts import choose_expert

        scoring, clips = self.settings.scoring, self.settings.inputs.clips
        return choose_expert(scoring.expert, scoring.weights, rendered_clips=clips == EMBEDDED)

    @property
    def expert(self) -> "SyncExpert":
        """The sync expert, loaded."""
        if self._expert is None:
            from pytest_lipleak.sync.experts import load_expert

            name, _ = self.chosen_expert()
            self._expert = load_expert(
                name,
                self.settings.scoring.weights,
                allow_unverified=self.settings.scoring.allow_unverified_weights,
                device=self.device if self.device.startswith("cuda") else "cpu",
                threads=self._share_threads() or 0,
            )
        return self._expert

    def protocol(self) -> str:
        """Name of the protocol in use."""
        from pytest_lipleak.sync.experts import default_protocol

        name = self.settings.scoring.protocol
        return str(default_protocol(self.chosen_expert()[0])) if name == "auto" else name

    def limits(self) -> "list[Limit]":
        """Return what is to be judged: the gates that were given, else the expert's defaults where those count.

        Raises:
            ConfigurationError: a gate that does not parse.
        """
        from pytest_lipleak.core.defaults import DEFAULT_GATES
        from pytest_lipleak.core.verdicts import Limit

        texts = self.settings.rules.gates
        if not texts and self.default_gates:
            texts = DEFAULT_GATES.get((self.chosen_expert()[0], self.protocol()), ())
        return list({str(limit): limit for limit in map(Limit.parse, texts)}.values())

    def check_pairs(self, limits: "Iterable[Limit]") -> None:
        """Refuse, before anything is measured, limits under XM where pairs must stay within one speaker and none can.

        A model of the user's own may declare that rule, too; that is known when it is loaded.

        Raises:
            InputError: a clip's speaker is unknown, or has no other clip.
        """
        from pytest_lipleak.core.conditions import Setup
        from pytest_lipleak.evaluation.plan.pairing import refuse_unknown_speakers
        from pytest_lipleak.generators.catalogue import DEMO

        if self.settings.inputs.pairs is None and any(
            condition.setup is Setup.XM for limit in limits for condition in limit.metric.conditions
        ):
            is_demo = (self.settings.inputs.model or "").partition(":")[0] == DEMO.name
            refuse_unknown_speakers(
                self.clips, self.settings.plan.pairing or (DEMO.pairing if is_demo else "any")
            )

    def new_evaluation(self, model: "Model") -> "Evaluation":
        """Return an evaluation of a model under these settings."""
        from pytest_lipleak.core.verdicts import Rules
        from pytest_lipleak.evaluation.evaluation import Evaluation, Plan
        from pytest_lipleak.evaluation.make.store import Store
        from pytest_lipleak.evaluation.make.worker import Files, Worker
        from pytest_lipleak.media.pair_lists import read_pairs
        from pytest_lipleak.sync.protocols import Protocol

        self._private_folder.enter()
        settings = self.settings
        number, workers = self.position
        plan = Plan(
            Protocol(self.protocol()),
            seed=settings.plan.seed,
            silence=settings.plan.silence,
            alternative_reference=settings.plan.alternative_reference,
            pairing=settings.plan.pairing,
            face=settings.scoring.face,
            retrack=settings.scoring.retrack,
            shard=settings.machine.shard,
            partners=read_pairs(settings.inputs.pairs, self.clips) if settings.inputs.pairs else None,
            expert_reason=self.chosen_expert()[1],
        )
        kept = self._persistent_store() if model.fingerprint is not None else None
        return Evaluation(
            self.clips,
            model,
            self.expert,
            plan,
            kept or Store(self.folder),
            rules=Rules(
                settings.rules.allow_unscored,
                settings.rules.confidence,
                settings.rules.inconclusive,
                settings.rules.sequential,
            ),
            worker=Worker(
                run=self.run,
                device=self.device,
                start_share=number / workers,
                timeout=settings.machine.timeout or None,
                on_give_up=self.on_give_up,
                progress=self.progress(),
            ),
            files=Files(
                weights=settings.scoring.weights,
                arcface=settings.scoring.arcface,
                dose=settings.inputs.dose,
                keep=settings.outputs.keep,
                gallery=self._gallery(),
            ),
        )

    def _gallery(self) -> "Gallery | None":
        if self.settings.outputs.html is None:
            return None
        from pytest_lipleak.evaluation.make.gallery import Gallery
        from pytest_lipleak.report.page_files import files_of

        return Gallery(files_of(self.settings.outputs.html))

    def _persistent_store(self) -> "Store | None":
        from pytest_lipleak.evaluation.make.store import Store

        settings = self.settings
        limit = None if settings.machine.store_limit is None else settings.machine.store_limit * GIGABYTE
        if settings.machine.store is None:
            return None
        store = Store(settings.machine.store, limit, shared=settings.machine.store_shared)
        store.refuse_others()
        return store

    def dose_curve(self, corpus: "Corpus") -> "tuple[DoseCurve | None, str | None]":
        """Return the curve on which a model's results are read as a share of copied lips, and why there is none."""
        from pytest_lipleak.core.errors import LipleakError
        from pytest_lipleak.evaluation.results.dose import curve_for

        try:
            return curve_for(corpus.provenance, self.settings.inputs.dose)
        except LipleakError as error:
            return None, str(error)

    def check_outputs(self) -> None:
        """Refuse at once what could not be written at the end; nothing is left, changed or removed.

        Raises:
            ConfigurationError: a path that cannot be written, naming the option.
        """
        settings = self.settings
        for name, path in settings.outputs._asdict().items():
            source = settings.sources.get(name, f"--lipleak-{name.replace('_', '-')}")
            # A project's ini file must not stop runs that measure nothing.
            if path is None or (settings.inputs.model is None and not source.startswith("--")):
                continue
            if name == "html":
                from pytest_lipleak.report.page_files import check_page

                check_page(path, source)
            else:
                from pytest_lipleak.outputs import check_writable

                check_writable(path, source, "folder" if name == "keep" else "file")

    def forget_reports(self) -> None:
        """Remove the reports of an earlier run, so that a run that ends early leaves none that lies.

        Raises:
            ConfigurationError: one of them is the baseline of this run, or cannot be removed.
        """
        from pytest_lipleak.core.errors import ConfigurationError

        if (
            self.settings.outputs.json is not None
            and self.settings.outputs.json == self.settings.inputs.compare
        ):
            raise ConfigurationError(
                f"--lipleak-json and --lipleak-compare both name {self.settings.outputs.json}; the report would take "
                "the baseline's place, so name another file for one of them"
            )
        try:
            if self.settings.outputs.json is not None:
                from pytest_lipleak.outputs import forget_file

                forget_file(self.settings.outputs.json)
            if self.settings.outputs.html is not None:
                from pytest_lipleak.report.page_files import forget_page

                forget_page(self.settings.outputs.html)
        except OSError as error:
            raise ConfigurationError(
                f"the report of an earlier run, {error.filename}, cannot be removed ({error.strerror}); remove it, or "
                "name another with --lipleak-json or --lipleak-html"
            ) from error

    def begin_report(self, not_run: Sequence[str]) -> None:
        """Write the JSON report of a run that has judged nothing yet: who is killed from here on leaves this one.

        Args:
            not_run: what is to be judged.
        """
        path = self.settings.outputs.json
        if path is None or (path.exists() and not path.is_file()):
            return  # a pipe takes one report, the last
        from pytest_lipleak.core.endings import BEGUN
        from pytest_lipleak.outputs import write_text
        from pytest_lipleak.report.json import document

        report = document([], run=replace(BEGUN, not_run=tuple(not_run)))
        # What cannot be written is said when the run ends, and costs no score.
        with suppress(OSError):
            write_text(path, f"{json.dumps(report, indent=1, allow_nan=False)}\n")

    def write(self, report: dict[str, Any]) -> list[str]:
        """Write the reports that are asked for; return what is not written and why.

        Args:
            report: as ``report.json.document`` makes it.
        """
        if self.settings.outputs.json is None and self.settings.outputs.html is None:
            return []
        from pytest_lipleak.core.errors import OutputError
        from pytest_lipleak.outputs import to_be_written, write_text

        unsaved = []
        if self.settings.outputs.json is not None:
            text = json.dumps(report, indent=1, allow_nan=False)
            try:
                with to_be_written("JSON report", self.settings.outputs.json):
                    write_text(self.settings.outputs.json, f"{text}\n")
            except OutputError as error:
                unsaved.append(str(error))
        if self.settings.outputs.html is not None:
            from pytest_lipleak.report.html import write_html

            try:
                with to_be_written("HTML report", self.settings.outputs.html):
                    outputs = self.settings.outputs
                    videos = [] if outputs.keep is None else [outputs.keep]
                    write_html(
                        report, self.settings.outputs.html, dose=self.settings.inputs.dose, videos=videos
                    )
            except OutputError as error:
                unsaved.append(str(error))
        return unsaved

    def save_as_baseline(
        self, found: "Sequence[tuple[Corpus, Mapping[str, Mapping[str, Any]]]]", run: "RunEnd"
    ) -> str | None:
        """Write the baseline where one is asked for; return why that was not possible, or None.

        A file from an earlier run stays when there is nothing whole to put in its place.

        Args:
            found: scores of each model, and its verdicts by limit.
            run: how the run ended.
        """
        path = self.settings.outputs.save_baseline
        if path is None:
            return None
        if not any(corpus.takes for corpus, _ in found):
            return f"baseline {path} is not written: nothing was measured"
        lost = [v["limit"] for _, verdicts in found for v in verdicts.values() if math.isnan(v["value"])]
        if lost:
            return f"baseline {path} is not written: {lost[0]} could not be measured"
        if not run.is_whole:
            return f"baseline {path} is not written: {run.interruption}"
        if run.failed:
            return f"baseline {path} is not written: {run.failed[0]} failed for another reason than a limit"
        from pytest_lipleak.core.errors import OutputError
        from pytest_lipleak.outputs import to_be_written, write_text
        from pytest_lipleak.report.baseline import baseline_text

        try:
            with to_be_written("baseline", path):
                write_text(path, baseline_text(found))
        except OutputError as error:
            return str(error)
        return None

    def compare_with_baseline(
        self, corpora: "Iterable[Corpus]"
    ) -> "Iterator[tuple[str, list[str], str | None]]":
        """Yield, per model, its name, the lines of its comparison with the baseline, and why there is none."""
        if self.settings.inputs.compare is None:
            return
        from pytest_lipleak.core.errors import LipleakError
        from pytest_lipleak.evaluation.comparison import differences
        from pytest_lipleak.report.baseline import comparison_lines

        for corpus in corpora:
            model = corpus.provenance.model
            try:
                before = self.baseline(model)
                found = differences(before, corpus)
            except LipleakError as error:
                yield model, [], str(error)
                continue
            why = None if found else "the baseline has no metric that this run measured"
            yield model, comparison_lines(found, before, corpus) if found else [], why

    def progress(self) -> "Progress":
        """Where progress is shown; nowhere, unless a subclass knows better."""
        from pytest_lipleak.report.progress import silent

        return silent

    def on_give_up(self, text: str) -> None:
        """Say why this process ends."""
        print(f"\nlipleak: {text}", file=sys.__stderr__, flush=True)

    def close(self) -> None:
        """Remove the run's artefacts; that is left to the first process."""
        # The first may only have waited for others who worked in the folder.
        if self._folder is not None or self.first:
            self._private_folder.leave(remove=self.first)
