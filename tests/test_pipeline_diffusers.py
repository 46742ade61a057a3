"""What diffusers asks of every pipeline of its own, as its common pipeline checks do, on real tiny networks."""

import inspect

import accelerate
import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, PyramidAttentionBroadcastConfig
from diffusers.callbacks import MultiPipelineCallbacks, SDCFGCutoffCallback, SDXLCFGCutoffCallback
from test_pipeline import arguments, hole, picture, pipeline, seeded

from dreaminpainter import DreamInpainterPipeline
from dreaminpainter.errors import InputError, SettingError
from dreaminpainter.injection import DecoupledKeyValues

LEVEL = 1.01 / 255


def test_arguments_have_the_names_that_diffusers_gives_them():
    names = inspect.signature(DreamInpainterPipeline.__call__).parameters
    wanted = "prompt image mask_image negative_prompt height width padding_mask_crop strength num_inference_steps "
    wanted += "guidance_scale num_images_per_prompt generator latents prompt_embeds output_type return_dict "
    wanted += "callback_on_step_end callback_on_step_end_tensor_inputs"
    assert set(wanted.split()) <= set(names)
    assert names["output_type"].default == "pil" and names["return_dict"].default is True


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("each", [1, 2])
def test_there_are_as_many_fills_as_pictures_times_fills_a_picture(count, each):
    pipe = pipeline()
    given = arguments(image=[picture(32, 32, seed=n) for n in range(count)], num_images_per_prompt=each)
    assert len(pipe(**given).images) == count * each


