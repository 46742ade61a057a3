from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from picture_files import FILES, colours, encoded, grey16, half_transparent, turned
from PIL import Image

from dreaminpainter.errors import DreamInpainterError, InputError, MissingFileError
from dreaminpainter.picture_modes import PICTURE_MODES, pictures_page
from dreaminpainter.pictures import (
    Role,
    mask_to_tensor,
    open_mask,
    open_numbers,
    open_reference,
    open_scene,
    open_stored,
    to_tensor,
)
from dreaminpainter.visualization import to_image

ROLES: dict[Role, Callable[[Path, list[str]], object]] = {
    "scene": open_scene,
    "mask": open_mask,
    "reference": open_reference,
}


def write(folder: Path, data: bytes) -> Path:
    path = folder / "given"
    path.write_bytes(data)
    return path


def test_every_row_of_the_table_has_a_file_here() -> None:
    assert {key for key, _ in FILES} == set(PICTURE_MODES)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(("key", "make"), FILES)
def test_each_kind_of_picture_is_treated_as_the_table_says(
    key: str, make: Callable[[], bytes], role: Role, tmp_path: Path
) -> None:
    path = write(tmp_path, make())
    treatment = getattr(PICTURE_MODES[key], role)
    notes: list[str] = []
    if treatment.verdict == "refused":
        with pytest.raises(InputError) as caught:
            ROLES[role](path, notes)
        assert str(path) in str(caught.value) and treatment.how in str(caught.value)
        return
    ROLES[role](path, notes)
    told = [note for note in notes if PICTURE_MODES[key].name in note and treatment.how in note]
    assert len(told) == (treatment.verdict == "converted")
    assert all(note.startswith(str(path)) for note in notes)


@pytest.mark.parametrize("role", ROLES)
def test_a_tiff_in_ycbcr_is_refused_as_what_pillow_takes_it_for(role: Role, tmp_path: Path) -> None:
    path = write(tmp_path, encoded(colours("YCbCr"), "TIFF"))
    treatments = [getattr(PICTURE_MODES[key], role).how for key in ("other", "damaged")]  # Pillow 13, and before
    with pytest.raises(InputError) as caught:
        ROLES[role](path, [])
    assert any(how in str(caught.value) for how in treatments)


def test_an_ordinary_scene_and_a_plain_mask_need_no_note(tmp_path: Path) -> None:
    notes: list[str] = []
    open_scene(write(tmp_path, encoded(colours(), "PNG")), notes)
    open_mask(write(tmp_path, encoded(colours("L"), "PNG")), notes, size=(6, 4))
    assert notes == []


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "L", "LA", "1", "CMYK"])
@pytest.mark.parametrize("role", ["scene", "mask"])
def test_white_stays_white_and_black_black_in_every_mode(mode: str, role: Role, tmp_path: Path) -> None:
    image = half_transparent(mode[0] if mode == "LA" else "RGB") if mode in ("RGBA", "LA") else colours(mode)
    opened = ROLES[role](write(tmp_path, encoded(image, "TIFF" if mode == "CMYK" else "PNG")), [])
    assert isinstance(opened, Image.Image)
    expected = colours("RGB" if role == "scene" else "L")
    assert opened.mode == expected.mode and opened.tobytes() == expected.tobytes()


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bit_grey_is_scaled_not_clipped(kind: str, tmp_path: Path) -> None:
    path = write(tmp_path, encoded(grey16(), kind))
    reference, _ = open_reference(path, [])
    assert np.array(reference)[0, :, 0].tolist() == [255, 255, 156, 1, 0, 0]
    assert mask_to_tensor(open_mask(path, []))[0, 0].tolist() == [True, True, True, False, False, False]


def test_big_endian_sixteen_bit_grey_reads_the_same(tmp_path: Path) -> None:
    big = Image.frombytes("I;16B", (6, 4), np.array(grey16()).astype(">u2").tobytes())
    mask = open_mask(write(tmp_path, encoded(big, "TIFF")), [])
    assert mask_to_tensor(mask)[0, 0].tolist() == [True, True, True, False, False, False]


def test_what_is_transparent_in_a_mask_is_kept(tmp_path: Path) -> None:
    white = Image.new("RGB", (6, 4), "white")
    white.putalpha(half_transparent("RGB").getchannel("A"))
    mask = open_mask(write(tmp_path, encoded(white, "PNG")), [])
    assert mask.tobytes() == colours("L").tobytes()


def test_a_scene_with_alpha_shows_the_colours_under_it(tmp_path: Path) -> None:
    red = Image.new("RGBA", (6, 4), (200, 10, 20, 0))
    scene = open_scene(write(tmp_path, encoded(red, "PNG")), [])
    assert scene.getpixel((0, 0)) == (200, 10, 20)


def test_exif_turns_scene_mask_and_reference_alike_but_not_a_stored_picture(tmp_path: Path) -> None:
    path = write(tmp_path, turned("PNG"))
    upright = colours().transpose(Image.Transpose.ROTATE_270)
    assert open_scene(path, []).tobytes() == upright.tobytes()
    assert open_mask(path, [], size=(4, 6)).size == (4, 6)
    assert open_reference(path, [])[0].size == (4, 6)
    assert open_stored(path, []).tobytes() == colours().tobytes()


