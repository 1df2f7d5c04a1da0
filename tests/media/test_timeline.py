"""Picture and sound on one clock: files of known content, written packet by packet, against what they hold."""

import tempfile
import tracemalloc
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
import pytest
from encoding import encode, numbered, numbers_in, sine
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_lipleak.core.clips import held
from pytest_lipleak.core.errors import InputError
from pytest_lipleak.media.audio import read_audio
from pytest_lipleak.media.clipsets import open_clips
from pytest_lipleak.media.opening import demuxed
from pytest_lipleak.media.timeline import Recording, survey
from pytest_lipleak.media.tracks import of_one_program, programs_in
from pytest_lipleak.media.video import read_video

PIECE = 640
"""Samples of a sound packet: 40 ms at 16 kHz."""


def noise(samples: int, seed: int = 0) -> np.ndarray:
    """Int16 that is never 0: silence that was filled in shows."""
    return np.random.default_rng(seed).integers(1, 9000, samples).astype(np.int16)


def mux(
    path: Path,
    stamps: Sequence[float],
    pieces: Sequence[np.ndarray],
    frames: np.ndarray | None = None,
    pictures: Sequence[float] = (),
) -> Path:
    """Write PCM packets and FFV1 pictures, each with its own time in seconds, into a Matroska file."""
    with av.open(str(path), "w", format="matroska") as container:
        video = None
        if frames is not None:
            video = container.add_stream("ffv1", rate=25)
            video.height, video.width = frames.shape[1:3]
            video.pix_fmt = "bgr0"
        sound = container.add_stream("pcm_s16le", rate=16_000, layout="mono")
        packets = []
        for stamp, piece in zip(stamps, pieces, strict=True):
            packet = av.Packet(piece.astype("<i2").tobytes())
            packet.stream, packet.time_base = sound, Fraction(1, 16_000)
            packet.pts = packet.dts = round(stamp * 16_000)
            packet.duration = len(piece)
            packets.append((stamp, packet))
        for stamp, image in zip(pictures, () if frames is None else frames, strict=False):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = round(stamp * 1000), Fraction(1, 1000)
            assert video is not None
            video.codec_context.time_base = Fraction(1, 1000)
            packets += [(stamp, packet) for packet in video.encode(frame)]
        container.start_encoding()
        for _, packet in sorted(packets, key=lambda item: item[0]):
            container.mux(packet)
    return path


def cut(samples: np.ndarray) -> list[np.ndarray]:
    return [samples[start : start + PIECE] for start in range(0, len(samples), PIECE)]


@settings(max_examples=25)
@given(
    lost=st.sets(st.integers(1, 48), max_size=12),
    begin=st.sampled_from([0.0, 0.4, 3.0]),
    picture=st.sampled_from([0.0, 0.2, 0.6, 3.2]),
)
def test_lost_packets_are_silence_and_all_else_stays_in_place(
    lost: set[int], begin: float, picture: float
) -> None:
    samples = noise(50 * PIECE)
    kept = [number for number in range(50) if number not in lost]
    with tempfile.TemporaryDirectory() as folder:
        path = mux(
            Path(folder, "a.mkv"),
            [begin + number * 0.04 for number in kept],
            [cut(samples)[number] for number in kept],
            numbered(5),
            [picture + number * 0.04 for number in range(5)],
        )
        expected = samples.reshape(50, PIECE).copy()
        expected[sorted(lost)] = 0
        late = round((begin - picture) * 16_000)
        expected = np.concatenate([np.zeros(max(late, 0), np.int16), expected.ravel()])[max(-late, 0) :]
        if not len(expected):
            with pytest.raises(InputError, match="ends before the first picture"):
                survey(path)
            return
        audio, notes = read_audio(path)
    np.testing.assert_array_equal(audio, expected)
    runs = sum(number not in lost and number - 1 in lost for number in range(1, 50))
    said = (
        [f"{runs} gap(s) in the sound, {len(lost) * 0.04:.2f} s in all, filled with silence"] if runs else []
    )
    assert list(notes) == said


