"""Commands import what they need and no more: what is imported costs seconds before anything is done."""

import json
import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).parents[1] / "docs" / "images" / "examples" / "1"
FILL = ["inpaint", "--prompt", "critter", "--device", "cpu", "--num_inference_steps", "1"] + [
    word
    for flag, name in {"image": "scene", "mask_image": "mask", "reference_image": "reference"}.items()
    for word in (f"--{flag}", str(EXAMPLE / f"{name}.png"))
]
Commands = list[list[str]]
HELP: dict[str, Commands] = {
    "of all": [["--help"]],
    "of what takes no component": [["demo", "--help"], ["export", "--help"], ["serve", "--help"]],
    "of inpaint, and a wrong path": [["inpaint", "--help"], [*FILL, "--image", "nowhere.png"]],
    "of data": [["prepare", "--help"], ["caption", "--help"]],
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
                main(command)
            except SystemExit:
                pass
    loaded[stage] = sorted(sys.modules)
print(json.dumps(loaded))
"""


def loaded(stages: dict[str, Commands], folder: Path) -> dict[str, set[str]]:
    """What a fresh process has imported after each stage; stages follow each other in it."""
    asked = [sys.executable, "-c", RUN, json.dumps(stages)]
    done = subprocess.run(asked, cwd=folder, capture_output=True, text=True, check=True)
    return {stage: set(names) for stage, names in json.loads(done.stdout).items()}


def test_help_and_wrong_paths_wait_for_no_library_that_they_do_not_need(tmp_path: Path) -> None:
    after = loaded(HELP, tmp_path)
    assert after["of all"] & {"torch", "numpy", "PIL", "jsonargparse"} == set()
    assert after["of what takes no component"] & {"torch", "numpy", "diffusers", "gradio"} == set()
    assert after["of inpaint, and a wrong path"] & {"diffusers", "torch._dynamo", "lightning", "pandas"} == set()
    assert after["of data"] & {"diffusers", "lightning", "gradio"} == set()
    assert {"dreaminpainter.data.captioning", "torch"} <= after["of data"], "the commands were run"


def test_a_fill_takes_none_of_the_libraries_of_training_data_and_page(tmp_path: Path) -> None:
    after = loaded({"a fill": [FILL]}, tmp_path)["a fill"]
    assert (tmp_path / "filled.png").exists()
    assert after & {"lightning", "datasets", "pandas", "gradio", "matplotlib", "tensorboard"} == set()
