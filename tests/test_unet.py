import pytest
import torch
from diffusers import UNet2DConditionModel
from tiny import randn, stock_unet, tiny_unet, unet_arguments

from dreaminpainter.errors import SettingError
from dreaminpainter.unet import SubjectUNet, adopt, widen


def last_layer(unet: UNet2DConditionModel, block: int) -> torch.nn.Module:
    """The layer whose output a block holds just ahead of its downsampler."""
    down = unet.down_blocks[block]
    return down.attentions[-1] if hasattr(down, "attentions") else down.resnets[-1]


@pytest.mark.parametrize("block", [0, 1, 2])
@pytest.mark.parametrize("timestep", [0, torch.tensor([3, 700])])
def test_a_read_returns_what_the_stock_forward_computes_at_the_blocks_last_layer(block, timestep):
    sample, _, text = unet_arguments()
    seen = {}

    def keep(module, arguments, output):
        seen["features"] = output[0] if isinstance(output, tuple) else output

    stock = stock_unet()
    last_layer(stock, block).register_forward_hook(keep)
    with torch.no_grad():
        stock(sample, timestep, text)
        features = tiny_unet()(sample, timestep, text, read_block=block)
    torch.testing.assert_close(features, seen["features"], rtol=0, atol=0)


@pytest.mark.parametrize("block", [0, 1])
def test_a_read_computes_nothing_beyond_its_block(block):
    unet = tiny_unet()
    called = []
    later = [unet.mid_block, unet.conv_out, unet.conv_norm_out, *unet.up_blocks, *unet.down_blocks[block + 1 :]]
    for module in later:
        module.register_forward_hook(lambda module, *_: called.append(type(module).__name__))
    sample, timesteps, text = unet_arguments()
    with torch.no_grad():
        unet(sample, timesteps, text, read_block=block)
        assert called == []
        unet(sample, timesteps, text)
    assert len(called) == len(later)


def test_without_a_block_the_unet_is_the_stock_one():
    arguments = unet_arguments()
    with torch.no_grad():
        torch.testing.assert_close(tiny_unet()(*arguments).sample, stock_unet()(*arguments).sample, rtol=0, atol=0)


@pytest.mark.parametrize("block", [-1, 3])
def test_a_block_that_is_not_there_is_refused(block):
    sample, timesteps, text = unet_arguments()
    with pytest.raises(SettingError, match=r"down blocks 0 to 2"):
        tiny_unet()(sample, timesteps, text, read_block=block)


@pytest.mark.parametrize(
    ("saved", "loaded"), [(SubjectUNet, UNet2DConditionModel), (UNet2DConditionModel, SubjectUNet)]
)
def test_either_class_loads_what_the_other_saved(saved, loaded, tmp_path):
    original = tiny_unet() if saved is SubjectUNet else stock_unet()
    original.save_pretrained(tmp_path)
    again = loaded.from_pretrained(tmp_path).eval()
    assert type(again) is loaded
    arguments = unet_arguments()
    with torch.no_grad():
        torch.testing.assert_close(again(*arguments).sample, original(*arguments).sample, rtol=0, atol=0)


def test_an_adopted_stock_unet_is_the_same_object_and_can_be_read():
    stock = stock_unet()
    sample, timesteps, text = unet_arguments()
    adopted = adopt(stock)
    assert adopted is stock and adopt(adopted) is stock
    assert adopted(sample, timesteps, text, read_block=1).shape == (2, 32, 8, 8)


def gradients(unet: SubjectUNet) -> dict[str, torch.Tensor]:
    sample, timesteps, text = unet_arguments()
    unet.train()(sample, timesteps, text, read_block=1).square().mean().backward()
    return {name: value.grad for name, value in unet.named_parameters() if value.grad is not None}


def test_gradient_flows_through_a_read_into_the_blocks_that_it_used():
    found = gradients(tiny_unet())
    assert {name.split(".")[0] for name in found} == {"conv_in", "time_embedding", "down_blocks"}
    assert {name.split(".")[1] for name in found if name.startswith("down_blocks")} == {"0", "1"}
    unused = {name for name in found if not found[name].any()}
    assert {name for name in unused if ".downsamplers." not in name} == set()


def test_gradient_checkpointing_gives_a_read_the_same_gradients():
    checkpointed = tiny_unet()
    checkpointed.enable_gradient_checkpointing()
    plain, again = gradients(tiny_unet()), gradients(checkpointed)
    assert plain.keys() == again.keys()
    for name, gradient in plain.items():
        torch.testing.assert_close(again[name], gradient, rtol=1e-5, atol=1e-7, msg=name)


@pytest.mark.parametrize("block", [0, 1, 2])
def test_a_down_stack_is_a_frozen_copy_that_reads_the_same(block):
    unet = tiny_unet()
    stack = unet.down_stack(block)
    sample, timesteps, text = unet_arguments()
    with torch.no_grad():
        before = unet(sample, timesteps, text, read_block=block)
        torch.testing.assert_close(stack(sample, timesteps, text, read_block=block), before, rtol=0, atol=0)
        for parameter in unet.parameters():
            parameter.add_(1.0)
        torch.testing.assert_close(stack(sample, timesteps, text, read_block=block), before, rtol=0, atol=0)
    assert not any(parameter.requires_grad for parameter in stack.parameters())
    assert len(stack.down_blocks) == block + 1
    assert not any(name.startswith(("up_blocks", "mid_block", "conv_out")) for name in stack.state_dict())


@pytest.mark.parametrize("more", [5, 9])
def test_widening_changes_no_output_at_the_start(more):
    unet = tiny_unet()
    sample, timesteps, text = unet_arguments()
    with torch.no_grad():
        before = unet(sample, timesteps, text).sample
        widen(unet, more)
        wide = torch.cat([sample, randn(2, more - 4, 16, 16, seed=9) * 100], dim=1)
        torch.testing.assert_close(unet(wide, timesteps, text).sample, before, rtol=0, atol=0)
    assert unet.config.in_channels == more
    assert not unet.conv_in.weight[:, 4:].any()
    assert unet.conv_in.weight.requires_grad


def test_a_widened_unet_saves_and_loads_its_width(tmp_path):
    unet = tiny_unet()
    widen(unet, 5)
    unet.save_pretrained(tmp_path)
    assert UNet2DConditionModel.from_pretrained(tmp_path).conv_in.weight.shape[1] == 5


def test_widening_to_the_same_width_leaves_the_layer_alone():
    unet = tiny_unet()
    layer = unet.conv_in
    widen(unet, 4)
    assert unet.conv_in is layer


def test_widening_refuses_to_shrink():
    with pytest.raises(SettingError, match="takes 9 input channels, more than the 5"):
        widen(tiny_unet(in_channels=9), 5)
