import json
import math
from dataclasses import replace
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lipleak.core.conditions import CONDITIONS, Condition, Reference, Setup
from pytest_lipleak.core.corpus import Corpus, Provenance
from pytest_lipleak.core.metrics.formulas import Column, metric
from pytest_lipleak.core.scores import SetScore, SyncScore, TrialScore, Unscored
from pytest_lipleak.verdicts.endings import clips_without

finite = st.floats(allow_nan=False, allow_infinity=False)
words = st.text(max_size=8)
conditions = st.none() | st.sampled_from(CONDITIONS)
scores = st.builds(
    SyncScore,
    st.lists(finite, min_size=31, max_size=31).map(tuple),
    st.integers(1, 500),
    st.lists(finite, max_size=3).map(tuple),
)
trials = st.builds(
    TrialScore,
    clip=words,
    condition=conditions,
    own=scores,
    driving=st.none() | scores,
    own_offset=st.integers(-15, 15),
    partner=st.none() | words,
    notes=st.lists(words, max_size=2).map(tuple),
    video=st.none() | words.map(lambda name: str(PurePosixPath("kept", name))),
)
provenances = st.builds(
    Provenance,
    model=words,
    clips=words,
    clip_names=st.lists(words, max_size=3).map(tuple),
    expert=words,
    protocol=st.sampled_from(["lrs", "direct", "tracked"]),
    alternative_reference=words,
    silence=words,
    pairing=st.dictionaries(words, words, max_size=3),
    seed=st.integers(),
    device=words,
    version=words,
    notes=st.lists(words, max_size=2).map(tuple),
)


@st.composite
def corpora(draw: st.DrawFn) -> Corpus:
    corpus = Corpus(draw(provenances))
    for trial in draw(st.lists(trials, max_size=3)):
        corpus.trials[trial.clip, trial.condition] = trial
    for lost in draw(st.lists(st.builds(Unscored, words, conditions, words), max_size=2)):
        corpus.unscored[lost.clip, lost.condition] = lost
    corpus.not_applicable.update(draw(st.dictionaries(st.sampled_from(Reference), words)))
    trials_of = st.tuples(words, st.sampled_from(CONDITIONS))
    values = st.dictionaries(st.sampled_from(["SSIM", "PSNR"]), finite | st.just(math.inf), min_size=1)
    corpus.pictures.update(draw(st.dictionaries(trials_of, values, max_size=2)))
    sets = st.builds(SetScore, finite, st.integers(0, 99), st.dictionaries(words, finite), st.none() | words)
    wanted = st.tuples(st.sampled_from(["FID", "KID"]), st.sampled_from(CONDITIONS))
    corpus.sets.update(draw(st.dictionaries(wanted, sets, max_size=2)))
    for clip, condition in draw(st.lists(trials_of, max_size=2)):
        corpus.unpictured[(clip, condition), "LMD"] = Unscored(clip, condition, "no face", "LMD")
    return corpus


@given(corpora())
def test_a_corpus_survives_json_exactly(corpus: Corpus) -> None:
    assert Corpus.from_dict(json.loads(json.dumps(corpus.to_dict()))) == corpus


@given(corpora())
def test_equal_corpora_are_written_alike(corpus: Corpus) -> None:
    backwards = Corpus(corpus.provenance, not_applicable=corpus.not_applicable)
    for name in ("trials", "unscored", "pictures", "sets", "unpictured"):
        getattr(backwards, name).update(reversed(getattr(corpus, name).items()))
    assert backwards == corpus
    assert json.dumps(backwards.to_dict()) == json.dumps(corpus.to_dict())


def flat(lse_d: float) -> SyncScore:
    """A score of LSE-D ``lse_d`` and LSE-C 1."""
    return SyncScore((lse_d, *[lse_d + 1] * 30), windows=20)


@pytest.fixture
def corpus() -> Corpus:
    provenance = Provenance("m", "c", ("a", "b"), "e", "lrs", "first", "zeros", {}, 0, "cpu", "0")
    return Corpus(provenance)


def condition(text: str) -> Condition:
    return next(c for c in CONDITIONS if str(c) == text)


