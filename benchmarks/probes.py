"""Trains the attribute probes on true drawings, and says how good they are on identities that they never saw.

The packaged ones had three rounds, since marks are small, and smaller still in the 64 px of the model in the tests:

    python -m benchmarks probes
    python -m benchmarks probes --size 64 --init_from dreaminpainter/pretrained/critters-probes --steps 400
    python -m benchmarks probes --init_from dreaminpainter/pretrained/critters-probes --steps 600
"""

from pathlib import Path
from time import monotonic

import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader
from tqdm import tqdm

from benchmarks.drawings import TrueDrawings
from dreaminpainter.data.critters.attributes import IDENTITY, TEXT, VALUES
from dreaminpainter.evaluation import AttributeProbes
from dreaminpainter.optimizers import Muon

FOLDER = "dreaminpainter/pretrained/critters-probes"


def probes(
    output: str = FOLDER,
    size: int = 128,
    init_from: str | None = None,
    steps: int = 700,
    batch_size: int = 64,
    learning_rate: float = 3e-3,
) -> None:
    """Trains the attribute probes and writes them.

    Args:
        output: folder to write, in diffusers' layout.
        size: side in pixels of the scenes to train on; fills of that size are what the probes can judge.
        init_from: folder of probes to go on with. Marks, the smallest of the attributes, take further rounds.
        steps: training steps.
        batch_size: drawings a step.
        learning_rate: the highest; it rises and falls in one cycle.
    """
    torch.manual_seed(0)
    if init_from is None:
        model = AttributeProbes({name: list(VALUES[name]) for name in (*IDENTITY, *TEXT)})
    else:
        model = AttributeProbes.from_pretrained(init_from).train()
    model.to(memory_format=torch.channels_last)
    drawings = TrueDrawings(size, "train", steps, batch_size, "probes" if init_from is None else "probes, second round")
    optimizer = Muon(model.parameters(), weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, learning_rate, steps, cycle_momentum=False)
    started = monotonic()
    progress = tqdm(DataLoader(drawings, batch_size=None), desc="probes")
    for step, batch in enumerate(progress):
        # A little noise, so that no probe hangs on what only a perfect drawing has.
        noisy = batch.images + 0.05 * torch.randn_like(batch.images)
        logits = model(noisy, batch.boxes)
        loss = sum(F.cross_entropy(logits[name], batch.codes[name]) for name in logits)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
        if step % 50 == 0:
            progress.set_postfix(loss=f"{float(loss):.3f}")
    accuracies = accuracy(model.eval(), size, batches=16)
    for name, value in accuracies.items():
        print(f"{name:10} {value:.1%}")
    print(f"{steps} steps of {batch_size} drawings in {monotonic() - started:.0f} s")
    model.to(torch.float16).save_pretrained(Path(output))


def accuracy(model: AttributeProbes, size: int, batches: int) -> dict[str, float]:
    """The share of true drawings of held-out identities that each probe is right about, in batches of 64.

    Args:
        model: the probes.
        size: side of the drawings in pixels.
        batches: how many batches.
    """
    right = []
    for batch in tqdm(
        DataLoader(TrueDrawings(size, "test", batches, 64), batch_size=None), desc="held-out", leave=False
    ):
        right.append(model.right(batch.images, batch.boxes, batch.codes))
    return {name: float(torch.cat([part[name] for part in right]).float().mean()) for name in right[0]}
