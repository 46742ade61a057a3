"""What the page's editors and the API's files hold, as scene, hole and subject."""

from dataclasses import dataclass
from typing import Any

from PIL import Image, ImageChops, ImageColor, ImageDraw

from dreaminpainter.errors import InputError
from dreaminpainter.pictures import alpha_of, open_mask, open_reference, open_scene_and_alpha

Editor = dict[str, Any]
"""The value of a `gr.ImageEditor`: background, layers of paint, and both together."""
KINDS = "PNG, JPEG or WebP"
"""What every browser opens; other files leave the editor as empty as it was."""
PAINT = "#d5009f"
"""The brush's colour; which one it is has no meaning."""


@dataclass(frozen=True)
class Pictures:
    """The pictures of a job; fields as in `Job`."""

    scene: Image.Image
    hole: Image.Image
    subject: Image.Image
    subject_mask: Image.Image | None
    alpha: Image.Image | None
    notes: tuple[str, ...]


def from_editors(scene: Editor | None, reference: Editor | None) -> Pictures:
    """What was uploaded and painted on the page.

    On the scene the paint is the hole; on the reference it is the subject. A reference without paint is cut out by its
    transparency, and where it has none all of it is the subject.

    Raises:
        InputError: a picture is missing, or there is no paint on the scene.
    """
    below, subject = _uploaded(scene), _uploaded(reference)
    if scene is None or below is None:
        raise InputError(f"There is no scene. Upload a picture, {KINDS}, and paint over what is to be filled.")
    if reference is None or subject is None:
        raise InputError(f"There is no subject. Upload a picture of it, {KINDS}.")
    hole, subject_mask = paint_of(scene), paint_of(reference)
    if hole is None:
        raise InputError("Nothing is painted on the scene. Paint over what is to be filled.")
    alpha = alpha_of(below)
    return Pictures(
        scene=below.convert("RGB"),
        hole=hole,
        subject=subject.convert("RGB"),
        subject_mask=_threshold(alpha_of(subject)) if subject_mask is None else subject_mask,
        alpha=alpha,
        notes=(),
    )


def from_files(image: str, mask_image: str, reference_image: str, reference_mask: str | None) -> Pictures:
    """What was sent to the API, opened as `dreaminpainter inpaint` does.

    Raises:
        InputError: a picture is missing or cannot be used.
    """
    missing = [
        name
        for name, path in {"image": image, "mask_image": mask_image, "reference_image": reference_image}.items()
        if not path
    ]
    if missing:
        raise InputError(f"{', '.join(missing)} missing. Send a picture file for each.")
    notes: list[str] = []
    scene, alpha = open_scene_and_alpha(image, notes)
    hole = open_mask(mask_image, notes, size=scene.size)
    subject, subject_mask = open_reference(reference_image, notes, mask_path=reference_mask)
    return Pictures(scene, hole, subject, subject_mask, alpha, tuple(notes))


def paint_of(editor: Editor) -> Image.Image | None:
    """Where there is paint, 255 in mode "L" of the background's size; None where there is none anywhere."""
    size = editor["background"].size
    painted = Image.new("L", size)
    for layer in editor["layers"]:
        # A brush stroke's edge is thin paint, and what it touches counts.
        touched = layer.getchannel("A").point([0] + [255] * 255)
        painted = ImageChops.lighter(painted, touched if touched.size == size else touched.resize(size))
    return painted if painted.getbbox() else None


def boxed(editor: Editor | None) -> Editor:
    """The editor's value with the paint grown into the box around it.

    Raises:
        InputError: there is no paint.
    """
    painted = None if editor is None or _uploaded(editor) is None else paint_of(editor)
    if editor is None or painted is None:
        raise InputError("Nothing is painted on the scene. Draw a line from corner to corner of the box.")
    left, top, right, bottom = painted.getbbox() or (0, 0, 0, 0)
    box = Image.new("L", painted.size)
    ImageDraw.Draw(box).rectangle((left, top, right - 1, bottom - 1), fill=255)
    return with_paint(editor["background"], box)


def with_paint(picture: Image.Image, painted: Image.Image) -> Editor:
    """An editor's value: a picture with paint where `painted`, of its size, is white."""
    layer = Image.new("RGBA", picture.size, (*ImageColor.getrgb(PAINT), 0))
    layer.putalpha(painted.point([0] * 128 + [150] * 128))
    together = Image.alpha_composite(picture.convert("RGBA"), layer)
    return {"background": picture, "layers": [layer], "composite": together}


def without_paint(picture: Image.Image) -> Editor:
    """An editor's value: a picture alone."""
    return {"background": picture, "layers": [], "composite": picture}


def _uploaded(editor: Editor | None) -> Image.Image | None:
    """The picture in an editor, in RGBA; None where none was uploaded.

    An empty canvas comes as a picture too, transparent, white or dark grey: one of a single colour counts as none.
    """
    picture: Image.Image | None = None if editor is None else editor["background"]
    return None if picture is None or len(picture.getcolors(1) or []) == 1 else picture


def _threshold(alpha: Image.Image | None) -> Image.Image | None:
    return None if alpha is None else alpha.point([0] * 128 + [255] * 128)
