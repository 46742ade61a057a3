import pytest
import torch
from diffusers import AutoencoderKL
from tiny import save_stock_networks, tiny_backbone, tiny_batch, tiny_model, train_a_step

from dreaminpainter.autoencoder import SpaceToDepth
from dreaminpainter.backbones import PretrainedBackbone, RandomBackbone, StableDiffusion15, TinyBackbone
from dreaminpainter.components import describe, make
from dreaminpainter.errors import MissingFileError, SettingError
from dreaminpainter.input_forms import Composite, NineChannel
from dreaminpainter.unet import SubjectUNet

PUBLISHED = {
    "conv_in.weight": (320, 4, 3, 3),
    "conv_out.weight": (4, 320, 3, 3),
    "time_embedding.linear_1.weight": (1280, 320),
    "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.weight": (320, 768),
    "down_blocks.0.attentions.0.proj_in.weight": (320, 320, 1, 1),
    "down_blocks.1.attentions.1.transformer_blocks.0.attn1.to_q.weight": (640, 640),
    "down_blocks.1.downsamplers.0.conv.weight": (640, 640, 3, 3),
    "down_blocks.3.resnets.1.conv2.weight": (1280, 1280, 3, 3),
    "mid_block.attentions.0.transformer_blocks.0.attn2.to_v.weight": (1280, 768),
    "up_blocks.1.attentions.2.transformer_blocks.0.ff.net.0.proj.weight": (10240, 1280),
    "up_blocks.3.attentions.2.transformer_blocks.0.attn2.to_out.0.weight": (320, 320),
    "up_blocks.3.resnets.0.conv_shortcut.weight": (320, 960, 1, 1),
}


@pytest.fixture(scope="module")
def stable_diffusion():
    with torch.device("meta"):
        return StableDiffusion15(weights=False).parts()


def test_stable_diffusion_without_weights_has_the_published_architecture(stable_diffusion):
    unet = stable_diffusion.unet
    assert sum(parameter.numel() for parameter in unet.parameters()) == 859_520_964
    assert len(unet.state_dict()) == 686
    shapes = {name: tuple(value.shape) for name, value in unet.state_dict().items()}
    assert {name: shapes.get(name) for name in PUBLISHED} == PUBLISHED
    # The argument that diffusers calls attention_head_dim is the number of heads in this class.
    assert unet.down_blocks[0].attentions[0].transformer_blocks[0].attn1.heads == 8


def test_stable_diffusions_other_networks_have_the_published_sizes(stable_diffusion):
    assert sum(parameter.numel() for parameter in stable_diffusion.vae.parameters()) == 83_653_863
    assert sum(parameter.numel() for parameter in stable_diffusion.text_encoder.parameters()) == 123_060_480
    assert stable_diffusion.tokenizer.model_max_length == 77
    assert stable_diffusion.scheduler.config.prediction_type == "epsilon"


@pytest.mark.parametrize(("form", "channels"), [(Composite(), 5), (NineChannel(), 9)])
def test_stable_diffusion_is_widened_for_its_input_form(form, channels, monkeypatch, stable_diffusion):
    backbone = StableDiffusion15(weights=False, prediction_type="v_prediction", zero_terminal_snr=True)
    with torch.device("meta"):
        unet = SubjectUNet.from_config(stable_diffusion.unet.config | {"in_channels": 4})
        monkeypatch.setattr(stable_diffusion, "unet", unet)
        monkeypatch.setattr(backbone, "parts", lambda: stable_diffusion)
        parts = backbone.build(form)
    assert parts.unet.conv_in.weight.shape == (320, channels, 3, 3)
    assert parts.scheduler.config.prediction_type == "v_prediction"


@pytest.mark.parametrize(
    "backbone",
    [
        PretrainedBackbone("some/where", revision="fp16", prediction_type="epsilon"),
        StableDiffusion15(weights=False, zero_terminal_snr=True, prediction_type="v_prediction"),
        TinyBackbone(channels=[32, 64], latent_factor=2),
    ],
)
def test_a_backbone_survives_being_written_down(backbone):
    assert describe(make(describe(backbone), type(backbone))) == describe(backbone)


def test_a_tiny_backbone_has_the_same_classes_and_attention_from_the_second_block_on():
    parts = tiny_backbone().build(Composite())
    assert isinstance(parts.unet, SubjectUNet) and isinstance(parts.vae, SpaceToDepth)
    assert not hasattr(parts.unet.down_blocks[0], "attentions") and parts.unet.down_blocks[1].has_cross_attention
    assert parts.unet.config.in_channels == 49 and parts.unet.config.out_channels == 48
    assert parts.scheduler.config.prediction_type == "v_prediction"


@pytest.mark.parametrize("form", [Composite(), NineChannel()])
def test_networks_of_stock_classes_train_and_fill(form, tmp_path):
    save_stock_networks(tmp_path)
    model = tiny_model(backbone=PretrainedBackbone(str(tmp_path)), input_form=form)
    assert type(model.network.unet) is SubjectUNet and type(model.vae) is AutoencoderKL
    assert model.network.unet.config.in_channels == form.channels(4)
    assert model.scheduler.config.prediction_type == "epsilon"
    assert not any(parameter.requires_grad for parameter in model.vae.parameters())
    assert train_a_step(model).isfinite()
    assert model.fill(tiny_batch(), num_inference_steps=2).shape == (2, 3, 32, 32)


def test_the_weights_are_those_of_the_folder(tmp_path):
    save_stock_networks(tmp_path)
    first, second = (PretrainedBackbone(str(tmp_path)).build(Composite()) for _ in range(2))
    for kind in ("unet", "vae", "text_encoder"):
        weights = getattr(second, kind).state_dict()
        assert all(torch.equal(weights[name], value) for name, value in getattr(first, kind).state_dict().items())


