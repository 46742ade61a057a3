"""Each figure against its definition, computed another way."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from fills import noisy_samples
from hypothesis import given
from hypothesis import strategies as st
from oracles.metrics import (
    far_from,
    frechet_distance,
    kernel_distance,
    normalized_cross_correlation,
    seam,
    structural_similarity,
)
from tiny_clip import save_clip, save_dino
from transformers import AutoTokenizer, CLIPImageProcessor, CLIPModel, Dinov2Model

from dreaminpainter.evaluation.encoders import CLIPEncoder, DINOEncoder
from dreaminpainter.evaluation.metrics import (
    FID,
    KID,
    Background,
    Crop,
    Diversity,
    EditDirection,
    Identity,
    Seam,
    TextAlignment,
)
from dreaminpainter.evaluation.metrics.copying import correlations
from dreaminpainter.evaluation.samples import Sample

SIDE = 32
CROP = Crop(margin=0.1, resolution=SIDE)


def embeddings(count: int, width: int = 6, seed: int = 0, shift: float = 0.0) -> torch.Tensor:
    drawn = torch.randn(count, width, generator=torch.Generator().manual_seed(seed))
    return drawn @ torch.diag(torch.linspace(0.5, 2, width)) + shift


@pytest.mark.parametrize("shift", [0.0, 1.5])
def test_frechet_distance(shift: float) -> None:
    fills, real = embeddings(40, seed=1, shift=shift), embeddings(30, seed=2)
    expected = frechet_distance(fills.double().numpy(), real.double().numpy())
    assert FID().distance(fills, real) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("shift", [0.0, 1.5])
def test_kernel_distance(shift: float) -> None:
    fills, real = embeddings(30, seed=1, shift=shift), embeddings(30, seed=2)
    expected = kernel_distance(fills.double().numpy(), real.double().numpy())
    assert KID().distance(fills, real) == pytest.approx(expected, rel=1e-3, abs=1e-4)


def test_the_range_of_a_distance_holds_it_and_is_the_same_each_time() -> None:
    fills, real = embeddings(40, seed=1, shift=0.3), embeddings(40, seed=2)
    before = torch.random.get_rng_state()
    for metric in (FID(), KID()):
        first, again = metric.measure(fills, real, draws=20), metric.measure(fills, real, draws=20)
        assert first == again
        assert first.low <= first.mean <= first.high
        assert first.mean == metric.distance(fills, real)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_fills_of_a_case_that_are_all_alike_say_no_more_of_a_distance_than_one() -> None:
    fills, real = embeddings(20, seed=1, shift=0.3), embeddings(20, seed=2)
    for metric in (FID(), KID()):
        one, four = metric.measure(fills, real), metric.measure(fills.repeat_interleave(4, 0), real)
        assert four.high - four.low > 0.9 * (one.high - one.low)


def test_what_a_distance_of_sets_is_called() -> None:
    assert (FID().name, KID().name) == ("FID (probes)", "KID (probes)")


def one_sample(noise: float = 0.05) -> Sample:
    (sample,) = noisy_samples(1)
    grain = torch.randn(sample.scene.shape, generator=torch.Generator().manual_seed(3)) * noise
    hole = torch.zeros(1, 32, 32)
    hole[:, 10:18, 12:25] = 1
    return replace(sample, fill=(sample.scene + grain).clamp(0, 1), mask=hole)


def test_background() -> None:
    sample = one_sample()
    greatest, ratio, likeness = Background().score([sample])[0].tolist()
    outside = (sample.mask[0] == 0).numpy()
    difference = (sample.fill - sample.scene).double().numpy()[:, outside]
    assert greatest == round(np.abs(difference).max() * 255)
    assert ratio == pytest.approx(-10 * np.log10((difference**2).mean()), abs=1e-3)
    windows = structural_similarity(sample.fill.double().numpy(), sample.scene.double().numpy())
    assert likeness == pytest.approx(windows[far_from(~outside, 5)].mean(), abs=1e-4)


def test_background_of_an_untouched_picture_and_of_a_hole_that_is_all() -> None:
    sample = one_sample(0.0)
    inside = torch.where(sample.mask > 0, 0.5, sample.scene)
    assert Background().score([replace(sample, fill=inside)])[0].tolist() == pytest.approx([0, 100, 1])
    everything = replace(sample, mask=torch.ones(1, 32, 32))
    assert Background().score([everything]).isnan().all()


def test_seam() -> None:
    sample = one_sample()
    expected = seam(sample.fill.double().numpy(), (sample.mask[0] > 0).numpy())
    assert Seam().score([sample]).item() == pytest.approx(expected, abs=1e-3)
    assert Seam().score([replace(sample, mask=torch.ones(1, 32, 32))]).isnan().all()
    pasted = replace(sample, fill=sample.mask.expand(3, -1, -1))
    assert Seam().score([pasted]).item() == pytest.approx(255)


def test_diversity_is_the_mean_difference_of_all_pairs_of_a_case() -> None:
    samples = noisy_samples(2, seeds=3)
    found = Diversity().score(samples)[:, 0]
    for number in range(2):
        fills = [one.fill[:, one.mask[0] > 0] for one in samples if one.case.id == f"c{number}"]
        pairs = [(fills[i] - fills[j]).abs().mean() * 255 for i in range(3) for j in range(i)]
        assert found[3 * number : 3 * number + 3].tolist() == pytest.approx([float(sum(pairs)) / 3] * 3, rel=1e-4)
    assert Diversity().score(noisy_samples(2)).isnan().all()


@given(st.integers(0, 1000), st.integers(2, 5), st.integers(2, 5))
def test_correlations(seed: int, height: int, width: int) -> None:
    drawn = torch.Generator().manual_seed(seed)
    picture = torch.rand(9, 8, generator=drawn)
    part = torch.rand(height, width, generator=drawn)
    expected = normalized_cross_correlation(picture.double().numpy(), part.double().numpy())
    np.testing.assert_allclose(correlations(picture, part).numpy(), expected, atol=1e-4)


def test_nothing_correlates_with_a_flat_picture() -> None:
    assert correlations(torch.full((9, 8), 0.3), torch.rand(4, 4)).abs().max() < 1e-3
    assert correlations(torch.rand(9, 8), torch.full((4, 4), 0.3)).abs().max() < 1e-2


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save_clip(tmp_path_factory.mktemp("clip"), SIDE)


def cosines(clip: str, pictures: list[torch.Tensor], texts: list[str]) -> np.ndarray:
    """(pictures, texts), by CLIP's own logits and its own processor."""
    model = CLIPModel.from_pretrained(clip).eval()
    levels = [(one.permute(1, 2, 0).numpy() * 255).round().astype(np.uint8) for one in pictures]
    processor = CLIPImageProcessor(do_resize=False, do_center_crop=False)
    words = AutoTokenizer.from_pretrained(clip)(texts, padding=True, return_tensors="pt")
    with torch.no_grad():
        output = model(**words, pixel_values=processor(levels, return_tensors="pt").pixel_values)
        return (output.logits_per_image / model.logit_scale.exp()).numpy()


