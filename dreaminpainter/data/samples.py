"""From instances to a batch: crop, hole, reference and caption, each drawn from the sample's key."""

from copy import copy
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import default_collate

from dreaminpainter.components import describe
from dreaminpainter.cutout import cut_out
from dreaminpainter.data.captioning import Captioner
from dreaminpainter.data.degradation import MaskDegradation, NoDegradation
from dreaminpainter.data.draws import key_of_its_own
from dreaminpainter.data.framing import Framed, Framing
from dreaminpainter.data.masking import MaskGenerator
from dreaminpainter.data.references import NoAugmentation, ReferenceAugmentation, ReferenceBackground, White
from dreaminpainter.data.sources.base import CachedLatents, Instance
from dreaminpainter.errors import SettingError
from dreaminpainter.levels import from_levels
from dreaminpainter.randomness import integers, sample_key
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
            instances: its samples; their keys are told by source, id and epoch.
            sources: what the run calls the source of each.
            epochs: how many passes over its source came before, for each; its draws depend on that.
            step: the optimizer step that the batch is for.

        Raises:
            InputError: an instance cannot be made into a sample.
            SettingError: cached latents are of other settings, or only some instances have them.
        """
        names = [(instance.source, instance.id) for instance in instances]
        own = [sample_key(self.seed, *name, epoch=epoch) for name, epoch in zip(names, epochs, strict=True)]
        # Not set in the records themselves: a source may keep these, and one of few comes twice in a batch.
        instances = [copy(instance) for instance in instances]
        for instance, number in zip(instances, own, strict=True):
            instance.key = number
        key = torch.tensor(own)
        keys = reference_keys = list(torch.split(key, 1))
        latents = self._cached(instances)
        if latents:
            # Each from its own number of variants, which sources may have different ones of.
            variant = [
                int(integers(one, 0, len(cached.references), (), "latents.variant"))
                for one, cached in zip(keys, latents, strict=True)
            ]
            keys = [scene_key(instance) for instance in instances]
            reference_keys = [variant_key(instance, one) for instance, one in zip(instances, variant, strict=True)]
        instances = self.degraded(instances, keys)
        scenes = self.scenes(instances, keys)
        object_mask = _stacked([scene.object_mask for scene in scenes])
        reference = self.references(instances, reference_keys)
        if latents:
            chosen = [one.references[number] for one, number in zip(latents, variant, strict=True)]
            reference = replace(reference, latents=torch.stack(chosen))
        return Batch(
            image=_stacked([from_levels(scene.image) for scene in scenes]),
            mask=self.mask(object_mask, key, step),
            reference=reference,
            class_name=[instance.class_name for instance in instances],
            caption=self.captioner([scene.image for scene in scenes], instances),
            source=sources,
            id=[instance.id for instance in instances],
            key=key,
            latents=torch.stack([one.scene for one in latents]) if latents else None,
            attributes=[instance.attributes for instance in instances],
            detail_mask=_stacked([scene.details for scene in scenes]),
        )

    def degraded(self, instances: list[Instance], keys: list[Tensor]) -> list[Instance]:
        """The instances with worse masks, those of reference pictures too, as the keys (1,) say."""
        worse = [copy(instance) for instance in instances]
        for instance, key in zip(worse, keys, strict=True):
            instance.mask = self._worse(instance.mask, key)
            if instance.reference_mask is not None:
                # Who outlined the other picture made mistakes of their own.
                instance.reference_mask = self._worse(instance.reference_mask, key_of_its_own(key, "degradation.other"))
        return worse

    def scenes(self, instances: list[Instance], keys: list[Tensor]) -> list[Framed]:
        """The instances framed as the keys (1,) say."""
        return [self.framing(instance, *self.size, key) for instance, key in zip(instances, keys, strict=True)]

    def references(self, instances: list[Instance], keys: list[Tensor]) -> Reference:
        """The subjects cut out, on their backgrounds, augmented as the keys (1,) say."""
        made = []
        for instance, key in zip(instances, keys, strict=True):
            image, mask = instance.subject
            pixels, subject = cut_out(image, mask, self.reference_size, background=self.background(image, mask, key))
            # One by one: what is augmented stays within the processor's cache.
            made.append(self.augmentation(pixels[None], subject[None], key))
        pixels_B, masks_B = (_stacked([part[0] for part in parts]) for parts in zip(*made, strict=True))
        return Reference(pixels=pixels_B, mask=masks_B, text=[""] * len(instances))

    def settings(self) -> dict[str, Any]:
        """What scenes and references are made from besides the instance and its key."""
        components = {
            "augmentation": self.augmentation,
            "framing": self.framing,
            "background": self.background,
            "degradation": self.degradation,
        }
        sizes = {"size": list(self.size), "reference_size": self.reference_size}
        return sizes | {name: describe(component) for name, component in components.items()}

    def _worse(self, mask: Tensor, key: Tensor) -> Tensor:
        worse: Tensor = self.degradation(mask[None].float(), key)
        return worse[0].bool()

    def _cached(self, instances: list[Instance]) -> list[CachedLatents]:
        """The instances' cached latents; none where they have none."""
        latents = [instance.latents for instance in instances if instance.latents is not None]
        if not latents:
            return []
        if len(latents) < len(instances):
            raise SettingError("Some sources have cached latents and others have none. Cache all of them, or none.")
        # All instances of a source have one record of the settings, so there are few to compare.
        made = {
            id(one.settings): (one.settings, instance.source) for one, instance in zip(latents, instances, strict=True)
        }
        for settings, source in made.values():
            wanted = self.settings() | {"autoencoder": latents[0].settings.get("autoencoder")}
            refuse_other_settings(settings, wanted, f"of {source!r}")
        return latents


def refuse_other_settings(made: dict[str, Any], wanted: dict[str, Any], which: str) -> None:
    """Refuses cached latents that were made from something else.

    Raises:
        SettingError: names what differs.
    """
    different = [f"{name} {made.get(name)}, not {wanted[name]}" for name in wanted if made.get(name) != wanted[name]]
    if different:
        raise SettingError(
            f"The cached latents {which} were made with {'; '.join(different)}. Use the same settings, cache the "
            "latents anew in place of these, or train without them."
        )


def _stacked(tensors: list[Tensor]) -> Tensor:
    """One batch of all; in a loader's worker straight into the memory that it shares, which saves a copy."""
    batch: Tensor = default_collate(tensors)
    return batch


def scene_key(instance: Instance) -> Tensor:
    """(1,) int64, what the crop of a scene with cached latents is drawn from, the same in every epoch and run."""
    return torch.tensor([sample_key(0, "latents.scene", instance.source, instance.id)])


def variant_key(instance: Instance, variant: int) -> Tensor:
    """(1,) int64, what a variant of a reference with cached latents is drawn from, likewise."""
    return torch.tensor([sample_key(0, "latents.reference", instance.source, instance.id, epoch=variant)])
