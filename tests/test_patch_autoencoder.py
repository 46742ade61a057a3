"""The linear autoencoder: the best there is of its size, and no square knows of its neighbours."""

import pytest
import torch
from tiny import randn

from dreaminpainter.backbones import TinyBackbone
from dreaminpainter.data.critters import draw_codes, draw_layout, draw_scene
from dreaminpainter.encoding import decode_latents, downscaling, encode_images, latent_width
from dreaminpainter.errors import MissingFileError
from dreaminpainter.input_forms import Composite
from dreaminpainter.patch_autoencoder import PatchAutoencoder


@pytest.fixture(scope="module")
def scenes() -> torch.Tensor:
    keys = torch.arange(24)
    return draw_scene(draw_codes(keys, "train"), draw_layout(keys), size=64).image


def error(codec: PatchAutoencoder, pictures: torch.Tensor) -> float:
    return float((codec.decode(codec.encode(pictures).latents).sample - pictures).square().mean())


def test_no_other_linear_autoencoder_is_better(scenes) -> None:
    """The oracle is torch's singular value decomposition of the squares, which leaves the least error there can be."""
    codec = PatchAutoencoder.fitted(scenes, factor=4, latent_channels=10)
    squares = torch.nn.functional.pixel_unshuffle(scenes - codec.mean, 4).flatten(2).transpose(1, 2).flatten(0, 1)
    left_out = torch.linalg.svdvals(squares.double())[10:].square().sum() / squares.numel()
    assert error(codec, scenes) == pytest.approx(float(left_out), rel=1e-3)


def test_more_components_come_closer(scenes) -> None:
    errors = [error(PatchAutoencoder.fitted(scenes, 8, count), scenes) for count in (4, 16, 48, 192)]
    assert errors == sorted(errors, reverse=True) and errors[0] > 3 * errors[2]
    assert errors[-1] < 1e-6


def test_latents_are_of_unit_variance_and_large_areas_weigh_most(scenes) -> None:
    latents = PatchAutoencoder.fitted(scenes, 8, 48).encode(scenes).latents
    variances = latents.square().mean((0, 2, 3))
    assert float(variances.mean()) == pytest.approx(1, rel=1e-3)
    assert variances[0] == variances.max() and variances[-1] == variances.min()


def test_a_latent_knows_its_own_square_alone(scenes) -> None:
    codec = PatchAutoencoder.fitted(scenes, 8, 16)
    changed = scenes.clone()
    changed[..., 16:32, 8:16] = 1
    different = (codec.encode(changed).latents != codec.encode(scenes).latents).any(1).any(0)
    expected = torch.zeros(8, 8, dtype=torch.bool)
    expected[2:4, 1] = True
    assert not (different & ~expected).any() and different[expected].all()


def test_a_backbone_is_built_around_a_saved_one(scenes, tmp_path) -> None:
    codec = PatchAutoencoder.fitted(scenes, 8, 16)
    codec.save_pretrained(tmp_path)
    parts = TinyBackbone(channels=[32, 64], autoencoder=str(tmp_path)).build(Composite())
    assert (downscaling(parts.vae), latent_width(parts.vae), parts.unet.config.in_channels) == (8, 16, 17)
    latents = encode_images(parts.vae, scenes)
    assert torch.equal(latents, codec.encode(scenes).latents)
    assert (decode_latents(parts.vae, latents) - scenes).abs().mean() < 0.2


def test_a_missing_autoencoder_is_named() -> None:
    with pytest.raises(MissingFileError, match="no-such-folder"):
        TinyBackbone(autoencoder="no-such-folder").parts()


def test_half_precision_on_disk_is_full_precision_in_memory(tmp_path) -> None:
    codec = PatchAutoencoder.fitted(randn(4, 3, 16, 16), 4, 8)
    codec.to(torch.float16).save_pretrained(tmp_path)
    read = PatchAutoencoder.from_pretrained(tmp_path, dtype=torch.float32)
    assert read.components.dtype == torch.float32
