"""What is not filled is written as it was read, whatever kind of picture it is and however it is filled."""

from pathlib import Path

import numpy as np
import pytest
import torch
from inpainting import ellipse, inpaint, noise, pixels
from PIL import Image, ImageChops

from dreaminpainter.checkpoints import load_pipeline
from dreaminpainter.commands.fills import Filler, save
from dreaminpainter.commands.requests import Request

WHOLE = {"RGB": "RGB", "RGBA": "RGBA", "LA": "RGBA", "L": "RGB", "P": "RGB", "1": "RGB"}
"""What each mode of a scene is written as, so that nothing of it is lost."""


def scene_in(mode: str) -> Image.Image:
    scene = noise((61, 87))
    if mode in ("RGBA", "LA"):
        scene = scene.convert("L").convert("LA") if mode == "LA" else scene
        scene.putalpha(Image.fromarray(np.random.default_rng(5).integers(0, 256, (87, 61), np.uint8)))
        return scene
    return scene.convert("P", palette=Image.Palette.ADAPTIVE) if mode == "P" else scene.convert(mode)


@pytest.mark.parametrize("ways", [{}, {"feather": 6, "match_colours": True}, {"padding_mask_crop": 5, "strength": 0.5}])
@pytest.mark.parametrize("mode", WHOLE)
def test_every_pixel_outside_the_hole_is_kept_to_the_bit(checkpoint, files, mode, ways) -> None:
    scene_in(mode).save("scene.png")
    assert inpaint(checkpoint, files, **ways) == 0
    written, outside = Image.open("filled.png"), pixels("mask.png") < 128
    assert written.mode == WHOLE[mode]
    before = np.asarray(Image.open("scene.png").convert(WHOLE[mode]))
    assert np.array_equal(np.asarray(written)[outside], before[outside])
    assert (np.asarray(written)[~outside] != before[~outside]).any()
    if written.mode == "RGBA":
        assert (np.asarray(written)[~outside][:, 3] == 255).all(), "what is filled can be seen"


def test_ten_edits_at_different_places_leave_all_other_pixels_as_they_were(checkpoint, files) -> None:
    filler = Filler(load_pipeline(checkpoint), {"num_inference_steps": 1, "guidance_scale": 1.0, "feather": 2})
    filler.pipeline.set_progress_bar_config(disable=True)
    first, ever = pixels("scene.png"), Image.new("L", (61, 87))
    for edit in range(10):
        left, top = 5 * edit, 7 * edit
        mask = ellipse((61, 87), (left, top, left + 9, top + 11))
        mask.save("place.png")
        request = Request(Path("scene.png"), Path("place.png"), Path("reference.png"), "a critter waves")
        save(filler(request), Path("scene.png"))
        ever = ImageChops.lighter(ever, mask)
        untouched = np.asarray(ever) == 0
        assert np.array_equal(pixels("scene.png")[untouched], first[untouched]), f"after edit {edit + 1}"
    assert (pixels("scene.png") != first).any(2).mean() > 0.05


HOLES = {
    "several": [(2, 2, 12, 12), (40, 60, 55, 80)],
    "at the border": [(0, 0, 20, 30)],
    "tiny": [(30, 40, 38, 48)],
    "a pixel": [(30, 40, 31, 41)],
    "nine tenths": [(0, 0, 61, 78)],
}


@pytest.mark.parametrize("padding", [None, 0, 4])
@pytest.mark.parametrize("boxes", HOLES.values(), ids=HOLES)
def test_holes_of_any_size_and_place_are_filled(checkpoint, files, boxes, padding) -> None:
    mask = np.zeros((87, 61), np.uint8)
    for left, top, right, bottom in boxes:
        mask[top:bottom, left:right] = 255
    Image.fromarray(mask).save("mask.png")
    given = {} if padding is None else {"padding_mask_crop": padding}
    assert inpaint(checkpoint, files, num_inference_steps=1, **given) == 0
    before, after = pixels("scene.png"), pixels("filled.png")
    assert np.array_equal(after[mask == 0], before[mask == 0])
    assert (after[mask == 255] != before[mask == 255]).any(1).mean() > 0.9


def test_a_mask_of_white_alone_is_filled_with_a_warning(checkpoint, files, caplog) -> None:
    Image.new("L", (61, 87), 255).save("mask.png")
    assert inpaint(checkpoint, files, num_inference_steps=1) == 0
    assert (pixels("filled.png") != pixels("scene.png")).any(2).mean() > 0.9


@pytest.mark.slow
def test_a_photograph_of_48_million_pixels_is_edited_in_bounded_memory(checkpoint, tmp_path) -> None:
    import resource

    filler = Filler(load_pipeline(checkpoint), {"num_inference_steps": 1, "padding_mask_crop": 64})
    rows = torch.arange(6000)[:, None] % 256
    scene = (rows + torch.arange(8000)[None] * 3).remainder(256).to(torch.uint8).numpy()
    Image.fromarray(np.stack([scene, scene.T.copy().reshape(scene.shape), 255 - scene], 2)).save(
        tmp_path / "scene.png", compress_level=1
    )
    mask = Image.new("L", (8000, 6000))
    mask.paste(255, (4000, 3000, 4500, 3400))
    mask.save(tmp_path / "mask.png")
    noise((50, 40), seed=1).save(tmp_path / "reference.png")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    names = ("scene.png", "mask.png", "reference.png")
    filled = filler(Request(*(tmp_path / name for name in names), prompt="a critter waves"))
    added = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert added < 1100, f"{added:.0f} MB for a picture of 144 MB"
    outside = np.asarray(mask) == 0
    assert np.array_equal(np.asarray(filled.images[0])[outside], pixels(str(tmp_path / "scene.png"))[outside])
