"""The paper's sampling as a diffusers pipeline: validation, prediction and the command all go through it."""

from dataclasses import dataclass
from inspect import signature
from typing import Any, Self

import torch
from diffusers import DiffusionPipeline
from diffusers.utils import BaseOutput, logging
from diffusers.utils.torch_utils import randn_tensor
from torch import Tensor

import dreaminpainter.parts  # noqa: F401  diffusers loads only classes of imported modules: our autoencoders are there
from dreaminpainter.adapter import SubjectAdapter
from dreaminpainter.diffusion import compose_inside, mask_to_latents
from dreaminpainter.encoding import (
    check_prompts,
    decode_latents,
    downscaling,
    encode_images,
    encode_texts,
    size_multiple,
)
from dreaminpainter.errors import InputError, SettingError
from dreaminpainter.guidance import Branches
from dreaminpainter.network import Subject, SubjectInpainter
from dreaminpainter.preprocessing import (
    Pictures,
    as_masks,
    as_pictures,
    as_references,
    paste,
    repeat_to,
    resize,
    resize_masks,
    to_output,
    working_size,
)
from dreaminpainter.pretrained import packaged
from dreaminpainter.randomness import normal
from dreaminpainter.types import Batch, Reference
from dreaminpainter.unet import SubjectUNet, adopt

logger = logging.get_logger(__name__)


@dataclass
class DreamInpainterOutput(BaseOutput):
    """What a call returns.

    Args:
        images: the filled pictures, as `output_type` says.
        reference: the subjects as the network saw them, (B, 3, S, S) in [-1, 1].
        subject: features and selection of each reference.
    """

    images: Any
    reference: Tensor
    subject: Subject


