"""From instances to a batch: crop, hole, reference, caption."""

from dataclasses import dataclass

import torch
from torch.utils.data import Dataset

from dreaminpainter.cutout import cut_out
from dreaminpainter.data.captioning import Captioner
from dreaminpainter.data.framing import Framing
from dreaminpainter.data.masking import MaskGenerator
from dreaminpainter.data.references import ReferenceAugmentation
from dreaminpainter.data.sources.base import Instance, SegmentationSource
from dreaminpainter.randomness import sample_key
from dreaminpainter.types import Batch, Reference


@dataclass(frozen=True)
class Pick:
    """One instance at one epoch."""

    source: str
    index: int
    epoch: int


class InpaintingDataset(Dataset[Batch]):
    """Makes whole batches, so that a drawn source can draw a batch at once.

    Args:
        sources: by the name that samplers pick them with.
        size: (height, width) of the scenes in pixels.
        reference_size: side of the references in pixels.
        mask: makes holes from objects.
        captioner: describes whole pictures.
        augmentation: changes references.
        seed: the run's seed.
    """

    def __init__(
        self,
        sources: dict[str, SegmentationSource],
        size: tuple[int, int],
        reference_size: int,
        mask: MaskGenerator,
        captioner: Captioner,
        augmentation: ReferenceAugmentation,
        seed: int = 0,
    ) -> None:
        self.sources = sources
        self.size = size
        self.reference_size = reference_size
        self.mask = mask
        self.captioner = captioner
        self.augmentation = augmentation
        self.seed = seed

    def __getitem__(self, pick: Pick) -> Batch:
        """A batch of one."""
        return self.__getitems__([pick])

    def __getitems__(self, picks: list[Pick]) -> Batch:
        """A batch of `picks`, in their order. torch's DataLoader calls this for all of a batch at once."""
        instances = self._load(picks)
        for pick, instance in zip(picks, instances, strict=True):
            instance.key = sample_key(self.seed, instance.source, instance.id, epoch=pick.epoch)
        key = torch.tensor([instance.key for instance in instances])
        framing = Framing()
        framed = [
            framing(instance, *self.size, key=one) for instance, one in zip(instances, torch.split(key, 1), strict=True)
        ]
        image = torch.stack([one.image for one in framed])
        return Batch(
            image=image,
            mask=self.mask(torch.stack([one.object_mask for one in framed]), key),
            reference=self._references(instances, key),
            class_name=[instance.class_name for instance in instances],
            caption=self.captioner([((one + 1) * 127.5).round().to(torch.uint8) for one in image], instances),
            source=[pick.source for pick in picks],
            id=[instance.id for instance in instances],
            key=key,
        )

    def _load(self, picks: list[Pick]) -> list[Instance]:
        loaded: dict[int, Instance] = {}
        for name in dict.fromkeys(pick.source for pick in picks):
            places = [place for place, pick in enumerate(picks) if pick.source == name]
            instances = self.sources[name].load([picks[place].index for place in places])
            loaded.update(zip(places, instances, strict=True))
        return [loaded[place] for place in range(len(picks))]

    def _references(self, instances: list[Instance], key: torch.Tensor) -> Reference:
        cut = [
            cut_out(
                instance.image if instance.reference_image is None else instance.reference_image,
                instance.mask if instance.reference_mask is None else instance.reference_mask,
                self.reference_size,
            )
            for instance in instances
        ]
        pixels, masks = (torch.stack(part) for part in zip(*cut, strict=True))
        pixels, masks = self.augmentation(pixels, masks, key)
        return Reference(pixels=pixels, mask=masks, text=[""] * len(instances))
