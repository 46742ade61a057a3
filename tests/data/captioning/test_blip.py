from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tiny_blip import save_blip
from transformers import BlipForConditionalGeneration, BlipProcessor

from dreaminpainter.components import describe, make
from dreaminpainter.data.captioning import BlipCaptioner, Captioner
from dreaminpainter.data.sources import CrittersSource
from dreaminpainter.errors import MissingFileError, SettingError
from dreaminpainter.visualization import to_image


@pytest.fixture(scope="module")
def blip(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save_blip(tmp_path_factory.mktemp("blip"))


@pytest.fixture(scope="module")
def pictures() -> list[torch.Tensor]:
    """Of many sizes, some of which leave open where the channels are."""
    drawn = [one.image for one in CrittersSource(size=48, reference_size=16, count=5, supersample=1)]
    shapes = [(48, 48), (20, 40), (48, 7), (5, 3), (3, 3)]
    return [image[:, :height, :width] for image, (height, width) in zip(drawn, shapes, strict=True)]


def described(captioner: Captioner, images: list[torch.Tensor]) -> list[str]:
    captions: list[str] = captioner(images, [])
    return captions


def by_transformers(folder: str, image: torch.Tensor, prompt: str | None, dtype: torch.dtype, beams: int) -> str:
    """As transformers' documentation has it, for one Pillow picture."""
    processor = BlipProcessor.from_pretrained(folder)
    network = BlipForConditionalGeneration.from_pretrained(folder, dtype=dtype)
    picture = to_image(image.float() / 255)
    inputs = processor(images=picture, text=prompt, return_tensors="pt")
    tokens = network.generate(**inputs, num_beams=beams, max_new_tokens=9)
    return str(processor.decode(tokens[0], skip_special_tokens=True))


@pytest.mark.parametrize("prompt", [None, "a photo of"])
@pytest.mark.parametrize(("dtype", "beams"), [("float32", 3), ("float32", 1), ("bfloat16", 3)])
def test_captions_are_those_of_transformers_called_picture_by_picture(blip, pictures, prompt, dtype, beams) -> None:
    captioner = BlipCaptioner(blip, prompt=prompt, num_beams=beams, max_new_tokens=9, dtype=dtype)
    expected = [by_transformers(blip, image, prompt, getattr(torch, dtype), beams) for image in pictures]
    assert described(captioner, pictures) == expected
    assert len(set(expected)) >= 4, "the pictures do not matter"


def test_a_batch_may_go_through_the_network_in_parts(blip, pictures) -> None:
    whole = BlipCaptioner(blip, max_new_tokens=5)
    parts = BlipCaptioner(blip, max_new_tokens=5, batch_size=2)
    whole.load(), parts.load()
    widths: list[int] = []
    parts._network.vision_model.register_forward_hook(lambda module, args, output: widths.append(len(output[0])))
    assert described(parts, pictures) == described(whole, pictures)
    assert widths == [2, 2, 1]
    assert described(parts, []) == []


def test_every_caption_begins_with_the_prompt(blip, pictures) -> None:
    captions = described(BlipCaptioner(blip, prompt="a Photo of", max_new_tokens=4), pictures)
    assert all(caption.startswith("a photo of") for caption in captions)
    assert any(len(caption.split()) == 7 for caption in captions), "the prompt's tokens count as new ones"


def test_the_network_is_read_when_first_used_and_lies_where_the_module_was_moved(blip, pictures) -> None:
    captioner = BlipCaptioner(blip)
    assert not list(captioner.parameters())
    captioner.to("meta").load()
    assert {parameter.device.type for parameter in captioner.parameters()} == {"meta"}
    assert not any(parameter.requires_grad for parameter in captioner.parameters())


def test_a_captioner_can_be_described_and_made_again_after_it_was_used(blip, pictures) -> None:
    captioner = BlipCaptioner(blip, prompt="the", num_beams=2, max_new_tokens=3, batch_size=4)
    before = described(captioner, pictures)
    again = make(describe(captioner), Captioner)
    assert described(again, pictures) == before


def test_what_changes_the_words_is_signed(blip) -> None:
    assert BlipCaptioner(blip).signed == f"blip {blip}"
    assert BlipCaptioner(blip, dtype="bfloat16", batch_size=3).signed == f"blip {blip}"
    assert BlipCaptioner(blip, prompt="a dog", num_beams=1).signed == f"blip {blip} prompt='a dog' num_beams=1"


def test_a_missing_checkpoint_or_part_of_one_is_named(blip, tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"nobody/nothing.*HF_HOME"):
        BlipCaptioner("nobody/nothing").load()
    with pytest.raises(MissingFileError, match="nowhere"):
        BlipCaptioner(str(tmp_path / "nowhere")).load()
    folder = Path(save_blip(tmp_path / "without a processor"))
    for name in ("processor_config.json", "tokenizer.json", "tokenizer_config.json"):
        (folder / name).unlink()
    with pytest.raises(MissingFileError, match="processor"):
        BlipCaptioner(str(folder)).load()


def test_weights_that_could_run_code_are_not_read(tmp_path: Path) -> None:
    folder = Path(save_blip(tmp_path))
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(MissingFileError, match="safetensors"):
        BlipCaptioner(str(folder)).load()


@pytest.mark.parametrize("name", ["num_beams", "max_new_tokens", "batch_size"])
def test_numbers_below_one_are_refused(name: str) -> None:
    with pytest.raises(SettingError, match=f"{name} is 0"):
        BlipCaptioner(**{name: 0})
