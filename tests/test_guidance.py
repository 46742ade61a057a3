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
    branches = Branches(network, tokens, text, empty, guidance_scale=w, reference_scale=v)
    expected = guided(network, **latents, timestep=timestep, text=text, empty=empty, tokens=tokens, w=w, v=v)
    mixed = branches.predict(**latents, timestep=timestep)
    torch.testing.assert_close(mixed, expected, rtol=1e-4, atol=1e-4)
    sliced = Branches(network, tokens, text, empty, guidance_scale=w, reference_scale=v, sliced=True)
    torch.testing.assert_close(sliced.predict(**latents, timestep=timestep), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("w", "v", "count"), [(1.0, 1.0, 1), (7.5, 1.0, 2), (0.0, 1.0, 1), (7.5, 2.0, 3), (2.0, 2.0, 2)]
)
@torch.no_grad()
def test_only_branches_that_count_are_run(w, v, count):
    network, tokens, text, empty, latents = situation()
    rows = []
    network.unet.conv_in.register_forward_pre_hook(lambda module, arguments: rows.append(len(arguments[0])))
    branches = Branches(network, tokens, text, empty, w, v)
    branches.predict(**latents, timestep=torch.tensor(400))
    assert rows == [2 * count]
    assert sum(branches.factors) == pytest.approx(1)


@torch.no_grad()
def test_guidance_moves_along_the_text_and_the_reference_stays_in_both_branches():
    network, tokens, _, empty, latents = situation()
    timestep = torch.tensor(400)
    same_text = Branches(network, tokens, empty, empty, 7.5, 1.0).predict(**latents, timestep=timestep)
    unguided = Branches(network, tokens, empty, empty, 1.0, 1.0).predict(**latents, timestep=timestep)
    torch.testing.assert_close(same_text, unguided, rtol=1e-4, atol=1e-5)  # no text to move along: nothing moves


@pytest.mark.parametrize("injection", [UpBlocks(), AllBlocks(), DecoupledKeyValues()], ids=["up", "all", "decoupled"])
@torch.no_grad()
def test_steps_that_keep_keys_and_values_are_those_that_project_them_anew(injection):
    network, tokens, text, empty, latents = situation(injection=injection)
    given = (network, tokens, text, empty, 7.5, 1.0)
    kept = Branches(*given)
    for step, timestep in enumerate(torch.tensor([900, 400, 10])):
        moved = latents | {"noisy": randn(2, 48, 8, 8, seed=step)}
        anew = Branches(*given).predict(**moved, timestep=timestep)
        torch.testing.assert_close(kept.predict(**moved, timestep=timestep), anew, rtol=0, atol=0)


@pytest.mark.parametrize("injection", [UpBlocks(), DecoupledKeyValues()], ids=["up", "decoupled"])
@torch.no_grad()
def test_keys_and_values_of_text_and_subject_are_projected_once(injection):
    network, tokens, text, empty, latents = situation(injection=injection)
    projected = []
    for name, module in network.named_modules():
        of_text = name.endswith(("attn2.to_k", "attn2.to_v"))
        if of_text or (".injector." in name and isinstance(module, torch.nn.Linear)):
            module.register_forward_hook(lambda module, arguments, output, name=name: projected.append(name))
    branches = Branches(network, tokens, text, empty, 7.5, 1.0)
    for timestep in (900, 400, 10):
        branches.predict(**latents, timestep=torch.tensor(timestep))
    assert projected and sorted(projected) == sorted(set(projected))


@torch.no_grad()
def test_branches_that_do_not_fit_into_memory_are_run_one_after_the_other(caplog):
    network, tokens, text, empty, latents = situation()
    together = Branches(network, tokens, text, empty, 7.5, 1.0).predict(**latents, timestep=torch.tensor(400))
    rows = []

    def small_device(module, arguments):
        rows.append(len(arguments[0]))
        if len(arguments[0]) > 2:
            raise torch.OutOfMemoryError("out of memory")

    hook = network.unet.mid_block.register_forward_pre_hook(small_device)
    branches = Branches(network, tokens, text, empty, 7.5, 1.0)
    first, second = (branches.predict(**latents, timestep=torch.tensor(400)) for _ in range(2))
    assert rows == [4, 2, 2, 2, 2]
    assert caplog.text.count("one after the other") == 1
    torch.testing.assert_close(first, together, rtol=1e-4, atol=1e-5)
    assert torch.equal(first, second)

    hook.remove()
    network.unet.mid_block.register_forward_pre_hook(lambda module, arguments: small_device(module, (torch.ones(3),)))
    with pytest.raises(torch.OutOfMemoryError):
        branches.predict(**latents, timestep=torch.tensor(400))