@settings(max_examples=15)
@given(st.lists(st.integers(-20, 20), min_size=49, max_size=49))
def test_time_stamps_that_jitter_move_no_sample(jitter: list[int]) -> None:
    samples = noise(50 * PIECE)
    # Matroska needs no order; the samples follow each other without a hole whatever the stamps say.
    stamps = [0.0] + [number * 0.04 + off / 1000 for number, off in enumerate(jitter, 1)]
    with tempfile.TemporaryDirectory() as folder:
        audio, _ = read_audio(mux(Path(folder, "a.mkv"), stamps, cut(samples)))
    # All is there, and nothing is further off than the stamps themselves.
    assert abs(len(audio) - len(samples)) <= 0.02 * 16_000
    middle = samples[24 * PIECE : 26 * PIECE].astype(float)
    found = int(np.correlate(audio.astype(float) - 4500, middle - 4500, "valid").argmax())
    assert abs(found - 24 * PIECE) <= 0.02 * 16_000


def test_jitter_around_the_true_time_moves_nothing_at_all(tmp_path: Path) -> None:
    samples = noise(50 * PIECE)
    stamps = [number * 0.04 + (0.015 if number % 3 == 1 else 0.0) for number in range(50)]
    audio, notes = read_audio(mux(tmp_path / "a.mkv", stamps, cut(samples)))
    np.testing.assert_array_equal(audio, samples)
    assert notes == ()


def test_sound_that_overlaps_is_trimmed(tmp_path: Path) -> None:
    samples = noise(50 * PIECE)
    stamps = [number * 0.04 - (0.03 if number >= 25 else 0) for number in range(50)]
    audio, notes = read_audio(mux(tmp_path / "a.mkv", stamps, cut(samples)))
    expected = np.concatenate([samples[: 25 * PIECE], samples[25 * PIECE + 480 :]])
    np.testing.assert_array_equal(audio, expected)
    assert notes == ("1 stretch(es) of sound that overlap, 0.03 s in all, trimmed",)


@pytest.mark.parametrize(
    ("sound_jump", "picture_jump", "what"),
    [
        (20, 20, "jumps ahead by 2"),
        (3600, 3600, "jumps ahead by 360"),
        (0, 36_000, "jumps ahead by 36000"),
        (36_000, 0, "jumps ahead by 36000"),
    ],
)
def test_a_clock_that_jumps_is_named_with_its_place_and_costs_nothing(
    tmp_path: Path, sound_jump: float, picture_jump: float, what: str
) -> None:
    path = mux(
        tmp_path / "a.mkv",
        [number * 0.04 + (sound_jump if number >= 50 else 0) for number in range(100)],
        cut(noise(100 * PIECE)),
        numbered(100),
        [number * 0.04 + (picture_jump if number >= 50 else 0) for number in range(100)],
    )
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match=what) as caught:
            survey(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert str(path) in str(caught.value)
    assert "0:0" in str(caught.value)
    assert peak < 10e6


@pytest.mark.parametrize("first", [1.0, 3.0])
def test_joined_transport_streams_are_named(tmp_path: Path, first: float) -> None:
    parts = [
        encode(
            tmp_path / f"{number}.ts",
            numbered(round(25 * seconds)),
            sine(440, seconds, 48_000),
            codec="mpeg2video",
            sound="mp2",
            rate=48_000,
        )
        for number, seconds in enumerate((first, 2.0))
    ]
    path = tmp_path / "joined.ts"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    with pytest.raises(InputError, match=r"joined\.ts: the clock of its \w+ runs backwards at 0:0"):
        survey(path)


def test_sound_alone_may_be_lost_for_long_where_pictures_go_on(tmp_path: Path) -> None:
    stamps = [number * 0.04 for number in range(300) if not 50 <= number < 200]
    path = mux(
        tmp_path / "a.mkv",
        stamps,
        cut(noise(150 * PIECE)),
        numbered(300),
        [number * 0.04 for number in range(300)],
    )
    audio, notes = read_audio(path)
    assert len(audio) == 300 * PIECE
    assert not audio[50 * PIECE : 200 * PIECE].any()
    assert notes == ("1 gap(s) in the sound, 6.00 s in all, filled with silence",)


def test_a_stop_before_the_sound_begins_is_a_jump_too(tmp_path: Path) -> None:
    def file(stop: float) -> Path:
        pictures = [number * 0.04 + (stop if number >= 25 else 0) for number in range(50)]
        return mux(
            tmp_path / "a.mkv",
            [2 + stop + number * 0.04 for number in range(50)],
            cut(noise(50 * PIECE)),
            numbered(50),
            pictures,
        )

    with pytest.raises(InputError, match=r"by 3\.04 s at 0:00\.96 .* with neither sound nor pictures"):
        survey(file(3.0))
    assert survey(file(1.0)).zero == 0


def test_a_delay_of_two_days_allocates_nothing(tmp_path: Path) -> None:
    path = mux(
        tmp_path / "a.mkv",
        [50 * 3600 + number * 0.04 for number in range(25)],
        cut(noise(25 * PIECE)),
        numbered(25),
        [number * 0.04 for number in range(25)],
    )
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match=r"the sound begins at 3000:00\.00, the picture at 0:00\.00"):
            survey(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10e6


def test_many_gaps_do_not_add_up_to_a_day(tmp_path: Path) -> None:
    path = mux(tmp_path / "a.mkv", [number * 59.0 for number in range(200)], cut(noise(200 * PIECE)))
    with pytest.raises(InputError, match="more than 2 hours of sound"):
        survey(path)


def test_a_huge_picture_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        video = container.add_stream("mjpeg", rate=25)
        video.width = video.height = 8000
        video.pix_fmt = "yuvj420p"
        frame = av.VideoFrame(8000, 8000, "yuvj420p")
        container.mux(video.encode(frame))
        container.mux(video.encode())
    with pytest.raises(InputError, match="pictures of 8000 x 8000 pixels, expected at most"):
        read_video(path)


CORNERS = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [255, 255, 255]]], np.uint8)
"""Red, green over blue, white."""


