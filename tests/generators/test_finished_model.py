"""What drove a finished video is told from its audio, and named as the clip set names it."""

import shutil
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pytest_lipleak.core.clips import Audio
from pytest_lipleak.core.conditions import Condition, Reference, Setup
from pytest_lipleak.core.errors import InputError
from pytest_lipleak.generators.finished_model import FinishedVideos, with_speakers
from pytest_lipleak.media.clipsets import EMBEDDED, ClipFile, open_clips
from pytest_lipleak.media.finished_tables import FinishedVideo
from pytest_lipleak.media.tracks import shown_frames
from pytest_lipleak.media.video import write_video

NAMES = ("anna_1", "mara_1", "omar_1")
LENGTH = 60


def write_sound(path: Path, audio: Audio) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(audio.tobytes())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three clips, and sounds: one's own, another's, another's at half its loudness, silence, a stranger's."""
    embedded = open_clips(EMBEDDED)
    speech = {name: embedded.speech(name)[: LENGTH * 640] for name in NAMES}
    for name, audio in speech.items():
        write_video(tmp_path / f"{name}.mkv", np.zeros((LENGTH, 16, 16, 3), np.uint8), audio)
    sounds = {
        "own": speech["anna_1"],
        "mara": speech["mara_1"],
        "soft_mara": speech["mara_1"] // 2,
        "silence": np.zeros(LENGTH * 640, np.int16),
        "stranger": embedded.speech("zola_1")[: LENGTH * 640],
    }
    for name, audio in sounds.items():
        write_sound(tmp_path / f"{name}.wav", audio)
    return tmp_path


def finished(folder: Path, audio: str, setup: str = "") -> FinishedVideos:
    lines = ["output,source,audio,setup", f"out.mp4,anna_1.mkv,{audio},{setup}"]
    lines += [f"other_{name}.mp4,{name}.mkv,own,AM" for name in NAMES[1:]]
    (folder / "manifest.csv").write_text("\n".join(lines))
    return FinishedVideos(str(folder))


def test_sound_that_was_written_anew_is_heard_anew(folder: Path) -> None:
    """In a notebook, where one process looks at a table again and again."""
    for sound, setup in (("silence", Setup.SI), ("mara", Setup.XM)):
        shutil.copy(folder / f"{sound}.wav", folder / "drives.wav")
        found = finished(folder, "drives.wav")
        found.over(None)
        assert Condition(setup, Reference.CR) in found.conditions


@pytest.mark.parametrize(
    ("audio", "setup", "partner"),
    [
        ("own.wav", Setup.AM, None),
        ("silence.wav", Setup.SI, None),
        ("mara.wav", Setup.XM, "mara_1"),
        ("mara_1.mkv", Setup.XM, "mara_1"),
        ("stranger.wav", Setup.XM, "stranger.wav"),
        ("soft_mara.wav", Setup.XM, "soft_mara.wav"),
    ],
)
def test_the_setup_and_who_drove_are_told_from_the_audio(
    folder: Path, audio: str, setup: Setup, partner: str | None
) -> None:
    found = finished(folder, audio)
    clips = found.over(None)
    assert Condition(setup, Reference.CR) in found.conditions
    assert [str(trial) for trial in found.trials if trial.clip == "anna_1"] == [f"anna_1 [{setup},CR]"]
    assert found.partners == ({"anna_1": (partner,)} if partner else {})
    # What is no clip's speech to the sample is compared with it all the same.
    if audio == "soft_mara.wav":
        assert clips.same_speech_as("mara_1") == {"mara_1", "soft_mara.wav"}
    if audio == "stranger.wav":
        assert clips.same_speech_as("stranger.wav") == {"stranger.wav"}
    assert list(clips) == list(NAMES), "what drove is no clip"


@pytest.mark.parametrize(
    ("audio", "setup", "words"),
    [
        ("own.wav", "XM", "setup XM contradicts the audio own.wav, which is the clip's own speech"),
        ("mara.wav", "AM", "setup AM contradicts the audio mara.wav, which is other speech"),
        ("mara.wav", "SI", "setup SI contradicts the audio mara.wav, which is other speech"),
        ("silence.wav", "XM", "setup XM contradicts the audio silence.wav, which is silence"),
    ],
)
def test_a_setup_that_contradicts_the_audio_is_refused(
    folder: Path, audio: str, setup: str, words: str
) -> None:
    with pytest.raises(InputError, match=r"manifest\.csv, line 2: ") as refused:
        finished(folder, audio, setup).over(None)
    assert words in str(refused.value)


@pytest.mark.parametrize("inputs", ["", "kept"])
def test_a_kept_row_that_contradicts_its_audio_is_refused_as_any_other(folder: Path, inputs: str) -> None:
    lines = ["output,source,audio,setup,inputs", f"out.mp4,anna_1.mkv,mara_1.mkv,AM,{inputs}"]
    lines += [f"other_{name}.mp4,{name}.mkv,own,AM,kept" for name in NAMES[1:]]
    (folder / "manifest.csv").write_text("\n".join(lines))
    with pytest.raises(InputError, match=r"setup AM contradicts the audio mara_1\.mkv"):
        FinishedVideos(str(folder)).over(None)


def untold(folder: Path, *setups: str) -> FinishedVideos:
    rows = [
        f"other_{name}.mp4,{name}.mkv,,{setup},CR" for name, setup in zip(NAMES[1:], setups, strict=False)
    ]
    lines = ["output,source,audio,setup,reference", "out.mp4,anna_1.mkv,,,CR", *rows]
    (folder / "manifest.csv").write_text("\n".join(lines))
    return FinishedVideos(str(folder))


@pytest.mark.parametrize("broken", [False, True])
def test_a_video_that_tells_nothing_is_what_all_others_are(folder: Path, broken: bool) -> None:
    if broken:
        (folder / "out.mp4").write_bytes(b"cut off")
    found = untold(folder, "AM", "AM")
    found.over(None)
    assert {trial.condition.setup for trial in found.trials} == {Setup.AM}
    assert any(note.startswith("out.mp4: nothing is heard that says what drove it") for note in found.notes)


def test_of_a_video_without_sound_nothing_is_assumed(folder: Path) -> None:
    """Its pictures would be judged: as said by the clip's own speech, though silence may have driven them."""
    write_video(folder / "out.mp4", np.zeros((LENGTH, 16, 16, 3), np.uint8))
    with pytest.raises(InputError, match=r"manifest\.csv, line 2: what drove the output cannot be heard"):
        untold(folder, "AM", "AM").over(None)


