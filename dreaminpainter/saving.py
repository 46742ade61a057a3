"""How a pipeline is written into a folder and read from one."""

from pathlib import Path
from typing import Any, Self

import torch
from diffusers import DiffusionPipeline

from dreaminpainter.adapter import SubjectAdapter
from dreaminpainter.autoencoder import SpaceToDepth
from dreaminpainter.errors import InputError, MissingFileError, SettingError
from dreaminpainter.hub import fetch
from dreaminpainter.lora import has_lora
from dreaminpainter.lora_files import read_lora
from dreaminpainter.patch_autoencoder import PatchAutoencoder
from dreaminpainter.portable import INDEX, as_own, carry_code, check_index
from dreaminpainter.pretrained import packaged

OWN_CLASSES: dict[str, type] = {kind.__name__: kind for kind in (SubjectAdapter, PatchAutoencoder, SpaceToDepth)}
"""The classes that a part of a saved pipeline may have and that diffusers does not."""

_HUB_SETTINGS = ("revision", "token", "cache_dir", "force_download", "local_files_only")


class SavedPipeline(DiffusionPipeline):
    """A diffusers pipeline whose folder carries the code of its parts, and is checked before it is read."""

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str, **kwargs: Any) -> Self:
        """A saved pipeline: a folder, a name on the hub, or `critters` for the model that comes with the package.

        All of it is loaded in float32, whatever the files hold, unless `dtype` says otherwise. No code that lies
        in the folder is run.

        Args:
            pretrained_model_name_or_path: folder or name.
            kwargs: further arguments of diffusers' own `from_pretrained`.

        Raises:
            MissingFileError: there is no such pipeline.
            InputError: it is a file, another pipeline, or was written by a newer version of this package.

        Example:
            >>> from dreaminpainter import DreamInpainterPipeline
            >>> DreamInpainterPipeline.from_pretrained("critters").adapter.config.image_size
            [128, 128]
        """
        name = packaged(str(pretrained_model_name_or_path))
        if Path(name).is_file():
            raise InputError(
                f"{name} is a file, and a saved pipeline is a folder. Name the folder; `dreaminpainter export` makes "
                "one of a training checkpoint."
            )
        if not Path(name).is_dir():
            name = fetch(name, **{key: kwargs.pop(key) for key in _HUB_SETTINGS if key in kwargs})
        # By themselves diffusers' parts would come in float32, transformers' as they were saved.
        if "torch_dtype" not in kwargs:  # the older name, with which diffusers warns
            kwargs.setdefault("dtype", torch.float32)
        pipeline: Self = super().from_pretrained(name, **kwargs)
        return pipeline

    @classmethod
    def load_config(cls, pretrained_model_name_or_path: Any, *args: Any, **kwargs: Any) -> Any:
        """What `model_index.json` holds, checked; where it names code in the folder, the same classes of this package.

        Raises:
            MissingFileError: the folder has none.
            InputError: it cannot be read, or is of another pipeline or of a newer version of this package.
        """
        folder = str(pretrained_model_name_or_path)
        if not (Path(folder) / INDEX).is_file():
            raise MissingFileError(f"The folder {folder} is no saved pipeline: it has no {INDEX}.")
        try:
            index = super().load_config(folder, *args, **kwargs)
        except OSError as error:
            raise InputError(f"{folder}/{INDEX} cannot be read: {error} Export the model again.") from error
        check_index(folder, index)
        return as_own(index, OWN_CLASSES)

    def load_lora(self, path: str) -> None:
        """Adds what a training with LoRA has learned to the weights of this pipeline, its adapter included, in place.

        Args:
            path: the small file that training wrote beside a checkpoint, `RUN/checkpoints/last.lora.safetensors`.

        Raises:
            MissingFileError: there is no such file.
            InputError: it is none of this package.
            SettingError: it was trained upon another UNet.
        """
        self.join(read_lora(path).put_upon(self.unet, self.text_encoder, self.adapter, path))

    def save_pretrained(self, save_directory: Any, **kwargs: Any) -> None:
        """Writes the folder.

        Args:
            save_directory: the folder.
            kwargs: further arguments of diffusers' own `save_pretrained`.

        Raises:
            SettingError: the UNet still has a LoRA beside its weights, as that of a model in training.
        """
        if has_lora(self.unet):
            raise SettingError(
                "The LoRA of this pipeline's UNet is not merged into its weights. Save a checkpoint of the training "
                "and export that, or merge it before: dreaminpainter.lora.merge(pipeline.unet)."
            )
        super().save_pretrained(save_directory, **kwargs)

    def save_config(self, save_directory: Any, push_to_hub: bool = False, **kwargs: Any) -> None:
        """Writes `model_index.json`, the last file of `save_pretrained`, and beside it the code that reads the parts.

        Args:
            save_directory: folder that the parts were saved in.
            push_to_hub: not here: `save_pretrained` uploads the whole.
            kwargs: further arguments of diffusers' own `save_config`.
        """
        super().save_config(save_directory, **kwargs)
        carry_code(Path(save_directory), OWN_CLASSES, dict(self.adapter.config))


def align(part: torch.nn.Module) -> None:
    """Moves weights to where torch itself would have put them.

    Weights that are read from a file lie wherever the file has them, and the last bits of a convolution depend on that:
    the same model would fill the same hole in another way after it was saved.
    """
    for tensor in (*part.parameters(), *part.buffers()):
        if tensor.device.type == "cpu" and tensor.data_ptr() % 64:
            tensor.data = tensor.data.clone()
