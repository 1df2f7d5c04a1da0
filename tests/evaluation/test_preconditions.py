"""Real clips that the expert does not hear: named, left out, and never a reason to pass."""

from pathlib import Path

import numpy as np
import pytest
from clip_sets import coded, random_levels, spoken

from pytest_lipleak.core.errors import NotApplicableError
from pytest_lipleak.core.scores import SyncScore
from pytest_lipleak.evaluation.evaluation import Evaluation, Plan
from pytest_lipleak.evaluation.results.parts import judged_parts, merged_parts
from pytest_lipleak.evaluation.results.preconditions import expert_unfit_for, out_of_sync
from pytest_lipleak.generators.registry import Model
from pytest_lipleak.media.clipsets import ClipFile, ClipSet
from pytest_lipleak.media.video import write_video
from pytest_lipleak.store.store import Store
from pytest_lipleak.sync.expert import ExpertIdentity, Suitability
from pytest_lipleak.sync.protocols import Protocol
from pytest_lipleak.verdicts.endings import model_ending
from pytest_lipleak.verdicts.judged_limits import JudgedLimit
from pytest_lipleak.verdicts.limits import Limit, Outcome, Rules

LEVELS = {f"clip{number}": random_levels(number, 60) for number in range(8)}


class Listener:
    """Compares the brightness of frames with the loudness of sound, window by window."""

    identity = ExpertIdentity("listener", "1", "0" * 64, True)

    def embed_video(self, frames: np.ndarray) -> np.ndarray:
        levels = np.stack(list(frames))[:, 0, 0, 0].astype(np.float32)
        return np.lib.stride_tricks.sliding_window_view(levels, 5)[:-1]

    def embed_audio(self, audio: np.ndarray) -> np.ndarray:
        levels = audio[::640].astype(np.float32) / 100
        return np.lib.stride_tricks.sliding_window_view(levels, 5)[:-1]

    def review(self, frames: np.ndarray, audio: np.ndarray) -> Suitability:
        return Suitability((), ())


class Copier:
    """Leaks everything, and counts how often it was asked."""

    asked = 0

    def generate(self, frames: np.ndarray, audio: np.ndarray, reference: np.ndarray) -> np.ndarray:
        self.asked += 1
        return frames


@pytest.fixture(scope="module")
def half_heard(tmp_path_factory: pytest.TempPathFactory) -> ClipSet:
    """Eight clips; the last three show what the first three say."""
    folder = tmp_path_factory.mktemp("clips")
    files = []
    for number, (name, levels) in enumerate(LEVELS.items()):
        seen = levels if number < 5 else LEVELS[f"clip{number - 5}"]
        write_video(folder / f"{name}.mkv", coded(seen), spoken(levels))
        files.append(ClipFile(name, folder / f"{name}.mkv"))
    return ClipSet(files, "half heard")


def judged(clips: ClipSet, folder: Path, *, allow: bool) -> tuple[Evaluation, Copier, Outcome, str]:
    copier = Copier()
    evaluation = Evaluation(
        clips,
        Model("copier", copier),
        Listener(),
        Plan(Protocol.DIRECT),
        Store(folder / "store"),
        rules=Rules(allow_unscored=allow),
    )
    verdict = evaluation.judge(Limit.parse("LSE-C_S < 200"))
    return evaluation, copier, verdict.outcome, verdict.headline


def test_a_clip_that_is_not_heard_fails_the_verdict_by_name(half_heard: ClipSet, tmp_path: Path) -> None:
    evaluation, copier, outcome, headline = judged(half_heard, tmp_path, allow=False)
    assert outcome is Outcome.NOT_JUDGED
    assert "3 videos could not be scored" in headline
    lost = {entry.clip: entry.reason for entry in evaluation.corpus.unscored.values()}
    assert set(lost) == {"clip5", "clip6", "clip7"}
    assert all("does not hear that this real clip is in sync" in reason for reason in lost.values())
    assert copier.asked == 5, "nothing is generated for a clip that is not heard"


