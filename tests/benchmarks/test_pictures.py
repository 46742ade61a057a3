"""The README's pictures: what their prompts ask for, and the files that its commands name."""

import numpy as np
import torch
from PIL import Image

from benchmarks.pictures import OPPOSITES, WISHES, write_examples
from dreaminpainter.data.critters import CAPTION_WORDS, VALUES
from dreaminpainter.data.critters.captions import word_list
from dreaminpainter.data.sources.critters import CrittersSource


def test_what_contradicts_the_reference_does_so_in_all_that_the_text_tells_of_it() -> None:
    assert set(OPPOSITES) == {"hat", "mouth", "pose"}
    for name, opposites in OPPOSITES.items():
        assert set(opposites) == set(VALUES[name])
        assert all(asked in VALUES[name] and asked != shown for shown, asked in opposites.items())


def test_the_examples_are_a_scene_a_hole_and_a_cut_out(tmp_path) -> None:
    source = CrittersSource(64, 48, 2, "test", "cross", supersample=1)
    examples = write_examples(tmp_path, source)
    drawing = source.draw(torch.arange(2))
    for row, example in enumerate(examples):
        scene, mask, reference = (Image.open(example.folder / f"{name}.png") for name in ("scene", "mask", "reference"))
        assert (scene.mode, mask.mode, reference.mode) == ("RGB", "L", "RGBA")
        hole = np.asarray(mask) == 255
        assert 0.02 < hole.mean() < 0.95
        shown, drawn = np.asarray(scene), (drawing.image[row].permute(1, 2, 0).numpy() + 1) * 127.5
        assert np.abs(shown - drawn)[~hole].max() <= 1
        assert (shown[hole] == shown[hole][0]).all(), "the truth does not shine through"
        assert (np.asarray(reference)[..., 3] > 0).mean() > 0.1


def test_a_wish_changes_the_prompt_and_every_word_is_known(tmp_path) -> None:
    (example,) = write_examples(tmp_path, CrittersSource(32, 32, 1, "test", "cross", supersample=1))
    prompts = {example.prompt(wish) for wish in (*WISHES, {})}
    assert len(prompts) == 3
    assert all(set(word_list(prompt)) <= CAPTION_WORDS for prompt in prompts)
    assert all(attribute in " ".join(prompts) for attribute in ("crown", "woolly cap"))
