import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from pytest_lipleak.core.conditions import CONDITIONS, SETUPS, Condition, Reference
from pytest_lipleak.core.corpus import Corpus, Provenance
from pytest_lipleak.core.errors import UnscorableError
from pytest_lipleak.core.metrics.formulas import metric
from pytest_lipleak.core.scores import LagScan, SyncScore, TrialScore, Unscored
from pytest_lipleak.evaluation.results.aggregate import measure, measured, suspicions
from pytest_lipleak.verdicts.limits import Limit, Outcome
from pytest_lipleak.verdicts.value_against_limit import judge

AM, XM, SI = (Condition(setup, Reference.CR) for setup in SETUPS)


def scored(lse_c: float, lse_d: float) -> SyncScore:
    means = [lse_c + lse_d] * 31
    means[15] = lse_d
    return SyncScore(tuple(means), windows=40)


def corpus_of(*clips: str) -> Corpus:
    return Corpus(Provenance("m", "set", clips, "fake 1", "direct", "first", "zeros", {}, 0, "cpu", "0"))


def trial(corpus: Corpus, clip: str, condition: Condition | None, lse_c: float, lse_d: float) -> None:
    score = scored(lse_c, lse_d)
    corpus.trials[clip, condition] = TrialScore(
        clip, condition, score, score, 0, video=f"{clip}-{condition}.mkv"
    )


@pytest.fixture
def corpus() -> Corpus:
    """Clip a leaks forward by 2, clip b backward by 2: their means agree, their differences do not cancel."""
    corpus = corpus_of("a", "b")
    for clip, matched, mismatched in (("a", 6.0, 4.0), ("b", 4.0, 6.0)):
        trial(corpus, clip, AM, matched, 10 - matched)
        trial(corpus, clip, XM, mismatched, 10 - mismatched)
    return corpus


def test_lsd_is_the_formula_on_means_not_the_mean_of_formulas(corpus: Corpus) -> None:
    measurement = measure(corpus, metric("LSD-CR"))
    assert measurement.value == pytest.approx(0)
    assert np.mean(list(measurement.per_clip.values())) == pytest.approx(2), "the biased diagnostic"
    assert measurement.per_clip == pytest.approx({"a": 2, "b": 2})


@pytest.mark.parametrize(
    ("reached", "redrawn", "found"),
    [
        (0.0, 0.0, True),
        (0.02, 0.0, False),  # a model that repeats itself answered otherwise
        (0.5, 0.4, True),  # as another draw would
        (0.9, 0.4, False),
    ],
)
def test_finished_videos_of_a_probe_are_held_against_another_draw(
    reached: float, redrawn: float, found: bool
) -> None:
    probe, corpus = metric("REF_swap[SI,CR]"), corpus_of("a")
    corpus.pictures["a", SI] = {
        "REF_swap": 0.0, "REF_swap_full": 9.0, "REF_swap_reached": reached, "REF_swap_redrawn": redrawn,
    }  # fmt: skip
    assert not measure(corpus, probe).unreached, "the model was given it"
    corpus.provenance = replace(corpus.provenance, finished=True)
    assert measure(corpus, probe).unreached == ({"a": (reached, redrawn)} if found else {})


def test_finished_videos_of_a_probe_are_held_against_the_draws_that_differ_most() -> None:
    """Two draws of one clip may be alike by chance, and where there is one draw alone nobody knows."""
    probe, corpus = metric("REF_swap[SI,CR]"), corpus_of(*"abcdefgh")
    first, second, *others = corpus.provenance.clips_of(probe)
    for clip, reached, redrawn in (
        (first, 5.0, 0.1),
        (second, 1.0, 0.6),
        *((clip, 9.0, None) for clip in others),
    ):
        found = {"REF_swap": 0.0, "REF_swap_full": 9.0, "REF_swap_reached": reached}
        corpus.pictures[clip, SI] = found if redrawn is None else {**found, "REF_swap_redrawn": redrawn}
    corpus.provenance = replace(corpus.provenance, finished=True)
    alone = dict.fromkeys(others, (9.0, math.inf))
    assert measure(corpus, probe).unreached == {second: (1.0, 0.6)} | alone


def test_lsd_of_unequal_means_is_worked_out_by_hand() -> None:
    corpus = corpus_of("a", "b")
    for clip, c_am, c_xm, d_am, d_xm in (("a", 8, 6, 6, 7.5), ("b", 7, 6, 7, 7.5)):
        trial(corpus, clip, AM, c_am, d_am)
        trial(corpus, clip, XM, c_xm, d_xm)
    # Means: C 7.5 and 6, D 6.5 and 7.5; half of 1.5 + 1.
    assert measure(corpus, metric("LSD-CR")).value == pytest.approx(1.25)


