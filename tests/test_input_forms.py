import pytest
import torch
from diffusers import DDIMScheduler, EulerDiscreteScheduler
from tiny import randn, tiny_batch, tiny_model, train_a_step

from dreaminpainter.components import describe, make
from dreaminpainter.diffusion import mask_to_latents
from dreaminpainter.encoding import encode_images
from dreaminpainter.input_forms import Composite, InputForm, NineChannel, clean_input

FORMS = [Composite(), Composite(blank_hole=True), NineChannel()]


def test_composite_has_noise_in_the_hole_the_scene_around_it_and_the_mask():
    noisy, scene = randn(1, 2, 2, 2), randn(1, 2, 2, 2, seed=1)
    mask = torch.tensor([[[[1.0, 0.0], [0.0, 0.0]]]])
    composed = Composite().compose(noisy, mask, scene)
    assert composed.shape == (1, 3, 2, 2)
    for channel in range(2):
        assert composed[0, channel, 0, 0] == noisy[0, channel, 0, 0]
        assert torch.equal(composed[0, channel].flatten()[1:], scene[0, channel].flatten()[1:])
    assert torch.equal(composed[:, 2:], mask)


def test_nine_channels_are_noise_mask_and_scene_in_this_order():
    noisy, mask, scene = randn(1, 4, 2, 2), torch.ones(1, 1, 2, 2), randn(1, 4, 2, 2, seed=1)
    composed = NineChannel().compose(noisy, mask, scene)
    for part, expected in zip(composed.split([4, 1, 4], dim=1), (noisy, mask, scene), strict=True):
        assert torch.equal(part, expected)


@pytest.mark.parametrize(("form", "channels"), [(Composite(), 5), (NineChannel(), 9)])
def test_channels_are_those_that_compose_returns(form, channels):
    composed = form.compose(torch.zeros(1, 4, 2, 2), torch.zeros(1, 1, 2, 2), torch.zeros(1, 4, 2, 2))
    assert form.channels(4) == composed.shape[1] == channels


@pytest.mark.parametrize("form", FORMS)
def test_a_clean_input_is_a_composed_scene_with_an_empty_hole(form):
    clean = randn(2, 4, 3, 3)
    composed = form.compose(clean, torch.zeros(2, 1, 3, 3), clean)
    assert torch.equal(clean_input(clean, form.channels(4)), composed)
    assert torch.equal(clean_input(clean, 4), clean)


@pytest.mark.parametrize("form", FORMS)
def test_a_form_survives_being_written_down(form):
    assert make(describe(form), InputForm).blank_hole == form.blank_hole


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
@pytest.mark.parametrize("sampler", [DDIMScheduler, EulerDiscreteScheduler])
def test_the_clean_scene_enters_the_unet_unscaled_at_every_step(form, prediction, sampler):
    model = tiny_model(input_form=form)
    assert train_a_step(model).isfinite()
    model.scheduler.register_to_config(prediction_type=prediction)
    pipeline = model.pipeline()
    pipeline.scheduler = sampler.from_config(pipeline.scheduler.config)
    batch, inputs = tiny_batch(), []

    def keep(module, arguments):
        if arguments[0].shape[-1] == 8:  # a scene's latents; a reference's are 16
            inputs.append(arguments[0])

    model.network.unet.conv_in.register_forward_pre_hook(keep)
    result = pipeline(
        prompt=batch.caption,
        image=batch.image / 2 + 0.5,
        mask_image=batch.mask,
        reference_image=batch.reference,
        num_inference_steps=3,
        guidance_scale=1.0,
        generator=torch.Generator().manual_seed(0),
        output_type="latent",
    ).images

    seen = batch.image * (1 - batch.mask) if form.blank_hole else batch.image
    scene, hole = encode_images(model.vae, seen), mask_to_latents(batch.mask, (8, 8))
    assert len(inputs) == 3
    for given in inputs:
        assert torch.equal(given[:, 48:49], hole)
        if isinstance(form, Composite):
            torch.testing.assert_close(given[:, :48] * (1 - hole), scene * (1 - hole), rtol=0, atol=1e-5)
        else:
            torch.testing.assert_close(given[:, 49:], scene, rtol=0, atol=1e-5)
    start = (inputs[0][:, :48] * hole).square().sum() / (48 * hole.sum())
    assert start.item() == pytest.approx(1, abs=0.15)  # the noise itself does enter scaled
    assert result.isfinite().all()
    torch.testing.assert_close(result * (1 - hole), scene * (1 - hole), rtol=0, atol=1e-5)
