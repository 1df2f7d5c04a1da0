"""Small random weights for KeySync, in the formats and places that its checkout expects; run from its folder."""

from pathlib import Path

import torch
from diffusers import AutoencoderKLTemporalDecoder
from omegaconf import OmegaConf
from scripts.util.audio.WavLM import WavLM, WavLMConfig
from sgm.util import instantiate_from_config
from transformers import HubertConfig, HubertModel

torch.manual_seed(0)
CONFIGS = Path("scripts/sampling/configs")
for name in ("keyframe", "interpolation"):
    config = OmegaConf.load(CONFIGS / f"{name}.yaml")
    parameters = config.model.params
    network = parameters.network_config.params
    network |= {
        "model_channels": 32,
        "attention_resolutions": [4],
        "num_res_blocks": 1,
        "channel_mult": [1, 1, 1],
    }
    network |= {"num_head_channels": 16}
    for embedder in parameters.conditioner_config.params.emb_models:
        if "encoder_config" in embedder.params:
            embedder.params.encoder_config.params.ddconfig |= {
                "ch": 32,
                "ch_mult": [1, 1, 1, 1],
                "num_res_blocks": 1,
            }
    for part in ("encoder_config", "decoder_config"):
        parameters.first_stage_config.params[part].params |= {
            "ch": 32,
            "ch_mult": [1, 1, 1, 1],
            "num_res_blocks": 1,
        }
    OmegaConf.save(config, CONFIGS / f"{name}.yaml")
    model = instantiate_from_config(config.model)
    for parameter in model.model.parameters():
        # Its last layers begin as zeros, and with them the output would depend on nothing.
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.1)
    torch.save({"module": model.state_dict()}, f"{name}.pt")
AutoencoderKLTemporalDecoder(
    down_block_types=["DownEncoderBlock2D"] * 4, block_out_channels=[32] * 4, layers_per_block=1
).save_pretrained("stabilityai/stable-video-diffusion-img2vid/vae")
small = {"num_hidden_layers": 1, "intermediate_size": 64, "num_attention_heads": 4}
HubertModel(HubertConfig(hidden_size=768, **small)).save_pretrained("facebook/hubert-base-ls960")
wavlm = WavLMConfig({"encoder_layers": 1, "encoder_ffn_embed_dim": 64, "encoder_attention_heads": 4})
folder = Path("pretrained_models/checkpoints")
folder.mkdir(parents=True, exist_ok=True)
torch.save({"cfg": vars(wavlm), "model": WavLM(wavlm).state_dict()}, folder / "WavLM-Base+.pt")
