"""DreamInpainter as a method, whole and with one of its two inputs taken away."""

from collections import defaultdict
from dataclasses import replace
from functools import cached_property
from typing import Any

import diffusers
import torch
from PIL import Image

from dreaminpainter.checkpoints import load_pipeline, state_of
from dreaminpainter.errors import SettingError
from dreaminpainter.evaluation.cases import Problem
from dreaminpainter.evaluation.methods.base import Method, generator_of
from dreaminpainter.network import Subject, SubjectInpainter
from dreaminpainter.pipeline import DreamInpainterPipeline
from dreaminpainter.randomness import sample_key
from dreaminpainter.selection import TokenSelector
from dreaminpainter.types import Reference


class Ours(Method):
    """DreamInpainter: the subject of the reference, doing what the prompt says.

    Args:
        model: a training checkpoint, the folder of a saved pipeline, or "critters", the model in the box.
        num_inference_steps: denoising steps; by default what the model was made for.
        guidance_scale: along the text; by default what the model was made for.
        reference_scale: along the reference, likewise; 1 is eq. 5.
        k: how many tokens stand for the subject; by default the trained number.
        selector: chooses them in place of the trained one; with `k`, so many of them.
        scheduler: name of a scheduler of diffusers, such as UniPCMultistepScheduler; by default the model's own.
        padding_mask_crop: work on the hole and so many pixels around it only.

    Raises:
        SettingError: there is no such scheduler.
    """

    def __init__(
        self,
        model: str = "critters",
        num_inference_steps: int | None = None,
        guidance_scale: float | None = None,
        reference_scale: float | None = None,
        k: int | None = None,
        selector: TokenSelector | None = None,
        scheduler: str | None = None,
        padding_mask_crop: int | None = None,
    ) -> None:
        kind = None if scheduler is None else getattr(diffusers, scheduler, object)
        if kind is not None and not issubclass(kind, diffusers.SchedulerMixin):
            raise SettingError(f"diffusers has no scheduler {scheduler!r}; give one such as DDIMScheduler.")
        self.model = model
        self.num_inference_steps = num_inference_steps
        self.guidance_scale = guidance_scale
        self.reference_scale = reference_scale
        self.k = k
        self.selector = selector
        self.scheduler = scheduler
        self.padding_mask_crop = padding_mask_crop

    @cached_property
    def pipeline(self) -> DreamInpainterPipeline:
        """What fills."""
        pipeline = load_pipeline(self.model)
        if self.scheduler is not None:
            pipeline.scheduler = getattr(diffusers, self.scheduler).from_config(pipeline.scheduler.config)
        if self.selector is not None:
            pipeline.network.select_by(self.selector)
        pipeline.set_progress_bar_config(disable=True)
        pipeline.to(self.device)
        return pipeline

    def state(self) -> list[str]:
        return state_of(self.model)

    def fill(self, problems: list[Problem], seed: int) -> list[Image.Image]:
        return fill_problems(
            self.pipeline,
            problems,
            [self.prompt(problem) for problem in problems],
            seed,
            num_inference_steps=self.num_inference_steps,
            guidance_scale=self.guidance_scale,
            reference_scale=self.reference_scale,
            k=self.k,
            padding_mask_crop=self.padding_mask_crop,
        )

    def prompt(self, problem: Problem) -> str:
        """What the network is told."""
        return problem.case.prompt


def fill_problems(
    pipeline: DreamInpainterPipeline, problems: list[Problem], prompts: list[str], seed: int, **settings: Any
) -> list[Image.Image]:
    """The pipeline's fills; problems of one size go together.

    Args:
        pipeline: what fills.
        problems: one or more.
        prompts: for each what the network is told.
        seed: fills of another seed are other fills.
        settings: further arguments of the pipeline.
    """
    alike: dict[tuple[int, int], list[int]] = defaultdict(list)
    for place, problem in enumerate(problems):
        alike[problem.scene.size].append(place)
    filled: dict[int, Image.Image] = {}
    for places in alike.values():
        group = [problems[place] for place in places]
        output: Any = pipeline(
            prompt=[prompts[place] for place in places],
            image=[problem.scene for problem in group],
            mask_image=[problem.mask for problem in group],
            reference_image=[problem.reference for problem in group],
            reference_mask=[problem.reference_mask for problem in group],
            generator=[generator_of(problem, seed) for problem in group],
            keys=torch.tensor([sample_key(seed, "selection", problem.case.id) for problem in group]),
            **settings,
        )
        filled |= dict(zip(places, output.images, strict=True))
    return [filled[place] for place in range(len(problems))]


class OursWithoutText(Ours):
    """The same model, asked with an empty prompt: all it can go by is reference and scene. Settings as `Ours`."""

    def prompt(self, problem: Problem) -> str:
        return ""


class Forgetful(SubjectInpainter):
    """A network that reads the reference and forgets it, as for the dropped references of its training."""

    def read(self, reference: Reference, keys: torch.Tensor | None = None, k: int | None = None) -> Subject:
        """As the network does, but every token is zero."""
        subject = super().read(reference, keys, k)
        return replace(subject, tokens=torch.zeros_like(subject.tokens))


def without_reference(pipeline: DreamInpainterPipeline) -> DreamInpainterPipeline:
    """The same model, asked without its reference."""
    parts = {name: getattr(pipeline, name) for name in ("vae", "text_encoder", "tokenizer", "unet", "scheduler")}
    forgetful = Forgetful.of(pipeline.unet, pipeline.adapter)
    pipeline = DreamInpainterPipeline(**parts, adapter=pipeline.adapter, network=forgetful)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


class OursWithoutReference(Ours):
    """The same model, asked without its reference, as in its training's reference dropout. Settings as `Ours`."""

    @cached_property
    def pipeline(self) -> DreamInpainterPipeline:
        """What fills."""
        return without_reference(super().pipeline)
