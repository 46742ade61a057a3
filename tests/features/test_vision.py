import pytest
import torch
from tiny import randn, tiny_batch, tiny_model, train_a_step
from transformers import (
    CLIPConfig,
    CLIPModel,
    CLIPTextConfig,
    CLIPVisionConfig,
    CLIPVisionModel,
    Dinov2Config,
    Dinov2Model,
    Dinov2WithRegistersConfig,
    Dinov2WithRegistersModel,
    ViTConfig,
    ViTModel,
)

from dreaminpainter import DreamInpainterPipeline
from dreaminpainter.errors import MissingFileError, SettingError
from dreaminpainter.features import CLIPFeatures, DINOFeatures
from dreaminpainter.selection import AllTokens, AttentionRollout, CosineDistance
from dreaminpainter.types import Reference

SMALL = {
    "hidden_size": 24,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "image_size": 32,
    "patch_size": 8,
}


def clip_folder(folder):
    torch.manual_seed(0)
    CLIPVisionModel(CLIPVisionConfig(**SMALL)).save_pretrained(folder)
    return CLIPFeatures, str(folder)


def whole_clip_folder(folder):
    torch.manual_seed(0)
    text = CLIPTextConfig(
        hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=1, vocab_size=60
    )
    CLIPModel(CLIPConfig(text_config=text.to_dict(), vision_config=SMALL)).save_pretrained(folder)
    return CLIPFeatures, str(folder)


def dino_folder(folder):
    torch.manual_seed(0)
    ViTModel(ViTConfig(**SMALL)).save_pretrained(folder)
    return DINOFeatures, str(folder)


def dinov2_folder(folder):
    torch.manual_seed(0)
    small = {name: value for name, value in SMALL.items() if name != "intermediate_size"}
    Dinov2Model(Dinov2Config(**small)).save_pretrained(folder)
    return DINOFeatures, str(folder)


@pytest.fixture(params=[clip_folder, whole_clip_folder, dino_folder, dinov2_folder])
def kind_and_folder(request, tmp_path):
    return request.param(tmp_path / "encoder")


def reference() -> Reference:
    mask = torch.zeros(2, 1, 64, 64)
    mask[:, :, 17, 33] = 1
    return Reference(randn(2, 3, 64, 64).clamp(-1, 1), mask, ["", ""])


def test_all_patches_come_behind_the_class_token(kind_and_folder):
    kind, folder = kind_and_folder
    extractor = kind(folder)
    features = extractor(reference(), None)
    assert features.tokens.shape == (2, 17, 24) and features.grid == (4, 4) and features.has_class_token
    assert extractor.token_width(None) == 24
    assert features.attentions is None
    assert not features.tokens.requires_grad
    # The pixel (17, 33) of 64 lies in the cell (1, 2) of 4; the class token is ahead and never valid.
    assert features.valid[0].nonzero().flatten().tolist() == [1 + 1 * 4 + 2]


def test_the_image_level_token_is_the_class_token_alone(kind_and_folder):
    kind, folder = kind_and_folder
    features = kind(folder, image_level=True)(reference(), None)
    assert features.tokens.shape == (2, 1, 24) and features.grid == (1, 1) and not features.has_class_token
    torch.testing.assert_close(features.tokens, kind(folder)(reference(), None).tokens[:, :1])


def test_attentions_of_every_layer_come_when_asked_for(kind_and_folder):
    kind, folder = kind_and_folder
    extractor = kind(folder)
    extractor.record_attentions = True
    features = extractor(reference(), None)
    assert features.attentions.shape == (2, 3, 17, 17)
    torch.testing.assert_close(features.attentions.sum(-1), torch.ones(2, 3, 17))
    torch.testing.assert_close(features.tokens, kind(folder)(reference(), None).tokens, rtol=1e-4, atol=1e-5)


def test_pixels_are_resized_and_normalised_as_the_encoder_was_trained(tmp_path):
    _, folder = clip_folder(tmp_path)
    seen = []
    extractor = CLIPFeatures(folder)
    extractor._holder[0].register_forward_pre_hook(lambda m, a, k: seen.append(k["pixel_values"]), with_kwargs=True)
    white, black = torch.ones(1, 3, 64, 64), -torch.ones(1, 3, 64, 64)
    extractor(Reference(torch.cat([white, black]), torch.ones(2, 1, 64, 64), ["", ""]), None)
    mean, std = torch.tensor(CLIPFeatures.mean), torch.tensor(CLIPFeatures.std)
    assert seen[0].shape == (2, 3, 32, 32)
    torch.testing.assert_close(seen[0][0].mean((1, 2)), (1 - mean) / std)
    torch.testing.assert_close(seen[0][1].mean((1, 2)), -mean / std)


def test_the_encoders_weights_are_named_not_kept(kind_and_folder):
    kind, folder = kind_and_folder
    model = tiny_model(extractor=kind(folder), selector=CosineDistance(k=5))
    train_a_step(model)
    assert not [name for name in model.state_dict() if name.startswith("network.extractor")]
    assert not any(value.requires_grad for value in model.network.extractor._holder[0].parameters())
    assert model.network.adapter.config.extractor["init_args"]["encoder"] == folder


@pytest.mark.parametrize("selector", [AttentionRollout(k=5), CosineDistance(k=5)])
def test_patch_tokens_train_and_sample_with_the_selectors(selector, tmp_path):
    kind, folder = clip_folder(tmp_path)
    model = tiny_model(extractor=kind(folder), selector=selector)
    assert train_a_step(model).isfinite()
    batch = tiny_batch()
    subject = model.network.read(model._encoded(batch.reference))
    assert subject.tokens.shape == (2, 5, 32) and subject.selection.indices.min() >= 1
    assert model.fill(batch, num_inference_steps=1).shape == (2, 3, 32, 32)


def test_an_image_level_model_survives_saving_and_loading(tmp_path):
    kind, folder = clip_folder(tmp_path / "encoder")
    model = tiny_model(extractor=kind(folder, image_level=True), selector=AllTokens())
    model.pipeline().save_pretrained(tmp_path / "saved")
    again = DreamInpainterPipeline.from_pretrained(tmp_path / "saved")
    given = model._encoded(tiny_batch().reference)
    torch.testing.assert_close(again.network.read(given).tokens, model.network.read(given).tokens, rtol=0, atol=0)


@pytest.mark.parametrize("kind", [CLIPFeatures, DINOFeatures])
def test_an_encoder_that_is_not_there_is_named_with_the_fix(kind, tmp_path):
    missing = str(tmp_path / "nothing-here")
    with pytest.raises(MissingFileError, match=r"nothing-here.*HF_HOME"):
        kind(missing).token_width(None)
    with pytest.raises(MissingFileError, match="nothing-here"):
        kind(missing)(reference(), None)


def test_register_tokens_are_refused(tmp_path):
    small = {name: value for name, value in SMALL.items() if name != "intermediate_size"}
    Dinov2WithRegistersModel(Dinov2WithRegistersConfig(**small)).save_pretrained(tmp_path)
    with pytest.raises(SettingError, match="register tokens"):
        DINOFeatures(str(tmp_path))(reference(), None)
