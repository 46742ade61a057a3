"""How much the network leans on the reference, and how much on the text (question 5)."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Self

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from dreaminpainter.attention import AttentionRecord
from dreaminpainter.components import Component
from dreaminpainter.diffusion import add_noise, mask_to_latents, noise_like
from dreaminpainter.encoding import encode_images, encode_texts
from dreaminpainter.errors import SettingError
from dreaminpainter.evaluation.cases import Problem
from dreaminpainter.pictures import mask_to_tensor, to_tensor
from dreaminpainter.pipeline import DreamInpainterPipeline
from dreaminpainter.preprocessing import as_references
from dreaminpainter.randomness import sample_key
from dreaminpainter.types import Reference


@dataclass
class _Inputs:
    """What the network is given of some problems, and the picture that noise is added to; rows as in a batch."""

    picture: Tensor
    scene: Tensor
    hole: Tensor
    tokens: Tensor
    text: Tensor

    @classmethod
    def of(cls, pipeline: DreamInpainterPipeline, problems: list[Problem], k: int | None) -> Self:
        made_for, device = pipeline.adapter.config, pipeline.device
        size = (made_for.image_size[0], made_for.image_size[1])
        pictures = _pixels([problem.truth or problem.scene for problem in problems], size).to(device)
        pixels = _pixels([problem.scene for problem in problems], size).to(device)
        masks = [mask_to_tensor(problem.mask).float()[None] for problem in problems]
        holes = torch.cat([F.adaptive_max_pool2d(one, size) for one in masks]).to(device)
        seen = pixels * (1 - holes) if pipeline.network.input_form.blank_hole else pixels
        subjects, outlines = as_references(
            [problem.reference for problem in problems],
            [problem.reference_mask for problem in problems],
            made_for.reference_size,
        )
        reference = Reference(subjects.to(device), outlines.to(device))
        reference.latents = encode_images(pipeline.vae, reference.pixels)
        reference.text_states = encode_texts(pipeline.tokenizer, pipeline.text_encoder, reference.text, device)
        keys = torch.tensor([sample_key(0, "reliance", problem.case.id) for problem in problems])
        prompts = [problem.case.prompt for problem in problems]
        return cls(
            encode_images(pipeline.vae, pictures),
            encode_images(pipeline.vae, seen),
            holes,
            pipeline.network.read(reference, keys.to(device), k).tokens,
            encode_texts(pipeline.tokenizer, pipeline.text_encoder, prompts, device),
        )


def _pixels(pictures: list[Image.Image], size: tuple[int, int]) -> Tensor:
    """(B, 3, *size) in [-1, 1]."""
    levels = [to_tensor(picture).float()[None] / 127.5 - 1 for picture in pictures]
    return torch.cat([F.interpolate(one, size, mode="bicubic", antialias=True) for one in levels]).clamp(-1, 1)


class Reliance(Component):
    """How much a model's prediction in the hole changes without, or with another, text or reference.

    Noise is added to the true picture as in training, or where that is not known to the scene. The network is asked
    once as it should be and once with a part taken away: `text dropped` (an empty prompt), `text swapped` (another
    case's), `reference dropped` (tokens of zero, as reference dropout trains; a model without it never saw such),
    `reference swapped` (another subject's). Each figure is the norm of the change over the prediction's own, in the
    hole, the mean over timesteps, and for each one. A model that ignores the text has no change from another text.

    Beside it the share of cross-attention that the hole gives to the reference, of the rest being the text's, by block
    and timestep; which is easier to look at, and says less: attention to what does not matter is cheap.

    Args:
        timesteps: where it is measured, each 0 to 999.

    Raises:
        SettingError: there is no timestep, or one out of range.
    """

    def __init__(self, timesteps: list[int] | None = None) -> None:
        self.timesteps = [100, 500, 900] if timesteps is None else timesteps
        if not self.timesteps or not all(0 <= one < 1000 for one in self.timesteps):
            raise SettingError(f"Reliance: timesteps are {self.timesteps}; give one or more, each 0 to 999.")

    @torch.no_grad()
    def figures(
        self, pipeline: DreamInpainterPipeline, problems: list[Problem], others: list[Problem], k: int | None = None
    ) -> list[dict[str, float]]:
        """The figures of each problem, but for what is swapped for the same.

        Args:
            pipeline: the model.
            problems: one or more.
            others: for each an unrelated one, whose text and reference are swapped in.
            k: how many tokens stand for the subject; by default the trained number.
        """
        given, other = _Inputs.of(pipeline, problems, k), _Inputs.of(pipeline, others, k)
        empty = encode_texts(pipeline.tokenizer, pipeline.text_encoder, [""] * len(problems), pipeline.device)
        variants = {
            "text dropped": (empty, given.tokens),
            "text swapped": (other.text, given.tokens),
            "reference dropped": (given.text, torch.zeros_like(given.tokens)),
            "reference swapped": (given.text, other.tokens),
        }
        keys = torch.tensor([sample_key(0, "reliance noise", problem.case.id) for problem in problems])
        noise = noise_like(given.picture, keys.to(given.picture.device))
        hole = mask_to_latents(given.hole, given.scene.shape[-2:])
        size = (given.scene.shape[-2], given.scene.shape[-1])
        found: list[dict[str, float]] = [{} for _ in problems]
        sums: defaultdict[str, list[Tensor]] = defaultdict(list)
        for timestep in self.timesteps:
            steps = torch.full((len(problems),), timestep, device=given.scene.device)
            noisy = add_noise(pipeline.scheduler, given.picture, noise, steps)
            model_input = pipeline.network.input_form.compose(noisy, hole, given.scene)
            record = AttentionRecord(self_attention_of="none of the layers")
            subject = pipeline.network.inject(given.tokens)
            whole = pipeline.network(model_input, steps, given.text, subject, record) * hole
            for name, (text, tokens) in variants.items():
                changed = pipeline.network(model_input, steps, text, pipeline.network.inject(tokens)) * hole
                change = (changed - whole).flatten(1).norm(dim=1) / whole.flatten(1).norm(dim=1).clamp_min(1e-8)
                sums[name].append(change)
                sums[f"{name} t={timestep}"].append(change)
            for layer, share in record.share_in(given.hole, size).items():
                block = ".".join(layer.split(".")[:2])
                sums["attention to reference"].append(share)
                sums[f"attention to reference {block} t={timestep}"].append(share)
        for name, values in sums.items():
            for own, value in zip(found, torch.stack(values).mean(0).tolist(), strict=True):
                own[name] = value
        return [_told(*those) for those in zip(found, problems, others, strict=True)]


def _told(figures: dict[str, float], one: Problem, other: Problem) -> dict[str, float]:
    """The figures but for those of what was swapped for the same: they are 0, whatever the model heeds."""
    prompt = one.case.prompt
    no_change = ["text dropped"] if not prompt else []
    no_change += ["text swapped"] if other.case.prompt == prompt else []
    no_change += ["reference swapped"] if other.case.id == one.case.id else []
    return {name: value for name, value in figures.items() if not name.startswith(tuple(no_change))}
