"""The autoencoder's latents as tokens."""

import pytest
import torch
from tiny import tiny_batch, tiny_model

from dreaminpainter.errors import InputError, SettingError
from dreaminpainter.features import VAEFeatures
from dreaminpainter.types import Reference


def reference(size: int) -> Reference:
    latents = torch.arange(2 * 3 * size * size, dtype=torch.float32).view(2, 3, size, size)
    mask = torch.zeros(2, 1, 4 * size, 4 * size)
    mask[:, :, :4] = 1
    return Reference(torch.zeros(2, 3, 4 * size, 4 * size), mask, latents=latents)


def test_each_token_is_the_latents_of_its_place() -> None:
    given = reference(4)
    features = VAEFeatures()(given, None)
    assert features.grid == (4, 4)
    assert torch.equal(features.tokens[1, 4 * 2 + 3], given.latents[1, :, 2, 3])
    assert features.valid[0].view(4, 4).any(1).tolist() == [True, False, False, False]
    patches = VAEFeatures(patch=2)(given, None)
    assert patches.grid == (2, 2)
    assert torch.equal(patches.tokens[0, 1], given.latents[0, :, 0:2, 2:4].flatten())


def test_a_model_trains_on_it() -> None:
    model = tiny_model(extractor=VAEFeatures())
    batch = tiny_batch()
    loss = model.training_step(batch, 0)["loss"]
    loss.backward()
    assert loss.isfinite()


def test_what_cannot_be_read_is_told() -> None:
    with pytest.raises(SettingError, match="patch is 0"):
        VAEFeatures(patch=0)
    with pytest.raises(InputError, match="Latents of 3 x 3 cannot be divided into patches of 2"):
        VAEFeatures(patch=2)(reference(3), None)
    with pytest.raises(InputError, match="encode the pixels"):
        VAEFeatures()(Reference(torch.zeros(1, 3, 8, 8), torch.ones(1, 1, 8, 8)), None)
