"""One pytest session's evaluations: built from the settings when first needed, collected for the reports."""

import json
import math
import os
import shutil
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from copy import copy
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_lipleak import xdist
from pytest_lipleak.settings import Settings

if TYPE_CHECKING:
    from pytest_lipleak.core.corpus import Corpus
    from pytest_lipleak.core.errors import LipleakError
    from pytest_lipleak.core.verdicts import Verdict
    from pytest_lipleak.evaluation.evaluation import Evaluation
    from pytest_lipleak.evaluation.progress import Progress
    from pytest_lipleak.evaluation.store import Store
    from pytest_lipleak.generators.registry import Model
    from pytest_lipleak.media.clipsets import ClipSet
    from pytest_lipleak.sync.expert import SyncExpert

GIGABYTE = 10**9
RUN_FOLDER = "pytest-lipleak-"
FORGOTTEN = 2 * 86400.0
"""Seconds after which a run folder where nothing is made any more belongs to a run that was killed."""


class LipleakSession:
    """What the plugin knows during one run; hangs on pytest's stash.

    Args:
        config: pytest's.
        settings: resolved.
    """

    def __init__(self, config: pytest.Config, settings: Settings) -> None:
        self.config = config
        self.settings = settings
        self.run = xdist.run_id(config) or uuid.uuid4().hex
        self.results: list[dict[str, Any]] = []
        self.failed_tests: dict[str, list[str]] = {}
        """Node ids of failed tests that measure leakage, with the limits that each of them judged."""
        self.skipped_tests = 0
        """How many tests that measure leakage were skipped: the model does not have what they ask about."""
        self.unsaved: str | None = None
        """Why the baseline that was asked for is not written."""
        self.compared: list[tuple[str, list[str], str | None]] = []
        """The comparison with the baseline, see ``comparisons``."""
        self.default_gates = False
        self._ledgers: dict[tuple[int, str | None], _Ledger] = {}
        self._compared_with: list[Corpus] | None = None
        self._clips: ClipSet | None = None
        self._model: Model | None = None
        self._model_error: LipleakError | None = None
        self._expert: SyncExpert | None = None
        self._device: str | None = None

    @property
    def folder(self) -> Path:
        """The run's own artefacts; shared by all workers of the run, removed at its end."""
        return Path(tempfile.gettempdir()) / f"{RUN_FOLDER}{self.run}"

    @property
    def clips(self) -> "ClipSet":
        """The real clips, listed; each is decoded when asked for."""
        if self._clips is None:
            from pytest_lipleak.media.clipsets import open_clips

            self._clips = open_clips(self.settings.clips)
            self._clips.origin = self._as_named(self.settings.clips)
        return self._clips

    def _as_named(self, path: str) -> str:
        """A path as people and reports should read it: from where pytest was started, where it lies below."""
        start = self.config.invocation_params.dir
        return os.path.relpath(path, start) if Path(path).is_relative_to(start) else path

    def check(self) -> None:
        """Refuse at once what cannot work, before anything is loaded or generated.

        Raises:
            pytest.UsageError: a setting names something that is not there, or cannot be read.
        """
        from pytest_lipleak.core.errors import ConfigurationError, LipleakError, MissingDataError
        from pytest_lipleak.core.verdicts import Limit
        from pytest_lipleak.generators.registry import check_name, parse_arguments

        settings = self.settings
        try:
            check_name(settings.model or "")
            parse_arguments(settings.model_args)
            for gate in settings.gates:
                Limit.parse(gate)
            self._check_baseline()
            if settings.shard is not None and settings.json is None:
                raise ConfigurationError(
                    "--lipleak-shard measures for `lipleak merge`: name the part's file with --lipleak-json"
                )
            if settings.pairs is not None and not settings.pairs.is_file():
                raise MissingDataError(f"pairs {settings.pairs}: no such file")
            if settings.arcface is not None and not settings.arcface.is_file():
                raise MissingDataError(f"ArcFace network {settings.arcface}: no such file")
            if settings.weights is not None and not settings.weights.exists():
                raise MissingDataError(f"weights {settings.weights}: no such file or folder")
            len(self.clips)
            self._check_expert()
            if xdist.worker_input(self.config) is None:
                _remove_forgotten_runs()
                if store := self._persistent_store():
                    store.check()
        except LipleakError as error:
            raise pytest.UsageError(str(error)) from None

    def _check_baseline(self) -> None:
        """Refuse at once what no comparison can come of."""
        from pytest_lipleak.core.errors import ConfigurationError
        from pytest_lipleak.core.regressions import Allowance

        settings = self.settings
        for text in settings.compare_fails:
            Allowance.parse(text)
        if settings.compare_fails and settings.compare is None:
            raise ConfigurationError("--lipleak-compare-fail: name the baseline with --lipleak-compare FILE")
        if settings.shard is not None and (settings.compare or settings.save_baseline):
            raise ConfigurationError(
                "a part of the clips is no baseline: `lipleak merge --json FILE` writes that of all parts, and "
                "`lipleak compare` compares it"
            )
        if settings.compare is not None:
            self._baselines()

    def _baselines(self) -> "list[Corpus]":
        from pytest_lipleak.report.baseline import read_results

        assert self.settings.compare is not None
        if self._compared_with is None:
            self._compared_with = read_results(self.settings.compare)
        return self._compared_with

    @property
    def baseline_name(self) -> str:
        """The baseline's file, as people should read it."""
        return self._as_named(str(self.settings.compare))

    def baseline(self, model: str) -> "Corpus":
        """Return the baseline of a model.

        Raises:
            InputError: the file holds several models, and none of that name.
        """
        from pytest_lipleak.evaluation.comparison import matching

        return matching(self._baselines(), model, str(self.settings.compare))

    def _check_expert(self) -> None:
        from pytest_lipleak.sync.experts import SYNCNET, syncnet_weights

        name, _ = self.chosen_expert()
        # Hashed once, by the controller; the workers hash again only when they load.
        if name == SYNCNET and xdist.worker_input(self.config) is None:
            syncnet_weights(self.settings.weights, allow_unverified=self.settings.allow_unverified_weights)

    @property
    def device(self) -> str:
        """Where networks run."""
        if self._device is None:
            from pytest_lipleak.evaluation.devices import resolve_device

            self._device = resolve_device(self.settings.device, xdist.position(self.config)[0])
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

    def _load_model(self) -> "Model":
        from pytest_lipleak.core.errors import ConfigurationError, GeneratorError, LipleakError
        from pytest_lipleak.generators.registry import load_model, parse_arguments

        name = self.settings.model
        if name is None:
            raise ConfigurationError(
                "no model to test: name one with --lipleak-model (or LIPLEAK_MODEL, or ini key lipleak_model), "
                "or override the fixture lipleak_model"
            )
        try:
            return load_model(name, parse_arguments(self.settings.model_args), self.device)
        except LipleakError:
            raise
        except (Exception, SystemExit) as error:  # the user's module or factory: anything may come out of it
            raise GeneratorError(
                f"model {name!r} could not be loaded: {type(error).__name__}: {error}"
            ) from error

    def preference(self, name: str, default: str) -> str:
        """Return a setting that the model named in the settings may prefer otherwise, as its evaluation does."""
        own = getattr(self.model.generator, name, None) if self.settings.model is not None else None
        return str(getattr(self.settings, name) or own or default)

    def chosen_expert(self) -> tuple[str, str]:
        """The sync expert's name, and why it judges."""
        from pytest_lipleak.media.clipsets import EMBEDDED
        from pytest_lipleak.sync.experts import choose_expert

        settings = self.settings
        return choose_expert(settings.expert, settings.weights, rendered_clips=settings.clips == EMBEDDED)

    @property
    def expert(self) -> "SyncExpert":
        """The sync expert, loaded."""
        if self._expert is None:
            from pytest_lipleak.sync.experts import load_expert

            name, _ = self.chosen_expert()
            _, workers = xdist.position(self.config)
            self._expert = load_expert(
                name,
                self.settings.weights,
                allow_unverified=self.settings.allow_unverified_weights,
                device=self.device if self.device.startswith("cuda") else "cpu",
                threads=1 if workers > 1 else 0,
            )
        return self._expert

    def protocol(self) -> str:
        """Name of the protocol in use."""
        from pytest_lipleak.sync.experts import default_protocol

        name = self.settings.protocol
        return str(default_protocol(self.chosen_expert()[0])) if name == "auto" else name

    def evaluation(self, candidate: Any, name: str | None = None) -> "Evaluation":
        """Return the evaluation of a model, one per model object and run.

        Args:
            candidate: a model, a generator or a function.
            name: what reports call it, where it does not know; two models of one name must be one model.
        """
        # One object may stand for several models: a fixture that reconfigures it for each parameter.
        key = (id(candidate), None if candidate is self._model else name)
        if key not in self._ledgers:
            from pytest_lipleak.generators.registry import as_model

            evaluation = self._new_evaluation(as_model(candidate, key[1]))
            self._ledgers[key] = _Ledger(candidate, evaluation)
        return self._ledgers[key].evaluation

    def _new_evaluation(self, model: "Model") -> "Evaluation":
        from pytest_lipleak.evaluation.evaluation import Evaluation, Plan
        from pytest_lipleak.evaluation.store import Store
        from pytest_lipleak.media.clipsets import read_pairs
        from pytest_lipleak.sync.protocols import Protocol

        settings = self.settings
        number, workers = xdist.position(self.config)
        plan = Plan(
            Protocol(self.protocol()),
            seed=settings.seed,
            silence=settings.silence,
            alternative_reference=settings.alternative_reference,
            pairing=settings.pairing,
            face=settings.face,
            retrack=settings.retrack,
            shard=_parsed_shard(settings.shard),
            partners=read_pairs(settings.pairs, self.clips) if settings.pairs else None,
        )
        kept = self._persistent_store() if model.fingerprint is not None else None
        return Evaluation(
            self.clips,
            model,
            self.expert,
            plan,
            kept or Store(self.folder),
            run=self.run,
            device=self.device,
            weights=settings.weights,
            arcface=settings.arcface,
            keep=settings.keep,
            allow_unscored=settings.allow_unscored,
            progress=self._progress(),
            lead=number / workers,
            timeout=settings.timeout or None,
            last_words=self._last_words,
            expert_reason=self.chosen_expert()[1],
        )

    def _persistent_store(self) -> "Store | None":
        from pytest_lipleak.evaluation.store import Store

        settings = self.settings
        limit = None if settings.store_limit is None else settings.store_limit * GIGABYTE
        return None if settings.store is None else Store(settings.store, limit)

    def _last_words(self, text: str) -> None:
        """Say, past pytest's capturing, why this process ends."""
        capture: Any = self.config.pluginmanager.getplugin("capturemanager")
        with capture.global_and_fixture_disabled() if capture else nullcontext():
            print(f"\nlipleak: {text}", file=sys.__stderr__, flush=True)

    def _progress(self) -> "Progress":
        from pytest_lipleak.report.progress import ProgressLine, silent

        has_terminal = self.config.pluginmanager.hasplugin("terminalreporter")
        if xdist.worker_input(self.config) is not None or not has_terminal or self.config.get_verbosity() < 0:
            return silent
        return ProgressLine(self.config)

    def new_verdicts(self) -> list["Verdict"]:
        """Return the verdicts since the last call, for the report of the test that caused them."""
        return [verdict for ledger in self._ledgers.values() for verdict in ledger.new_verdicts()]

    def fresh_results(self) -> list[dict[str, Any]]:
        """Return what this process measured since the last call, as plain data."""
        return [result for ledger in self._ledgers.values() if (result := ledger.fresh_results())]

    def merged(self) -> "list[Result]":
        """Return what all processes measured, one entry per model."""
        return merged(self.results)

    def unjudged(self, found: "Sequence[Result]") -> list[str]:
        """Return the tests that failed though none of the limits they judged is broken."""
        broken = {v["limit"] for _, verdicts in found for v in verdicts.values() if not v["passed"]}
        return [test for test, limits in self.failed_tests.items() if not broken.intersection(limits)]

    def only_skipped(self) -> bool:
        """Whether a model is named and no limit was judged because every test of it was skipped."""
        judged = any(result["verdicts"] for result in self.results)
        # A shard leaves all judging to `lipleak merge`.
        whole = self.settings.model is not None and self.settings.shard is None
        return whole and self.skipped_tests > 0 and not judged

    def forget_old_report(self) -> None:
        """Remove the JSON report of an earlier run, so that a run that ends early leaves none that lies."""
        measures = self.settings.model is not None and not self.config.option.collectonly
        if self.settings.json is not None and measures and xdist.run_id(self.config) is None:
            self.settings.json.unlink(missing_ok=True)

    def write_json(self) -> None:
        """Write the JSON report where one is asked for, even when nothing was measured: an old one would lie."""
        path = self.settings.json
        if path is None or (self.settings.model is None and not self.results):
            return
        from pytest_lipleak.report.json import document

        found = self.merged()
        text = json.dumps(document(found, self.unjudged(found)), indent=1, allow_nan=False)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n", encoding="utf-8")

    def save_baseline(self) -> str | None:
        """Write the baseline where one is asked for; return why that was not possible, or None.

        A file from an earlier run stays when there is nothing whole to put in its place.
        """
        path = self.settings.save_baseline
        if path is None or self.config.option.collectonly:
            return None
        found = self.merged()
        if not any(corpus.takes for corpus, _ in found):
            return f"baseline {path} is not written: nothing was measured"
        lost = [v["limit"] for _, verdicts in found for v in verdicts.values() if math.isnan(v["value"])]
        if lost:
            return f"baseline {path} is not written: {lost[0]} could not be measured"
        if unjudged := self.unjudged(found):
            return f"baseline {path} is not written: {unjudged[0]} failed for another reason than a limit"
        from pytest_lipleak.report.baseline import baseline_text

        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        temporary.write_text(baseline_text(found), encoding="utf-8")
        temporary.replace(path)
        return None

    def comparisons(self) -> "Iterator[tuple[str, list[str], str | None]]":
        """Yield, per model, its name, the lines of its comparison with the baseline, and why there is none."""
        if self.settings.compare is None:
            return
        from pytest_lipleak.core.errors import LipleakError
        from pytest_lipleak.evaluation.comparison import differences
        from pytest_lipleak.report.baseline import comparison_lines

        for corpus, _ in self.merged():
            model = corpus.provenance.model
            try:
                before = self.baseline(model)
                found = differences(before, corpus)
            except LipleakError as error:
                yield model, [], str(error)
                continue
            why = None if found else "the baseline has no metric that this run measured"
            yield model, comparison_lines(found, before, corpus) if found else [], why

    def close(self) -> None:
        """Remove the run's artefacts; workers leave that to the controller."""
        if xdist.run_id(self.config) is None and self.folder.exists():
            shutil.rmtree(self.folder, ignore_errors=True)