def test_two_clips_have_no_interval_and_say_how_many_it_takes(corpus: Corpus) -> None:
    for name in ("LSD-CR", "LSE-C[AM,CR]"):
        found = measure(corpus, metric(name))
        assert found.interval is None
        assert found.no_interval == "an interval needs at least 5 clips"


def test_the_interval_is_paired_and_around_the_value() -> None:
    corpus = corpus_of(*"abcdef")
    for number, clip in enumerate("abcdef"):
        trial(corpus, clip, AM, 5 + number, 9)
        trial(corpus, clip, XM, 4 + number + 0.1 * (-1) ** number, 9)
    low, high = measure(corpus, metric("LSD-CR")).interval
    assert 0.4 < low < 0.5 < high < 0.6, "unpaired draws would spread by the clips' variance"


def test_a_trial_that_nobody_made_raises(corpus: Corpus) -> None:
    del corpus.trials["b", XM]
    with pytest.raises(UnscorableError, match=r"LSD-CR: 1 of 2 clips were not measured \(b"):
        measure(corpus, metric("LSD-CR"))
    assert measured(corpus, metric("LSD-CR")) is None
    assert measure(corpus, metric("LSE-C[AM,CR]")).clips == 2, "what it does not need may be missing"


@pytest.mark.parametrize("condition", [XM, None], ids=["a trial", "the real clip"])
def test_what_cannot_be_scored_is_listed_and_left_out(corpus: Corpus, condition: Condition | None) -> None:
    del corpus.trials["b", XM]
    corpus.unscored["b", condition] = Unscored("b", condition, "no face")
    measurement = measure(corpus, metric("LSD-CR"))
    assert [entry.clip for entry in measurement.unscored] == ["b"]
    assert measurement.per_clip == pytest.approx({"a": 2})
    assert measurement.interval is None


def test_an_unscored_trial_of_another_condition_does_not_matter(corpus: Corpus) -> None:
    corpus.unscored["b", SI] = Unscored("b", SI, "no face")
    assert measure(corpus, metric("LSD-CR")).unscored == ()


def test_a_scan_rests_on_the_outputs_beside_its_own(corpus: Corpus) -> None:
    """The region that it looks at is where any of them changes."""
    lags = (0.1,) * 21
    for clip in "ab":
        trial(corpus, clip, None, 8, 6)
        corpus.scans[clip, XM] = LagScan((lags,) * 4, (lags,) * 4, lags, 0.5)
    corpus.unscored["b", SI] = Unscored("b", SI, "no face")
    for name in ("LSE-C_XO@floor[CR]", "LipCorr_XO[CR]"):
        found, limit = measure(corpus, metric(name)), Limit.parse(f"{name} < 90")
        assert set(found.per_clip) == {"a", "b"}
        assert [entry.name for entry in found.lost] == ["b [SI,CR]"]
        assert judge(limit, found).outcome is Outcome.NOT_JUDGED
        assert judge(limit, found, allow_unscored=True).passed
    del corpus.scans["b", XM]
    with pytest.raises(UnscorableError, match="1 of 2 clips were not measured"):
        measure(corpus, metric("LSE-C_XO@floor[CR]"))


def test_without_any_clip_the_value_is_no_number() -> None:
    corpus = corpus_of("a")
    corpus.unscored["a", None] = Unscored("a", None, "too short")
    measurement = measure(corpus, metric("LSE-C_S"))
    assert math.isnan(measurement.value)
    assert (measurement.clips, measurement.interval) == (0, None)


def test_videos_are_those_of_the_mismatched_trial(corpus: Corpus) -> None:
    assert measure(corpus, metric("LSD-CR")).videos == {"a": f"a-{XM}.mkv", "b": f"b-{XM}.mkv"}
    assert measure(corpus, metric("LSE-C[AM,CR]")).videos["a"] == f"a-{AM}.mkv"


def test_ground_truth_is_measured_from_the_real_clips_alone() -> None:
    corpus = corpus_of("a", "b")
    trial(corpus, "a", None, 8, 6)
    trial(corpus, "b", None, 6, 8)
    measurement = measure(corpus, metric("LSE-C[GT]"))
    assert (measurement.value, measurement.expert) == (pytest.approx(7), "fake 1")
    assert not any((clip, c) in corpus.trials for clip in "ab" for c in CONDITIONS)


