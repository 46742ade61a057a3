"""What is packed is what was averaged, in half precision; the card beside it stays."""

import torch
from tiny_run import fitted

from benchmarks.pack import pack
from dreaminpainter.checkpoints import load_pipeline


def test_a_packed_model_is_the_averaged_one(tmp_path, capsys) -> None:
    checkpoint = fitted(tmp_path / "run")
    output = tmp_path / "packed"
    output.mkdir()
    (output / "README.md").write_text("the card")
    pack(str(tmp_path / "run" / "checkpoints" / "last.ckpt"), str(output))
    read = load_pipeline(str(output))
    average = checkpoint["callbacks"]["ema"]["weights"]
    for name, value in read.network.state_dict().items():
        assert value.dtype == torch.float32, name
        expected = average.get(f"network.{name}", checkpoint["state_dict"][f"network.{name}"])
        assert torch.equal(value, expected.half().float()), name
    assert read.text_encoder.dtype == torch.float32
    assert (output / "README.md").read_text() == "the card"
    assert "MB" in capsys.readouterr().out