@pytest.mark.parametrize(
    ("matrix", "top_left", "top_right", "words"),
    [
        ((1, 0, 0, 1), "red", "green", None),
        ((0, 1, -1, 0), "blue", "red", "turned by 90 degrees clockwise"),
        ((-1, 0, 0, -1), "white", "blue", "turned by 180 degrees clockwise"),
        ((0, -1, 1, 0), "green", "white", "turned by 270 degrees clockwise"),
        ((-1, 0, 0, 1), "green", "red", "mirrored"),
        ((1, 0, 0, -1), "blue", "white", "mirrored and turned by 180 degrees clockwise"),
        ((0, 1, 1, 0), "red", "blue", "mirrored and turned by 270 degrees clockwise"),
        ((0, -1, -1, 0), "white", "green", "mirrored and turned by 90 degrees clockwise"),
    ],
)
def test_all_eight_orientations_are_turned_upright(
    tmp_path: Path, matrix: tuple[int, ...], top_left: str, top_right: str, words: str | None
) -> None:
    names = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255), "white": (255, 255, 255)}
    video = read_video(oriented(tmp_path / "a.mp4", matrix))
    height, width = (32, 48) if matrix[0] else (48, 32)
    assert video.frames.shape == (5, height, width, 3)
    assert np.abs(video.frames[0, 4, 4].astype(int) - names[top_left]).max() < 30
    assert np.abs(video.frames[0, 4, -4].astype(int) - names[top_right]).max() < 30
    assert video.notes == (() if words is None else (f"picture {words}, as its display matrix says",))


def oriented(path: Path, matrix: tuple[float, ...]) -> Path:
    a, b, c, d = matrix
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25, options={"crf": "5"})
        video.width, video.height, video.pix_fmt = 48, 32, "yuv444p"
        video.set_display_matrix([round(65536 * x) for x in (a, b, 0, c, d, 0, 0, 0)] + [1 << 30])
        for index in range(5):
            image = np.repeat(np.repeat(CORNERS, 16, axis=0), 24, axis=1)
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts = index
            container.mux(video.encode(frame))
        container.mux(video.encode())
    return path


def test_a_picture_that_leans_is_refused(tmp_path: Path) -> None:
    leaning = oriented(tmp_path / "a.mp4", (0.866, 0.5, -0.5, 0.866))
    with pytest.raises(InputError, match=r"turns the picture by 30\.0 degrees, expected 0, 90, 180 or 270"):
        read_video(leaning)


@pytest.mark.parametrize(
    ("aspect", "size"), [((16, 11), (93, 48)), ((8, 9), (64, 54)), ((1, 1), (64, 48)), ((1000, 1), (64, 48))]
)
def test_pixels_become_square(tmp_path: Path, aspect: tuple[int, int], size: tuple[int, int]) -> None:
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg4", rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        video.codec_context.sample_aspect_ratio = Fraction(*aspect)
        for _ in range(3):
            container.mux(video.encode(av.VideoFrame.from_ndarray(np.full((48, 64, 3), 99, np.uint8))))
        container.mux(video.encode())
    opened = read_video(path)
    assert opened.frames.shape[1:3] == size[::-1]
    assert (f"to {size[0]}x{size[1]}" in " ".join(opened.notes)) == (size != (64, 48))


