"""Where on the reference the chosen tokens lie: within the subject, on its outline, or on white."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.critters import held_out
from benchmarks.statistics import percent, table
from dreaminpainter.checkpoints import load_pipeline
from dreaminpainter.encoding import encode_images, encode_texts
from dreaminpainter.selection import AttentionRollout, CosineDistance, RandomTokens, TokenSelector
from dreaminpainter.types import Reference

PLACES = "places.parquet"
KINDS = ("within", "outline", "white")
SELECTORS: dict[str, TokenSelector] = {
    "cosine, K 6": CosineDistance(k=6),
    "cosine, K 24": CosineDistance(k=24),
    "rollout, K 6": AttentionRollout(k=6),
    "rollout, K 24": AttentionRollout(k=24),
    "random, K 24": RandomTokens(k=24),
}


def kinds_of(masks: Tensor, grid: tuple[int, int]) -> Tensor:
    """(B, N, 3) float: whether each token's cell lies within the subject, on its outline, or on white.

    Args:
        masks: (B, 1, H, W), 1 on the subject; H and W are multiples of the grid.
        grid: rows and columns of tokens.

    Example:
        >>> kinds_of(torch.tensor([[[[1.0, 1, 1, 0], [1, 1, 0, 0]]]]), (1, 2))[0].tolist()
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    """
    covered = F.adaptive_avg_pool2d(masks.float(), grid).flatten(1)
    within, white = covered == 1, covered == 0
    return torch.stack([within, ~within & ~white, white], 2).float()


@torch.no_grad()
def measure_places(model: str, path: Path, samples: int = 128) -> None:
    """Writes, for each selector and held-out reference, the share of chosen tokens of each kind.

    Args:
        model: checkpoint whose features are ranked.
        path: the Parquet file.
        samples: references.
    """
    pipeline = load_pipeline(model)
    drawing = held_out(pipeline, samples).draw(torch.arange(samples))
    reference = Reference(
        drawing.reference_image,
        drawing.reference_mask,
        [""] * samples,
        latents=encode_images(pipeline.vae, drawing.reference_image),
        text_states=encode_texts(pipeline.tokenizer, pipeline.text_encoder, [""] * samples),
    )
    columns: dict[str, list[object]] = {name: [] for name in ("selector", "reference", *KINDS)}
    network = pipeline.network
    for name, selector in {**SELECTORS, "all 256": None}.items():
        if selector is not None:
            network.select_by(selector)
        features = network.extractor(reference, network.unet)
        kinds = kinds_of(drawing.reference_mask, features.grid)
        if selector is not None:
            chosen = selector(features, torch.arange(samples)).indices
            kinds = kinds.gather(1, chosen[..., None].expand(-1, -1, len(KINDS)))
        for number, shares in enumerate(kinds.mean(1).tolist()):
            for column, value in zip(columns, (name, number, *shares), strict=True):
                columns[column].append(value)
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path, compression="zstd")


def place_lines(path: Path) -> list[str]:
    """The table in Markdown: percent of the chosen tokens, with 95 % intervals over references."""
    found = pq.read_table(path).to_pandas()
    rows = []
    for name, own in found.groupby("selector", sort=False):
        rows.append([str(name), *(percent(torch.tensor(own[kind].to_numpy())) for kind in KINDS)])
    return table(["chosen by", *KINDS], rows)
