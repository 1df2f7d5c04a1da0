from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import av
import numpy as np
import pytest

from pytest_lipleak.core.clips import Clip
from pytest_lipleak.core.errors import InputError
from pytest_lipleak.media import clipsets
from pytest_lipleak.media.clipsets import EMBEDDED, ClipSet, open_clips
from pytest_lipleak.media.copies import is_copy
from pytest_lipleak.media.video import write_video
from pytest_lipleak.plan.pairing import mismatched_pairs
from pytest_lipleak.run.remembered_speech import RememberedSpeech
from pytest_lipleak.store.store import Store


@pytest.fixture(scope="module")
def clip() -> Clip:
    return open_clips(EMBEDDED)["anna_1"]


def lossy(path: Path, frames: np.ndarray, audio: np.ndarray, side: int) -> None:
    """A small, strongly compressed file, as a messenger makes it: H.264, MP3."""
    with av.open(str(path), "w") as file:
        video = file.add_stream("libx264", rate=25, options={"crf": "34"})
        video.width = video.height = side
        video.pix_fmt = "yuv420p"
        sound = file.add_stream("mp3", rate=16_000, layout="mono")
        sound.bit_rate = 32_000
        for index, image in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(side, side)
            picture.pts = index
            file.mux(video.encode(picture))
        file.mux(video.encode(None))
        frame = av.AudioFrame.from_ndarray(audio[None], format="s16", layout="mono")
        frame.sample_rate = 16_000
        pieces = av.AudioFifo()
        pieces.write(frame)
        resampler = av.AudioResampler(sound.format.name, "mono", 16_000)
        while pieces.samples:
            for piece in resampler.resample(
                pieces.read(sound.codec_context.frame_size or 1152, partial=True)
            ):
                file.mux(sound.encode(piece))
        file.mux(sound.encode(None))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, clip: Clip) -> Path:
    """A clip, its copies of several kinds, a dubbed one and another one, of the same face."""
    folder = tmp_path_factory.mktemp("clips")
    others = open_clips(EMBEDDED)
    frames, audio = clip.frames, clip.audio
    write_video(folder / "a.mkv", frames, audio)
    (folder / "b_same_file.mkv").write_bytes((folder / "a.mkv").read_bytes())
    lossy(folder / "c_messenger.mp4", frames, audio, 128)
    write_video(folder / "d_cut.mkv", frames[6:-2], audio[6 * 640 : -2 * 640])
    write_video(folder / "e_darker.mkv", (frames * 0.6).astype(np.uint8), (audio * 0.3).astype(np.int16))
    dubbed = others["anna_2"].frames
    write_video(folder / "f_dubbed.mkv", np.resize(dubbed, (len(frames), *dubbed.shape[1:])), audio)
    write_video(folder / "g_mirrored.mkv", frames[:, :, ::-1].copy(), audio)
    for name in ("anna_2", "zola_1"):
        write_video(folder / f"h_{name}.mkv", others[name].frames, others[name].audio)
    return folder


@pytest.fixture(scope="module")
def clips(folder: Path) -> ClipSet:
    return open_clips(folder)


def test_copies_are_found_and_dubbed_clips_are_none(clips: ClipSet) -> None:
    assert clips.copies == dict.fromkeys(("b_same_file", "c_messenger", "d_cut", "e_darker"), "a")


def test_nothing_of_one_recording_drives_it(clips: ClipSet) -> None:
    same = {name for name in clips if name[0] in "abcdefg"}
    assert all(clips.same_speech_as(name) == same for name in same)
    for seed in range(8):
        pairs = mismatched_pairs(clips, seed)
        assert list(pairs) == list(clips)
        assert not any(name in same and partner in same for name, partner in pairs.items())
        assert not clips.copies.keys() & set(pairs.values()), "a copy drives nothing"


def test_a_short_part_of_a_recording_is_no_copy(clip: Clip) -> None:
    frames = len(clip.video)
    half = frames // 2
    one = Clip("one", clip.frames[: half + 15], clip.audio[: (half + 15) * 640])
    other = Clip("other", clip.frames[half - 15 :], clip.audio[(half - 15) * 640 :])
    assert not is_copy(one, other, -(half - 15) / 25)
    assert is_copy(one, one, 0.0)


def test_still_pictures_are_compared_as_they_are() -> None:
    generator = np.random.default_rng(0)
    audio = np.zeros(50 * 640, np.int16)
    one, other = (
        np.tile(generator.integers(0, 255, (1, 32, 32, 3), np.uint8), (50, 1, 1, 1)) for _ in range(2)
    )
    assert is_copy(Clip("one", one, audio), Clip("again", one, audio), 0.0)
    assert not is_copy(Clip("one", one, audio), Clip("other", other, audio), 0.0)


def on_store(folder: Path, store: Path, ends: Callable[[str, int], int | None] | None = None) -> ClipSet:
    """Those clips anew, as another run on that store opens them."""
    files = list(open_clips(folder).files.values())
    clips = ClipSet(files, "clips") if ends is None else ClipSet(files, "clips", ends=ends)
    clips.remember = RememberedSpeech(lambda: Store(store))
    return clips


@pytest.fixture
def two(tmp_path: Path, clip: Clip) -> Path:
    """The folder of a clip and of its last three quarters."""
    (tmp_path / "two").mkdir()
    cut = len(clip.video) // 4
    write_video(tmp_path / "two" / "a.mkv", clip.frames, clip.audio)
    write_video(tmp_path / "two" / "b.mkv", clip.frames[cut:], clip.audio[cut * 640 :])
    return tmp_path / "two"


def unreadable(*arguments: object) -> NoReturn:
    raise InputError("a.mkv: cannot be read (Stale file handle)")


def test_a_clip_that_cannot_be_read_once_is_not_remembered_to_be_no_copy(
    two: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(clipsets, "is_copy", unreadable)
        assert on_store(two, tmp_path / "store").copies == {}
    assert on_store(two, tmp_path / "store").copies == {"b": "a"}
    monkeypatch.setattr(clipsets, "is_copy", unreadable)
    assert on_store(two, tmp_path / "store").copies == {"b": "a"}, "remembered, so nothing is read"


def test_a_clip_that_cannot_be_heard_once_is_not_remembered_to_say_something_else(
    two: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(ClipSet, "speech", unreadable)
        assert not on_store(two, tmp_path / "store").same_speech("a", "b")
    assert on_store(two, tmp_path / "store").same_speech("a", "b")
    monkeypatch.setattr(ClipSet, "speech", unreadable)
    assert on_store(two, tmp_path / "store").same_speech("a", "b"), "remembered, so nothing is heard"


def test_where_outputs_end_a_clip_is_part_of_what_is_remembered(two: Path, tmp_path: Path) -> None:
    def early(name: str, length: int) -> int | None:
        return length // 3 if name == "a" else None

    def whole(name: str, length: int) -> None:
        return None

    for ends, copies in ((early, {}), (whole, {"b": "a"}), (early, {}), (None, {"b": "a"})):
        assert on_store(two, tmp_path / "store", ends).copies == copies


def test_of_shortened_clips_that_cannot_be_read_once_nothing_is_remembered(
    two: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(clipsets, "_decoded", unreadable)
        assert on_store(two, tmp_path / "store", lambda name, length: None).copies == {}
    assert on_store(two, tmp_path / "store", lambda name, length: None).copies == {"b": "a"}
