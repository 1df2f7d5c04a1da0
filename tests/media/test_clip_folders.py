import os
import socket
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_lipleak.core.errors import InputError, MissingDataError
from pytest_lipleak.core.listing import Listing
from pytest_lipleak.media.clip_folders import VIDEO_SUFFIXES, videos_in
from pytest_lipleak.media.clipsets import open_clips

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links, pipes and sockets as POSIX has them")


def put(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
    return path


def taken(folder: Path) -> list[str]:
    return [video.relative_to(folder).as_posix() for video in videos_in(folder)[0]]


def test_what_only_looks_like_a_clip_is_left_out_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "clips"
    put(folder / "ann/one.mp4")
    put(folder / "ann/one.txt")
    put(folder / "ann/one.wav")
    put(folder / "._one.mp4")
    put(folder / ".trash/two.mp4")
    put(folder / "@eaDir/one.mp4/thumb.jpg")
    put(folder / "@eaDir/three.mp4")
    put(folder / "__MACOSX/ann/._one.mp4")
    put(folder / "called.mkv/readme.md")
    put(folder / "four.xyz")
    put(folder / "five.mp4.part")
    (folder / "gone.mp4").symlink_to(tmp_path / "nowhere.mp4")
    os.mkfifo(folder / "pipe.mp4")
    with socket.socket(socket.AF_UNIX) as listener:
        monkeypatch.chdir(folder)  # a socket's path may have 100 characters
        listener.bind("socket.mov")
        videos, left_out = videos_in(folder)
    assert [video.name for video in videos] == ["one.mp4"]
    assert left_out == {
        "._one.mp4": "hidden",
        ".trash/two.mp4": "hidden",
        "@eaDir/three.mp4": "in a folder of the system",
        "__MACOSX/ann/._one.mp4": "in a folder of the system",
        "called.mkv": "folder with a video's name",
        "four.xyz": "of the ending .xyz, which is no video's",
        "five.mp4.part": "of the ending .part, which is no video's",
        "gone.mp4": "link to nothing",
        "pipe.mp4": "no file but a pipe, socket or device",
        "socket.mov": "no file but a pipe, socket or device",
    }
    clips = open_clips(folder)
    assert list(clips) == ["ann/one"]
    assert (clips.listing.found, clips.listing.taken) == (11, 1)
    assert clips.listing.summary.startswith("11 files found, 1 taken, 10 left out: 2 hidden (._one.mp4, ")


def test_a_link_to_a_device_is_no_clip(tmp_path: Path) -> None:
    (tmp_path / "null.mp4").symlink_to(os.devnull)
    assert videos_in(tmp_path) == ([], {"null.mp4": "no file but a pipe, socket or device"})


def test_linked_folders_and_files_are_followed_once(tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "clips", tmp_path / "disk"
    put(folder / "here/1.mp4")
    put(elsewhere / "there/2.mp4")
    put(elsewhere / "single.mp4")
    (folder / "linked").symlink_to(elsewhere / "there")
    (folder / "again").symlink_to(elsewhere / "there")
    (folder / "a_link").symlink_to(folder / "here")
    (folder / "3.mp4").symlink_to(elsewhere / "single.mp4")
    (elsewhere / "there/deeper").symlink_to(folder)
    (folder / "here/self").symlink_to(folder / "here")
    assert taken(folder) == ["3.mp4", "again/2.mp4", "here/1.mp4"], (
        "a folder bears its own name, not a link's"
    )


def test_a_link_to_a_folder_above_does_not_bring_in_its_neighbours(tmp_path: Path) -> None:
    put(tmp_path / "other/private.mp4")
    put(tmp_path / "clips/1.mp4")
    (tmp_path / "clips/up").symlink_to("..")
    (tmp_path / "clips/root").symlink_to("/")
    (tmp_path / "clips/round").symlink_to("round")
    assert taken(tmp_path / "clips") == ["1.mp4"]


def test_a_linked_folder_may_itself_be_named(tmp_path: Path) -> None:
    put(tmp_path / "real/ann/1.mp4")
    (tmp_path / "link").symlink_to("real")
    assert list(open_clips(tmp_path / "link")) == ["ann/1"]


def test_folders_called_like_videos_may_hold_some(tmp_path: Path) -> None:
    put(tmp_path / "abc.mp4/00001.mp4")
    assert videos_in(tmp_path) == ([tmp_path / "abc.mp4/00001.mp4"], {})


@pytest.mark.skipif(
    hasattr(os, "geteuid") and os.geteuid() == 0, reason="the superuser may read every folder"
)
def test_a_folder_that_may_not_be_read_is_said(tmp_path: Path) -> None:
    put(tmp_path / "clips/secret/1.mp4")
    secret = tmp_path / "clips/secret"
    secret.chmod(0)
    try:
        assert videos_in(tmp_path / "clips") == ([], {"secret": "folder that cannot be read"})
        with pytest.raises(MissingDataError, match="cannot be read"):
            videos_in(secret)
    finally:
        secret.chmod(0o700)


@pytest.mark.parametrize(
    "suffix",
    [".3gp", ".m2ts", ".mxf", ".vob", ".asf", ".ogm", ".f4v", ".m2v", ".mpeg", ".MP4", ".mov", ".webm"],
)
def test_videos_of_every_common_ending_are_taken(tmp_path: Path, suffix: str) -> None:
    put(tmp_path / f"clip{suffix}")
    assert taken(tmp_path) == [f"clip{suffix}"]


def test_an_empty_set_says_what_was_left_out(tmp_path: Path) -> None:
    put(tmp_path / "a.xyz")
    with pytest.raises(
        InputError, match=r"0 clips \(1 file found, 0 taken, 1 left out: 1 of the ending \.xyz"
    ):
        open_clips(tmp_path)


@pytest.mark.parametrize("stem", ["a[1]", "[b]", "c*", "d?", "{e}", "f[!x]"])
def test_twins_are_told_by_name_and_not_by_pattern(tmp_path: Path, stem: str) -> None:
    put(tmp_path / f"{stem}.mkv")
    put(tmp_path / f"{stem}.mpg")
    put(tmp_path / "a1.mkv")
    assert sorted(open_clips(tmp_path)) == sorted(["a1", f"{stem}.mkv", f"{stem}.mpg"])


def test_a_name_with_its_ending_does_not_meet_another_name(tmp_path: Path) -> None:
    for name in ("a.mkv", "a.mpg", "a.mkv.mp4"):
        put(tmp_path / name)
    assert sorted(open_clips(tmp_path)) == ["a.mkv", "a.mkv.mp4", "a.mpg"]


@pytest.mark.parametrize("name", ["a\nb.mp4", "a\x1b[31m.mp4", "a\u202eb.mp4"])
def test_files_with_control_characters_in_their_names_are_refused(tmp_path: Path, name: str) -> None:
    put(tmp_path / name)
    with pytest.raises(InputError, match=r"U\+") as caught:
        open_clips(tmp_path)
    assert str(caught.value).isprintable()


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS takes no such names")
def test_a_file_name_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.mp4"))).write_bytes(b"")
    with pytest.raises(InputError, match=r"caf\\udce9"):
        open_clips(tmp_path)


def test_a_pipe_is_no_clip_set(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    with pytest.raises(InputError, match="no file or folder"):
        open_clips(tmp_path / "pipe.mp4")


@pytest.mark.parametrize("spec", ["x" * 5000, "a\0b", "\udce9"])
def test_a_place_that_cannot_be_is_an_error_like_any_other(spec: str) -> None:
    with pytest.raises(MissingDataError, match="no such file or folder"):
        open_clips(spec)


names = st.sampled_from(
    [
        "a.mp4",
        "b.mkv",
        ".a.mp4",
        "c.txt",
        "d.xyz",
        "sub",
        "sub/e.mp4",
        "@eaDir",
        "sub/sub/f.mov",
        "g",
        "h.mp4/i.avi",
    ]
)


@settings(max_examples=60)
@given(st.sets(names), st.sets(st.tuples(names, names), max_size=4))
def test_every_file_is_counted_once(
    tmp_path_factory: pytest.TempPathFactory, files: set[str], links: set[tuple[str, str]]
) -> None:
    folder = tmp_path_factory.mktemp("clips")
    for name in files:
        if not any((folder / name).parent.glob(Path(name).name)) and not any(
            p.is_file() for p in (folder / name).parents
        ):
            put(folder / name)
    for link, target in links:
        place = folder / link
        if not os.path.lexists(place) and not any(
            parent.is_file() or parent.is_symlink() for parent in place.parents
        ):
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(folder / target)
    videos, left_out = videos_in(folder)
    assert len(set(videos)) == len(videos)
    assert all(video.is_file() and video.suffix.lower() in VIDEO_SUFFIXES for video in videos)
    assert not {video.relative_to(folder).as_posix() for video in videos} & left_out.keys()
    # An independent walk: every real, visible video is taken.
    real = {
        Path(where, name).resolve()
        for where, _, inside in os.walk(folder)
        for name in inside
        if not any(part.startswith((".", "@")) for part in Path(where, name).relative_to(folder).parts)
        and Path(name).suffix in VIDEO_SUFFIXES
        and Path(where, name).is_file()
    }
    assert real <= {video.resolve() for video in videos}
    assert Listing(len(videos), left_out).found == len(videos) + len(left_out)
