"""A name that is slightly wrong is answered by the one that was meant."""

import ast
from pathlib import Path

import pytest

import pytest_lipleak
from pytest_lipleak.core.suggestions import COMPARED, closest, meant, meant_file, meant_or_known


def test_the_nearest_name_is_suggested_and_nothing_where_none_is_near() -> None:
    clips = ["anna_1", "mara_1", "Omar_1"]
    assert meant("mara1", clips) == "; did you mean mara_1?"
    assert meant("OMAR1", clips) == "; did you mean Omar_1?", "capitals are no difference"
    assert meant("xyz", clips) == ""
    assert closest("mara1", clips, 2) == ["mara_1", "Omar_1"]
    assert meant_or_known("xyz", clips) == "; known are anna_1, mara_1, Omar_1"
    assert meant("a\nb", ["a\nbc"]) == "; did you mean a\\nbc?", "no line of its own"


def test_a_file_is_looked_for_where_it_should_be(tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    for name in ("mara_1.mkv", "mara_2.mkv"):
        (tmp_path / "clips" / name).touch()
    wrong = tmp_path / "clips" / "mara1.mkv"
    assert meant_file(wrong) == "; did you mean mara_1.mkv?"
    assert meant_file(wrong, frozenset([tmp_path / "clips/mara_1.mkv"])) == "; did you mean mara_2.mkv?"
    assert meant_file(tmp_path / "clip" / "mara_1.mkv") == "; did you mean clips?"
    (tmp_path / "clips/mara1_new.mkv").touch()
    assert meant_file(tmp_path / "clips/mara1_now.mkv") == "; did you mean mara1_new.mkv?", "what came since"
    assert meant_file(tmp_path / "clips/mara_1.mkv") == "", "it is there, and fails for another reason"
    assert [meant_file(Path(odd)) for odd in ("\0", "~nobody-of-that-name/x", "x" * 5000)] == ["", "", ""]


def test_in_a_folder_of_very_many_files_nobody_guesses(tmp_path: Path) -> None:
    """Each guess compares all of them, and thousands of outputs may be missing."""
    for number in range(COMPARED):
        (tmp_path / f"a_{number}").touch()
    assert meant_file(tmp_path / "a-7") == "; did you mean a_7?"
    (tmp_path / "a_more").touch()
    assert meant_file(tmp_path / "a-7") == ""


def test_nobody_else_guesses() -> None:
    top = Path(pytest_lipleak.__file__).parent
    guessing = [
        path.relative_to(top).as_posix()
        for path in top.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, ast.ImportFrom | ast.Import)
        and "difflib" in (getattr(node, "module", None), *(each.name for each in node.names))
    ]
    assert guessing == ["core/suggestions.py"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["evaluate", "--model=dmo"], "did you mean demo?"),
        (["evaluate", "--model=demo", "--clips=clip"], "did you mean clips?"),
        (["evaluate", "--model=demo", "--clips=list.csv"], "did you mean mara_1.mkv?"),
        (["evaluate", "--model=demo", "--clips=lists.csv"], "did you mean list.csv?"),
        (
            ["evaluate", "--model=demo", "--pairs=pairs.txt", "--gate=LSE-C_XO[CR] < 1"],
            "did you mean anna_1?",
        ),
        (["evaluate", "--model=demo", "--pairs=pair.txt"], "did you mean pairs.txt?"),
        (["evaluate", "--model=demo", "--gate=LSE-C_X[CR] < 1"], "did you mean LSE-C_XO"),
        (["evaluate", "--model=demo", "--protocol=tracke"], "did you mean tracked?"),
        (["evaluate", "--model=demo", "--expert=embeded"], "did you mean embedded?"),
        (["evaluate", "--model=demo", "--device=cuba"], "did you mean cuda?"),
        (["evaluate", "--model=demo", "--see=1"], "did you mean --seed?"),
        (["evaluate", "--model=videos:finishd.csv"], "did you mean finished.csv?"),
        (["evaluate", "--model=videos:finished.csv"], "did you mean mara_1.mkv?"),
        (["evaluate", "--model=videos:probes.csv"], "did you mean REF_swap?"),
        (["evaluate", "--model=videos:setups.csv", "--model-arg=model=on"], "did you mean one?"),
        (["evaluate", "--model=videos:clips.csv", "--clips=clips"], "did you mean mara_1?"),
        (["evaluate", "--model=model.py:Modell"], "did you mean Model?"),
        (["evaluate", "--model=modell.py:Model"], "did you mean model.py?"),
        (["doctor", "--model=demo", "--clip=ana_1"], "did you mean anna_1?"),
        (["probe", "--model=demo", "--setup=PAA"], "did you mean PA?"),
        (["report", "reprt.json"], "did you mean report.json?"),
        (["report", "report.json", "--format=htm"], "did you mean html?"),
        (["evaluat"], "did you mean evaluate?"),
        (["score", "clips/mara1.mkv"], "did you mean mara_1.mkv?"),
    ],
)
def test_the_command_suggests_wherever_a_name_is_not_found(
    arguments: list[str],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from pytest_lipleak.cli import USAGE, main

    monkeypatch.chdir(tmp_path)
    (tmp_path / "clips").mkdir()
    for name in ("mara_1", "mara_2"):
        (tmp_path / f"clips/{name}.mkv").touch()
    files = {
        "list.csv": "file\nclips/mara1.mkv\nclips/mara_2.mkv\n",
        "pairs.txt": "ana_1 mara_1\n",
        "finished.csv": "output,source,setup\nout.mp4,clips/mara1.mkv,AM\n",
        "probes.csv": "output,clip,setup,probe,inputs\nout.mp4,mara_1,SI,REF_swp,5-0123456789abcdef\n",
        "setups.csv": "output,clip,setup,model\nout.mp4,mara_1,SI,one\nout2.mp4,mara_1,SI,other\n",
        "clips.csv": "output,clip,setup\nclips/mara_2.mkv,mara1,SI\n",
        "model.py": "class Model: pass\n",
        "report.json": "{}",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    try:
        status = main(arguments)
    except SystemExit as error:
        status = error.code
    assert status == USAGE
    said = capsys.readouterr().err
    assert words in said
    assert said.count("did you mean") == 1