@dataclass
class _Ledger:
    """What is already reported of one model's evaluation."""

    candidate: Any
    """Kept, so that its ``id`` stays its own."""
    evaluation: "Evaluation"
    reported: int = 0
    handed_on: dict[str, dict[Any, Any]] = field(default_factory=dict)
    verdicts_handed_on: int = 0

    def new_verdicts(self) -> list["Verdict"]:
        verdicts = self.evaluation.verdicts[self.reported :]
        self.reported += len(verdicts)
        return verdicts

    def fresh_results(self) -> dict[str, Any] | None:
        fresh: Any = self._fresh_scores()
        verdicts = self.evaluation.verdicts[self.verdicts_handed_on :]
        if not any(fresh.values()) and not verdicts:
            return None
        self.verdicts_handed_on += len(verdicts)
        part = replace(self.evaluation.corpus, **fresh)
        from pytest_lipleak.report.json import verdict_data

        return {"corpus": part.to_dict(), "verdicts": [verdict_data(verdict) for verdict in verdicts]}

    def _fresh_scores(self) -> dict[str, dict[Any, Any]]:
        """Return, for every table of the corpus, the entries that are new or were added to."""
        corpus = self.evaluation.corpus
        tables = {entry.name: getattr(corpus, entry.name) for entry in fields(corpus)}
        fresh: dict[str, dict[Any, Any]] = {}
        for name, table in tables.items():
            if isinstance(table, dict) and name != "not_applicable":
                known = self.handed_on.setdefault(name, {})
                fresh[name] = {key: entry for key, entry in table.items() if known.get(key) != entry}
                known.update({key: copy(entry) for key, entry in fresh[name].items()})
        return fresh


