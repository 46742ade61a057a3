"""Captions by BLIP (Li et al. 2022), which is what the paper trains on."""

from typing import Any, Literal

import torch
import transformers  # names of its networks are imported as they are used, which is quicker to start with
from torch import Tensor

from dreaminpainter.data.captioning.base import Captioner
from dreaminpainter.data.sources.base import Instance
from dreaminpainter.errors import MissingFileError, SettingError
from dreaminpainter.hub import REFUSALS


class BlipCaptioner(Captioner):
    """Captions by any BLIP checkpoint, read when first used and run where this module is.

    Beams and length are those of BLIP's own code. BLIP resizes every picture to one square, so pictures of any size
    make a batch.

    Args:
        model: name on the hub, or a folder that transformers wrote; weights are read from safetensors alone.
        prompt: words that every caption begins with; they stay in it, as transformers has it.
        num_beams: width of the beam search; 1 takes the likeliest word each time.
        max_new_tokens: greatest length of a caption in tokens, the prompt's not counted.
        dtype: what the network computes in.
        batch_size: how many pictures go through the network at once; None for as many as it is given.

    Raises:
        SettingError: a number is below 1.
    """

    pictures_alone = True

    def __init__(
        self,
        model: str = "Salesforce/blip-image-captioning-base",
        prompt: str | None = None,
        num_beams: int = 3,
        max_new_tokens: int = 30,
        dtype: Literal["float32", "bfloat16", "float16"] = "float32",
        batch_size: int | None = None,
    ) -> None:
        super().__init__()
        numbers = {"num_beams": num_beams, "max_new_tokens": max_new_tokens, "batch_size": batch_size}
        for name, number in numbers.items():
            if number is not None and number < 1:
                raise SettingError(f"BlipCaptioner: {name} is {number}; give 1 or more.")
        self.model = model
        self.prompt = prompt
        self.num_beams = num_beams
        self.max_new_tokens = max_new_tokens
        self.dtype = dtype
        self.batch_size = batch_size
        self._network: Any = None
        self._processor: Any = None
        self.register_buffer("_place", torch.empty(0), persistent=False)  # knows the device before there is a network

    @property
    def signed(self) -> str:
        """As for every captioner, `blip MODEL` in the place of the class; what changes no words is left out."""
        silent = ("model=", "dtype=", "batch_size=")
        return " ".join((f"blip {self.model}", *(one for one in self._changed() if not one.startswith(silent))))

    def load(self) -> None:
        """Reads network and processor, unless they were read before.

        Raises:
            MissingFileError: there is no such checkpoint, or it has no safetensors.
        """
        if self._network is not None:
            return
        try:
            network = transformers.BlipForConditionalGeneration.from_pretrained(
                self.model, dtype=getattr(torch, self.dtype), use_safetensors=True
            )
            self._processor = transformers.BlipProcessor.from_pretrained(self.model)
        except REFUSALS as error:
            raise MissingFileError(
                f"The captioner {self.model!r} is neither a folder with BLIP's config, processor and safetensors that "
                "transformers wrote, nor reachable on the hub. Give the folder's path, or download it where there is a "
                f"network and set HF_HOME to its cache. transformers says: {str(error).partition(chr(10))[0]}"
            ) from error
        self._network = network.requires_grad_(False).eval().to(self._place.device)

    @torch.no_grad()
    def forward(self, images: list[Tensor], instances: list[Instance]) -> list[str]:
        """One caption for each picture; `instances` are not looked at."""
        self.load()
        step = self.batch_size or max(1, len(images))
        return [text for at in range(0, len(images), step) for text in self._describe(images[at : at + step])]

    def _describe(self, images: list[Tensor]) -> list[str]:
        device = self._network.device
        inputs = self._processor(
            images=[image.to(device) for image in images],
            text=None if self.prompt is None else [self.prompt] * len(images),
            return_tensors="pt",
        ).to(device)
        tokens = self._network.generate(**inputs, num_beams=self.num_beams, max_new_tokens=self.max_new_tokens)
        texts: list[str] = self._processor.batch_decode(tokens, skip_special_tokens=True)
        return [text.strip() for text in texts]