def test_fills_of_one_picture_are_those_of_a_batch_of_its_copies():
    pipe = pipeline()
    generators = [seeded(n) for n in range(4)]
    pictures = [picture(32, 32, seed=3), picture(32, 32, seed=4)]
    given = arguments(image=pictures, generator=generators, num_images_per_prompt=2, output_type="pt")
    together = pipe(**given).images
    for row in range(4):
        alone = pipe(**arguments(image=pictures[row // 2], generator=seeded(row), output_type="pt")).images[0]
        torch.testing.assert_close(together[row], alone, rtol=0, atol=LEVEL)
    assert (together[0] - together[1]).abs().max() > 0.1


def test_a_tuple_holds_what_the_output_holds():
    pipe = pipeline()
    (images,) = pipe(**arguments(output_type="pt", return_dict=False))
    assert torch.equal(images, pipe(**arguments(output_type="pt")).images)


def test_a_pipeline_can_be_made_of_another_s_components():
    pipe = pipeline()
    expected = pipe(**arguments(output_type="pt")).images
    for again in (DreamInpainterPipeline(**pipe.components), DreamInpainterPipeline.from_pipe(pipe)):
        torch.testing.assert_close(again(**arguments(output_type="pt")).images, expected, rtol=0, atol=LEVEL)


def test_a_variant_is_saved_and_loaded(tmp_path):
    pipe = pipeline()
    pipe.save_pretrained(tmp_path, variant="fp16")
    assert list(tmp_path.glob("unet/*.fp16.safetensors"))
    again = DreamInpainterPipeline.from_pretrained(tmp_path, variant="fp16")
    expected = pipe(**arguments(output_type="pt")).images
    torch.testing.assert_close(again(**arguments(output_type="pt")).images, expected, rtol=0, atol=LEVEL)


def test_all_parts_take_the_precision_that_is_asked_for(tmp_path):
    pipe = pipeline()
    pipe.save_pretrained(tmp_path)
    half = DreamInpainterPipeline.from_pretrained(tmp_path, dtype=torch.bfloat16)
    parts = {name: part for name, part in half.components.items() if isinstance(part, torch.nn.Module)}
    assert {name for name, part in parts.items() if part.dtype != torch.bfloat16} == set()
    assert torch.isfinite(half(**arguments(output_type="pt")).images).all()
    with pytest.raises(SettingError, match="float16"):
        half.to(torch.float16)(**arguments())


@pytest.mark.parametrize("settings", [{}, {"injection": DecoupledKeyValues(scale=0.6)}], ids=["joined", "decoupled"])
@pytest.mark.parametrize("slice_size", ["auto", "max", 1])
def test_sliced_attention_gives_the_same_and_still_reads_the_subject(settings, slice_size):
    pipe = pipeline(**settings)
    expected = pipe(**arguments(output_type="pt")).images
    pipe.enable_attention_slicing(slice_size)
    torch.testing.assert_close(pipe(**arguments(output_type="pt")).images, expected, rtol=0, atol=LEVEL)
    pipe.disable_attention_slicing()
    assert torch.equal(pipe(**arguments(output_type="pt")).images, expected)


@pytest.mark.parametrize("settings", [{}, {"injection": DecoupledKeyValues(scale=0.6)}], ids=["joined", "decoupled"])
def test_weights_may_be_elsewhere_until_they_are_needed(settings):
    pipe = pipeline(**settings)
    expected = pipe(**arguments(output_type="pt")).images
    for part in (pipe.unet, pipe.text_encoder):
        accelerate.cpu_offload(part, torch.device("cpu"))
    assert {weight.device.type for weight in pipe.unet.parameters()} == {"meta"}
    torch.testing.assert_close(pipe(**arguments(output_type="pt")).images, expected, rtol=0, atol=LEVEL)


def test_an_autoencoder_may_work_in_slices_and_tiles():
    torch.manual_seed(0)
    vae = AutoencoderKL(
        block_out_channels=(16, 16),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        norm_num_groups=8,
        latent_channels=48,
        sample_size=32,
    )
    pipe = pipeline()
    pipe.register_modules(vae=vae.eval())
    given = {"image": [picture(32, 32), picture(32, 32, seed=1)], "output_type": "pt"}
    expected = pipe(**arguments(**given)).images
    vae.enable_slicing()
    torch.testing.assert_close(pipe(**arguments(**given)).images, expected, rtol=0, atol=LEVEL)
    vae.enable_tiling()
    vae.tile_sample_min_size, vae.tile_latent_min_size = 16, 8
    assert pipe(**arguments(**given)).images.shape == expected.shape


def test_guidance_in_slices_is_guidance_in_one_batch():
    pipe, rows = pipeline(), []
    pipe.network.register_forward_pre_hook(lambda module, given: rows.append(len(given[0])))
    given = arguments(guidance_scale=3.0, num_inference_steps=2, output_type="latent")
    together = pipe(**given | {"generator": seeded()}).images
    pipe.enable_guidance_slicing()
    torch.testing.assert_close(pipe(**given | {"generator": seeded()}).images, together, rtol=1e-4, atol=1e-5)
    pipe.disable_guidance_slicing()
    assert torch.equal(pipe(**given | {"generator": seeded()}).images, together)
    assert rows == [2, 2, 1, 1, 1, 1, 2, 2]


@pytest.mark.slow
def test_a_compiled_unet_fills_as_one_that_is_not():
    pipe = pipeline()
    given = arguments(guidance_scale=3.0, num_inference_steps=3, output_type="latent")
    expected = pipe(**given | {"generator": seeded()}).images
    pipe.unet.compile(backend="eager")  # the graphs of any backend, run as they are
    compiled = [pipe(**given | {"generator": seeded()}).images for _ in range(2)]
    for images in compiled:
        torch.testing.assert_close(images, expected, rtol=1e-4, atol=1e-5)


def cached(pipe: DreamInpainterPipeline) -> DreamInpainterPipeline:
    """Attention of a step is used again in the next one."""
    everywhere = {
        f"{kind}_attention_{name}": value
        for kind in ("spatial", "cross")
        for name, value in {
            "block_skip_range": 2,
            "timestep_skip_range": (-1, 1000),
            "block_identifiers": ("attentions",),
        }.items()
    }
    pipe.unet.enable_cache(
        PyramidAttentionBroadcastConfig(**everywhere, current_timestep_callback=lambda: pipe.current_timestep)
    )
    return pipe


def test_a_cache_of_diffusers_is_of_one_call_and_of_no_read():
    expected = pipeline()(**arguments(output_type="latent")).images
    pipe = cached(pipeline())
    first = pipe(**arguments(output_type="latent")).images
    assert not torch.equal(first, expected), "the cache was not used"
    with pytest.raises(InputError):  # leaves a cache behind
        pipe(**arguments(callback_on_step_end=failing))
    assert torch.equal(pipe(**arguments(output_type="latent")).images, first)
    off = arguments(callback_on_step_end=SDCFGCutoffCallback(cutoff_step_ratio=None, cutoff_step_index=1))
    assert pipe(**off).images, "guidance that ends has fewer branches than the cache holds"
    pipe.unet.disable_cache()
    assert torch.equal(pipe(**arguments(output_type="latent")).images, expected)


def failing(*_):
    raise InputError("the callback failed")


def test_a_cache_is_refused_where_branches_take_turns():
    pipe = cached(pipeline())
    pipe.enable_guidance_slicing()
    with pytest.raises(SettingError, match="enable_cache keeps the attention of one batch"):
        pipe(**arguments())


def test_a_callback_sees_every_step_and_may_change_the_latents():
    pipe, seen = pipeline(), []

    def blank_at_last(pipe, step, timestep, tensors):
        seen.append((step, int(timestep), tuple(tensors["latents"].shape)))
        return {"latents": torch.zeros_like(tensors["latents"])} if step == 2 else {}

    given = arguments(num_inference_steps=3, output_type="latent", callback_on_step_end=blank_at_last)
    inside = pipe(**given).images
    assert [step for step, _, _ in seen] == [0, 1, 2] and [t for _, t, _ in seen] == pipe.scheduler.timesteps.tolist()
    scene = pipe(**arguments(num_inference_steps=3, output_type="latent")).images
    assert (inside == 0).any() and torch.equal(inside[inside != 0], scene[inside != 0])


def test_a_callback_is_handed_what_it_asks_for_and_may_change_it():
    pipe, seen = pipeline(), []

    def other_text(pipe, step, timestep, tensors):
        seen.append({name: tuple(tensor.shape) for name, tensor in tensors.items()})
        return {"prompt_embeds": torch.zeros_like(tensors["prompt_embeds"])}

    asked = {"callback_on_step_end": other_text, "callback_on_step_end_tensor_inputs": ["prompt_embeds"]}
    given = arguments(num_inference_steps=2, num_images_per_prompt=2, guidance_scale=3.0, output_type="latent")
    changed = pipe(**given | {"generator": seeded()}, **asked).images
    assert seen == [{"prompt_embeds": (2, 24, 32)}] * 2
    assert (changed - pipe(**given | {"generator": seeded()}).images).abs().max() > 1e-4
    asked["callback_on_step_end_tensor_inputs"] = ["negative_prompt_embeds", "latents"]
    with pytest.raises(KeyError):
        pipe(**given, **asked)
    assert list(seen[-1]) == ["negative_prompt_embeds", "latents"]


@pytest.mark.parametrize("reference_scale", [1.0, 2.0])
@pytest.mark.parametrize("several", [False, True])
def test_diffusers_own_callback_switches_guidance_off(several, reference_scale):
    pipe, rows = pipeline(reference_scale=reference_scale, reference_dropout=0.1), []
    branches = 2 if reference_scale == 1 else 3
    pipe.network.register_forward_pre_hook(lambda module, given: rows.append(len(given[0])))
    cutoff = SDCFGCutoffCallback(cutoff_step_ratio=0.5, cutoff_step_index=None)
    callback = MultiPipelineCallbacks([cutoff]) if several else cutoff
    given = arguments(num_inference_steps=4, num_images_per_prompt=2, guidance_scale=3.0, output_type="latent")
    cut = pipe(**given | {"generator": seeded()}, callback_on_step_end=callback).images
    assert rows == [2 * branches] * 3 + [2], "all branches up to the cut, and then the prompt's alone"
    assert (pipe.num_timesteps, pipe.guidance_scale) == (4, 0.0)

    def by_hand(pipe, step, timestep, tensors):
        pipe._guidance_scale = 3.0 if step < 2 else 1.0
        return {}

    assert torch.equal(cut, pipe(**given | {"generator": seeded()}, callback_on_step_end=by_hand).images)
    pipe(**given)
    assert pipe.guidance_scale == 3.0


def test_a_callback_that_does_not_fit_is_refused():
    pipe = pipeline()
    with pytest.raises(SettingError, match=r"names add_text_embeds, add_time_ids; there are latents, prompt_embeds"):
        pipe(**arguments(callback_on_step_end=SDXLCFGCutoffCallback(cutoff_step_ratio=0.5)))
    cutoff = SDCFGCutoffCallback(cutoff_step_ratio=0.5)
    two = arguments(image=[picture(32, 32)] * 2, prompt=["a critter", "a hat"], callback_on_step_end=cutoff)
    with pytest.raises(InputError, match=r"prompt_embeds of shape \(1, 24, 32\), and \(2, 24, 32\) is needed"):
        pipe(**two)


def test_a_call_can_be_ended_early():
    pipe, seen = pipeline(), []

    def stop(pipe, step, timestep, tensors):
        seen.append(step)
        pipe.interrupt = step == 1
        return tensors

    assert len(pipe(**arguments(num_inference_steps=5, callback_on_step_end=stop)).images) == 1
    assert seen == [0, 1]
    pipe(**arguments(num_inference_steps=3, callback_on_step_end=lambda *given: seen.append(given[1]) or {}))
    assert seen == [0, 1, 0, 1, 2], "and the next one is whole"


def test_guidance_moves_away_from_the_negative_prompt():
    pipe = pipeline()
    given = {"output_type": "latent", "guidance_scale": 3.0}
    plain = pipe(**arguments(**given)).images
    assert torch.equal(pipe(**arguments(**given, negative_prompt="")).images, plain)
    assert (pipe(**arguments(**given, negative_prompt="a crown")).images - plain).abs().max() > 1e-4
    alike = pipe(**arguments(**given, negative_prompt="a critter in a hat")).images
    unguided = pipe(**arguments(output_type="latent", guidance_scale=1.0)).images
    torch.testing.assert_close(alike, unguided, rtol=0, atol=1e-4)


def test_the_less_strength_the_more_of_the_hole_shows_through():
    pipe = pipeline()
    given = arguments(num_inference_steps=20, output_type="pt")
    before = torch.from_numpy(np.array(given["image"])).permute(2, 0, 1) / 255
    changes = []
    for strength in (0.05, 0.5, 1.0):
        images = pipe(**given | {"strength": strength, "generator": seeded()}).images
        changes.append(float((images[0] - before).abs().mean()))
    assert changes == sorted(changes) and changes[0] < 0.5 * changes[2]


def test_text_and_reference_are_read_once_a_call_and_not_at_every_step():
    pipe = pipeline()
    calls = {"text": 0, "read": 0, "unet": 0, "inject": 0}

    def count(name, module):
        module.register_forward_pre_hook(lambda *_: calls.__setitem__(name, calls[name] + 1))

    count("text", pipe.text_encoder)
    count("inject", pipe.adapter.injector)
    pipe.unet.register_forward_pre_hook(
        lambda module, given, named: calls.__setitem__(
            "unet" if named.get("read_block") is None else "read",
            calls["unet" if named.get("read_block") is None else "read"] + 1,
        ),
        with_kwargs=True,
    )
    pipe(**arguments(num_inference_steps=4, num_images_per_prompt=3))
    assert calls == {"text": 3, "read": 1, "unet": 4, "inject": 1}  # the prompt, the empty one, the reference's own


def test_small_holes_in_large_pictures_are_worked_on_at_the_trained_size():
    pipe, seen = pipeline(), []
    pipe.unet.conv_in.register_forward_pre_hook(lambda module, given: seen.append(tuple(given[0].shape[-2:])))
    large = arguments((200, 300), padding_mask_crop=8)
    (filled,) = pipe(**large).images
    assert filled.size == (300, 200) and set(seen[1:]) == {(8, 8)}
    many = arguments(image=[picture(200, 300), picture(90, 60)], mask_image=[hole(200, 300), hole(90, 60)])
    assert [one.size for one in pipe(**many, padding_mask_crop=8).images] == [(300, 200), (60, 90)]
