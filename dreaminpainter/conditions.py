"""What a fill is asked for, encoded: texts and subjects, brought to one a picture."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from dreaminpainter.encoding import check_prompts, encode_images, encode_texts
from dreaminpainter.errors import InputError
from dreaminpainter.preprocessing import Pictures, as_references, repeat_to
from dreaminpainter.types import Reference


@dataclass
class ConditionEncoder:
    """Encodes texts and references for the pipeline.

    Args:
        vae: the autoencoder.
        tokenizer: the text encoder's.
        text_encoder: CLIP's.
        device: where to compute; a part that is offloaded lies elsewhere until it is called.
    """

    vae: Any
    tokenizer: Any
    text_encoder: Any
    device: torch.device

    def texts(self, prompt: str | list[str] | None, embeds: Tensor | None, count: int) -> Tensor:
        """(B, T, D) states of `count` texts.

        Args:
            prompt: one text for all, or one each.
            embeds: (1 or B, T, D), their states where they are encoded already.
            count: how many fills are asked for, B.

        Raises:
            InputError: both or neither are given, their number does not fit, or a text is too long to be read.
        """
        if prompt is not None and embeds is not None:
            raise InputError("Both prompt and prompt_embeds are given. Give the one that shall be read.")
        if embeds is not None:
            if len(embeds) not in (1, count):
                raise InputError(
                    f"There are {len(embeds)} of prompt_embeds and {count} pictures. Give one, or one each."
                )
            return embeds.to(self.device).expand(count, -1, -1)
        if prompt is None:
            raise InputError("There is neither a prompt nor prompt_embeds. Say what the filled picture shows.")
        prompts = repeat_to([prompt] if isinstance(prompt, str) else prompt, count, "prompt")
        check_prompts(self.tokenizer, prompts)
        return encode_texts(self.tokenizer, self.text_encoder, prompts, self.device)

    def reference(self, given: Pictures | Reference, masks: Pictures | None, size: int, count: int) -> Reference:
        """The subjects, encoded, one a picture.

        Args:
            given: one for all, or one each; a `Reference` is used unchanged.
            masks: the subjects' masks.
            size: side in pixels that a reference is brought to.
            count: how many pictures there are, B.

        Raises:
            InputError: their number does not fit, or masks do not fit pictures.
        """
        if isinstance(given, Reference):
            pixels, subjects, text = given.pixels, given.mask, given.text
            encoded = given.latents
        else:
            pixels, subjects = as_references(given, masks, size)
            text, encoded = [""] * len(pixels), None
        if len(pixels) == 1:
            pixels, subjects, text = pixels.expand(count, -1, -1, -1), subjects.expand(count, -1, -1, -1), text * count
            encoded = None if encoded is None else encoded.expand(count, -1, -1, -1)
        if len(pixels) != count:
            raise InputError(
                f"There are {len(pixels)} of reference_image and {count} pictures. Give one for all, or one for each."
            )
        pixels = pixels.to(self.device)
        return Reference(
            pixels=pixels,
            mask=subjects.to(self.device),
            text=text,
            latents=encode_images(self.vae, pixels) if encoded is None else encoded.to(self.device),
            text_states=encode_texts(self.tokenizer, self.text_encoder, text, self.device),
        )