def test_a_mask_of_another_size_is_refused_with_both_sizes(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"6 x 4 pixels .* 8 x 9"):
        open_mask(write(tmp_path, encoded(colours("L"), "PNG")), [], size=(8, 9))


def test_a_mask_without_white_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no white pixel"):
        open_mask(write(tmp_path, encoded(Image.new("L", (6, 4), 127), "PNG")), [])


def test_a_mask_is_white_from_128_on(tmp_path: Path) -> None:
    levels = Image.fromarray(np.array([[0, 127, 128, 255]], np.uint8))
    mask = open_mask(write(tmp_path, encoded(levels, "PNG")), [])
    assert list(mask.tobytes()) == [0, 0, 255, 255]


def test_a_reference_takes_its_given_mask_then_its_alpha_then_all_of_it(tmp_path: Path) -> None:
    picture = write(tmp_path, encoded(half_transparent("RGB"), "PNG"))
    mask_path = tmp_path / "mask.png"
    colours("L").transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(mask_path)
    notes: list[str] = []
    _, given = open_reference(picture, notes, mask_path)
    assert given is not None and mask_to_tensor(given)[0, 0].tolist() == [False] * 3 + [True] * 3
    assert "its alpha is not read" in notes[-1]
    _, alpha = open_reference(picture, [])
    assert alpha is not None and mask_to_tensor(alpha)[0, 0].tolist() == [True] * 3 + [False] * 3
    notes = []
    _, none = open_reference(write(tmp_path, encoded(colours("RGBA"), "PNG")), notes)
    assert none is None and "the whole picture is taken" in notes[-1]


def test_a_reference_that_is_transparent_everywhere_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="transparent everywhere"):
        open_reference(write(tmp_path, encoded(Image.new("RGBA", (6, 4)), "PNG")), [])


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"nowhere\.png.*scene"):
        open_scene(tmp_path / "nowhere.png", [])


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be used as scene"):
        open_scene(tmp_path, [])


@pytest.mark.parametrize("limit", [20, 10])  # 24 pixels: over Pillow's warning, over its error
def test_more_pixels_than_the_limit_are_refused(limit: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    path = write(tmp_path, encoded(colours(), "PNG"))
    for role, opener in ROLES.items():
        with pytest.raises(InputError, match=f"cannot be used as {role}.*make it smaller"):
            opener(path, [])


def test_only_a_colour_profile_for_rgb_travels_on(tmp_path: Path) -> None:
    options = {"icc_profile": b"profile", "dpi": (72, 72)}
    assert open_scene(write(tmp_path, encoded(colours(), "PNG", **options)), []).info == {"icc_profile": b"profile"}
    assert open_scene(write(tmp_path, encoded(colours("CMYK"), "TIFF", **options)), []).info == {}
    assert open_scene(write(tmp_path, encoded(colours(), "PNG", transparency=(0, 0, 0))), []).info == {}


@given(data=st.data(), kind=st.sampled_from(["PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP", "AVIF"]))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_file_is_opened_or_refused_but_never_crashes(data: st.DataObject, kind: str, tmp_path: Path) -> None:
    content = bytearray(encoded(colours(), kind))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = write(tmp_path, bytes(content[: data.draw(st.integers(1, len(content)))]))
    for opener in ROLES.values():
        with suppress(DreamInpainterError):
            opener(path, [])


def test_tensors_and_pictures_go_there_and_back() -> None:
    image = colours()
    pixels = to_tensor(image)
    assert pixels.shape == (3, 4, 6) and pixels.dtype == torch.uint8
    assert pixels[:, 0, 0].tolist() == [255, 255, 255] and pixels[:, 0, 5].tolist() == [0, 0, 0]
    assert to_image(pixels / 255).tobytes() == image.tobytes()
    assert mask_to_tensor(colours("L")).shape == (1, 4, 6)


def test_the_page_in_the_docs_is_the_table() -> None:
    committed = Path(__file__).parents[1] / "docs" / "pictures.md"
    remedy = (
        "write it anew: python -c 'from dreaminpainter.picture_modes import pictures_page as p; print(p(), end=\"\")'"
    )
    assert committed.read_text(encoding="utf-8") == pictures_page(), remedy


def test_numbers_are_read_as_they_are_stored_not_as_the_colours_they_are_shown_in(tmp_path: Path) -> None:
    numbers = np.array([[0, 1, 2], [254, 255, 3]], np.uint8)
    picture = Image.fromarray(numbers, mode="L")
    picture.save(tmp_path / "grey.png")
    picture.putpalette([value for index in range(256) for value in (255 - index, index, 9)])
    picture.save(tmp_path / "palette.png")
    for name in ("grey.png", "palette.png"):
        assert np.array_equal(np.array(open_numbers(tmp_path / name)), numbers)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "1", "LA"])
def test_a_picture_whose_pixels_are_no_numbers_is_refused(tmp_path: Path, mode: str) -> None:
    colours(mode).save(tmp_path / "one.png")
    with pytest.raises(InputError, match=rf"one\.png is a picture in mode {mode}"):
        open_numbers(tmp_path / "one.png")
