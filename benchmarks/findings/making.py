"""From a run of the studies to their stored fills, and from those to the page."""

from pathlib import Path

import yaml
from tqdm import tqdm

from benchmarks.findings.claims import claims, judge
from benchmarks.findings.page import page
from benchmarks.findings.places import PLACES, measure_places, place_lines
from benchmarks.findings.plots import plot_arms, plot_over_k
from benchmarks.findings.stored import load, store, told_of
from dreaminpainter.evaluation.ablation.plan import Axis, Plan

CONFIGS = Path("configs/ablations/paper")
STORED = "benchmarks/results/findings"
PAGE = "benchmarks/results/findings.md"


def gather(runs: str = "runs/paper", stored: str = STORED) -> None:
    """Stores what the studies of `configs/ablations/paper` measured, fill by fill, and where chosen tokens lie.

    Studies that have no folder in `runs` keep what is stored of them.

    Args:
        runs: folder with the outputs of `dreaminpainter ablate`, each called as its config, and of the trunk.
        stored: folder for a Parquet file a study.
    """
    for config in tqdm(sorted(CONFIGS.glob("*.yaml")), "studies"):
        folder = Path(runs) / config.stem
        if folder.is_dir():
            store(plan_of(config), folder, Path(stored) / f"{config.stem}.parquet")
    trunk = Path(runs) / "trunk" / "checkpoints" / "last.ckpt"
    if trunk.is_file():
        measure_places(str(trunk), Path(stored) / PLACES)


def findings(stored: str = STORED, output: str = PAGE, plots: str = "docs/images") -> None:
    """Writes the page and its plots from the stored fills; needs no run.

    Args:
        stored: folder of a Parquet file a study.
        output: the Markdown file to write.
        plots: folder for two pictures.
    """
    files = {path.stem: path for path in sorted(Path(stored).glob("*.parquet")) if path.name != PLACES}
    studies = {name: load(path) for name, path in files.items()}
    told = {name: told_of(path) for name, path in files.items()}
    verdicts = [judge(claim, studies[claim.study]) for claim in claims() if claim.study in studies]
    intro = Path(__file__).with_name("intro.md").read_text(encoding="utf-8")
    text = page(verdicts, studies, told, intro, place_lines(Path(stored) / PLACES))
    Path(output).write_text(text, encoding="utf-8")
    plot_over_k(studies["filling"], Path(plots) / "findings-k.png")
    plot_arms(studies["f3_regularization"], Path(plots) / "findings-regularization.png")
    print(text)


def plan_of(config: Path) -> Plan:
    """The study that a config describes."""
    told = yaml.safe_load(config.read_text(encoding="utf-8"))
    axes = {name: Axis(**axis) for name, axis in told.pop("axes", {}).items()}
    return Plan(**told, axes=axes)
