"""Critters: scenes of cartoon creatures, drawn when they are asked for."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from dreaminpainter.data.critters.attributes import Codes, draw_codes, redraw_look, words
from dreaminpainter.data.critters.captions import CLASS_NAME, captions
from dreaminpainter.data.critters.drawing import boxes_of, draw_reference, draw_scene
from dreaminpainter.data.critters.layout import draw_layout
from dreaminpainter.data.sources.base import Instance, SegmentationSource
from dreaminpainter.errors import SettingError
from dreaminpainter.levels import to_levels
from dreaminpainter.randomness import sample_key

_POINTS = 2**18
"""How many points a CPU draws at a time; what they need stays within its cache."""


@dataclass(frozen=True)
class Drawing:
    """A batch of drawn scenes with their references.

    Args:
        image: (B, 3, S, S) in [-1, 1].
        mask: (B, 1, S, S) in {0, 1}, what is seen of the critter and its hat.
        marks: (B, 1, S, S) in {0, 1}, every pixel that its mark touches.
        reference_image: (B, 3, R, R) in [-1, 1], the subject alone on white, in the middle.
        reference_mask: (B, 1, R, R) in {0, 1}.
        box: (B, 4) float32, (left, top, right, bottom) of `mask` in pixels.
        subject_box: (B, 4) float32, the same of critter, hat and ride together.
        captions: two or more a scene.
        attributes: the scene's attributes in words.
        attribute_codes: the same as (B,) int64 each, on the drawing's device.
        reference_codes: what the reference shows, likewise; in cross view with a hat, mouth and pose of its own.
    """

    image: Tensor
    mask: Tensor
    marks: Tensor
    reference_image: Tensor
    reference_mask: Tensor
    box: Tensor
    subject_box: Tensor
    captions: list[list[str]]
    attributes: list[dict[str, str]]
    attribute_codes: Codes
    reference_codes: Codes

    def __len__(self) -> int:
        return len(self.captions)


class CrittersSource(SegmentationSource):
    """Drawn scenes of creatures whose every attribute is known.

    Identity (body, palette, pattern, eyes, marks) can be told by the reference alone; captions tell hat, mouth, pose,
    ride, place, weather and time of day. All are drawn independently. No identity is in two splits. The drawing is our
    own; nothing of it is the paper's.

    Args:
        size: side of a scene in pixels.
        reference_size: side of a reference in pixels.
        count: how many scenes there are.
        split: train, validation or test.
        view: "same": the reference shows the subject as in the scene, with the same hat, mouth and pose (Fig. 2);
            "cross": with a hat, mouth and pose of its own, drawn independently.
        seed: other seeds give other scenes; which identities a split has is the same for all.
        supersample: points per pixel of a scene, along each side, that the pixel's colour is the mean of.
        reference_supersample: the same of a reference; large ones need no more than 1.

    Raises:
        SettingError: a size, the count or a number of points is below 1 (sizes: below 16).

    Example:
        >>> source = CrittersSource(size=64, count=100)
        >>> batch = source.draw(torch.tensor([3, 14]))
        >>> batch.image.shape, batch.reference_image.shape
        (torch.Size([2, 3, 64, 64]), torch.Size([2, 3, 128, 128]))
        >>> source[3].captions == batch.captions[0]
        True
    """

    name = "critters"

    def __init__(
        self,
        size: int = 128,
        reference_size: int = 128,
        count: int = 10_000,
        split: Literal["train", "validation", "test"] = "train",
        view: Literal["same", "cross"] = "same",
        seed: int = 0,
        supersample: int = 2,
        reference_supersample: int = 2,
    ) -> None:
        least = {
            "size": (size, 16),
            "reference_size": (reference_size, 16),
            "count": (count, 1),
            "supersample": (supersample, 1),
            "reference_supersample": (reference_supersample, 1),
        }
        for name, (value, low) in least.items():
            if value < low:
                raise SettingError(f"CrittersSource: {name} is {value}; give {low} or more.")
        choices = {"split": (split, ("train", "validation", "test")), "view": (view, ("same", "cross"))}
        for name, (choice, known) in choices.items():
            if choice not in known:
                raise SettingError(f"CrittersSource: {name} is {choice!r}; give one of {', '.join(known)}.")
        self.size = size
        self.reference_size = reference_size
        self.count = count
        self.split = split
        self.view = view
        self.seed = seed
        self.supersample = supersample
        self.reference_supersample = reference_supersample

    def __len__(self) -> int:
        return self.count

    def id_of(self, index: int) -> str:
        return f"{self.split}-{self.seed}-{self._checked(index)}"

    def reference_content_of(self, index: int) -> None:
        """References are drawn for their own instances alone."""

    def __getitem__(self, index: int) -> Instance:
        return self.load([index])[0]

    def load(self, indices: list[int]) -> list[Instance]:
        """The instances at `indices`, drawn together.

        Raises:
            IndexError: an index is not within 0 to `len(self) - 1`.
        """
        drawing = self.draw(torch.tensor(indices, dtype=torch.int64))
        images, references = to_levels(drawing.image), to_levels(drawing.reference_image)
        masks, reference_masks = drawing.mask.bool(), drawing.reference_mask.bool()
        details, boxes = drawing.marks.bool(), drawing.box.tolist()
        return [
            Instance(
                image=images[k],
                mask=masks[k],
                class_name=CLASS_NAME,
                box=tuple(boxes[k]),
                captions=drawing.captions[k],
                source=self.name,
                id=self.id_of(index),
                reference_image=references[k],
                reference_mask=reference_masks[k],
                attributes=drawing.attributes[k],
                detail_mask=details[k],
            )
            for k, index in enumerate(indices)
        ]

    def draw(self, ids: Tensor, device: torch.device | str = "cpu") -> Drawing:
        """Draws scenes, the same ones for the same ids in whatever batch.

        Args:
            ids: (B,) int64, 0 to `len(self) - 1`.
            device: where to draw; only captions are made on the host.

        Raises:
            IndexError: an id is not within 0 to `len(self) - 1`.
        """
        indices = [self._checked(index) for index in ids.tolist()]
        keys = torch.tensor([sample_key(self.seed, self.name, self.split, str(index)) for index in indices])
        codes = draw_codes(keys, self.split)
        attributes = words(codes)
        texts = captions(attributes, keys)
        layout = draw_layout(keys).to(device)
        look = _to(redraw_look(codes, keys) if self.view == "cross" else codes, device)
        codes = _to(codes, device)
        scenes = [
            draw_scene(_take(codes, part), layout[part], self.size, self.supersample)
            for part in _parts(len(indices), self.size * self.supersample, device)
        ]
        references = [
            draw_reference(_take(look, part), self.reference_size, self.reference_supersample)
            for part in _parts(len(indices), self.reference_size * self.reference_supersample, device)
        ]
        mask = torch.cat([scene.mask for scene in scenes])
        return Drawing(
            image=torch.cat([scene.image for scene in scenes]),
            mask=mask,
            marks=torch.cat([scene.marks for scene in scenes]),
            reference_image=torch.cat([image for image, _ in references]),
            reference_mask=torch.cat([mask for _, mask in references]),
            box=boxes_of(mask > 0.5),
            subject_box=torch.cat([scene.subject_box for scene in scenes]),
            captions=texts,
            attributes=attributes,
            attribute_codes=codes,
            reference_codes=look,
        )

    def _checked(self, index: int) -> int:
        if not 0 <= index < self.count:
            raise IndexError(f"Scene {index} of a source of {self.count}.")
        return index


def _parts(count: int, side: int, device: torch.device | str) -> list[slice]:
    """What of `count` pictures of `side` points is drawn together: all on an accelerator."""
    on_host = torch.device(device).type == "cpu"
    step = max(1, _POINTS // side**2) if on_host else max(1, count)
    return [slice(start, start + step) for start in range(0, count, step)]


def _take(codes: Codes, part: slice) -> Codes:
    return {name: code[part] for name, code in codes.items()}


def _to(codes: Codes, device: torch.device | str) -> Codes:
    return {name: code.to(device) for name, code in codes.items()}