def test_a_pipelines_folder_is_a_backbone(tmp_path):
    model = tiny_model()
    train_a_step(model)
    model.pipeline().save_pretrained(tmp_path)
    parts = PretrainedBackbone(str(tmp_path)).build(Composite())
    for name, value in model.network.unet.state_dict().items():
        assert torch.equal(parts.unet.state_dict()[name], value)
    assert parts.scheduler.config.prediction_type == "v_prediction"
    assert parts.tokenizer("a critter").input_ids == model.tokenizer("a critter").input_ids


def test_a_folder_trained_with_nine_channels_is_no_composite_backbone(tmp_path):
    tiny_model(input_form=NineChannel()).pipeline().save_pretrained(tmp_path)
    with pytest.raises(SettingError, match="takes 97 channels and Composite gives 49"):
        PretrainedBackbone(str(tmp_path)).build(Composite())


def test_what_the_unet_predicts_is_the_sources_unless_set(tmp_path):
    save_stock_networks(tmp_path, prediction_type="v_prediction")
    kept = PretrainedBackbone(str(tmp_path)).build(Composite())
    changed = PretrainedBackbone(str(tmp_path), prediction_type="epsilon").build(Composite())
    assert (kept.scheduler.config.prediction_type, changed.scheduler.config.prediction_type) == (
        "v_prediction",
        "epsilon",
    )


def test_zero_terminal_snr_ends_in_pure_noise():
    scheduler = tiny_backbone(zero_terminal_snr=True).build(Composite()).scheduler
    assert scheduler.alphas_cumprod[-1] < 1e-6
    assert tiny_backbone().build(Composite()).scheduler.alphas_cumprod[-1] > 1e-3


def test_zero_terminal_snr_is_kept_by_the_sampler():
    model = tiny_model(backbone=tiny_backbone(zero_terminal_snr=True))
    sampler = model.pipeline().scheduler
    sampler.set_timesteps(4)
    assert sampler.timesteps[0] == 999 and sampler.alphas_cumprod[-1] < 1e-6
    assert model.fill(tiny_batch(), num_inference_steps=2).isfinite().all()


@pytest.mark.parametrize("source", ["set", "folder"])
def test_zero_terminal_snr_with_epsilon_is_refused(source, tmp_path):
    save_stock_networks(tmp_path)
    if source == "set":
        backbone = tiny_backbone(prediction_type="epsilon", zero_terminal_snr=True)
    else:
        backbone = PretrainedBackbone(str(tmp_path), zero_terminal_snr=True)
    with pytest.raises(SettingError, match="v_prediction"):
        backbone.build(Composite())


@pytest.mark.parametrize("source", ["nobody/nothing", "./no-such-folder"])
def test_a_source_that_is_not_there_is_named_with_the_fix(source):
    with pytest.raises(MissingFileError, match=rf"{source}.*TinyBackbone"):
        PretrainedBackbone(source).build(Composite())


def test_a_folders_architecture_can_be_had_without_its_weights(tmp_path):
    model = tiny_model()
    model.pipeline().save_pretrained(tmp_path)
    for weights in tmp_path.rglob("*.safetensors"):
        weights.unlink()
    parts = RandomBackbone(str(tmp_path)).build(Composite())
    shapes = {name: value.shape for name, value in parts.unet.state_dict().items()}
    assert shapes == {name: value.shape for name, value in model.network.unet.state_dict().items()}
    assert not torch.equal(parts.unet.conv_in.weight, model.network.unet.conv_in.weight)
    assert parts.text_encoder.config.hidden_size == model.text_encoder.config.hidden_size
    assert parts.tokenizer("a critter").input_ids == model.tokenizer("a critter").input_ids


def test_where_the_down_stack_has_attention_is_a_setting():
    kinds = ("DownBlock2D", "CrossAttnDownBlock2D")
    for first, expected in enumerate([(1, 1), (0, 1)]):
        unet = TinyBackbone(channels=[32, 32], attention_from=first).build(Composite()).unet
        assert unet.config.down_block_types == tuple(kinds[kind] for kind in expected)
    with pytest.raises(SettingError, match="attention_from is 2; of 2 blocks give one from 0 to 1"):
        TinyBackbone(channels=[32, 32], attention_from=2).build(Composite())


def test_the_up_stack_has_attention_from_the_block_that_is_asked_for_counted_as_the_down_stack_is():
    unet = TinyBackbone(channels=[32, 32, 64], attention_from=1, up_attention_from=1).build(Composite()).unet
    with_attention = {name.rsplit(".transformer_blocks")[0] for name in unet.attn_processors}
    # Up blocks stand in the order that they compute in, the finest last.
    assert {name for name in with_attention if name.startswith("up")} == {
        f"up_blocks.{block}.attentions.{layer}" for block in (0, 1) for layer in (0, 1)
    }
    with pytest.raises(SettingError, match="up_attention_from is 3; of 3 blocks give one from 0 to 2"):
        TinyBackbone(channels=[32, 32, 64], up_attention_from=3).build(Composite())


def test_what_a_folder_holds_in_half_precision_trains_in_float32(tmp_path):
    tiny_model().pipeline().to(torch.float16).save_pretrained(tmp_path)
    parts = PretrainedBackbone(str(tmp_path)).build(Composite())
    precisions = {value.dtype for part in (parts.unet, parts.vae, parts.text_encoder) for value in part.parameters()}
    assert precisions == {torch.float32}