@pytest.mark.parametrize("setups", [("AM", "SI"), ()])
def test_where_the_others_are_of_several_setups_it_is_asked_for(
    folder: Path, setups: tuple[str, ...]
) -> None:
    with pytest.raises(InputError, match=r"manifest\.csv, line 2: neither setup nor audio is given"):
        untold(folder, *setups).over(None)


def listed(folder: Path, *rows: str) -> FinishedVideos:
    lines = ["output,source,audio,setup,reference", *rows]
    lines += [f"other_{name}.mp4,{name}.mkv,own,AM,CR" for name in NAMES[1:]]
    (folder / "manifest.csv").write_text("\n".join(lines))
    return FinishedVideos(str(folder))


def test_several_audios_of_a_clip_are_its_partners(folder: Path) -> None:
    found = listed(
        folder,
        "one.mp4,anna_1.mkv,mara.wav,XM,CR",
        "two.mp4,anna_1.mkv,stranger.wav,,CR",
        "three.mp4,anna_1.mkv,stranger.wav,XM,AR",
        "four.mp4,anna_1.mkv,silence,SI,CR",
        # It is not there: nobody hears what drove it, and it is a trial of the first partner all the same.
        "five.mp4,anna_1.mkv,,XM,AR",
    )
    found.over(None)
    assert found.partners == {"anna_1": ("mara_1", "stranger.wav")}
    outputs = {str(trial): row.output.name for trial, row in found.trials.items() if trial.clip == "anna_1"}
    assert outputs == {
        "anna_1 [XM,CR]": "one.mp4",
        "anna_1 [XM,CR,2]": "two.mp4",
        "anna_1 [XM,AR,2]": "three.mp4",
        "anna_1 [SI,CR]": "four.mp4",
        "anna_1 [XM,AR]": "five.mp4",
    }
    assert set(map(str, found.conditions)) == {"AM,CR", "SI,CR", "XM,AR", "XM,CR"}


@pytest.mark.parametrize(
    "rows",
    [
        ("one.mp4,anna_1.mkv,mara.wav,XM,CR", "two.mp4,anna_1.mkv,mara.wav,XM,CR"),
        # One speech, in two files.
        ("one.mp4,anna_1.mkv,mara.wav,XM,CR", "two.mp4,anna_1.mkv,mara_1.mkv,XM,CR"),
        ("one.mp4,anna_1.mkv,,XM,CR", "two.mp4,anna_1.mkv,,XM,CR"),
    ],
)
def test_two_videos_of_one_pair_are_refused(folder: Path, rows: tuple[str, str]) -> None:
    with pytest.raises(InputError, match=r"a second video of anna_1 \[XM,CR"):
        listed(folder, *rows).over(None)


def test_a_clip_ends_where_its_videos_do_and_all_of_these_are_told(folder: Path) -> None:
    """What is kept of a clip is kept by all of them: one that failed early does not hide where it ends."""
    for name, length in {"cut_off": 10, "short": 40, "whole": LENGTH}.items():
        write_video(folder / f"{name}.mp4", np.zeros((length, 16, 16, 3), np.uint8))
    found = listed(
        folder,
        "cut_off.mp4,anna_1.mkv,own,AM,CR",
        "short.mp4,anna_1.mkv,silence,SI,CR",
        "whole.mp4,anna_1.mkv,own,AM,AR",
    )
    clips = found.over(None)
    assert found.ends_of("anna_1") == (10, 40, LENGTH)
    assert len(clips["anna_1"].video) == 40
    assert found.whole_clips is not None
    assert len(found.whole_clips["anna_1"].video) == LENGTH


