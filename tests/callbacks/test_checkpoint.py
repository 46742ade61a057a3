"""What checkpoints tell of themselves."""

import shutil
from pathlib import Path
from typing import Any

from tiny_run import fitted, flags

BEST = flags({"checkpoint.monitor": "val/loss_main", "checkpoint.save_top_k": 1, "trainer.val_check_interval": 1})


def of_the_best(checkpoint: dict[str, Any]) -> dict[str, Any]:
    (state,) = (state for name, state in checkpoint["callbacks"].items() if name.startswith("RunCheckpoint"))
    return state


def test_a_run_that_was_moved_goes_on_with_its_best_and_tells_no_path_of_the_machine(tmp_path: Path, recwarn) -> None:
    before = of_the_best(fitted(tmp_path / "here", *BEST, steps=2))
    shutil.move(tmp_path / "here", tmp_path / "there")
    after = of_the_best(fitted(tmp_path / "there", *BEST, steps=3))
    assert not [one for one in recwarn if "dirpath" in str(one.message)]
    assert before["best_k_models"].keys() and after["kth_value"] <= before["kth_value"]
    kept = [path.name for path in (tmp_path / "there" / "checkpoints").glob("epoch=*.ckpt")]
    assert kept == [after["best_model_path"]]  # were the other one not known, it would lie there still
    assert str(tmp_path) not in str(after)


def test_a_best_that_is_no_longer_there_makes_room_for_another(tmp_path: Path) -> None:
    fitted(tmp_path / "run", *BEST, steps=2)
    folder = tmp_path / "run" / "checkpoints"
    (gone,) = folder.glob("epoch=*.ckpt")
    gone.unlink()
    fitted(tmp_path / "run", *BEST, steps=3)
    assert [path.name for path in folder.glob("epoch=*.ckpt")] == ["epoch=0-step=3.ckpt"]


def test_the_best_of_another_run_are_not_those_of_this_one(tmp_path: Path) -> None:
    fitted(tmp_path / "first", *BEST, steps=2)
    (tmp_path / "second" / "checkpoints").mkdir(parents=True)
    (its,) = (tmp_path / "first" / "checkpoints").glob("epoch=*.ckpt")
    ours = tmp_path / "second" / "checkpoints" / its.name  # of the same name, and not to be removed as a worse one
    ours.write_bytes(its.read_bytes())
    last = tmp_path / "first" / "checkpoints" / "last.ckpt"
    state = of_the_best(fitted(tmp_path / "second", *BEST, "--ckpt_path", str(last), steps=3))
    assert ours.exists() and its.exists()
    assert list(state["best_k_models"]) == [state["best_model_path"]] == ["epoch=0-step=3.ckpt"]
