import pytest
import torch

from dreaminpainter.data.captioning import Captioner, ClassNameCaptioner, DatasetCaptioner
from dreaminpainter.data.sources import Instance
from dreaminpainter.errors import InputError, SettingError


def instance(captions: list[str], class_name: str = "dog", key: int | None = None) -> Instance:
    image, mask = torch.zeros(3, 4, 4, dtype=torch.uint8), torch.ones(1, 4, 4, dtype=torch.bool)
    return Instance(image, mask, class_name, (0, 0, 4, 4), captions, "mine", "object-7", key=key)


def captions_of(captioner: Captioner, instances: list[Instance]) -> list[str]:
    captions: list[str] = captioner([one.image for one in instances], instances)
    return captions


def test_the_class_name_stands_in_the_template_as_it_is() -> None:
    instances = [instance([]), instance([], class_name="{odd} hot dog")]
    assert captions_of(ClassNameCaptioner("one {class_name}, {class_name}!"), instances) == [
        "one dog, dog!",
        "one {odd} hot dog, {odd} hot dog!",
    ]


def test_a_template_without_the_class_is_refused() -> None:
    with pytest.raises(SettingError, match="a photo of a dog"):
        ClassNameCaptioner("a photo of a dog")


def test_the_first_caption_needs_no_key() -> None:
    assert captions_of(DatasetCaptioner("first"), [instance(["one", "two"])]) == ["one"]


def test_a_random_caption_follows_the_key_in_any_batch() -> None:
    instances = [instance([f"caption {n}" for n in range(5)], key=key) for key in range(64)]
    together = captions_of(DatasetCaptioner(), instances)
    alone = [captions_of(DatasetCaptioner(), [one])[0] for one in instances]
    assert together == alone and len(set(together)) == 5


def test_an_instance_without_captions_is_named() -> None:
    with pytest.raises(InputError, match=r"object-7.*mine.*ClassNameCaptioner"):
        captions_of(DatasetCaptioner("first"), [instance(["fine"]), instance([])])


def test_a_random_caption_without_a_key_is_refused() -> None:
    with pytest.raises(SettingError, match="key"):
        captions_of(DatasetCaptioner(), [instance(["one"])])
