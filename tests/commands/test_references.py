import numpy as np
import pytest
from PIL import Image

from dreaminpainter.commands.references import cut_reference
from dreaminpainter.data.segmenting import Segment, Segmenter
from dreaminpainter.errors import InputError, SettingError


class Bright(Segmenter):
    """Finds the bright part of a picture, by brightness alone."""

    def class_names(self):
        return ["lamp"]

    def read(self):
        import torch

        return torch.nn.Identity()

    def segment(self, network, images):
        masks = (images.float().mean(1, keepdim=True) > 200).unbind()
        return [[Segment(mask, "lamp", 0.9)] for mask in masks]


def lamp() -> Image.Image:
    picture = np.zeros((40, 60, 3), np.uint8)
    picture[10:20, 30:50] = 255
    return Image.fromarray(picture)


def test_a_box_shows_the_subject_alone() -> None:
    part, mask = cut_reference(lamp(), None, (30, 10, 50, 20), None, "lamp.png")
    assert part.size == (20, 10) and mask is None and np.asarray(part).min() == 255
    _, mask = cut_reference(lamp(), Image.new("L", (60, 40), 255), (30, 10, 50, 20), None, "lamp.png")
    assert mask is not None and mask.size == (20, 10)


def test_a_segmenter_finds_the_subject_where_nothing_else_tells() -> None:
    part, mask = cut_reference(lamp(), None, None, Bright(), "lamp.png")
    assert mask is not None and np.array_equal(np.asarray(mask), np.asarray(lamp())[..., 0])
    given = Image.new("L", (60, 40), 255)
    assert cut_reference(lamp(), given, None, Bright(), "lamp.png")[1] is given
    part, mask = cut_reference(lamp(), None, (20, 0, 60, 40), Bright(), "lamp.png")
    assert part.size == (40, 40) and mask is not None and mask.getbbox() == (10, 10, 30, 20)


def test_nothing_found_and_boxes_outside_are_errors_with_the_fix() -> None:
    with pytest.raises(InputError, match=r"finds nothing in dark\.png.*reference_box"):
        cut_reference(Image.new("RGB", (60, 40)), None, None, Bright(), "dark.png")
    for box in ((0, 0, 61, 40), (20, 0, 10, 40), (-1, 0, 10, 10)):
        with pytest.raises(SettingError, match="60 x 40"):
            cut_reference(lamp(), None, box, None, "lamp.png")
