"""What stands in for encoders that are not loaded, because all that they would make lies on the disk."""

from hashlib import blake2b
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import torch
from diffusers.configuration_utils import FrozenDict
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from dreaminpainter.atomic import whole
from dreaminpainter.encoding import encode_texts
from dreaminpainter.errors import InputError, MissingFileError, SettingError

_WRITE = "Write them: dreaminpainter prepare … --cache_latents CONFIG, with the config that trains."


class UnloadedAutoencoder(nn.Module):
    """Knows an autoencoder's class and settings, and can do nothing.

    Args:
        config: as diffusers writes it.
    """

    dtype = torch.float32

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.config = FrozenDict(config)

    def encode(self, x: Tensor) -> NoReturn:
        """Raises a SettingError: latents have to be cached."""
        raise SettingError(
            "The autoencoder is not loaded, and this batch has pictures without cached latents. Set `latents: true` of "
            "every PreparedSource, or take another backbone than CachedBackbone."
        )

    def decode(self, z: Tensor) -> NoReturn:
        """Raises a SettingError: fills cannot be decoded."""
        raise SettingError(
            "The autoencoder is not loaded, so nothing can be filled. Set `pictures: null`, fill with the checkpoint "
            "afterwards, or take another backbone than CachedBackbone."
        )


class CachedTextEncoder(nn.Module):
    """Behind a text encoder's call, its states as `write_texts` wrote them.

    Args:
        config: the text encoder's.
        path: the file; it is opened with the first text.
    """

    anchor: Tensor

    def __init__(self, config: Any, path: str) -> None:
        super().__init__()
        self.config = config
        self.path = path
        self.register_buffer("anchor", torch.zeros(0), persistent=False)
        self._file: Any = None

    @property
    def device(self) -> torch.device:
        """Where states are put."""
        return self.anchor.device

    def forward(self, input_ids: Tensor) -> SimpleNamespace:
        """`last_hidden_state` (B, T, D) of (B, T) tokens.

        Raises:
            MissingFileError: there is no such file.
            InputError: a text is not in it.
        """
        if self._file is None:
            if not Path(self.path).is_file():
                raise MissingFileError(f"There are no cached texts {self.path}. {_WRITE}")
            self._file = safe_open(self.path, framework="pt")
            self._known = set(self._file.keys())
        names = [_name(ids) for ids in input_ids.cpu()]
        missing = [number for number, name in enumerate(names) if name not in self._known]
        if missing:
            raise InputError(
                f"{self.path} does not hold the text with the tokens {input_ids[missing[0]].tolist()}, which was "
                f"written or is drawn otherwise since. {_WRITE}"
            )
        states = torch.stack([self._file.get_tensor(name) for name in names])
        return SimpleNamespace(last_hidden_state=states.to(input_ids.device).float())


def write_texts(tokenizer: Any, text_encoder: Any, texts: list[str], path: Path, batch_size: int = 32) -> int:
    """Writes the states of texts for a `CachedTextEncoder`, in half precision, whole or not at all.

    Returns:
        How many there are, each counted once.
    """
    states: dict[str, Tensor] = {}
    unique = sorted(set(texts))
    with torch.no_grad():
        for start in range(0, len(unique), batch_size):
            group = unique[start : start + batch_size]
            tokens = tokenizer(
                group, padding="max_length", max_length=tokenizer.model_max_length, truncation=True, return_tensors="pt"
            )
            encoded = encode_texts(tokenizer, text_encoder, group).half().cpu()
            states |= {_name(ids): state.clone() for ids, state in zip(tokens.input_ids, encoded, strict=True)}
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole(path) as beside:
        save_file(states, beside)
    return len(unique)


def _name(ids: Tensor) -> str:
    return blake2b(ids.to(torch.int32).numpy().tobytes(), digest_size=16).hexdigest()
