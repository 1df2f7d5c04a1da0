"""Tables and patterns of finished videos: what is understood, and what is refused before anything is decoded."""

from pathlib import Path

import pytest

from pytest_lipleak.core.conditions import Condition, Reference, Setup
from pytest_lipleak.core.errors import InputError, MissingDataError
from pytest_lipleak.media.boxes import Box
from pytest_lipleak.media.finished_tables import (
    OWN,
    SILENCE,
    TRACK,
    TrialName,
    by_trial,
    check_finished,
    named_in,
    read_finished,
    rows_with_clips,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("clips/ann.mp4", "clips/bob.mp4", "out/1.mp4", "out/2.mp4", "other.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def table(folder: Path, *lines: str, name: str = "manifest.csv") -> str:
    (folder / name).write_text("\n".join(lines))
    return str(folder / name)


def test_what_a_row_says(folder: Path) -> None:
    spec = table(
        folder,
        "Output;Source;Audio;Model;Setup;Reference;Speaker;Text;Clip;Box;Source_Box",
        'out\\1.mp4;clips/ann.mp4;own;new;am;ar;ann;"hello, you";first;256,0,128,128;0 0 64 64',
        "out/3.mp4;clips/bob.mp4;silence;new;;;;;;;",
    )
    full, short = read_finished(spec).rows
    assert (full.output, full.source) == (folder / "out/1.mp4", folder / "clips/ann.mp4")
    assert full.trial == TrialName("first", Condition(Setup.AM, Reference.AR))
    assert (full.audio, full.model, full.speaker, full.text) == (OWN, "new", "ann", "hello, you")
    assert (full.box, full.source_box) == (Box(256, 0, 128, 128), Box(0, 0, 64, 64))
    assert (short.trial, short.audio) == (TrialName("clips/bob", Condition(Setup.SI, Reference.CR)), SILENCE)
    assert short.output == folder / "out/3.mp4", "an output may be missing"


def test_messages_call_an_output_by_what_tells_it_from_the_others(folder: Path) -> None:
    """Outputs of several folders are called alike; one that stands alone needs no folder."""
    outputs = ["a/XM/CR/ann.mp4", "a/XM/AR/ann.mp4", "b/XM/CR/ann.mp4", "b/bob.mp4"]
    spec = table(
        folder,
        "output,source,model",
        *(f"{each},clips/ann.mp4,{each[0]}{at}" for at, each in enumerate(outputs)),
    )
    rows = read_finished(spec).rows
    assert [row.name for row in rows] == ["a/XM/CR/ann.mp4", "AR/ann.mp4", "b/XM/CR/ann.mp4", "bob.mp4"]
    assert rows[1].place == f"AR/ann.mp4 ({spec}, line 3)"
    (alone,) = read_finished(str(folder / "out/{clip}1.mp4").replace("{clip}1", "{clip}")).rows[:1]
    assert alone.place == "1.mp4", "a name of a file stands in no line"


def test_a_folder_means_its_manifest_and_an_output_may_have_another_ending(folder: Path) -> None:
    table(folder, "output,source,setup", "out/1.avi,clips/ann.mp4,XM")
    (row,) = read_finished(str(folder)).rows
    assert row.output == folder / "out/1.mp4"
    assert row.audio == TRACK


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["source,audio", "clips/ann.mp4,own"], "no column 'output'"),
        (["output,audio", "out/1.mp4,own"], "no column 'source'"),
        (
            ["output,source", "out/1.mp4,", "out/2.mp4,clips/ann.mp4"],
            "line 2: names neither a source nor a clip",
        ),
        (["output,source", ",clips/ann.mp4"], "line 2: the column 'output' is empty"),
        (["output,source", "out/1.mp4,clips/eve.mp4"], "line 2: source 'clips/eve.mp4' is not a file"),
        (["output,source,audio", "out/1.mp4,clips/ann.mp4,no.wav"], "line 2: audio 'no.wav' is not a file"),
        (["output,source,setup", "out/1.mp4,clips/ann.mp4,MX"], "line 2: setup 'MX' is none of AM, XM, SI"),
        (
            ["output,source,audio,setup", "out/1.mp4,clips/ann.mp4,silence,AM"],
            "line 2: setup AM contradicts audio 'silence', which is SI",
        ),
        (
            ["output,source,audio,setup", "out/1.mp4,clips/ann.mp4,own,XM"],
            "line 2: setup XM contradicts audio 'own', which is AM",
        ),
        (
            ["output,source,setup", "out/1.mp4,clips/ann.mp4,XM", "out/2.mp4,clips/ann.mp4,xm"],
            "line 3: a second video of clips/ann [XM,CR]",
        ),
        (
            ["output,source,setup", "out/1.mp4,clips/ann.mp4,XM", "out/1.mp4,clips/bob.mp4,XM"],
            "line 3: the output 1.mp4 stands in two rows",
        ),
        (
            [
                "output,source,reference,setup",
                "out/1.mp4,clips/ann.mp4,CR,XM",
                "clips/.././out//1.mp4,clips/ann.mp4,AR,XM",
            ],
            "1.mp4 stands in two rows, here and in",
        ),
        (
            [
                "output,source,model,setup",
                "out/1.mp4,clips/ann.mp4,a,XM",
                "clips/../out/1.mp4,clips/ann.mp4,b,XM",
            ],
            "1.mp4 stands in two rows, here and in",
        ),
        (["output,source,box", 'out/1.mp4,clips/ann.mp4,"1,2,3"'], "line 2: box '1,2,3' is no box"),
        (["output,source,box", 'out/1.mp4,clips/ann.mp4,"0,0,0,9"'], "is no box"),
        (["output,source,probe", "out/1.mp4,clips/ann.mp4,REF"], "line 2: unknown probe 'REF'"),
        (["output,source,probe", "out/1.mp4,clips/ann.mp4,REF_swap"], "needs the column 'inputs'"),
        (
            ["output,source,probe,inputs", "out/1.mp4,clips/ann.mp4,REF_swap,kept"],
            "needs the column 'inputs', which `lipleak export` writes",
        ),
        (["output,source,inputs", "out/1.mp4,clips/ann.mp4,yes"], "line 2: inputs 'yes' is nothing that"),
        (["output,source"], "0 finished videos"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_refused(folder: Path, lines: list[str], words: str) -> None:
    with pytest.raises(InputError, match=r"manifest\.csv") as refused:
        read_finished(table(folder, *lines))
    assert words in str(refused.value)


def test_one_of_several_models_must_be_chosen(folder: Path) -> None:
    spec = table(
        folder, "output,source,model,setup", "out/1.mp4,clips/ann.mp4,a,XM", "out/2.mp4,clips/ann.mp4,b,XM"
    )
    read = read_finished(spec)
    assert read.models == ("a", "b")
    assert [row.output.name for row in read.of("b").rows] == ["2.mp4"]
    assert {each.name for each in read.of("b").others} == {"1.mp4"}, "no missing output of b is one of these"
    for model in (None, "c"):
        with pytest.raises(InputError, match=r"model=NAME.*there are a, b"):
            read.of(model)


def test_a_table_of_which_nothing_is_there_is_a_mistake(folder: Path) -> None:
    spec = table(folder, "output,source,setup", "8.mp4,clips/ann.mp4,XM", "9.mp4,clips/bob.mp4,XM")
    with pytest.raises(InputError, match="none of its 2 videos is there"):
        check_finished(spec, None)
    (folder / "9.mp4").touch()
    check_finished(spec, None)


def test_a_pattern_reads_names(folder: Path) -> None:
    for name in ("out/am_cr/ann.mp4", "out/xm_cr/bob/1.mp4", "out/SI_AR/ann.mp4", "out/XX_CR/ann.mp4"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    rows = read_finished(f"{folder}/out/{{setup}}_{{reference}}/{{clip}}.mp4").rows
    found = {str(row.trial): row.audio for row in rows}
    assert found == {"ann [SI,AR]": SILENCE, "ann [AM,CR]": OWN, "bob/1 [XM,CR]": TRACK}
    for pattern, words in (
        ("{setup}.mp4", "it lacks {clip}"),
        ("{clip}_{seed}.mp4", "'{seed}' means nothing"),
        ("{clip}.webm", "no file below"),
    ):
        with pytest.raises((InputError, MissingDataError), match=words):
            read_finished(f"{folder}/out/{pattern}")


def test_clips_are_meant_by_name_place_or_file_stem(folder: Path) -> None:
    clips = ["Ann/1", "bob/1", "bob/2"]
    assert named_in(clips, "bob/2") == "bob/2"
    assert named_in(clips, "2") == "bob/2"
    assert named_in(clips, "elsewhere/bob+2") == "bob/2"
    assert named_in(clips, "1") is None, "two are called so"
    rows = read_finished(table(folder, "output,clip,setup", "out/1.mp4,2,XM")).rows
    read = read_finished(table(folder, "output,clip,setup", "out/1.mp4,2,XM"))
    assert [row.clip for row in rows_with_clips(read, clips, "clips")] == ["bob/2"]
    assert list(by_trial(rows)) == [TrialName("2", Condition(Setup.XM, Reference.CR))]
    with pytest.raises(InputError, match=r"no clip 'eve' in clips \(known: Ann/1"):
        list(rows_with_clips(read_finished(table(folder, "output,clip", "out/1.mp4,eve")), clips, "clips"))


def test_a_folder_without_a_table_is_not_called_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match=r"the folder has no manifest\.csv; name a table with"):
        read_finished(str(tmp_path))


@pytest.mark.parametrize(
    ("name", "words"), [("manifest.csv", "was cut off"), ("", "was cut off"), ("manifst.csv", "no such file")]
)
def test_an_export_is_said_to_be_cut_off_where_its_own_table_is_missing(
    tmp_path: Path, name: str, words: str
) -> None:
    (tmp_path / "export.json").touch()
    with pytest.raises(MissingDataError, match=words):
        read_finished(str(tmp_path / name))
