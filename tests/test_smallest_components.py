"""A component from elsewhere that does no more than the seam asks of it fits, is saved, and is sampled from."""

from pathlib import Path

import pytest
import torch
from diffusers import UNet2DConditionModel
from tiny import tiny_backbone, tiny_batch, tiny_model, train_a_step

from dreaminpainter.backbones import Backbone
from dreaminpainter.components import describe
from dreaminpainter.data.captioning import Captioner
from dreaminpainter.data.sources import Instance, SegmentationSource
from dreaminpainter.errors import SettingError
from dreaminpainter.features import FeatureExtractor
from dreaminpainter.input_forms import InputForm
from dreaminpainter.parts import Parts
from dreaminpainter.regularization import Regularizer
from dreaminpainter.types import Reference, TokenFeatures, TrainingPlan


class PixelFeatures(FeatureExtractor):
    """The reference's own pixels, on an 8 x 8 grid."""

    def forward(self, reference, unet):
        pooled = torch.nn.functional.adaptive_avg_pool2d(reference.pixels, 8)
        return TokenFeatures(pooled.flatten(2).transpose(1, 2), (8, 8))


class HoleOnly(Regularizer):
    def forward(self, batch, step):
        rows = torch.arange(len(batch))
        return TrainingPlan(rows, batch.mask, batch.mask, batch.caption, torch.ones(len(batch)))


class StockNetworks(Backbone):
    def __init__(self) -> None:
        super().__init__()

    def parts(self):
        tiny = tiny_backbone().parts()
        return Parts(tiny.vae, UNet2DConditionModel.from_config(tiny.unet.config), *list(vars(tiny).values())[2:])


class WideForm(InputForm):
    def channels(self, latent_channels):
        return latent_channels + 2

    def compose(self, noisy, mask, context):
        return torch.cat([noisy, mask, mask], dim=1)


def test_an_extractor_is_a_forward_and_a_plan_five_fields():
    model = tiny_model(extractor=PixelFeatures(), regularizer=HoleOnly())
    train_a_step(model, tiny_batch())
    assert model.network.adapter.config.token_width == 3
    assert model.fill(tiny_batch(), num_inference_steps=1).isfinite().all()


def test_a_backbone_may_bring_a_stock_unet():
    model = tiny_model(backbone=StockNetworks())
    train_a_step(model, tiny_batch())
    assert model.network.unet.conv_in.in_channels == 49


def test_a_form_that_no_reference_could_be_read_in_is_refused_at_once():
    with pytest.raises(SettingError, match="WideForm gives 50 channels"):
        tiny_model(input_form=WideForm())


def test_a_reference_reads_the_empty_text_by_default():
    assert Reference(torch.zeros(2, 3, 8, 8), torch.ones(2, 1, 8, 8)).text == ["", ""]


def test_a_captioner_gets_pictures_and_instances_alone():
    class Shouting(Captioner):
        def forward(self, images, instances):
            return [instance.class_name.upper() for instance in instances]

    instance = Instance(torch.zeros(3, 4, 4), torch.ones(1, 4, 4), "dog", (0, 0, 4, 4), [], "mine", "1")
    assert Shouting()([instance.image], [instance]) == ["DOG"]


def test_a_source_is_a_length_and_an_item_and_its_paths_can_be_described(tmp_path):
    class Folder(SegmentationSource):
        name = "folder"

        def __init__(self, root: Path) -> None:
            self.root = root

        def __len__(self):
            return 1

        def __getitem__(self, index):
            return Instance(torch.zeros(3, 4, 4), torch.ones(1, 4, 4), "dog", (0, 0, 4, 4), [], self.name, "seven")

    source = Folder(tmp_path)
    assert source.id_of(0) == "seven"
    assert describe(source)["init_args"] == {"root": str(tmp_path)}


def test_what_cannot_be_written_down_is_refused():
    class Odd(PixelFeatures):
        def __init__(self, table: object) -> None:
            super().__init__()
            self.table = table

    with pytest.raises(SettingError, match="cannot be written down"):
        describe(Odd({1, 2}))


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"image_size": (36, 32)}, "36 pixels is not divisible by 8"),
        ({"reference_size": 60}, "60 pixels is not divisible by 8"),
        ({"text_dropout": 10}, "text_dropout is 10"),
        ({"detail_weight": 0.5}, "detail_weight is 0.5"),
        ({"detail_weight": float("nan")}, "detail_weight is nan"),
    ],
)
def test_settings_are_refused_before_training(settings, complaint):
    with pytest.raises(SettingError, match=complaint):
        tiny_model(**settings)
