"""The published way of scoring, re-created: one video at a time, JPEG files, copied windows, autograd on.

After ``SyncNetInstance.evaluate`` of the SyncNet demo code and Wav2Lip's ``calc_scores_LRS``. The layers are
those of ``sync/syncnet_torch.py``; parameters require gradients, as they do there.
"""

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from pytest_lipleak.media.audio import read_audio
from pytest_lipleak.media.video import VideoFile
from pytest_lipleak.sync.jpeg import jpeg_frames
from pytest_lipleak.sync.syncnet_torch import build
from pytest_lipleak.sync.weights import load_state_dict
from research.benchmarks.stopwatch import Stopwatch

BATCH = 20
SHIFT = 15


class Reference:
    """The scorer, with its network loaded.

    Args:
        weights: state dict of SyncNet v2.
        device: torch's.
    """

    def __init__(self, weights: Path, device: str = "cpu") -> None:
        self.network = build(load_state_dict(weights)).requires_grad_(True).to(device)
        self.device = device
        self.stopwatch = Stopwatch(device)

    def score(self, clip: Path) -> dict[str, Any]:
        """Return LSE-C, LSE-D and the 31 mean distances of one video against its own audio."""
        stage = self.stopwatch
        with tempfile.TemporaryDirectory() as folder:
            with stage("frames to JPEG files"):
                _extract(clip, Path(folder))
            with stage("reading and stacking"):
                files = sorted(Path(folder).glob("*.jpg"))
                images = [cv2.resize(cv2.imread(str(file)), (224, 224)) for file in files]
                stack = np.transpose(np.expand_dims(np.stack(images, axis=3), axis=0), (0, 3, 4, 1, 2))
                video = torch.from_numpy(stack.astype(float)).float()
        with stage("audio and MFCC"):
            samples = read_audio(clip)[0]
            cepstra = _mfcc(samples)
            audio = torch.from_numpy(cepstra.T[None, None].astype(float)).float()
        last = min(len(images), len(samples) // 640) - 5
        seen, heard = [], []
        for start in range(0, last, BATCH):
            windows = range(start, min(last, start + BATCH))
            with stage("copying windows"):
                batch = torch.cat([video[:, :, i : i + 5] for i in windows], 0).to(self.device)
            with stage("video tower"):
                features = self.network["netcnnlip"](batch)
                seen.append(self.network["netfclip"](features.view(len(features), -1)).data.cpu())
            with stage("audio tower"):
                batch = torch.cat([audio[..., 4 * i : 4 * i + 20] for i in windows], 0).to(self.device)
                features = self.network["netcnnaud"](batch)
                heard.append(self.network["netfcaud"](features.view(len(features), -1)).data.cpu())
        with stage("distances"):
            means = _distances(torch.cat(seen), torch.cat(heard)).mean(0)
        least = means.min()
        return {
            "lse_c": float(means.median() - least),
            "lse_d": float(least),
            "mean_distances": means.tolist(),
            "frames": len(images),
        }


def _extract(clip: Path, folder: Path) -> None:
    if shutil.which("ffmpeg"):
        command = ["ffmpeg", "-v", "error", "-y", "-i", str(clip), "-threads", "1", "-f", "image2"]
        subprocess.run([*command, str(folder / "%06d.jpg")], check=True)
        return
    for number, image in enumerate(jpeg_frames(VideoFile(clip)), 1):
        cv2.imwrite(str(folder / f"{number:06d}.jpg"), image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 100])


def _mfcc(samples: Any) -> Any:
    try:
        from python_speech_features import mfcc
    except ImportError:
        from pytest_lipleak.sync.mfcc import mfcc as own

        return own(samples)
    return np.stack([np.array(row) for row in mfcc(samples, 16_000)])


def _distances(video: torch.Tensor, audio: torch.Tensor) -> torch.Tensor:
    padded = torch.nn.functional.pad(audio, (0, 0, SHIFT, SHIFT))
    rows = [
        torch.nn.functional.pairwise_distance(
            video[[i]].repeat(2 * SHIFT + 1, 1), padded[i : i + 2 * SHIFT + 1]
        )
        for i in range(len(video))
    ]
    return torch.stack(rows)
