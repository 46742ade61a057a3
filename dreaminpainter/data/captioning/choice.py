"""One of several captioners, drawn for each sample."""

from dataclasses import replace

import torch
from torch import Tensor

from dreaminpainter.data.captioning.base import Captioner
from dreaminpainter.data.choices import checked_weights, draw_choice
from dreaminpainter.data.draws import key_of_its_own
from dreaminpainter.data.sources.base import Instance
from dreaminpainter.errors import SettingError


class ChoiceCaptioner(Captioner):
    """Captions each sample with one of several captioners, drawn from the sample's key.

    Args:
        captioners: the captioners to choose from.
        weights: how often each is chosen, in any unit; None for equally often.

    Raises:
        SettingError: there is no captioner, or the weights do not fit.

    Example:
        >>> from dreaminpainter.data.captioning import ClassNameCaptioner, DatasetCaptioner
        >>> image = torch.zeros(3, 4, 4, dtype=torch.uint8)
        >>> dog = Instance(image, image[:1] == 0, "dog", (0, 0, 4, 4), ["it runs"], "mine", "1", key=5)
        >>> either = ChoiceCaptioner([ClassNameCaptioner(), DatasetCaptioner()], weights=[0, 1])
        >>> either([dog.image], [dog])
        ['it runs']
    """

    def __init__(self, captioners: list[Captioner], weights: list[float] | None = None) -> None:
        super().__init__()
        checked_weights("ChoiceCaptioner", "captioners", len(captioners), weights)
        self.captioners = captioners
        self.weights = weights
        self._modules_of_captioners = torch.nn.ModuleList(captioners)  # so that they follow this one's device

    def load(self) -> None:
        for captioner in self.captioners:
            captioner.load()

    def forward(self, images: list[Tensor], instances: list[Instance]) -> list[str]:
        keys = [instance.key for instance in instances if instance.key is not None]
        if len(keys) < len(instances):
            raise SettingError("ChoiceCaptioner draws from Instance.key; set it, or name one captioner.")
        key = torch.tensor(keys, dtype=torch.int64)
        weights = checked_weights("ChoiceCaptioner", "captioners", len(self.captioners), self.weights)
        choice: list[int] = draw_choice(weights, key, "caption.choice").tolist()
        inner = key_of_its_own(key, "caption.chosen").tolist()
        texts = [""] * len(images)
        for index in sorted(set(choice)):
            rows = [row for row, chosen in enumerate(choice) if chosen == index]
            given = [replace(instances[row], key=inner[row]) for row in rows]
            for row, text in zip(rows, self.captioners[index]([images[row] for row in rows], given), strict=True):
                texts[row] = text
        return texts
