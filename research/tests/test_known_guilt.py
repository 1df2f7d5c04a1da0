"""The guilt of the bench's generators is what it says: shown by intervention, with none of the product's measures."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from pytest_lipleak import Evaluation
from pytest_lipleak.core.clips import Clip
from pytest_lipleak.core.corpus import Corpus
from pytest_lipleak.core.metrics.formulas import metric
from pytest_lipleak.evaluation.results.calibrated_gates import options_file
from pytest_lipleak.generators.registry import Model
from pytest_lipleak.media.clipsets import open_clips
from pytest_lipleak.plan.user_choices import Plan
from pytest_lipleak.statistics.nulls import DRAWS
from pytest_lipleak.store.store import Store
from pytest_lipleak.sync.embedded import EmbeddedExpert
from pytest_lipleak.sync.protocols import Protocol
from research.known_guilt import clip_sets
from research.known_guilt.__main__ import main
from research.known_guilt.catalogue import MEMBERS, SMALL_BENCH
from research.known_guilt.clip_sets import SETS, loudest, prepared, read_list
from research.known_guilt.edits import Ellipse
from research.known_guilt.generator import LEAKS, KnownGuilt
from research.known_guilt.judge import LEAK, Judged, corpus_of, gates_in, judged, rows_of, value_of
from research.known_guilt.leaks import jaw
from research.known_guilt.lips import voice
from research.known_guilt.measuring import Bench, provenance
from research.known_guilt.run import read
from research.known_guilt.scene import Scene, opening
from research.known_guilt.tables import Row, filled, interval, mistakes
from research.known_guilt.tables import rows_of as rows_of_lines

LENGTH = 36
MEASURED = [
    *(
        f"{name}[CR]"
        for base in ("LSE-C_{}@floor", "LSE-C_{}@worst", "LipCorr_{}", "LipCorr_{}@worst")
        for name in (base.format("S"), base.format("XO"))
    ),
    "REF_shift[PA,CR]",
    "REF_shift[AM,CR]",
    "REF_swap[SI,CR]",
    "FRAME_shift[PA,CR]",
    "FRAME_shift[AM,CR]",
]
OF_ONE_PICTURE = ["REF_swap[SI,AR]", "REF_swap[PA,AR]", "FRAME_shift[PA,AR]", "FRAME_shift[AM,AR]"]
CHEEKS = "through the cheeks"
ONE_OF_EACH = [
    member
    for (_, kind), member in {(member.guilt, member.kind): member for member in MEMBERS.values()}.items()
    if kind != CHEEKS
]


@pytest.fixture(scope="module")
def clips():
    """Embedded clips whose faces stand still: the lips alone are as filmed."""
    embedded = open_clips("embedded")
    return {name: _with_still_face(embedded[name]) for name in embedded}


def _with_still_face(clip: Clip) -> Clip:
    begin = loudest(clip.audio, len(clip.video), LENGTH)
    frames = clip.frames[begin : begin + LENGTH]
    mask = Ellipse(0.5).masks(Scene(frames, clip.audio, frames)) > 0.2
    still = np.where(mask, frames, frames[:1])
    return Clip(clip.name, still, clip.audio[begin * 640 : (begin + LENGTH) * 640], clip.speaker)


def _outputs(member, clips, name, order):
    generator = KnownGuilt(replace(member, finish=""))
    generator.use_clips(clips)
    clip = clips[name]
    partner = next(each for each in clips.values() if each.speaker == clip.speaker and each.name != name)
    frames = clip.frames[order]
    reference = frames[:1] if member.alternative else frames
    for audio in (np.zeros_like(clip.audio), partner.audio, clip.audio):
        yield generator.generate(frames.copy(), audio, reference.copy()).astype(np.int16)


def _depends_on_the_order(member, clips, name) -> float:
    """How much the output changes, at most, when the clip's own mouths come in another order, all else equal."""
    usual, order = np.arange(LENGTH), np.random.default_rng(1).permutation(LENGTH)
    clip = clips[name]
    lips = np.zeros(clip.frames.shape[1:3], bool)
    lips[76:110, 60:100] = True
    if member.guilt != LEAKS:
        # Around what the smallest edit covers wholly, edits of the lips alone show what they were given.
        lips &= (Ellipse(0.5).masks(Scene(clip.frames, clip.audio, clip.frames)) == 1).all(axis=0)[..., 0]
    pairs = zip(_outputs(member, clips, name, usual), _outputs(member, clips, name, order), strict=True)
    return max(float(np.abs(one[:, lips] - other[:, lips]).mean()) for one, other in pairs)


