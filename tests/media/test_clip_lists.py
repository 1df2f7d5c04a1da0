"""Lists of clips: two labs with the same files measure the same clips and pairs, or are told why not."""

import shutil
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from encoding import encode, numbered, sine

from pytest_lipleak.core.clips import StreamedVideo
from pytest_lipleak.core.errors import ConfigurationError, InputError, MissingDataError
from pytest_lipleak.media import clipsets, video
from pytest_lipleak.media.clip_lists import clip_list, names_of
from pytest_lipleak.media.clipsets import ClipSet, open_clips, root_of


@pytest.fixture
def media(tmp_path: Path) -> Path:
    """Two seconds of video in two folders, with a sound of their own each."""
    folder = tmp_path / "media"
    for place, hertz in (("ann/1.mkv", 200), ("bob/1.mkv", 400), ("#c.mkv", 800)):
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        encode(folder / place, numbered(50), sine(hertz, 2, 16_000))
    return folder


def listed(tmp_path: Path, clips: ClipSet, root: Path, partners: dict[str, str] | None = None) -> Path:
    path = tmp_path / "list.csv"
    path.write_text(clip_list(clips.files, root, partners or {}), encoding="utf-8")
    return path


def test_a_list_names_the_same_clips_below_another_root(tmp_path: Path, media: Path) -> None:
    clips = open_clips(media)
    path, digest = listed(tmp_path, clips, media), clips.digest
    moved = tmp_path / "elsewhere"
    shutil.move(media, moved)
    again = open_clips(path, moved)
    assert list(again) == list(clips) == ["#c", "ann/1", "bob/1"]
    assert again.digest == digest, "speakers, words and contents are those of the folder"
    assert again.partners is None
    hashes = {line.split(",")[1] for line in path.read_text().splitlines()[1:]}
    assert hashes == {sha256(file.read_bytes()).hexdigest() for file in moved.rglob("*.mkv")}


@pytest.mark.parametrize("held", [True, False])
def test_a_stretch_of_a_file(
    tmp_path: Path, media: Path, held: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not held:
        monkeypatch.setattr(video, "HELD", 0)
        monkeypatch.setattr(clipsets, "KEPT_BYTES", 0)
    whole = open_clips(media)["ann/1"]
    path = tmp_path / "list.csv"
    path.write_text(
        "file,name,start,end\nann/1.mkv,early,,0.80\nann/1.mkv,late,0.8,2.00\nann/1.mkv,rest,1.24,\n"
    )
    clips = open_clips(path, media)
    for name, first, stop in (("early", 0, 20), ("late", 20, 50), ("rest", 31, 50)):
        assert isinstance(clips[name].video, StreamedVideo) is not held
        np.testing.assert_array_equal(clips[name].frames, whole.frames[first:stop])
        np.testing.assert_array_equal(clips[name].audio, whole.audio[640 * first : 640 * stop])
        np.testing.assert_array_equal(clips.speech(name)[: 640 * (stop - first)], clips[name].audio)
    assert len({clips[name].digest for name in clips}) == 3
    again = open_clips(listed(tmp_path, clips, media), media)
    assert again.digest == clips.digest
    assert [again.files[name].cut for name in again] == [(0, 20), (20, 50), (31, None)]
    # Which stretch it is, is part of what the set is.
    path.write_text(path.read_text().replace("0.80", "0.84", 1))
    assert open_clips(path, media).digest != clips.digest


def test_missing_and_different_files_are_named(tmp_path: Path, media: Path) -> None:
    path = listed(tmp_path, open_clips(media), media)
    encode(media / "bob" / "1.mkv", numbered(50), sine(401, 2, 16_000))
    with pytest.raises(
        InputError, match=r"1 file is not the one .*\(another SHA-256\): bob/1.mkv \(line 4\)"
    ):
        open_clips(path, media)
    (media / "ann" / "1.mkv").unlink()
    (media / "bob" / "1.mkv").unlink()
    with pytest.raises(
        InputError, match=r"2 files are not below .*: ann/1.mkv \(line 3\), bob/1.mkv \(line 4\)"
    ):
        open_clips(path, media)


def test_partners_of_a_list_are_the_pairs(tmp_path: Path, media: Path) -> None:
    clips = open_clips(media)
    given = {"#c": "ann/1", "ann/1": "bob/1", "bob/1": "#c"}
    assert open_clips(listed(tmp_path, clips, media, given), media).partners == given
    with pytest.raises(InputError, match="clip 'ann/1' has no partner, as 2 others have"):
        _ = open_clips(listed(tmp_path, clips, media, {**given, "ann/1": ""}), media).partners
    with pytest.raises(InputError, match="'x' of clip 'ann/1' is no clip of the list"):
        _ = open_clips(listed(tmp_path, clips, media, {**given, "ann/1": "x"}), media).partners
    with pytest.raises(InputError, match="'ann/1' is paired with its own speech"):
        _ = open_clips(listed(tmp_path, clips, media, {**given, "ann/1": "ann/1"}), media).partners


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("ann/1.mkv,1:20,,", "line 2: start '1:20' is no time; write seconds"),
        ("ann/1.mkv,1,0.99,", "line 2: start 1 and end 0.99 leave no frame"),
        ("ann/1.mkv,,,abc", "line 2: 'abc' is no SHA-256; expected 64 hexadecimal digits"),
    ],
)
def test_a_row_that_cannot_be_used_says_where(tmp_path: Path, media: Path, row: str, words: str) -> None:
    path = tmp_path / "list.csv"
    path.write_text(f"file,start,end,sha256\n{row}\n")
    with pytest.raises(InputError, match=words):
        open_clips(path, media)


