"""A small benchmark during training, since the loss does not tell whether it converges."""

from pathlib import Path
from typing import cast

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities.seed import isolate_rng

from dreaminpainter.callbacks import ExponentialMovingAverage
from dreaminpainter.errors import SettingError
from dreaminpainter.evaluation.cases import CaseBuilder, CaseSet, CrittersCases, open_problem
from dreaminpainter.evaluation.methods.ours import fill_problems
from dreaminpainter.evaluation.metrics import Attributes, Background, Diversity, OutlineCopy, SampleMetric
from dreaminpainter.evaluation.samples import Sample
from dreaminpainter.module import DreamInpainter


class ValidationBenchmark(Callback):
    """Fills a few fixed cases at validations and logs how well: `benchmark/text`, `benchmark/reference` and so on.

    The figures are of the averaged weights where there are any, and beside them, as `benchmark_raw/...`, of the
    training weights. `EarlyStopping` and `ModelCheckpoint` can monitor all of them. The cases are shared by the
    processes, and the metrics are reduced over them.

    Args:
        cases: what is filled; 16 drawn critters of the validation split by default. Written into the run's folder.
        metrics: how it is judged; by default what drawn critters need: attributes, outline copy, diversity, background.
        every_n_steps: no more often than that, and only where a validation is. Where another callback monitors one of
            the figures it is at every validation: an old figure would be taken for one more that is no better.
        seeds: fills of each case; 2 or more for the diversity.
        batch_size: cases filled at once.
        num_inference_steps: denoising steps; by default those that the model is made for.
        guidance_scale: likewise.
        reference_scale: likewise.

    Raises:
        SettingError: a number is below 1.

    Example:
        >>> ValidationBenchmark(every_n_steps=500).every_n_steps
        500
    """

    def __init__(
        self,
        cases: CaseBuilder | None = None,
        metrics: list[SampleMetric] | None = None,
        every_n_steps: int = 500,
        seeds: int = 2,
        batch_size: int = 16,
        num_inference_steps: int | None = None,
        guidance_scale: float | None = None,
        reference_scale: float | None = None,
    ) -> None:
        if min(every_n_steps, seeds, batch_size) < 1:
            raise SettingError(
                f"every_n_steps is {every_n_steps}, seeds {seeds} and batch_size {batch_size}; give 1 or more."
            )
        self.cases = cases or CrittersCases(count=16, split="validation")
        self.metrics = [Attributes(), OutlineCopy(), Diversity(), Background()] if metrics is None else metrics
        self.every_n_steps = every_n_steps
        self.seeds = seeds
        self.batch_size = batch_size
        self.num_inference_steps = num_inference_steps
        self.guidance_scale = guidance_scale
        self.reference_scale = reference_scale
        self._measured_at: int | None = None
        self._built: CaseSet | None = None

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        folder = Path(trainer.default_root_dir) / "benchmark"
        if trainer.is_global_zero:
            self.cases.build(folder)
        trainer.strategy.barrier("the benchmark's cases are written")
        self._built = self.cases.build(folder)
        for metric in self.metrics:
            metric.to(pl_module.device)
            for encoder in metric.encoders():
                encoder.device = str(pl_module.device)

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.state.fn != TrainerFn.FITTING or trainer.sanity_checking or self._built is None:
            return
        callbacks: list[Callback] = trainer.callbacks  # type: ignore[attr-defined]
        last = self._measured_at
        is_monitored = any(str(getattr(callback, "monitor", None)).startswith("benchmark") for callback in callbacks)
        if last is not None and not is_monitored and trainer.global_step - last < self.every_n_steps:
            return
        self._measured_at = trainer.global_step
        self._log(trainer, pl_module, "benchmark")
        averages = [callback for callback in callbacks if isinstance(callback, ExponentialMovingAverage)]
        if averages:
            with averages[0].training_weights(pl_module):
                self._log(trainer, pl_module, "benchmark_raw")

    @torch.no_grad()
    def _log(self, trainer: pl.Trainer, pl_module: pl.LightningModule, prefix: str) -> None:
        cases = cast(CaseSet, self._built)
        problems = [open_problem(cases, case) for case in cases.cases]
        others = [open_problem(cases, cases.unrelated(case)) for case in cases.cases]
        chunks = range(trainer.global_rank * self.batch_size, len(problems), trainer.world_size * self.batch_size)
        with isolate_rng():
            pipeline = cast(DreamInpainter, pl_module).pipeline()
            for start in chunks:
                some = slice(start, start + self.batch_size)
                samples = []
                for seed in range(self.seeds):
                    fills = fill_problems(
                        pipeline,
                        problems[some],
                        [problem.case.prompt for problem in problems[some]],
                        seed,
                        num_inference_steps=self.num_inference_steps,
                        guidance_scale=self.guidance_scale,
                        reference_scale=self.reference_scale,
                    )
                    samples += [
                        Sample.of(problem, fill, seed, other)
                        for problem, fill, other in zip(problems[some], fills, others[some], strict=True)
                    ]
                for metric in self.metrics:
                    metric.update(samples)
            for metric in self.metrics:
                for name, value in metric.compute().items():
                    pl_module.log(f"{prefix}/{name}", value, rank_zero_only=False)
                metric.reset()
