"""Low-rank training: what trains, what is written, and that fills stay the same wherever it is put back."""

import json

import pytest
import torch
from diffusers import UNet2DConditionModel
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from tiny import loader, quiet_trainer, randn, save_stock_networks, tiny_batch, tiny_model, tiny_unet, unet_arguments
from tiny_run import command, fitted, flags

from dreaminpainter import DreamInpainterPipeline
from dreaminpainter.backbones import PretrainedBackbone
from dreaminpainter.checkpoints import load_pipeline, read_checkpoint
from dreaminpainter.errors import InputError, MissingFileError, SettingError
from dreaminpainter.exporting import export
from dreaminpainter.features import UNetFeatures
from dreaminpainter.filling import fill_batch
from dreaminpainter.lora import ATTENTION, LoRA, is_lora, merge
from dreaminpainter.lora_checkpoints import LoRABeside, beside

RATES = {"lora": 1e-2, "conv_in": 1e-3, "adapter": 1e-2}
FLAGS = flags({"model.lora": "LoRA", "model.lora.init_args.rank": 2, "model.learning_rates": json.dumps(RATES)})


def fill(pipeline: DreamInpainterPipeline) -> torch.Tensor:
    pipeline.set_progress_bar_config(disable=True)
    return fill_batch(pipeline, tiny_batch(), num_inference_steps=3).images