@pytest.mark.parametrize(("start", "end"), [("0", "2.04"), ("2", "")])
def test_a_stretch_beyond_the_file_is_refused(tmp_path: Path, media: Path, start: str, end: str) -> None:
    path = tmp_path / "list.csv"
    path.write_text(f"file,start,end\nann/1.mkv,{start},{end}\n")
    with pytest.raises(
        InputError, match=r"ann/1.mkv: clip 'ann/1' is the stretch .* the file ends at 2.00 s"
    ):
        _ = open_clips(path, media)["ann/1"]


def test_a_root_is_for_lists(tmp_path: Path, media: Path) -> None:
    with pytest.raises(ConfigurationError, match="is for a list of clips"):
        open_clips(media, media)
    path = listed(tmp_path, open_clips(media), media)
    with pytest.raises(MissingDataError, match="no such folder; name the one below which"):
        open_clips(path, tmp_path / "absent")


def test_the_example_is_the_list_of_the_embedded_clips(request: pytest.FixtureRequest) -> None:
    example = request.config.rootpath / "examples" / "clip_lists" / "embedded.csv"
    embedded = open_clips("embedded")
    clips = open_clips(example, "embedded")
    assert clips.digest == embedded.digest
    assert clips.partners is not None
    speakers = {name: file.speaker for name, file in clips.files.items()}
    assert all(speakers[name] == speakers[partner] for name, partner in clips.partners.items())
    assert example.read_text() == clip_list(embedded.files, root_of("embedded"), clips.partners)


@pytest.mark.parametrize(
    ("files", "names"),
    [
        (["/data/lrs2/ann/1.mp4", "/data/lrs2/bob/2.mp4"], ["1", "2"]),
        (
            ["/data/lrs2/ann/1.mp4", "/data/lrs2/bob/1.mp4", "/data/lrs2/bob/2.mp4"],
            ["ann/1", "bob/1", "bob/2"],
        ),
        (["/data/ann/1.mp4", "/scratch/ann/1.mp4"], ["data/ann/1", "scratch/ann/1"]),
        (["ann/1.mp4", "../lrs2/bob/2.mp4"], ["ann/1", "lrs2/bob/2"]),
        (["1.mp4", "/data/ann/1.mp4"], ["1", "ann/1"]),
        ([r"C:\clips\ann\1.mp4", r"C:\clips\bob\1.mp4"], ["ann/1", "bob/1"]),
        (["/1.mp4"], ["1"]),
    ],
)
def test_a_clip_is_called_by_what_tells_it_apart_wherever_it_lies(files: list[str], names: list[str]) -> None:
    assert list(names_of(files).values()) == names


def test_absolute_paths_of_a_list_do_not_become_names(tmp_path: Path, media: Path) -> None:
    rows = "".join(f"{path}\n" for path in sorted(media.rglob("*.mkv")))
    (tmp_path / "list.csv").write_text(f"file\n{rows}")
    assert list(open_clips(tmp_path / "list.csv")) == ["ann/1", "bob/1", "media/#c"]
