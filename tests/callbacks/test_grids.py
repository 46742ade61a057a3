from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch.loggers import Logger, TensorBoardLogger
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from dreaminpainter.callbacks import ExponentialMovingAverage, PictureGrid
from dreaminpainter.errors import SettingError
from dreaminpainter.filling import fill_batch
from dreaminpainter.module import DreamInpainter
from dreaminpainter.pipeline import DreamInpainterOutput, DreamInpainterPipeline
from dreaminpainter.selection import RandomTokens
from dreaminpainter.types import Batch


class Fills:
    """Keeps what was to be filled, what came out, and a weight that the model had then."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ids: list[str] = []
        self.pictures: list[Tensor] = []
        self.weights: list[Tensor] = []
        self.settings: dict[str, Any] = {}
        monkeypatch.setattr("dreaminpainter.callbacks.grids.fill_batch", self)

    def __call__(self, pipeline: DreamInpainterPipeline, batch: Batch, **settings: Any) -> DreamInpainterOutput:
        assert not any(module.training for module in pipeline.network.modules())
        torch.rand(1)  # as a sampler that adds noise of its own would
        output = fill_batch(pipeline, batch, **settings)
        self.ids += batch.id
        self.settings = settings
        self.weights.append(pipeline.adapter.projector[0].weight.detach().clone())
        self.pictures.append(output.images)
        return output


class PictureLogger(Logger):
    """Takes pictures as the logger of W&B does."""

    name, version = "pictures", 0

    def __init__(self) -> None:
        super().__init__()
        self.pictures: list[tuple[str, list[Any], int]] = []

    def log_image(self, key: str, images: list[Any], step: int) -> None:
        self.pictures.append((key, images, step))

    def log_metrics(self, *_: Any, **__: Any) -> None:
        pass

    def log_hyperparams(self, *_: Any) -> None:
        pass


def weight(model: DreamInpainter) -> Tensor:
    return model.network.adapter.projector[0].weight.detach().clone()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.png"))


def grid(**settings: Any) -> PictureGrid:
    return PictureGrid(**{"every_n_steps": 2, "num_inference_steps": 1, **settings})


def test_a_picture_is_written_every_n_steps_and_after_each_validation(
    trainer: Any, model: Any, loader: Any, tmp_path: Path
) -> None:
    settings = {"max_epochs": 2, "num_sanity_val_steps": 1, "accumulate_grad_batches": 2}
    trainer(grid(count=3), **settings).fit(model(), loader(6), loader(3))
    # Three steps an epoch: step 6 is one of every second and ends an epoch as well.
    assert names(tmp_path / "pictures") == [f"step_00000{step}.png" for step in (2, 3, 4, 6)]
    with Image.open(tmp_path / "pictures" / "step_000002.png") as picture:
        assert picture.width > 4 * 192 and picture.height > 3 * 192


def test_each_picture_is_drawn_once_from_the_first_samples_and_the_same_noise(
    trainer: Any, model: Any, loader: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = model(learning_rates={"adapter": 0.0})
    fills = Fills(monkeypatch)
    trainer(grid(every_n_steps=1, count=3, guidance_scale=3.0), max_epochs=1).fit(tiny, loader(2), loader(4))
    assert fills.ids == ["0", "1", "2"] * 2
    assert fills.settings == {"num_inference_steps": 1, "guidance_scale": 3.0, "reference_scale": None}
    assert torch.equal(torch.cat(fills.pictures[:2]), torch.cat(fills.pictures[2:]))


def test_pictures_are_drawn_with_averaged_weights(
    trainer: Any, model: Any, loader: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for order in (1, -1):
        tiny, ema = model(), ExponentialMovingAverage(0.9)
        fills = Fills(monkeypatch)
        trainer(*[ema, grid(every_n_steps=100)][::order], max_epochs=1).fit(tiny, loader(3), loader(2))
        average = ema.state_dict()["weights"]["network.adapter.projector.0.weight"]
        assert torch.equal(fills.weights[-1], average) and not torch.equal(weight(tiny), average)


def test_training_is_bit_identical_with_and_without_pictures(
    trainer: Any, model: Any, loader: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, drawn, fills = model(), model(), Fills(monkeypatch)
    for tiny, callbacks in ((plain, []), (drawn, [grid(every_n_steps=1)])):
        tiny.vae.eval()
        tiny.network.unet.mid_block.attentions[0].dropout = torch.nn.Dropout(0.5)
        tiny.network.adapter.projector.append(torch.nn.Dropout(0.5))
        torch.manual_seed(3)
        trainer(*callbacks, max_epochs=1).fit(tiny, loader(4), loader(2))
    assert torch.equal(weight(plain), weight(drawn))
    assert len(fills.pictures) == 4 * 2
    assert drawn.network.training and not drawn.vae.training


def test_validate_and_test_draw_their_own_first_samples(
    trainer: Any, model: Any, loader: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = model()
    fills = Fills(monkeypatch)
    loops = trainer(grid(count=2, folder=str(tmp_path / "here")))
    loops.validate(tiny, loader(1), verbose=False)
    loops.test(tiny, loader(1, 4), verbose=False)
    assert names(tmp_path / "here") == ["test.png", "validation.png"]
    assert fills.ids == ["0", "1"] * 2


def test_the_logger_gets_the_picture(trainer: Any, model: Any, loader: Any, tmp_path: Path) -> None:
    board, pictures = TensorBoardLogger(tmp_path, name="", version="logs"), PictureLogger()
    trainer(grid(count=2), max_epochs=1, logger=[board, pictures]).fit(model(), loader(2), loader(1))
    board.finalize("success")
    events = EventAccumulator(str(tmp_path / "logs"))
    events.Reload()
    with Image.open(tmp_path / "pictures" / "step_000002.png") as written:
        (logged,) = events.Images("pictures/fit")
        assert (logged.step, logged.width, logged.height) == (2, *written.size)
        ((key, (image,), step),) = pictures.pictures
        assert (key, step, image.tobytes()) == ("pictures/fit", 2, written.convert("RGB").tobytes())


def test_pictures_come_before_the_first_validation_too(trainer: Any, model: Any, loader: Any, tmp_path: Path) -> None:
    settings = {"max_epochs": 1, "check_val_every_n_epoch": 10, "num_sanity_val_steps": 0}
    trainer(grid(), **settings).fit(model(), loader(2), loader(1))
    assert names(tmp_path / "pictures") == ["step_000002.png"]


def test_streams_without_a_length_are_drawn_too(trainer: Any, model: Any, loader: Any, tmp_path: Path) -> None:
    class Stream(IterableDataset[Batch]):
        def __iter__(self) -> Iterator[Batch]:
            return iter(loader(1))

    trainer(grid(), max_epochs=1).fit(model(), loader(2), DataLoader(Stream(), batch_size=None))
    assert names(tmp_path / "pictures") == ["step_000002.png"]


def test_without_validation_samples_it_says_so(
    trainer: Any, model: Any, loader: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    trainer(grid(), max_epochs=1).fit(model(), loader(2))
    assert names(tmp_path / "pictures") == []
    assert "There are no validation samples, so no pictures are drawn." in caplog.text


def test_a_caption_that_is_too_long_to_read_does_not_stop_the_training(
    trainer: Any, model: Any, loader: Any, tmp_path: Path
) -> None:
    data = loader(1)
    data.dataset[0].caption[0] = "critter " * 100
    trainer(grid(), max_epochs=1).fit(model(), loader(2), data)
    assert names(tmp_path / "pictures") == ["step_000002.png"]


def test_selectors_that_draw_and_half_precision_are_drawn_too(
    trainer: Any, model: Any, loader: Any, tmp_path: Path
) -> None:
    tiny = model(selector=RandomTokens(4))
    trainer(grid(), max_epochs=1, precision="bf16-mixed").fit(tiny, loader(2), loader(1))
    assert names(tmp_path / "pictures") == ["step_000002.png"]


@pytest.mark.skipif(torch.cuda.is_initialized(), reason="CUDA is in use already, so this process cannot be forked")
def test_two_processes_draw_one_picture_and_go_on(trainer: Any, model: Any, loader: Any, tmp_path: Path) -> None:
    two = {"accelerator": "cpu", "strategy": "ddp_fork", "devices": 2}
    callbacks = (ExponentialMovingAverage(), grid(count=2))
    trainer(*callbacks, max_epochs=1, **two).fit(model(), loader(8), loader(2))
    assert names(tmp_path / "pictures") == ["step_000002.png", "step_000004.png"]


@pytest.mark.parametrize("settings", [{"every_n_steps": 0}, {"count": 0}])
def test_settings_out_of_range_are_refused(settings: dict[str, int]) -> None:
    with pytest.raises(SettingError, match="Set both to 1 or more"):
        PictureGrid(**settings)