def test_an_interval_is_over_speakers_where_enough_are_known() -> None:
    clips = tuple(f"{speaker}{trial}" for speaker in "uvwxyz" for trial in range(4))
    corpus = corpus_of(*clips)
    levels = np.random.default_rng(2).normal(3, 1, 6)
    for clip in clips:
        trial(corpus, clip, SI, float(levels["uvwxyz".index(clip[0])]), 9)
    alone = measure(corpus, metric("LSE-C_S"))
    corpus.provenance = replace(corpus.provenance, speakers={clip: clip[0] for clip in clips})
    grouped = measure(corpus, metric("LSE-C_S"), 0.9)
    assert (alone.speakers, grouped.speakers, grouped.confidence) == (None, 6, 0.9)
    assert grouped.value == alone.value
    assert grouped.interval[1] - grouped.interval[0] > alone.interval[1] - alone.interval[0]
    assert "24 clips of 6 speakers" in str(grouped)
    assert "at 90 %" in str(grouped)
    few = {clip: "one" if clip < "x" else "two" for clip in clips}
    corpus.provenance = replace(corpus.provenance, speakers=few)
    two = measure(corpus, metric("LSE-C_S"))
    assert two.interval is None, "two speakers cannot speak for others"
    assert two.no_interval == "an interval needs at least 5 speakers; these are 24 clips of 2"
    assert "24 clips of 2 speakers" in str(two)


def test_clips_that_one_speech_drives_are_alike_under_xm() -> None:
    clips = tuple("abcdefghij")
    corpus = corpus_of(*clips)
    for number, clip in enumerate(clips):
        trial(corpus, clip, XM, 3 + number / 10, 9)
        trial(corpus, clip, SI, 3 + number / 10, 9)
    partners = dict(zip(clips, "bcdefghija", strict=True))
    corpus.provenance = replace(corpus.provenance, pairing=partners)
    assert measure(corpus, metric("LSE-C_XO[CR]")).speakers is None, "each speech drives one clip"
    corpus.provenance = replace(corpus.provenance, pairing={**partners, "c": "b"})
    assert measure(corpus, metric("LSE-C_XO[CR]")).speakers == 9
    assert measure(corpus, metric("LSE-C_S")).speakers is None, "nothing drives them under silence"
    corpus.provenance = replace(corpus.provenance, pairing=dict.fromkeys(clips, "a"))
    assert measure(corpus, metric("LSE-C_XO[CR]")).interval is None, "one speech is no sample of speech"


@pytest.mark.parametrize("each", [1, 3])
def test_a_sequential_run_goes_speaker_by_speaker(each: int) -> None:
    clips = tuple(f"{speaker}{number}" for speaker in "abcdefghijklmnop" for number in range(each))
    corpus = corpus_of(*clips)
    speakers = {clip: clip[0] for clip in clips} if each > 1 else {}
    corpus.provenance = replace(corpus.provenance, sequential=True, speakers=speakers)
    order = corpus.provenance.in_order
    assert sorted(order) == sorted(clips)
    assert len([one for one, next_ in pairwise(order) if one[0] != next_[0]]) == 15
    levels = np.random.default_rng(1).normal(3, 0.2, 16)
    for clip in clips:
        trial(corpus, clip, SI, float(levels["abcdefghijklmnop".index(clip[0])]), 9)
    found = {
        count: measure(corpus, metric("LSE-C_S"), 0.95, order[:count]).interval
        for count in range(1, len(clips) + 1)
    }
    assert not any(found[count] for count in range(1, 12 * each))
    assert found[12 * each] is not None
    if each > 1:
        assert found[12 * each + 1] == found[12 * each], "a speaker counts when all his clips are there"


@pytest.mark.parametrize(("followed", "deaf"), [(1.0, True), (0.9, True), (1.01, False)])
def test_lips_that_follow_no_audio_score_as_real_lips_do_with_others_speech(
    followed: float, deaf: bool
) -> None:
    corpus = corpus_of("a", "b")
    corpus.unrelated = {"a": (0.8, 1.0), "b": (1.2, 1.0)}
    for clip in ("a", "b"):
        trial(corpus, clip, None, 5.0, 5.0)
        trial(corpus, clip, AM, followed, 9.0)
    assert any(words.startswith("lips follow no audio") for words in suspicions(corpus)) is deaf


