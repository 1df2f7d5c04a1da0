"""The same plan on a cluster of two processes: the same corpus and verdicts, to the bit."""

import os
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_lipleak.cli import GOOD, USAGE, main
from pytest_lipleak.core.errors import (
    ConfigurationError,
    ExecutorError,
    GeneratorError,
    InputError,
    MissingDataError,
    StoreError,
)
from pytest_lipleak.evaluation.evaluation import Evaluation
from pytest_lipleak.evaluation.make.failure_advice import ONLY_SOME
from pytest_lipleak.generators.shared import Slots
from pytest_lipleak.media.clipsets import open_clips
from pytest_lipleak.media.video import write_video
from pytest_lipleak.run import cluster as cluster_module
from pytest_lipleak.run.cluster import measure_on, measure_part
from pytest_lipleak.run.run import Run
from pytest_lipleak.settings.resolve import make_settings
from pytest_lipleak.verdicts.limits import Limit, Verdict

MODELS = '''
import os
import signal
from pathlib import Path


class Copy:
    """Returns its input, and notes who was asked."""

    def generate(self, frames, audio, reference):
        Path("calls").mkdir(exist_ok=True)
        Path("calls", f"{os.getpid()}-{os.urandom(4).hex()}").touch()
        return frames


class RaisesOnSilence(Copy):
    def generate(self, frames, audio, reference):
        if not audio.any():
            raise ValueError("no mel frames in silence")
        return frames


class Waits(Copy):
    def generate(self, frames, audio, reference):
        import time
        Path("waiting").touch()
        while not Path("go").exists():
            time.sleep(0.01)
        return frames


class Dies(Copy):
    def generate(self, frames, audio, reference):
        os.kill(os.getpid(), signal.SIGKILL)
'''
LIMITS = tuple(map(Limit.parse, ("LSD-CR < 0.001", "LSE-C_S < 50", "PSNR[AM,AR] > 20")))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    (folder / "models.py").write_text(MODELS)
    (folder / "clips").mkdir()
    embedded = open_clips("embedded")
    for name in list(embedded)[:3]:
        clip = embedded[name]
        frames = np.ascontiguousarray(clip.frames[:75, ::2, ::2])
        write_video(folder / "clips" / f"{name}.mkv", frames, clip.audio[: 75 * 640])
    return folder


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as started:
        yield started


