from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_blip import save_blip

from dreaminpainter.data.captioning import BlipCaptioner, Captioner, DatasetCaptioner
from dreaminpainter.data.captioning.predicting import Report, write_captions
from dreaminpainter.data.captioning.views import crop, open_tasks
from dreaminpainter.data.sources import CrittersSource, Instance, SegmentationSource
from dreaminpainter.data.sources.base import HUMAN, Caption
from dreaminpainter.data.store.captions import CaptionShards, Named, StoredCaptions
from dreaminpainter.errors import InputError, MissingFileError, SettingError


class Objects(SegmentationSource):
    """Two pictures of three and two objects, drawn once.

    Args:
        broken: indices of objects whose picture cannot be read.
    """

    name = "objects"
    drawn = list(CrittersSource(size=48, reference_size=16, count=5, supersample=1))  # noqa: RUF012

    def __init__(self, broken: tuple[int, ...] = ()) -> None:
        self.broken = broken
        self.read: Counter[int] = Counter()

    def __len__(self) -> int:
        return 5

    def id_of(self, index: int) -> str:
        return f"object {index}"

    def content_of(self, index: int) -> str:
        return "first" if index < 3 else "second"

    def __getitem__(self, index: int) -> Instance:
        self.read[index] += 1
        if index in self.broken:
            kind = MissingFileError if index % 2 else InputError
            raise kind(f"picture {self.content_of(index)} is broken")
        one, picture = self.drawn[index], self.drawn[0 if index < 3 else 3]
        return Instance(picture.image, one.mask, "critter", one.box, picture.captions, self.name, self.id_of(index))


class Killed(Captioner):
    """Another captioner, until the process is killed ahead of a call."""

    pictures_alone = True

    def __init__(self, inner: Captioner, calls: int) -> None:
        super().__init__()
        self.inner = inner
        self.calls = calls

    @property
    def signed(self) -> str:
        return self.inner.signed

    def forward(self, images: list[torch.Tensor], instances: list[Instance]) -> list[str]:
        self.calls -= 1
        if self.calls < 0:
            raise KeyboardInterrupt
        texts: list[str] = self.inner(images, instances)
        return texts


@pytest.fixture(scope="module")
def captioner(tmp_path_factory: pytest.TempPathFactory) -> BlipCaptioner:
    return BlipCaptioner(save_blip(tmp_path_factory.mktemp("blip")), max_new_tokens=6)


def write(source: SegmentationSource, folder: Path, captioner: Captioner, **settings: Any) -> Report:
    settings = {"accelerator": "cpu", "enable_progress_bar": False, "enable_model_summary": False} | settings
    return write_captions(source, folder, captioner, **settings)


def expected(source: Objects, captioner: Captioner) -> list[Named]:
    """One picture and one crop at a time."""
    rows: list[Named] = []
    for instance in source:
        views = {"object": crop(instance), "picture": instance.image}
        for of in ("object", "picture"):
            (text,) = captioner([views[of]], [instance])
            rows.append((instance.id, Caption(text, of, captioner.signed)))  # type: ignore[arg-type]
    return rows


@pytest.mark.parametrize("settings", [{"batch_size": 2}, {"batch_size": 5, "num_workers": 1}])
def test_every_picture_and_every_crop_gets_its_caption(tmp_path: Path, captioner, settings) -> None:
    report = write(Objects(), tmp_path, captioner, **settings)
    assert report == Report({"picture": 0, "object": 0}, {"picture": 5, "object": 5}, [])
    rows = list(StoredCaptions(tmp_path))
    assert rows == expected(Objects(), captioner)
    assert len({caption.text for _, caption in rows}) > 4, "the pictures do not matter"


@pytest.mark.parametrize("settings", [{"batch_size": 0}, {"num_workers": -1}])
def test_numbers_out_of_range_are_refused(tmp_path: Path, captioner, settings) -> None:
    ((name, value),) = settings.items()
    with pytest.raises(SettingError, match=f"{name} is {value}|{name} {value}"):
        write(Objects(), tmp_path, captioner, **settings)


def test_a_picture_that_objects_share_is_captioned_once(tmp_path: Path, captioner) -> None:
    seen: list[int] = []
    captioner.load()
    hook = captioner._network.vision_model.register_forward_hook(lambda _, args, output: seen.append(len(output[0])))
    write(Objects(), tmp_path, captioner, batch_size=5)
    hook.remove()
    assert seen == [2, 5]


