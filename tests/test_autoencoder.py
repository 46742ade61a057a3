import pytest
import torch
from tiny import randn

from dreaminpainter.autoencoder import SpaceToDepth
from dreaminpainter.encoding import decode_latents, downscaling, encode_images


@pytest.mark.parametrize("factor", [2, 4])
def test_nothing_is_lost_in_folding(factor):
    codec, pixels = SpaceToDepth(factor), randn(2, 3, 16, 24).clamp(-1, 1)
    latents = encode_images(codec, pixels)
    assert latents.shape == (2, 3 * factor**2, 16 // factor, 24 // factor)
    torch.testing.assert_close(decode_latents(codec, latents), pixels, rtol=0, atol=1e-6)
    assert downscaling(codec) == factor


def test_a_cell_holds_its_own_square_of_pixels_alone():
    pixels = torch.zeros(1, 3, 8, 8)
    pixels[..., 4:, :4] = 1
    latents = SpaceToDepth(4).encode(pixels).latents
    assert latents[0, :, 1, 0].all() and latents.abs().sum() == 48


def test_latents_have_about_unit_variance_on_a_picture_of_spread_colours():
    latents = encode_images(
        SpaceToDepth(), torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    )
    assert latents.std().item() == pytest.approx(1, abs=0.1)


def test_it_comes_back_as_it_was_saved(tmp_path):
    SpaceToDepth(factor=2, scaling_factor=1.1).save_pretrained(tmp_path)
    again = SpaceToDepth.from_pretrained(tmp_path)
    assert (again.config.factor, again.config.scaling_factor) == (2, 1.1)
    assert next(iter(again.state_dict())) == "anchor"
