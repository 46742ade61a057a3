"""The columns of prepared data, and the way of an instance into a row and back.

Example:
    >>> import torch
    >>> dog = Instance(
    ...     torch.zeros(3, 4, 6, dtype=torch.uint8),
    ...     torch.ones(1, 4, 6, dtype=torch.bool),
    ...     "dog", (0, 0, 6, 4), ["a dog"], "mine", "1",
    ... )
    >>> picture = {"bytes": encoded(dog.image), "path": None}
    >>> row = row_of(dog, picture, upright=False, content="f00", reference_content=None)
    >>> row["width"], row["area"], row["mask"]["size"]
    (6, 1.0, [4, 6])
    >>> again = instance_of(row, EncodedPicture(row["image"]["bytes"], "1"))
    >>> bool((again.mask == dog.mask).all()), again.captions
    (True, ['a dog'])
"""

import json
from io import BytesIO
from typing import Any

from datasets import Features, Image, List, Value
from PIL import Image as PillowImage
from torch import Tensor

from dreaminpainter.cutout import boxes_of
from dreaminpainter.data.run_lengths import BrokenOutlineError, decode, encode, from_counts
from dreaminpainter.data.sources.base import Caption, Instance
from dreaminpainter.errors import InputError
from dreaminpainter.pictures import EncodedPicture, PathLike, open_scene, open_stored, to_tensor

VERSION = 2
"""Of the columns; prepared data of another version is refused."""

_PICTURE = {"bytes": Value("binary"), "path": Value("string")}
_RUN_LENGTHS = {"size": List(Value("int32"), length=2), "counts": Value("string")}

COLUMNS: dict[str, tuple[Any, str]] = {
    "id": (Value("string"), "unique within the source"),
    "source": (Value("string"), "the source's name, such as coco"),
    "class_name": (Value("string"), "the object's class, in words"),
    "image": (
        _PICTURE,
        "the picture: the bytes of its file where pictures are embedded, else its path below the manifest's `pictures`",
    ),
    "upright": (
        Value("bool"),
        "whether mask and size count the picture as its EXIF orientation turns it, or as it is stored",
    ),
    "width": (Value("int32"), "of the picture, in pixels"),
    "height": (Value("int32"), "of the picture, in pixels"),
    "mask": (_RUN_LENGTHS, "the object's outline as COCO's compressed run lengths; size is (height, width)"),
    "box": (List(Value("float32"), length=4), "left, top, right, bottom of the object in pixels"),
    "area": (Value("float64"), "the object's share of the picture, 0 to 1"),
    "captions": (List(Value("string")), "captions of the whole picture that came with it; may be none"),
    "licence": (Value("string"), "the picture's licence, where known"),
    "content_hash": (
        Value("string"),
        "of the picture's pixels as they are stored: equal for equal pictures, whatever their files",
    ),
    "reference": (_PICTURE, "another picture of the same subject, as PNG; none where it is cut out of its own"),
    "reference_mask": (_RUN_LENGTHS, "the subject in `reference`"),
    "reference_hash": (
        Value("string"),
        "as `content_hash`, of the picture that `reference` shows; none where no other object can show it",
    ),
    "attributes": (Value("string"), "what is known of a drawn subject, as JSON; {} for photographs"),
    "detail_mask": (_RUN_LENGTHS, "small things of the subject that were marked, such as a logo; none where none were"),
}
"""Type and meaning of every column."""

NEEDED = COLUMNS.keys() - {"detail_mask"}
"""The columns that data has that this version reads; what was prepared by 0.1.0 marks no details."""

PUBLISHED: dict[str, tuple[Any, str]] = {
    "written": (
        List({name: Value("string") for name in ("text", "of", "by")}),
        "captions that `dreaminpainter caption` or a person wrote: `text`, `of` (picture or object), `by` whom; "
        "none where the file was made before them",
    ),
}
"""Type and meaning of the columns that Parquet has besides; on disk, captions lie beside the rows."""

FEATURES = Features({name: kind for name, (kind, _) in COLUMNS.items()})
"""Of the rows on disk. Pictures are no `Image` there, whose paths datasets would look for from where it runs."""

PUBLIC_FEATURES = Features(
    {name: Image() if kind is _PICTURE else kind for name, (kind, _) in (COLUMNS | PUBLISHED).items()}
)
"""Of rows whose pictures are embedded, as the hub shows them; the same bytes."""


