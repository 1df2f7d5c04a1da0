"""Diff2Lip (Mukhopadhyay et al. 2024): network and sampler of the user's checkout, in process.

The reference is the ``ref_img`` that the network sees beside the masked face: the current frame under CR
(``--sampling_ref_type gt``), the reference frame under AR (``first_frame``). As in the repository's
``generate.py`` with ``--is_voxceleb2=False``, all frames begin with the same noise.
"""

from typing import Any

import numpy as np

from pytest_lipleak.core.clips import Audio, Frames
from pytest_lipleak.generators.catalogue import ModelCard
from pytest_lipleak.generators.checkout import Checkout, checkpoint_file, load_weights, torch_for
from pytest_lipleak.generators.facecrops import FaceCrops, as_pixels, one_per_frame
from pytest_lipleak.generators.mel import mel_windows

CARD = ModelCard(
    name="diff2lip",
    summary="Diff2Lip (Mukhopadhyay et al. 2024), 128x128, mel, diffusion",
    factory="pytest_lipleak.generators.systems.diff2lip:diff2lip",
    supports=("CR", "AR"),
    alternative_reference="first",
    repository="soumik-kanad/diff2lip",
    arguments={
        "repo": "folder of the checkout",
        "checkpoint": "e7.24.1.3_model260000_paper.pt",
    },
    packages=("torch", "librosa", "blobfile", "mpi4py", "tensorboard"),
    licence="CC-BY-NC-4.0",
    restriction="non-commercial",
    remarks="optional: steps (25 DDIM steps), seed (7), batch",
)

SIZE = 128
ARCHITECTURE = {
    "image_size": SIZE,
    "attention_resolutions": "32,16,8",
    "class_cond": False,
    "learn_sigma": True,
    "num_channels": 128,
    "num_head_channels": 64,
    "num_res_blocks": 2,
    "resblock_updown": True,
    "use_scale_shift_norm": False,
    "predict_xstart": False,
    "diffusion_steps": 1000,
    "noise_schedule": "linear",
    "rescale_timesteps": False,
    "nframes": 5,
    "nrefer": 1,
    "use_ref": True,
    "use_audio": True,
    "audio_as_style": True,
}
"""What ``scripts/inference_single_video.sh`` passes for the published weights."""

AUDIO_SHIFT = -1
"""Frame i hears the mel window that begins at frame i - 1."""


def diff2lip(
    repo: str, checkpoint: str, device: str = "cpu", steps: int = 25, seed: int = 7, batch: int = 32
) -> FaceCrops:
    """Build the generator.

    Args:
        repo: folder of a checkout of soumik-kanad/diff2lip.
        checkpoint: its weights.
        device: torch device; on CUDA the network runs in half precision, as in the repository.
        steps: of DDIM sampling.
        seed: of the noise that all frames begin with.
        batch: frames at once.
    """
    return FaceCrops(Faces(repo, checkpoint, device, steps, seed, batch), SIZE, feather=0)


class Faces:
    """Network and sampler, from face crops to face crops; see ``facecrops.FaceCrops``."""

    supports = CARD.supports
    alternative_reference = CARD.alternative_reference

    def __init__(self, repo: str, checkpoint: str, device: str, steps: int, seed: int, batch: int) -> None:
        self._torch = torch_for(CARD.name)
        script = "guided-diffusion/guided_diffusion/script_util.py"
        checkout = Checkout(CARD.name, repo, (script,), CARD.repository, ("guided-diffusion",))
        path = checkpoint_file(CARD.name, checkpoint)
        half = device.startswith("cuda")
        with checkout.active():
            defaults = checkout.attribute(
                "guided_diffusion.script_util", "tfg_model_and_diffusion_defaults"
            )()
            create = checkout.attribute("guided_diffusion.script_util", "tfg_create_model_and_diffusion")
            network, self._diffusion = create(
                **{**defaults, **ARCHITECTURE, "use_fp16": half, "timestep_respacing": f"ddim{steps}"}
            )
        self.network: Any = load_weights(CARD.name, network, path).to(device)
        if half:
            self.network.convert_to_fp16()
        self.fingerprint = checkout.fingerprint(path, steps=steps, seed=seed)
        self.batch = batch
        self._device = device
        self._seed = seed

    def generate(self, faces: Frames, audio: Audio, reference: Frames) -> Frames:
        """Generate; faces (T, 128, 128, 3) with their lower half masked."""
        mel = mel_windows(audio, len(faces), AUDIO_SHIFT)
        pictures, identity = _scaled(faces), _scaled(one_per_frame(reference, len(faces)))
        output = np.empty_like(faces)
        for start in range(0, len(faces), self.batch):
            part = slice(start, start + self.batch)
            made = self._sampled(*(self._tensor(each[part]) for each in (pictures, identity, mel)))
            output[part] = as_pixels((made + 1) / 2).transpose(0, 2, 3, 1)
        return output

    def _sampled(self, pictures: Any, identity: Any, mel: Any) -> Any:
        """Pictures in -1..1, float32 (B, 3, 128, 128), of these inputs in the same range."""
        noise = self._torch.randn(
            (1, 3, SIZE, SIZE), generator=self._torch.Generator().manual_seed(self._seed)
        )
        noise = noise.to(self._device).repeat(len(pictures), 1, 1, 1)
        mask = self._torch.zeros_like(pictures[:, :1])
        mask[:, :, SIZE // 2 :] = 1
        seen = pictures * (1 - mask) + noise * mask
        with self._torch.inference_mode():
            made = self._diffusion.ddim_sample_loop(
                self.network,
                tuple(pictures.shape),
                clip_denoised=True,
                model_kwargs={"cond_img": seen, "mask": mask, "ref_img": identity, "indiv_mels": mel},
                noise=noise,
            )
            return (made * mask + pictures * (1 - mask)).clamp(-1, 1).float().cpu().numpy()

    def _tensor(self, values: Any) -> Any:
        return self._torch.from_numpy(np.ascontiguousarray(values, np.float32)).to(self._device)


def _scaled(faces: Frames) -> Any:
    """RGB uint8 (T, H, W, 3) to -1..1, float32 (T, 3, H, W)."""
    return faces.transpose(0, 3, 1, 2).astype(np.float32) / np.float32(127.5) - 1