@pytest.fixture
def begun(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.chdir(project)
    runs = []

    def begin(model: str) -> Run:
        settings = make_settings(
            {"model": f"models.py:{model}", "clips": "clips", "expert": "embedded"}, project, {}
        )
        runs.append(Run(settings))
        return runs[-1]

    yield begin
    for each in runs:
        each.close()


def calls(project: Path) -> set[str]:
    """Names of the files that the model has left, one each time it was asked by any test of this folder."""
    return {entry.name for entry in (project / "calls").glob("*")}


def verdicts(evaluation: Evaluation) -> list[Verdict]:
    return [evaluation.judge(limit) for limit in LIMITS]


@pytest.mark.slow
def test_a_cluster_measures_to_the_bit_what_one_process_does(begun: Any, cluster: Any, project: Path) -> None:
    before = calls(project)
    first, second = begun("Copy"), begun("Copy")
    alone, spread = (each.new_evaluation(each.model) for each in (first, second))
    expected = verdicts(alone)
    here = calls(project) - before
    measure_on(f"dask={cluster.scheduler_address}", second, spread, LIMITS)
    assert verdicts(spread) == expected
    assert spread.corpus.to_dict().keys() == alone.corpus.to_dict().keys()
    ours, theirs = ({**e.corpus.to_dict(), "costs": 0} for e in (alone, spread))
    for each in (ours, theirs):
        each["provenance"].pop("begun")
    assert theirs == ours
    assert first.process.run != second.process.run
    made = calls(project) - here - before
    assert len(made) == len(here) == 3 * 4, "AM,CR; XM,CR; SI,CR; AM,AR of every clip, once"
    assert str(os.getpid()) not in {name.partition("-")[0] for name in made}
    assert second.folder.exists(), "this process works in it"
    second.close()
    assert not second.folder.exists()


def test_a_part_that_fails_lets_go_of_the_model(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    settings = make_settings(
        {
            "model": "models.py:Copy",
            "expert": "embedded",
            "workers_per_gpu": 1,
            "device": "cpu",
            "pairs": "no-such.csv",
        },
        project,
        {},
    )
    run = uuid.uuid4().hex
    try:
        with pytest.raises(MissingDataError, match=r"no-such\.csv"):
            measure_part((settings, project, run, (), ()), (1, 1))
        folder = cluster_module._runs[run].folder
        assert (folder / "model-cpu.json").is_file(), "it was loaded"
        assert Slots(folder, "cpu", 1).take()
    finally:
        cluster_module._forget(run)


def test_what_another_part_works_in_stays_until_it_ends(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One part failed, the run is over and forgotten; the worker that is still measuring keeps its folder."""
    monkeypatch.chdir(project)
    settings = make_settings(
        {"model": "models.py:Waits", "clips": "clips", "expert": "embedded", "device": "cpu"}, project, {}
    )
    run = uuid.uuid4().hex
    with ThreadPoolExecutor(1) as worker:
        part = worker.submit(measure_part, (settings, project, run, ("PSNR[AM,AR] > 20",), ()), (1, 3))
        try:
            while not (project / "waiting").exists() and not part.done():
                time.sleep(0.01)
            folder = cluster_module._runs[run].folder
            cluster_module._forget(run)
            assert folder.is_dir()
        finally:
            (project / "go").touch()
        assert part.result()["failed"] == []
    assert not folder.exists()


@pytest.mark.slow
def test_few_workers_of_a_cluster_hold_the_model_at_once(begun: Any, cluster: Any) -> None:
    first, second = begun("Copy"), begun("Copy")
    second.settings = second.settings._replace(machine=second.settings.machine._replace(workers_per_gpu=1))
    alone, spread = (each.new_evaluation(each.model) for each in (first, second))
    measure_on(f"dask={cluster.scheduler_address}", second, spread, LIMITS[1:2])
    assert spread.judge(LIMITS[1]) == alone.judge(LIMITS[1])
    assert not spread.failures


@pytest.mark.slow
def test_a_sequential_verdict_rests_on_the_order_of_clips_there_too(begun: Any, cluster: Any) -> None:
    first, second = begun("Copy"), begun("Copy")
    for each in (first, second):
        each.settings = each.settings._replace(rules=each.settings.rules._replace(sequential=True))
    alone, spread = (each.new_evaluation(each.model) for each in (first, second))
    measure_on(f"dask={cluster.scheduler_address}", second, spread, LIMITS[:2])
    for limit in LIMITS[:2]:
        verdict = spread.judge(limit)
        assert verdict == alone.judge(limit)
        assert verdict.measurement.planned == 3


@pytest.mark.slow
def test_what_fails_there_fails_here_in_the_same_words(begun: Any, cluster: Any) -> None:
    each = begun("RaisesOnSilence")
    evaluation = each.new_evaluation(each.model)
    measure_on(f"dask={cluster.scheduler_address}", each, evaluation, LIMITS)
    with pytest.raises(
        GeneratorError, match=r"\[SI,CR\].*no mel frames in silence(.|\n)*2 more videos failed"
    ):
        evaluation.judge(LIMITS[1])
    assert evaluation.judge(LIMITS[0]).measurement.clips == 3


@pytest.mark.slow
def test_a_disk_that_fails_there_is_not_laid_on_the_model(begun: Any, cluster: Any, project: Path) -> None:
    each = begun("Copy")
    each.settings = each.settings._replace(
        outputs=each.settings.outputs._replace(keep=project / "models.py" / "videos")
    )
    evaluation = each.new_evaluation(each.model)
    measure_on(f"dask={cluster.scheduler_address}", each, evaluation, LIMITS[1:2])
    with pytest.raises(StoreError, match=r"cannot be written(.|\n)*more videos? failed") as failed:
        evaluation.judge(LIMITS[1])
    assert ONLY_SOME not in str(failed.value)


@pytest.mark.parametrize(
    ("executor", "limit", "words"),
    [
        ("ray", "LSE-C_S < 3", "unknown executor 'ray'; use dask"),
    ],
)
def test_refused(begun: Any, executor: str, limit: str, words: str) -> None:
    each = begun("Copy")
    with pytest.raises(ConfigurationError, match=words):
        measure_on(executor, each, each.new_evaluation(each.model), [Limit.parse(limit)])


@pytest.mark.slow
def test_lipleak_evaluate_prints_the_same_either_way(
    project: Path, cluster: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(project)
    given = [
        "evaluate",
        "--model=models.py:Copy",
        "--clips=clips",
        "--expert=embedded",
        "--gate=LSE-C_S < 50",
        "-q",
    ]
    printed = []
    for more in ([], [f"--executor=dask={cluster.scheduler_address}"]):
        assert main([*given, *more]) == GOOD
        printed.append(capsys.readouterr().out)
    assert "LSE-C_S" in printed[0] or "PASSED" in printed[0]
    assert printed[0] == printed[1]
    assert main([*given, "--executor=dask", "--shard=1/2", "--json=part.json"]) == USAGE


@pytest.mark.slow
def test_workers_that_die_are_an_error(begun: Any, cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster.scheduler, "allowed_failures", 0)  # by default three more workers die of it
    each = begun("Dies")
    evaluation = each.new_evaluation(each.model)
    with pytest.raises(ExecutorError, match="KilledWorker"):
        measure_on(f"dask={cluster.scheduler_address}", each, evaluation, LIMITS)
    assert evaluation.corpus.trials == {}


@pytest.mark.slow
def test_workers_that_measure_something_else_are_refused(begun: Any, cluster: Any) -> None:
    each = begun("Copy")
    evaluation = each.new_evaluation(each.model)
    each.settings = each.settings._replace(plan=each.settings.plan._replace(seed=7))
    with pytest.raises(InputError, match="this process and the workers disagree in seed: 0 and 7"):
        measure_on(f"dask={cluster.scheduler_address}", each, evaluation, LIMITS[:1])
    assert evaluation.corpus.trials == {}


@pytest.mark.slow
def test_a_lost_cluster_is_told_in_the_words_of_what_was_lost(
    begun: Any, cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    distributed = pytest.importorskip("distributed")

    def lost(*arguments: Any, **options: Any) -> None:
        raise OSError("the scheduler is gone")

    monkeypatch.setattr(distributed.Future, "result", lost)
    for name in ("cancel", "run"):
        monkeypatch.setattr(distributed.Client, name, lost)
    each = begun("Copy")
    with pytest.raises(ExecutorError, match="OSError: the scheduler is gone"):
        measure_on(f"dask={cluster.scheduler_address}", each, each.new_evaluation(each.model), LIMITS[:1])


class StandInFuture:
    """A part that is in some state whenever somebody looks; the last one stays."""

    def __init__(self, *states: str) -> None:
        self._states = list(states)

    @property
    def status(self) -> str:
        return self._states.pop(0) if len(self._states) > 1 else self._states[0]

    def result(self, timeout: float | None = None) -> str:
        if self.status == "finished":
            return "measured"
        assert timeout is not None, "would wait for ever"
        raise TimeoutError


class StandInClient:
    """A scheduler that tells of its workers what they do, look by look; the last word stays."""

    def __init__(self, *looks: list[dict[str, int]]) -> None:
        self._looks = list(looks)

    def scheduler_info(self, n_workers: int) -> dict[str, Any]:
        counts = self._looks.pop(0) if len(self._looks) > 1 else self._looks[0]
        return {"workers": {str(at): {"metrics": {"task_counts": each}} for at, each in enumerate(counts)}}


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Dask's waiting is over at once, and a minute has passed at each look."""
    distributed = pytest.importorskip("distributed")
    clock: list[float] = [0.0]

    def wait(*arguments: Any, **options: Any) -> None:
        clock[0] += 60.0
        raise TimeoutError

    monkeypatch.setattr(distributed, "wait", wait)
    monkeypatch.setattr(cluster_module.time, "monotonic", lambda: clock[0])
    return clock


IDLE = {"memory": 3, "executing": 0}
BUSY = {"executing": 1}


def test_a_result_that_was_lost_with_its_worker_is_not_waited_for_for_ever(looks: list[float]) -> None:
    futures = [StandInFuture("finished"), StandInFuture("finished", "lost")]
    with pytest.raises(ExecutorError, match="has had no worker process for 120 s"):
        cluster_module._measured(StandInClient([]), futures)
    assert looks[0] == 5 * 60, "given up at the first look after two idle minutes since the last result"


def test_a_result_that_was_lost_is_taken_when_it_was_measured_anew(looks: list[float]) -> None:
    futures = [StandInFuture("finished", "lost", "pending", "finished"), StandInFuture("pending", "finished")]
    assert cluster_module._measured(StandInClient([BUSY]), futures) == ["measured", "measured"]


def test_workers_that_idle_while_parts_are_missing_are_given_up(looks: list[float]) -> None:
    with pytest.raises(
        ExecutorError,
        match="has 2 workers, of which none has done anything for 120 s, while 1 of 2 parts are not",
    ):
        cluster_module._measured(
            StandInClient([IDLE, BUSY], [IDLE, IDLE]), [StandInFuture("finished"), StandInFuture("pending")]
        )


def test_a_part_may_take_hours_while_somebody_is_at_it(looks: list[float]) -> None:
    futures = [StandInFuture(*["pending"] * 200, "finished")]
    assert cluster_module._measured(StandInClient([IDLE, BUSY]), futures) == ["measured"]
    assert looks[0] > 3600


@pytest.mark.slow
def test_a_worker_says_itself_whether_it_is_at_work(cluster: Any) -> None:
    """What idle workers are told by: Dask's own words, which another release may word otherwise."""
    distributed = pytest.importorskip("distributed")

    def at_work() -> bool:
        return any(map(cluster_module._is_at_work, client.scheduler_info(n_workers=-1)["workers"].values()))

    def reaches(wanted: bool) -> bool:
        deadline = time.monotonic() + 60  # a worker says so twice a second
        while at_work() is not wanted and time.monotonic() < deadline:
            time.sleep(0.05)
        return at_work() is wanted

    with distributed.Client(cluster) as client:
        may_end = distributed.Event("may-end")
        assert reaches(False)
        part = client.submit(lambda: distributed.Event("may-end").wait(), pure=False)
        assert reaches(True)
        may_end.set()
        part.result()
        assert reaches(False)


@pytest.mark.slow
def test_a_cluster_without_workers_is_given_up(begun: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr(cluster_module, "LOOK_EVERY", 0.2)
    monkeypatch.setattr(cluster_module, "DESERTED", 1.0)
    each = begun("Copy")
    with (
        distributed.LocalCluster(n_workers=0, processes=False, dashboard_address=None) as empty,
        pytest.raises(
            ExecutorError, match=r"--executor dask=\S+: the cluster has had no worker process for 1 s"
        ),
    ):
        measure_on(f"dask={empty.scheduler_address}", each, each.new_evaluation(each.model), LIMITS[:1])
