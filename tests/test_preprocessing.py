import numpy as np
import pytest
import torch
from PIL import Image
from torch._subclasses.fake_tensor import FakeTensorMode

from dreaminpainter.canvas import as_unit
from dreaminpainter.errors import InputError
from dreaminpainter.preprocessing import (
    as_masks,
    as_pictures,
    as_references,
    repeat_to,
    to_output,
)


def colours(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_every_way_to_hand_in_a_picture_gives_the_same_tensor():
    array = colours(5, 7)
    floats = array.astype(np.float32) / 255
    tensor = torch.from_numpy(floats).permute(2, 0, 1)
    ways = [
        Image.fromarray(array),
        array,
        floats,
        floats.astype(np.float64),
        tensor,
        (tensor * 255).round().to(torch.uint8),
        tensor * 2 - 1,
    ]
    for way in ways:
        (picture,) = as_pictures(way, channels=3)
        assert picture.shape == (3, 5, 7)
        torch.testing.assert_close(as_unit(picture), tensor, rtol=0, atol=1e-6)
    stacked = as_pictures(np.stack([array, array]), channels=3)
    listed = as_pictures([Image.fromarray(array), tensor[None]], channels=3)
    for picture in (*stacked, *listed):
        torch.testing.assert_close(as_unit(picture), tensor, rtol=0, atol=1e-6)


def test_masks_come_flat_or_with_a_channel():
    white = np.zeros((5, 7), dtype=np.uint8)
    white[2, 3] = 255
    ways = [
        Image.fromarray(white),
        white,
        white[..., None],
        white[None] / 255,
        torch.from_numpy(white) / 255,
        torch.from_numpy(white)[None],
        torch.from_numpy(white > 0)[None],
    ]
    for way in ways:
        (mask,) = as_masks(way, [torch.zeros(3, 5, 7)])
        assert mask.shape == (1, 5, 7) and mask.nonzero().tolist() == [[0, 2, 3]] and mask[0, 2, 3] == 1


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_a_mask_in_colour_is_one_picture_and_read_as_pil_reads_it(mode):
    levels = np.zeros((5, 7, 4), dtype=np.uint8)
    levels[0, :] = (255, 255, 255, 255)
    levels[1, :] = (255, 255, 255, 100)  # too transparent to count, where there is alpha
    levels[2, :3] = (0, 255, 0, 255)  # green is brighter than half
    levels[2, 3:] = (255, 0, 0, 255)  # and red is not
    picture = Image.fromarray(levels).convert(mode)
    array = np.array(picture).reshape(5, 7, -1)
    (expected,) = as_masks(picture, [torch.zeros(3, 5, 7)])
    for way in (array, array / 255, np.ascontiguousarray(array[::-1])[::-1] / 255, array[None]):
        (mask,) = as_masks(way, [torch.zeros(3, 5, 7)])
        assert torch.equal(mask, expected)
    with pytest.raises(InputError, match="not finite"):
        as_masks(array * np.nan, [torch.zeros(3, 5, 7)])


def test_half_grey_is_filled_and_less_is_not():
    grey = torch.tensor([[[0.49, 0.5, 0.51]]])
    assert as_masks(grey, [torch.zeros(3, 1, 3)])[0].flatten().tolist() == [0, 1, 1]


@pytest.mark.parametrize(
    ("picture", "complaint"),
    [
        (torch.full((3, 4, 4), float("nan")), "not finite"),
        (torch.full((3, 4, 4), float("inf")), "not finite"),
        (torch.zeros(4, 4, 4), "4 channels where 3 are needed"),
        (np.full((4, 4, 3), 200.0), r"values up to 200.*uint8"),
    ],
)
def test_a_picture_that_cannot_be_meant_is_refused(picture, complaint):
    with pytest.raises(InputError, match=complaint):
        as_pictures(picture, channels=3)


def test_a_mask_of_another_size_or_without_white_is_refused():
    with pytest.raises(InputError, match=r"mask_image is 4 x 6 and image is 6 x 4 pixels"):
        as_masks(torch.ones(1, 6, 4), [torch.zeros(3, 4, 6)])
    with pytest.raises(InputError, match="empty"):
        as_masks(torch.zeros(1, 6, 4), [torch.zeros(3, 6, 4)])


def test_one_stands_for_all_and_other_counts_are_refused():
    assert repeat_to(["a"], 3, "prompt") == ["a", "a", "a"]
    assert repeat_to(["a", "b"], 2, "prompt") == ["a", "b"]
    with pytest.raises(InputError, match="2 of prompt and 3 pictures"):
        repeat_to(["a", "b"], 3, "prompt")


def test_all_256_levels_survive_a_round_trip():
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    array = np.stack([levels, levels.T, levels[::-1]], axis=2)
    for kind in (Image.fromarray(array), array):
        assert np.array_equal(np.asarray(to_output(as_pictures(kind, 3), "pil")[0]), array)


def test_output_types():
    pictures = [torch.rand(3, 4, 6), torch.rand(3, 4, 6)]
    assert torch.equal(to_output(pictures, "pt"), torch.stack(pictures))
    array = to_output(pictures, "np")
    assert array.shape == (2, 4, 6, 3)
    np.testing.assert_array_equal(array[1], pictures[1].permute(1, 2, 0).numpy())
    assert [picture.size for picture in to_output(pictures, "pil")] == [(6, 4), (6, 4)]


def test_a_reference_with_a_mask_is_cut_out_on_white():
    picture = torch.zeros(3, 20, 30)
    picture[0] = 1.0
    mask = torch.zeros(1, 20, 30)
    mask[:, 7:13, 5:25] = 1
    pixels, subject = as_references(picture, mask, 32)
    assert pixels.shape == (1, 3, 32, 32) and subject.shape == (1, 1, 32, 32)
    assert pixels[0, :, 0, 0].tolist() == [1, 1, 1] and subject[0, 0, 0, 0] == 0
    torch.testing.assert_close(pixels[0, :, 16, 16], torch.tensor([1.0, -1.0, -1.0]))
    assert 0.2 < subject.mean() < 0.4


def test_a_reference_without_a_mask_is_taken_whole_on_a_white_square():
    pixels, subject = as_references(torch.zeros(3, 10, 20), None, 20)
    assert pixels.shape == (1, 3, 20, 20) and subject.all()
    assert (pixels[0, :, :4] == 1).all() and (pixels[0, :, 6:14] == -1).all() and (pixels[0, :, -4:] == 1).all()


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_what_is_transparent_in_a_mask_is_kept(mode):
    mask = Image.new("RGBA", (4, 4), (255, 255, 255, 0))
    mask.putpixel((1, 2), (255, 255, 255, 255))
    (found,) = as_masks(mask.convert(mode), [torch.zeros(3, 4, 4)])
    assert found.nonzero().tolist() == [[0, 2, 1]]


def test_a_picture_that_was_given_stays_as_it_was():
    mask = Image.new("RGB", (4, 4), "white")
    mask.info["note"] = "mine"
    as_masks(mask, [torch.zeros(3, 4, 4)])
    as_pictures(mask, 3)
    assert mask.info == {"note": "mine"}


def test_mirrored_arrays_are_taken():
    array = colours(5, 7)
    assert torch.equal(as_pictures(array[..., ::-1], 3)[0], as_pictures(array, 3)[0].flip(0))


def test_pictures_of_any_devices_go_together_and_come_back_where_they_are_wanted():
    """Fake tensors keep the rules of devices, and need none: what would fail between a GPU and the CPU fails here."""
    with FakeTensorMode():
        on_gpu = torch.zeros(3, 40, 60, dtype=torch.uint8, device="cuda")
        on_cpu = torch.zeros(2, 3, 40, 60, dtype=torch.uint8)
        assert [picture.device.type for picture in as_pictures([on_gpu, on_cpu], 3)] == ["cpu"] * 3
        assert as_pictures(on_gpu[:1], 1)[0].device.type == "cpu"
        pixels, subjects = as_references([on_gpu, *on_cpu], None, 32)
        assert pixels.device.type == "cpu" and subjects.shape == (3, 1, 32, 32)
        assert to_output(as_pictures(on_gpu, 3), "pt", on_gpu.device).device.type == "cuda"
