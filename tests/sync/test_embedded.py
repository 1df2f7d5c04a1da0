import json
import threading
from pathlib import Path

import numpy as np
import pytest
from drawn_inputs import drawn_mouth, speech_like

from pytest_lipleak.sync import embedded
from pytest_lipleak.sync.distances import distances
from pytest_lipleak.sync.embedded import EmbeddedExpert
from pytest_lipleak.sync.lse import score
from pytest_lipleak.sync.mouth_window import aligned_faces, mouth_windows

GOLDEN = Path(__file__).with_name("golden_embedded.json")


@pytest.fixture(scope="module")
def expert() -> EmbeddedExpert:
    return EmbeddedExpert()


@pytest.mark.parametrize(("frames", "rows"), [(0, 0), (1, 0), (5, 0), (6, 1), (40, 35)])
def test_video_has_a_row_per_window(expert: EmbeddedExpert, frames: int, rows: int) -> None:
    result = expert.embed_video(drawn_mouth(40)[:frames])
    assert result.shape == (rows, 129)
    assert result.dtype == np.float32


@pytest.mark.parametrize(
    ("samples", "rows"), [(0, 0), (3839, 0), (3840, 1), (4479, 1), (48_000, 70), (48_128, 70)]
)
def test_audio_has_a_row_per_window(expert: EmbeddedExpert, samples: int, rows: int) -> None:
    assert expert.embed_audio(speech_like(4.0)[:samples]).shape == (rows, 129)


def test_embeddings_are_the_golden_ones(expert: EmbeddedExpert) -> None:
    golden = json.loads(GOLDEN.read_text())
    assert golden["sha256"] == expert.identity.weights_sha256, (
        "the weights were trained anew: run `python -m research.training.release`, which raises the release"
    )
    video, audio = expert.embed_video(drawn_mouth()), expert.embed_audio(speech_like())
    np.testing.assert_allclose(video[[0, 17]][:, ::16], golden["video"], atol=2e-3)
    np.testing.assert_allclose(audio[[0, 17]][:, ::16], golden["audio"], atol=2e-3)


def test_the_shipped_file_is_the_release_and_small(expert: EmbeddedExpert) -> None:
    identity = expert.identity
    assert identity.verified, "fixtures/expert/embedded.onnx is not the release that embedded.py names"
    assert identity.version == f"{embedded.RELEASE}+{identity.weights_sha256[:8]}"
    assert len(embedded.resource(embedded.WEIGHTS).read_bytes()) <= 2_000_000


def test_other_weights_change_the_version_and_are_not_verified(
    tmp_path: Path, expert: EmbeddedExpert
) -> None:
    file = tmp_path / "other.onnx"
    file.write_bytes(embedded.resource(embedded.WEIGHTS).read_bytes() + b"\x00")
    other = EmbeddedExpert(file).identity
    assert not other.verified
    assert other.version != expert.identity.version


