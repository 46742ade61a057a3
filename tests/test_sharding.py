"""Weights, gradients and optimizer divided over processes, by FSDP2: the same training, and one model in the end."""

from pathlib import Path
from typing import Any

import pytest
import torch
from killing import FullDisk, callback
from lightning.pytorch import Callback
from ranks import on_ranks
from tiny import tiny_model
from tiny_run import command, flags

from dreaminpainter.callbacks.checkpoint_files import is_whole
from dreaminpainter.checkpoints import load_pipeline, read_checkpoint
from dreaminpainter.cli import main
from dreaminpainter.errors import SettingError
from dreaminpainter.sharding import gathered, shard
from dreaminpainter.supervision import AttributeSupervision

pytestmark = pytest.mark.skipif(
    torch.cuda.is_initialized(), reason="CUDA is in use already, so this process cannot be forked"
)

SETTINGS = flags(
    {
        "model.regularizer": "DecouplingRegularizer",
        "model.reference_dropout": 0.5,
        "trainer.log_every_n_steps": 1,
        "trainer.val_check_interval": 2,
        "pictures.every_n_steps": 2,
        "data.samples_per_epoch": 16,
    }
)
DIVIDED = ["--trainer.strategy", "fsdp2"]


class Gradients(Callback):
    """Writes the whole gradients of each step, and how much of the UNet this process holds."""

    def on_before_optimizer_step(self, trainer: Any, pl_module: Any, optimizer: Any) -> None:
        folder = Path(trainer.default_root_dir) / "gradients"
        folder.mkdir(exist_ok=True)
        own = {name: gathered(one.grad).clone() for name, one in pl_module.named_parameters() if one.grad is not None}
        held = sum(getattr(one, "_local_tensor", one).numel() for one in pl_module.network.unet.parameters())
        torch.save({"gradients": own, "held": held}, folder / f"{trainer.global_step}-{trainer.global_rank}.pt")


def fit(folder: Path, *more: str, steps: int) -> int:
    logger = flags({"trainer.logger": "CSVLogger", "trainer.logger.init_args.save_dir": folder / "csv"})
    return command("fit", folder, *SETTINGS, *logger, "--trainer.callbacks", callback(Gradients), *more, steps=steps)


def divided(folder: Path, *more: str, count: int = 2, steps: int = 2) -> str:
    """What a fit with divided weights prints."""
    devices = flags({"trainer.devices": count, "data.batch_size": 4 // count})
    codes, told = on_ranks(lambda _: fit(folder, *DIVIDED, *devices, *more, steps=steps), count)
    assert codes == [0] * count, told
    return told


@pytest.mark.slow
@pytest.mark.parametrize("injection", ["UpBlocks", "DecoupledKeyValues"])
def test_divided_over_two_it_trains_as_in_one_process_and_is_one_model_in_the_end(
    injection: str, tmp_path: Path
) -> None:
    more = ["--model.injection", injection]
    assert fit(tmp_path / "one", "--data.batch_size", "4", *more, steps=4) == 0
    folder = tmp_path / "two"
    divided(folder, *more)
    told = divided(folder, *more, steps=3)
    assert "going on from step 2" in told and f"checkpoint: {folder / 'checkpoints/last.ckpt'}" in told
    assert "going on from step 3" in divided(folder, *more, count=1, steps=4), "by one process"

    for step in range(4):
        one = torch.load(tmp_path / f"one/gradients/{step}-0.pt", weights_only=True)
        two = torch.load(folder / f"gradients/{step}-0.pt", weights_only=True)
        torch.testing.assert_close(two["gradients"], one["gradients"], rtol=0, atol=1e-5)
        assert (two["held"] < 0.6 * one["held"]) == (step < 3)
    whole = read_checkpoint(str(tmp_path / "one/checkpoints/last.ckpt"))
    together = read_checkpoint(str(folder / "checkpoints/last.ckpt"))
    torch.testing.assert_close(together["state_dict"], dict(whole["state_dict"]), rtol=0, atol=1e-4)
    ema, ema_of_one = (one["callbacks"]["ema"] for one in (together, whole))
    assert ema["updates"] == ema_of_one["updates"] == 4
    torch.testing.assert_close(ema["weights"], ema_of_one["weights"], rtol=0, atol=1e-4)
    assert sorted(path.name for path in (folder / "pictures").iterdir()) == [
        path.name for path in sorted((tmp_path / "one/pictures").iterdir())
    ]

    assert main(["export", str(folder / "checkpoints/last.ckpt"), str(tmp_path / "exported")]) == 0
    exported = load_pipeline(str(tmp_path / "exported")).unet.state_dict()
    for name, value in exported.items():
        assert torch.equal(value, ema["weights"].get(f"network.unet.{name}", value))


@pytest.mark.slow
def test_lora_is_refused(tmp_path: Path) -> None:
    lora = flags({"model.lora": "LoRA", "model.learning_rates": '{"lora": 1e-3}'})
    codes, told = on_ranks(lambda _: fit(tmp_path, *DIVIDED, "--trainer.devices", "2", *lora, steps=1))
    assert codes == [2, 2] and "LoRA does not train with divided weights" in told


def alone(name: str, folder: Path, *more: str, steps: int) -> tuple[list[int], str]:
    """Exit code and what is printed of one process with divided weights, which is a run as well."""
    words = [*DIVIDED, "--trainer.logger", "false", *more]
    codes, told = on_ranks(lambda _: command(name, folder, *words, steps=steps), count=1)
    return codes, " ".join(told.split())


@pytest.mark.slow
def test_a_part_that_cannot_be_written_or_read_is_told(tmp_path: Path) -> None:
    last = tmp_path / "checkpoints/last.ckpt"
    assert alone("fit", tmp_path, steps=1)[0] == [0]
    full = ["--trainer.callbacks", callback(FullDisk, after=2, kill=False)]
    codes, told = alone("fit", tmp_path, *full, steps=2)
    assert codes == [2] and f"The checkpoint {last} could not be written: " in told and "Make room" in told
    assert list(last.parent.iterdir()) == [last] and is_whole(last)

    (meta,) = last.glob("meta.pt")
    written = meta.read_bytes()
    meta.write_bytes(written[: len(written) // 2])
    codes, told = alone("validate", tmp_path, "--ckpt_path", "last", steps=2)
    assert codes == [2] and f"{last} cannot be read as a divided checkpoint" in told, told
    meta.write_bytes(written)

    for part in last.glob("*.distcp"):
        with part.open("r+b") as file:
            file.write(bytes(part.stat().st_size))
    for name in ("fit", "validate"):
        codes, told = alone(name, tmp_path, "--ckpt_path", "last", steps=2)
        assert codes == [2] and f"{last} cannot be read as a divided checkpoint" in told


def test_supervision_is_refused() -> None:
    supervision = AttributeSupervision({"eyes": ["beads", "cyclops"]})
    model = tiny_model(supervision=supervision, learning_rates={"unet": 1e-3, "supervision": 1e-3})
    mesh: Any = None  # it is not asked
    with pytest.raises(SettingError, match=r"model\.supervision does not train with divided weights"):
        shard(model, mesh)