def test_left_out_it_does_not_thin_out_the_leak_of_the_others(half_heard: ClipSet, tmp_path: Path) -> None:
    evaluation, _, outcome, headline = judged(half_heard, tmp_path, allow=True)
    assert outcome is Outcome.FAIL
    assert "5 of 8 clips" in headline
    trials = evaluation.corpus.trials
    heard = np.mean([trials[f"clip{number}", None].own.lse_c for number in range(5)])
    assert evaluation.measure("LSE-C_S").value == pytest.approx(heard)
    everything = np.mean([trials[name, None].own.lse_c for name in LEVELS])
    assert everything < 200 < heard, "with them in the mean the copier would have passed"
    # A second run finds what the first one heard, and says the same.
    again, *_ = judged(half_heard, tmp_path, allow=True)
    assert again.corpus.unrelated == evaluation.corpus.unrelated


class Blank:
    """Leaks nothing: its lips stand still."""

    def generate(self, frames: np.ndarray, audio: np.ndarray, reference: np.ndarray) -> np.ndarray:
        return np.full_like(frames, 90)


@pytest.fixture(scope="module")
def hardly_heard(tmp_path_factory: pytest.TempPathFactory) -> list[ClipFile]:
    """Fourteen clips; the first shows what another says, the second does so for the first half."""
    folder = tmp_path_factory.mktemp("clips")
    levels = [random_levels(number, 60) for number in range(14)]
    for number, own in enumerate(levels):
        seen = {0: levels[5], 1: [*levels[6][:30], *own[30:]]}.get(number, own)
        write_video(folder / f"c{number:02}.mkv", coded(seen), spoken(own))
    return [ClipFile(path.stem, path) for path in sorted(folder.iterdir())]


def test_one_of_many_clips_that_is_not_heard_is_left_out_by_name(
    hardly_heard: list[ClipFile], tmp_path: Path
) -> None:
    def verdict_of(generator: object, clips: ClipSet) -> tuple[JudgedLimit, str]:
        model = Model(type(generator).__name__, generator)
        evaluation = Evaluation(clips, model, Listener(), Plan(Protocol.DIRECT), Store(tmp_path / "store"))
        limit = Limit.parse("LSE-C_S < 200")
        verdict = JudgedLimit.of(evaluation.judge(limit))
        return verdict, model_ending({str(limit): verdict}, evaluation.corpus).headline

    every = ClipSet(hardly_heard, "hardly heard")
    clean, told = verdict_of(Blank(), every)
    assert (clean.outcome, clean.clips) == (Outcome.PASS, 13)
    assert "without 1 of 14 clips: c00 (the expert does not hear that this real clip is in sync)" in told
    leaky, told = verdict_of(Copier(), every)
    assert (leaky.outcome, leaky.clips) == (Outcome.FAIL, 13)
    assert "without 1 of 14 clips: c00" in told
    few, _ = verdict_of(Blank(), ClipSet(hardly_heard[:12], "few"))
    assert few.outcome is Outcome.NOT_JUDGED, "eleven are left"
    # A finished video that ends early cuts its clip: that may not take the clip out of the verdict.
    cut = ClipSet(hardly_heard[1:], "cut", ends=lambda clip, length: 30 if clip == "c01" else None)
    ends_early, told = verdict_of(Blank(), cut)
    assert ends_early.outcome is Outcome.NOT_JUDGED
    assert "1 video could not be scored" in told + ends_early.headline
    whole, _ = verdict_of(Blank(), ClipSet(hardly_heard[1:], "whole"))
    assert (whole.outcome, whole.clips) == (Outcome.PASS, 13)