def test_a_captioner_that_looks_at_the_object_is_asked_for_each(tmp_path: Path) -> None:
    captioner = DatasetCaptioner()
    write(Objects(), tmp_path, captioner)
    tasks = open_tasks(Objects(), captioner, StoredCaptions(tmp_path / "none"))
    assert [task.ids["picture"] for task in tasks] == [[f"object {index}"] for index in range(5)]
    assert StoredCaptions(tmp_path).ids("picture") == {f"object {index}" for index in range(5)}


@pytest.mark.parametrize("calls", range(5))
def test_killed_anywhere_and_run_again_it_ends_up_the_same(tmp_path: Path, captioner, calls: int) -> None:
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        write(Objects(), tmp_path, Killed(captioner, calls), batch_size=2)
    kept = list(StoredCaptions(tmp_path))
    # Of the first two objects: the picture, which the third shares, and two crops. And so on.
    assert len(kept) == [0, 0, 5, 5, 9][calls]
    source = Objects()
    report = write(source, tmp_path, captioner, batch_size=2)
    assert sum(report.before.values()) == len(kept)
    assert sum(report.written.values()) == 10 - len(kept)
    assert list(StoredCaptions(tmp_path)) == expected(Objects(), captioner)
    assert max(source.read.values()) == 1


def test_a_finished_run_reads_nothing_when_run_again(tmp_path: Path, captioner) -> None:
    write(Objects(), tmp_path, captioner)
    source, before = Objects(), sorted(tmp_path.iterdir())
    unused = BlipCaptioner(**{name: getattr(captioner, name) for name in ("model", "max_new_tokens")})
    assert write(source, tmp_path, unused).written == {"picture": 0, "object": 0}
    assert not source.read and not list(unused.parameters()) and sorted(tmp_path.iterdir()) == before


def test_other_settings_caption_anew_beside_the_old(tmp_path: Path, captioner) -> None:
    write(Objects(), tmp_path, captioner)
    other = BlipCaptioner(captioner.model, max_new_tokens=6, prompt="the")
    assert write(Objects(), tmp_path, other).written == {"picture": 5, "object": 5}
    of_one = [caption.by for caption in StoredCaptions(tmp_path).of("object 0") if caption.of == "picture"]
    assert of_one == [other.signed, captioner.signed]


def test_what_a_person_wrote_stays_first(tmp_path: Path, captioner) -> None:
    person = Caption("a thing with a hat", "picture", HUMAN)
    with CaptionShards(tmp_path) as shards:
        shards.write([("object 1", person)])
    write(Objects(), tmp_path, captioner)
    assert StoredCaptions(tmp_path).of("object 1")[0] == person
    assert [row for row in StoredCaptions(tmp_path) if row[1] != person] == expected(Objects(), captioner)


def test_pictures_that_cannot_be_read_are_told_once_and_the_rest_goes_on(tmp_path: Path, captioner) -> None:
    report = write(Objects(broken=(3, 4)), tmp_path, captioner, batch_size=2)
    assert report.written == {"picture": 3, "object": 3}
    assert report.damage == ["picture second is broken"]
    mended = write(Objects(), tmp_path, captioner)
    assert mended.written == {"picture": 2, "object": 2} and not mended.damage
    assert list(StoredCaptions(tmp_path)) == expected(Objects(), captioner)


def test_a_batch_in_which_nothing_can_be_read_is_passed_over(tmp_path: Path, captioner) -> None:
    assert write(Objects(broken=(0, 1, 2, 3, 4)), tmp_path, captioner, batch_size=2).written["object"] == 0


@pytest.mark.parametrize("precision", ["bf16-true", "bf16-mixed"])
def test_lower_precision_is_the_trainers(tmp_path: Path, captioner, precision: str) -> None:
    alone = BlipCaptioner(captioner.model, max_new_tokens=6)
    write(Objects(), tmp_path, alone, precision=precision)
    assert alone._network.dtype == (torch.bfloat16 if precision == "bf16-true" else torch.float32)
    assert len(list(StoredCaptions(tmp_path))) == 10


def test_crops_show_the_box_and_a_margin_and_stay_inside() -> None:
    image = torch.arange(3 * 40 * 60).reshape(3, 40, 60)
    mask = torch.ones(1, 40, 60, dtype=torch.bool)

    def crop_of(*box: float) -> torch.Tensor:
        return crop(Instance(image, mask, "x", box, [], "x", "x"))  # type: ignore[arg-type]

    assert torch.equal(crop_of(20, 10, 40, 25), image[:, 8:27, 18:42])
    assert torch.equal(crop_of(0, 0, 60, 40), image)
    assert torch.equal(crop_of(58.5, 0.2, 59.5, 1), image[:, 0:2, 58:60])
