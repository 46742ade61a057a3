"""Latents that are computed once, beside prepared data: of each scene, and of several variants of each reference.

They are worth their place on the disk where the autoencoder takes a good part of a training step. The price is that a
scene keeps one crop, and a reference as many augmentations as there are variants. Latents are of one autoencoder and of
the settings that lead to its input; where either differs they are refused.
"""

import json
import math
from collections.abc import Callable
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from tqdm import tqdm

from dreaminpainter.atomic import sweep, whole
from dreaminpainter.data.samples import SampleMaker, refuse_other_settings, scene_key, variant_key
from dreaminpainter.data.sources.base import CachedLatents, Instance
from dreaminpainter.data.sources.files import required
from dreaminpainter.errors import InputError, SettingError
from dreaminpainter.levels import from_levels

FOLDER = "latents"
_FILE = "latents.json"
_SHARD = 256
"""Objects a file."""

Encode = Callable[[Tensor], Tensor]
"""(B, 3, H, W) pictures in [-1, 1] to (B, C, h, w) scaled latents."""


class LatentCache:
    """The latents in a folder.

    Args:
        folder: of the latents.
        rows: tells the rows that they are of from others; latents are found by a row's number.
    """

    def __init__(self, folder: Path, rows: str) -> None:
        self.folder = folder
        self.rows = rows

    @cached_property
    def settings(self) -> dict[str, Any]:
        """What they were made from: `rows`, `autoencoder`, `variants`, and the settings of the maker of their input.

        Raises:
            MissingFileError: there are none.
            SettingError: they are of other rows.
        """
        path = required(self.folder / _FILE, "Write them: dreaminpainter prepare ... --cache_latents CONFIG")
        settings: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if settings.get("rows") != self.rows:
            raise SettingError(
                f"The cached latents in {self.folder} are not of the objects that lie beside them, which were prepared "
                "anew since. Delete that folder, and write the latents again."
            )
        return settings

    def of(self, row: int) -> CachedLatents:
        """The latents of the object in that row of the prepared data.

        Raises:
            MissingFileError: they are not finished.
        """
        path = self.folder / f"{row // _SHARD:06}.safetensors"
        latents = _read(required(path, "Run the same `prepare ... --cache_latents` again; it goes on where it was"))
        place = row % _SHARD
        return CachedLatents(latents["scene"][place].float(), latents["references"][place].float(), self.settings)

    def write(
        self,
        instances: Callable[[range], list[Instance]],
        count: int,
        maker: SampleMaker,
        encode: Encode,
        autoencoder: str,
        variants: int,
        batch_size: int = 8,
    ) -> None:
        """Writes the latents of all objects; files that are there are left alone.

        Args:
            instances: those of a range of rows.
            count: how many there are.
            maker: makes the scenes and references that training is to see.
            encode: the autoencoder.
            autoencoder: its identity.
            variants: augmented references an object, 1 or more.
            batch_size: pictures that are encoded at a time.

        Raises:
            SettingError: there are latents of other rows, another autoencoder or other settings, or no variants are
                wanted.
        """
        if variants < 1:
            raise SettingError(f"variants is {variants}. Set it to 1 or more.")
        self.folder.mkdir(parents=True, exist_ok=True)
        sweep(self.folder)
        settings = maker.settings() | {"rows": self.rows, "autoencoder": autoencoder, "variants": variants}
        path = self.folder / _FILE
        if path.exists():
            refuse_other_settings(self.settings, settings, f"in {self.folder}")
        with whole(path) as beside:
            beside.write_text(json.dumps(settings, indent=2), encoding="utf-8")
        with tqdm(total=count, desc="encoding", unit=" objects") as bar:
            for number in range(math.ceil(count / _SHARD)):
                rows = range(number * _SHARD, min((number + 1) * _SHARD, count))
                shard = self.folder / f"{number:06}.safetensors"
                if not shard.exists():
                    _write(instances, rows, maker, encode, variants, batch_size, shard)
                bar.update(len(rows))


def _write(
    instances: Callable[[range], list[Instance]],
    rows: range,
    maker: SampleMaker,
    encode: Encode,
    variants: int,
    batch_size: int,
    path: Path,
) -> None:
    scenes, references = [], []
    for start in range(rows.start, rows.stop, batch_size):
        group = instances(range(start, min(start + batch_size, rows.stop)))
        keys = [scene_key(instance) for instance in group]
        group = maker.degraded(group, keys)
        scenes.append(encode(torch.stack([from_levels(scene.image) for scene in maker.scenes(group, keys)])))
        drawn = [
            encode(maker.references(group, [variant_key(instance, variant) for instance in group]).pixels)
            for variant in range(variants)
        ]
        references.append(torch.stack(drawn, dim=1))
    tensors = {"scene": torch.cat(scenes), "references": torch.cat(references)}
    with whole(path) as beside:
        save_file({name: tensor.half().cpu().contiguous() for name, tensor in tensors.items()}, beside)


# Neighbouring rows lie in one file, and files are memory-mapped.
@lru_cache(maxsize=64)
def _read(path: Path) -> dict[str, Tensor]:
    try:
        tensors: dict[str, Tensor] = load_file(path)
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path} cannot be read: {error}. Delete it and write the latents again.") from error
    return tensors