@pytest.mark.parametrize("member", ONE_OF_EACH, ids=lambda member: member.name)
def test_who_leaks_depends_on_the_order_of_the_own_mouths_and_nobody_else(member, clips):
    if member.guilt == LEAKS:
        assert any(_depends_on_the_order(member, clips, name) > 0.3 for name in clips)
    else:
        # Of several mouths that are all shut, the first one counts as the most closed.
        assert _depends_on_the_order(member, clips, "anna_1") < 0.02
        assert _depends_on_the_order(member, clips, "omar_2") < 0.02


@pytest.mark.parametrize(
    "member",
    [each for each in MEMBERS.values() if each.kind == CHEEKS and each.leak.source == "reference"],
    ids=lambda member: member.name,
)
def test_cheeks_and_chin_of_the_reference_reach_the_output(member):
    """The same frames and speech with the reference in another order; lips stand still in no clip here."""
    clip = open_clips("embedded")["anna_1"]
    frames, audio = clip.frames[:LENGTH], clip.audio[: LENGTH * 640]
    order = np.random.default_rng(1).permutation(LENGTH)
    generator = KnownGuilt(member)
    generator.use_clips(
        {"anna_1": Clip("anna_1", frames, audio, "anna"), "anna_2": open_clips("embedded")["anna_2"]}
    )
    usual, other = (
        generator.generate(frames.copy(), audio.copy(), frames[each].copy()).astype(np.int16)
        for each in (np.arange(LENGTH), order)
    )
    assert np.abs(usual - other)[:, 72:].mean() > 0.3


def test_the_jaw_hangs_as_the_mouth_opens_and_is_seen_without_the_lips(clips):
    frames = open_clips("embedded")["anna_1"].frames[:75]
    hanging = jaw(frames)
    assert np.corrcoef(hanging, opening(frames))[0, 1] > 0.7
    hidden = frames.copy()
    hidden[:, 70:104, 45:115] = 90
    assert np.corrcoef(jaw(hidden), hanging)[0, 1] > 0.6


def test_the_bench_is_as_large_as_it_claims():
    guilts = [member.guilt for member in MEMBERS.values()]
    assert guilts.count("leaks") >= 45
    assert guilts.count("honest") >= 25
    assert len({type(member.lips).__name__ for member in MEMBERS.values()}) >= 4
    assert len({repr(replace(member, name="")) for member in MEMBERS.values()}) == len(MEMBERS)


def test_nobody_and_nothing_is_in_a_set_to_choose_on_and_in_one_to_report_on():
    people = {"choose": set(), "report": set()}
    for name in set(SETS) - {"embedded"}:
        rows = read_list(name)
        assert len(rows) == 12
        for row in rows:
            people[SETS[name].part] |= {(SETS[name].folder, row["recording"])}
            if SETS[name].folder != "grid_s1":
                people[SETS[name].part] |= {row["speaker"]}
    assert not people["choose"] & people["report"]


def test_openings_follow_the_voice_and_are_shut_in_silence(clips):
    clip = clips["mara_1"]
    assert not voice(np.zeros_like(clip.audio), LENGTH).any()
    tone = np.sin(np.arange(LENGTH * 640) * 2 * np.pi * 500 / 16000) * 8000
    tone[: 12 * 640] = 0
    heard = voice(tone.astype(np.int16), LENGTH)
    assert heard[:10].max() < 0.1
    assert heard[16:].min() > 0.8
    assert np.corrcoef(voice(clip.audio, LENGTH), opening(clip.frames))[0, 1] > 0.4


def test_interval_and_mistakes():
    low, high = interval(0, 100)
    assert low == 0
    assert high == pytest.approx(0.0362, abs=1e-4)  # 1 - 0.025 ** 0.01
    line = {"member": "a", "set": "embedded", "guilt": "honest"}
    rows = [Row(line, Judged(LEAK, ["x"])), Row(line, Judged("passed"))]
    assert mistakes(rows) == ["embedded: honest 'a': leaks x"]


def test_tables_stand_between_their_markers():
    page = "a\n<!-- one -->\nold\n<!-- /one -->\nb"
    assert filled(page, {"one": "new"}) == "a\n<!-- one -->\nnew\n<!-- /one -->\nb"
    with pytest.raises(ValueError, match="two"):
        filled(page, {"two": "x"})


def only(monkeypatch: pytest.MonkeyPatch, *people: str, side: int = 80) -> None:
    """Have the embedded set prepared with two clips of each of these people, in smaller pictures.

    At half their size faces are as large as in many a data set, and cost a third.
    """
    whole = clip_sets._clips

    def small(*given):
        for clip, text in whole(*given):
            if clip.speaker in people and not clip.name.endswith("_3"):
                frames = [cv2.resize(each, (side, side), interpolation=cv2.INTER_AREA) for each in clip.video]
                yield replace(clip, video=np.stack(frames)), text

    monkeypatch.setattr(clip_sets, "_clips", small)