def squares() -> list[Sample]:
    """Samples whose crops are cut out of their pictures without resizing: in whole levels, as files are."""
    mask, subject = torch.zeros(1, 64, 64), torch.zeros(1, 32, 32)
    mask[:, 20:46, 15:40] = 1
    subject[:, :, :] = 1
    return [replace(one, mask=mask, reference=one.scene[:, :32, :32], reference_mask=subject) for one in _large()]


def _large() -> list[Sample]:
    return [
        replace(one, case=replace(one.case, prompt=prompt))
        for one, prompt in zip(noisy_samples(2, size=(64, 64)), ("a critter waves", "rain in the forest"), strict=True)
    ]


def test_clip_t(clip: str) -> None:
    samples = squares()
    found = TextAlignment(CLIPEncoder(clip), CROP)
    # 26 px and 10 % of them on each side: 32 px, from 17 down and from 11 across.
    crops = [one.fill[:, 17:49, 11:43] for one in samples]
    prompts = [one.case.prompt for one in samples]
    np.testing.assert_allclose(found.score(samples)[:, 0], np.diag(cosines(clip, crops, prompts)), atol=2e-4)
    whole = [
        torch.nn.functional.interpolate(one.fill[None], (32, 32), mode="bicubic", antialias=True) for one in samples
    ]
    wholes = [one[0].clamp(0, 1) for one in whole]
    np.testing.assert_allclose(found.score(samples)[:, 1], np.diag(cosines(clip, wholes, prompts)), atol=2e-3)


