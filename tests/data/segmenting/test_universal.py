from pathlib import Path

import pytest
import torch
from tiny_blip import save_blip
from tiny_segmenters import save_mask2former, save_maskformer, save_oneformer
from torch import Tensor
from transformers import AutoImageProcessor, AutoModelForUniversalSegmentation

from dreaminpainter.components import describe, make
from dreaminpainter.data.segmenting import Segment, Segmenter, UniversalSegmenter
from dreaminpainter.errors import MissingFileError, SettingError
from dreaminpainter.pictures import open_scene, to_tensor

SAVE = {"mask2former": save_mask2former, "maskformer": save_maskformer, "oneformer": save_oneformer}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A folder of each family."""
    return {name: save(tmp_path_factory.mktemp(name)) for name, save in SAVE.items()}


@pytest.fixture(scope="module")
def photograph(test_data: Path) -> Tensor:
    """(3, 150, 100) uint8 of a real dog."""
    path = sorted((test_data / "dreambooth" / "dataset" / "dog").glob("*.jpg"))[0]
    return to_tensor(open_scene(path, []).resize((100, 150)))


def noise(height: int, width: int, seed: int = 0) -> Tensor:
    return torch.randint(0, 256, (3, height, width), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


def same(one: Segment, other: Segment) -> bool:
    return one.class_name == other.class_name and one.score == other.score and torch.equal(one.mask, other.mask)


@pytest.mark.parametrize("family", SAVE)
def test_masks_have_the_size_of_the_picture_though_the_network_resizes_it(
    models: dict[str, str], family: str, photograph: Tensor
) -> None:
    segmenter = UniversalSegmenter(models[family], threshold=0.3)
    (found,) = segmenter([photograph])
    assert found
    for one in found:
        assert one.mask.shape == (1, 150, 100) and one.mask.dtype == torch.bool
        assert one.class_name in segmenter.class_names()
        assert 0.3 <= one.score <= 1
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)


@pytest.mark.parametrize("family", SAVE)
def test_neighbours_of_other_sizes_change_nothing(models: dict[str, str], family: str) -> None:
    segmenter = UniversalSegmenter(models[family], threshold=0.1)
    images = [noise(40, 60), noise(90, 30), noise(20, 3), noise(1, 1)]
    together = segmenter(images)
    assert together[0]
    for image, found in zip(images, together, strict=True):
        (alone,) = segmenter([image])
        assert len(alone) == len(found)
        assert all(map(same, alone, found))


@pytest.mark.parametrize("family", SAVE)
def test_a_higher_threshold_keeps_fewer_of_the_same(models: dict[str, str], family: str) -> None:
    image = noise(50, 70)
    (low,) = UniversalSegmenter(models[family], threshold=0.1)([image])
    middle = (low[0].score + low[-1].score) / 2
    (high,) = UniversalSegmenter(models[family], threshold=middle)([image])
    assert 0 < len(high) < len(low)
    assert all(map(same, high, low))


def by_transformers(model: str, image: Tensor, threshold: float) -> list[Segment]:
    processor = AutoImageProcessor.from_pretrained(model)
    network = AutoModelForUniversalSegmentation.from_pretrained(model)
    with torch.no_grad():
        outputs = network(**processor(images=[image], return_tensors="pt"))
    (answer,) = processor.post_process_instance_segmentation(
        outputs, threshold=threshold, target_sizes=[tuple(image.shape[1:])], return_binary_maps=True
    )
    return [
        Segment(mask[None].bool(), network.config.id2label[told["label_id"]], told["score"])
        for mask, told in zip(answer["segmentation"], answer["segments_info"], strict=True)
    ]


def test_it_agrees_with_transformers_own_post_processing_where_that_resizes_nothing(tmp_path: Path) -> None:
    model = save_mask2former(tmp_path, size={"height": 384, "width": 384})
    image = noise(384, 384)
    (found,) = UniversalSegmenter(model, threshold=0.3)([image])
    expected = sorted(by_transformers(model, image, 0.3), key=lambda one: -one.score)
    assert len(found) == len(expected) > 1
    for one, other in zip(found, expected, strict=True):
        assert torch.equal(one.mask, other.mask)
        assert one.class_name == other.class_name
        assert one.score == pytest.approx(other.score, abs=1e-5)


@pytest.mark.parametrize("family", ["mask2former", "maskformer"])
def test_masks_lie_where_transformers_has_them_but_are_smoother(
    models: dict[str, str], family: str, photograph: Tensor
) -> None:
    (found,) = UniversalSegmenter(models[family], threshold=0.5)([photograph])
    expected = by_transformers(models[family], photograph, 0.3)  # scores differ a little, too
    for one in found:
        overlap = max(float((one.mask & other.mask).sum() / (one.mask | other.mask).sum()) for other in expected)
        assert overlap > 0.85


def test_oneformer_leaves_out_what_is_no_thing(tmp_path: Path) -> None:
    grass = UniversalSegmenter(save_oneformer(tmp_path / "grass", favourite="grass"))
    assert grass.class_names() == ["dog", "hat"]
    assert grass([noise(40, 60)]) == [[]]
    (found,) = UniversalSegmenter(save_oneformer(tmp_path / "hat", favourite="hat"))([noise(40, 60)])
    assert {one.class_name for one in found} == {"hat"}
    # Mask2Former's processor does not tell, so all is kept.
    (found,) = UniversalSegmenter(save_mask2former(tmp_path / "all", favourite="grass"))([noise(40, 60)])
    assert {one.class_name for one in found} == {"grass"}


def test_half_precision_finds_about_the_same(models: dict[str, str]) -> None:
    image = noise(64, 64)
    (exact,) = UniversalSegmenter(models["mask2former"], threshold=0.1)([image])
    (rough,) = UniversalSegmenter(models["mask2former"], threshold=0.1, dtype="bfloat16")([image])
    assert rough
    assert rough[0].score == pytest.approx(exact[0].score, abs=0.1)


def test_classes_are_known_without_weights(tmp_path: Path) -> None:
    model = save_mask2former(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    assert UniversalSegmenter(model).class_names() == ["dog", "hat", "grass"]


def test_weights_that_are_missing_or_no_safetensors_are_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"nowhere.*safetensors"):
        UniversalSegmenter(str(tmp_path / "nowhere"))([noise(4, 4)])
    model = save_mask2former(tmp_path)
    torch.save({}, tmp_path / "pytorch_model.bin")
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(MissingFileError, match="safetensors"):
        UniversalSegmenter(model)([noise(4, 4)])


def test_a_network_of_another_kind_is_refused_with_the_kinds_that_work(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"is a blip; give .* mask2former, maskformer, oneformer"):
        UniversalSegmenter(save_blip(tmp_path))([noise(4, 4)])


def test_it_can_be_described() -> None:
    segmenter = UniversalSegmenter("a/b", 0.25, "bfloat16")
    assert describe(make(describe(segmenter), Segmenter)) == describe(segmenter)