def row_of(
    instance: Instance, image: dict[str, Any], upright: bool, content: str, reference_content: str | None
) -> dict[str, Any]:
    """The row of an instance.

    Args:
        instance: what is stored.
        image: `bytes` of the picture's file or its `path`, the other one None.
        upright: as for the column.
        content: the column `content_hash`.
        reference_content: the column `reference_hash`.
    """
    left, top, right, bottom = boxes_of(instance.mask[None])[0].tolist()
    reference, reference_mask = instance.reference_image, instance.reference_mask
    return {
        "id": instance.id,
        "source": instance.source,
        "class_name": instance.class_name,
        "image": image,
        "upright": upright,
        "width": instance.image.shape[2],
        "height": instance.image.shape[1],
        "mask": _run_lengths(instance.mask),
        "box": [left, top, right, bottom],
        "area": float(instance.mask.float().mean()),
        "captions": instance.captions,
        "licence": instance.licence,
        "content_hash": content,
        "reference": None if reference is None else {"bytes": encoded(reference), "path": None},
        "reference_mask": None if reference_mask is None else _run_lengths(reference_mask),
        "reference_hash": reference_content,
        "attributes": json.dumps(instance.attributes),
        "detail_mask": None if instance.detail_mask is None else _run_lengths(instance.detail_mask),
    }


def instance_of(row: dict[str, Any], picture: PathLike) -> Instance:
    """The instance of a row.

    Args:
        row: as `row_of` makes it, or of published data.
        picture: the picture's file.

    Raises:
        InputError: the picture cannot be read, or is of another size than when it was prepared; or the row's mask is
            none of a picture of that size.
        MissingFileError: it is not there.
    """
    image = to_tensor((open_scene if row["upright"] else open_stored)(picture, []))
    height, width = image.shape[1:]
    if (width, height) != (row["width"], row["height"]):
        raise InputError(
            f"{picture} is {width} x {height} pixels (width x height), and was {row['width']} x {row['height']} when "
            "the data was prepared. Put the original picture back, or prepare the data again."
        )
    reference = row["reference"]
    reference_image = reference and to_tensor(open_stored(EncodedPicture(reference["bytes"], row["id"]), []))
    return Instance(
        image=image,
        mask=_mask(row, "mask", image),
        class_name=row["class_name"],
        box=tuple(row["box"]),
        captions=row["captions"],
        source=row["source"],
        id=row["id"],
        licence=row["licence"],
        reference_image=reference_image,
        reference_mask=None if reference_image is None else _mask(row, "reference_mask", reference_image),
        attributes=json.loads(row["attributes"]),
        written=[Caption(**one) for one in row.get("written") or []],
        detail_mask=_mask(row, "detail_mask", image) if row.get("detail_mask") else None,
    )


def encoded(image: Tensor) -> bytes:
    """(3, H, W) uint8 as the bytes of a PNG."""
    buffer = BytesIO()
    PillowImage.fromarray(image.permute(1, 2, 0).contiguous().numpy()).save(buffer, "png")
    return buffer.getvalue()


def _run_lengths(mask: Tensor) -> dict[str, Any]:
    run_lengths = encode(mask)
    return {"size": list(run_lengths["size"]), "counts": run_lengths["counts"].decode()}


def _mask(row: dict[str, Any], column: str, picture: Tensor) -> Tensor:
    """(1, H, W) bool. A row may come from anywhere, so its mask is measured against its picture before it is made."""
    told, (height, width) = row[column] or {}, picture.shape[1:]
    try:
        if told.get("size") != [height, width]:
            raise BrokenOutlineError(f"is for {told.get('size')} (height, width), its picture {[height, width]}")
        return decode(from_counts(told["counts"], (height, width)))
    except BrokenOutlineError as error:
        raise InputError(f"The {column} of the object {row['id']!r} {error}. Prepare the data again.") from error


def columns_page() -> str:
    """`docs/prepared.md`: the columns in Markdown."""
    lines = [
        "# Prepared data",
        "",
        "`dreaminpainter prepare` writes one row an object. `objects/` opens with `datasets.load_from_disk`,",
        "`parquet/` (with `--parquet true`) with `datasets.load_dataset`; `manifest.json` tells where it came from,",
        "`left_out.parquet` which objects were left out and why.",
        "",
        "| column | what it holds |",
        "|---|---|",
        *(f"| `{name}` | {meaning} |" for name, (_, meaning) in COLUMNS.items()),
        "",
        "Parquet has one more:",
        "",
        "| column | what it holds |",
        "|---|---|",
        *(f"| `{name}` | {meaning} |" for name, (_, meaning) in PUBLISHED.items()),
        "",
        "Parquet files that are there are left as they are. To bring captions into them that were written since,",
        "delete `parquet/` and run the same `prepare` again.",
    ]
    return "\n".join(lines) + "\n"