def test_clip_i_and_dino_i(clip: str, tmp_path: Path) -> None:
    samples = squares()
    dino = Dinov2Model.from_pretrained(save_dino(tmp_path, SIDE)).eval()
    white = [torch.where(one.mask > 0, one.fill, 1.0)[:, 17:49, 11:43] for one in samples]
    around = [one.fill[:, 17:49, 11:43] for one in samples]
    model = CLIPModel.from_pretrained(clip).eval()

    def by_clip(pictures: list[torch.Tensor]) -> torch.Tensor:
        mean = torch.tensor([0.48145466, 0.4578275, 0.40821073])[:, None, None]
        spread = torch.tensor([0.26862954, 0.26130258, 0.27577711])[:, None, None]
        pixels = torch.stack([(one - mean) / spread for one in pictures])
        return model.visual_projection(model.vision_model(pixel_values=pixels).pooler_output)

    def by_dino(pictures: list[torch.Tensor]) -> torch.Tensor:
        mean, spread = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
        pixels = torch.stack([(one - mean[:, None, None]) / spread[:, None, None] for one in pictures])
        return dino(pixel_values=pixels).last_hidden_state[:, 0]

    for encoder, embed in ((CLIPEncoder(clip), by_clip), (DINOEncoder(str(tmp_path)), by_dino)):
        metric = Identity(encoder, CROP)
        found = metric.score(samples)
        with torch.no_grad():
            reference = embed([one.reference for one in samples])
            for place, pictures in enumerate((white, around)):
                expected = torch.cosine_similarity(embed(pictures), reference)
                torch.testing.assert_close(found[:, place], expected, atol=1e-4, rtol=0)
        assert [column.name for column in metric.columns] == [f"{encoder.label}-I", f"{encoder.label}-I unmasked"]


def test_direction_of_an_edit(clip: str) -> None:
    samples = squares()
    samples[1] = replace(samples[1], case=replace(samples[1].case, kind="identity"))
    encoder = CLIPEncoder(clip)
    found = EditDirection(encoder, CROP).score(samples)[:, 0]
    assert found[1].isnan(), "a prompt that is the class asks for no edit"
    odd = replace(samples[0], case=replace(samples[0].case, kind="mask shape", prompt="Critter"))
    assert EditDirection(encoder, CROP).score([odd]).isnan().all(), "whatever the hole is like"
    one = samples[0]
    fill, reference = encoder.embed([one.fill[:, 17:49, 11:43], one.reference]).double().numpy()
    prompt, before = encoder.embed_texts(["a critter waves", "a photo of a critter"]).double().numpy()
    picture, text = fill - reference, prompt - before
    assert found[0].item() == pytest.approx(picture @ text / np.linalg.norm(picture) / np.linalg.norm(text), abs=1e-4)


def test_a_missing_encoder_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"):
        _ = CLIPEncoder(str(tmp_path / "nowhere")).network


def test_other_weights_have_another_checksum(tmp_path: Path, clip: str) -> None:
    assert CLIPEncoder(clip).checksum == CLIPEncoder(clip).checksum
    assert CLIPEncoder(save_clip(tmp_path, SIDE, seed=1)).checksum != CLIPEncoder(clip).checksum