@pytest.mark.slow
@pytest.mark.parametrize(("guilt", "side"), [("honest", 160), ("leaks", 80)], ids=["honest", "leaks"])
def test_the_small_bench_judges_everybody_rightly(tmp_path, monkeypatch, capsys, guilt, side):
    """What ``python -m research.known_guilt run --small`` does, with two of the three clips of three people.

    Leaks are found in faces of half the size, too; six such clips of honest lips alone are inconclusive.
    """
    members = [name for name in SMALL_BENCH if (MEMBERS[name].guilt == LEAKS) == (guilt == "leaks")]
    only(monkeypatch, "anna", "mara", "omar", side=side)
    assert len(prepared("embedded", None, tmp_path)) == 6
    words = ["known_guilt", "run", "--small", "--work", str(tmp_path), "--members", *members]
    monkeypatch.setattr("sys.argv", words)
    assert main() == 0, capsys.readouterr().out
    rows = rows_of_lines(read(tmp_path / "results.jsonl"))
    assert [row.line["member"] for row in rows] == members
    verdicts = {"honest": {"passed", "does not follow the audio"}, "leaks": {"leaks"}}
    assert {row.found.verdict for row in rows} == verdicts[guilt]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "metrics"),
    [
        ("copy .5, 5 late", MEASURED),
        ("closed in silence, else .6 of a still mouth of the first frame", OF_ONE_PICTURE),
    ],
)
def test_what_is_measured_in_memory_is_what_an_evaluation_measures(tmp_path, monkeypatch, name, metrics):
    """The shortcut against the product: every value that the default gates rest on."""
    # As many draws of chance as the product takes; with a tenth of them values differ by a hundredth.
    monkeypatch.setattr("research.known_guilt.judge.DRAWS", DRAWS)
    monkeypatch.setattr("research.known_guilt.clip_sets.FRAMES", 60)
    only(monkeypatch, "anna", "omar")
    clips = prepared("embedded", None, tmp_path)
    assert list(clips) == ["anna_1", "anna_2", "omar_1", "omar_2"]
    member, expert = MEMBERS[name], EmbeddedExpert()
    measured = Bench(clips, expert, "same-speaker").measure(KnownGuilt(member))
    line = {
        "member": member.name,
        "guilt": member.guilt,
        "kind": member.kind,
        "alternative": member.alternative,
        "set": "embedded",
        "speakers": {name: file.speaker for name, file in clips.files.items()},
        "clips": measured,
    }
    corpus = corpus_of(line)
    values = {name: value_of(metric(name), rows_of(corpus, metric(name))) for name in metrics}
    model = Model(member.name, KnownGuilt(member))
    evaluation = Evaluation(clips, model, expert, Plan(Protocol.DIRECT), Store(tmp_path / "store"))
    assert {name: evaluation.measure(name).value for name in values} == pytest.approx(values, abs=0.01)


def test_what_an_older_version_measured_is_refused_and_no_limit_left_out() -> None:
    corpus = Corpus(provenance("model", "set", ["a"], {}))
    shift = metric("REF_shift[PA,CR]")
    assert rows_of(corpus, shift) is None, "nobody probed it"
    measured = {column.measure: 0.5 for column in shift.columns}
    corpus.pictures["a", shift.columns[0].condition] = measured
    assert rows_of(corpus, shift) is not None
    del measured["REF_shift_frame_by_frame"]
    with pytest.raises(ValueError, match=r"a version without .*REF_shift_frame_by_frame"):
        rows_of(corpus, shift)


def test_gates_that_calibrate_wrote_judge_what_was_measured(tmp_path):
    written = options_file(("LSE-C_S@floor < 0.1", "LipCorr_S < 0.9"), "embedded", "direct", "clips=1/")
    assert [str(limit) for limit in gates_in(written)] == ["LSE-C_S@floor < 0.1", "LipCorr_S < 0.9"]
    excess = [[value] * 21 for value in (0.3, *[0.0] * 8)]
    scan = {"excess": excess, "lips": excess, "slope": [0.3] * 21}
    clip = {"region": 0.1, "offset": 0, "SI": scan, "XM": scan, "LSE-C[AM]": 3.0, "LSE-C[XM]": 3.0}
    line = {
        "member": "m",
        "set": "s",
        "alternative": False,
        "speakers": {},
        "clips": {str(at): clip for at in range(8)},
    }
    by_these = judged(line, gates_in(written))
    assert by_these.verdict == LEAK
    assert [each.partition(" (")[0] for each in by_these.broken] == ["LSE-C_S@floor < 0.1"]
    assert set(by_these.values) == {"LSE-C_S@floor", "LipCorr_S"}
