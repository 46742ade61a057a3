"""The paper's sampling as a diffusers pipeline: validation, prediction and the command all go through it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from inspect import signature
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from diffusers import UNet2DConditionModel
from diffusers.utils import BaseOutput, logging
from torch import Tensor

from dreaminpainter.adapter import SubjectAdapter
from dreaminpainter.autoencoder import Autoencoder
from dreaminpainter.canvas import Canvas, canvases_of
from dreaminpainter.conditions import ConditionEncoder
from dreaminpainter.denoising import Generators, noised, starting_noise, steps_of
from dreaminpainter.diffusion import compose_inside, mask_to_latents
from dreaminpainter.encoding import decode_latents, encode_images, size_multiple
from dreaminpainter.errors import SettingError
from dreaminpainter.guidance import Branches
from dreaminpainter.network import Subject, SubjectInpainter
from dreaminpainter.preprocessing import Pictures, as_masks, as_pictures, to_output
from dreaminpainter.saving import SavedPipeline, align
from dreaminpainter.seams import with_colours_of
from dreaminpainter.step_callbacks import STEP_TENSORS, StepCallback, StepFunction
from dreaminpainter.types import Reference
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


class DreamInpainterPipeline(SavedPipeline):
    """Fills the white of a mask with the subject of a reference picture, doing what the text says.

    Args:
        vae: the autoencoder.
        text_encoder: CLIP's text encoder.
        tokenizer: its tokenizer.
        unet: the inpainting UNet; a stock one is given the ability to be read.
        scheduler: any diffusers scheduler of DDIM's family: DPM-Solver++, UniPC, Euler, LCM and others.
        adapter: what the method adds to them.
        network: UNet and adapter joined already, where they train; made of the two otherwise.
    """

    model_cpu_offload_seq = "text_encoder->unet->vae"
    # Small, and called by its parts, which no hook of the whole would notice.
    _exclude_from_cpu_offload: ClassVar = ["adapter"]
    _callback_tensor_inputs: ClassVar = list(STEP_TENSORS)

    def __init__(
        self,
        vae: Autoencoder,
        text_encoder: Any,
        tokenizer: Any,
        unet: UNet2DConditionModel | SubjectUNet,
        scheduler: Any,
        adapter: SubjectAdapter,
        network: SubjectInpainter | None = None,
    ) -> None:
        super().__init__()
        self.interrupt = False
        self._guidance_sliced = False
        self._guidance_scale, self._num_timesteps = float(adapter.config.guidance_scale), 0
        self._current_timestep: Tensor | int = 0
        if network is None:
            for part in (vae, text_encoder, unet, adapter):
                align(part)
        self.network = network or SubjectInpainter.of(adopt(unet), adapter)
        self.register_modules(
            vae=vae, text_encoder=text_encoder, tokenizer=tokenizer, unet=unet, scheduler=scheduler, adapter=adapter
        )

    def join(self, adapter: SubjectAdapter) -> None:
        """Takes another adapter in place of its own."""
        self.network = SubjectInpainter.of(self.unet, adapter)
        self.register_modules(adapter=adapter)

    @property
    def guidance_scale(self) -> float:
        """w of eq. 5 in the call that is made, or was made last."""
        return self._guidance_scale

    @property
    def num_timesteps(self) -> int:
        """How many steps the call makes that is made, or was made last; 0 before the first."""
        return self._num_timesteps

    @property
    def current_timestep(self) -> Tensor | int:
        """The timestep that is being denoised, 0 otherwise; what caches of diffusers ask for."""
        return self._current_timestep

    def enable_guidance_slicing(self) -> None:
        """Runs the branches of guidance one after the other: about half the memory, and on large devices slower."""
        self._guidance_sliced = True

    def disable_guidance_slicing(self) -> None:
        """Runs them as one batch again, as long as memory suffices."""
        self._guidance_sliced = False

    @torch.no_grad()
    def __call__(
        self,
        prompt: str | list[str] | None,
        image: Pictures,
        mask_image: Pictures,
        reference_image: Pictures | Reference,
        reference_mask: Pictures | None = None,
        negative_prompt: str | list[str] | None = None,
        height: int | None = None,
        width: int | None = None,
        padding_mask_crop: int | None = None,
        strength: float = 1.0,
        num_inference_steps: int | None = None,
        guidance_scale: float | None = None,
        reference_scale: float | None = None,
        k: int | None = None,
        num_images_per_prompt: int = 1,
        keys: Tensor | None = None,
        generator: Generators = None,
        latents: Tensor | None = None,
        prompt_embeds: Tensor | None = None,
        feather: int = 0,
        match_colours: bool = False,
        output_type: str = "pil",
        return_dict: bool = True,
        callback_on_step_end: StepFunction | None = None,
        callback_on_step_end_tensor_inputs: Sequence[str] = ("latents",),
    ) -> DreamInpainterOutput | tuple[Any]:
        """Fills.

        Args:
            prompt: what the filled picture shows, one text or one a picture; None where `prompt_embeds` is given.
            image: the scenes: PIL, numpy (H, W, C) or tensor (C, H, W), single, stacked or a list.
            mask_image: the holes, white is filled; each of its picture's size.
            reference_image: the subjects; cut out on white where `reference_mask` is given or a PIL picture has alpha,
                else taken as they are. A `Reference`, as the data side prepares it, is used unchanged.
            reference_mask: the subjects' masks, each of its reference's size.
            negative_prompt: what the text is guided away from, in place of eq. 5's empty prompt (our addition).
            height: height in pixels that the network works at; by default about the trained area, in the picture's
                shape. What the model cannot halve evenly is rounded down.
            width: likewise.
            padding_mask_crop: work on the hole and so many pixels around it, in the trained shape, rather than on all
                of the picture; for holes that are small in large photographs.
            strength: above 0 and up to 1, how much of the noise is added; below 1 what is in the hole shows through,
                and so many of the steps are made.
            num_inference_steps: denoising steps, 1 and above; by default what the model was made for.
            guidance_scale: w of eq. 5, along the text only; 1 is none. By default what the model was made for; the
                paper's is 7.5.
            reference_scale: guidance along the reference (our addition): 1 is eq. 5; other values need a model that was
                trained with reference dropout. By default what the model was made for.
            k: how many tokens to choose instead of the trained K.
            num_images_per_prompt: how many fills each picture gets, one after the other in the result.
            keys: (B,) int64, what a selector that draws, such as `RandomTokens`, starts from; 0 for all by default.
            generator: where the noise comes from, one or one a fill.
            latents: the noise itself, (B * num_images_per_prompt, C, h, w).
            prompt_embeds: (B, T, D), the states of texts that are encoded already.
            feather: over how many pixels of the picture the fill fades in, from the hole's edge inwards; outside the
                hole nothing changes.
            match_colours: give the fill the colours that the scene has on a ring around the hole.
            output_type: "pil", "np", "pt" in [0, 1], or "latent"; tensors lie where the pipeline computes.
            return_dict: False gives the bare tuple (images,).
            callback_on_step_end: called with the pipeline, the step's number, its timestep and the tensors asked for;
                what it returns replaces them. Setting `pipeline.interrupt` there ends the call early. Callbacks of
                `diffusers.callbacks` work where they are for Stable Diffusion: set to 1 or less by one,
                `pipeline._guidance_scale` switches all guidance off, that along the reference too.
            callback_on_step_end_tensor_inputs: which tensors it gets: "latents", "prompt_embeds",
                "negative_prompt_embeds", each with a row a fill.

        Raises:
            InputError: pictures, masks or prompts that do not fit together.
            SettingError: settings out of range.
        """
        made_for = self.adapter.config
        steps = made_for.num_inference_steps if num_inference_steps is None else num_inference_steps
        self._guidance_scale = made_for.guidance_scale if guidance_scale is None else guidance_scale
        reference_scale = made_for.reference_scale if reference_scale is None else reference_scale
        self._check(reference_scale, num_images_per_prompt, feather)
        callback = StepCallback(callback_on_step_end, callback_on_step_end_tensor_inputs)
        device = self._execution_device
        timesteps = steps_of(self.scheduler, steps, strength, device)
        self._num_timesteps = len(timesteps)
        canvases, size = self._canvases(image, mask_image, height, width, padding_mask_crop)
        count = len(canvases)
        conditions = ConditionEncoder(self.vae, self.tokenizer, self.text_encoder, device)
        text = conditions.texts(prompt, prompt_embeds, count)
        empty = conditions.texts("" if negative_prompt is None else negative_prompt, None, count)
        reference = conditions.reference(reference_image, reference_mask, made_for.reference_size, count)
        keys = torch.zeros(count, dtype=torch.int64) if keys is None else keys
        subject = self.network.read(reference, keys.to(device), k)
        scene = torch.stack([canvas.scene(size) for canvas in canvases]).to(device)
        hole = torch.stack([canvas.hole(size) for canvas in canvases]).to(device)
        seen = encode_images(self.vae, scene * (1 - hole) if self.network.input_form.blank_hole else scene)
        beneath = encode_images(self.vae, scene) if strength < 1 else None

        # What all fills of a picture share was computed once; from here on each has its own.
        repeat = partial(torch.repeat_interleave, repeats=num_images_per_prompt, dim=0)
        canvases = [canvas for canvas in canvases for _ in range(num_images_per_prompt)]
        scene, hole, seen = repeat(scene), repeat(hole), repeat(seen)
        hole_latents = mask_to_latents(hole, seen.shape[-2:])
        guided = partial(
            Branches,
            self.network,
            repeat(subject.tokens),
            reference_scale=reference_scale,
            sliced=self._guidance_sliced,
        )
        texts = {"prompt_embeds": repeat(text), "negative_prompt_embeds": repeat(empty)}
        noise = starting_noise(seen, generator, latents)
        latents = noised(self.scheduler, noise, timesteps, None if beneath is None else repeat(beneath))
        latents = self._denoised(latents, timesteps, generator, guided, texts, hole_latents, seen, callback)
        latents = compose_inside(latents, seen, hole_latents)
        if output_type == "latent":
            images: Any = latents
        else:
            fills = decode_latents(self.vae, latents) / 2 + 0.5
            if match_colours:
                # Around all that was made up: cells of latents are larger than pixels.
                made_up = F.interpolate(hole_latents, size, mode="nearest")
                fills = with_colours_of(fills, scene / 2 + 0.5, made_up)
            pictures = [canvas.filled(fill, feather) for canvas, fill in zip(canvases, fills, strict=True)]
            images = to_output(pictures, output_type, device)
        self.maybe_free_model_hooks()
        if not return_dict:
            return (images,)
        return DreamInpainterOutput(images=images, reference=reference.pixels, subject=subject)

    def _denoised(
        self,
        latents: Tensor,
        timesteps: Tensor,
        generator: Generators,
        guided: Callable[..., Branches],
        texts: dict[str, Tensor],
        hole: Tensor,
        scene: Tensor,
        callback: StepCallback,
    ) -> Tensor:
        drawing = {"generator": generator} if "generator" in signature(self.scheduler.step).parameters else {}
        self.interrupt = False
        asked = used = self._guidance_scale
        branches = guided(*texts.values(), asked)
        for step, timestep in enumerate(self.progress_bar(timesteps)):
            if self.interrupt:
                break
            self._current_timestep = timestep
            # Composed after scaling: a scheduler such as Euler would divide the clean scene too.
            scaled = self.scheduler.scale_model_input(latents, timestep)
            prediction = branches.predict(scaled, hole, scene, timestep)
            # The arithmetic of the scheduler stays in the latents' float32, whatever the networks' precision.
            latents = self.scheduler.step(prediction.to(latents.dtype), timestep, latents, **drawing).prev_sample
            if callback.function is not None:
                tensors = callback(self, step, timestep, {"latents": latents, **texts})
                # Diffusers' callbacks set 0 for no guidance, which is 1 in eq. 5: there 0 would be guidance by no text.
                scale = asked if self._guidance_scale == asked else max(1.0, self._guidance_scale)
                # A callback may also change the texts where they lie, which does not show.
                changed = scale != used or not texts.keys().isdisjoint(callback.names)
                latents, texts, used = tensors["latents"], {name: tensors[name] for name in texts}, scale
                if changed:
                    none = {"reference_scale": 1.0} if scale == 1 != asked else {}
                    branches = guided(*texts.values(), scale, **none)
        self._current_timestep = 0
        return latents

    def _check(self, reference_scale: float, num_images_per_prompt: int, feather: int) -> None:
        if num_images_per_prompt < 1 or feather < 0:
            raise SettingError(
                f"num_images_per_prompt={num_images_per_prompt} and feather={feather}; give 1 or more, and 0 or more."
            )
        halves = [name for name, part in self.components.items() if getattr(part, "dtype", None) == torch.float16]
        if halves and self._execution_device.type == "cpu":
            raise SettingError(
                f"{', '.join(halves)} is in float16, which CPUs compute slowly or not at all. Use dtype="
                "torch.float32 or torch.bfloat16, or another device."
            )
        if reference_scale != 1 and not self.adapter.config.reference_dropout:
            logger.warning("This model was trained without reference dropout, so reference_scale has no sure meaning.")

    def _canvases(
        self, image: Pictures, mask_image: Pictures, height: int | None, width: int | None, padding: int | None
    ) -> tuple[list[Canvas], tuple[int, int]]:
        """The pictures with their holes, and the (height, width) that the network works at."""
        pictures = as_pictures(image, channels=3)
        masks = as_masks(mask_image, pictures)
        if any(mask.all() for mask in masks):
            logger.warning("A mask is white all over: nothing of its picture is left, so all of it is made up.")
        multiple, trained = size_multiple(self.vae, self.unet), tuple(self.adapter.config.image_size)
        return canvases_of(pictures, masks, height, width, padding, trained, multiple)
