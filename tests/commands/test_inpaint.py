import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from inpainting import ellipse, inpaint, noise, pixels
from PIL import Image, ImageCms
from tiny_run import fitted

from dreaminpainter.checkpoints import load_pipeline
from dreaminpainter.cli import main

TURNED = 6  # EXIF: stored a quarter turn to the left of upright


def assert_only_the_hole_changed(scene: np.ndarray, mask: str = "mask.png", output: str = "filled.png") -> None:
    hole, filled = pixels(mask) >= 128, pixels(output)
    assert filled.shape == scene.shape
    assert np.array_equal(filled[~hole], scene[~hole])
    assert (filled[hole] != scene[hole]).any(1).mean() > 0.9


def test_pixels_outside_the_hole_are_the_inputs_own(checkpoint, files, capsys) -> None:
    assert inpaint(checkpoint, files) == 0
    assert_only_the_hole_changed(pixels("scene.png"))
    assert Image.open("filled.png").format == "PNG"
    told = capsys.readouterr()
    assert "filled: filled.png" in told.out
    assert "note:" not in told.err


def test_a_photograph_that_exif_turns_is_filled_upright(checkpoint, files, capsys) -> None:
    exif = Image.Exif()
    exif[0x0112] = TURNED
    noise((87, 61)).save("photo.jpg", exif=exif, quality=95)
    assert inpaint(checkpoint, files | {"image": "photo.jpg"}) == 0
    upright = np.rot90(pixels("photo.jpg"), -1)
    assert_only_the_hole_changed(upright)
    assert not Image.open("filled.png").getexif()
    assert "note: photo.jpg: turned by its EXIF orientation" in capsys.readouterr().err


def test_a_scenes_colour_profile_stays_with_it(checkpoint, files) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    noise((61, 87)).save("profiled.png", icc_profile=profile)
    assert inpaint(checkpoint, files | {"image": "profiled.png"}) == 0
    assert Image.open("filled.png").info["icc_profile"] == profile


def test_the_reference_is_cut_out_by_its_alpha_by_its_mask_or_taken_whole(checkpoint, files, capsys) -> None:
    alpha = Image.open("reference.png").getchannel("A")
    alpha.save("subject.png")
    Image.open("reference.png").convert("RGB").save("opaque.png")

    assert inpaint(checkpoint, files, output="by_alpha.png") == 0
    opaque = files | {"reference_image": "opaque.png"}
    assert inpaint(checkpoint, opaque, reference_mask="subject.png", output="by_mask.png") == 0
    assert np.array_equal(pixels("by_alpha.png"), pixels("by_mask.png"))
    assert "taken as the subject" not in capsys.readouterr().err

    assert inpaint(checkpoint, opaque, output="whole.png") == 0
    assert not np.array_equal(pixels("by_alpha.png"), pixels("whole.png"))
    note = "note: opaque.png: it has neither a mask nor an alpha channel; the whole picture is taken as the subject."
    assert note in capsys.readouterr().err


def test_every_conversion_and_unknown_word_is_told_once(checkpoint, files, capsys) -> None:
    Image.open("scene.png").convert("L").save("grey.png")
    assert inpaint(checkpoint, files | {"image": "grey.png"}, prompt="a critter rides a zeppelin") == 0
    notes = [line for line in capsys.readouterr().err.splitlines() if line.startswith("note:")]
    assert len(notes) == 2
    assert "grey.png" in notes[0]
    assert "zeppelin" in notes[1]


def test_the_seed_decides_the_picture(checkpoint, files) -> None:
    for seed, output in ((3, "a.png"), (3, "b.png"), (4, "c.png")):
        assert inpaint(checkpoint, files, seed=seed, output=output) == 0
    assert np.array_equal(pixels("a.png"), pixels("b.png"))
    assert not np.array_equal(pixels("a.png"), pixels("c.png"))


def test_text_steps_and_guidance_reach_the_picture(checkpoint, files) -> None:
    settings: list[dict[str, Any]] = [{}, {"prompt": "a hat"}, {"num_inference_steps": 3}, {"guidance_scale": 1}]
    for number, one in enumerate(settings):
        assert inpaint(checkpoint, files, output=f"{number}.png", **one) == 0
    assert len({pixels(f"{number}.png").tobytes() for number in range(4)}) == 4


def test_k_tokens_are_chosen_and_marked(checkpoint, files, capsys) -> None:
    for k in (1, 30):
        assert inpaint(checkpoint, files, k=k, output=f"{k}.png", explain=f"new/folder/tokens_{k}.png") == 0
    assert "chosen tokens: new/folder/tokens_30.png" in capsys.readouterr().out
    assert not np.array_equal(pixels("1.png"), pixels("30.png"))
    one, many = (pixels(f"new/folder/tokens_{k}.png").astype(int) for k in (1, 30))
    assert one.shape == many.shape
    assert (one != many).any(-1).mean() > 0.05