class DreamInpainterPipeline(DiffusionPipeline):
    """Fills the white of a mask with the subject of a reference picture, doing what the text says.

    Args:
        vae: the autoencoder.
        text_encoder: CLIP's text encoder.
        tokenizer: its tokenizer.
        unet: the inpainting UNet; a stock one is given the ability to be read.
        scheduler: any diffusers scheduler of DDIM's family.
        adapter: what the method adds to them.
        network: UNet and adapter joined already, where they train; made of the two otherwise.
    """

    model_cpu_offload_seq = "text_encoder->adapter->unet->vae"

    def __init__(
        self,
        vae: Any,
        text_encoder: Any,
        tokenizer: Any,
        unet: SubjectUNet,
        scheduler: Any,
        adapter: SubjectAdapter,
        network: SubjectInpainter | None = None,
    ) -> None:
        super().__init__()
        self.network = network or SubjectInpainter.of(adopt(unet), adapter)
        self.register_modules(
            vae=vae, text_encoder=text_encoder, tokenizer=tokenizer, unet=unet, scheduler=scheduler, adapter=adapter
        )

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str, **kwargs: Any) -> Self:
        """A saved pipeline: a folder, a name on the hub, or `critters` for the model that comes with the package.

        All of it is loaded in float32, whatever the files hold, unless `torch_dtype` says otherwise.

        Example:
            >>> DreamInpainterPipeline.from_pretrained("critters").adapter.config.image_size
            [64, 64]
        """
        # By themselves diffusers' parts would come in float32, transformers' as they were saved.
        kwargs.setdefault("torch_dtype", torch.float32)
        pipeline: Self = super().from_pretrained(packaged(str(pretrained_model_name_or_path)), **kwargs)
        return pipeline

    @torch.no_grad()
    def __call__(
        self,
        prompt: str | list[str] | None,
        image: Pictures,
        mask_image: Pictures,
        reference_image: Pictures | Reference,
        reference_mask: Pictures | None = None,
        height: int | None = None,
        width: int | None = None,
        num_inference_steps: int | None = None,
        guidance_scale: float | None = None,
        reference_scale: float = 1.0,
        k: int | None = None,
        keys: Tensor | None = None,
        generator: torch.Generator | list[torch.Generator] | None = None,
        latents: Tensor | None = None,
        prompt_embeds: Tensor | None = None,
        output_type: str = "pil",
    ) -> DreamInpainterOutput:
        """Fills.

        Args:
            prompt: what the filled picture shows, one text or one a picture; None where `prompt_embeds` is given.
            image: the scenes: PIL, numpy (H, W, C) or tensor (C, H, W), single, stacked or a list.
            mask_image: the holes, white is filled; each of its picture's size.
            reference_image: the subjects; cut out on white where `reference_mask` is given, else taken as they are. A
                `Reference`, as the data side prepares it, is used unchanged.
            reference_mask: the subjects' masks, each of its reference's size.
            height: height in pixels that the network works at; by default about the trained area, in the picture's
                shape.
            width: likewise.
            num_inference_steps: denoising steps, 1 and above; by default what the model was made for.
            guidance_scale: w of eq. 5, along the text only; 1 switches guidance off. By default what the model was made
                for; the paper's is 7.5.
            reference_scale: guidance along the reference (our addition): 1 is eq. 5; other values need a model that was
                trained with reference dropout.
            k: how many tokens to choose instead of the trained K.
            keys: (B,) int64, what a selector that draws, such as `RandomTokens`, starts from; 0 for all by default.
            generator: where the noise comes from, one or one a picture.
            latents: the noise itself, (B, C, h, w).
            prompt_embeds: (B, T, D), the states of texts that are encoded already.
            output_type: "pil", "np", "pt" in [0, 1], or "latent".

        Raises:
            InputError: pictures, masks or prompts that do not fit together.
            SettingError: settings out of range.
        """
        made_for = self.adapter.config
        num_inference_steps = made_for.num_inference_steps if num_inference_steps is None else num_inference_steps
        guidance_scale = made_for.guidance_scale if guidance_scale is None else guidance_scale
        if num_inference_steps < 1:
            raise SettingError(f"num_inference_steps={num_inference_steps}; it must be 1 or more.")
        if prompt is not None and prompt_embeds is not None:
            raise InputError("Both prompt and prompt_embeds are given. Give the one that shall be read.")
        if reference_scale != 1 and not made_for.reference_dropout:
            logger.warning("This model was trained without reference dropout, so reference_scale has no sure meaning.")
        device = self._execution_device
        pictures = [picture.to(device) for picture in as_pictures(image, channels=3)]
        masks = [mask.to(device) for mask in as_masks(mask_image, pictures)]
        text = self._encode_prompts(prompt, len(pictures)) if prompt_embeds is None else prompt_embeds.to(device)

        size = self._working_size(pictures, height, width)
        scene, hole = resize(pictures, size) * 2 - 1, resize_masks(masks, size)
        if self.network.input_form.blank_hole:
            scene_latents = encode_images(self.vae, scene * (1 - hole))
        else:
            scene_latents = encode_images(self.vae, scene)
        hole_latents = mask_to_latents(hole, scene_latents.shape[-2:])

        reference = self._reference(reference_image, reference_mask, len(pictures), device)
        keys = torch.zeros(len(pictures), dtype=torch.int64) if keys is None else keys
        subject = self.network.read(reference, keys.to(device), k)
        empty = encode_texts(self.tokenizer, self.text_encoder, [""] * len(pictures))
        branches = Branches.of(self.network, subject.tokens, text, empty, guidance_scale, reference_scale)

        self.scheduler.set_timesteps(num_inference_steps, device=device)
        if latents is None:
            latents = randn_tensor(scene_latents.shape, generator, device, scene_latents.dtype)
        latents = latents.to(device) * self.scheduler.init_noise_sigma
        drawing = {"generator": generator} if "generator" in signature(self.scheduler.step).parameters else {}
        for timestep in self.progress_bar(self.scheduler.timesteps):
            # Composed after scaling: a scheduler such as Euler would divide the clean scene too.
            scaled = self.scheduler.scale_model_input(latents, timestep)
            prediction = branches.predict(self.network, scaled, hole_latents, scene_latents, timestep)
            # The arithmetic of the scheduler stays in the latents' float32, whatever the networks' precision.
            latents = self.scheduler.step(prediction.to(latents.dtype), timestep, latents, **drawing).prev_sample
        latents = compose_inside(latents, scene_latents, hole_latents)

        if output_type == "latent":
            images: Any = latents
        else:
            fills = decode_latents(self.vae, latents) / 2 + 0.5
            images = to_output(paste(fills, pictures, masks), output_type)
        self.maybe_free_model_hooks()
        return DreamInpainterOutput(images=images, reference=reference.pixels, subject=subject)

    def _encode_prompts(self, prompt: str | list[str] | None, count: int) -> Tensor:
        if prompt is None:
            raise InputError("There is neither a prompt nor prompt_embeds. Say what the filled picture shows.")
        prompts = repeat_to([prompt] if isinstance(prompt, str) else prompt, count, "prompt")
        check_prompts(self.tokenizer, prompts)
        return encode_texts(self.tokenizer, self.text_encoder, prompts)

    def _working_size(self, pictures: list[Tensor], height: int | None, width: int | None) -> tuple[int, int]:
        multiple = size_multiple(self.vae, self.unet)
        sizes = {working_size(picture, self.adapter.config.image_size, multiple) for picture in pictures}
        if height is None and width is None and len(sizes) > 1:
            raise InputError("The pictures differ in shape. Give height and width for all, or fill them one by one.")
        default_height, default_width = sizes.pop()
        wanted = {
            "height": default_height if height is None else height,
            "width": default_width if width is None else width,
        }
        for name, side in wanted.items():
            if side < multiple or side % multiple:
                raise SettingError(f"{name}={side} is not divisible by {multiple}, as this model needs it.")
        return wanted["height"], wanted["width"]

    def _reference(
        self, given: Pictures | Reference, masks: Pictures | None, count: int, device: torch.device
    ) -> Reference:
        if isinstance(given, Reference):
            pixels, subjects, text = given.pixels, given.mask, given.text
            encoded = given.latents
        else:
            pixels, subjects = as_references(given, masks, self.adapter.config.reference_size)
            text, encoded = [""] * len(pixels), None
        if len(pixels) == 1:
            pixels, subjects, text = pixels.expand(count, -1, -1, -1), subjects.expand(count, -1, -1, -1), text * count
            encoded = None if encoded is None else encoded.expand(count, -1, -1, -1)
        if len(pixels) != count:
            raise InputError(
                f"There are {len(pixels)} of reference_image and {count} pictures. Give one for all, or one for each."
            )
        pixels = pixels.to(device)
        return Reference(
            pixels=pixels,
            mask=subjects.to(device),
            text=text,
            latents=encode_images(self.vae, pixels) if encoded is None else encoded.to(device),
            text_states=encode_texts(self.tokenizer, self.text_encoder, text),
        )


@torch.no_grad()
def fill_batch(pipeline: DreamInpainterPipeline, batch: Batch, **settings: Any) -> DreamInpainterOutput:
    """Fills the holes of a training batch, from noise that the samples' keys decide.

    Args:
        pipeline: what fills.
        batch: B samples; the text is their caption.
        settings: further arguments of the call, such as `guidance_scale`.

    Returns:
        The pipeline's output, its images (B, 3, H, W) in [0, 1].
    """
    factor = downscaling(pipeline.vae)
    height, width = batch.image.shape[-2:]
    shape = (pipeline.unet.config.out_channels, height // factor, width // factor)
    output: DreamInpainterOutput = pipeline(
        **{
            # Encoded here, since captions of a dataset may be longer than the encoder reads; a prompt may not.
            "prompt": None,
            "prompt_embeds": encode_texts(pipeline.tokenizer, pipeline.text_encoder, batch.caption),
            "image": batch.image / 2 + 0.5,
            "mask_image": batch.mask,
            "reference_image": batch.reference,
            "height": height,
            "width": width,
            "keys": batch.key,
            "latents": normal(batch.key, shape, "sampling"),
            "output_type": "pt",
            **settings,
        }
    )
    return output
