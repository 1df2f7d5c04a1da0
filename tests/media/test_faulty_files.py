"""Files that people have, each against what it is to a player: scores, frames and notes of ``faults/README.md``.

Right values were measured with the ffmpeg program on a clean copy of each file; see the README beside the files.
"""

import re
from pathlib import Path

import pytest

from pytest_lipleak.core.errors import InputError
from pytest_lipleak.evaluation.one_video import FileScore, score_file

TURNED = "as its display matrix says"
READ = {
    # Offset, LSE-C, frames, a note that must be there. Where the second half lies half a frame off (e01, f01_twoedits:
    # AAC's packets), the best whole frame is 4, for ffmpeg's own copy as well.
    "a01_h264_aac.mp4": (3, 3.0, 125, None),
    "b01_rot90.mov": (3, 3.04, 125, f"turned by 270 degrees clockwise, {TURNED}"),
    "b01_rot180.mp4": (3, 3.04, 125, f"turned by 180 degrees clockwise, {TURNED}"),
    "b01_rot270.mp4": (3, 3.04, 125, f"turned by 90 degrees clockwise, {TURNED}"),
    "b01_mirror.mp4": (3, 3.04, 125, f"mirrored, {TURNED}"),
    "c07_gap160ms.mkv": (3, 2.90, 125, "1 gap(s) in the sound, 0.16 s in all, filled with silence"),
    "c07_gap1s_longaudio.ts": (3, 2.00, 100, "1 gap(s) in the sound, 1.00 s in all, filled with silence"),
    "c01_gap_opus.mkv": (3, None, 125, "1 gap(s) in the sound, 1.00 s in all, filled with silence"),
    "c01_gap_aac.ts": (3, None, 125, "1 gap(s) in the sound, 1.02 s in all, filled with silence"),
    "c02_dtx_opus.mkv": (3, None, 125, "50 gap(s) in the sound, 1.00 s in all, filled with silence"),
    "b02_cut.ts": (3, None, 75, "the first 1.24 s of the video cannot be decoded"),
    "b10_silentfirst.mp4": (3, 3.06, 125, "sound track 2 of 2 (marked default)"),
    "c06_cover0.mp4": (3, 3.0, 125, "1 attached picture(s) left out"),
    "c06_coverfirst.mkv": (3, 3.0, 125, "video track 2 of 2"),
    "f01_trim.mp4": (3, None, 100, None),
    "f01_twoedits.mp4": (4, None, 100, None),
    "f01_trim_nonkey.mp4": (3, None, 85, None),
    "e01_mono_stereo.ts": (4, None, 125, "the sound's format changes on the way 1 time(s)"),
    "e01_48_44.ts": (4, None, 125, "the sound's format changes on the way 1 time(s)"),
    "k1_apac_first.mov": (3, 3.0, 125, "sound track 2 of 2; left out: track 1 (apac, cannot be decoded)"),
    "e07_vfr.mp4": (3, None, 125, "frame rate converted from 7.6 to 25 (38 to 125 frames)"),
}
REFUSED = {
    "c04_jump20.mkv": r"its clock jumps ahead by 19\.99 s at 0:02\.01 \(to 0:22\.00\)",
    "c04_jump3600.mkv": r"its clock jumps ahead by 3600\.04 s at 0:01\.96 \(to 60:02\.00\)",
    "c05_wildlast.mkv": r"its clock jumps ahead by 36000\.04 s at 0:04\.92 \(to 600:04\.96\)",
    "c03_cat.ts": r"runs backwards at 0:03\.\d\d \(to 0:01\.\d\d\)",
}


@pytest.fixture(scope="session")
def faults(shared: Path) -> Path:
    folder = shared / "faults"
    if not folder.is_dir():
        pytest.skip(f"needs the folder {folder}")
    return folder


def scored(video: Path, audio: Path | None = None) -> FileScore:
    return score_file(video, audio=audio, expert="embedded", protocol="direct")


def test_every_file_is_listed(faults: Path) -> None:
    listed = {*READ, *REFUSED, "d5.ts", "d13_late.mka"}
    assert {path.name for path in faults.iterdir() if path.suffix != ".md"} == listed


@pytest.mark.parametrize("name", READ)
def test_it_is_read_as_players_do(faults: Path, name: str) -> None:
    offset, confidence, frames, note = READ[name]
    score = scored(faults / name)
    assert score.score.offset == offset
    assert abs(score.frames - frames) <= ("e01" in name), "a joint costs a frame"
    if confidence is not None:
        assert score.score.lse_c == pytest.approx(confidence, abs=0.1)
    # Newer libraries of FFmpeg call Apple's codec by another name.
    notes = [said.replace("apple_apac", "apac") for said in score.notes]
    assert note is None or any(note in said for said in notes), notes


@pytest.mark.parametrize("name", ["d5.ts", "d13_late.mka"])
def test_sound_of_its_own_begins_at_its_first_sample(faults: Path, name: str) -> None:
    score = scored(faults / "a01_h264_aac.mp4", faults / name)
    assert score.score.offset == 3
    assert score.score.lse_c == pytest.approx(3.0, abs=0.1)


@pytest.mark.parametrize("name", REFUSED)
def test_a_broken_clock_is_named_and_refused(faults: Path, name: str) -> None:
    with pytest.raises(InputError, match=REFUSED[name]) as caught:
        scored(faults / name)
    assert str(faults / name) in str(caught.value)
    assert not re.search("truncated|audio ends", str(caught.value))