def _remove_forgotten_runs() -> None:
    for folder in Path(tempfile.gettempdir()).glob(f"{RUN_FOLDER}*"):
        with suppress(OSError):
            if time.time() - folder.stat().st_mtime > FORGOTTEN:
                shutil.rmtree(folder, ignore_errors=True)


def _parsed_shard(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    part, _, parts = text.partition("/")
    return int(part), int(parts)


KEY = pytest.StashKey[LipleakSession]()


Result = tuple["Corpus", dict[str, dict[str, Any]]]
"""A model's scores, and its verdicts by limit."""


def merged(results: Sequence[Mapping[str, Any]]) -> list[Result]:
    """Merge what was measured piece by piece: per model its corpus and, by limit, the last verdict.

    The order of models and verdicts does not depend on who measured what first.
    """
    from pytest_lipleak.core.corpus import Corpus

    models: dict[str, tuple[Corpus, dict[str, dict[str, Any]]]] = {}
    for result in results:
        part = Corpus.from_dict(result["corpus"])
        about = part.provenance
        name = f"{about.model} {about.clips} {about.expert} {about.protocol} {about.seed}"
        corpus, verdicts = models.setdefault(name, (part, {}))
        corpus.absorb(part)
        # Empty until a process needed XM.
        corpus.provenance.pairing.update(about.pairing)  # type: ignore[attr-defined]
        verdicts.update({verdict["limit"]: verdict for verdict in result["verdicts"]})
    return [(corpus, dict(sorted(verdicts.items()))) for _, (corpus, verdicts) in sorted(models.items())]
