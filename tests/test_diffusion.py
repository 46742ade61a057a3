import math

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.diffusion import alphas_cumprod, masked_mean, noisy_inside, touched, velocity

from dreaminpainter.diffusion import (
    add_noise,
    batch_loss,
    compose_inside,
    mask_to_latents,
    masked_mean_per_row,
    noise_like,
    sample_timesteps,
    training_target,
)
from dreaminpainter.errors import SettingError

STEPS = 50
LINE = {"num_train_timesteps": STEPS, "beta_start": 0.001, "beta_end": 0.2, "beta_schedule": "linear"}
ALPHAS = alphas_cumprod(STEPS, 0.001, 0.2)


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def drawn_mask(*shape: int, seed: int = 0) -> torch.Tensor:
    return (torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) < 0.4).float()


def test_timesteps_cover_the_whole_range_evenly():
    timesteps = sample_timesteps(torch.arange(20_000), 10)
    assert timesteps.dtype == torch.int64 and timesteps.shape == (20_000,)
    counts = timesteps.bincount()
    assert len(counts) == 10 and (counts - 2000).abs().max() < 5 * (20_000 * 0.1 * 0.9) ** 0.5


def test_noise_and_timesteps_of_a_sample_depend_on_its_key_alone():
    keys, latents = torch.tensor([5, 6, 7]), torch.zeros(3, 4, 3, 5)
    assert torch.equal(noise_like(latents, keys)[1:2], noise_like(latents[:1], keys[1:2]))
    assert torch.equal(sample_timesteps(keys, 1000)[1:2], sample_timesteps(keys[1:2], 1000))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_noise_has_the_latents_shape_and_dtype(dtype):
    latents = torch.zeros(2, 4, 3, 5, dtype=dtype)
    noise = noise_like(latents, torch.tensor([1, 2]))
    assert (noise.shape, noise.dtype) == (latents.shape, dtype)


@settings(max_examples=60, deadline=None)
@given(
    size=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    cells=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    seed=st.integers(0, 2**31),
)
def test_masks_reach_latents_by_every_touched_cell(size, cells, seed):
    mask = (torch.rand(2, 1, *size, generator=torch.Generator().manual_seed(seed)) < 0.1).float()
    pooled = mask_to_latents(mask, cells)
    assert pooled.shape == (2, 1, *cells)
    for row in range(2):
        np.testing.assert_array_equal(pooled[row, 0].numpy(), touched(mask[row, 0].numpy(), cells))


def test_a_single_pixel_is_not_lost():
    mask = torch.zeros(1, 1, 64, 64)
    mask[0, 0, 37, 5] = 1
    assert mask_to_latents(mask, (8, 8)).nonzero().tolist() == [[0, 0, 4, 0]]


@pytest.mark.parametrize("scheduler", [DDPMScheduler(**LINE), DDIMScheduler(**LINE)])
def test_noise_lands_inside_the_mask_only(scheduler):
    clean, noise, mask = drawn(3, 2, 4, 5, seed=1), drawn(3, 2, 4, 5, seed=2), drawn_mask(3, 1, 4, 5)
    timesteps = torch.tensor([0, 20, STEPS - 1])

    noisy = compose_inside(add_noise(scheduler, clean, noise, timesteps), clean, mask)

    for row, timestep in enumerate(timesteps.tolist()):
        expected = noisy_inside(clean[row].numpy(), noise[row].numpy(), mask[row].numpy(), ALPHAS[timestep])
        np.testing.assert_allclose(noisy[row], expected, rtol=1e-4, atol=1e-5)
    outside = (mask == 0).expand_as(clean)
    assert torch.equal(noisy[outside], clean[outside])


def test_composed_latents_are_noisy_inside_and_clean_outside():
    noisy, clean, mask = drawn(2, 3, 4, 4, seed=1), drawn(2, 3, 4, 4, seed=2), drawn_mask(2, 1, 4, 4)
    assert torch.equal(compose_inside(noisy, clean, mask), torch.where(mask == 1, noisy, clean))


