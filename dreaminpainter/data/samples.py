"""From instances to a batch: crop, hole, reference and caption, each drawn from the sample's key."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from dreaminpainter.cutout import cut_out
from dreaminpainter.data.captioning import Captioner
from dreaminpainter.data.degradation import MaskDegradation, NoDegradation
from dreaminpainter.data.framing import Framing
from dreaminpainter.data.masking import MaskGenerator
from dreaminpainter.data.references import NoAugmentation, ReferenceAugmentation, ReferenceBackground, White
from dreaminpainter.data.sources.base import Instance
from dreaminpainter.randomness import sample_key
from dreaminpainter.types import Batch, Reference


@dataclass
class SampleMaker:
    """Makes a batch of instances.

    Args:
        size: (height, width) of the scenes in pixels.
        reference_size: side of the references in pixels.
        mask: makes holes from objects.
        captioner: describes whole pictures.
        augmentation: changes references.
        framing: crops scenes.
        background: what lies behind the subject of a reference.
        degradation: makes the outlines of objects worse, before anything else sees them.
        seed: the run's seed.
    """

    size: tuple[int, int]
    reference_size: int
    mask: MaskGenerator
    captioner: Captioner
    augmentation: ReferenceAugmentation = field(default_factory=NoAugmentation)
    framing: Framing = field(default_factory=Framing)
    background: ReferenceBackground = field(default_factory=White)
    degradation: MaskDegradation = field(default_factory=NoDegradation)
    seed: int = 0

    def __call__(self, instances: list[Instance], sources: list[str], epochs: list[int], step: int = 0) -> Batch:
        """The batch.

        Args:
            instances: its samples. Their masks are made worse and their keys are set.
            sources: what the run calls the source of each.
            epochs: the epoch of each, which its draws depend on.
            step: the optimizer step that the batch is for.

        Raises:
            InputError: an instance cannot be made into a sample.
        """
        for instance, epoch in zip(instances, epochs, strict=True):
            instance.key = sample_key(self.seed, instance.source, instance.id, epoch=epoch)
        key = torch.tensor([instance.key for instance in instances])
        keys = list(torch.split(key, 1))
        for instance, one in zip(instances, keys, strict=True):
            instance.mask = self.degradation(instance.mask[None].float(), one)[0].bool()
        image, object_mask = self.scenes(instances, keys)
        return Batch(
            image=image,
            mask=self.mask(object_mask, key, step),
            reference=self.references(instances, keys),
            class_name=[instance.class_name for instance in instances],
            caption=self.captioner([((one + 1) * 127.5).round().to(torch.uint8) for one in image], instances),
            source=sources,
            id=[instance.id for instance in instances],
            key=key,
        )

    def scenes(self, instances: list[Instance], keys: list[Tensor]) -> tuple[Tensor, Tensor]:
        """(B, 3, H, W) scenes in [-1, 1], and (B, 1, H, W) object masks in {0, 1}, framed as the keys (1,) say."""
        framed = [self.framing(instance, *self.size, key) for instance, key in zip(instances, keys, strict=True)]
        return torch.stack([one.image for one in framed]), torch.stack([one.object_mask for one in framed])

    def references(self, instances: list[Instance], keys: list[Tensor]) -> Reference:
        """The subjects cut out, on their backgrounds, augmented as the keys (1,) say."""
        cut = []
        for instance, key in zip(instances, keys, strict=True):
            image, mask = instance.subject
            cut.append(cut_out(image, mask, self.reference_size, background=self.background(image, mask, key)))
        pixels, masks = (torch.stack(part) for part in zip(*cut, strict=True))
        pixels, masks = self.augmentation(pixels, masks, torch.cat(keys))
        return Reference(pixels=pixels, mask=masks, text=[""] * len(instances))
