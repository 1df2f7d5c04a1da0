"""The JPEG step against the ffmpeg command of the reference code."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from pytest_lipleak.media.video import read_video, write_playable, write_video
from pytest_lipleak.sync.jpeg import jpeg_frames
from pytest_lipleak.sync.protocols import Protocol, whole_frame_crops


def moving_portrait(count: int, height: int, width: int) -> np.ndarray:
    """Crops of a portrait that move by a pixel or two a frame, as a talker's head does."""
    from skimage.data import astronaut

    picture = astronaut()
    path = (10 + 6 * np.sin(np.arange(count)[:, None] * (0.37, 0.23))).astype(int)
    return np.stack([picture[20 + y : 20 + y + height, 120 + x : 120 + x + width] for y, x in path])


def psnr(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Per frame, in dB."""
    error = np.square(one.astype(float) - other).mean(axis=(1, 2, 3))
    return 10 * np.log10(255**2 / np.maximum(error, 1e-9))


def reference_frames(video: Path, folder: Path) -> np.ndarray:
    """Frames as the demo code extracts them: ``ffmpeg -i video -threads 1 -f image2 %06d.jpg``."""
    import cv2

    ffmpeg = shutil.which("ffmpeg")
    if ffmpeg is None:
        pytest.skip("needs an ffmpeg binary on PATH")
    folder.mkdir()
    command = [ffmpeg, "-v", "error", "-y", "-i", str(video), "-threads", "1", "-f", "image2"]
    subprocess.run([*command, str(folder / "%06d.jpg")], check=True, stdin=subprocess.DEVNULL)
    return np.stack([cv2.imread(str(file))[..., ::-1] for file in sorted(folder.glob("*.jpg"))])


@pytest.mark.parametrize(("height", "width"), [(160, 160), (224, 224), (120, 200)])
def test_frames_are_those_of_ffmpeg(tmp_path: Path, height: int, width: int) -> None:
    video = tmp_path / "a.mp4"
    write_playable(video, moving_portrait(50, height, width), np.zeros(50 * 640, np.int16))
    decoded = read_video(video).frames
    theirs = reference_frames(video, tmp_path / "jpg")
    ours = np.stack(list(jpeg_frames(decoded)))
    assert ours.shape == theirs.shape
    alike = psnr(ours, theirs)
    # The rate control may take the next quantiser for single frames.
    assert np.percentile(alike, 10) >= 38
    assert alike.min() >= 36
    # As lossy as theirs, no more and no less; the first frames are good enough to show how chroma is rounded.
    lost = psnr(ours, decoded) - psnr(theirs, decoded)
    assert np.abs(lost[:10]).max() < 1.5
    assert np.abs(lost[10:]).max() < 0.5


def test_odd_sizes_are_encoded_too(tmp_path: Path) -> None:
    frames = moving_portrait(30, 161, 159)
    video = tmp_path / "a.mkv"
    write_video(video, frames)
    theirs = reference_frames(video, tmp_path / "jpg")
    ours = np.stack(list(jpeg_frames(frames)))
    assert ours.shape == theirs.shape == (30, 161, 159, 3)
    # From RGB, unlike from real clips, ffmpeg truncates chroma where we round: a level or two.
    assert np.median(psnr(ours, theirs)) >= 36
    np.testing.assert_allclose(psnr(ours, frames), psnr(theirs, frames), atol=1.5)


def test_quality_falls_within_a_second_to_the_default_bit_rate() -> None:
    frames = moving_portrait(60, 224, 224)
    quality = psnr(np.stack(list(jpeg_frames(frames))), frames)
    assert quality[0] > 33
    assert (quality[25:] < 32.5).all()
    assert (quality[25:] > 26).all()


def test_a_clip_is_encoded_from_its_start() -> None:
    frames = moving_portrait(30, 160, 160)
    whole, part = (list(jpeg_frames(clip)) for clip in (frames, frames[:10]))
    np.testing.assert_array_equal(np.stack(whole[:10]), np.stack(part))
    assert not np.array_equal(whole[29], next(jpeg_frames(frames[29:]))), "the rate control has a memory"


def test_colours_keep_their_order() -> None:
    red = np.zeros((1, 32, 32, 3), np.uint8)
    red[..., 0] = 220
    (image,) = jpeg_frames(red)
    assert image[..., 0].mean() > 200
    assert image[..., 1:].mean() < 20


def test_only_lrs_has_the_jpeg_step() -> None:
    frames = moving_portrait(3, 64, 64)
    direct, lossy = (
        np.stack(list(whole_frame_crops(frames, protocol))) for protocol in (Protocol.DIRECT, Protocol.LRS)
    )
    np.testing.assert_array_equal(direct, frames)
    np.testing.assert_array_equal(lossy, np.stack(list(jpeg_frames(frames))))
    assert 0 < np.abs(lossy.astype(int) - frames).mean() < 8