def trained_model(steps: int = 3, **settings):
    model = tiny_model(**({"lora": LoRA(rank=2), "learning_rates": RATES} | settings))
    trainer = quiet_trainer(max_steps=steps, plugins=[LoRABeside()])
    trainer.fit(model, loader(*(tiny_batch(first=2 * step) for step in range(steps))))
    return model.eval(), trainer


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A base, saved; a model that was trained upon it with LoRA; and its checkpoint."""
    folder = tmp_path_factory.mktemp("lora")
    base = tiny_model(seed=3).eval()
    base.pipeline().save_pretrained(folder / "base")
    model, trainer = trained_model(init_from=str(folder / "base"))
    trainer.save_checkpoint(folder / "last.ckpt")
    return folder, base, model


@pytest.mark.parametrize("rates", [{"lora": 1e-2}, RATES, {"lora": 1e-2, "cross_attention": 1e-3}])
def test_what_is_named_trains_and_nothing_else(rates):
    model = tiny_model(lora=LoRA(rank=2), learning_rates=rates)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    quiet_trainer(max_steps=2).fit(model, loader(tiny_batch(), tiny_batch(first=2)))
    moved = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    parts = {"lora": is_lora, "conv_in": lambda name: "unet.conv_in." in name}
    parts["adapter"] = lambda name: name.startswith("network.adapter.")
    parts["cross_attention"] = lambda name: ".attn2." in name and not is_lora(name)
    assert {name for name in moved if is_lora(name)} == {name for name in before if is_lora(name)}
    for part, belongs in parts.items():
        assert any(belongs(name) for name in moved) == (part in rates), part
    assert all(any(parts[part](name) for part in rates) for name in moved)


def test_to_begin_with_nothing_changes_and_merged_it_computes_the_same():
    unet, (sample, timesteps, text) = tiny_unet(), unet_arguments()
    plain = unet(sample, timesteps, text).sample
    LoRA(rank=3, targets=[*ATTENTION, "conv_in"]).attach(unet)
    assert torch.equal(unet(sample, timesteps, text).sample, plain)
    for number, (name, parameter) in enumerate(unet.named_parameters()):
        if ".lora_B." in name:
            parameter.data = randn(*parameter.shape, seed=number) * 0.1
    changed = unet(sample, timesteps, text).sample
    merge(unet)
    assert unet.state_dict().keys() == tiny_unet().state_dict().keys()
    torch.testing.assert_close(unet(sample, timesteps, text).sample, changed, atol=1e-5, rtol=1e-5)
    assert (changed - plain).abs().max() > 1e-2


def test_checkpoint_export_and_small_file_fill_as_the_model_in_training(run, tmp_path):
    folder, base, model = run
    expected = fill(model.pipeline())
    assert (expected - fill(base.pipeline())).abs().max() > 1e-3
    exported = export(str(folder / "last.ckpt"), str(tmp_path / "exported"))
    by_hand = DreamInpainterPipeline.from_pretrained(folder / "base")
    by_hand.load_lora(str(folder / "last.lora.safetensors"))
    for pipeline in (
        load_pipeline(str(folder / "last.ckpt")),
        load_pipeline(str(exported)),
        load_pipeline(str(export(str(folder / "last.lora.safetensors"), str(tmp_path / "from the small file")))),
        load_pipeline(str(folder / "last.lora.safetensors")),
        by_hand,
    ):
        torch.testing.assert_close(fill(pipeline), expected, atol=1e-5, rtol=0)
    names = load_file(exported / "unet" / "diffusion_pytorch_model.safetensors").keys()
    assert names == UNet2DConditionModel.from_pretrained(exported / "unet").state_dict().keys()


def test_the_small_file_is_small_and_tells_rank_targets_and_base(run):
    folder, _, model = run
    path = folder / "last.lora.safetensors"
    assert path.stat().st_size < 0.3 * (folder / "base/unet/diffusion_pytorch_model.safetensors").stat().st_size
    with safe_open(path, framework="pt") as file:
        about = json.loads(file.metadata()["dreaminpainter"])
        names = set(file.keys())
    assert about["lora"]["init_args"] == {"rank": 2, "targets": list(ATTENTION)}
    assert about["init_from"] == str(folder / "base") and len(about["base"]) == 32
    trained = {name for name, value in model.named_parameters() if value.requires_grad}
    assert len(names) == len(trained)
    assert {name.split(".")[0] for name in names} == {"unet", "adapter"}
    assert {"unet.conv_in.weight", "adapter.projector.0.weight"} < names


def test_diffusers_reads_its_low_rank_matrices(run):
    folder, *_ = run
    unet = UNet2DConditionModel.from_pretrained(folder / "base" / "unet")
    weights = {name: value for name, value in load_file(folder / "last.lora.safetensors").items() if is_lora(name)}
    unet.load_lora_adapter(weights, prefix="unet")
    unet.fuse_lora()
    unet.unload_lora()
    merged = load_pipeline(str(folder / "last.ckpt")).unet.state_dict()
    for name, value in unet.state_dict().items():
        if not name.startswith("conv_in."):  # it trained fully
            torch.testing.assert_close(value, merged[name], atol=1e-6, rtol=1e-5)


def test_another_base_is_refused(run):
    folder, *_ = run
    other = tiny_model(seed=4).eval().pipeline()
    with pytest.raises(SettingError, match=r"not trained upon this UNet.*Load it upon what it started from, .*base"):
        other.load_lora(str(folder / "last.lora.safetensors"))
    halved = DreamInpainterPipeline.from_pretrained(folder / "base", dtype=torch.bfloat16)
    halved.load_lora(str(folder / "last.lora.safetensors"))
    assert halved.adapter.dtype == halved.unet.dtype == torch.bfloat16


def test_files_that_are_none_are_refused(tmp_path):
    with pytest.raises(MissingFileError, match=r"nowhere\.safetensors"):
        load_pipeline(str(tmp_path / "nowhere.safetensors"))
    (tmp_path / "text.safetensors").write_text("no tensors")
    with pytest.raises(InputError, match="cannot be read as safetensors"):
        load_pipeline(str(tmp_path / "text.safetensors"))
    save_file({"a.lora_A.weight": torch.zeros(1)}, tmp_path / "foreign.safetensors")
    with pytest.raises(InputError, match="is no LoRA of this package"):
        load_pipeline(str(tmp_path / "foreign.safetensors"))


def test_without_a_model_to_start_from_the_backbone_is_made_again(tmp_path):
    """As from Stable Diffusion's own weights; here from a folder, with a frozen reference encoder."""
    save_stock_networks(tmp_path / "networks")
    backbone = PretrainedBackbone(str(tmp_path / "networks"))
    model, trainer = trained_model(backbone=backbone, extractor=UNetFeatures(weights="frozen"))
    trainer.save_checkpoint(tmp_path / "last.ckpt")
    pipeline = load_pipeline(str(tmp_path / "last.lora.safetensors"))
    torch.testing.assert_close(fill(pipeline), fill(model.pipeline()), atol=1e-5, rtol=0)