@pytest.mark.parametrize("allow", [False, True])
def test_parts_leave_out_what_the_whole_leaves_out(half_heard: ClipSet, tmp_path: Path, allow: bool) -> None:
    limit, store = Limit.parse("LSE-C_S < 200"), Store(tmp_path / "store")
    whole, *_ = judged(half_heard, tmp_path, allow=allow)
    parts = {}
    for number in (1, 2, 3):
        plan = Plan(Protocol.DIRECT, shard=(number, 3))
        part = Evaluation(
            half_heard,
            Model("copier", Copier()),
            Listener(),
            plan,
            store,
            rules=Rules(allow_unscored=allow),
        )
        with pytest.raises(NotApplicableError, match="lipleak merge"):
            part.judge(limit)
        parts[f"part{number}"] = part.corpus
    objecting = [name for name, corpus in parts.items() if expert_unfit_for(corpus)]
    assert objecting, "the case that this is about: such a part names no clip"
    assert all(not parts[name].unscored for name in objecting)
    merged = merged_parts(parts)
    assert merged.unscored == whole.corpus.unscored
    assert merged.expert_unfit is None
    assert [JudgedLimit.of(verdict) for verdict in judged_parts(merged, [])] == [
        JudgedLimit.of(verdict) for verdict in whole.verdicts
    ]


def score_of(own: float, **at: float) -> SyncScore:
    """A score with the LSE-C ``own`` at offset 0, flat elsewhere but for ``at``: LSE-C by the offset, as ``plus5=``."""
    means = [10.0] * 31
    for name, value in at.items():
        means[15 - int(name.replace("plus", "").replace("minus", "-"))] = 10 - value
    means[15] = 10 - own
    return SyncScore(tuple(means), windows=70)


@pytest.mark.parametrize(
    ("own", "others", "heard"),
    [
        (3.0, [0.5] * 50, True),
        (3.0, [0.5] * 46 + [3.5] * 4, True),
        (3.0, [0.5] * 35 + [3.0] * 15, False),
        (3.0, [0.5], True),
        (3.0, [3.0], False),
        (3.0, [0.5, 0.5, 3.5], False),
        # Mean 1, deviation 1: 1.2 and 1.3 deviations above.
        (2.2, [0.0, 2.0] + [0.0, 2.0] * 24 + [1.0], False),
        (2.3, [0.0, 2.0] + [0.0, 2.0] * 24 + [1.0], True),
        # Of four unrelated audios no deviation is known.
        (2.1, [0.0, 2.0, 0.0, 2.0], True),
    ],
)
def test_own_audio_must_fit_better_than_nearly_all_others(
    own: float, others: list[float], heard: bool
) -> None:
    assert (out_of_sync(score_of(own), others) is None) == heard


UNRELATED = [0.0, 0.4, 0.8, 0.0, 0.4, 0.8]
"""With a standard deviation of 0.36."""


@pytest.mark.parametrize(
    ("rivals", "sure"),
    [
        ({"plus5": 1.6}, True),
        ({"plus5": 1.7}, False),
        ({"minus14": 1.7}, False),
        # Within two frames of the best shift it is the same peak.
        ({"plus2": 1.9, "minus2": 1.9}, True),
        ({"plus3": 1.9}, False),
    ],
)
def test_no_other_offset_may_fit_nearly_as_well(rivals: dict[str, float], sure: bool) -> None:
    score = score_of(2.0, **rivals)
    why = out_of_sync(score, UNRELATED)
    assert (why is None) == sure
    # Of four unrelated audios nobody knows how far offsets differ by chance.
    assert out_of_sync(score, UNRELATED[:4]) is None
    if why:
        ((rival, lse_c),) = rivals.items()
        named = rival.replace("plus", "+").replace("minus", "-")
        assert f"+0 and {named} frames fit nearly alike (LSE-C 2.00 and {lse_c:.2f})" in why


def test_lips_that_follow_nothing_are_not_heard() -> None:
    assert "does not hear" in (out_of_sync(SyncScore((10.0,) * 31, windows=70), [0.0] * 10) or "")
