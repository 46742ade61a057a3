"""Divided checkpoints that one process writes, as Lightning's strategy has several do it."""

import pickle
from pathlib import Path
from typing import Any

import torch
from torch.distributed.checkpoint import FileSystemReader, save


def write_folder(checkpoint: dict[str, Any], folder: Path) -> Path:
    """Writes what a checkpoint holds, its optimizer left out, as the folder that a divided one is."""
    rest = {name: value for name, value in checkpoint.items() if name not in ("state_dict", "optimizer_states")}
    save({"state_dict": checkpoint["state_dict"]}, checkpoint_id=folder, no_dist=True)
    torch.save(rest, folder / "meta.pt")
    return folder


def rename_parts(folder: Path, name: str) -> None:
    """Has the description of a divided checkpoint give its parts another name."""
    metadata = FileSystemReader(folder).read_metadata()
    for part in metadata.storage_data.values():
        part.relative_path = name
    (folder / ".metadata").write_bytes(pickle.dumps(metadata))