def test_a_clip_hears_what_its_speech_says(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.mkv", numbered(50), sine(440, 2, 16_000), video_delay=0.2, audio_delay=0.28)
    clips = open_clips(path)
    speech = clips.speech("a")
    clip = clips["a"]
    np.testing.assert_array_equal(clip.audio, speech[: len(clip.audio)])
    assert not speech[:1280].any()
    assert speech[1281:].any()


def test_sound_of_the_same_file_named_twice_is_its_own(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.mkv", numbered(50), sine(440, 2, 16_000), audio_delay=0.2)
    own, named, apart = Recording(path), Recording(path, path), Recording(path, other := tmp_path / "b.mkv")
    other.write_bytes(path.read_bytes())
    np.testing.assert_array_equal(named.audio, own.audio)
    np.testing.assert_array_equal(apart.audio, own.audio[3200:])


@pytest.mark.parametrize("drop", [(), (7, 8, 20)], ids=["whole", "frames dropped"])
def test_avi_with_b_frames_keeps_every_picture_at_its_time(tmp_path: Path, drop: tuple[int, ...]) -> None:
    path = encode(tmp_path / "a.avi", numbered(50), sine(440, 2, 16_000), codec="libx264", leave_out=drop)
    opened = read_video(path)
    expected = list(range(50))
    for number in drop:
        expected[number] = expected[number - 1]
    numbers = numbers_in(held(opened.video)).tolist()
    assert len(numbers) == 50
    assert np.abs(np.array(numbers) - expected).max() <= len(drop)
    assert numbers[30:] == expected[30:]


def test_two_sound_tracks_the_default_one_is_heard(tmp_path: Path) -> None:
    from av.stream import Disposition

    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        tracks = [container.add_stream("pcm_s16le", rate=16_000, layout="mono") for _ in range(3)]
        for number, track in enumerate(tracks):
            track.disposition = Disposition.default if number == 1 else Disposition(0)
        for number, track in enumerate(tracks):
            frame = av.AudioFrame.from_ndarray(
                np.full((1, 1600), 100 * (number + 1), np.int16), format="s16", layout="mono"
            )
            frame.sample_rate, frame.pts = 16_000, 0
            container.mux(track.encode(frame))
    audio, notes = read_audio(path)
    assert set(audio.tolist()) == {200}
    assert notes == (
        "sound track 2 of 3 (marked default); left out: track 1 (pcm_s16le), track 3 (pcm_s16le)",
    )


@pytest.mark.parametrize("share", [1.0, 0.7])
def test_pictures_need_not_fill_every_tick_of_an_avi(tmp_path: Path, share: float) -> None:
    path = encode(
        tmp_path / "a.avi", numbered(50), sine(440, 2, 16_000), codec="mpeg4", leave_out=range(20, 35)
    )
    whole = path.read_bytes()
    path.write_bytes(whole[: round(share * len(whole))])
    if share < 1:
        with pytest.raises(InputError, match="truncated"):
            read_video(path)
    else:
        numbers = numbers_in(held(read_video(path).video))
        assert numbers.tolist() == [*range(20), *[19] * 15, *range(35, 50)]


def test_a_track_of_one_packet_or_of_comments_does_not_stand_for_the_sound(tmp_path: Path) -> None:
    from av.stream import Disposition

    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        tracks = [container.add_stream("pcm_s16le", rate=16_000, layout="mono") for _ in range(3)]
        for track, disposition in zip(
            tracks, (Disposition(0), Disposition.comment, Disposition(0)), strict=True
        ):
            track.disposition = disposition
        for number, track in enumerate(tracks):
            for turn in range(10 if number else 1):
                frame = av.AudioFrame.from_ndarray(
                    np.full((1, 160), 100 * (number + 1), np.int16), format="s16", layout="mono"
                )
                frame.sample_rate, frame.pts = 16_000, 160 * turn
                container.mux(track.encode(frame))
    audio, notes = read_audio(path)
    assert set(audio.tolist()) == {300}
    assert "sound track 3 of 3" in notes[0]


def test_streams_that_appear_on_the_way_disturb_nobody(tmp_path: Path) -> None:
    path = encode(
        tmp_path / "a.flv", numbered(25), sine(440, 1, 44_100), codec="flv", sound="pcm_s16le", rate=44_100
    )
    whole = path.read_bytes()
    half = 13
    while half < len(whole) // 2:
        half += 11 + int.from_bytes(whole[half + 1 : half + 4], "big") + 4
    # Video of codecs 3, 4, 6 and sound of codecs 4 to 8, 10, 11: each becomes a stream of its own.
    strangers = [(9, 0x10 | codec) for codec in (3, 4, 6)] + [
        (8, codec << 4) for codec in (4, 5, 6, 7, 8, 11)
    ]
    tags = b"".join(
        bytes([kind]) + bytes([0, 0, 20, 0, 1, 244, 0, 0, 0, 0, first, *bytes(19)]) + (31).to_bytes(4, "big")
        for kind, first in strangers * 3
    )
    path.write_bytes(whole[:half] + tags + whole[half:])
    assert numbers_in(held(read_video(path).video)).tolist() == list(range(25))
    assert len(read_audio(path)[0]) == pytest.approx(16_000, abs=200)


def test_the_end_of_reading_does_not_depend_on_streams_that_appeared() -> None:
    class Container:
        """As PyAV behaves, depending on what lay in the memory: it looks for the newcomers among the known streams."""

        def demux(self, *streams: object) -> Iterator[str]:
            yield from streams or ("all",)
            raise IndexError("list index out of range")

    assert list(demuxed(Container())) == ["all"]
    assert list(demuxed(Container(), ["one", "two"])) == ["one", "two"]


@pytest.mark.parametrize(
    ("delay", "timed"),
    [(0.8, True), (0.0, True), (0.8, False)],
    ids=["before the first picture", "in the clip", "nobody knows when"],
)
def test_damage_before_the_first_picture_does_not_count(
    tmp_path: Path, delay: float, timed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not timed:
        monkeypatch.setattr("pytest_lipleak.media.timeline._time", lambda *_: None)
    path = encode(
        tmp_path / "a.mkv", numbered(25), sine(440, 2, 44_100), sound="aac", rate=44_100, video_delay=delay
    )
    data = path.read_bytes()
    with av.open(str(path)) as container:
        packets = [bytes(packet) for packet in container.demux(audio=0)]
    for packet in packets[1:25]:
        data = data.replace(packet, bytes([255]) * len(packet), 1)
    path.write_bytes(data)
    if not delay or not timed:
        with pytest.raises(InputError, match=r"2\d of 8\d sound packets cannot be decoded"):
            read_audio(path)
        return
    audio, notes = read_audio(path)
    assert not any("cannot be decoded" in note for note in notes)
    assert len(audio) == pytest.approx(1.2 * 16_000, abs=800)


DESCRIPTION = """Input #0, mpegts, from '':
  Duration: 00:00:03.01, start: 1.400000, bitrate: 970 kb/s
  Program 1\x20
    Metadata:
      service_name    : a
  Stream #0:0[0x100]: Video: h264 (Constrained Baseline) ([27][0][0][0] / 0x001B), yuv420p, 176x144, 25 fps
  Program 2\x20
  Stream #0:1[0x101]: Video: h264 (Constrained Baseline) ([27][0][0][0] / 0x001B), yuv420p, 176x144, 25 fps
  Stream #0:3[0x102](eng): Audio: mp2 ([3][0][0][0] / 0x0003), 48000 Hz, mono, s16p, 384 kb/s
  No Program
  Stream #0:2[0x103]: Audio: mp2 ([3][0][0][0] / 0x0003), 48000 Hz, mono, s16p, 384 kb/s
"""


def test_picture_and_sound_are_of_one_program() -> None:
    class Stream(NamedTuple):
        index: int

    programs = programs_in(DESCRIPTION)
    assert programs == [{0}, {1, 3}, {2}]
    assert programs_in("Input #0, matroska:\n  Duration: 1\n  Stream #0:0: Video: h264\n") == []
    usable = {"video": [Stream(0), Stream(1)], "audio": [Stream(2), Stream(3)]}
    assert of_one_program(usable, programs) == {"video": [Stream(1)], "audio": [Stream(3)]}
    assert of_one_program(usable, [{0}, {1}]) == usable
    assert of_one_program({"video": [], "audio": usable["audio"]}, [{2}, {3}]) == {
        "video": [],
        "audio": [Stream(2)],
    }
