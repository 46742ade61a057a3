import pytest
import torch
from torch import Tensor

from dreaminpainter.components import describe, make
from dreaminpainter.cutout import cut_out
from dreaminpainter.data.references import BlurredScene, Colour, ReferenceBackground, White
from dreaminpainter.errors import SettingError

KEY = torch.tensor([3])


def scene(height: int, width: int, scale: int = 1) -> tuple[Tensor, Tensor]:
    """A red subject before stripes of green and blue."""
    image = torch.zeros(3, height, width, dtype=torch.uint8)
    image[1, :, : width // 2] = 200
    image[2, :, width // 2 :] = 200
    mask = torch.zeros(1, height, width, dtype=torch.bool)
    mask[:, height // 4 : height // 2, width // 4 : width // 2 + width // 8] = True
    image[:, mask[0]] = torch.tensor([[255], [0], [0]], dtype=torch.uint8)
    up = (1, scale, scale)
    return torch.kron(image, torch.ones(up, dtype=torch.uint8)), torch.kron(mask, torch.ones(up)).bool()


def test_white_is_what_references_are_cut_out_on_anyway() -> None:
    image, mask = scene(48, 64)
    assert White()(image, mask, KEY) is None
    white = Colour([255, 255, 255])(image, mask, KEY)
    assert torch.equal(cut_out(image, mask, 40)[0], cut_out(image, mask, 40, background=white)[0])


def test_a_colour_is_all_around_the_subject() -> None:
    image, mask = scene(48, 64)
    pixels, subject = cut_out(image, mask, 66, background=Colour([10, 200, 30])(image, mask, KEY))
    around = pixels[:, torch.nn.functional.max_pool2d(subject, 5, 1, 2)[0] == 0]
    assert torch.allclose((around + 1) * 127.5, torch.tensor([10.0, 200.0, 30.0])[:, None], atol=1e-3)


def test_a_blurred_scene_shows_the_scene_and_nothing_of_the_subject() -> None:
    image, mask = scene(60, 80)
    background = BlurredScene(0.05)(image, mask, KEY)
    assert background is not None and background.shape == image.shape
    red, green, blue = background.int()
    assert red.max() == 0
    assert (green + blue - 200).abs().max() <= 1
    assert green[:, :20].min() > 195 and blue[:, -20:].min() > 195
    assert (green[:, 1:] <= green[:, :-1]).all(), "from green to blue, without a shadow"


def test_a_blurred_scene_is_as_sharp_as_asked_for_whatever_the_size_of_the_picture() -> None:
    for scale in (1, 4):
        image, mask = scene(60, 80, scale)
        for sigma in (0.02, 0.1):
            background = BlurredScene(sigma)(image, mask, KEY)
            assert background is not None
            edge = -background[1, -1].float().diff()  # a Gaussian, where an edge was blurred by one
            place = torch.arange(len(edge), dtype=torch.float32)
            middle = (edge * place).sum() / edge.sum()
            deviation = ((edge * (place - middle) ** 2).sum() / edge.sum()).sqrt() / (80 * scale)
            assert float(deviation) == pytest.approx(sigma, rel=0.15)


def test_where_no_scene_is_near_its_mean_is_seen_and_without_any_white() -> None:
    image, mask = scene(60, 80)
    mask[:] = True
    assert BlurredScene()(image, mask, KEY) is None
    mask[:, :, 0] = False
    background = BlurredScene(0.01)(image, mask, KEY)
    assert background is not None
    assert background[:, 30, 40].tolist() == [0, 200, 0]


def test_backgrounds_are_made_again_from_their_description() -> None:
    image, mask = scene(24, 32)
    for background in (White(), Colour([1, 2, 3]), BlurredScene(0.1)):
        again = make(describe(background), ReferenceBackground)(image, mask, KEY)
        before = background(image, mask, KEY)
        assert (again is None and before is None) or torch.equal(again, before)


@pytest.mark.parametrize("rgb", [[1, 2], [0, 0, 256], [-1, 0, 0]])
def test_no_colour_is_refused(rgb: list[int]) -> None:
    with pytest.raises(SettingError, match="rgb"):
        Colour(rgb)


@pytest.mark.parametrize("sigma", [0.0, -0.1, 1.5])
def test_a_sigma_out_of_range_is_refused(sigma: float) -> None:
    with pytest.raises(SettingError, match="sigma"):
        BlurredScene(sigma)
