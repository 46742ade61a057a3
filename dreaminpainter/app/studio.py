"""One pipeline that fills one hole after the other and shows how far it is, for any number of people."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any, cast

import torch
import torch.nn.functional as F
from PIL import Image, ImageChops
from torch import Tensor
from torchvision.transforms.functional import to_tensor

from dreaminpainter.app.attention_share import attention_share, remembered_prediction
from dreaminpainter.app.jobs import Job
from dreaminpainter.encoding import decode_latents, encode_images, encode_texts
from dreaminpainter.pipeline import DreamInpainterOutput, DreamInpainterPipeline
from dreaminpainter.tokenizer import spelled_words
from dreaminpainter.types import Reference
from dreaminpainter.visualization import mark_tokens, to_image

LADDER = (1, 4, 8, 16, 24, 48)
"""Numbers of tokens that are compared, beside the trained one."""
PREVIEWS = 10
"""How often a fill is shown while it is made, at most; decoding takes its time in large models."""
PREVIEW_SIDE = 768
"""Longer side of what is shown meanwhile, in pixels."""


@dataclass(frozen=True)
class Step:
    """How far a fill is.

    Args:
        done: steps that were made.
        steps: all of them.
        picture: the scene with what is in its hole now; None where this step is not shown.
    """

    done: int
    steps: int
    picture: Image.Image | None


@dataclass(frozen=True)
class Fill:
    """What came of a job.

    Args:
        job: the job.
        picture: the filled picture.
        tokens: the chosen tokens over the reference.
        reference_share: of the hole's attention, 0 to 1; the text has the rest.
        notes: what the asker should know.
    """

    job: Job
    picture: Image.Image
    tokens: Image.Image
    reference_share: float
    notes: tuple[str, ...]


class Studio:
    """Fills, one job at a time.

    Args:
        pipeline: what fills. Its scheduler keeps state, so two jobs never share it: the second waits.
    """

    def __init__(self, pipeline: DreamInpainterPipeline) -> None:
        pipeline.set_progress_bar_config(disable=True)
        self.pipeline = pipeline
        self.made_for = pipeline.adapter.config
        self.trained_k: int = pipeline.network.selector.k
        self.tokens = self._count_tokens()
        self._turn = Lock()

    @property
    def is_busy(self) -> bool:
        """Whether something is being filled now."""
        return self._turn.locked()

    @property
    def ladder(self) -> list[int]:
        """The numbers of tokens that `strip` compares, smallest first."""
        return sorted({k for k in (*LADDER, self.trained_k) if k <= self.tokens})

    def fill(self, job: Job) -> Iterator[Step | Fill]:
        """Fills, telling each step and then the result. Closed before its end, it stops at the next step.

        Raises:
            InputError: pictures or prompt cannot be used.
            SettingError: a setting is out of its range.
        """
        with self._turn:
            told: SimpleQueue[Step | Fill | Exception] = SimpleQueue()
            scene, hole = _small(job.scene), _small(job.hole)
            stop = False

            def watch(pipeline: Any, step: int, timestep: Tensor, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
                pipeline.interrupt = stop
                steps = job.settings.num_inference_steps
                is_shown = step % -(-steps // PREVIEWS) == 0
                picture = self._preview(scene, hole, tensors["latents"]) if is_shown else None
                told.put(Step(step + 1, steps, picture))
                return {}

            def work() -> None:
                try:
                    told.put(self._filled(job, watch))
                except Exception as error:  # noqa: BLE001  raised again by the one who reads
                    told.put(error)

            worker = Thread(target=work, daemon=True)
            worker.start()
            try:
                while isinstance(news := told.get(), Step):
                    yield news
                if isinstance(news, Exception):
                    raise news
                yield news
            finally:
                stop = True
                worker.join()

    def strip(self, job: Job) -> Iterator[tuple[int, Step | Fill]]:
        """The same hole filled for each number of tokens of the ladder, with that number beside each step and result.

        Errors are those of `fill`.
        """
        for k in self.ladder:
            for news in self.fill(replace(job, settings=replace(job.settings, k=k))):
                yield k, news

    def _filled(self, job: Job, watch: Any) -> Fill:
        settings = job.settings
        with remembered_prediction(self.pipeline.network, settings.num_inference_steps // 2) as middle:
            output = cast(
                DreamInpainterOutput,
                self.pipeline(
                    prompt=settings.prompt,
                    image=job.scene,
                    mask_image=job.hole,
                    reference_image=job.subject,
                    reference_mask=job.subject_mask,
                    num_inference_steps=settings.num_inference_steps,
                    guidance_scale=settings.guidance_scale,
                    reference_scale=settings.reference_scale,
                    k=settings.k,
                    generator=torch.Generator().manual_seed(settings.seed),
                    callback_on_step_end=watch,
                ),
            )
        hole = to_tensor(job.hole)[None]
        # Stopped before its middle, it has no share, and nobody reads it.
        share = attention_share(self.pipeline.network, middle[0], hole) if middle else 0.0
        (picture,) = output.images
        if job.alpha is not None:
            picture.putalpha(ImageChops.lighter(job.alpha, job.hole))
        return Fill(job, picture, _marked(output), share, (*job.notes, *self._notes(settings.prompt)))

    @torch.no_grad()
    def _preview(self, scene: Image.Image, hole: Image.Image, latents: Tensor) -> Image.Image:
        decoded = to_image(decode_latents(self.pipeline.vae, latents)[0] / 2 + 0.5)
        return Image.composite(decoded.resize(scene.size, Image.Resampling.BICUBIC), scene, hole)

    def _notes(self, prompt: str) -> list[str]:
        unknown = spelled_words(self.pipeline.tokenizer, prompt)
        if not unknown:
            return []
        return [f"This model never learned the words {', '.join(unknown)}; it reads them letter by letter."]

    @torch.no_grad()
    def _count_tokens(self) -> int:
        """How many tokens a reference has, of which K are chosen."""
        pipeline, side = self.pipeline, self.made_for.reference_size
        blank = torch.ones(1, 3, side, side, device=pipeline._execution_device)
        reference = Reference(
            pixels=blank,
            mask=blank[:, :1],
            text=[""],
            latents=encode_images(pipeline.vae, blank),
            text_states=encode_texts(pipeline.tokenizer, pipeline.text_encoder, [""], pipeline._execution_device),
        )
        return pipeline.network.read(reference).features.tokens.shape[1]


def _marked(output: DreamInpainterOutput) -> Image.Image:
    """The chosen tokens over the reference, enlarged so that each cell has room for its rank."""
    selection, features = output.subject.selection, output.subject.features
    reference = F.interpolate(output.reference[:1], 512, mode="bilinear")[0]
    return to_image(mark_tokens(reference, selection.indices[0], features.grid, features.has_class_token))


def _small(picture: Image.Image) -> Image.Image:
    """A copy that is no larger than what is shown."""
    small = picture.copy()
    small.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE))
    return small
