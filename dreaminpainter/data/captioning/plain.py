"""Captions that need no network: the class's name, and what came with the picture."""

from typing import Literal

import torch
from torch import Tensor

from dreaminpainter.data.captioning.base import Captioner
from dreaminpainter.data.sources.base import Instance
from dreaminpainter.errors import InputError, SettingError
from dreaminpainter.randomness import integers


class ClassNameCaptioner(Captioner):
    """The object's class in a fixed sentence: the plainest baseline, which says nothing of the rest of the picture.

    Args:
        template: the sentence; `{class_name}` stands for the class.

    Raises:
        SettingError: the template does not hold `{class_name}`.

    Example:
        >>> import torch
        >>> dog = Instance(torch.zeros(3, 4, 4), torch.ones(1, 4, 4), "dog", (0, 0, 4, 4), [], "mine", "1")
        >>> ClassNameCaptioner()([dog.image], [dog])
        ['a photo of a dog']
    """

    def __init__(self, template: str = "a photo of a {class_name}") -> None:
        super().__init__()
        if "{class_name}" not in template:
            raise SettingError(
                f"The caption template {template!r} has no {{class_name}} in it. Put it where it belongs."
            )
        self.template = template

    def forward(self, images: list[Tensor], instances: list[Instance]) -> list[str]:
        return [self.template.replace("{class_name}", instance.class_name) for instance in instances]


class DatasetCaptioner(Captioner):
    """One of the captions that came with the picture.

    Args:
        choice: "first", or "random" for one drawn from the sample's key.

    Example:
        >>> import torch
        >>> words = ["a dog runs", "a brown dog"]
        >>> dog = Instance(torch.zeros(3, 4, 4), torch.ones(1, 4, 4), "dog", (0, 0, 4, 4), words, "mine", "1")
        >>> DatasetCaptioner(choice="first")([dog.image], [dog])
        ['a dog runs']
    """

    def __init__(self, choice: Literal["first", "random"] = "random") -> None:
        super().__init__()
        self.choice = choice

    def forward(self, images: list[Tensor], instances: list[Instance]) -> list[str]:
        for instance in instances:
            if not instance.captions:
                raise InputError(
                    f"The instance {instance.id!r} of {instance.source!r} came without captions. Use ClassNameCaptioner"
                    " or another captioner for this source, or put the source's caption files where it looks for them."
                )
        if self.choice == "first":
            return [instance.captions[0] for instance in instances]
        return [instance.captions[self._drawn(instance)] for instance in instances]

    def _drawn(self, instance: Instance) -> int:
        if instance.key is None:
            raise SettingError('DatasetCaptioner(choice="random") draws from Instance.key; set it, or use "first".')
        return int(integers(torch.tensor([instance.key]), 0, len(instance.captions), (), "caption"))
