import codecs
import csv
import io
import time
import unicodedata
from contextlib import suppress
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pytest_lipleak.core.errors import InputError, LipleakError
from pytest_lipleak.media.clipsets import ClipFile, ClipSet, open_clips
from pytest_lipleak.media.pair_lists import read_pairs
from pytest_lipleak.media.tables import file_beside, read_lines, read_table


def cells(path: Path) -> list[dict[str, str]]:
    return [row.cells for row in read_table(path, ["file"])]


ROWS = [
    {"file": "caf\u00e9.mp4", "speaker": "J\u00fcrgen", "text": "a; b, c"},
    {"file": "b.mp4", "text": "\u00fc"},
]

ENCODINGS = {
    "utf-8": lambda text: text.encode(),
    "utf-8 with mark": lambda text: codecs.BOM_UTF8 + text.encode(),
    "utf-16-le with mark": lambda text: codecs.BOM_UTF16_LE + text.encode("utf-16-le"),
    "utf-16-be with mark": lambda text: codecs.BOM_UTF16_BE + text.encode("utf-16-be"),
    "utf-16-le": lambda text: text.encode("utf-16-le"),
    "utf-16-be": lambda text: text.encode("utf-16-be"),
    "utf-32 with mark": lambda text: text.encode("utf-32"),
    "cp1252": lambda text: text.encode("cp1252"),
}


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_table_is_read_in_every_form(tmp_path: Path, encoding: str, delimiter: str, end: str) -> None:
    # The standard library writes it.
    written = io.StringIO(newline="")
    writer = csv.DictWriter(written, ["file", "speaker", "text"], delimiter=delimiter, lineterminator=end)
    writer.writeheader()
    writer.writerows(ROWS)
    path = tmp_path / "clips.csv"
    path.write_bytes(ENCODINGS[encoding](written.getvalue()))
    assert cells(path) == ROWS


def test_headings_blanks_and_comments_as_people_write_them(tmp_path: Path) -> None:
    path = tmp_path / "clips.csv"
    path.write_text(
        '# clips of "Ann, and others\n\n   \n FILE ; Speaker;"Text";;  Frame   Rate\n'
        "  a.mp4 ;Ann; hello ;x; 25\n# b.mp4;Bob\n;;;;\n"
        '"#1.mp4"; "Ann; the first";"said ""yes""\nand no";;\n\n'
    )
    assert cells(path) == [
        {"file": "a.mp4", "speaker": "Ann", "text": "hello", "frame rate": "25"},
        {"file": "#1.mp4", "speaker": "Ann; the first", "text": 'said "yes"\nand no'},
    ]


