import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from torchvision.models.detection import maskrcnn_resnet50_fpn_v2

from dreaminpainter.components import describe, make
from dreaminpainter.data.segmenting import MaskRcnnSegmenter, Segmenter
from dreaminpainter.errors import InputError, MissingFileError, SettingError

DOG = 18
"""Its label among COCO's 91."""


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    """Weights of the real network, at random; whatever it looks at is a dog."""
    torch.manual_seed(0)
    network = maskrcnn_resnet50_fpn_v2(weights=None, weights_backbone=None)
    torch.nn.init.constant_(network.roi_heads.box_predictor.cls_score.bias[DOG : DOG + 1].detach(), 9.0)
    return network.state_dict()


@pytest.fixture(scope="module")
def weights(state: dict[str, Tensor], tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("weights") / "mask_rcnn.safetensors"
    save_file(state, path)
    return str(path)


def noise(height: int, width: int) -> Tensor:
    return torch.randint(0, 256, (3, height, width), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


def test_masks_have_the_size_of_the_picture_and_the_best_comes_first(weights: str) -> None:
    segmenter = MaskRcnnSegmenter(weights, threshold=0.1, min_size=16)
    wide, tall = segmenter([noise(40, 70), noise(30, 21)])
    for found, size in ((wide, (1, 40, 70)), (tall, (1, 30, 21))):
        assert found
        assert {one.mask.shape for one in found} == {size}
        assert {one.mask.dtype for one in found} == {torch.bool}
        scores = [one.score for one in found]
        assert scores == sorted(scores, reverse=True) and scores[-1] >= 0.1
        assert {one.class_name for one in found} == {"dog"}


def test_a_higher_threshold_keeps_fewer_of_the_same(weights: str) -> None:
    (low,) = MaskRcnnSegmenter(weights, threshold=0.1, min_size=16)([noise(40, 70)])
    middle = (low[0].score + low[-1].score) / 2
    (high,) = MaskRcnnSegmenter(weights, threshold=middle, min_size=16)([noise(40, 70)])
    assert 0 < len(high) < len(low)
    for one, other in zip(high, low, strict=False):
        assert one.score == other.score and torch.equal(one.mask, other.mask)


def test_all_ways_to_give_weights_read_the_same(
    weights: str, state: dict[str, Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    # Where torchvision puts what it downloads.
    published = tmp_path / "hub" / "checkpoints" / "maskrcnn_resnet50_fpn_v2_coco-73cbd019.pth"
    published.parent.mkdir(parents=True)
    torch.save(state, published)
    for given in (weights, str(published), None):
        found = MaskRcnnSegmenter(given).read().state_dict()
        assert found.keys() == state.keys()
        assert all(torch.equal(found[name], state[name]) for name in state)


def test_its_classes_are_cocos_eighty() -> None:
    names = MaskRcnnSegmenter().class_names()
    assert len(names) == len(set(names)) == 80
    assert {"person", "dog", "toothbrush"} <= set(names) and "N/A" not in names


def test_weights_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    image = noise(8, 8)
    missing, broken, other = (tmp_path / name for name in ("no.safetensors", "broken.safetensors", "other.safetensors"))
    with pytest.raises(MissingFileError, match=re.escape(str(missing))):
        MaskRcnnSegmenter(str(missing))([image])
    for path in (broken, tmp_path / "broken.pth", tmp_path / "empty.pth"):
        path.write_bytes(b"" if path.stem == "empty" else b"no weights")
        with pytest.raises(InputError, match=re.escape(str(path))):
            MaskRcnnSegmenter(str(path))([image])
    save_file({"weight": torch.zeros(2)}, other)
    with pytest.raises(InputError, match=r"other\.safetensors holds weights of another network"):
        MaskRcnnSegmenter(str(other))([image])


def test_a_pickle_that_would_run_code_is_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "code.pth"
    torch.save({"weight": Path("x")}, path)
    with pytest.raises(InputError, match=r"code\.pth cannot be read as weights"):
        MaskRcnnSegmenter(str(path))([noise(8, 8)])


def test_a_size_below_one_pixel_is_refused() -> None:
    with pytest.raises(SettingError, match="min_size is 0"):
        MaskRcnnSegmenter(min_size=0)


def test_it_can_be_described() -> None:
    segmenter = MaskRcnnSegmenter("a.pth", 0.25, 400)
    assert describe(make(describe(segmenter), Segmenter)) == describe(segmenter)
