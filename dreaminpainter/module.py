"""The method, top to bottom, in the order of the paper's Fig. 2."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any

import lightning.pytorch as pl
import torch
from diffusers import DDIMScheduler
from lightning.pytorch.cli import OptimizerCallable
from torch import Tensor
from torch.optim.lr_scheduler import LambdaLR

from dreaminpainter.adapter import SubjectAdapter
from dreaminpainter.backbones import Backbone
from dreaminpainter.components import describe
from dreaminpainter.diffusion import (
    add_noise,
    batch_loss,
    mask_to_latents,
    masked_mean_per_row,
    noise_like,
    sample_timesteps,
    training_target,
)
from dreaminpainter.encoding import count_truncated, encode_images, encode_texts, size_multiple
from dreaminpainter.errors import SettingError
from dreaminpainter.features import FeatureExtractor, UNetFeatures
from dreaminpainter.filling import fill_batch
from dreaminpainter.injection import Injection, UpBlocks
from dreaminpainter.input_forms import Composite, InputForm
from dreaminpainter.lora import LoRA
from dreaminpainter.lora_files import describe_lora
from dreaminpainter.network import SubjectInpainter
from dreaminpainter.parameters import parameter_groups, select_trained
from dreaminpainter.parts import Parts, describe_parts
from dreaminpainter.pipeline import DreamInpainterPipeline
from dreaminpainter.randomness import sample_key, uniform
from dreaminpainter.regularization import Constant, DecouplingRegularizer, Regularizer, Schedule
from dreaminpainter.regularization.plans import main_plan, regularization_plan
from dreaminpainter.selection import CosineDistance, TokenSelector
from dreaminpainter.sharding import shard
from dreaminpainter.supervision import AttributeSupervision
from dreaminpainter.types import Batch, Reference, TrainingPlan
from dreaminpainter.warm_start import warm_start
from dreaminpainter.weighting import LossWeighting, UniformWeighting


class DreamInpainter(pl.LightningModule):
    """DreamInpainter (arXiv 2312.03771): fills a hole with a given subject as a text says.

    Every part is swapped by its class name. A part left out is the paper's, or our choice where the paper is silent.

    Args:
        backbone: autoencoder, UNet, text encoder and noise schedule.
        extractor: where subject tokens come from (eq. 2); `UNetFeatures` of the second down block.
        selector: which tokens stand for the subject (eq. 3-4); `CosineDistance` with K = 24.
        injection: how they enter the UNet; `UpBlocks`.
        regularizer: what each step trains (Fig. 2); `DecouplingRegularizer` with a probability of 0.2.
        input_form: how noise, mask and scene are laid before the UNet; `Composite`.
        weighting: weight of each timestep in the loss; `UniformWeighting`.
        learning_rates: which parts train, each with its learning rate: `unet`, or of it `cross_attention`, `conv_in`
            (its first layer, where the mask comes in) and `lora`; `adapter`, `text_encoder`, `supervision`. A part that
            is not named is frozen.
        optimizer: from parameter groups to an optimizer; `torch.optim.AdamW`.
        lr_schedule: factor of all learning rates at each step, counted from 1; `Constant(1)`.
        text_dropout: share of texts replaced by the empty one, for classifier-free guidance, 0 to 1.
        reference_dropout: share of references dropped, for a second guidance scale, 0 to 1; 0 is the paper's.
        detail_weight: how often the loss counts where the data marks details (`Instance.detail_mask`), 1 and above; the
            paper's is 1.
        gradient_checkpointing: recompute the UNet's activations in the backward pass, for less memory.
        image_size: (height, width) in pixels that it is trained at; the command takes it from the data.
        reference_size: side of the reference in pixels; the command takes it from the data.
        num_inference_steps: denoising steps that the model is sampled with where nothing else is asked for.
        guidance_scale: guidance along the text, likewise; 7.5 is the paper's.
        reference_scale: guidance along the reference, likewise; 1, which is none, is the paper's.
        lora: low-rank matrices beside the frozen weights of the UNet, which train in their place; none by default. Each
            checkpoint then has a small file beside it, `last.lora.safetensors`, of what was trained alone.
        supervision: classifiers that have tokens and UNet tell what is known of subjects, for backbones trained from
            nothing; none by default.
        init_from: checkpoint, exported folder or packaged model (`critters`) whose weights to start from; settings stay
            as they are here.
    """

    def __init__(
        self,
        backbone: Backbone,
        extractor: FeatureExtractor | None = None,
        selector: TokenSelector | None = None,
        injection: Injection | None = None,
        regularizer: Regularizer | None = None,
        input_form: InputForm | None = None,
        weighting: LossWeighting | None = None,
        learning_rates: dict[str, float] | None = None,
        optimizer: OptimizerCallable = torch.optim.AdamW,
        lr_schedule: Schedule | None = None,
        text_dropout: float = 0.1,
        reference_dropout: float = 0.0,
        detail_weight: float = 1.0,
        gradient_checkpointing: bool = False,
        image_size: tuple[int, int] = (512, 512),
        reference_size: int = 512,
        num_inference_steps: int = 50,
        guidance_scale: float = 7.5,
        reference_scale: float = 1.0,
        lora: LoRA | None = None,
        supervision: AttributeSupervision | None = None,
        init_from: str | None = None,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.input_form = input_form or Composite()
        self.weighting = weighting or UniformWeighting()
        self.regularizer = regularizer or DecouplingRegularizer()
        self.learning_rates = {"unet": 1e-5, "adapter": 1e-4} if learning_rates is None else learning_rates
        self.optimizer = optimizer
        self.lr_schedule = lr_schedule or Constant(1.0)
        self.text_dropout = text_dropout
        self.reference_dropout = reference_dropout
        self.detail_weight = detail_weight
        for name, share in {"text_dropout": text_dropout, "reference_dropout": reference_dropout}.items():
            if not 0 <= share <= 1:
                raise SettingError(f"{name} is {share}. Set it to a share from 0 to 1.")
        if not detail_weight >= 1:
            raise SettingError(f"detail_weight is {detail_weight}. Set it to 1, which counts all alike, or more.")

        parts: Parts = backbone.build(self.input_form)
        _check_sizes((*image_size, reference_size), size_multiple(parts.vae, parts.unet))
        self.vae = parts.vae.requires_grad_(False)
        self.text_encoder = parts.text_encoder
        self.tokenizer = parts.tokenizer
        self.scheduler = parts.scheduler
        extractor = extractor or UNetFeatures()
        selector = selector or CosineDistance()
        adapter = SubjectAdapter.around(
            parts.unet,
            extractor,
            selector,
            injection or UpBlocks(),
            self.input_form,
            image_size=image_size,
            reference_size=reference_size,
            reference_dropout=reference_dropout,
            num_inference_steps=num_inference_steps,
            guidance_scale=guidance_scale,
            reference_scale=reference_scale,
        )
        self.network = SubjectInpainter(parts.unet, adapter, extractor, selector)
        self.supervision = None if supervision is None else supervision.build(parts.unet)
        self.lora, self.init_from = lora, init_from
        if init_from is not None:
            warm_start(self, init_from)
        if lora is not None:
            lora.attach(parts.unet)
        select_trained(self, self.learning_rates)
        if gradient_checkpointing:
            parts.unet.enable_gradient_checkpointing()

    def forward(self, batch: Batch, plan: TrainingPlan) -> dict[str, Tensor]:
        """The loss of each row of `plan`: Fig. 2, from pictures to the masked squared error.

        Returns:
            `losses` (R,) float32, weighted by `detail_weight` alone; `timesteps` (R,); `tokens` (B, K, D), read of the
            references; `states` (R, h * w, C) of the UNet, where the supervision reads them.
        """
        rows, keys = plan.sample.to(self.device), self._row_keys(batch, plan).to(self.device)

        latents = encode_images(self.vae, batch.image)[rows] if batch.latents is None else batch.latents[rows]
        hole, counted = (mask_to_latents(mask, latents.shape[-2:]) for mask in (plan.noise_mask, plan.loss_mask))
        scene = latents
        if self.input_form.blank_hole:
            scene = encode_images(self.vae, batch.image[rows] * (1 - plan.noise_mask))

        timesteps = sample_timesteps(keys, self.scheduler.config.num_train_timesteps)
        noise = noise_like(latents, keys)
        noisy = add_noise(self.scheduler, latents, noise, timesteps)

        subject = self.network.read(self._encoded(batch.reference), batch.key.to(self.device))
        tokens = self.network.inject(subject.tokens[rows], self._dropped_references(keys))
        text = encode_texts(self.tokenizer, self.text_encoder, self._texts(batch, plan))

        with self._watching() as seen:
            prediction = self.network(self.input_form.compose(noisy, hole, scene), timesteps, text, tokens)
        target = training_target(self.scheduler, latents, noise, timesteps)
        error = (prediction.float() - target.float()) ** 2
        losses = masked_mean_per_row(error, counted * self._heard(batch, plan, latents.shape[-2:]))
        return {"losses": losses, "timesteps": timesteps, "tokens": subject.tokens, **seen}

    def training_step(self, batch: Batch, batch_idx: int) -> dict[str, Any]:
        """One step of the regularizer's plan; callbacks log what it returns beside the loss."""
        plan = self.regularizer(batch, self.global_step)
        rows = self(batch, plan)
        weight = plan.weight.to(self.device) * self.weighting(rows["timesteps"], self.scheduler)
        loss = batch_loss(rows["losses"], weight, samples=len(batch))
        if self.supervision is not None:
            loss = loss + self.supervision(rows, _known(batch, plan))
        return {
            "loss": loss,
            "objective": plan.objective,
            "truncated_texts": count_truncated(self.tokenizer, plan.text),
            **{name: rows[name].detach() for name in ("losses", "timesteps")},
        }

    def validation_step(self, batch: Batch, batch_idx: int) -> dict[str, Tensor]:
        """The loss of both objectives on every sample, with noise and timesteps from the samples' keys."""
        plans = (main_plan(batch), regularization_plan(batch))
        rows = [self(batch, plan) for plan in plans]
        losses = {plan.objective[0]: row["losses"] for plan, row in zip(plans, rows, strict=True)}
        stage = "test" if self.trainer.testing else "val"
        # As a multiple of the processes, since Lightning rounds the mean of what they give here down.
        size = len(batch) * self.trainer.world_size
        for objective, values in losses.items():
            self.log(f"{stage}/loss_{objective}", values.mean(), batch_size=size, sync_dist=True)
        if self.supervision is not None:
            for name, told in self.supervision.measure(rows[0], _known(batch, plans[0])).items():
                self.log(f"{stage}/{name}", told)
        return losses

    def test_step(self, batch: Batch, batch_idx: int) -> dict[str, Tensor]:
        """As validation, on the test split."""
        return self.validation_step(batch, batch_idx)

    def predict_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """(B, 3, H, W) in [0, 1], the batch's holes filled as its captions say."""
        return self.fill(batch)

    def fill(self, batch: Batch, **settings: Any) -> Tensor:
        """Fills the holes of a batch through the pipeline, from noise that the samples' keys decide.

        Args:
            batch: B samples; the text is their caption.
            settings: further arguments of the pipeline, such as `guidance_scale`.

        Returns:
            (B, 3, H, W) in [0, 1].
        """
        images: Tensor = fill_batch(self.pipeline(), batch, **settings).images
        return images

    def pipeline(self) -> DreamInpainterPipeline:
        """The pipeline of this model's own networks; nothing is copied."""
        unet, adapter = self.network.unet, self.network.adapter
        sampler = DDIMScheduler.from_config(self.scheduler.config)
        pipeline = DreamInpainterPipeline(
            self.vae, self.text_encoder, self.tokenizer, unet, sampler, adapter, self.network
        )
        pipeline.set_progress_bar_config(disable=True)
        return pipeline

    def configure_model(self) -> None:
        """Divides the networks that train over the processes, where the strategy asks for it."""
        if self.device_mesh is not None:
            shard(self, self.device_mesh["data_parallel"])

    def configure_optimizers(self) -> Any:
        """The optimizer over the trained parts, each with its own rate, and the schedule that scales all rates."""
        optimizer = self.optimizer(parameter_groups(self, self.learning_rates))
        # A plain function, since torch would write a callable object into the checkpoint. Steps count from 1 here, so
        # that the first step of a warm-up is no step of rate 0.
        schedule = LambdaLR(optimizer, lambda step: self.lr_schedule(step + 1))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Adds what a checkpoint needs in order to be sampled from without the run's settings."""
        parts = Parts(self.vae, self.network.unet, self.text_encoder, self.tokenizer, self.scheduler)
        adapter = {name: value for name, value in self.network.adapter.config.items() if not name.startswith("_")}
        checkpoint["model"] = {"parts": describe_parts(parts), "adapter": adapter}
        if self.backbone.complete() is not self.backbone:
            checkpoint["model"]["encoders"] = describe(self.backbone.complete())
        if self.lora is not None:
            checkpoint["model"]["lora"] = describe_lora(self)

    def _watching(self) -> AbstractContextManager[dict[str, Tensor]]:
        return nullcontext({}) if self.supervision is None else self.supervision.watching(self.network.unet)

    def _encoded(self, reference: Reference) -> Reference:
        latents = encode_images(self.vae, reference.pixels) if reference.latents is None else reference.latents
        return replace(
            reference, latents=latents, text_states=encode_texts(self.tokenizer, self.text_encoder, reference.text)
        )

    def _heard(self, batch: Batch, plan: TrainingPlan, size: tuple[int, ...]) -> Tensor | float:
        """How often each cell counts in the loss of training, (R, 1, h, w); validation hears all alike."""
        if not self.training or self.detail_weight == 1 or batch.detail_mask is None:
            return 1.0
        details = mask_to_latents(batch.detail_mask, size)[plan.sample.to(self.device)]
        return 1 + (self.detail_weight - 1) * details

    def _row_keys(self, batch: Batch, plan: TrainingPlan) -> Tensor:
        """(R,) on the host: rows of one sample but of different objectives draw different noise."""
        return batch.key[plan.sample] ^ torch.tensor([sample_key(0, objective) for objective in plan.objective])

    def _dropped_references(self, keys: Tensor) -> Tensor | None:
        if not self.training or self.reference_dropout == 0:
            return None
        return uniform(keys, (), "reference dropout") < self.reference_dropout

    def _texts(self, batch: Batch, plan: TrainingPlan) -> list[str]:
        if not self.training:
            return plan.text
        dropped = uniform(self._row_keys(batch, plan), (), "text dropout") < self.text_dropout
        return ["" if drop else text for drop, text in zip(dropped.tolist(), plan.text, strict=True)]


def _known(batch: Batch, plan: TrainingPlan) -> dict[str, list[dict[str, str]]]:
    """What is known of the subjects: of the reference's tokens by sample, of the UNet's states by row."""
    return {"tokens": batch.attributes, "states": [batch.attributes[sample] for sample in plan.sample.tolist()]}


def _check_sizes(sizes: tuple[int, ...], multiple: int) -> None:
    for size in sizes:
        if size < multiple or size % multiple:
            raise SettingError(
                f"The size of {size} pixels is not divisible by {multiple}, as this backbone needs it. Set data.height,"
                " data.width and data.reference_size to multiples of that."
            )
