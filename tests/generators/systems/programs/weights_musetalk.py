"""Small random weights for MuseTalk, in the formats and places that its checkout expects; run from its folder."""

import json
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from musetalk.utils.face_parsing.model import BiSeNet
from musetalk.utils.face_parsing.resnet import Resnet18
from transformers import WhisperConfig, WhisperFeatureExtractor, WhisperModel

torch.manual_seed(0)
models = Path("models")
for folder in ("musetalkV15", "face-parse-bisent"):
    (models / folder).mkdir(parents=True, exist_ok=True)
config = {
    "sample_size": 32,
    "in_channels": 8,
    "out_channels": 4,
    "block_out_channels": [32, 32],
    "down_block_types": ["CrossAttnDownBlock2D", "DownBlock2D"],
    "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D"],
    "layers_per_block": 1,
    "cross_attention_dim": 384,
    "attention_head_dim": 8,
}
(models / "musetalkV15/musetalk.json").write_text(json.dumps(config))
torch.save(UNet2DConditionModel(**config).state_dict(), models / "musetalkV15/unet.pth")
AutoencoderKL(
    down_block_types=["DownEncoderBlock2D"] * 4,
    up_block_types=["UpDecoderBlock2D"] * 4,
    block_out_channels=[8, 8, 8, 8],
    norm_num_groups=4,
).save_pretrained(models / "sd-vae")
whisper = WhisperConfig(
    d_model=384,
    encoder_layers=4,
    encoder_attention_heads=6,
    encoder_ffn_dim=64,
    decoder_layers=1,
    decoder_attention_heads=6,
    decoder_ffn_dim=64,
    vocab_size=50364,
)
WhisperModel(whisper).save_pretrained(models / "whisper")
WhisperFeatureExtractor().save_pretrained(models / "whisper")
resnet = models / "face-parse-bisent/resnet18-5c106cde.pth"
Resnet18.init_weight, own = lambda self, path: None, Resnet18.init_weight
torch.save(Resnet18("").state_dict(), resnet)
Resnet18.init_weight = own
parser = BiSeNet(str(resnet))
# What is before its last layer is not negative, so that everything is skin and all of the jaw is blended.
last = parser.conv_out.conv_out.weight.data
last.zero_()
last[1] = 1
torch.save(parser.state_dict(), models / "face-parse-bisent/79999_iter.pth")
