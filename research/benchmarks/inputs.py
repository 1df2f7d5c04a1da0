"""What the benchmark runs on: an embedded clip, SyncNet weights of any value, longer and larger videos."""

import sys
from pathlib import Path

import av
import cv2
import numpy as np

from pytest_lipleak.core.timebase import FRAME_RATE, SAMPLE_RATE
from pytest_lipleak.media.audio import fit, read_audio
from pytest_lipleak.media.clipsets import EMBEDDED, open_clips
from pytest_lipleak.media.video import VideoFile, write_video
from pytest_lipleak.sync.jpeg import jpeg_frames

REPOSITORY = Path(__file__).resolve().parent.parent.parent


def weights_file(folder: Path) -> Path:
    """The seeded weights of the tests: values don't matter for the time, and both sides get the same."""
    sys.path.insert(0, str(REPOSITORY / "tests" / "sync"))
    from seeded import save, seeded_state

    return save(folder / "seeded.model", seeded_state())


def looped(clip: Path, seconds: int, folder: Path, size: tuple[int, int] | None = None) -> Path:
    """Repeat a clip's pictures and sound for so long, scaled to ``size`` (width, height) where given."""
    images = [image if size is None else np.asarray(cv2.resize(image, size)) for image in VideoFile(clip)]
    audio = fit(read_audio(clip)[0], seconds * SAMPLE_RATE)
    path = folder / f"{seconds}s.mkv"
    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg4", rate=FRAME_RATE, bit_rate=4_000_000)
        video.height, video.width = images[0].shape[:2]
        video.pix_fmt = "yuv420p"
        sound = container.add_stream("pcm_s16le", rate=SAMPLE_RATE, layout="mono")
        for index in range(seconds * FRAME_RATE):
            picture = av.VideoFrame.from_ndarray(images[index % len(images)], format="rgb24")
            picture.pts = index
            container.mux(video.encode(picture))
        container.mux(video.encode())
        packet = av.AudioFrame.from_ndarray(audio[None], format="s16", layout="mono")
        packet.sample_rate, packet.pts = SAMPLE_RATE, 0
        container.mux(sound.encode(packet))
        container.mux(sound.encode())
    return path


def extracted(clip: Path, folder: Path) -> Path:
    """JPEG files at 224x224 and a WAV file, as ``syncnet-python`` wants them."""
    import wave

    folder = folder / "extracted"
    folder.mkdir()
    for number, image in enumerate(jpeg_frames(VideoFile(clip)), 1):
        cv2.imwrite(str(folder / f"{number:06d}.jpg"), cv2.resize(image, (224, 224))[..., ::-1])
    with wave.open(str(folder / "audio.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(read_audio(clip)[0].tobytes())
    return folder


def short_clips(count: int, frames: int, folder: Path) -> Path:
    """Cut clips of so many frames, all different, from the embedded ones, at half their size."""
    clips = folder / f"{count} clips of {frames} frames"
    clips.mkdir()
    embedded = open_clips(EMBEDDED)
    names = list(embedded)
    for number in range(count):
        clip, start = embedded[names[number % len(names)]], 12 + 12 * (number // len(names))
        pictures = np.ascontiguousarray(clip.frames[start : start + frames, ::2, ::2])
        sound = clip.audio[640 * start : 640 * (start + frames)]
        write_video(clips / f"clip{number:03}.mkv", pictures, sound)
    return clips
