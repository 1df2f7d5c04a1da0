from pathlib import Path, PureWindowsPath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pytest_lipleak.core.errors import InputError
from pytest_lipleak.core.names import LONGEST_NAME, LONGEST_STEM, check_name, escaped, file_stem

HOSTILE = [
    "../../data/a",
    "..",
    ".",
    "",
    " ",
    "/etc/passwd",
    "C:\\a",
    "C:a",
    "\\\\host\\share",
    "a/../b",
    "a\\..\\b",
    "nul",
    "NUL.txt",
    "con",
    "COM1.a.b",
    "lpt9",
    "com\u00b9",
    "conin$",
    "a.",
    "a ",
    " a",
    ".hidden",
    "-rf",
    "a\nb",
    "\x1b[31m",
    "a\x00b",
    "a\u202eb",
    "caf\udce9",
    "e\u0301",
    "\u00e9",
    "A",
    "a",
    "\u017f",
    "s",
    "\u00df",
    "ss",
    "x" * 5000,
    "\u20ac" * 200,
    "a/b",
    "a:b",
    "a+b",
    "a@b",
    "a-12345678",
    'a*?<>|"b',
    "%2e%2e",
    "a\u2028b",
    "\u4f60\u597d",
    "\U0001f600",
]

names = st.one_of(
    st.text(max_size=40),
    st.text(st.sampled_from("aAb./\\:+@_-. \n\u00e9e\u0301"), max_size=8),
    st.sampled_from(HOSTILE),
)


@given(names)
def test_a_stem_is_a_file_name_on_every_system(name: str) -> None:
    stem = file_stem(name)
    assert 0 < len(stem.encode()) <= LONGEST_STEM
    assert not set(stem) & set('/\\:*?"<>|\0 ')
    assert stem.isprintable()
    assert stem[0] not in ".-"
    assert stem[-1] not in ". "
    assert not PureWindowsPath(stem).is_reserved(), "Python's own list of what Windows keeps for devices"
    assert Path("folder", stem).parent == Path("folder")
    assert file_stem(name) == stem


@given(names, names)
@example("e\u0301", "\u00e9")
@example("A", "a")
@example("a/b", "a+b")
@example("a:b", "a@b")
@example("a b", "a_b")
@example("\u00df", "ss")
@example("x" * 300, "x" * 301)
def test_two_names_never_share_a_file(one: str, other: str) -> None:
    if one != other:
        assert file_stem(one).casefold() != file_stem(other).casefold()


def test_the_digits_of_one_name_cannot_be_another_name() -> None:
    assert file_stem(file_stem("A")).casefold() != file_stem("A").casefold()


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("anna_1", "anna_1"),
        ("5535/00001", "5535+00001"),
        ("demo:leaky=0.5", "demo@leaky=0.5"),
        ("a.b-c", "a.b-c"),
    ],
)
def test_ordinary_names_stay_readable(name: str, stem: str) -> None:
    assert file_stem(name) == stem


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_make_files_inside_the_folder_alone(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "keep"
    folder.mkdir(parents=True)
    (folder / f"{file_stem(name)}-AM-CR.mp4").write_bytes(b"")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == list(folder.iterdir())


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "name is empty"),
        ("\t ", "name is empty"),
        ("a\nb", "U+000A"),
        ("a\x1b[2J", "U+001B"),
        ("a\x9b1m", "U+009B"),
        ("a\u202eb", "U+202E"),
        ("a\u2066b", "U+2066"),
        ("a\u2028b", "U+2028"),
        ("a\x00", "U+0000"),
        ("caf\udce9", "U+DCE9"),
        ("/data/a", "absolute path"),
        ("C:/a", "absolute path"),
        ("\\\\host\\share\\a", "absolute path"),
        ("../../data/a", "'..'"),
        ("a/..", "'..'"),
        ("a\\..\\b", "'..'"),
        ("x" * (LONGEST_NAME + 1), f"{LONGEST_NAME + 1} characters"),
    ],
)
def test_a_name_that_is_refused_says_where_and_why(name: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        check_name(name, "clips.csv, line 3")
    message = str(caught.value)
    assert message.startswith("clips.csv, line 3: ")
    assert words in message
    assert message.isprintable(), "nothing of the name reaches the terminal"
    assert len(message) < 400


@pytest.mark.parametrize(
    "name",
    [
        "anna_1",
        "ann/1",
        "12:30",
        "caf\u00e9",
        "\u4f60\u597d",
        "a b",
        "a..b",
        "\u0645\u06cc\u200c\u062e",
        "\U0001f600",
    ],
)
def test_honest_names_of_any_language_are_accepted(name: str) -> None:
    assert check_name(name, "here") == name


@given(st.text())
@example("::error::\n\x1b[31m\u202e")
def test_escaped_text_stays_on_its_line(text: str) -> None:
    shown = escaped(text)
    assert len(shown.splitlines()) <= 1
    assert not any(ord(letter) < 32 or 0x7F <= ord(letter) < 0xA0 for letter in shown)
    shown.encode()  # also what was no text
    if text.isascii() and text.isprintable():
        assert shown == text