def test_long_clips_are_embedded_in_pieces_without_a_seam(
    expert: EmbeddedExpert, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames, audio = drawn_mouth(60), speech_like(2.4)
    whole = expert.embed_video(frames), expert.embed_audio(audio)
    monkeypatch.setattr(embedded, "ROWS_PER_RUN", 7)
    np.testing.assert_allclose(expert.embed_video(frames), whole[0], atol=1e-4)
    np.testing.assert_allclose(expert.embed_audio(audio), whole[1], atol=1e-4)


def test_calls_side_by_side_change_no_digit(expert: EmbeddedExpert, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "ROWS_PER_RUN", 7)
    frames, audio = drawn_mouth(60), speech_like(2.4)
    several, places, run = EmbeddedExpert(threads=3), set(), EmbeddedExpert._run

    def seen(self: EmbeddedExpert, output: str, **inputs: np.ndarray) -> np.ndarray:
        places.add(threading.get_ident())
        return run(self, output, **inputs)

    monkeypatch.setattr(EmbeddedExpert, "_run", seen)
    np.testing.assert_array_equal(several.embed_video(frames), expert.embed_video(frames))
    np.testing.assert_array_equal(several.embed_audio(audio), expert.embed_audio(audio))
    assert places - {threading.get_ident()}, "nothing ran in another thread"


def test_two_runs_agree_to_the_bit(expert: EmbeddedExpert) -> None:
    frames = drawn_mouth()
    np.testing.assert_array_equal(expert.embed_video(frames), EmbeddedExpert().embed_video(frames))


def test_zero_padded_audio_lies_as_far_as_unrelated_audio(expert: EmbeddedExpert) -> None:
    video = expert.embed_video(drawn_mouth())
    padding = distances(video, np.zeros_like(video))
    np.testing.assert_allclose(padding, 10 * np.sqrt(2), rtol=1e-4)


def test_a_row_sees_five_frames_and_no_others(expert: EmbeddedExpert) -> None:
    windows = mouth_windows(drawn_mouth(30))
    changed = windows.copy()
    changed[12] = np.sort(windows[12], axis=0)  # same pixels, so the clip's brightness stays what it was
    difference = np.abs(expert.embed_mouths(changed) - expert.embed_mouths(windows)).max(1)
    assert set(np.flatnonzero(difference > 1e-5)) == {8, 9, 10, 11, 12}


def test_a_row_hears_only_its_fifth_of_a_second(expert: EmbeddedExpert) -> None:
    audio = speech_like(2.0)
    changed = audio.copy()
    changed[16_000:16_200] = 0
    difference = np.abs(expert.embed_audio(changed) - expert.embed_audio(audio)).max(1)
    rows = np.flatnonzero(difference > 1e-2)
    assert rows.min() * 640 + 3440 > 16_000
    assert rows.max() * 640 <= 16_200


@pytest.mark.parametrize("size", [320, 480])
def test_larger_crops_are_brought_to_size(expert: EmbeddedExpert, size: int) -> None:
    small = expert.embed_video(drawn_mouth(12))
    large = expert.embed_video(drawn_mouth(12, size))
    assert np.linalg.norm(small - large, axis=1).max() < 1.0


def test_brightness_and_volume_hardly_matter(expert: EmbeddedExpert) -> None:
    frames, audio = drawn_mouth(), speech_like()
    darker = expert.embed_video((frames * 0.6).astype(np.uint8))
    assert np.linalg.norm(darker - expert.embed_video(frames), axis=1).mean() < 1.0
    quieter = expert.embed_audio(audio // 8)
    assert np.linalg.norm(quieter - expert.embed_audio(audio), axis=1).mean() < 1.5


@pytest.mark.parametrize(
    "frames", [np.zeros((20, 160, 160, 3), np.uint8), np.full((20, 90, 120, 3), 255, np.uint8)]
)
def test_blank_pictures_give_finite_embeddings(expert: EmbeddedExpert, frames: np.ndarray) -> None:
    assert np.isfinite(expert.embed_video(frames)).all()


def test_silence_gives_finite_embeddings(expert: EmbeddedExpert) -> None:
    assert np.isfinite(expert.embed_audio(np.zeros(32_000, np.int16))).all()


def test_alignment_undoes_a_turned_and_moved_picture() -> None:
    import cv2

    frames = drawn_mouth(9)
    corners = np.tile(np.array([[64.0, 84.0], [96.0, 84.0]]), (9, 1, 1))
    matrix = cv2.getRotationMatrix2D((80, 84), 20, 1.4) + np.array([[0, 0, 5], [0, 0, -9.0]])
    turned = np.stack(
        [cv2.warpAffine(f, matrix, (160, 160), borderMode=cv2.BORDER_REPLICATE) for f in frames]
    )
    moved = corners @ matrix[:, :2].T + matrix[:, 2]
    straight = mouth_windows(aligned_faces(frames, corners)).astype(float)
    back = mouth_windows(aligned_faces(turned, moved)).astype(float)
    assert np.abs(straight - back)[:, 6:42, 8:56].mean() < 4.0


def test_offset_of_syncnets_own_example(shared: Path, expert: EmbeddedExpert) -> None:
    from pytest_lipleak.media.audio import read_audio
    from pytest_lipleak.media.video import read_video

    path = shared / "clips" / "syncnet_example.avi"
    frames, (audio, _) = read_video(path).frames, read_audio(path)
    result = score(expert.embed_video(frames), expert.embed_audio(audio))
    assert result.offset == 3
    assert result.lse_c > 1.0
    later = np.pad(audio, (4 * 640, 0))
    assert score(expert.embed_video(frames), expert.embed_audio(later)).offset == -1


@pytest.fixture
def shared() -> Path:
    import os

    folder = os.environ.get("LIPLEAK_SHARED")
    if not folder or not (Path(folder) / "clips" / "syncnet_example.avi").exists():
        pytest.skip("needs SyncNet's example clip: set LIPLEAK_SHARED to the folder that holds clips/")
    return Path(folder)


def test_what_was_reviewed_is_embedded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[str] = []
    run = EmbeddedExpert._run

    def counted(self: EmbeddedExpert, output: str, **inputs: np.ndarray) -> np.ndarray:
        runs.append(output)
        return run(self, output, **inputs)

    monkeypatch.setattr(EmbeddedExpert, "_run", counted)
    anew, reviewed = EmbeddedExpert(), EmbeddedExpert()
    frames, audio = drawn_mouth(60), speech_like(60 / 25)
    reviewed.review(frames, audio)
    runs.clear()
    same = reviewed.embed_video(frames), reviewed.embed_audio(audio)
    assert runs == []
    np.testing.assert_array_equal(same[0], anew.embed_video(frames))
    np.testing.assert_array_equal(same[1], anew.embed_audio(audio))
    # Products of another layout in memory differ in the last digit.
    assert (same[0].strides, same[1].strides) == (
        anew.embed_video(frames).strides,
        anew.embed_audio(audio).strides,
    )
    other_frames, other_audio = frames.copy(), audio.copy()
    other_frames[30] ^= 8
    other_audio[9600] ^= 8
    others = reviewed.embed_video(other_frames), reviewed.embed_audio(other_audio)
    np.testing.assert_array_equal(others[0], anew.embed_video(other_frames))
    np.testing.assert_array_equal(others[1], anew.embed_audio(other_audio))
    assert not np.array_equal(others[0], same[0])
    assert not np.array_equal(others[1], same[1])
    same[0][:] = 0  # nobody's copy but the caller's
    np.testing.assert_array_equal(reviewed.embed_video(frames), anew.embed_video(frames))
