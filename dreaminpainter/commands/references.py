"""The subject of a plain photograph: in a box, or found by a segmenter."""

from PIL import Image
from torchvision.transforms.functional import to_pil_image

from dreaminpainter.data.segmenting import Segmenter
from dreaminpainter.errors import InputError, SettingError
from dreaminpainter.pictures import to_tensor

Box = tuple[int, int, int, int]


def cut_reference(
    picture: Image.Image, mask: Image.Image | None, box: Box | None, segmenter: Segmenter | None, name: str
) -> tuple[Image.Image, Image.Image | None]:
    """The part of a reference that shows the subject, and the subject's mask in it.

    Args:
        picture: in RGB.
        mask: its mask, where it is known already; no segmenter is asked then.
        box: left, top, right and bottom in pixels of what shows the subject; None for all of it.
        segmenter: finds the subject: what it is most sure of in the box.
        name: what messages call the picture.

    Raises:
        SettingError: the box does not lie in the picture.
        InputError: nothing is found.

    Example:
        >>> part, _ = cut_reference(Image.new("RGB", (60, 40)), None, (10, 10, 30, 40), None, "dog.jpg")
        >>> part.size
        (20, 30)
    """
    if box is not None:
        left, top, right, bottom = box
        if not (0 <= left < right <= picture.width and 0 <= top < bottom <= picture.height):
            raise SettingError(
                f"reference_box={list(box)} does not lie in {name}, which is {picture.width} x {picture.height} "
                "pixels. Give left, top, right and bottom in pixels."
            )
        picture, mask = picture.crop(box), None if mask is None else mask.crop(box)
    if mask is None and segmenter is not None:
        (found,) = segmenter([to_tensor(picture)])
        if not found:
            raise InputError(
                f"The segmenter finds nothing in {name}. Lower its threshold, give a reference_box around the subject, "
                "or a reference_mask."
            )
        mask = to_pil_image(found[0].mask.byte() * 255)
    return picture, mask
