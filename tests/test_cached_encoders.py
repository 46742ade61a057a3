"""Training without encoders, composed with the other ways to spare memory, on the smallest networks."""

import contextlib
from io import StringIO
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file
from tiny import save_stock_networks, tiny_backbone, tiny_batch, tiny_model
from tiny_run import QUIET, SMALL, fitted, flags

from dreaminpainter.backbones import CachedBackbone
from dreaminpainter.cached_encoders import CachedTextEncoder, write_texts
from dreaminpainter.checkpoints import load_pipeline
from dreaminpainter.cli import main
from dreaminpainter.encoding import encode_texts
from dreaminpainter.errors import InputError, MissingFileError, SettingError
from dreaminpainter.filling import fill_batch
from dreaminpainter.lora import is_lora

TEXTS = ["", "a critter in a hat", "critter"]


def settings(folder: Path, backbone: str, **more: object) -> list[str]:
    """Flags of `fit` for prepared data and stock networks, everything that spares memory switched on."""
    data = {"mine": {"class_path": "PreparedSource", "init_args": {"root": str(folder / "data"), "latents": True}}}
    given = {
        "model.init_from": "null",
        "model.backbone": backbone,
        "model.backbone.init_args.source": folder / "networks",
        "model.lora": "LoRA",
        "model.lora.init_args.rank": 2,
        "model.learning_rates": "{lora: 0.01, cross_attention: 0.001, conv_in: 0.001, adapter: 0.01}",
        "model.gradient_checkpointing": "true",
        "model.text_dropout": 0.5,
        "trainer.accumulate_grad_batches": 2,
        "data.train": yaml.safe_dump(data),
        "data.validation": yaml.safe_dump(data),
        "data.test": "null",
        "data.captioner": "DatasetCaptioner",
    }
    return flags(QUIET | SMALL | given | more)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Stock networks, prepared critters, and their latents and texts, cached for a config."""
    folder = tmp_path_factory.mktemp("cached")
    save_stock_networks(folder / "networks")
    written = settings(folder, "CachedBackbone", **{"model.backbone.init_args.texts": folder / "texts.safetensors"})
    with pytest.raises(SystemExit), contextlib.redirect_stdout(StringIO()) as printed:
        main(["fit", "--config", "configs/quickstart.yaml", *written, "--print_config"])
    written = yaml.safe_load(printed.getvalue())
    for name in ("default_root_dir", "max_steps", "max_time"):  # which each test says
        del written["trainer"][name]
    (folder / "pictures.yaml").write_text(yaml.safe_dump(written))
    (folder / "cached.yaml").write_text(yaml.safe_dump(written | {"pictures": None}))
    critters = {"count": 6, "size": 32, "reference_size": 64, "supersample": 1}
    source = flags({f"source.{name}": value for name, value in critters.items()})
    more = {"output": folder / "data", "num_workers": 0, "cache_latents": folder / "cached.yaml", "device": "cpu"}
    assert main(["prepare", "CrittersSource", *source, *flags(more)]) == 0
    return folder


@pytest.mark.slow
def test_it_trains_as_with_the_encoders_and_composes(folder, tmp_path):
    cached = fitted(tmp_path / "cached", "--config", str(folder / "cached.yaml"))
    loaded = fitted(tmp_path / "loaded", *settings(folder, "PretrainedBackbone"))
    assert {name.split(".")[0] for name in cached["state_dict"]} == {"network"}
    before = {name: value for name, value in cached["state_dict"].items() if "base_layer" in name or is_lora(name)}
    assert before
    for name, value in cached["state_dict"].items():
        # The states of texts are kept in half precision, and Adam follows the sign of the smallest gradient.
        torch.testing.assert_close(value, loaded["state_dict"][name], atol=2e-2, rtol=1e-3)
    filled = [
        fill_batch(
            load_pipeline(str(tmp_path / name / "checkpoints" / "last.ckpt")), tiny_batch(), num_inference_steps=2
        ).images
        for name in ("cached", "loaded")
    ]
    torch.testing.assert_close(*filled, atol=5e-2, rtol=0)
    small = load_pipeline(str(tmp_path / "cached" / "checkpoints" / "last.lora.safetensors"))
    torch.testing.assert_close(
        fill_batch(small, tiny_batch(), num_inference_steps=2).images, filled[0], atol=1e-4, rtol=0
    )


def test_what_was_not_cached_is_refused_before_the_first_step(folder, tmp_path, capsys):
    where = {"trainer.default_root_dir": tmp_path, "trainer.max_steps": 1}
    run = ["fit", "--config", "configs/quickstart.yaml", *flags(where)]
    cached = ["--config", str(folder / "cached.yaml")]
    without = yaml.safe_dump(
        {"mine": {"class_path": "PreparedSource", "init_args": {"root": str(folder / "data"), "latents": False}}}
    )
    for more, told in (
        (["--data.train", without], "'mine' has no cached latents"),
        (["--config", str(folder / "pictures.yaml")], "no pictures of fills can be made. Set `pictures: null`"),
        (["--model.learning_rates", "{text_encoder: 0.1}", "--model.lora", "null"], "rate for text_encoder, of which"),
    ):
        assert main([*run, *cached, *more]) == 2
        assert told in capsys.readouterr().err
    model = tiny_model(
        backbone=CachedBackbone(str(folder / "networks"), str(folder / "texts.safetensors")),
        learning_rates={"adapter": 1e-3},
    )
    with pytest.raises(SettingError, match="pictures without cached latents"):
        model.training_step(tiny_batch(), 0)
    with pytest.raises(SettingError, match="nothing can be filled"):
        model.vae.decode(torch.zeros(1))


def test_cached_texts_are_the_encoders(tmp_path):
    parts = tiny_backbone().parts()
    path = tmp_path / "texts.safetensors"
    assert write_texts(parts.tokenizer, parts.text_encoder, [*TEXTS, *TEXTS], path, batch_size=2) == 3
    assert len(load_file(path)) == 3
    cached = CachedTextEncoder(parts.text_encoder.config, str(path))
    order = [TEXTS[2], TEXTS[0], TEXTS[1], TEXTS[2]]
    expected = encode_texts(parts.tokenizer, parts.text_encoder, order)
    torch.testing.assert_close(encode_texts(parts.tokenizer, cached, order), expected, atol=2e-3, rtol=1e-3)
    with pytest.raises(InputError, match=r"does not hold the text.*--cache_latents"):
        encode_texts(parts.tokenizer, cached, ["a critter waves"])
    with pytest.raises(MissingFileError, match=r"no cached texts .*nowhere"):
        encode_texts(parts.tokenizer, CachedTextEncoder(None, "nowhere"), [""])
