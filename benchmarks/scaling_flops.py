"""FLOPs of the networks of Stable Diffusion 1.5, counted without weights."""

import torch
from torch.utils.flop_counter import FlopCounterMode

from dreaminpainter.backbones import StableDiffusion15
from dreaminpainter.unet import adopt


def counted() -> dict[str, float]:
    """Of a forward pass of each network, one sample of 512 px."""
    with torch.device("meta"):
        parts = StableDiffusion15(weights=False).parts()
        unet = adopt(parts.unet)
        latents, states = torch.zeros(1, unet.config.in_channels, 64, 64), torch.zeros(1, 77, 768)
        step = torch.zeros(1)
        passes = {
            "unet": lambda: unet(latents, step, states),
            "reading": lambda: unet(latents, step, states, read_block=1),
            "encoding": lambda: parts.vae.encode(torch.zeros(1, 3, 512, 512)),
            "text": lambda: parts.text_encoder(torch.zeros(1, 77, dtype=torch.int64)),
        }
        found = {}
        for name, run in passes.items():
            with torch.no_grad(), FlopCounterMode(display=False) as counter:
                run()
            found[name] = float(counter.get_total_flops())
    return found
