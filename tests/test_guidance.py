import pytest
import torch
from oracles.guidance import guided
from tiny import randn, tiny_batch, tiny_model

from dreaminpainter.encoding import encode_texts
from dreaminpainter.guidance import Branches
from dreaminpainter.injection import AllBlocks, DecoupledKeyValues, UpBlocks
from dreaminpainter.input_forms import Composite, NineChannel


def situation(**settings):
    model = tiny_model(**settings).eval()
    tokens = model.network.read(model._encoded(tiny_batch().reference)).tokens
    text, empty = (
        encode_texts(model.tokenizer, model.text_encoder, texts) for texts in (["a critter", "a hat"], ["", ""])
    )
    hole = torch.zeros(2, 1, 8, 8)
    hole[..., 2:6, 1:5] = 1
    latents = {"noisy": randn(2, 48, 8, 8), "hole": hole, "scene": randn(2, 48, 8, 8, seed=1)}
    return model.network, tokens, text, empty, latents


@pytest.mark.parametrize(
    ("w", "v"), [(7.5, 1.0), (1.0, 1.0), (0.0, 1.0), (7.5, 2.0), (1.0, 3.0), (3.0, 0.0), (2.0, 2.0)]
)
@pytest.mark.parametrize(
    "settings",
    [
        {"injection": UpBlocks()},
        {"injection": AllBlocks(), "input_form": NineChannel()},
        {"injection": DecoupledKeyValues(), "input_form": Composite(blank_hole=True)},
    ],
    ids=["up", "all-nine", "decoupled"],
)
@torch.no_grad()
def test_guidance_is_eq_5_written_out_branch_by_branch(settings, w, v):
    network, tokens, text, empty, latents = situation(**settings)
    timestep = torch.tensor(400)
    branches = Branches.of(network, tokens, text, empty, guidance_scale=w, reference_scale=v)
    expected = guided(network, **latents, timestep=timestep, text=text, empty=empty, tokens=tokens, w=w, v=v)
    mixed = branches.predict(network, **latents, timestep=timestep)
    torch.testing.assert_close(mixed, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("w", "v", "count"), [(1.0, 1.0, 1), (7.5, 1.0, 2), (0.0, 1.0, 1), (7.5, 2.0, 3), (2.0, 2.0, 2)]
)
@torch.no_grad()
def test_only_branches_that_count_are_run(w, v, count):
    network, tokens, text, empty, latents = situation()
    rows = []
    network.unet.conv_in.register_forward_pre_hook(lambda module, arguments: rows.append(len(arguments[0])))
    branches = Branches.of(network, tokens, text, empty, w, v)
    branches.predict(network, **latents, timestep=torch.tensor(400))
    assert rows == [2 * count]
    assert sum(branches.factors) == pytest.approx(1)


@torch.no_grad()
def test_guidance_moves_along_the_text_and_the_reference_stays_in_both_branches():
    network, tokens, _, empty, latents = situation()
    timestep = torch.tensor(400)
    same_text = Branches.of(network, tokens, empty, empty, 7.5, 1.0).predict(network, **latents, timestep=timestep)
    unguided = Branches.of(network, tokens, empty, empty, 1.0, 1.0).predict(network, **latents, timestep=timestep)
    torch.testing.assert_close(same_text, unguided, rtol=1e-4, atol=1e-5)  # no text to move along: nothing moves
