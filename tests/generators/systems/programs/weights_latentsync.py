"""Small random weights for LatentSync, in the formats and places that its checkout expects; run from its folder."""

from pathlib import Path

import torch
from diffusers import AutoencoderKL
from latentsync.models.unet import UNet3DConditionModel
from latentsync.whisper.whisper.model import ModelDimensions, Whisper
from omegaconf import OmegaConf

torch.manual_seed(0)
config = OmegaConf.to_container(OmegaConf.load("configs/unet/stage2.yaml"))
config["data"]["resolution"] = 128
config["model"] |= {"block_out_channels": [32, 32, 32, 32], "attention_head_dim": 2}
config["model"]["layers_per_block"] = 1
config["model"]["motion_module_kwargs"]["num_attention_heads"] = 2
OmegaConf.save(config, "configs/unet/small.yaml")
unet = UNet3DConditionModel.from_config(config["model"])
for parameter in unet.parameters():
    # Its last layers begin as zeros, and with them the output would depend on nothing.
    torch.nn.init.normal_(parameter, std=0.2)
torch.save({"global_step": 1, "state_dict": unet.state_dict()}, "latentsync_unet.pt")
AutoencoderKL(
    down_block_types=["DownEncoderBlock2D"] * 4,
    up_block_types=["UpDecoderBlock2D"] * 4,
    block_out_channels=[8, 8, 8, 8],
    norm_num_groups=4,
).save_pretrained("stabilityai/sd-vae-ft-mse")
dims = ModelDimensions(80, 1500, 384, 6, 4, 100, 8, 16, 2, 1)
Path("checkpoints/whisper").mkdir(parents=True, exist_ok=True)
torch.save(
    {"dims": vars(dims), "model_state_dict": Whisper(dims).state_dict()}, "checkpoints/whisper/tiny.pt"
)
