"""Configs in YAML. They are parsed, and nothing is made of them: that they name classes is what they are for."""

from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

import yaml
from hypothesis import strategies as st

from benchmarks.hostile.mutation import texts, trees
from benchmarks.hostile.trying import Parser
from dreaminpainter.commands import training
from dreaminpainter.commands.calling import parsed
from dreaminpainter.commands.inpaint import inpaint
from dreaminpainter.configuration import config_folder

QUICKSTART = (config_folder() / "quickstart.yaml").read_text(encoding="utf-8")
FILL = {
    "image": "a.png",
    "mask_image": "m.png",
    "reference_image": "r.png",
    "prompt": "a dog",
    "num_images_per_prompt": 2,
}


class OnlyParsed(training.DreamInpainterCLI):
    """Reads settings and makes nothing of them."""

    trainer = SimpleNamespace(is_global_zero=False)

    def before_instantiate_classes(self) -> None:
        """Nothing is looked for on the disk."""

    def instantiate_classes(self) -> None:
        """Nothing is made."""

    def _run_subcommand(self, subcommand: str) -> None:
        """Nothing is run."""


def _fit(folder: Path, content: bytes) -> None:
    (folder / "mine.yaml").write_bytes(content)
    with patch.object(training, "DreamInpainterCLI", OnlyParsed):
        training.run("fit", ["--config", str(folder / "mine.yaml")])


def _command(folder: Path, content: bytes) -> None:
    (folder / "mine.yaml").write_bytes(content)
    parsed(inpaint, "inpaint", ["--config", str(folder / "mine.yaml")])


def _edited(text: str) -> st.SearchStrategy[bytes]:
    dumped = trees(yaml.safe_load(text)).map(lambda tree: yaml.safe_dump(tree, allow_unicode=False).encode())
    return texts(text) | dumped


CONFIGS = (
    Parser("configs of fit: YAML", _edited(QUICKSTART), _fit),
    Parser("configs of other commands: YAML", _edited(yaml.safe_dump(FILL)), _command),
)
