"""Checkpoints that are folders, to which several processes have written their parts, put together again.

torch describes the parts in a pickle. It is read here without anything that could run code: nothing is made of it but
the few classes that such a description consists of.
"""

import pickle
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.filesystem import FileSystemReader
from torch.distributed.checkpoint.metadata import Metadata, StorageMeta, TensorStorageMetadata
from torch.distributed.checkpoint.state_dict_loader import load

from dreaminpainter.checkpoint_failures import DAMAGE, unreadable
from dreaminpainter.errors import InputError
from dreaminpainter.paths import is_inside

META = "meta.pt"
"""What is not divided, as Lightning names it; written last."""
_PARTS = ".metadata"
_STATE = "state_dict."
_PLAIN = {
    "torch.distributed.checkpoint.metadata": {
        "BytesStorageMetadata",
        "ChunkStorageMetadata",
        "Metadata",
        "MetadataIndex",
        "StorageMeta",
        "TensorProperties",
        "TensorStorageMetadata",
        "_MEM_FORMAT_ENCODING",
    },
    "torch.distributed.checkpoint.filesystem": {"_StorageInfo"},
    "torch": {"Size", "device"},
    "torch.serialization": {"_get_layout"},
    "pathlib": {"Path", "PosixPath", "PurePosixPath"},
    "pathlib._local": {"Path", "PosixPath", "PurePosixPath"},
}

_DAMAGE = (CheckpointException, OSError, *DAMAGE)


def is_divided(path: Path) -> bool:
    """Whether there is a divided checkpoint, whole or damaged: a folder with a file that tells of parts."""
    return (path / META).is_file() or (path / _PARTS).is_file()


def is_whole_folder(path: Path) -> bool:
    """Whether a divided checkpoint has all that its description names: each part, and as long as its entries need.

    Nothing tells whether the bytes within are still those that were written.
    """
    try:
        ends = {part: 0 for part in (path / META, path / _PARTS)}
        for entry in _PlainReader(path).read_metadata().storage_data.values():
            part = path / entry.relative_path
            ends[part] = max(ends.get(part, 0), entry.offset + entry.length)
        return all(part.is_file() and part.stat().st_size >= end for part, end in ends.items())
    except _DAMAGE:
        return False


def read_folder(path: Path, weights: bool = True) -> dict[str, Any]:
    """What Lightning saved, tensors on the CPU.

    Args:
        path: of the folder.
        weights: whether to read `state_dict`, which may be large; the optimizer's state never is.

    Raises:
        InputError: a part is missing, damaged or outside of the folder, or the description holds more than it should.
    """
    try:
        checkpoint: dict[str, Any] = torch.load(path / META, map_location="cpu", weights_only=True, mmap=True)
        if weights:
            checkpoint["state_dict"] = _weights(path)
    except InputError:
        raise
    except _DAMAGE as error:
        raise unreadable(path, error) from error
    return checkpoint


def _weights(path: Path) -> dict[str, Tensor]:
    reader = _PlainReader(path)
    stored = reader.read_metadata().state_dict_metadata
    state: dict[str, Any] = {
        name: torch.empty(one.size, dtype=one.properties.dtype)
        for name, one in stored.items()
        if name.startswith(_STATE) and isinstance(one, TensorStorageMetadata)
    }
    load(state, storage_reader=reader, no_dist=True)
    return {name.removeprefix(_STATE): value for name, value in state.items()}


class _PlainReader(FileSystemReader):
    def read_metadata(self, *args: Any, **kwargs: Any) -> Metadata:
        with (Path(self.path) / _PARTS).open("rb") as file:
            metadata: Metadata = _PlainUnpickler(file).load()
        for part in metadata.storage_data.values():
            if not is_inside(part.relative_path):
                raise InputError(
                    f"The divided checkpoint {self.path} names the part {part.relative_path!r}, which lies outside of "
                    "it, and is not read. Name a folder that training wrote."
                )
        metadata.storage_meta = StorageMeta(load_id=self.load_id)
        return metadata


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        is_type = module == "torch" and isinstance(getattr(torch, name, None), torch.dtype)
        if not is_type and name not in _PLAIN.get(module, ()):
            raise pickle.UnpicklingError(f"{module}.{name} has no place in the description of a checkpoint")
        return getattr(import_module(module), name)
