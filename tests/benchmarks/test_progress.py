"""The table of a run's progress: losses and scores of the right checkpoints."""

import pytest
from tiny_run import command

from benchmarks.progress import progress, validation_losses
from dreaminpainter.errors import SettingError


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory):
    """A run of four steps with a checkpoint of every second one."""
    folder = tmp_path_factory.mktemp("run")
    more = ("--trainer.val_check_interval", "2", "--checkpoint.save_top_k", "-1", "--model.num_inference_steps", "1")
    assert command("fit", folder, *more, steps=4) == 0
    return folder


def test_each_checkpoint_has_its_row(run, capsys) -> None:
    output = run / "progress.md"
    progress(str(run), steps=(2, 4), samples=2, num_inference_steps=1, output=str(output))
    page, losses = output.read_text(), validation_losses(run / "logs")
    assert sorted(losses) == [2, 4]
    for step in (2, 4):
        assert f"\n| {step} | {losses[step]:.3f} | " in page
    assert page in capsys.readouterr().out


def test_steps_without_a_validation_are_refused_before_anything_is_filled(run, tmp_path) -> None:
    with pytest.raises(SettingError, match=r"no validation loss after steps \[3\]. Take some of \[2, 4\]"):
        progress(str(run), steps=(2, 3), output=str(tmp_path / "progress.md"))
