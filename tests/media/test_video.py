import tempfile
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from encoding import encode, noisy, numbered, numbers_in, sine
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_lipleak.core.clips import StreamedVideo
from pytest_lipleak.core.errors import InputError
from pytest_lipleak.media.audio import read_audio
from pytest_lipleak.media.video import held_if_short, read_video, stored_images, write_playable, write_video


@settings(max_examples=15)
@given(st.integers(1, 6), st.integers(2, 37), st.integers(2, 37), st.integers(0, 2**31))
def test_lossless_video_comes_back_exactly_in_any_size(
    count: int, height: int, width: int, seed: int
) -> None:
    frames = np.random.default_rng(seed).integers(0, 256, (count, height, width, 3), np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.mkv")
        write_video(path, frames)
        np.testing.assert_array_equal(list(stored_images(path)), frames)
        again = read_video(path)
    np.testing.assert_array_equal(again.frames, frames)
    assert again.notes == ()


@pytest.mark.parametrize("has_x264", [True, False])
@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 1, 9), (3, 97, 131)], ids=str)
def test_both_lossless_codecs_are_exact(
    tmp_path: Path, shape: tuple[int, int, int], has_x264: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pytest_lipleak.media.video._has_x264", lambda: has_x264)
    frames = np.random.default_rng(0).integers(0, 256, (*shape, 3)).astype(np.uint8)
    frames[-1] = 255
    write_video(tmp_path / "a.mkv", frames)
    np.testing.assert_array_equal(list(stored_images(tmp_path / "a.mkv")), frames)


@settings(max_examples=15)
@given(st.integers(1, 9000), st.sampled_from([1, 300, 32767]), st.integers(0, 2**31))
def test_sound_beside_it_is_exact_and_without_delay(samples: int, loudness: int, seed: int) -> None:
    audio = np.random.default_rng(seed).integers(-loudness - 1, loudness + 1, samples).astype(np.int16)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.mkv")
        write_video(path, numbered(3), audio)
        heard, notes = read_audio(path)
    np.testing.assert_array_equal(heard, audio)
    assert notes == ()


def test_browsers_play_what_is_kept(tmp_path: Path) -> None:
    write_playable(tmp_path / "a.mp4", numbered(10), np.zeros(6400, np.int16))
    data = (tmp_path / "a.mp4").read_bytes()
    assert data[4:8] == b"ftyp"
    assert data.index(b"moov") < data.index(b"mdat"), "playing starts before the end is loaded"
    with av.open(str(tmp_path / "a.mp4")) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert (video.codec_context.name, video.pix_fmt) == ("h264", "yuv420p")
        assert (audio.codec_context.name, audio.codec_context.sample_rate) == ("aac", 16_000)


@pytest.mark.parametrize("x264", [True, False])
@pytest.mark.parametrize(("height", "width"), [(48, 64), (47, 63)])
def test_video_for_people_is_close_and_has_sound(
    tmp_path: Path, height: int, width: int, x264: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pytest_lipleak.media.video._has_x264", lambda: x264)
    ramp = np.linspace(30, 220, width).astype(np.uint8)
    frames = np.broadcast_to(ramp[None, None, :, None], (10, height, width, 3)).copy()
    audio = sine(300, 0.4, 16_000)[0]
    write_playable(tmp_path / "a.mp4", frames, audio)
    seen = read_video(tmp_path / "a.mp4").frames[:, :height, :width]
    assert len(seen) == 10
    assert np.abs(seen.astype(int) - frames).mean() < 4
    heard = read_audio(tmp_path / "a.mp4")[0][: len(audio)]
    # Lossy, but the same tone without a delay.
    assert np.corrcoef(heard[1000:-1000], audio[1000:-1000])[0, 1] > 0.99


RATES = [
    Fraction(24), Fraction(30), Fraction(50), Fraction(60), Fraction(15), Fraction(25, 2), Fraction(100),
]  # fmt: skip


@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
@pytest.mark.parametrize("fps", RATES, ids=str)
def test_other_frame_rates_show_the_frame_of_that_moment(tmp_path: Path, fps: Fraction, suffix: str) -> None:
    count = round(2 * fps)
    codec = {"mkv": "ffv1", "mp4": "libx264"}[suffix]
    path = encode(tmp_path / f"a.{suffix}", numbered(count), fps=fps, codec=codec)
    video = read_video(path)
    # At k/25 s, frame floor(k/25 * fps) is on the screen: exact arithmetic, no rounding of time stamps.
    shown = [int(Fraction(k, 25) * fps) % 60 for k in range(50)]
    assert numbers_in(video.frames).tolist() == shown
    assert len(video.notes) == 1
    assert f"{float(fps):g} to 25 ({count} to 50 frames)" in video.notes[0]


def test_ntsc_is_converted_to_within_half_a_millisecond(tmp_path: Path) -> None:
    fps = Fraction(30_000, 1001)
    path = encode(tmp_path / "a.mp4", numbered(59), fps=fps, codec="libx264")
    numbers = numbers_in(read_video(path).frames)
    moments = np.arange(len(numbers)) / 25
    begins, ends = numbers / float(fps), (numbers + 1) / float(fps)
    assert (begins - 5e-4 <= moments).all()
    assert (moments < ends + 5e-4).all()
    assert len(numbers) == 49


def test_25_frames_a_second_are_left_alone(tmp_path: Path) -> None:
    video = read_video(encode(tmp_path / "a.mp4", numbered(40), codec="libx264"))
    assert numbers_in(video.frames).tolist() == list(range(40))
    assert video.notes == ()


def test_a_video_that_starts_late_loses_nothing(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.mkv", numbered(30), fps=30, video_delay=0.5)
    assert numbers_in(read_video(path).frames).tolist() == [int(k / 25 * 30) for k in range(25)]


CONTAINERS = {
    "mp4": ("libx264", "aac", 44_100, {}),
    "faststart.mp4": ("libx264", "aac", 44_100, {"movflags": "faststart"}),
    "fragments.mp4": ("libx264", "aac", 44_100, {"movflags": "frag_keyframe+empty_moov"}),
    "mov": ("libx264", "aac", 44_100, {}),
    "mkv": ("libx264", "aac", 44_100, {}),
    "lossless.mkv": ("ffv1", "pcm_s16le", 16_000, {}),
    "webm": ("libvpx", "libopus", 48_000, {}),
    "avi": ("mjpeg", "pcm_s16le", 16_000, {}),
    "flv": ("flv1", "libmp3lame", 44_100, {}),
    "mpg": ("mpeg1video", "mp2", 44_100, {}),
    "ts": ("mpeg2video", "mp2", 44_100, {}),
    "mxf": ("mpeg2video", "pcm_s16le", 48_000, {}),
}
STREAMS = ("mpg", "ts")
"""MPEG streams have no header that states a length: any first part of one is a whole file."""


@pytest.fixture(scope="module")
def encoded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("containers")
    return {
        name: encode(
            folder / f"clip.{name}",
            noisy(75),
            sine(440, 3, rate, 2 if rate != 16_000 else 1),
            codec=codec,
            sound=sound,
            rate=rate,
            **options,
        )
        for name, (codec, sound, rate, options) in CONTAINERS.items()
    }


@pytest.mark.parametrize("name", CONTAINERS)
def test_every_container_gives_every_frame(encoded: dict[str, Path], name: str) -> None:
    video = read_video(encoded[name])
    assert video.frames.shape == (75, 64, 64, 3)
    assert video.frames.dtype == np.uint8
    assert video.notes == ()


@pytest.mark.parametrize("share", [0.1, 0.5, 0.8])
@pytest.mark.parametrize("name", [name for name in CONTAINERS if name not in STREAMS])
def test_a_truncated_file_is_named_and_refused(
    encoded: dict[str, Path], tmp_path: Path, name: str, share: float
) -> None:
    whole = encoded[name].read_bytes()
    cut = tmp_path / f"cut.{name}"
    cut.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(InputError, match="truncated") as caught:
        read_video(cut)
    assert str(cut) in str(caught.value)


@pytest.mark.parametrize("name", STREAMS)
def test_a_part_of_an_mpeg_stream_is_a_shorter_video(
    encoded: dict[str, Path], tmp_path: Path, name: str
) -> None:
    whole = encoded[name].read_bytes()
    part = tmp_path / f"part.{name}"
    part.write_bytes(whole[: len(whole) // 2])
    frames = read_video(part).frames
    assert 25 < len(frames) < 60
    first = frames[:20].astype(int) - read_video(encoded[name]).frames[:20]
    assert not first.any(), "what is there is as in the whole file"


def test_more_sound_than_pictures_is_no_truncation(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.mkv", numbered(25), sine(440, 3, 16_000))
    assert len(read_video(path).frames) == 25


@pytest.mark.parametrize(
    "content", [b"", b"not a video\n" * 100, bytes(4096), b"\x1a\x45\xdf\xa3" + b"\xff" * 500]
)
@pytest.mark.parametrize("read", [read_video, read_audio])
def test_what_is_no_media_file_is_named_and_refused(tmp_path: Path, content: bytes, read: object) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)
    with pytest.raises(InputError, match="empty" if not content else "cannot be decoded") as caught:
        read(path)  # type: ignore[operator]
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("read", [read_video, read_audio])
@pytest.mark.parametrize(("name", "why"), [("absent.mp4", "no such file"), (".", "is a folder")])
def test_a_missing_file_is_named(tmp_path: Path, read: object, name: str, why: str) -> None:
    with pytest.raises(InputError, match=why) as caught:
        read(tmp_path / name)  # type: ignore[operator]
    assert str(tmp_path / name) in str(caught.value)


def test_sound_alone_is_no_video(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.wav", audio=sine(440, 1, 16_000))
    with pytest.raises(InputError, match="no video stream") as caught:
        read_video(path)
    assert str(path) in str(caught.value)


def test_frames_after_a_gap_stay_where_the_sound_is(tmp_path: Path) -> None:
    frames = numbered(50)
    path = encode(tmp_path / "a.mkv", frames, leave_out=range(20, 26))
    video = read_video(path)
    assert numbers_in(video.frames).tolist() == [*range(20), *[19] * 6, *range(26, 50)]
    assert video.notes == ("uneven frame rate converted from 25 to 25 (44 to 50 frames)",)


def test_frames_after_a_damaged_stretch_stay_where_the_sound_is(
    encoded: dict[str, Path], tmp_path: Path
) -> None:
    content = bytearray(encoded["lossless.mkv"].read_bytes())
    middle = len(content) // 2
    content[middle : middle + 40_000] = bytes(40_000)
    path = tmp_path / "damaged.mkv"
    path.write_bytes(content)
    video = read_video(path)
    whole = np.stack(list(stored_images(encoded["lossless.mkv"])))
    same = (video.frames == whole[: len(video.frames)]).all(axis=(1, 2, 3))
    assert same[:30].all()
    assert same[-25:].all()
    assert not same.all()
    assert "uneven frame rate" in video.notes[0]


@pytest.mark.parametrize(("damaged", "read"), [(8, True), (13, False)])
def test_damage_is_counted_in_the_files_own_pictures(tmp_path: Path, damaged: int, read: bool) -> None:
    """100 pictures in 2 s: 8 that are lost are 8 in 100, not in the 50 that are made of them."""
    path = encode(tmp_path / "a.mkv", noisy(100), codec="mjpeg", fps=50)
    data = path.read_bytes()
    with av.open(str(path)) as container:
        packets = [bytes(packet) for packet in container.demux(video=0)]
    for packet in packets[3 : 3 + 2 * damaged : 2]:
        data = data.replace(packet, bytes([255]) * len(packet), 1)
    path.write_bytes(data)
    if read:
        video = read_video(path)
        assert f"{damaged} picture(s) cannot be decoded: the one before stays" in video.notes
        assert len(video.frames) == 50
    else:
        with pytest.raises(InputError, match="13 pictures cannot be decoded, 87 can"):
            read_video(path)


def test_a_long_file_that_is_replaced_between_two_passes_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pytest_lipleak.media.video.HELD", 1000)
    path = tmp_path / "talk.mkv"
    write_video(path, np.full((6, 32, 32, 3), 10, np.uint8))
    video = read_video(path).video
    assert [int(image.mean()) for image in video] == [10] * 6
    write_video(path, np.full((6, 32, 32, 3), 200, np.uint8))
    with pytest.raises(InputError, match=r"talk\.mkv: the file was changed while it was measured"):
        list(video)


def test_pictures_of_two_sizes_are_no_video(monkeypatch: pytest.MonkeyPatch) -> None:
    def read() -> list[np.ndarray]:
        return [np.zeros((64, 64, 3), np.uint8), np.zeros((32, 32, 3), np.uint8)]

    with pytest.raises(InputError, match=r"changes within the video, from 64 x 64 to 32 x 32"):
        held_if_short(read)
    with pytest.raises(InputError, match=r"picture 2 of a video is 32 x 32 pixels, expected 64 x 64"):
        list(StreamedVideo(read, (2, 64, 64, 3)))
