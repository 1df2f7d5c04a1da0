"""One evaluation spread over many processes and machines by Dask: the parts of ``--shard``, put together again.

Every part is measured by a worker process on the clips it is given and comes back as plain data; ``merged_parts``
makes of them what one process would have measured, to the bit. Workers must see clips, model and store under the
same paths, as on a cluster with a shared file system.
"""

import os
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from pytest_lipleak.core.conditions import Condition
from pytest_lipleak.core.corpus import Corpus
from pytest_lipleak.core.errors import (
    ConfigurationError,
    ExecutorError,
    LipleakError,
    MissingExtraError,
    with_message,
)
from pytest_lipleak.core.number_words import counted
from pytest_lipleak.evaluation.evaluation import Evaluation
from pytest_lipleak.evaluation.results.parts import AGREED, check_alike, merged_parts
from pytest_lipleak.run.process import Process
from pytest_lipleak.run.run import Run
from pytest_lipleak.settings.options import Settings
from pytest_lipleak.verdicts.limits import Limit

PARTS_PER_WORKER = 4
"""So that one slow clip does not leave all other workers idle at the end."""

LOOK_EVERY = 5.0
"""Seconds between two looks at whether a cluster has workers left that do something."""

DESERTED = 120.0
"""Seconds for which a cluster may have none at work: a scheduler starts others for those that died, or a queue does."""

Part = dict[str, Any]
"""A part's ``corpus`` as plain data, what ``failed``: clip, condition, kind of error and words, and by condition the
``features`` of its clips' frames."""


def measure_on(executor: str, run: Run, evaluation: Evaluation, limits: Sequence[Limit]) -> None:
    """Measure on a cluster what ``limits`` speak of; ``evaluation`` then judges it as if it had measured itself.

    Args:
        executor: ``dask`` starts one worker process per core of this machine (or what Dask's own configuration
            says); ``dask=ADDRESS`` uses the scheduler that runs there.
        run: its settings are those of the workers.
        evaluation: of the model, of all clips.
        limits: what will be judged.

    Raises:
        ConfigurationError: an unknown executor, or no scheduler at that address.
        MissingExtraError: Dask is not installed.
        ExecutorError: the cluster was lost, or worker processes died over a part again and again.
        InputError: the parts do not agree, because workers see another model, expert or other clips.
    """
    # What the model declares is known; from here on others load it.
    run.named_model.let_go()
    clips = len(evaluation.corpus.provenance.clip_names)
    texts = [
        f"{limit.metric.name} {limit.operator} {limit.value!r}"
        for limit in limits
        if not limit.metric.over_sets and not evaluation.stood_for(limit)
    ]
    # Whole sets of frames are compared here, by features that workers take where the videos are.
    sets = sorted({str(limit.metric.conditions[-1]) for limit in limits if limit.metric.over_sets})
    with _client(executor) as client:
        workers = max(len(client.scheduler_info(n_workers=-1)["workers"]), 1)
        count = min(clips, PARTS_PER_WORKER * workers)
        # A scheduler that knows a key gives what it has of it: another model of this run has other ones.
        call = uuid.uuid4().hex
        # Sent with every part: what is scattered is lost with the workers that hold it.
        shared = (run.settings, run.process.start, run.process.run, texts, sets)
        futures = [
            client.submit(measure_part, shared, (part, count), key=f"lipleak-{call}-{part}", pure=False)
            for part in range(1, count + 1)
        ]
        try:
            parts = _measured(client, futures)
        except ExecutorError as error:
            raise ExecutorError(f"--executor {executor}: {error}") from None
        except LipleakError:
            raise
        except Exception as error:  # Dask's own words say what was lost
            raise ExecutorError(f"--executor {executor}: {type(error).__name__}: {error}") from error
        finally:
            # Nothing lasting is lost where the cluster is gone, and the error that says so is not to be covered up.
            with suppress(Exception):
                client.cancel(futures)
            with suppress(Exception):
                client.run(_forget, run.process.run, callback_timeout=DESERTED)
    merged = merged_parts({f"part {n}": Corpus.from_dict(part["corpus"]) for n, part in enumerate(parts, 1)})
    ours, theirs = evaluation.corpus.provenance, merged.provenance
    check_alike("this process", ours, "the workers", theirs, (*AGREED, "clip_names"))
    kinds = {kind.__name__: kind for kind in LipleakError.__subclasses__()}
    failed = {
        (clip, Condition.parse(what) if what else None): with_message(kinds.get(kind, LipleakError), words)
        for part in parts
        for clip, what, kind, words in part["failed"]
    }
    evaluation.take_over(merged, failed)
    for condition, features in ((c, f) for part in parts for c, f in part["features"].items()):
        evaluation.take_over_features(Condition.parse(condition), features)