def test_excels_own_first_line_names_the_separator(tmp_path: Path) -> None:
    path = tmp_path / "clips.csv"
    path.write_text("sep=;\nfile;speaker, as heard\na,b.mp4;Ann\n")
    assert cells(path) == [{"file": "a,b.mp4", "speaker, as heard": "Ann"}]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"file,FILE\na.mp4,b\n", "line 1: two columns are called file"),
        (b"file,speaker, Speaker\na,b,c\n", "line 1: two columns are called speaker"),
        (b"\n# x\nvideo;person\na;b\n", "line 3: no column 'file'; found video, person"),
        (b"file,speaker\na.mp4,Ann\nb.mp4,Bob,x\n", "line 3: has 3 cells, expected 2"),
        (b"file,speaker\na.mp4\n", "line 2: has 1 cell, expected 2"),
        (b"file\na.mp4\n\nb, c.mp4\n", "line 4: has 2 cells, expected 1 like the headings"),
        (
            b'file,speaker\na.mp4,Ann\n"b.mp4,Bob\nc.mp4,x\n',
            "line 3: the cells of this row cannot be told apart",
        ),
        (b'file,speaker\n"a.mp4"x,Ann\n', "line 2: the cells of this row cannot be told apart"),
        (b"file,speaker\na\0b.mp4,Ann\n", "line 2: holds a NUL byte"),
        (b"file,text\na.mp4," + b"x" * 200_000 + b"\n", "line 2: the cells of this row cannot be told apart"),
        (b'file,text\na.mp4,"' + b"x\n" * 100_000, "line 2: the cells of this row cannot be told apart"),
        (b"file\n\x81\x8d.mp4\n", "line 2: is no text in UTF-8, UTF-16 or Windows-1252"),
        (codecs.BOM_UTF16_LE + "fi".encode("utf-16-le") + b"\x00\xd8x\x00", "is no text"),
        (b"\x1aE\xdf\xa3\x00\x00\x00\x01", "NUL byte"),
    ],
)
def test_what_cannot_be_read_names_file_line_and_remedy(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "clips.csv"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        cells(path)
    assert words in str(caught.value)
    assert str(caught.value).startswith(f"{path}, line ")
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("file,name\na.mp4,../../data/a\n", "line 2: the name '../../data/a' leads out of its folder"),
        ("file,name\na.mp4,/etc/a\n", "line 2: the name '/etc/a' is an absolute path"),
        ("file,name\na.mp4,a\x1b[2Jb\n", "line 2: the name 'a\\x1b[2Jb' holds the character U+001B"),
        ('file,name\na.mp4,"a\nb"\n', "holds the character U+000A"),
        ("file,speaker\na.mp4,A\u202enn\n", "line 2: the speaker 'A\\u202enn' holds the character U+202E"),
        (f"file,name\na.mp4,{'x' * 600}\n", "600 characters"),
        (f"file\n{'x' * 6000}.mp4\n", "(line 2)"),
        ("file\nC:\\clips\\a.mp4\n", "not beside it: C:\\clips\\a.mp4 (line 2)"),
        ("file\n.\n", "not beside it: . (line 2)"),
    ],
)
def test_a_manifest_with_hostile_names_is_refused(tmp_path: Path, content: str, words: str) -> None:
    (tmp_path / "a.mp4").write_bytes(b"")
    (tmp_path / "clips.csv").write_text(content, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        open_clips(tmp_path / "clips.csv")
    assert words in str(caught.value)
    assert str(caught.value).isprintable()


def test_files_outside_the_manifests_folder_get_names_inside(tmp_path: Path) -> None:
    for place in ("data/a.mkv", "set/sub/b.mkv", "set/12:30.mkv", "c.mkv"):
        path = tmp_path / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    manifest = tmp_path / "set/clips.tsv"
    manifest.write_text(f"file\n../data/a.mkv\nsub\\b.mkv\n./12:30.mkv\n{tmp_path}/c.mkv\n")
    clips = open_clips(manifest)
    assert {name: file.video.resolve() for name, file in clips.files.items()} == {
        "data/a": tmp_path / "data/a.mkv",
        "sub/b": tmp_path / "set/sub/b.mkv",
        "12:30": tmp_path / "set/12:30.mkv",
        "c": tmp_path / "c.mkv",
    }


def test_a_name_that_was_given_is_taken(tmp_path: Path) -> None:
    for place in ("x/mara.mkv", "y/other.mkv"):
        (tmp_path / place).parent.mkdir()
        (tmp_path / place).write_bytes(b"")
    table = tmp_path / "clips.csv"
    table.write_text(f"file,name\n{tmp_path}/x/mara.mkv,\n{tmp_path}/y/other.mkv,mara\n")
    assert set(open_clips(table).files) == {"x/mara", "mara"}


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_accents_may_be_written_as_another_system_writes_them(
    tmp_path: Path, form: Literal["NFC", "NFD"]
) -> None:
    other: Literal["NFC", "NFD"] = "NFD" if form == "NFC" else "NFC"
    video = tmp_path / unicodedata.normalize(other, "caf\u00e9.mkv")
    video.write_bytes(b"")
    manifest = tmp_path / "clips.csv"
    manifest.write_text(
        f"\ufeff\ufefffile,\u200bspeaker\n{unicodedata.normalize(form, video.name)},Ann\n", "utf-8"
    )
    (clip,) = open_clips(manifest).files.values()
    assert (clip.video, clip.speaker) == (video, "Ann")


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("a b.mkv", "a%20b.mkv"),
        ("a%20b.mkv", "a%20b.mkv"),
        ("caf\u00e9.mkv", "caf%C3%A9.mkv"),
        ("a b.mkv", "file://{folder}/a%20b.mkv"),
        ("a b.mkv", "file://{folder}/a b.mkv"),
    ],
)
def test_a_file_may_be_named_by_its_address(tmp_path: Path, name: str, written: str) -> None:
    (tmp_path / name).write_bytes(b"")
    assert file_beside(tmp_path, written.format(folder=tmp_path)) == tmp_path / name