@pytest.mark.parametrize(
    ("excess", "lips", "region", "told"),
    [
        (0.5, 0.0, 0.0416, "LSE-C_S@floor[CR] is 0.50"),
        (0.0, 0.9, 0.0416, "LipCorr_S[CR] is 0.90"),
        (0.5, 0.9, 0.06, None),
        (0.3, 0.1, 0.0416, None),
    ],
)
def test_own_lips_around_an_edit_that_holds_no_more_than_the_lips_are_told(
    excess: float, lips: float, region: float, told: str | None
) -> None:
    found = corpus_of(*"abcdef")
    found.provenance = replace(found.provenance, expert="embedded 3+65b2b173")
    for clip in found.provenance.clip_names:
        trial(found, clip, SI, 2.0, 9.0)
        tables = (((value,) * 21, *[(0.0,) * 21] * 8) for value in (excess, lips))
        found.scans[clip, SI] = LagScan(*tables, (1.0,) * 21, region)
    said = [words for words in suspicions(found) if "no change was found beyond the lips" in words]
    if told is None:
        assert not said
    else:
        assert told in said[0]
        assert "25% of the face crop's width and 21% of its height" in said[0]


@pytest.mark.parametrize(("unrelated", "told"), [(3, True), (8, False)])
def test_of_few_recordings_it_is_said_that_chance_is_known_from_few(unrelated: int, told: bool) -> None:
    found = corpus_of("a", "b")
    draw = np.random.default_rng(1)
    for clip in found.provenance.clip_names:
        excess, lips = (tuple(map(tuple, draw.normal(0, 1, (1 + unrelated, 21)).tolist())) for _ in range(2))
        found.scans[clip, SI] = LagScan(excess, lips, (0.0,) * 21, 0.2)
    warning = measure(found, metric("LSE-C_S@floor")).warning
    assert (warning is not None) is told
    if told:
        assert warning is not None
        assert "and p, is known from 3 unrelated recordings" in warning


@pytest.mark.parametrize(("unrelated", "judged"), [(2, False), (3, True)])
@pytest.mark.parametrize("name", ["LipCorr_S@worst", "LSE-C_S@worst"])
def test_a_limit_on_single_clips_that_nothing_can_break_is_not_judged(
    name: str, unrelated: int, judged: bool
) -> None:
    found = corpus_of("a", "b")
    draw = np.random.default_rng(1)
    for clip in found.provenance.clip_names:
        trial(found, clip, None, 2.0, 9.0)
        tables = (tuple(map(tuple, draw.normal(0, 0.01, (1 + unrelated, 21)).tolist())) for _ in range(2))
        found.scans[clip, SI] = LagScan(*tables, (1.0,) * 21, 0.2)
    verdict = judge(Limit.parse(f"{name} < 0.3"), measure(found, metric(name)))
    assert verdict.passed is judged
    if not judged:
        assert verdict.outcome is Outcome.NOT_JUDGED
        assert (
            "compared with 2 unrelated recordings, and with fewer than 3 no single clip" in verdict.headline
        )


@pytest.mark.parametrize("clips", [3, 4, 6, 12])
def test_few_clips_neither_accuse_by_chance_nor_excuse_a_copy(clips: int) -> None:
    """Curves as honest lips give them under other speech: a common rhythm makes all audios agree a little."""
    draw = np.random.default_rng(clips)
    names = tuple(f"clip{number}" for number in range(clips))
    gates = [Limit.parse(text) for text in ("LSE-C_XO@floor < 0.5", "LipCorr_XO < 0.15")]
    ended: dict[float, set[Outcome]] = {}
    for share in (0.0, 1.0):
        for _ in range(25):
            found = corpus_of(*names)
            for clip in names:
                excess, lips = draw.normal(0, 0.35, (clips - 1, 21)), draw.normal(0, 0.12, (clips - 1, 21))
                # A full copy of the embedded clips gives these (docs/evidence/known-guilt.md).
                excess[0, 10] += 2.2 * share
                lips[0, 10] = max(lips[0, 10], 0.8 * share)
                tables = (tuple(map(tuple, table.tolist())) for table in (excess, lips))
                found.scans[clip, XM] = LagScan(*tables, (1.0,) * 21, 0.2)
            ended.setdefault(share, set()).update(
                judge(gate, measure(found, gate.metric)).outcome for gate in gates
            )
    assert Outcome.FAIL not in ended[0]
    assert ended[1] == {Outcome.FAIL}
    assert (Outcome.INCONCLUSIVE in ended[0]) is (clips == 3), (
        "chance reaches a limit with so few clips alone"
    )
