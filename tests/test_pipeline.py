import json

import numpy as np
import pytest
import torch
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    HeunDiscreteScheduler,
    LCMScheduler,
    UniPCMultistepScheduler,
)
from PIL import Image
from tiny import randn, tiny_batch, tiny_model, train_a_step

from dreaminpainter import DreamInpainterPipeline
from dreaminpainter.components import describe
from dreaminpainter.encoding import encode_texts
from dreaminpainter.errors import DreamInpainterError, InputError, SettingError
from dreaminpainter.features import UNetFeatures
from dreaminpainter.filling import fill_batch
from dreaminpainter.injection import AllBlocks, DecoupledKeyValues
from dreaminpainter.input_forms import Composite, NineChannel
from dreaminpainter.selection import AllTokens, AttentionRollout, CosineDistance, RandomTokens


def pipeline(**settings) -> DreamInpainterPipeline:
    model = tiny_model(**settings)
    train_a_step(model)
    return model.pipeline()


def seeded(number: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(number)


def picture(height: int, width: int, seed: int = 0) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def hole(height: int, width: int) -> Image.Image:
    array = np.zeros((height, width), dtype=np.uint8)
    array[height // 4 : height // 2, width // 3 : -width // 4] = 255
    return Image.fromarray(array)


def arguments(size: tuple[int, int] = (32, 32), **more) -> dict:
    return {
        "prompt": "a critter in a hat",
        "image": picture(*size),
        "mask_image": hole(*size),
        "reference_image": picture(40, 50, seed=1),
        "reference_mask": hole(40, 50),
        "num_inference_steps": 2,
        "generator": seeded(),
        **more,
    }


@pytest.mark.parametrize("size", [(32, 32), (31, 45), (57, 23), (33, 34), (70, 100), (9, 11)])
def test_pixels_outside_the_mask_are_the_inputs_own(size):
    given = arguments(size)
    (filled,) = pipeline()(**given).images
    assert filled.size == given["image"].size
    before, after, inside = (np.asarray(image) for image in (given["image"], filled, given["mask_image"]))
    assert np.array_equal(after[inside == 0], before[inside == 0])
    assert (after[inside == 255] != before[inside == 255]).mean() > 0.5


@pytest.mark.parametrize(
    "sampler",
    [
        DDIMScheduler,
        EulerDiscreteScheduler,
        DPMSolverMultistepScheduler,
        HeunDiscreteScheduler,
        LCMScheduler,
        UniPCMultistepScheduler,
    ],
)
@pytest.mark.parametrize("strength", [1.0, 0.6])
@pytest.mark.parametrize("form", [Composite(), NineChannel()])
def test_samplers_can_be_exchanged(sampler, form, strength):
    pipe = pipeline(input_form=form)
    pipe.scheduler = sampler.from_config(pipe.scheduler.config)
    given = {"output_type": "pt", "num_inference_steps": 5, "strength": strength}
    images = [pipe(**arguments(**given)).images for _ in range(2)]
    assert images[0].isfinite().all() and images[0].min() >= 0 and images[0].max() <= 1
    assert torch.equal(*images)  # a sampler keeps nothing of the call before


def test_a_batch_gives_what_its_pictures_give_one_by_one():
    pipe = pipeline()
    given = arguments(
        prompt=["a critter", "a hat"],
        image=[picture(32, 32, seed=3), picture(32, 32, seed=4)],
        mask_image=[hole(32, 32), hole(32, 32).transpose(Image.Transpose.ROTATE_90)],
        reference_image=[picture(40, 50, seed=5), picture(30, 20, seed=6)],
        reference_mask=[hole(40, 50), hole(30, 20)],
        output_type="pt",
    )
    together = pipe(**given | {"generator": [seeded(1), seeded(2)]}).images
    lists = ("prompt", "image", "mask_image", "reference_image", "reference_mask")
    for row in range(2):
        alone = pipe(**given | {name: given[name][row] for name in lists} | {"generator": seeded(row + 1)}).images
        # Pictures in levels come back in levels, where the last bit of a convolution may decide a rounding.
        torch.testing.assert_close(together[row], alone[0], rtol=0, atol=1.01 / 255)


def test_one_prompt_and_reference_serve_many_pictures():
    pipe = pipeline()
    images = pipe(**arguments(image=[picture(32, 32), picture(32, 32, seed=9)], output_type="pt")).images
    assert images.shape == (2, 3, 32, 32)


def test_pil_numpy_and_tensors_give_the_same():
    pipe, given = pipeline(), arguments(output_type="np")
    pictures = ("image", "mask_image", "reference_image", "reference_mask")
    arrays = {name: np.asarray(given[name]) for name in pictures}
    tensors = {name: torch.from_numpy(array).float() / 255 for name, array in arrays.items()}
    tensors = {name: tensor.permute(2, 0, 1) if tensor.ndim == 3 else tensor for name, tensor in tensors.items()}
    expected = pipe(**given).images
    for same in (arrays, tensors):
        # Levels stay levels, floats stay floats.
        np.testing.assert_allclose(pipe(**given | same | {"generator": seeded()}).images, expected, atol=0.51 / 255)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"input_form": NineChannel(), "injection": AllBlocks(), "selector": AttentionRollout(k=5)},
        {"injection": DecoupledKeyValues(scale=0.6), "extractor": UNetFeatures(block=0, weights="frozen")},
        {"input_form": Composite(blank_hole=True), "selector": AllTokens(), "reference_dropout": 0.1},
    ],
    ids=["default", "nine-rollout", "decoupled-frozen", "blank-all"],
)
def test_a_saved_pipeline_comes_back_with_the_same_weights_and_pictures(settings, tmp_path):
    pipe = pipeline(**settings)
    pipe.save_pretrained(tmp_path)
    again = DreamInpainterPipeline.from_pretrained(tmp_path)
    assert describe(again.network.selector) == describe(pipe.network.selector)
    weights = again.network.state_dict()
    assert weights.keys() == pipe.network.state_dict().keys()
    assert all(torch.equal(weights[name], value) for name, value in pipe.network.state_dict().items())
    given = arguments(output_type="pt", guidance_scale=3.0)
    expected = pipe(**given).images
    # The last bits of a convolution depend on where in memory its weights lie.
    torch.testing.assert_close(again(**given | {"generator": seeded()}).images, expected, rtol=0, atol=1e-5)
    index = json.loads((tmp_path / "model_index.json").read_text())
    assert set(index) >= {"adapter", "unet", "vae", "text_encoder", "tokenizer", "scheduler"} and "network" not in index


