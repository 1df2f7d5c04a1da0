"""Names are names: no URL, pattern or list of files opens anything else than the file itself."""

import os
import shutil
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import av
import pytest
from encoding import encode, numbered, sine

from pytest_lipleak.core.errors import InputError, MissingDataError
from pytest_lipleak.media.audio import read_audio
from pytest_lipleak.media.clipsets import open_clips
from pytest_lipleak.media.opening import DEMUXERS, opened
from pytest_lipleak.media.video import read_video


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return encode(tmp_path_factory.mktemp("video") / "a.mkv", numbered(10), sine(440, 0.4, 16_000))


NAMES = [
    "12:30.mkv",
    "%03d.mkv",
    "-x.mkv",
    "two\nlines.mkv",
    "http:",
    "concat:a|b.mkv",
    "file:a.mkv",
    "ä ?#&*.mkv",
]


@pytest.mark.parametrize("name", [*NAMES, os.fsdecode(b"\xff\xfe.mkv")], ids=ascii)
def test_any_name_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, video: Path, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(video, Path(name))
    assert len(read_video(Path(name)).frames) == 10
    assert len(read_audio(tmp_path / name)[0]) == 6400


@pytest.fixture
def listener() -> Iterator[tuple[int, list[object]]]:
    """A server on 127.0.0.1 that notes every connection."""
    calls: list[object] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)

        def listen() -> None:
            try:
                while True:
                    connection, address = server.accept()
                    calls.append(address)
                    connection.close()
            except OSError:
                return

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        yield server.getsockname()[1], calls
        server.shutdown(socket.SHUT_RDWR)
    thread.join(10)


LISTS = {
    "hls to the network": "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:5,\n{url}\n#EXT-X-ENDLIST\n",
    "hls to a file": "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:5,\nfile://{file}\n#EXT-X-ENDLIST\n",
    "ffconcat to the network": "ffconcat version 1.0\nfile {url}\n",
    "ffconcat to a file": "ffconcat version 1.0\nfile 'other.mkv'\n",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
    "m=video {port} RTP/AVP 96\na=rtpmap:96 H264/90000\n",
    "dash": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period><AdaptationSet>'
    '<Representation id="0"><BaseURL>{url}</BaseURL></Representation></AdaptationSet></Period></MPD>',
    "rtsp": "RTSP/1.0 200 OK\r\nrtsp://127.0.0.1:{port}/a\n",
}


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".m3u8", ".sdp", ".ffconcat"])
@pytest.mark.parametrize("kind", LISTS)
def test_lists_of_files_open_nothing(
    tmp_path: Path, video: Path, listener: tuple[int, list[object]], kind: str, suffix: str
) -> None:
    port, calls = listener
    other: Path = shutil.copy(video, tmp_path / "other.mkv")
    path = tmp_path / f"a{suffix}"
    path.write_text(LISTS[kind].format(url=f"http://127.0.0.1:{port}/a.mkv", file=other, port=port))
    seen = other.stat().st_atime_ns
    for read in (read_video, read_audio):
        with pytest.raises(InputError, match="cannot be decoded") as caught:
            read(path)
        assert str(path) in str(caught.value)
    assert not calls
    assert other.stat().st_atime_ns == seen


def test_without_these_rules_the_same_list_is_followed(
    tmp_path: Path, listener: tuple[int, list[object]]
) -> None:
    """The listener hears what FFmpeg opens by itself, so its silence above means something."""
    port, calls = listener
    path = tmp_path / "a.m3u8"
    path.write_text(LISTS["hls to the network"].format(url=f"http://127.0.0.1:{port}/a.ts"))
    with pytest.raises(av.error.FFmpegError):
        av.open(str(path), options={"protocol_whitelist": "file,http,tcp", "allowed_extensions": "ALL"})
    assert calls


def test_allowed_formats_exist_and_open_no_other_file() -> None:
    known = set(av.formats_available)
    assert {"mov", "matroska", "avi", "mpegts", "mpeg", "flv", "asf", "ogg", "wav", "mp3", "flac", "aac"} <= {
        *DEMUXERS
    }
    assert len(known.intersection(DEMUXERS)) > 60
    following = {
        "hls",
        "concat",
        "sdp",
        "rtsp",
        "rtp",
        "sap",
        "dash",
        "image2",
        "imf",
        "lavfi",
        "vobsub",
        "webm_dash_manifest",
    }
    assert not following.intersection(DEMUXERS)


def test_a_folder_of_pictures_is_no_video(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import cv2

    for number in range(3):
        cv2.imwrite(str(tmp_path / f"{number:03d}.png"), numbered(1)[0])
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="no such file"):
        read_video(Path("%03d.png"))
    with pytest.raises(InputError, match="cannot be decoded"):
        read_video(Path("000.png"))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_pipes_and_devices_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.mkv")
    for path in (tmp_path / "a.mkv", Path("/dev/zero")):
        with pytest.raises(InputError, match="a pipe, socket or device"):
            read_video(path)


def test_a_dangling_link_and_a_name_with_a_null_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.mkv").symlink_to(tmp_path / "absent")
    with pytest.raises(InputError, match="no such file"):
        read_video(tmp_path / "a.mkv")
    with pytest.raises(InputError, match="no such file"):
        read_video(tmp_path / "a\0b.mkv")


def test_tags_in_another_encoding_do_no_harm(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.avi", numbered(10), sine(440, 0.4, 16_000), codec="mjpeg")
    tagged = tmp_path / "b.avi"
    with av.open(str(path)) as source, av.open(str(tagged), "w") as target:
        target.metadata["title"] = "Xaeaeae"
        streams = {stream.index: target.add_stream_from_template(stream) for stream in source.streams}
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                target.mux(packet)
    tagged.write_bytes(tagged.read_bytes().replace(b"Xaeaeae", b"X\xe4\xe4\xe4\xff\xfe!"))
    with opened(tagged) as container:
        assert container.metadata
    assert len(read_video(tagged).frames) == 10


def test_a_file_that_may_not_be_read_is_no_corrupt_one(video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "access", lambda path, mode: not (str(path) == str(video) and mode == os.R_OK))
    with pytest.raises(InputError, match="cannot be read; check its rights"):
        read_video(video)
    monkeypatch.setattr(Path, "open", refused)
    with pytest.raises(
        MissingDataError, match=r"a\.mkv: cannot be read \(Permission denied\); check its rights"
    ):
        _ = open_clips(video).digest