def test_a_pipeline_in_training_is_not_saved_by_mistake(run, tmp_path):
    with pytest.raises(SettingError, match="not merged"):
        run[2].pipeline().save_pretrained(tmp_path / "saved")
    assert not (tmp_path / "saved").exists()


def test_training_goes_on_from_its_merged_weights(run):
    folder, _, model = run
    on = tiny_model(init_from=str(folder / "last.ckpt"), lora=LoRA(rank=3), learning_rates={"lora": 1e-3})
    again = tiny_model(init_from=str(folder / "last.lora.safetensors"))
    expected = fill(model.pipeline())
    for one in (on, again):
        torch.testing.assert_close(fill(one.eval().pipeline()), expected, atol=1e-5, rtol=0)


@pytest.mark.slow
def test_a_run_is_continued_to_the_bit_and_its_file_holds_the_average(tmp_path):
    whole = fitted(tmp_path / "whole", *FLAGS, steps=4)
    fitted(tmp_path / "halves", *FLAGS, steps=2)
    halves = fitted(tmp_path / "halves", *FLAGS, "--ckpt_path", "last", steps=4)
    for name, value in whole["state_dict"].items():
        assert torch.equal(value, halves["state_dict"][name]), name
    average = whole["callbacks"]["ema"]["weights"]
    assert all(is_lora(name) or "conv_in" in name or ".adapter." in name for name in average)
    written = load_file(beside(tmp_path / "halves" / "checkpoints" / "last.ckpt"))
    name = next(name for name in average if "up_blocks.0" in name and "attn2.to_k.lora_B" in name)
    short = name.removeprefix("network.").replace(".default.", ".")
    assert torch.equal(written[short], average[name])
    assert not torch.equal(written[short], whole["state_dict"][name])


@pytest.mark.slow
def test_a_small_file_goes_when_its_checkpoint_goes(tmp_path):
    more = flags({"checkpoint.every_n_train_steps": 1, "checkpoint.save_top_k": 1, "checkpoint.monitor": "step"})
    assert command("fit", tmp_path, *FLAGS, *more, "--checkpoint.mode", "max", steps=3) == 0
    files = {path.name.split(".")[0] for path in (tmp_path / "checkpoints").glob("*.ckpt")}
    assert files == {path.name.split(".")[0] for path in (tmp_path / "checkpoints").glob("*.safetensors")}
    assert len(files) == 2 and read_checkpoint(str(tmp_path / "checkpoints" / "last.ckpt"))["model"]["lora"]


def test_settings_that_make_no_sense_are_refused():
    with pytest.raises(SettingError, match="rank of a LoRA is 0"):
        LoRA(rank=0)
    with pytest.raises(SettingError, match="no layer whose name ends in to_nothing"):
        LoRA(targets=["to_q", "to_nothing"]).attach(tiny_unet())
    with pytest.raises(SettingError, match="no layer whose name ends in nothing"):
        LoRA(targets=[]).attach(tiny_unet())
    with pytest.raises(SettingError, match="has a rate for lora, of which there is nothing"):
        tiny_model(learning_rates={"lora": 1e-3})
    with pytest.raises(SettingError, match="a LoRA that would not train"):
        tiny_model(lora=LoRA(), learning_rates={"adapter": 1e-3})
    with pytest.raises(SettingError, match="both unet and its part lora"):
        tiny_model(lora=LoRA(), learning_rates={"unet": 1e-3, "lora": 1e-3})
