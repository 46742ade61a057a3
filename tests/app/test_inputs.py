import numpy as np
import pytest
from inpainting import ellipse, noise
from PIL import Image

from dreaminpainter.app.inputs import boxed, from_editors, from_files, paint_of, with_paint, without_paint
from dreaminpainter.app.jobs import MOST_STEPS, Settings
from dreaminpainter.errors import InputError, SettingError


def painted(size=(40, 30), box=(10, 5, 20, 15)):
    return with_paint(noise(size).convert("RGBA"), ellipse(size, box))


def cut_out():
    subject = noise((20, 24), seed=1)
    subject.putalpha(ellipse((20, 24), (4, 4, 16, 20)))
    return without_paint(subject)


def test_paint_is_the_hole_and_alpha_cuts_the_subject_out() -> None:
    pictures = from_editors(painted(), cut_out())
    assert np.array_equal(pictures.scene, noise((40, 30)))
    assert np.array_equal(pictures.hole, ellipse((40, 30), (10, 5, 20, 15)))
    assert np.array_equal(pictures.subject_mask, ellipse((20, 24), (4, 4, 16, 20)))
    assert pictures.subject.mode == "RGB" and pictures.alpha is None


def test_paint_on_the_reference_wins_over_its_alpha_and_without_both_it_is_all_subject() -> None:
    marked = with_paint(cut_out()["background"], ellipse((20, 24), (0, 0, 8, 8)))
    assert np.array_equal(from_editors(painted(), marked).subject_mask, ellipse((20, 24), (0, 0, 8, 8)))
    assert from_editors(painted(), without_paint(noise((20, 24)).convert("RGBA"))).subject_mask is None


def test_the_scenes_alpha_is_kept() -> None:
    scene = painted()
    scene["background"].putalpha(100)
    pictures = from_editors(scene, cut_out())
    assert pictures.alpha is not None and pictures.alpha.getextrema() == (100, 100)


def test_thin_paint_counts_and_layers_are_joined() -> None:
    editor = painted()
    second = Image.new("RGBA", (40, 30))
    second.putpixel((39, 29), (9, 9, 9, 1))
    editor["layers"].append(second)
    paint = paint_of(editor)
    assert paint is not None and paint.getpixel((39, 29)) == 255 and paint.getpixel((15, 10)) == 255


def test_a_box_is_the_one_around_the_paint() -> None:
    paint = paint_of(boxed(painted(box=(10, 5, 20, 15))))
    expected = np.zeros((30, 40), np.uint8)
    expected[5:16, 10:21] = 255
    assert np.array_equal(paint, expected)


def painted_on(picture):
    return with_paint(picture, ellipse(picture.size, (10, 5, 20, 15)))


EMPTY_LIGHT = Image.new("RGBA", (800, 800), "white")
EMPTY = without_paint(Image.new("RGBA", (800, 800)))


@pytest.mark.parametrize(
    ("scene", "reference", "message"),
    [
        (None, cut_out(), "no scene"),
        (EMPTY, cut_out(), "no scene"),
        (painted_on(EMPTY_LIGHT), cut_out(), "no scene"),
        ({"background": None, "layers": []}, cut_out(), "no scene"),
        (painted(), None, "no subject"),
        (painted(), EMPTY, "no subject"),
        (without_paint(noise((40, 30)).convert("RGBA")), cut_out(), "Nothing is painted"),
    ],
)
def test_what_is_missing_is_named(scene, reference, message) -> None:
    with pytest.raises(InputError, match=message):
        from_editors(scene, reference)


def test_there_is_no_box_without_paint() -> None:
    for editor in (None, EMPTY, without_paint(noise((40, 30)).convert("RGBA"))):
        with pytest.raises(InputError, match="corner to corner"):
            boxed(editor)


def test_files_are_opened_as_the_command_opens_them(files) -> None:
    Image.open(files["image"]).convert("L").save(files["image"])
    pictures = from_files(**files, reference_mask=None)
    assert pictures.scene.mode == "RGB"
    assert "image.png" in pictures.notes[0]
    with pytest.raises(InputError, match="mask_image, reference_image missing"):
        from_files(files["image"], "", "", None)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"prompt": " "}, "no prompt"),
        ({"prompt": None}, "no prompt"),
        ({"seed": None}, "no seed"),
        ({"seed": -1}, "seed=-1"),
        ({"k": 0}, "k=0"),
        ({"num_inference_steps": 0}, "num_inference_steps=0"),
        ({"num_inference_steps": MOST_STEPS + 1}, f"from 1 to {MOST_STEPS}"),
    ],
)
def test_settings_out_of_range_are_refused(changed, message) -> None:
    given = {"k": 24, "guidance_scale": 3, "reference_scale": 1, "num_inference_steps": 10, "seed": 0, "prompt": "a"}
    Settings.asked(**given)
    with pytest.raises(SettingError, match=message):
        Settings.asked(**(given | changed))
