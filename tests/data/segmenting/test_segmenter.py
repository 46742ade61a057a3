"""What holds for every segmenter, whatever its network."""

import pickle

import pytest
import torch
from torch import Tensor, nn

from dreaminpainter.components import describe, make
from dreaminpainter.data.segmenting import Segment, Segmenter
from dreaminpainter.errors import SettingError


class BrightSegmenter(Segmenter):
    """Finds, per channel, the pixels that are brighter than a weight of its network."""

    def __init__(self, threshold: float = 0.5) -> None:
        super().__init__(threshold)
        self.seen: list[tuple[int, ...]] = []

    def class_names(self) -> list[str]:
        return ["red", "green", "blue"]

    def read(self) -> nn.Module:
        network = nn.Linear(1, 1)
        nn.init.constant_(network.weight, 200.0)
        return network

    def segment(self, network: nn.Module, images: Tensor) -> list[list[Segment]]:
        assert not network.training and not network.weight.requires_grad
        self.seen.append(tuple(images.shape))
        masks = images > network.weight
        return [
            [
                Segment(mask[place, None], name, float(mask[place].float().mean()))
                for place, name in enumerate(self.class_names())
            ]
            for mask in masks
        ]


def picture(height: int, width: int, **stripes: int) -> Tensor:
    """Black, with as many full columns of each colour from the left."""
    image = torch.zeros(3, height, width, dtype=torch.uint8)
    for channel, name in enumerate(["red", "green", "blue"]):
        image[channel, :, : stripes.get(name, 0)] = 255
    return image


def test_every_picture_gets_its_own_objects_whatever_its_neighbours() -> None:
    segmenter = BrightSegmenter()
    images = [picture(4, 6, red=1), picture(3, 5, green=2), picture(4, 6, blue=3), picture(6, 4, red=4)]
    found = segmenter(images)
    assert [[one.class_name for one in each] for each in found] == [["red"], ["green"], ["blue"], ["red"]]
    assert [each[0].mask.shape for each in found] == [(1, 4, 6), (1, 3, 5), (1, 4, 6), (1, 6, 4)]
    assert [int(each[0].mask.sum()) for each in found] == [4, 6, 12, 24]
    assert segmenter.seen == [(2, 3, 4, 6), (1, 3, 3, 5), (1, 3, 6, 4)], "only pictures of one size share a batch"


def test_objects_come_with_the_highest_score_first_and_ties_keep_their_order() -> None:
    (found,) = BrightSegmenter()([picture(2, 9, red=2, green=5, blue=2)])
    assert [one.class_name for one in found] == ["green", "red", "blue"]


def test_empty_masks_are_no_objects() -> None:
    assert BrightSegmenter()([picture(2, 2), picture(2, 2, red=1)])[0] == []
    assert BrightSegmenter()([]) == []


def test_the_network_is_read_when_needed_and_given_back() -> None:
    segmenter = BrightSegmenter()
    assert not list(segmenter.parameters())
    segmenter([picture(2, 2)])
    assert len(list(segmenter.parameters())) == 2
    segmenter.release()
    assert not list(segmenter.parameters())
    assert not list(pickle.loads(pickle.dumps(segmenter)).parameters())  # noqa: S301
    assert segmenter([picture(2, 2, red=1)])[0][0].class_name == "red"


@pytest.mark.parametrize("threshold", [-0.1, 1.1])
def test_a_threshold_that_is_no_share_is_refused(threshold: float) -> None:
    with pytest.raises(SettingError, match=f"threshold is {threshold}"):
        BrightSegmenter(threshold)


def test_it_can_be_described() -> None:
    assert describe(make(describe(BrightSegmenter(0.3)), Segmenter))["init_args"] == {"threshold": 0.3}