def test_a_file_that_is_called_like_an_address_is_meant_first(tmp_path: Path) -> None:
    for name in ("a b.mkv", "a%20b.mkv"):
        (tmp_path / name).write_bytes(b"")
    assert file_beside(tmp_path, "a%20b.mkv") == tmp_path / "a%20b.mkv"


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.one_of(
        st.binary(max_size=200), st.text(st.sampled_from('file,;\t"\n\r#= a.\0\x1b\u202e\udce9'), max_size=60)
    )
)
@example(b"file\n" + b"/" * 5000)
@example('"')
@example("file\n\udce9.mkv")
@example(b"sep=\n")
@example(b"\xff\xfe")
@example(b"file,audio\n.,.\n")
def test_no_manifest_and_no_pair_list_ends_in_another_error(tmp_path: Path, content: bytes | str) -> None:
    data = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
    for start in (b"", b"file,speaker,name,text\n", b"audio,video\n"):
        for path in (tmp_path / "clips.csv", tmp_path / "pairs.txt"):
            path.unlink(missing_ok=True)  # some file systems wait for the disk where a file is written again
            path.write_bytes(start + data)
        clips = ClipSet([ClipFile("a", tmp_path / "a"), ClipFile("f i", tmp_path / "b")], "here")
        with suppress(LipleakError):
            open_clips(tmp_path / "clips.csv")
        with suppress(LipleakError):
            read_pairs(tmp_path / "pairs.txt", clips)


@given(
    st.lists(
        st.tuples(*[st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=12)] * 2),
        max_size=8,
    ),
    st.sampled_from(",;\t"),
)
def test_what_the_standard_library_writes_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]], delimiter: str
) -> None:
    path = tmp_path_factory.mktemp("tables") / "clips.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=delimiter, quoting=csv.QUOTE_ALL)
        writer.writerow(["file", "text"])
        writer.writerows([("x", *row) for row in rows] and rows)
    expected = [
        {name: text for name, cell in zip(("file", "text"), row, strict=True) if (text := cell.strip())}
        for row in rows
    ]
    assert cells(path) == [row for row in expected if row]


def test_twenty_thousand_rows_in_a_second(tmp_path: Path) -> None:
    (tmp_path / "a.mkv").write_bytes(b"")
    lines = [f"a.mkv,clip {number},speaker {number % 50},words number {number}" for number in range(20_000)]
    (tmp_path / "clips.csv").write_text("\n".join(["file,name,speaker,text", *lines]))
    begun = time.process_time()
    clips = open_clips(tmp_path / "clips.csv")
    assert len(clips) == 20_000
    assert time.process_time() - begun < 2, "a second, and as much again for slow machines"


def spaced(*names: str) -> ClipSet:
    class Unlike(ClipSet):
        def same_speech(self, one: str, other: str) -> bool:
            return one == other

    return Unlike([ClipFile(name, Path(name)) for name in names], "here")


@pytest.mark.parametrize(
    "line",
    [
        "ann/clip one\tbob/clip two",
        '"ann/clip one" "bob/clip two"',
        '"ann/clip one.mp4"   "bob/clip two.mp4"',
        "ann/clip one bob/clip two",
        "ann/clip one.mp4 bob/clip two.mp4",
        "ann/clip one, bob/clip two",
        "ann/clip one;bob/clip two",
        "audio,video\nann/clip one,bob/clip two",
        "# whose audio, whose video\nVideo_ID;Audio_ID;note\nbob/clip two.mp4;ann/clip one.mp4;x",
        "audio_id\tvideo_id\nann/clip one\tbob/clip two",
    ],
)
def test_pairs_name_clips_with_blanks(tmp_path: Path, line: str) -> None:
    path = tmp_path / "pairs.txt"
    path.write_bytes(codecs.BOM_UTF16_LE + f"{line}\r\n".encode("utf-16-le"))
    clips = spaced("ann/clip one", "bob/clip two", "bob/clip", "two")
    assert read_pairs(path, clips) == {"bob/clip two": ("ann/clip one",)}


def test_a_line_that_can_be_read_in_two_ways_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pairs.txt").write_text("a b c\n")
    with pytest.raises(InputError, match=r"line 1: 'a b c' can be divided into two clips in 2 ways; .*tab"):
        read_pairs(tmp_path / "pairs.txt", spaced("a", "a b", "b c", "c"))


def test_lines_end_where_editors_end_them(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("a\u2028b\x0cc\x85d\ne".encode())
    assert read_lines(tmp_path / "a.txt") == ["a\u2028b\x0cc\x85d", "e"]