def test_the_first_timestep_adds_noise_in_bf16_too():
    scheduler = DDPMScheduler(beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012)
    clean, noise = torch.zeros(1, 1, 8, 8, dtype=torch.bfloat16), drawn(1, 1, 8, 8).bfloat16()
    noisy = add_noise(scheduler, clean, noise, torch.tensor([0]))
    assert noisy.dtype == torch.bfloat16
    torch.testing.assert_close(noisy.float(), math.sqrt(0.00085) * noise.float(), rtol=0.01, atol=0)


def test_each_prediction_type_has_its_target():
    clean, noise, timesteps = drawn(2, 2, 3, 3, seed=1), drawn(2, 2, 3, 3, seed=2), torch.tensor([3, 40])
    targets = {
        kind: training_target(DDPMScheduler(**LINE, prediction_type=kind), clean, noise, timesteps)
        for kind in ("epsilon", "v_prediction", "sample")
    }
    assert torch.equal(targets["epsilon"], noise) and torch.equal(targets["sample"], clean)
    for index in np.ndindex(*clean.shape):
        expected = velocity(clean[index].item(), noise[index].item(), ALPHAS[timesteps[index[0]]])
        assert targets["v_prediction"][index].item() == pytest.approx(expected, abs=1e-5)


def test_at_zero_terminal_snr_the_last_timestep_is_noise_and_v_is_minus_the_picture():
    scheduler = DDPMScheduler(**LINE, prediction_type="v_prediction", rescale_betas_zero_snr=True)
    clean, noise, last = drawn(1, 2, 3, 3, seed=1), drawn(1, 2, 3, 3, seed=2), torch.tensor([STEPS - 1])
    torch.testing.assert_close(add_noise(scheduler, clean, noise, last), noise)
    torch.testing.assert_close(training_target(scheduler, clean, noise, last), -clean)


def test_another_prediction_type_is_refused_with_the_fix():
    scheduler = DDPMScheduler(**LINE, prediction_type="flow")
    with pytest.raises(SettingError, match=r"prediction_type is 'flow'. Set it to 'epsilon'"):
        training_target(scheduler, drawn(1, 1, 2, 2), drawn(1, 1, 2, 2), torch.tensor([0]))


def test_each_row_is_averaged_over_its_own_mask():
    error, mask = drawn(4, 3, 5, 6) ** 2, drawn_mask(4, 1, 5, 6)
    mask[0] = 1
    mask[1] = 0
    mask[1, 0, 2, 3] = 1
    expected = [masked_mean(row.numpy(), cells.numpy()) for row, cells in zip(error, mask, strict=True)]
    np.testing.assert_allclose(masked_mean_per_row(error, mask), expected, rtol=1e-5)


def test_a_small_hole_counts_as_much_as_a_large_one():
    mask = torch.zeros(2, 1, 8, 8)
    mask[0, 0, 0, 0] = 1
    mask[1] = 1
    rows = masked_mean_per_row(torch.full((2, 4, 8, 8), 3.0), mask)
    assert rows.tolist() == pytest.approx([3, 3])


def test_error_outside_the_mask_changes_neither_loss_nor_gradient():
    error, mask = drawn(2, 2, 4, 4).requires_grad_(), drawn_mask(2, 1, 4, 4)
    masked_mean_per_row(error, mask).sum().backward()
    assert torch.equal(error.grad != 0, (mask == 1).expand_as(error))


def test_a_row_without_a_mask_gives_0():
    assert masked_mean_per_row(torch.ones(1, 2, 3, 3), torch.zeros(1, 1, 3, 3)).tolist() == [0]


def test_one_row_a_sample_makes_the_loss_the_plain_mean():
    rows = drawn(6)
    torch.testing.assert_close(batch_loss(rows, torch.ones(6), samples=6), rows.mean())


def test_two_ranks_are_a_doubled_batch():
    error, mask = drawn(8, 2, 4, 4) ** 2, drawn_mask(8, 1, 4, 4)
    mask[:4, :, :3] = 0  # holes of very different size on the two ranks
    mask[:4, :, 3, 0] = 1
    weight = torch.tensor([1.0, 0.3]).repeat(4)

    def loss(rows: slice) -> torch.Tensor:
        per_row = masked_mean_per_row(error[rows], mask[rows])
        return batch_loss(per_row, weight[rows], samples=len(per_row))

    torch.testing.assert_close((loss(slice(0, 4)) + loss(slice(4, 8))) / 2, loss(slice(0, 8)))
