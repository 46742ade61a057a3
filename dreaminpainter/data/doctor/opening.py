"""Opens one object as training would, and keeps of it what the checks ask for."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from dreaminpainter.cutout import boxes_of
from dreaminpainter.data.doctor.measures import border_share, centre_share, edges_along, overlap
from dreaminpainter.data.doctor.thumbnails import Thumbnails, thumbnails
from dreaminpainter.data.samples import SampleMaker
from dreaminpainter.data.sources.base import Instance, PictureFile, SegmentationSource
from dreaminpainter.data.sources.contents import content_shown
from dreaminpainter.errors import DreamInpainterError
from dreaminpainter.types import Batch


@dataclass(frozen=True)
class Fault:
    """Why an object cannot be trained on.

    Args:
        check: "files" where it cannot be opened, "contents" where its picture is another one than when it was prepared,
            "alignment" where its parts do not belong together, "training" where no sample can be made of it.
        message: names the file or value, and the fix.
    """

    check: str
    message: str


@dataclass(frozen=True)
class Facts:
    """What was measured of an object.

    Args:
        class_name: its class.
        size: (width, height) of its picture.
        area: the share of the picture that its mask covers, 0 to 1.
        pixels: of its mask.
        border: `border_share` of its mask.
        centre: `centre_share` of its mask.
        box_overlap: `overlap` of its box and its mask's own.
        edges: `edges_along` its mask.
        captions: that came with its picture.
        written: captions that were written later.
        content: `content_hash` of its picture.
        caption: that training would use; None where no sample could be made.
        hole: the share of the scene that its hole covers; None likewise.
    """

    class_name: str
    size: tuple[int, int]
    area: float
    pixels: int
    border: float
    centre: float
    box_overlap: float
    edges: list[float] | None
    captions: list[str]
    written: list[str]
    content: str
    caption: str | None
    hole: float | None


@dataclass(frozen=True)
class Opened:
    """An object that was opened, or that could not be.

    Args:
        id: the object's id, or "no. INDEX" where even that cannot be read.
        faults: why it cannot be trained on.
        facts: what was measured; None where it could not be opened.
        pictures: for the contact sheet; None likewise.
    """

    id: str
    faults: list[Fault] = field(default_factory=list)
    facts: Facts | None = None
    pictures: Thumbnails | None = None


def open_object(
    source: SegmentationSource, index: int, maker: SampleMaker, name: str, prepared: str | None = None
) -> Opened:
    """Opens an object and makes a sample of it.

    Args:
        source: of the object.
        index: of the object within the source.
        maker: makes samples as training would.
        name: what the data module calls the source.
        prepared: `content_hash` of its picture when the data was prepared; None where it was not.
    """
    try:
        (instance,) = source.load([index])
        file = source.picture_of(index)
        content = content_shown(instance, file)
    except (DreamInpainterError, OSError) as error:
        return Opened(_id_of(source, index), [Fault("files", str(error))])
    faults = list(record_faults(instance))
    if faults:
        return Opened(instance.id, faults)
    batch: Batch | None = None
    try:
        batch = maker([instance], [name], [0])
    except (DreamInpainterError, OSError) as error:
        faults = [Fault("training", str(error))]
    if batch is not None:
        faults = list(batch_faults(batch))
    # An embedded picture cannot change; its hash may be that of its pixels before they were turned upright.
    if file is not None and prepared not in (None, content):
        faults.append(_changed(file))
    return Opened(instance.id, faults, _facts(instance, content, batch), thumbnails(instance, batch))


def record_faults(instance: Instance) -> Iterator[Fault]:
    """What of a record is not as `Instance` promises."""
    pairs = {"picture": (instance.image, instance.mask)}
    if instance.reference_image is not None and instance.reference_mask is not None:
        pairs["reference picture"] = (instance.reference_image, instance.reference_mask)
    elif instance.reference_image is not None:
        yield Fault("alignment", "its reference picture has no mask and would not be used. Give its subject's mask")
    for kind, (image, mask) in pairs.items():
        yield from (Fault("alignment", f"its {kind} {message}") for message in _pair_faults(image, mask))


def batch_faults(batch: Batch) -> Iterator[Fault]:
    """What of a sample a network could not be trained on."""
    tensors = {
        "scene": batch.image,
        "hole": batch.mask,
        "reference": batch.reference.pixels,
        "reference's mask": batch.reference.mask,
    }
    for name, tensor in tensors.items():
        if not tensor.isfinite().all():
            yield Fault("training", f"its {name} holds numbers that are not finite. Mend what makes it")
    for name in ("hole", "reference's mask"):
        if not (tensors[name] > 0).any():
            yield Fault("training", f"its {name} is empty. Mend what makes it")


def _pair_faults(image: Tensor, mask: Tensor) -> Iterator[str]:
    if image.ndim != 3 or len(image) != 3 or image.dtype != torch.uint8:
        yield f"is {tuple(image.shape)} of {image.dtype}, not (3, H, W) of torch.uint8. Mend the source"
    elif mask.dtype != torch.bool or mask.shape[:-2] != (1,):
        yield f"has a mask of {tuple(mask.shape)} of {mask.dtype}, not (1, H, W) of torch.bool. Mend the source"
    elif mask.shape[1:] != image.shape[1:]:
        yield (
            f"is {image.shape[2]} x {image.shape[1]} pixels (width x height) and its mask {mask.shape[2]} x "
            f"{mask.shape[1]}. Give a mask of the picture's own size"
        )
    elif not mask.any():
        yield "has a mask that marks nothing. Paint white what is the object, or leave it out"


def _facts(instance: Instance, content: str, batch: Batch | None) -> Facts:
    mask = instance.mask
    edges = edges_along(instance.image, mask)
    return Facts(
        class_name=instance.class_name,
        size=(mask.shape[2], mask.shape[1]),
        area=float(mask.float().mean()),
        pixels=int(mask.sum()),
        border=border_share(mask),
        centre=centre_share(mask),
        box_overlap=overlap(tuple(instance.box), tuple(boxes_of(mask[None])[0].tolist())),
        edges=None if edges is None else edges.tolist(),
        captions=list(instance.captions),
        written=[caption.text for caption in instance.written],
        content=content,
        caption=None if batch is None else batch.caption[0],
        hole=None if batch is None else float(batch.mask.mean()),
    )


def _changed(file: PictureFile) -> Fault:
    """Of a picture of the same size, to which the mask need not belong any more."""
    told = f"{file.path} changed since it was prepared. Put the original picture back, or prepare the data again"
    return Fault("contents", told)


def _id_of(source: SegmentationSource, index: int) -> str:
    try:
        return source.id_of(index)
    except (DreamInpainterError, OSError):
        return f"no. {index}"
