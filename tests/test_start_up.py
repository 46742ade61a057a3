"""Commands import what they need and no more: what is imported costs seconds before anything is done."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[1] / "docs" / "images" / "examples" / "1"
SCENE, REFERENCE, HOLE = (str(EXAMPLE / f"{name}.png") for name in ("scene", "reference", "mask"))
FILL = f"inpaint --image {SCENE} --mask_image {HOLE} --reference_image {REFERENCE} --prompt critter --device cpu"
STAGES = {
    "help": ["--help"],
    "help of what takes no component": ["demo --help", "export --help", "serve --help"],
    "help of inpaint and a wrong path": ["inpaint --help", f"{FILL} --image nowhere.png"],
    "help of data": ["prepare --help", "caption --help"],
    "a fill": [f"{FILL} --num_inference_steps 1"],
}
RUN = """
import json, sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from dreaminpainter.cli import main

loaded = {}
for stage, commands in json.loads(sys.argv[1]).items():
    for command in commands:
        with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            try:
                main(command.split())
            except SystemExit:
                pass
    loaded[stage] = sorted(sys.modules)
print(json.dumps(loaded))
"""


def loaded(stages: dict[str, list[str]], folder: Path) -> dict[str, set[str]]:
    """What a fresh process has imported after each stage; stages follow each other in it."""
    asked = [sys.executable, "-c", RUN, json.dumps(stages)]
    done = subprocess.run(asked, cwd=folder, capture_output=True, text=True, check=True)
    return {stage: set(names) for stage, names in json.loads(done.stdout).items()}


@pytest.mark.skipif(" " in str(EXAMPLE), reason="the paths are words of a command line here")
def test_commands_import_what_they_need(tmp_path: Path) -> None:
    after_fill, after_help = {"a fill": STAGES["a fill"]}, dict(STAGES)
    del after_help["a fill"]
    before, filled = loaded(after_help, tmp_path), loaded(after_fill, tmp_path)["a fill"]
    assert not before["help"] & {"torch", "numpy", "PIL", "jsonargparse"}
    assert not before["help of what takes no component"] & {"torch", "numpy", "diffusers", "gradio"}
    assert not before["help of inpaint and a wrong path"] & {"diffusers", "lightning", "pandas", "torch._dynamo"}
    assert not before["help of data"] & {"diffusers", "lightning", "gradio"}
    assert (tmp_path / "filled.png").exists() and "diffusers" in filled
    assert not filled & {"lightning", "gradio", "datasets", "pandas", "kornia", "matplotlib", "tensorboard"}
