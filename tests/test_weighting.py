import pytest
import torch
from diffusers import DDPMScheduler
from oracles.diffusion import alphas_cumprod, min_snr_weight, velocity_weight

from dreaminpainter.components import describe, make
from dreaminpainter.errors import SettingError
from dreaminpainter.weighting import LossWeighting, MinSNRWeighting, UniformWeighting, VelocityWeighting

STEPS = 50
LINE = {"num_train_timesteps": STEPS, "beta_start": 0.001, "beta_end": 0.2, "beta_schedule": "linear"}
KINDS = ["epsilon", "v_prediction", "sample"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("weighting", "oracle", "limit"),
    [
        (MinSNRWeighting, min_snr_weight, 0.5),
        (MinSNRWeighting, min_snr_weight, 5.0),
        (VelocityWeighting, velocity_weight, 1.0),
        (VelocityWeighting, velocity_weight, 5.0),
    ],
)
def test_each_is_that_of_the_slow_restatement(kind, weighting, oracle, limit):
    weights = weighting(limit)(torch.arange(STEPS), DDPMScheduler(**LINE, prediction_type=kind))
    expected = [oracle(alpha, limit, kind) for alpha in alphas_cumprod(STEPS, 0.001, 0.2)]
    assert weights.tolist() == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize(("kind", "expected"), zip(KINDS, [1.0, 0.0, 0.0], strict=True))
def test_min_snr_is_finite_at_zero_terminal_snr(kind, expected):
    scheduler = DDPMScheduler(**LINE, prediction_type=kind, rescale_betas_zero_snr=True)
    assert scheduler.alphas_cumprod[-1] == 0  # the trap is set
    weights = MinSNRWeighting()(torch.arange(STEPS), scheduler)
    assert weights.isfinite().all() and weights[-1].item() == expected


def test_without_a_limit_that_matters_velocity_is_uniform_for_a_network_that_predicts_it():
    weights = VelocityWeighting(1e6)(torch.arange(STEPS), DDPMScheduler(**LINE, prediction_type="v_prediction"))
    assert weights.tolist() == pytest.approx([1.0] * STEPS)


@pytest.mark.parametrize(("kind", "expected"), [("sample", 1.0), ("v_prediction", 1.0)])
def test_velocity_is_finite_at_zero_terminal_snr(kind, expected):
    scheduler = DDPMScheduler(**LINE, prediction_type=kind, rescale_betas_zero_snr=True)
    weights = VelocityWeighting()(torch.arange(STEPS), scheduler)
    assert weights.isfinite().all() and weights[-1].item() == expected


def test_uniform_counts_every_timestep_alike():
    weights = UniformWeighting()(torch.arange(5), DDPMScheduler())
    assert weights.tolist() == [1] * 5 and weights.dtype == torch.float32


def test_a_gamma_of_0_is_refused_with_the_fix():
    with pytest.raises(SettingError, match=r"gamma is 0.0. Set it above 0"):
        MinSNRWeighting(gamma=0.0)


def test_a_limit_below_1_is_refused_with_the_fix():
    with pytest.raises(SettingError, match=r"limit is 0.5. Set it to 1 or more"):
        VelocityWeighting(limit=0.5)


@pytest.mark.parametrize("weighting", [MinSNRWeighting(), VelocityWeighting()])
def test_another_prediction_type_is_refused_with_the_fix(weighting):
    with pytest.raises(SettingError, match="prediction_type is 'flow'"):
        weighting(torch.tensor([0]), DDPMScheduler(prediction_type="flow"))


@pytest.mark.parametrize("weighting", [UniformWeighting(), MinSNRWeighting(gamma=3.0), VelocityWeighting(limit=3.0)])
def test_each_is_written_down_and_made_again(weighting):
    made = make(describe(weighting), LossWeighting)
    assert type(made) is type(weighting) and describe(made) == describe(weighting)
