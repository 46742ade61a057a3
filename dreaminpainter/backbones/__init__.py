"""The networks that the method is built upon: autoencoder, UNet, text encoder, tokenizer, noise schedule.

By name from the hub, from a folder that diffusers wrote, from an architecture without weights, or tiny ones of the same
classes: one code path for all.
"""

from dreaminpainter.backbones.base import Backbone
from dreaminpainter.backbones.cached import CachedBackbone
from dreaminpainter.backbones.pretrained import PretrainedBackbone, RandomBackbone
from dreaminpainter.backbones.stable_diffusion import StableDiffusion15
from dreaminpainter.backbones.tiny import TinyBackbone

__all__ = ["Backbone", "CachedBackbone", "PretrainedBackbone", "RandomBackbone", "StableDiffusion15", "TinyBackbone"]
