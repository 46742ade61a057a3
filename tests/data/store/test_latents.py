import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from dreaminpainter.autoencoder import SpaceToDepth
from dreaminpainter.data.captioning import DatasetCaptioner
from dreaminpainter.data.masking import LooseBoxMask
from dreaminpainter.data.references import FlipRotate
from dreaminpainter.data.samples import SampleMaker
from dreaminpainter.data.sources import CrittersSource, Instance
from dreaminpainter.data.store import PreparedSource, latents, prepare
from dreaminpainter.encoding import autoencoder_identity, encode_images
from dreaminpainter.errors import InputError, MissingFileError, SettingError
from dreaminpainter.patch_autoencoder import PatchAutoencoder

COUNT, VARIANTS = 7, 3
VAE = SpaceToDepth(factor=4)


def maker(**settings: Any) -> SampleMaker:
    defaults: dict[str, Any] = {
        "size": (32, 32),
        "reference_size": 16,
        "mask": LooseBoxMask(),
        "captioner": DatasetCaptioner(),
        "augmentation": FlipRotate(),
    }
    return SampleMaker(**(defaults | settings))


def write(root: Path, **settings: Any) -> None:
    prepared = PreparedSource(str(root))
    defaults: dict[str, Any] = {
        "maker": maker(),
        "encode": lambda pixels: encode_images(VAE, pixels),
        "autoencoder": "its identity",
        "variants": VARIANTS,
        "batch_size": 2,
    }
    prepared.cache.write(lambda rows: [prepared[row] for row in rows], len(prepared), **(defaults | settings))


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(latents, "_SHARD", 3)
    prepare(CrittersSource(size=48, reference_size=24, count=COUNT, supersample=1), tmp_path, num_workers=0)
    write(tmp_path)
    return tmp_path


def batch_of(root: Path, epoch: int, **settings: Any) -> Any:
    source = PreparedSource(str(root), latents=True)
    return maker(**settings)(list(source), ["a"] * len(source), [epoch] * len(source))


def test_cached_latents_are_those_of_the_pictures_in_the_same_batch(root: Path) -> None:
    for epoch in range(4):
        batch = batch_of(root, epoch)
        for pixels, cached in ((batch.image, batch.latents), (batch.reference.pixels, batch.reference.latents)):
            assert torch.allclose(cached, encode_images(VAE, pixels), atol=2e-3)  # half precision on disk


def test_crops_stay_variants_change_and_holes_are_drawn_anew(root: Path) -> None:
    batches = [batch_of(root, epoch) for epoch in range(12)]
    assert all(torch.equal(batch.image, batches[0].image) for batch in batches)
    for row in range(COUNT):
        variants = {batch.reference.pixels[row].numpy().tobytes() for batch in batches}
        assert 2 <= len(variants) <= VARIANTS
        assert len({batch.mask[row].numpy().tobytes() for batch in batches}) > 6


def test_without_asking_for_them_nothing_is_cached(root: Path) -> None:
    batch = maker()([PreparedSource(str(root))[0]], ["a"], [0])
    assert batch.latents is None and batch.reference.latents is None
    assert PreparedSource(str(root)).latents_made_from is None


def test_writing_goes_on_where_it_was(root: Path) -> None:
    files = sorted((root / "latents").glob("*.safetensors"))
    assert len(files) == 3
    before = [path.read_bytes() for path in files]
    files[1].unlink()
    latents._read.cache_clear()
    with pytest.raises(MissingFileError, match=r"000001\.safetensors.*goes on where it was"):
        batch_of(root, 0)
    write(root)
    assert [path.read_bytes() for path in files] == before


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"autoencoder": "another"}, "autoencoder its identity, not another"),
        ({"variants": 2}, "variants 3, not 2"),
        ({"maker": maker(size=(32, 48))}, r"size \[32, 32\], not \[32, 48\]"),
        ({"variants": 0}, "variants is 0"),
    ],
)
def test_other_latents_in_the_same_folder_are_refused(root: Path, settings: dict[str, Any], told: str) -> None:
    with pytest.raises(SettingError, match=told):
        write(root, **settings)


@pytest.mark.parametrize(
    "settings", [{"size": (48, 48)}, {"reference_size": 24}, {"augmentation": FlipRotate(degrees=5)}]
)
def test_training_with_other_settings_is_refused_and_names_them(root: Path, settings: dict[str, Any]) -> None:
    with pytest.raises(SettingError, match=f"made with {next(iter(settings))}"):
        batch_of(root, 0, **settings)


def test_sources_with_and_without_latents_are_not_mixed(root: Path) -> None:
    mixed = [PreparedSource(str(root), latents=True)[0], PreparedSource(str(root))[1]]
    with pytest.raises(SettingError, match="Cache all of them, or none"):
        maker()(mixed, ["a", "a"], [0, 0])


def copied(instance: Instance, **latents: Any) -> Instance:
    """Of another source, with other latents."""
    cached = replace(instance.latents, **latents) if instance.latents else None
    return replace(instance, source="other", latents=cached)


def test_every_source_of_a_batch_has_to_fit(root: Path) -> None:
    source = PreparedSource(str(root), latents=True)
    settings = source[0].latents.settings
    for other, told in (({"size": [48, 48]}, r"size \[48, 48\]"), ({"autoencoder": "another"}, "autoencoder another")):
        batch = [source[0], copied(source[1], settings=settings | other)]
        with pytest.raises(SettingError, match=f"of 'other' were made with {told}"):
            maker()(batch, ["a", "b"], [0, 0])


def test_sources_may_have_different_numbers_of_variants(root: Path) -> None:
    source = PreparedSource(str(root), latents=True)
    fewer = [copied(one, references=one.latents.references[:1]) for one in source]
    for epoch in range(6):
        batch = maker()([*source, *fewer], ["a"] * 2 * COUNT, [epoch] * 2 * COUNT)
        single = torch.stack([one.latents.references[0] for one in fewer])
        assert torch.equal(batch.reference.latents[COUNT:], single)


def test_latents_of_rows_that_were_prepared_anew_are_refused(root: Path) -> None:
    shutil.move(root / "latents", root.with_name("latents"))
    shutil.rmtree(root)
    other = CrittersSource(size=48, reference_size=24, count=COUNT, supersample=1, seed=1)
    prepare(other, root, num_workers=0)
    shutil.move(root.with_name("latents"), root / "latents")
    for use in (lambda: batch_of(root, 0), lambda: write(root)):
        with pytest.raises(SettingError, match=r"not of the objects that lie beside them.*Delete that folder"):
            use()


def test_a_broken_file_is_named(root: Path) -> None:
    latents._read.cache_clear()
    (root / "latents" / "000000.safetensors").write_bytes(b"no tensors")
    with pytest.raises(InputError, match=r"000000\.safetensors cannot be read"):
        batch_of(root, 0)


def test_an_autoencoder_is_told_by_class_settings_and_weights() -> None:
    pictures = torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    fitted = PatchAutoencoder.fitted(pictures, factor=4, latent_channels=6)
    same = PatchAutoencoder.fitted(pictures, factor=4, latent_channels=6)
    others = [
        PatchAutoencoder(factor=4, latent_channels=6),
        PatchAutoencoder.fitted(pictures * 0.5, factor=4, latent_channels=6),
        SpaceToDepth(factor=4),
        SpaceToDepth(factor=4, scaling_factor=1.0),
    ]
    identities = [autoencoder_identity(vae) for vae in (fitted, *others)]
    assert len(set(identities)) == 5
    assert autoencoder_identity(same) == identities[0]
    assert autoencoder_identity(fitted.to(torch.bfloat16)) == identities[0]
