"""The true architecture of Stable Diffusion 1.5, at random: the tiny networks' code path at full width."""

import pytest
import torch
from tiny import tiny_batch

from dreaminpainter.backbones import StableDiffusion15
from dreaminpainter.input_forms import Composite, NineChannel
from dreaminpainter.module import DreamInpainter
from dreaminpainter.regularization.plans import main_plan


@pytest.mark.slow
@pytest.mark.parametrize("form", [Composite(), NineChannel()], ids=["composite", "nine-channel"])
def test_stable_diffusion_takes_a_step_and_fills_at_64_pixels(form):
    model = DreamInpainter(
        StableDiffusion15(weights=False),
        input_form=form,
        learning_rates={"adapter": 1e-4},
        image_size=(64, 64),
        reference_size=128,
    )
    batch = tiny_batch(1)
    batch.image, batch.mask = (torch.nn.functional.interpolate(part, 64) for part in (batch.image, batch.mask))
    reference = batch.reference
    reference.pixels, reference.mask = (
        torch.nn.functional.interpolate(part, 128) for part in (reference.pixels, reference.mask)
    )
    loss = model(batch, main_plan(batch))["losses"].mean()
    loss.backward()
    assert loss.isfinite()
    assert all(value.grad is not None for value in model.network.adapter.parameters())
    filled = model.fill(batch, num_inference_steps=1)
    assert torch.allclose(filled * (1 - batch.mask), (batch.image / 2 + 0.5) * (1 - batch.mask), atol=1e-6)
