import pytest
import torch

from dreaminpainter.components import describe, make
from dreaminpainter.data.captioning import (
    Captioner,
    ChoiceCaptioner,
    ClassNameCaptioner,
    DatasetCaptioner,
    StoredCaptioner,
)
from dreaminpainter.data.sources.base import HUMAN, Caption, Instance
from dreaminpainter.errors import InputError, SettingError


def instance(*written: Caption, captions: tuple[str, ...] = (), key: int | None = None) -> Instance:
    image, mask = torch.zeros(3, 4, 4, dtype=torch.uint8), torch.ones(1, 4, 4, dtype=torch.bool)
    return Instance(
        image, mask, "dog", (0, 0, 4, 4), list(captions), "mine", "object-7", key=key, written=list(written)
    )


def captions_of(captioner: Captioner, *instances: Instance) -> list[str]:
    captions: list[str] = captioner([one.image for one in instances], list(instances))
    return captions


BLIP = [Caption("a new one", "picture", "blip a"), Caption("an old one", "picture", "blip b")]
CROP = Caption("a crop", "object", "blip a")
PERSON = Caption("a person's", "picture", HUMAN)


@pytest.mark.parametrize(
    ("captioner", "written", "expected"),
    [
        (StoredCaptioner(), BLIP, "a new one"),
        (StoredCaptioner(by="blip b"), BLIP, "an old one"),
        (StoredCaptioner(of="object"), [*BLIP, CROP], "a crop"),
        (StoredCaptioner(), [*BLIP, PERSON], "a person's"),
        (StoredCaptioner(by="blip b"), [*BLIP, PERSON], "a person's"),
        (StoredCaptioner(of="object"), [PERSON, CROP], "a crop"),
    ],
)
def test_the_caption_is_a_persons_or_else_the_newest_that_fits(captioner, written, expected) -> None:
    assert captions_of(captioner, instance(*written)) == [expected]


@pytest.mark.parametrize("captioner", [StoredCaptioner(of="object"), StoredCaptioner(by="blip c")])
def test_where_none_fits_the_error_says_how_to_write_them(captioner) -> None:
    with pytest.raises(InputError, match=r"object-7.*mine.*`dreaminpainter caption DIR`"):
        captions_of(captioner, instance(*BLIP, CROP), instance(*BLIP))


def test_captioners_are_chosen_in_their_shares_and_by_the_key_alone() -> None:
    captioner = ChoiceCaptioner([ClassNameCaptioner(), DatasetCaptioner("first"), StoredCaptioner()], [6, 3, 1])
    instances = [instance(PERSON, captions=("a caption",), key=key) for key in range(2000)]
    together = captions_of(captioner, *instances)
    shares = [together.count(text) / 2000 for text in ("a photo of a dog", "a caption", "a person's")]
    assert shares == pytest.approx([0.6, 0.3, 0.1], abs=0.03)
    assert [captions_of(captioner, one)[0] for one in instances[:50]] == together[:50]


def test_a_captioner_of_weight_zero_is_never_asked() -> None:
    captioner = ChoiceCaptioner([StoredCaptioner(), ClassNameCaptioner()], [0, 1])
    assert set(captions_of(captioner, *(instance(key=key) for key in range(200)))) == {"a photo of a dog"}


def test_what_the_chosen_one_draws_has_nothing_to_do_with_the_choice() -> None:
    words = tuple(f"caption {n}" for n in range(4))
    inner = ChoiceCaptioner([DatasetCaptioner(), ClassNameCaptioner()])
    captioner = ChoiceCaptioner([inner, ClassNameCaptioner("the other {class_name}")])
    texts = captions_of(captioner, *(instance(captions=words, key=key) for key in range(4000)))
    assert texts.count("the other dog") == pytest.approx(2000, abs=150)
    assert texts.count("a photo of a dog") == pytest.approx(1000, abs=120)
    assert [texts.count(word) for word in words] == pytest.approx([250] * 4, abs=60)


def test_the_instances_keys_stay_as_they_are() -> None:
    one = instance(key=5)
    captions_of(ChoiceCaptioner([ClassNameCaptioner()]), one)
    assert one.key == 5


@pytest.mark.parametrize("weights", [[], [1], [1, -1], [0, 0]])
def test_weights_that_do_not_fit_are_refused(weights) -> None:
    with pytest.raises(SettingError, match="ChoiceCaptioner needs"):
        ChoiceCaptioner([ClassNameCaptioner(), StoredCaptioner()], weights)


def test_a_choice_without_a_key_is_refused() -> None:
    with pytest.raises(SettingError, match="key"):
        captions_of(ChoiceCaptioner([ClassNameCaptioner()]), instance(key=1), instance())


def test_a_choice_can_be_described_and_signs_for_all_of_its_captioners() -> None:
    captioner = ChoiceCaptioner([ClassNameCaptioner("one {class_name}"), StoredCaptioner(by="x")], [2, 1])
    again = make(describe(captioner), Captioner)
    assert describe(again) == describe(captioner)
    assert captioner.signed == (
        "ChoiceCaptioner captioners=[(ClassNameCaptioner template='one {class_name}'), (StoredCaptioner by='x')] "
        "weights=[2, 1]"
    )
