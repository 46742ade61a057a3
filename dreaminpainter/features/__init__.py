"""Where subject tokens come from (eq. 2): the UNet's own down stack, or an image encoder to compare with."""

from dreaminpainter.features.base import FeatureExtractor, touched_cells
from dreaminpainter.features.unet import UNetFeatures
from dreaminpainter.features.vae import VAEFeatures
from dreaminpainter.features.vision import CLIPFeatures, DINOFeatures

__all__ = ["CLIPFeatures", "DINOFeatures", "FeatureExtractor", "UNetFeatures", "VAEFeatures", "touched_cells"]