def _measured(client: Any, futures: Sequence[Any]) -> list[Part]:
    """Wait for all parts, as long as somebody is at work on them.

    A result is fetched as soon as it is there, and at no time without an eye on the workers: those that hold one may
    be lost meanwhile, and Dask would wait for ever for others to measure it once more.

    Raises:
        ExecutorError: no worker process was left, or none did anything, for a while.
    """
    distributed: Any = import_module("distributed")
    parts: dict[int, Part] = {}
    idle_since: float | None = None
    while len(parts) < len(futures):
        missing = [number for number in range(len(futures)) if number not in parts]
        with suppress(TimeoutError):
            waited_for = [futures[number] for number in missing]
            distributed.wait(waited_for, timeout=LOOK_EVERY, return_when="FIRST_COMPLETED")
        before = len(parts)
        for number in missing:
            if futures[number].status == "finished":
                with suppress(TimeoutError):  # lost, and to be measured anew
                    parts[number] = futures[number].result(timeout=DESERTED)
            elif futures[number].status in ("error", "cancelled"):
                futures[number].result()  # raises
        workers = client.scheduler_info(n_workers=-1)["workers"].values()
        if len(parts) > before or any(map(_is_at_work, workers)):
            idle_since = None
        elif idle_since is None:
            idle_since = time.monotonic()
        elif time.monotonic() - idle_since > DESERTED:
            raise ExecutorError(_idle(len(workers), len(futures) - len(parts), len(futures)))
    return [parts[number] for number in range(len(futures))]


def _is_at_work(worker: Mapping[str, Any]) -> bool:
    """Whether a worker process does something, for us or for others who use the cluster, as it says itself."""
    counts = worker.get("metrics", {}).get("task_counts", {})
    return bool(counts.get("executing") or counts.get("long-running"))


def _idle(workers: int, missing: int, parts: int) -> str:
    if not workers:
        return f"the cluster has had no worker process for {DESERTED:.0f} s; look at its logs, and start some"
    return (
        f"the cluster has {counted(workers, 'worker')}, of which none has done anything for {DESERTED:.0f} s, while "
        f"{missing} of {parts} parts are not measured; look at the logs of the scheduler and of the workers (one that "
        "is paused takes no part), and run again, with --store so that nothing is made twice"
    )


@contextmanager
def _client(executor: str) -> Iterator[Any]:
    kind, _, address = executor.partition("=")
    if kind != "dask":
        raise ConfigurationError(
            f"unknown executor {executor!r}; use dask, or dask=ADDRESS of a running scheduler"
        )
    try:
        distributed: Any = import_module("distributed")
    except ImportError:
        raise MissingExtraError("--executor dask", "distributed", "cluster") from None
    if not address:
        # A thread per process: a model is not expected to be called by two at once.
        with (
            distributed.LocalCluster(threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
            distributed.Client(cluster) as client,
        ):
            yield client
        return
    try:
        client = distributed.Client(address, timeout=30)
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"--executor {executor}: no Dask scheduler answers there ({error})"
        ) from error
    with client:
        yield client


_runs: dict[str, Run] = {}
_ended: set[str] = set()
"""Runs that are over: what they measure still is for nobody."""
_one_at_a_time = threading.Lock()


def measure_part(
    shared: tuple[Settings, Path, str, Sequence[str], Sequence[str]], shard: tuple[int, int]
) -> Part:
    """Measure one part, in a worker process; model and expert are loaded once per process and run."""
    settings, start, name, limits, sets = shared
    features = {}
    with _one_at_a_time:
        # Models and clips may be named from there.
        os.chdir(start)
        if name not in _runs:
            _runs.clear()
            _runs[name] = Run(settings, Process(name, is_controller=False, shares_model=True, start=start))
        run = _runs[name]
        try:
            evaluation = run.new_evaluation(run.model, shard=shard)
            asked = list(map(Limit.parse, limits))
            evaluation.foresee(limit.metric for limit in asked)
            for limit in asked:
                # That it is left to others is no news; what failed is known by trial.
                with suppress(LipleakError):
                    evaluation.judge(limit)
            for condition in sets:
                with suppress(LipleakError):
                    features[condition] = evaluation.frame_features(Condition.parse(condition))
        finally:
            run.named_model.let_go()
            if name in _ended:
                _close(name)
        failed = [
            (clip, str(condition or ""), type(error).__name__, str(error))
            for (clip, condition), error in evaluation.failures.items()
        ]
        return {"corpus": evaluation.corpus.to_dict(), "failed": failed, "features": features}


def _forget(name: str) -> None:
    """Remove what a run left on this worker's machine; a part that is still being measured takes it along itself."""
    _ended.add(name)
    if _one_at_a_time.acquire(blocking=False):
        try:
            _close(name)
        finally:
            _one_at_a_time.release()


def _close(name: str) -> None:
    if run := _runs.pop(name, None):
        run.close(remove=True)
