"""Captions that were written beside the data, by a captioner or a person."""

from typing import Literal

from torch import Tensor

from dreaminpainter.data.captioning.base import Captioner
from dreaminpainter.data.sources.base import HUMAN, Caption, Instance
from dreaminpainter.errors import InputError


class StoredCaptioner(Captioner):
    """Reads `Instance.written`, which prepared data fills from the captions beside it.

    Parquet files that are streamed hold the captions that were there when they were made.

    Args:
        of: "picture" for captions of the whole picture, "object" for those of the object's crop.
        by: only captions signed so, such as "blip Salesforce/blip-image-captioning-base"; None takes the newest. A
            person's caption comes before any captioner's, also where `by` names one.

    Example:
        >>> import torch
        >>> image = torch.zeros(3, 4, 4, dtype=torch.uint8)
        >>> dog = Instance(image, image[:1] == 0, "dog", (0, 0, 4, 4), [], "mine", "1")
        >>> dog.written = [Caption("a dog runs", of="picture", by="blip"), Caption("a dog", of="object", by="blip")]
        >>> StoredCaptioner(of="object")([dog.image], [dog])
        ['a dog']
    """

    def __init__(self, of: Literal["picture", "object"] = "picture", by: str | None = None) -> None:
        super().__init__()
        self.of = of
        self.by = by

    def forward(self, images: list[Tensor], instances: list[Instance]) -> list[str]:
        return [self._caption(instance).text for instance in instances]

    def _caption(self, instance: Instance) -> Caption:
        fitting = [one for one in instance.written if one.of == self.of and self.by in (None, one.by)]
        persons = [one for one in instance.written if one.of == self.of and one.by == HUMAN]
        if not (persons or fitting):
            signed = "" if self.by is None else f" by {self.by!r}"
            raise InputError(
                f"The instance {instance.id!r} of {instance.source!r} has no written caption of the {self.of}{signed}. "
                "Write them with `dreaminpainter caption DIR`, where DIR is the folder of the prepared data, or use "
                "another captioner. Where Parquet files are streamed that were made before their captions, make them "
                "anew: delete DIR/parquet, and run `dreaminpainter prepare ... --parquet true` again."
            )
        return (persons or fitting)[0]
