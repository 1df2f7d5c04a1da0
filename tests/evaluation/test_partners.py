"""Several XM partners a clip: what one partner gives is unchanged, and three give the mean of three runs of one."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from clip_sets import coded, levels_of_audio, levels_of_frames, random_levels, write_clips

from pytest_lipleak.core.conditions import CONDITIONS, Condition, Reference, Setup
from pytest_lipleak.core.corpus import Corpus
from pytest_lipleak.core.errors import NotApplicableError
from pytest_lipleak.core.metrics.formulas import metric
from pytest_lipleak.core.scores import Unscored
from pytest_lipleak.evaluation.comparison import incomparable, paired_difference
from pytest_lipleak.evaluation.evaluation import Evaluation, Plan
from pytest_lipleak.evaluation.make.this_process import Files
from pytest_lipleak.evaluation.results.aggregate import measure
from pytest_lipleak.evaluation.results.parts import judged_parts, merged_parts
from pytest_lipleak.evaluation.results.run_result import ModelResult, RunResult, merged_models
from pytest_lipleak.generators.registry import Model
from pytest_lipleak.media.clipsets import ClipSet
from pytest_lipleak.report.json import document
from pytest_lipleak.report.kept_manifest import manifest_of
from pytest_lipleak.report.reading import read_report
from pytest_lipleak.store.store import Store
from pytest_lipleak.sync.expert import ExpertIdentity, Suitability
from pytest_lipleak.sync.protocols import Protocol
from pytest_lipleak.verdicts.limits import Limit

NAMES = tuple("abcdefg")
XM = Condition(Setup.XM, Reference.CR)
MEASURED = ("LSE-C[XM,CR]", "LSD-CR", "LSE-C_XO[CR]", "LSE-C_S")


class LevelExpert:
    """Sees brightness, hears loudness."""

    identity = ExpertIdentity("level", "1", "0" * 64, True)

    def embed_video(self, frames):
        return self._rows(levels_of_frames(np.stack(list(frames))))

    def embed_audio(self, audio):
        return self._rows(levels_of_audio(audio))

    def review(self, frames, audio):
        return Suitability((), ())

    def _rows(self, levels):
        return np.stack([levels[i : i + 5] for i in range(len(levels) - 5)])


class Half:
    """Shows what it hears, and half of what it is shown."""

    def __init__(self):
        self.calls = 0

    def generate(self, frames, audio, reference):
        self.calls += 1
        heard, seen = levels_of_audio(audio), levels_of_frames(frames)
        return coded((heard + seen) // 2)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> ClipSet:
    return write_clips(
        tmp_path_factory.mktemp("clips"), {name: random_levels(ord(name), 40) for name in NAMES}
    )


def begun(clips: ClipSet, folder: Path, keep: Path | None = None, **plan: object) -> Evaluation:
    chosen = Plan(Protocol.DIRECT, **plan)  # type: ignore[arg-type]
    return Evaluation(
        clips, Model("half", Half()), LevelExpert(), chosen, Store(folder), files=Files(keep=keep)
    )  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def three(clips: ClipSet, tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    evaluation = begun(clips, tmp_path_factory.mktemp("three"), partners=3)
    for name in MEASURED:
        evaluation.measure(name)
    return evaluation


def test_three_partners_give_the_mean_of_three_runs_with_one(
    three: Evaluation, clips: ClipSet, tmp_path: Path
) -> None:
    partners = three.corpus.provenance.partners
    assert all(len({clip, *names}) == 4 for clip, names in partners.items())
    alone = []
    for place in range(3):
        pairs = {clip: (names[place],) for clip, names in partners.items()}
        alone.append(begun(clips, tmp_path / str(place), pairs=pairs))
    for name in ("LSE-C[XM,CR]", "LSE-C_XO[CR]"):
        found = three.measure(name)
        each = [one.measure(name) for one in alone]
        assert found.value == pytest.approx(np.mean([one.value for one in each]), abs=1e-12)
        for clip in NAMES:
            assert found.per_clip[clip] == pytest.approx(np.mean([one.per_clip[clip] for one in each]))
    assert three.measure("LSE-C_S").value == alone[0].measure("LSE-C_S").value
    # As in the paper: a difference of means, no mean of differences.
    means = [three.measure(f"LSE-{of}[{setup},CR]").value for of in "CD" for setup in ("AM", "XM")]
    assert three.measure("LSD-CR").value == pytest.approx(
        0.5 * (abs(means[0] - means[1]) + abs(means[2] - means[3]))
    )


def test_the_first_partner_is_the_one_that_a_clip_has_alone(
    three: Evaluation, clips: ClipSet, tmp_path: Path
) -> None:
    one = begun(clips, tmp_path)
    one.need([XM])
    assert one.corpus.provenance.pairing == three.corpus.provenance.pairing
    assert not one.corpus.provenance.further_partners
    for clip in NAMES:
        assert one.corpus.trials[clip, XM] == three.corpus.trials[clip, XM]
    assert {str(condition) for _, condition in one.corpus.trials if condition} == {"XM,CR"}
    made = {str(condition) for _, condition in three.corpus.trials if condition}
    assert made == {"AM,CR", "SI,CR", "XM,CR", "XM,CR,2", "XM,CR,3"}
    # What was made for three serves one, and the other way round: keys know audio, and no numbers of partners.
    again = Evaluation(
        clips,
        Model("half", Half()),
        LevelExpert(),
        Plan(Protocol.DIRECT),
        Store(tmp_path),  # type: ignore[arg-type]
    )
    again.need([XM])
    more = begun(clips, tmp_path, partners=3)
    more.need([XM])
    assert more.corpus.trials[NAMES[0], XM] == again.corpus.trials[NAMES[0], XM]


def test_conditions_are_read_as_they_are_written() -> None:
    for condition in (*CONDITIONS, replace(XM, partner=1), replace(XM, partner=11)):
        assert Condition.parse(str(condition)) == condition
    assert replace(XM, partner=2).cell == XM
    for wrong in ("XM", "XM,CR,x", "GT"):
        with pytest.raises(ValueError, match=r".+"):
            Condition.parse(wrong)


def test_reports_hold_all_partners_and_are_read_back(three: Evaluation, tmp_path: Path) -> None:
    report = document(RunResult((ModelResult.of(three.corpus, []),)))
    path = tmp_path / "report.json"
    path.write_text(json.dumps(report))
    (corpus,) = read_report(path).corpora
    assert corpus.provenance.partners == three.corpus.provenance.partners
    for name in MEASURED:
        assert measure(corpus, metric(name)) == measure(three.corpus, metric(name))


def test_parts_and_pieces_come_to_the_same(three: Evaluation, clips: ClipSet, tmp_path: Path) -> None:
    pieces = []
    for part in (1, 2):
        evaluation = begun(clips, tmp_path / str(part), partners=3, shard=(part, 2))
        for name in MEASURED:
            sign = "<" if metric(name).better == "lower" else ">"
            with pytest.raises(NotApplicableError, match="lipleak merge"):
                evaluation.judge(Limit.parse(f"{name} {sign} 1"))
        pieces.append(Corpus.from_dict(evaluation.corpus.to_dict()))
    merged = merged_parts({f"part {number}": piece for number, piece in enumerate(pieces)})
    assert merged.provenance.partners == three.corpus.provenance.partners
    for verdict in judged_parts(merged, []):
        expected = measure(three.corpus, verdict.limit.metric)
        assert verdict.measurement.value == expected.value
        assert verdict.measurement.interval == expected.interval
    # As workers of xdist send it: each what it made, the last without pairs.
    first, second = (Corpus.from_dict(three.corpus.to_dict()) for _ in range(2))
    for corpus, clip in ((first, NAMES[:3]), (second, NAMES[3:])):
        for key in [key for key in corpus.trials if key[0] not in clip]:
            del corpus.trials[key]
    (found,) = merged_models([ModelResult(first, {}), ModelResult(second, {})])
    for name in MEASURED:
        assert measure(found.corpus, metric(name)) == measure(three.corpus, metric(name))


def test_a_clip_that_lacks_one_partner_counts_as_a_clip_without_a_score(three: Evaluation) -> None:
    corpus = Corpus.from_dict(three.corpus.to_dict())
    lost = corpus.trials.pop(("c", replace(XM, partner=1)))
    corpus.unscored["c", lost.condition] = Unscored("c", lost.condition, "no face")
    found = measure(corpus, metric("LSE-C[XM,CR]"))
    assert set(found.per_clip) == {*NAMES} - {"c"}
    assert [entry.clip for entry in found.unscored] == ["c"]
    assert measure(corpus, metric("success[XM,CR]")).per_clip["c"] == pytest.approx(2 / 3)
    assert measure(corpus, metric("LSE-C_S")).clips == len(NAMES)


def test_the_interval_knows_that_clips_share_their_partners(three: Evaluation) -> None:
    found = three.measure("LSE-C[XM,CR]")
    assert found.interval is not None
    low, high = found.interval
    assert low < found.value < high
    # Speech that suits a model, or not, moves all clips that it drives: the interval must be wider for it.
    corpus = Corpus.from_dict(three.corpus.to_dict())
    speeches = sorted({trial.partner for trial in corpus.trials.values() if trial.partner})
    for key, trial in list(corpus.trials.items()):
        if trial.partner and trial.driving:
            shift = 40.0 * speeches.index(trial.partner)
            distances = np.array(trial.driving.mean_distances)
            distances[distances > distances.min()] += shift
            corpus.trials[key] = replace(
                trial, driving=replace(trial.driving, mean_distances=tuple(distances.tolist()))
            )
    moved = measure(corpus, metric("LSE-C[XM,CR]"))
    assert moved.interval is not None
    assert moved.interval[1] - moved.interval[0] > 2 * (high - low)


def test_results_with_other_partners_are_not_compared(
    three: Evaluation, clips: ClipSet, tmp_path: Path
) -> None:
    two = begun(clips, tmp_path, partners=2)
    two.measure("LSE-C[XM,CR]")
    (reason,) = incomparable(three.corpus.provenance, two.corpus.provenance)
    assert reason.startswith(f"XM pairs: another partner for {len(NAMES)} clips")
    same = paired_difference(metric("LSE-C[XM,CR]"), three.corpus, three.corpus)
    assert (same.before, same.interval) == (same.after, (0.0, 0.0))


def test_kept_videos_of_all_partners_stand_in_the_table(clips: ClipSet, tmp_path: Path) -> None:
    keep = tmp_path / "kept"
    evaluation = begun(clips, tmp_path / "store", keep=keep, partners=3)
    evaluation.need([XM])
    report = document(RunResult((ModelResult.of(evaluation.corpus, []),)))
    table = manifest_of(report, keep)
    assert table is not None
    rows = [line.split(",") for line in table.splitlines()[1:]]
    assert len(rows) == 3 * len(NAMES)
    assert len({row[0] for row in rows}) == len(rows)
    assert all((keep / row[0]).is_file() for row in rows)
    assert len({(row[1], row[2]) for row in rows}) == len(rows), "every pair of clip and audio once"