def test_a_saved_pipeline_fills_as_its_checkpoint_does(checkpoint, files, tmp_path) -> None:
    load_pipeline(checkpoint).save_pretrained(tmp_path / "saved")
    assert inpaint(checkpoint, files, output="checkpoint.png") == 0
    assert inpaint(str(tmp_path / "saved"), files, output="folder.png") == 0
    assert np.array_equal(pixels("checkpoint.png"), pixels("folder.png"))


def test_height_and_width_decide_what_the_network_works_at(checkpoint, files) -> None:
    assert inpaint(checkpoint, files, output="small.png") == 0
    assert inpaint(checkpoint, files, height=64, width=48, output="large.png") == 0
    assert_only_the_hole_changed(pixels("scene.png"), output="large.png")
    assert not np.array_equal(pixels("small.png"), pixels("large.png"))


def sixteen_bit_colour(path: str, width: int, height: int) -> None:
    """An RGB PNG of 16 bits a channel, which Pillow cannot write."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    rows = (b"\0" + b"\1\2" * 3 * width) * height
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    parts = (chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b""))
    Path(path).write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))


LONG = "a critter " + "in a red hat and a green coat " * 9

REFUSED = {
    "missing picture": ({"image": "nowhere.png"}, ["nowhere.png", "--image", "Check the path"]),
    "missing mask": ({"mask_image": "nowhere.png"}, ["nowhere.png", "--mask_image"]),
    "missing checkpoint": ({"checkpoint": "no/last.ckpt"}, ["no/last.ckpt", "RUN/checkpoints"]),
    "no checkpoint": ({"checkpoint": "scene.png"}, ["scene.png", "Name a file that training wrote"]),
    "no pipeline": ({"checkpoint": "."}, ["The folder . ", "model_index.json"]),
    "mask of another size": ({"mask_image": "small.png"}, ["small.png is 30 x 40", "61 x 87", "picture's own size"]),
    "reference mask's size": ({"reference_mask": "small.png"}, ["small.png is 30 x 40", "50 x 40"]),
    "empty mask": ({"mask_image": "black.png"}, ["black.png", "no white pixel", "Paint white"]),
    "refused mode": ({"image": "wide.png"}, ["wide.png", "16 bits a channel", "save it with 8 bits"]),
    "no picture": ({"reference_image": "text.png"}, ["text.png", "no picture"]),
    "long prompt": ({"prompt": LONG}, ["this text encoder reads 40", "in a red hat", "Shorten it"]),
    "large k": ({"k": 65}, ["k is 65", "64 tokens", "Set k to 64 or less"]),
    "no steps": ({"num_inference_steps": 0}, ["num_inference_steps=0", "1 or more"]),
    "strength": ({"strength": 1.5}, ["strength=1.5", "up to 1"]),
    "box": ({"reference_box": "[5, 5, 70, 30]"}, ["reference_box=[5, 5, 70, 30]", "50 x 40"]),
    "jobs too": ({"jobs": "."}, ["jobs is given", "image"]),
    "output": ({"output": "filled.jpg"}, ["output=filled.jpg", ".png"]),
    "explain": ({"explain": "tokens.jpg"}, ["explain=tokens.jpg", ".png"]),
    "device": ({"device": "quantum"}, ["device=quantum", "cpu"]),
}


@pytest.mark.parametrize(("settings", "told"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_used_is_refused_with_file_value_and_fix(checkpoint, files, settings, told, capsys) -> None:
    ellipse((30, 40), (2, 2, 20, 20)).save("small.png")
    Image.new("L", (61, 87)).save("black.png")
    sixteen_bit_colour("wide.png", 61, 87)
    Path("text.png").write_text("no picture at all")
    assert inpaint(checkpoint, files | settings) == 2
    printed = capsys.readouterr()
    error = printed.err.rpartition("error: ")[2]
    assert all(part in error for part in told), error
    assert "Traceback" not in printed.err
    assert printed.out == ""
    assert not Path("filled.png").exists()


def test_missing_files_are_told_before_the_model_is_read(files, monkeypatch, capsys) -> None:
    monkeypatch.setattr("dreaminpainter.checkpoints.load_pipeline", lambda checkpoint: pytest.fail("read"))
    for flag in ("image", "mask_image", "reference_image", "reference_mask"):
        assert inpaint("critters", files | {flag: "nowhere.png"}) == 2
        assert f"nowhere.png, which was given as --{flag}" in capsys.readouterr().err


def test_a_missing_argument_is_named(capsys) -> None:
    assert main(["inpaint", "--image", "scene.png"]) == 2
    assert "mask_image, reference_image, prompt missing" in capsys.readouterr().err


def test_a_model_of_other_parts_fills_too(files, tmp_path) -> None:
    layers = ["--config", "injection/decoupled", "--config", "selection/rollout"]
    fitted(tmp_path / "run", "--model.input_form", "NineChannel", *layers)
    assert inpaint(str(tmp_path / "run" / "checkpoints" / "last.ckpt"), files, explain="tokens.png") == 0
    assert_only_the_hole_changed(pixels("scene.png"))
