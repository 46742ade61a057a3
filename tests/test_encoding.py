import pytest
import torch
from diffusers import AutoencoderKL, AutoencoderTiny
from tiny import randn, tiny_backbone

from dreaminpainter.encoding import (
    check_prompts,
    count_truncated,
    decode_latents,
    downscaling,
    encode_images,
    encode_texts,
    token_counts,
)
from dreaminpainter.errors import InputError


def kl(**settings) -> AutoencoderKL:
    torch.manual_seed(0)
    return AutoencoderKL(
        block_out_channels=(8, 8, 8),
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        norm_num_groups=4,
        latent_channels=4,
        **settings,
    ).eval()


def tiny_autoencoder() -> AutoencoderTiny:
    torch.manual_seed(0)
    return AutoencoderTiny(
        encoder_block_out_channels=(8, 8, 8),
        decoder_block_out_channels=(8, 8, 8),
        num_encoder_blocks=(1, 1, 1),
        num_decoder_blocks=(1, 1, 1),
        scaling_factor=0.5,
    ).eval()


@pytest.mark.parametrize("vae", [kl(scaling_factor=0.25), tiny_autoencoder()], ids=["kl", "tiny"])
def test_downscaling_is_how_much_smaller_latents_are(vae):
    assert downscaling(vae) == 4
    assert encode_images(vae, randn(1, 3, 16, 24)).shape == (1, 4, 4, 6)
    assert decode_latents(vae, randn(1, 4, 4, 6)).shape == (1, 3, 16, 24)


def test_latents_are_the_mode_of_the_distribution_shifted_and_scaled():
    vae, pixels = kl(scaling_factor=0.25, shift_factor=0.1), randn(2, 3, 16, 16)
    mean = vae.encode(pixels).latent_dist.mean
    torch.testing.assert_close(encode_images(vae, pixels), (mean - 0.1) * 0.25)
    torch.testing.assert_close(encode_images(vae, pixels), encode_images(vae, pixels), rtol=0, atol=0)


def test_decoding_undoes_scale_and_shift_and_stays_in_range():
    vae, latents = kl(scaling_factor=0.25, shift_factor=0.1), randn(2, 4, 4, 4) * 20
    decoded = decode_latents(vae, (latents - 0.1) * 0.25)
    torch.testing.assert_close(decoded, vae.decode(latents).sample.clamp(-1, 1), rtol=1e-3, atol=1e-4)
    assert decoded.abs().max() <= 1


def test_pictures_are_encoded_in_the_autoencoders_precision_and_come_back_in_their_own():
    vae = tiny_autoencoder().to(torch.bfloat16)
    assert encode_images(vae, randn(1, 3, 16, 16)).dtype == torch.float32


def test_an_autoencoder_gets_no_gradient():
    assert not encode_images(tiny_autoencoder(), randn(1, 3, 16, 16).requires_grad_()).requires_grad


@pytest.fixture
def text():
    torch.manual_seed(0)
    parts = tiny_backbone(text_length=8).parts()
    return parts.tokenizer, parts.text_encoder.eval()


def test_texts_become_states_of_the_encoders_whole_length(text):
    states = encode_texts(*text, ["a critter", ""])
    assert states.shape == (2, 8, 32)
    torch.testing.assert_close(encode_texts(*text, [""])[0], states[1], rtol=1e-5, atol=1e-6)
    assert (states[0] - states[1]).abs().max() > 1e-2


def test_long_texts_are_cut_and_counted(text):
    tokenizer = text[0]
    short, just, long = "a", "a a a a a a", "a a a a a a a"
    assert token_counts(tokenizer, [short, just, long]) == [3, 8, 9]
    assert count_truncated(tokenizer, [short, just, long, long]) == 2
    assert encode_texts(*text, [long]).shape == (1, 8, 32)


def test_a_prompt_that_would_be_cut_is_an_error_that_tells_how_long_it_is(text):
    check_prompts(text[0], ["a a a a a a"])
    with pytest.raises(InputError, match=r"9 tokens.*reads 8: 'a a a a a a a'.*Shorten"):
        check_prompts(text[0], ["a", "a a a a a a a"])


def test_gradient_reaches_the_text_encoder(text):
    encode_texts(*text, ["a critter"]).sum().backward()
    assert text[1].get_input_embeddings().weight.grad.any()