@pytest.mark.parametrize(
    ("name", "value", "paper"),
    [("guidance_scale", 3.0, 7.5), ("reference_scale", 2.0, 1.0), ("num_inference_steps", 3, 2)],
)
def test_what_a_model_was_made_for_is_saved_and_holds_where_nothing_is_asked_for(name, value, paper, tmp_path):
    settings = {"num_inference_steps": 2, "reference_dropout": 0.1} | {name: value}
    made = pipeline(**settings)
    made.save_pretrained(tmp_path)
    asked_for_nothing = arguments(output_type="pt", num_inference_steps=None)
    saved = DreamInpainterPipeline.from_pretrained(tmp_path)(**asked_for_nothing).images
    asked = {"generator": seeded(), "num_inference_steps": 2, name: value}
    torch.testing.assert_close(saved, made(**asked_for_nothing | asked).images, rtol=0, atol=1e-5)
    assert (made(**asked_for_nothing | asked | {"generator": seeded(), name: paper}).images - saved).abs().max() > 1e-4


def test_k_can_be_chosen_at_each_call():
    pipe = pipeline(selector=CosineDistance(k=6))
    counts = [pipe(**arguments(k=k)).subject.tokens.shape[1] for k in (None, 1, 20)]
    assert counts == [6, 1, 20]
    pictures = [pipe(**arguments(k=k, output_type="pt")).images for k in (1, 20)]
    assert not torch.equal(*pictures)
    with pytest.raises(SettingError, match="k is 65"):
        pipe(**arguments(k=65))


