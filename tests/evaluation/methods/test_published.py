"""Pipelines of diffusers as methods: on tiny networks that diffusers saved and loads back."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from inpainting import noise
from problems import problem, with_reference
from tiny_published import ADAPTER, save_ip_adapter, save_paint_by_example, save_text_only

from dreaminpainter.components import describe, make
from dreaminpainter.errors import MissingFileError, SettingError
from dreaminpainter.evaluation.cases import Problem
from dreaminpainter.evaluation.methods import IPAdapterInpainting, Method, PaintByExample, TextOnlyInpainting
from dreaminpainter.evaluation.methods.published import PublishedMethod

NAMES = ("text", "exemplar", "both")
SMALL = {"size": 32, "num_inference_steps": 2}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    place = tmp_path_factory.mktemp("published")
    return {
        "text": save_text_only(place / "text"),
        "exemplar": save_paint_by_example(place / "exemplar"),
        "adapter": save_ip_adapter(place / "adapter"),
    }


@pytest.fixture(scope="module")
def methods(folders: dict[str, str]) -> dict[str, PublishedMethod]:
    return {
        "text": TextOnlyInpainting(folders["text"], **SMALL),
        "exemplar": PaintByExample(folders["exemplar"], **SMALL),
        "both": IPAdapterInpainting(folders["text"], adapter=folders["adapter"], scale=1.0, **ADAPTER, **SMALL),
    }


def filled(method: Method, one: Problem, seed: int = 0) -> np.ndarray:
    (fill,) = method.fill([one], seed)
    return np.asarray(fill).astype(int)


def difference(one: np.ndarray, other: np.ndarray) -> int:
    return int(np.abs(one - other).max())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [(48, 32), (20, 60)])
def test_a_fill_is_of_the_scenes_size_and_of_case_and_seed_alone(
    methods: dict[str, PublishedMethod], name: str, size: tuple[int, int]
) -> None:
    method, one = methods[name], problem(1, size)
    (fill,) = method.fill([one], seed=3)
    assert (fill.size, fill.mode) == (size, "RGB")
    assert difference(filled(method, one, 3), np.asarray(fill).astype(int)) == 0
    assert difference(filled(method, one, 4), np.asarray(fill).astype(int)) > 3
    renamed = replace(one, case=replace(one.case, id="another"))
    assert difference(filled(method, renamed, 3), np.asarray(fill).astype(int)) > 3


@pytest.mark.parametrize("name", NAMES)
def test_two_at_once_are_filled_as_each_alone(methods: dict[str, PublishedMethod], name: str) -> None:
    two = [problem(1, (48, 32), "a critter waves"), problem(2, (20, 60), "a critter sits")]
    together = methods[name].fill(two, seed=5)
    for one, fill in zip(two, together, strict=True):
        # Convolutions of another batch sum in another order, which may round a level the other way.
        assert difference(filled(methods[name], one, 5), np.asarray(fill).astype(int)) <= 1


@pytest.mark.parametrize(("name", "text", "reference"), [("text", 1, 0), ("exemplar", 0, 1), ("both", 1, 1)])
def test_what_a_method_heeds(methods: dict[str, PublishedMethod], name: str, text: int, reference: int) -> None:
    one = problem()
    before = filled(methods[name], one)
    told_otherwise = filled(methods[name], replace(one, case=replace(one.case, prompt="rain in a forest")))
    shown_another = filled(methods[name], with_reference(one, noise((40, 30), seed=77)))
    assert (difference(before, told_otherwise) > 0) == text
    assert (difference(before, shown_another) > 0) == reference


@pytest.mark.parametrize("name", ["exemplar", "both"])
def test_what_surrounds_the_subject_in_its_photograph_is_not_seen(
    methods: dict[str, PublishedMethod], name: str
) -> None:
    one = problem()
    elsewhere = noise((40, 30), seed=77)
    elsewhere.paste(one.reference, mask=one.reference_mask)
    assert difference(filled(methods[name], one), filled(methods[name], with_reference(one, elsewhere))) == 0


def test_the_adapters_scale_counts(folders: dict[str, str]) -> None:
    def told(scale: float) -> IPAdapterInpainting:
        return IPAdapterInpainting(folders["text"], adapter=folders["adapter"], scale=scale, **ADAPTER, **SMALL)

    text = filled(TextOnlyInpainting(folders["text"], **SMALL), problem())
    assert difference(filled(told(0.0), problem()), text) <= 1
    assert difference(filled(told(1.0), problem()), text) > 1


def test_a_subject_is_shown_in_a_white_square(methods: dict[str, PublishedMethod]) -> None:
    shown = np.asarray(methods["text"].cut_out(problem()))
    assert shown.shape == (32, 32, 3)
    assert (shown[0] == 255).all()
    assert (shown[16, 10:22] != 255).any()


def test_what_is_in_the_hole_is_not_looked_at(methods: dict[str, PublishedMethod]) -> None:
    one = problem(size=(32, 32))
    painted = one.scene.copy()
    painted.paste((255, 0, 0), mask=one.mask)
    for name in NAMES:
        assert difference(filled(methods[name], one), filled(methods[name], replace(one, scene=painted))) == 0, name


@pytest.mark.parametrize("name", NAMES)
def test_a_method_is_written_down_and_made_again(methods: dict[str, PublishedMethod], name: str) -> None:
    again = make(describe(methods[name]), Method)
    assert describe(again) == describe(methods[name])
    assert again.state() == methods[name].state() != []


def test_other_weights_are_told_apart(folders: dict[str, str]) -> None:
    method = IPAdapterInpainting(folders["text"], adapter=folders["adapter"], **ADAPTER, **SMALL)
    before = method.state()
    for weights in (
        Path(folders["text"], "unet", "diffusion_pytorch_model.safetensors"),
        Path(folders["adapter"], "models", ADAPTER["weight_name"]),
        Path(folders["adapter"], "models", "image_encoder", "model.safetensors"),
    ):
        state = weights.stat()
        os.utime(weights, ns=(state.st_atime_ns, state.st_mtime_ns + 1))
        assert method.state() != before, weights
        os.utime(weights, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert method.state() == before


@pytest.mark.parametrize("source", ["nobody/nothing", "no/such/folder", "./no/such/folder"])
def test_missing_weights_are_named_when_they_are_needed(folders: dict[str, str], source: str) -> None:
    for method in (
        TextOnlyInpainting(source),
        PaintByExample(source),
        IPAdapterInpainting(folders["text"], adapter=source, **ADAPTER, **SMALL),
    ):
        with pytest.raises(MissingFileError, match=source):
            method.fill([problem()], 0)


@pytest.mark.parametrize("settings", [{"size": 100}, {"size": 0}, {"num_inference_steps": 0}])
def test_numbers_out_of_range_are_refused(settings: dict[str, int]) -> None:
    with pytest.raises(SettingError, match=str(next(iter(settings.values())))):
        TextOnlyInpainting(**settings)