@pytest.mark.parametrize(
    ("shown", "left"), [(29, LENGTH), (30, 30), (54, 54), (55, LENGTH), (59, LENGTH), (LENGTH + 9, LENGTH)]
)
def test_a_clip_ends_with_an_output_of_half_of_it_that_ends_more_than_five_frames_early(
    folder: Path, shown: int, left: int
) -> None:
    write_video(folder / "out.mp4", np.zeros((shown, 16, 16, 3), np.uint8))
    clips = listed(folder, "out.mp4,anna_1.mkv,own,AM,CR").over(None)
    assert len(clips["anna_1"].video) == left


@pytest.mark.parametrize("ending", [".mkv", ".mp4"])
def test_pictures_that_end_before_the_sound_end_the_clip(folder: Path, ending: str) -> None:
    sound = open_clips(EMBEDDED).speech("mara_1")[: LENGTH * 640]
    write_video(folder / f"out{ending}", np.zeros((40, 16, 16, 3), np.uint8), sound)
    assert shown_frames(folder / f"out{ending}") == 40
    clips = listed(folder, f"out{ending},anna_1.mkv,mara.wav,XM,CR").over(None)
    assert len(clips["anna_1"].video) == 40


def test_a_probes_video_that_ends_early_ends_nothing_but_itself(folder: Path) -> None:
    for name, length in {"probe": 30, "whole": LENGTH}.items():
        write_video(folder / f"{name}.mp4", np.zeros((length, 16, 16, 3), np.uint8))
    lines = [
        "output,source,audio,setup,reference,probe,inputs",
        "whole.mp4,anna_1.mkv,silence,SI,CR,,",
        f"probe.mp4,anna_1.mkv,silence,SI,CR,REF_swap,{LENGTH}-0123456789abcdef",
    ]
    (folder / "manifest.csv").write_text("\n".join(lines))
    found = FinishedVideos(str(folder))
    clips = found.over(None)
    assert found.ends_of("anna_1") == (LENGTH,)
    assert len(clips["anna_1"].video) == LENGTH


@pytest.mark.parametrize("link", [Path.hardlink_to, Path.symlink_to, shutil.copy])
def test_one_video_stands_for_one_audio_whatever_it_is_called(
    folder: Path, link: Callable[[Path, Path], object]
) -> None:
    made, other = folder / "made.mp4", folder / "other.mp4"
    write_video(made, np.zeros((LENGTH, 16, 16, 3), np.uint8))
    link(*((made, other) if link is shutil.copy else (other, made)))
    with pytest.raises(
        InputError, match=r"line 3: other\.mp4 is the same video, to the byte, as made\.mp4 of"
    ):
        listed(folder, "made.mp4,anna_1.mkv,own,AM,CR", "other.mp4,anna_1.mkv,silence,SI,CR").over(None)
    # One that takes no reference makes the same with either.
    listed(folder, "made.mp4,anna_1.mkv,own,AM,CR", "other.mp4,anna_1.mkv,own,AM,AR").over(None)


@pytest.mark.parametrize(
    ("places", "named", "speakers", "words"),
    [
        (("ann_1", "ann_2"), ("", ""), (None, None), "in 2 of 2 clips (column 'speaker')"),
        (("ann_1", "ann_2"), ("ann", ""), ("ann", None), "in 1 of 2 clips (column 'speaker')"),
        (("ann_1", "ann_2"), ("ann", "ann"), ("ann", "ann"), ""),
        (("ann/1", "ann/2", "bob/1"), ("", "", ""), ("ann", "ann", "bob"), "folders of the sources count"),
        (("x/ann/1", "x/ann/2", "y/ann/1"), ("",) * 3, ("x/ann", "x/ann", "y/ann"), "folders of the sources"),
        (("ann/1", "ann/2", "bob/1"), ("a", "a", ""), ("a", "a", None), "in 1 of 3 clips"),
        # A folder for every clip says nothing of people.
        (("1/real", "2/real"), ("", ""), (None, None), "in 2 of 2 clips"),
        (("1/real",), ("",), (None,), ""),
    ],
)
def test_who_is_seen_is_told_by_the_table_or_by_folders(
    places: tuple[str, ...], named: tuple[str, ...], speakers: tuple[str | None, ...], words: str
) -> None:
    files = [ClipFile(place, Path("clips") / f"{place}.mp4") for place in places]
    rows = [
        FinishedVideo("", Path("out.mp4"), place, speaker=speaker or None)
        for place, speaker in zip(places, named, strict=True)
    ]
    found, told = with_speakers(files, rows)
    assert tuple(file.speaker for file in found) == speakers
    assert words in told
    assert bool(words) == bool(told)