def test_the_result_tells_what_the_network_saw_of_the_reference():
    result = pipeline(selector=CosineDistance(k=6))(**arguments())
    assert result.reference.shape == (1, 3, 64, 64) and result.subject.selection.indices.shape == (1, 6)
    assert result.reference[0, :, 0, 0].tolist() == [1, 1, 1]  # cut out on white


@pytest.mark.parametrize("changed", [{"prompt": "a hat"}, {"reference_image": picture(40, 50, seed=8)}, {"k": 2}])
def test_text_and_reference_reach_the_picture(changed):
    pipe = pipeline()
    plain = pipe(**arguments(output_type="pt")).images
    assert (pipe(**arguments(output_type="pt", **changed)).images - plain).abs().max() > 1e-4


def test_a_reference_from_the_data_side_is_used_unchanged():
    pipe, batch = pipeline(), tiny_batch()
    result = pipe(
        prompt=batch.caption,
        image=batch.image / 2 + 0.5,
        mask_image=batch.mask,
        reference_image=batch.reference,
        num_inference_steps=1,
    )
    assert torch.equal(result.reference, batch.reference.pixels)
    assert torch.equal(result.subject.features.valid.sum(1), torch.tensor([6 * 3, 6 * 4]))


def test_given_latents_are_the_noise():
    pipe = pipeline()
    drawn = torch.randn(1, 48, 8, 8, generator=seeded(5))
    given = arguments(output_type="pt")
    first = pipe(**given | {"latents": drawn, "generator": None}).images
    assert torch.equal(first, pipe(**given | {"generator": seeded(5)}).images)
    assert not torch.equal(first, pipe(**given | {"latents": randn(1, 48, 8, 8), "generator": None}).images)


def test_latents_can_be_had_in_place_of_pictures():
    assert pipeline()(**arguments(output_type="latent")).images.shape == (1, 48, 8, 8)


def test_the_working_size_can_be_set():
    pipe, seen = pipeline(), []
    pipe.unet.conv_in.register_forward_pre_hook(lambda module, given: seen.append(tuple(given[0].shape[-2:])))
    (filled,) = pipe(**arguments((40, 60), height=64, width=24)).images
    assert filled.size == (60, 40)
    assert seen[1:] == [(16, 6)] * 2  # the first call reads the reference


def test_a_selector_that_draws_draws_from_the_keys():
    pipe = pipeline(selector=RandomTokens(k=6))
    chosen = [
        pipe(**arguments(keys=keys)).subject.selection.indices for keys in (None, torch.tensor([0]), torch.tensor([1]))
    ]
    assert torch.equal(chosen[0], chosen[1]) and not torch.equal(chosen[0], chosen[2])


@pytest.mark.parametrize(
    ("changed", "error", "complaint"),
    [
        ({"mask_image": hole(32, 40)}, InputError, "mask_image is 40 x 32 and image is 32 x 32"),
        ({"mask_image": Image.new("L", (32, 32))}, InputError, "mask_image is empty"),
        ({"prompt": "a " * 30}, InputError, "The prompt has 32 tokens, and this text encoder reads 24"),
        ({"prompt": ["a", "b"]}, InputError, "2 of prompt and 1 pictures"),
        ({"image": [picture(32, 32)] * 3, "mask_image": [hole(32, 32)] * 2}, InputError, "2 of mask_image and 3"),
        ({"reference_image": [picture(40, 50)] * 2}, InputError, "2 of reference_image and 1"),
        ({"image": torch.full((3, 32, 32), float("nan"))}, InputError, "not finite"),
        ({"reference_image": torch.full((3, 40, 50), float("nan"))}, InputError, "not finite"),
        ({"num_inference_steps": 0}, SettingError, "num_inference_steps=0"),
        ({"strength": 0.0}, SettingError, "strength=0"),
        ({"num_images_per_prompt": 0}, SettingError, "num_images_per_prompt=0"),
        ({"generator": [seeded()] * 2}, InputError, "2 generators and 1 fills"),
        ({"latents": torch.zeros(1, 4, 8, 8)}, InputError, "latents are"),
        ({"prompt": None, "prompt_embeds": torch.zeros(3, 24, 32)}, InputError, "3 of prompt_embeds and 1 pictures"),
        ({"image": Image.new("I;16", (32, 32))}, InputError, "mode I;16"),
        ({"callback_on_step_end_tensor_inputs": ["noise"]}, SettingError, "noise"),
        ({"k": 0}, SettingError, "k is 0"),
        (
            {"image": [picture(32, 32), picture(16, 64)], "mask_image": [hole(32, 32), hole(16, 64)]},
            InputError,
            "differ in shape",
        ),
    ],
)
def test_what_cannot_be_filled_is_an_error_that_tells_why(changed, error, complaint):
    with pytest.raises(error, match=complaint) as raised:
        pipeline()(**arguments(**changed))
    assert isinstance(raised.value, DreamInpainterError)