def _provenance(names: list[str], **more: object) -> Provenance:
    about = ("m", "c", tuple(names), "embedded", "direct", "first", "zeros", {}, 3, "cpu", "")
    return Provenance(*about, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(("clips", "probed"), [(1, 1), (2, 1), (4, 3), (12, 4)])
def test_which_clips_a_probe_takes(clips: int, probed: int) -> None:
    about = _provenance([f"clip {number:02}" for number in range(clips)])
    shift, silence, speech = (
        set(about.clips_of(metric(name)))
        for name in ("REF_shift[PA,CR]", "REF_swap[SI,AR]", "REF_swap[PA,AR]")
    )
    assert len(shift) == probed
    assert silence | speech == shift, "what is asked of one still reference is asked of every clip"
    assert len(silence) == len(speech) == (probed + 1) // 2
    if clips == 12:
        assert not silence & speech, "no clip is made twice for it"
    assert set(about.clips_of(metric("REF_swap[SI,CR]"))) == silence
    for name in ("REF_swap[PA,CR]", "FRAME_shift[PA,AR]", "REF_shift[XM,CR]"):
        assert set(about.clips_of(metric(name))) == shift
    assert len(about.clips_of(metric("REF_shift[AM,CR]"))) == (probed + 1) // 2
    assert about.clips_of(metric("LSE-C_S")) == about.clip_names


def test_a_probe_under_other_speech_is_asked_of_the_first_partner_alone() -> None:
    found = Corpus(_provenance(["a", "b"], further_partners={"a": ("c",)}))
    swap = metric("REF_swap[XM,AR]").columns[0]
    assert swap.condition is not None
    for clip in "ab":
        found.pictures[clip, swap.condition] = {"REF_swap": 0.5, "SSIM": 0.9}
    assert found.column(swap) == {"a": 0.5, "b": 0.5}
    assert found.column(metric("SSIM[XM,AR]").columns[0]) == {"b": 0.9}, (
        "that of the other partner is missing"
    )


def test_mismatched_trials_are_scored_against_either_audio(corpus: Corpus) -> None:
    mismatched = condition("XM,CR")
    corpus.trials["a", mismatched] = TrialScore("a", mismatched, own=flat(9), driving=flat(7), own_offset=0)
    assert corpus.column(metric("LSE-D[XM,CR]").columns[0]) == {"a": 7}
    assert corpus.column(metric("LSE-D_XO[CR]").columns[0]) == {"a": 9}


def test_silent_trials_have_only_their_own_audio(corpus: Corpus) -> None:
    silent = condition("SI,AR")
    corpus.trials["b", silent] = TrialScore("b", silent, own=flat(8), driving=None, own_offset=0)
    assert corpus.column(metric("LSE-D_S[AR]").columns[0]) == {"b": 8}
    assert corpus.column(metric("LSE-D_S").columns[0]) == {}, "the other reference was not taken"


def test_workers_results_add_up(corpus: Corpus) -> None:
    one, two = condition("AM,CR"), condition("AM,AR")
    other = Corpus(corpus.provenance)
    corpus.trials["a", one] = TrialScore("a", one, flat(5), flat(5), 0)
    other.trials["b", one] = TrialScore("b", one, flat(6), flat(6), 0)
    other.unscored["b", two] = Unscored("b", two, "no face")
    other.not_applicable[Reference.AR] = "none"
    corpus.absorb(other)
    assert set(corpus.trials) == {("a", one), ("b", one)}
    assert [lost.reason for lost in corpus.unscored_in([Column("LSE-C", two)])] == ["no face"]
    assert corpus.unscored_in([Column("LSE-C", one)]) == ()
    assert corpus.not_applicable == {Reference.AR: "none"}


@pytest.mark.parametrize(
    ("asked", "allowed"),
    [([True, True], True), ([True, False], False), ([False, True], False), ([None, True], True)],
)
def test_clips_may_stay_unscored_where_every_part_that_asks_allows_it(
    corpus: Corpus, asked: list[bool | None], allowed: bool
) -> None:
    for each in asked:
        part = Corpus(corpus.provenance)
        if each is not None:
            part.asked["LSD-CR < 0.5"] = each
        corpus.absorb(part)
    assert corpus.asked == {"LSD-CR < 0.5": allowed}


def test_whoever_objects_is_heard_whoever_merges(corpus: Corpus) -> None:
    other = Corpus(corpus.provenance, expert_unfit="this expert cannot judge these clips")
    corpus.absorb(other)
    assert corpus.expert_unfit == "this expert cannot judge these clips"
    corpus.absorb(Corpus(corpus.provenance))
    assert corpus.expert_unfit == "this expert cannot judge these clips"


def test_clips_that_cannot_be_judged_are_named_alike_however_the_work_was_shared() -> None:
    corpus = Corpus(_provenance(["a", "b", "c"]))
    told = []
    for clips in ("bac", "cba"):
        corpus.unscored = {(clip, None): Unscored(clip, None, "too short: 1 s") for clip in clips}
        told.append(clips_without(corpus))
    assert told == ["without 3 of 3 clips: a, b, c (too short)"] * 2


def test_every_part_asks_the_same_clips_whether_a_model_draws() -> None:
    """Else a model of few moods is accused by one part that no run of all clips accuses."""
    names = tuple(f"clip_{number}" for number in range(12))
    whole = Provenance("m", "set", names, "e", "direct", "first", "zeros", {}, 0, "cpu", "0")
    asked = whole.swapped_beside(Condition(Setup.PA, Reference.AR))
    assert len({name for name, _ in asked}) == 4
    assert asked == whole.swapped_beside(Condition(Setup.SI, Reference.AR))
    for part in range(4):
        shard = {"part": part + 1, "of": 4, "clips": list(names)}
        here = replace(whole, clip_names=names[part::4], shard=shard)
        assert here.swapped_beside(Condition(Setup.PA, Reference.AR)) == asked
