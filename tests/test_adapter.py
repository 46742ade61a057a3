import json

import pytest
import torch
from safetensors.torch import load_file
from tiny import randn, tiny_model, tiny_unet

from dreaminpainter.adapter import SubjectAdapter
from dreaminpainter.components import make
from dreaminpainter.errors import SettingError
from dreaminpainter.features import UNetFeatures
from dreaminpainter.injection import AllBlocks, DecoupledKeyValues, UpBlocks
from dreaminpainter.input_forms import Composite, NineChannel
from dreaminpainter.selection import AttentionRollout, CosineDistance, TokenSelector

CHOICES = [
    (UNetFeatures(), CosineDistance(k=7), UpBlocks(), Composite(blank_hole=True)),
    (UNetFeatures(block=2, timestep=3, weights="stopped"), AttentionRollout(k=2), AllBlocks(), NineChannel()),
    (UNetFeatures(weights="frozen"), CosineDistance(subject_only=True), DecoupledKeyValues(scale=0.4), Composite()),
]


@pytest.mark.parametrize("parts", CHOICES, ids=["up", "all", "decoupled-frozen"])
def test_an_adapter_comes_back_as_it_was_saved(parts, tmp_path):
    adapter = SubjectAdapter.around(tiny_unet(), *parts, image_size=(48, 32), reference_size=64, reference_dropout=0.05)
    adapter.save_pretrained(tmp_path)
    again = SubjectAdapter.from_pretrained(tmp_path)

    assert again.state_dict().keys() == adapter.state_dict().keys()
    for name, value in adapter.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], value, rtol=0, atol=0)
    for name in ("extractor", "selector", "injection", "input_form", "token_width", "text_width", "reference_dropout"):
        assert again.config[name] == adapter.config[name], name
    assert list(again.config.image_size) == [48, 32]
    tokens = randn(2, 7, 32)
    torch.testing.assert_close(again(tokens), adapter(tokens), rtol=0, atol=0)


def test_components_stand_in_the_config_as_class_and_arguments(tmp_path):
    SubjectAdapter.around(tiny_unet(), *CHOICES[0]).save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["selector"] == {
        "class_path": "dreaminpainter.selection.cosine.CosineDistance",
        "init_args": {"k": 7, "subject_only": False},
    }
    assert make(config["selector"], TokenSelector).k == 7
    weights = load_file(tmp_path / "diffusion_pytorch_model.safetensors")
    assert set(weights) == {"projector.0.weight", "projector.0.bias", "projector.1.weight", "projector.1.bias"}


def test_putting_an_adapter_on_a_unet_leaves_its_weights_alone():
    unet, untouched = tiny_unet(), tiny_unet()
    SubjectAdapter.around(unet, *CHOICES[2])
    for name, value in untouched.state_dict().items():
        assert torch.equal(unet.state_dict()[name], value)


def test_projected_tokens_have_the_texts_width_and_the_layer_norms_scale():
    projected = tiny_model().network.adapter(randn(2, 5, 64) * 100)
    assert projected.shape == (2, 5, 32)
    torch.testing.assert_close(projected.mean(-1), torch.zeros(2, 5), rtol=0, atol=1e-5)
    torch.testing.assert_close(projected.var(-1, unbiased=False), torch.ones(2, 5), rtol=0, atol=1e-3)


def test_a_config_that_names_something_else_than_a_component_is_refused():
    config = SubjectAdapter.around(tiny_unet(), *CHOICES[0]).config
    arguments = {name: value for name, value in config.items() if not name.startswith("_")}
    arguments["injection"] = {"class_path": "subprocess.Popen", "init_args": {"args": "true"}}
    with pytest.raises(SettingError, match=r"subprocess\.Popen"):
        SubjectAdapter(**arguments)
