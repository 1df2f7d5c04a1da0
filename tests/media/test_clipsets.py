import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from encoding import encode, numbered, sine

from pytest_lipleak.core.clips import Clip, held
from pytest_lipleak.core.errors import InputError, MissingDataError
from pytest_lipleak.media import clipsets, decoding
from pytest_lipleak.media.clipsets import ClipFile, ClipSet, open_clips
from pytest_lipleak.media.pair_lists import read_pairs
from pytest_lipleak.media.timeline import Timeline

Put = Callable[[str], Path]


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One second of video, with a sound of its own each."""
    folder = tmp_path_factory.mktemp("videos")
    return {
        name: encode(folder / f"{name}.mkv", numbered(25), sine(hertz, 1, 16_000))
        for name, hertz in (("low", 200), ("middle", 400), ("high", 800))
    }


@pytest.fixture
def put(tmp_path: Path, videos: dict[str, Path]) -> Callable[[str, str], Path]:
    """Copy one of the videos to a place under ``tmp_path``."""

    def copy(place: str, video: str = "low") -> Path:
        target = tmp_path / place
        target.parent.mkdir(parents=True, exist_ok=True)
        return shutil.copy(videos[video], target)

    return copy


def test_a_folder_gives_every_video_at_any_depth(tmp_path: Path, put: Callable[..., Path]) -> None:
    put("b.mkv")
    put("ann/1.mkv", "middle")
    put("ann/2.MKV", "high")
    put("x/bob/1.mkv", "high")
    (tmp_path / "notes.md").write_text("no clip")
    clips = open_clips(tmp_path)
    assert list(clips) == ["ann/1", "ann/2", "b", "x/bob/1"]
    assert [clips.files[name].speaker for name in clips] == ["ann", "ann", None, "bob"]


def test_lrs2_transcripts_are_read(tmp_path: Path, put: Callable[..., Path]) -> None:
    put("5535/00001.mkv", "low")
    put("5535/00002.mkv", "middle")
    put("6000/00001.mkv", "high")
    words = "Text:  I DON'T KNOW HOW\nConf:  4\n\nWORD START END ASDSCORE\nI 0.1 0.2 5.0\n"
    (tmp_path / "5535/00001.txt").write_text(words)
    (tmp_path / "6000/00001.txt").write_text(words)
    (tmp_path / "5535/00002.txt").write_text("no transcript, a note\n")
    clips = open_clips(tmp_path)
    assert [file.text for file in clips.files.values()] == ["I DON'T KNOW HOW", None, "I DON'T KNOW HOW"]
    assert clips.same_speech("5535/00001", "6000/00001"), "same words, other samples"
    assert not clips.same_speech("5535/00001", "5535/00002")


def test_videos_of_one_stem_keep_their_suffix(tmp_path: Path, put: Callable[..., Path]) -> None:
    put("a.mkv", "low")
    put("a.mpg", "middle")
    put("b.mkv", "high")
    (tmp_path / "b.txt").write_text("Text: B\n")
    assert list(open_clips(tmp_path)) == ["a.mkv", "a.mpg", "b"]


def test_one_video_is_a_set_of_one(put: Callable[..., Path]) -> None:
    clips = open_clips(str(put("only.mkv")))
    assert list(clips) == ["only"]
    clip = clips["only"]
    assert (clip.frames.shape, clip.audio.shape) == ((25, 32, 32, 3), (16_000,))
    np.testing.assert_array_equal(clip.audio, sine(200, 1, 16_000)[0])


@pytest.mark.parametrize("speaker_column", ["speaker", "person"])
@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["plain", "byte order mark"])
def test_a_manifest_says_what_is_known(
    tmp_path: Path, put: Callable[..., Path], speaker_column: str, mark: str
) -> None:
    put("a.mkv", "low")
    put("sub/b.mkv", "middle")
    encode(tmp_path / "other.wav", audio=sine(600, 1, 16_000))
    (tmp_path / "clips.csv").write_text(
        f"{mark}file,audio,{speaker_column},text,name,extra\n"
        "a.mkv, other.wav ,Ann,HELLO,first,1\n"
        "sub/b.mkv,,,,,\n",
        encoding="utf-8",
    )
    clips = open_clips(tmp_path / "clips.csv")
    first = clips.files["first"]
    assert (first.speaker, first.text, first.audio) == ("Ann", "HELLO", tmp_path / "other.wav")
    assert list(clips) == ["first", "sub/b"]
    assert (clips.files["sub/b"].speaker, clips.files["sub/b"].audio) == (None, None)
    np.testing.assert_array_equal(clips["first"].audio, sine(600, 1, 16_000)[0])
    assert clips["first"].speaker == "Ann"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "0 clips"),
        ("file\n", "0 clips"),
        ("video,speaker\na.mkv,x\n", "no column 'file'; found video, speaker"),
        ("file,speaker\na.mkv,x\n,y\n", "line 3: the column 'file' is empty"),
        ("file\nabsent.mkv\n", "1 file is not beside it: absent.mkv (line 2)"),
        ("file,audio\na.mkv,absent.wav\n", "1 file is not beside it: absent.wav (line 2)"),
        ("file\na.mkv\na.mkv\n", "two clips are called 'a'"),
        ("file,name\na.mkv,x\nb.mkv,x\n", "two clips are called 'x'"),
    ],
)
def test_a_manifest_that_cannot_be_used_says_where(
    tmp_path: Path, put: Callable[..., Path], content: str, words: str
) -> None:
    put("a.mkv")
    put("b.mkv")
    manifest = tmp_path / "clips.csv"
    manifest.write_text(content)
    with pytest.raises(InputError) as caught:
        open_clips(manifest)
    assert words in str(caught.value)
    assert str(manifest) in str(caught.value)


def test_nobody_writes_to_what_everything_is_measured_by(
    tmp_path: Path, put: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    put("a.mkv", "low")
    put("b.mkv", "high")
    clips = open_clips(tmp_path)
    with pytest.raises(ValueError, match="read-only"):
        clips["a"].frames[:, 8:] = 0
    for sound in (clips["a"].audio, clips.speech("a")):
        with pytest.raises(ValueError, match="read-only"):
            sound[:] = 0
    monkeypatch.setattr(clipsets, "AUDIO_BYTES", 1)
    assert clips["b"].audio.any()
    assert not clips["a"].audio.flags.writeable, "asked for again"


def test_an_empty_folder_holds_0_clips(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="0 clips") as caught:
        open_clips(tmp_path)
    assert str(tmp_path) in str(caught.value)


def test_what_is_not_there_is_named_with_what_may_be(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match="name a folder of videos, a table") as caught:
        open_clips(tmp_path / "absent")
    assert str(tmp_path / "absent") in str(caught.value)
    assert "embedded" in str(caught.value)


def test_a_clip_that_is_not_there_is_answered_by_the_nearest() -> None:
    clips = open_clips("embedded")
    with pytest.raises(InputError) as caught:
        clips["ana_1"]
    assert str(caught.value) == "no clip 'ana_1' in embedded; did you mean anna_1?"
    assert clips.get("ana_1") is None, "as of any mapping"


def test_embedded_clips_are_at_hand() -> None:
    clips = open_clips("embedded")
    assert len(clips) >= 8
    speakers = {file.speaker for file in clips.files.values()}
    assert None not in speakers
    assert len(speakers) >= 3


def make(path: Path, frames: int, samples: int) -> ClipSet:
    encode(path, numbered(frames), sine(300, samples / 16_000, 16_000))
    return ClipSet([ClipFile("clip", path)], "here")


@pytest.mark.parametrize("missing", range(6))
def test_up_to_five_frames_without_sound_are_left_out_and_counted(tmp_path: Path, missing: int) -> None:
    clip = make(tmp_path / "a.mkv", 50, (50 - missing) * 640)["clip"]
    assert len(clip.frames) == 50 - missing
    said = [note for note in clip.notes if "without audio" in note]
    assert said == ([f"last {missing} frames without audio left out"] if missing else [])


def test_audio_that_ends_clearly_early_is_refused(tmp_path: Path) -> None:
    clips = make(tmp_path / "a.mkv", 50, 44 * 640)
    with pytest.raises(InputError, match=r"audio ends after 1\.76 s, the video after 2\.00 s") as caught:
        clips["clip"]
    assert str(tmp_path / "a.mkv") in str(caught.value)


def test_a_clip_without_a_frame_of_sound_is_refused(tmp_path: Path) -> None:
    clips = make(tmp_path / "a.mkv", 3, 600)
    with pytest.raises(InputError, match="less than one frame"):
        clips["clip"]


def test_longer_audio_is_cut_to_the_frames(tmp_path: Path) -> None:
    clip = make(tmp_path / "a.mkv", 20, 32_000)["clip"]
    assert len(clip.audio) == 20 * 640


def test_a_set_is_decoded_when_asked_and_remembers_little(
    monkeypatch: pytest.MonkeyPatch, videos: dict[str, Path]
) -> None:
    read: list[Timeline] = []
    original = decoding.read_video
    monkeypatch.setattr(decoding, "read_video", lambda timeline: read.append(timeline) or original(timeline))
    clips = ClipSet([ClipFile(str(n), videos["low"]) for n in range(6)], "here")
    assert len(clips) == 6
    assert "3" in clips
    clips.speech("3")
    assert read == [], "neither listing nor hearing decodes pictures"
    assert clips["0"] is clips["0"]
    assert len(read) == 1
    monkeypatch.setattr(clipsets, "KEPT_BYTES", 4 * clips["0"].frames.nbytes)
    first = clips["0"]
    for name in clips:
        clips[name]
    assert [isinstance(clips[name].video, np.ndarray) for name in clips] == [
        False,
        False,
        True,
        True,
        True,
        True,
    ]
    assert len(read) == 6
    again = clips["0"]
    assert again.digest == first.digest
    assert (again.name, again.notes) == (first.name, first.notes)
    np.testing.assert_array_equal(again.frames, first.frames)
    assert Clip("0", again.video, again.audio).digest == first.digest


def test_the_name_is_a_clip_or_a_key_error(videos: dict[str, Path]) -> None:
    clips = ClipSet([ClipFile("a", videos["low"])], "here")
    with pytest.raises(KeyError):
        clips["b"]
    with pytest.raises(TypeError):
        clips["b"] = clips["a"]  # type: ignore[index]


@pytest.fixture
def trio(videos: dict[str, Path]) -> ClipSet:
    files = [ClipFile(f"dir/{name}", path) for name, path in videos.items()]
    return ClipSet([*files, ClipFile("twin", videos["low"])], "the set")


def test_the_same_sound_is_the_same_speech(trio: ClipSet) -> None:
    assert trio.same_speech("dir/low", "twin")
    assert not trio.same_speech("dir/low", "dir/high")


def test_pairs_are_read_as_wav2lip_writes_them(tmp_path: Path, trio: ClipSet) -> None:
    pairs = tmp_path / "pairs.txt"
    pairs.write_text("dir/low dir/high\n\n# a comment\n  dir/high.mp4\tdir/low.mp4  \n")
    assert read_pairs(pairs, trio) == {"dir/high": ("dir/low",), "dir/low": ("dir/high",)}
    pairs.write_text("dir/middle dir/high\ndir/low dir/high\n")
    assert read_pairs(pairs, trio) == {"dir/high": ("dir/middle", "dir/low")}


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        ("dir/low\n", 1, "expected 'audio_id video_id', got 'dir/low'"),
        ("\ndir/low dir/high 0.5\n", 2, "expected 'audio_id video_id'"),
        ("dir/low dir/high\ndir/absent dir/low\n", 2, "no clip 'dir/absent' in the set"),
        ("dir/low dir/absent\n", 1, "no clip 'dir/absent'"),
        ("dir/low dir/high\ndir/low dir/high\n", 2, "the pair of 'dir/low' and 'dir/high' is listed twice"),
        ("dir/low dir/low\n", 1, "'dir/low' is paired with its own speech"),
        ("twin dir/low\n", 1, "'dir/low' is paired with its own speech"),
    ],
)
def test_a_pair_that_cannot_be_used_names_its_line(
    tmp_path: Path, trio: ClipSet, content: str, line: int, words: str
) -> None:
    pairs = tmp_path / "pairs.txt"
    pairs.write_text(content)
    with pytest.raises(InputError) as caught:
        read_pairs(pairs, trio)
    assert str(caught.value).startswith(f"{pairs}, line {line}: ")
    assert words in str(caught.value)


def test_a_list_without_pairs_and_a_missing_list_are_refused(tmp_path: Path, trio: ClipSet) -> None:
    (tmp_path / "pairs.txt").write_text("# nothing yet\n")
    with pytest.raises(InputError, match="0 pairs"):
        read_pairs(tmp_path / "pairs.txt", trio)
    with pytest.raises(MissingDataError, match="no such file"):
        read_pairs(tmp_path / "absent.txt", trio)


def test_a_clip_that_is_replaced_is_not_read_again_as_the_same(
    put: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clipsets, "KEPT_BYTES", 1)
    folder = put("clips/one.mkv").parent
    put("clips/two.mkv", "middle")
    clips = open_clips(folder)
    clips["one"], clips["two"]
    put("clips/one.mkv", "high")
    with pytest.raises(InputError, match=r"one\.mkv: the file was changed while it was measured"):
        held(clips["one"].video)


def test_sound_of_its_own_that_was_changed_is_not_read_again_as_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        encode(tmp_path / f"{name}.mkv", numbered(30))
        encode(tmp_path / f"{name}.wav", audio=sine(300, 1.2, 16_000))
    (tmp_path / "clips.csv").write_text("file,audio\none.mkv,one.wav\ntwo.mkv,two.wav\n")
    monkeypatch.setattr(clipsets, "KEPT_BYTES", 1)
    monkeypatch.setattr(clipsets, "AUDIO_BYTES", 1)
    clips = open_clips(tmp_path / "clips.csv")
    before = clips["one"].digest
    clips["two"]
    encode(tmp_path / "one.wav", audio=sine(900, 1.4, 16_000))
    with pytest.raises(InputError, match=r"one\.wav: the file was changed while it was measured"):
        assert clips["one"].digest != before


def test_clips_beyond_what_is_held_are_the_same_when_they_are_asked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"{number}" for number in range(6)]
    for number, name in enumerate(names):
        encode(tmp_path / f"{name}.mkv", numbered(30), sine(200 + 100 * number, 1.2, 16_000))
    kept = open_clips(tmp_path)
    wanted = {name: (kept[name].digest, kept[name].audio, kept[name].frames) for name in names}
    # Sound of two clips, and pictures of one.
    monkeypatch.setattr(clipsets, "AUDIO_BYTES", 2 * wanted["0"][1].nbytes)
    monkeypatch.setattr(clipsets, "KEPT_BYTES", wanted["0"][2].nbytes)
    decoded: list[Path] = []
    original = decoding.read_video

    def read_video(timeline: Timeline) -> object:
        decoded.append(timeline.path)
        return original(timeline)

    monkeypatch.setattr(decoding, "read_video", read_video)
    clips = open_clips(tmp_path)
    for _ in range(2):
        for name in names:
            digest, audio, frames = wanted[name]
            clip = clips[name]
            assert clip.digest == digest
            assert np.array_equal(clip.audio, audio)
            assert np.array_equal(clip.frames, frames)
            assert clips.speech(names[-1]).shape == audio.shape
        assert len(decoded) == len(names), "no pictures are decoded again to open a clip"
    assert len(vars(clips)["_recordings"]) == 2
    (tmp_path / "0.mkv").write_bytes((tmp_path / "1.mkv").read_bytes())
    with pytest.raises(InputError, match="the file was changed while it was measured"):
        clips["0"]
