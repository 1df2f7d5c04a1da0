"""One pytest session's evaluations: built from the settings when first needed, collected for the reports."""

import shutil
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_lipleak import xdist
from pytest_lipleak.settings import Settings

if TYPE_CHECKING:
    from pytest_lipleak.core.verdicts import Verdict
    from pytest_lipleak.evaluation.evaluation import Evaluation
    from pytest_lipleak.generators.registry import Model
    from pytest_lipleak.media.clipsets import ClipSet
    from pytest_lipleak.sync.expert import SyncExpert

LINE_EVERY = 15.0
"""Seconds between progress lines where the terminal cannot rewrite a line."""


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
        self.default_gates = False
        self._evaluations: dict[int, Evaluation] = {}
        self._reported = 0
        self._clips: ClipSet | None = None
        self._model: Model | None = None
        self._expert: SyncExpert | None = None
        self._device: str | None = None

    @property
    def folder(self) -> Path:
        """The run's own artefacts; shared by all workers of the run, removed at its end."""
        return Path(tempfile.gettempdir()) / f"pytest-lipleak-{self.run}"

    @property
    def clips(self) -> "ClipSet":
        """The real clips, listed; each is decoded when asked for."""
        if self._clips is None:
            from pytest_lipleak.media.clipsets import open_clips

            self._clips = open_clips(self.settings.clips)
        return self._clips

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
        if self._model is None:
            from pytest_lipleak.core.errors import ConfigurationError
            from pytest_lipleak.generators.registry import load_model, parse_arguments

            if self.settings.model is None:
                raise ConfigurationError(
                    "no model to test: name one with --lipleak-model (or LIPLEAK_MODEL, or ini key lipleak_model), "
                    "or override the fixture lipleak_model"
                )
            arguments = parse_arguments(self.settings.model_args)
            self._model = load_model(self.settings.model, arguments, self.device)
        return self._model

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

    def evaluation(self, model: "Model") -> "Evaluation":
        """Return the evaluation of ``model``, one per model object and run."""
        if id(model.generator) not in self._evaluations:
            self._evaluations[id(model.generator)] = self._new_evaluation(model)
        return self._evaluations[id(model.generator)]

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
            partners=read_pairs(settings.pairs, self.clips) if settings.pairs else None,
        )
        reusable = settings.cache is not None and model.fingerprint is not None
        return Evaluation(
            self.clips,
            model,
            self.expert,
            plan,
            Store(settings.cache if reusable and settings.cache else self.folder),
            run=self.run,
            device=self.device,
            weights=settings.weights,
            keep=settings.keep,
            allow_unscored=settings.allow_unscored,
            progress=progress_writer(self.config),
            lead=number / workers,
        )

    def new_verdicts(self) -> list["Verdict"]:
        """Return the verdicts since the last call, for the report of the test that caused them."""
        verdicts = [verdict for evaluation in self._evaluations.values() for verdict in evaluation.verdicts]
        fresh, self._reported = verdicts[self._reported :], len(verdicts)
        return fresh

    def collect(self) -> list[dict[str, Any]]:
        """Return everything measured in this process as plain data."""
        return [
            {
                "corpus": evaluation.corpus.to_dict(),
                "verdicts": [
                    {
                        "limit": str(verdict.limit),
                        "metric": verdict.limit.metric.name,
                        "bound": f"{verdict.limit.operator} {verdict.limit.value:g}",
                        "value": verdict.measurement.value,
                        "passed": verdict.passed,
                        "headline": verdict.headline,
                    }
                    for verdict in evaluation.verdicts
                ],
            }
            for evaluation in self._evaluations.values()
        ]

    def close(self) -> None:
        """Remove the run's artefacts; workers leave that to the controller."""
        if xdist.run_id(self.config) is None and self.folder.exists():
            shutil.rmtree(self.folder, ignore_errors=True)


KEY = pytest.StashKey[LipleakSession]()


def merged(results: Sequence[dict[str, Any]]) -> list[tuple[Any, dict[str, dict[str, Any]]]]:
    """Merge what several processes measured: per model its corpus and, by limit, the last verdict."""
    from pytest_lipleak.core.corpus import Corpus

    models: dict[str, tuple[Corpus, dict[str, dict[str, Any]]]] = {}
    for result in results:
        corpus = Corpus.from_dict(result["corpus"])
        about = corpus.provenance
        name = f"{about.model} {about.clips} {about.expert} {about.protocol} {about.seed}"
        if name in models:
            models[name][0].absorb(corpus)
        else:
            models[name] = (corpus, {})
        models[name][1].update({verdict["limit"]: verdict for verdict in result["verdicts"]})
    return list(models.values())


def progress_writer(config: pytest.Config) -> Callable[[int, int, str], None]:
    """Return a function that shows how far generation and scoring are, around pytest's capturing."""
    reporter: Any = config.pluginmanager.getplugin("terminalreporter")
    if xdist.worker_input(config) is not None or reporter is None or config.get_verbosity() < 0:
        return lambda done, wanted, what: None
    capture: Any = config.pluginmanager.getplugin("capturemanager")
    begun = last = time.monotonic()

    def show(done: int, wanted: int, what: str) -> None:
        nonlocal begun, last
        now = time.monotonic()
        begun = now if done == 0 else begun
        rewritable = sys.__stdout__ is not None and sys.__stdout__.isatty()
        if not rewritable and (now - last < LINE_EVERY or done == wanted):
            return
        last = now
        left = f", about {(now - begun) / done * (wanted - done):.0f} s left" if done else ""
        text = f"lipleak: {done}/{wanted} takes{left}: {what}" if done < wanted else ""
        with capture.global_and_fixture_disabled():
            if rewritable:
                reporter.write(
                    f"\r\x1b[2K{text[: reporter.screen_width if hasattr(reporter, 'screen_width') else 100]}"
                )
            else:
                reporter.write_line(text)

    return show