def test_a_reference_mask_of_another_size_is_named():
    with pytest.raises(InputError, match="reference_mask"):
        pipeline()(**arguments(reference_mask=hole(50, 40)))


def test_a_training_batch_is_filled_from_its_keys_alone():
    pipe, batch = pipeline(), tiny_batch(3)
    filled = fill_batch(pipe, batch, num_inference_steps=2).images
    assert filled.shape == (3, 3, 32, 32)
    torch.testing.assert_close(filled * (1 - batch.mask), (batch.image / 2 + 0.5) * (1 - batch.mask), rtol=0, atol=0)
    alone = fill_batch(pipe, tiny_batch(1, first=2), num_inference_steps=2).images
    torch.testing.assert_close(filled[2], alone[0], rtol=0, atol=1e-4)


def test_a_dataset_s_long_captions_are_cut_where_a_prompt_is_refused():
    pipe, batch = pipeline(), tiny_batch(1)
    batch.caption = ["a " * 100]
    cut = fill_batch(pipe, batch, num_inference_steps=1).images
    batch.caption = ["a " * 22]
    torch.testing.assert_close(fill_batch(pipe, batch, num_inference_steps=1).images, cut, rtol=0, atol=1e-6)


def test_texts_that_are_encoded_already_give_the_picture_of_their_prompt():
    pipe = pipeline()
    states = encode_texts(pipe.tokenizer, pipe.text_encoder, ["a critter in a hat"])
    expected = pipe(**arguments(output_type="pt")).images
    assert torch.equal(pipe(**arguments(prompt=None, prompt_embeds=states, output_type="pt")).images, expected)
    with pytest.raises(InputError, match="Both prompt and prompt_embeds"):
        pipe(**arguments(prompt_embeds=states))
    with pytest.raises(InputError, match="neither a prompt nor prompt_embeds"):
        pipe(**arguments(prompt=None))


def test_a_batch_of_bright_pictures_is_not_mistaken_for_another_range():
    batch = tiny_batch(1)
    batch.image = batch.image.abs() * 0.5 + 0.5
    filled = fill_batch(pipeline(), batch, num_inference_steps=1).images
    torch.testing.assert_close(filled * (1 - batch.mask), (batch.image / 2 + 0.5) * (1 - batch.mask), rtol=0, atol=0)


def test_half_precision_fills_nearly_the_same():
    model = tiny_model()
    batch = tiny_batch()
    expected = fill_batch(model.pipeline(), batch, num_inference_steps=2).images
    half = fill_batch(model.pipeline().to(torch.bfloat16), batch, num_inference_steps=2).images
    assert (half - expected).abs().mean() < 0.02


def test_schedulers_that_draw_draw_from_the_generator():
    pipeline = tiny_model().pipeline()
    pipeline.scheduler = EulerAncestralDiscreteScheduler.from_config(pipeline.scheduler.config)
    fills = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        generator = torch.Generator().manual_seed(0)
        fills.append(fill_batch(pipeline, tiny_batch(), num_inference_steps=2, generator=generator).images)
    assert torch.equal(*fills)
