"""An export fills as its checkpoint does: with the package, in plain diffusers, and its networks load one by one."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, AutoModel, UNet2DConditionModel
from divided import write_folder
from plain_diffusers import arguments
from safetensors.torch import load_file
from tiny import loader, quiet_trainer, save_stock_networks, tiny_batch, tiny_model
from tiny_run import fitted
from transformers import AutoTokenizer, CLIPTextModel

from dreaminpainter import DreamInpainterPipeline, __version__
from dreaminpainter.backbones import PretrainedBackbone
from dreaminpainter.checkpoints import load_pipeline
from dreaminpainter.errors import InputError, MissingFileError, SettingError
from dreaminpainter.exporting import export
from dreaminpainter.features import UNetFeatures
from dreaminpainter.injection import DecoupledKeyValues
from dreaminpainter.portable import check_transformers

SCRIPT = Path(__file__).with_name("plain_diffusers.py")


def filled(pipeline) -> np.ndarray:
    return pipeline(**arguments()).images


def filled_in_plain_diffusers(folder: Path, again: Path) -> np.ndarray:
    """The fill of a process that has no package, and where it saved the pipeline anew."""
    fill = again.with_suffix(".npy")
    cache = {"HF_HOME": str(again.with_suffix(".cache")), "HF_MODULES_CACHE": str(again.with_suffix(".modules"))}
    done = subprocess.run(
        [sys.executable, SCRIPT, folder, fill, again],
        capture_output=True,
        text=True,
        check=False,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | cache,
        cwd=again.parent,
    )
    assert done.returncode == 0, done.stderr
    return np.load(fill)


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> tuple[str, dict]:
    """A checkpoint of a tiny run, and what it holds."""
    folder = tmp_path_factory.mktemp("run")
    return str(folder / "checkpoints" / "last.ckpt"), fitted(folder) and torch.load(
        folder / "checkpoints" / "last.ckpt", weights_only=True
    )


@pytest.fixture(scope="module")
def exported(run, tmp_path_factory) -> Path:
    """Its export; tests read it only."""
    return export(run[0], str(tmp_path_factory.mktemp("export") / "mine"), license="apache-2.0")


def test_checkpoint_export_and_plain_diffusers_fill_with_the_same_bits(run, exported, tmp_path) -> None:
    expected = filled(load_pipeline(run[0]))
    assert np.array_equal(filled(DreamInpainterPipeline.from_pretrained(exported)), expected)
    assert np.array_equal(filled_in_plain_diffusers(exported, tmp_path / "again"), expected)
    # What that process saved is an export as well, for both.
    assert np.array_equal(filled_in_plain_diffusers(tmp_path / "again", tmp_path / "third"), expected)
    assert np.array_equal(filled(DreamInpainterPipeline.from_pretrained(tmp_path / "again")), expected)


def test_what_the_package_saves_again_still_loads_without_it(exported, tmp_path) -> None:
    pipeline = DreamInpainterPipeline.from_pretrained(exported)
    pipeline.save_pretrained(tmp_path / "saved")
    assert np.array_equal(filled_in_plain_diffusers(tmp_path / "saved", tmp_path / "again"), filled(pipeline))


def test_the_weights_are_the_averaged_ones_in_safetensors(run, exported) -> None:
    average = run[1]["callbacks"]["ema"]["weights"]
    written = load_file(exported / "unet" / "diffusion_pytorch_model.safetensors")
    assert written.keys() == UNet2DConditionModel.from_pretrained(exported / "unet").state_dict().keys()
    for name, value in written.items():
        assert torch.equal(value, average[f"network.unet.{name}"].float()), name
    assert not [path for path in exported.rglob("*") if path.suffix in (".bin", ".ckpt", ".pt", ".pkl")]


def test_nothing_in_it_tells_of_the_machine(run, exported, tmp_path) -> None:
    again = export(str(exported), str(tmp_path / "again"))
    for path in (*exported.rglob("*"), *again.rglob("*")):
        if path.is_file():
            for folder in (Path(run[0]).parents[1], exported.parent):
                assert str(folder).encode() not in path.read_bytes(), path


def test_weights_lie_where_torch_would_have_put_them(exported) -> None:
    """What is computed with them depends on it in the last bits, on some processors."""
    pipeline = DreamInpainterPipeline.from_pretrained(exported)
    parts = (pipeline.unet, pipeline.adapter, pipeline.vae, pipeline.text_encoder)
    assert not [name for part in parts for name, value in part.named_parameters() if value.data_ptr() % 64]


OTHERS = {
    "decoupled": {"injection": DecoupledKeyValues(scale=0.5)},
    "frozen": {"extractor": UNetFeatures(weights="frozen")},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS)
def test_other_parts_load_in_plain_diffusers_too(name, tmp_path) -> None:
    pipeline = tiny_model(**OTHERS[name]).eval().pipeline()
    pipeline.save_pretrained(tmp_path / "saved")
    assert np.array_equal(filled_in_plain_diffusers(tmp_path / "saved", tmp_path / "again"), filled(pipeline))


def test_a_component_of_another_package_comes_along(tmp_path, monkeypatch) -> None:
    (tmp_path / "elsewhere_parts.py").write_text(
        "from dreaminpainter.selection import CosineDistance\n\n\nclass Backwards(CosineDistance):\n"
        "    def forward(self, features, keys=None):\n        selection = super().forward(features, keys)\n"
        "        selection.indices = selection.indices.flip(1)\n        return selection\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    from elsewhere_parts import Backwards

    pipeline = tiny_model(selector=Backwards(k=3)).eval().pipeline()
    pipeline.save_pretrained(tmp_path / "saved")
    assert np.array_equal(filled_in_plain_diffusers(tmp_path / "saved", tmp_path / "again"), filled(pipeline))


@pytest.fixture(scope="module")
def stock(tmp_path_factory) -> tuple[Path, Path]:
    """Networks of stock classes, and the export of a model that was trained from them."""
    folder = tmp_path_factory.mktemp("stock")
    save_stock_networks(folder / "networks")
    model = tiny_model(backbone=PretrainedBackbone(str(folder / "networks")))
    trainer = quiet_trainer(max_steps=1)
    trainer.fit(model, loader(tiny_batch()))
    trainer.save_checkpoint(folder / "last.ckpt")
    return folder / "last.ckpt", export(str(folder / "last.ckpt"), str(folder / "exported"))


def test_its_networks_load_one_by_one_with_stock_classes(stock) -> None:
    checkpoint, folder = stock
    pipeline = load_pipeline(str(checkpoint))
    for name, kind in {"unet": UNet2DConditionModel, "vae": AutoencoderKL, "text_encoder": CLIPTextModel}.items():
        loaded = kind.from_pretrained(folder / name)
        assert type(loaded) is kind
        expected = getattr(pipeline, name).state_dict()
        assert loaded.state_dict().keys() == expected.keys()
        assert all(torch.equal(value, expected[key]) for key, value in loaded.state_dict().items()), name
    assert type(AutoModel.from_pretrained(str(folder / "unet"))) is UNet2DConditionModel
    texts = ["a critter in a hat", "a zebra"]
    assert AutoTokenizer.from_pretrained(folder / "tokenizer")(texts).input_ids == pipeline.tokenizer(texts).input_ids


def test_an_export_with_stock_networks_loads_in_plain_diffusers(stock, tmp_path) -> None:
    checkpoint, folder = stock
    assert not list((folder / "vae").glob("*.py"))
    assert np.array_equal(filled_in_plain_diffusers(folder, tmp_path / "again"), filled(load_pipeline(str(checkpoint))))


def test_the_card_tells_settings_data_licence_and_use(exported) -> None:
    card = (exported / "README.md").read_text(encoding="utf-8")
    header, body = card.removeprefix("---\n").split("\n---\n", 1)
    assert "license: apache-2.0" in header and "library_name: diffusers" in header
    for told in (
        "| optimizer steps | 2 |",
        "CrittersSource",
        "k: 4",
        "Nothing has been measured",
        "Misuse",
        "Intended use",
    ):
        assert told in body, told


def test_figures_go_into_the_card(run, tmp_path) -> None:
    (tmp_path / "figures.md").write_text("| palette | 31.0 |\n")
    folder = export(run[0], str(tmp_path / "out"), figures=str(tmp_path / "figures.md"))
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "| palette | 31.0 |" in card and "Nothing has been measured" not in card and "license:" not in card
    with pytest.raises(MissingFileError, match=r"nowhere\.md"):
        export(run[0], str(tmp_path / "other"), figures=str(tmp_path / "nowhere.md"))


def test_half_precision_halves_the_size(run, exported, tmp_path) -> None:
    folder = export(run[0], str(tmp_path / "out"), half=True)
    weights = Path("unet", "diffusion_pytorch_model.safetensors")
    assert (folder / weights).stat().st_size < 0.6 * (exported / weights).stat().st_size
    halved = load_file(folder / weights)
    for name, value in load_file(exported / weights).items():
        assert torch.equal(halved[name], value.half()), name


def test_the_model_in_the_box_keeps_its_card(tmp_path) -> None:
    folder = export("critters", str(tmp_path / "out"))
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert card.startswith("---\nlicense: apache-2.0\n") and "cut-and-paste collage" in card


def test_an_earlier_export_is_replaced(run, exported, tmp_path) -> None:
    folder = tmp_path / "out"
    shutil.copytree(exported, folder)
    (folder / "dreaminpainter_00000000.py").write_text("of an older version")
    (folder / "unet" / "config.json").unlink()
    export(run[0], str(folder))
    written = {path.relative_to(folder) for path in folder.rglob("*")}
    assert written == {path.relative_to(exported) for path in exported.rglob("*")}


@pytest.mark.parametrize("kept", ["notes.txt", "unet", "README.md", "model_index.json", ".git"])
def test_a_folder_that_holds_something_else_is_left_alone(kept, run, tmp_path) -> None:
    (tmp_path / kept).write_text("{}")
    with pytest.raises(SettingError, match="neither empty nor an earlier export") as raised:
        export(run[0], str(tmp_path))
    assert str(tmp_path) in str(raised.value)
    assert [path.name for path in tmp_path.iterdir()] == [kept]


def test_an_export_with_something_more_in_it_is_left_alone(run, exported, tmp_path) -> None:
    folder = tmp_path / "out"
    shutil.copytree(exported, folder)
    (folder / "my-notes.txt").write_text("kept")
    with pytest.raises(SettingError, match=r"my-notes\.txt"):
        export(run[0], str(folder))
    assert (folder / "my-notes.txt").read_text() == "kept"


def test_a_divided_checkpoint_is_exported_as_one_in_a_single_file(run, exported, tmp_path) -> None:
    checkpoint = write_folder(run[1], tmp_path / "last.ckpt")
    folder = export(str(checkpoint), str(tmp_path / exported.name), license="apache-2.0")
    assert (folder / "README.md").read_text() == (exported / "README.md").read_text()
    weights, of_the_file = (load_pipeline(str(one)).unet.state_dict() for one in (folder, exported))
    torch.testing.assert_close(weights, of_the_file, rtol=0, atol=0)


def test_a_file_in_place_of_the_folder_is_named(run, tmp_path) -> None:
    (tmp_path / "out").write_text("a text")
    with pytest.raises(InputError, match="is a file, and an export is a folder"):
        export(run[0], str(tmp_path / "out"))
    assert (tmp_path / "out").read_text() == "a text"


@pytest.mark.parametrize("earlier", [False, True])
@pytest.mark.parametrize("at", ["unet", "save_config", "card"])
def test_a_stopped_export_leaves_nothing_that_looks_complete(at, earlier, run, exported, tmp_path, monkeypatch) -> None:
    folder = tmp_path / "out"
    if earlier:
        shutil.copytree(exported, folder)
    before = {path.relative_to(folder): path.stat().st_mtime_ns for path in folder.rglob("*")}

    def stop(*_, **__):
        raise KeyboardInterrupt

    places = {
        "unet": "dreaminpainter.unet.SubjectUNet.save_pretrained",
        "save_config": "dreaminpainter.saving.carry_code",
        "card": "pathlib.Path.write_text",
    }
    monkeypatch.setattr(places[at], stop)
    with pytest.raises(KeyboardInterrupt):
        export(run[0], str(folder))
    monkeypatch.undo()
    assert {path.relative_to(folder): path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def changed(exported: Path, folder: Path, **entries) -> Path:
    shutil.copytree(exported, folder)
    index = json.loads((folder / "model_index.json").read_text())
    (folder / "model_index.json").write_text(json.dumps(index | entries))
    return folder


def test_an_export_of_a_newer_version_is_refused_with_both_versions(exported, tmp_path) -> None:
    folder = changed(exported, tmp_path / "newer", _dreaminpainter_version="99.1")
    for load in (DreamInpainterPipeline.from_pretrained, load_pipeline):
        with pytest.raises(InputError) as raised:
            load(str(folder))
        assert all(told in str(raised.value) for told in (str(folder), "99.1", __version__, "pip install --upgrade"))
    older = changed(exported, tmp_path / "older", _dreaminpainter_version="0.0.1")
    assert DreamInpainterPipeline.from_pretrained(older)


def test_a_transformers_that_would_leave_out_weights_is_refused_by_package_and_export(exported) -> None:
    with pytest.raises(ImportError, match=r"5\.5\.4 would read .* without its weights\. Install 5\.6 or newer"):
        check_transformers("5.5.4")
    (code,) = exported.glob("dreaminpainter_*.py")
    assert '\ncheck_transformers(version("transformers"))\n' in code.read_text(), "it is asked as the code is imported"


@pytest.mark.parametrize("name", ["StableDiffusionInpaintPipeline", ["pipeline", "SomebodysPipeline"], [], None])
def test_another_pipeline_s_folder_is_named(name, exported, tmp_path) -> None:
    folder = changed(exported, tmp_path / "other", _class_name=name)
    with pytest.raises(InputError, match=r"other holds a .*, no DreamInpainterPipeline"):
        DreamInpainterPipeline.from_pretrained(folder)


def test_folders_and_files_that_are_no_export_are_named(exported, tmp_path) -> None:
    with pytest.raises(MissingFileError, match=r"no model_index\.json"):
        DreamInpainterPipeline.from_pretrained(tmp_path)
    (tmp_path / "model_index.json").write_text('{"_class_name": ')
    with pytest.raises(InputError, match=r"model_index\.json cannot be read"):
        DreamInpainterPipeline.from_pretrained(tmp_path)
    with pytest.raises(InputError, match=r"model_index\.json is a file, and a saved pipeline is a folder"):
        DreamInpainterPipeline.from_pretrained(exported / "model_index.json")


def test_code_in_the_folder_is_never_run_by_the_package(exported, tmp_path) -> None:
    folder = tmp_path / "hostile"
    shutil.copytree(exported, folder)
    for path in folder.rglob("*.py"):
        path.write_text("raise SystemExit('run')")
    assert DreamInpainterPipeline.from_pretrained(folder, trust_remote_code=True)
