from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from PIL import Image

from dreaminpainter.data.sources import contents
from dreaminpainter.data.sources.base import LeftOut, PictureFile, content_hash
from dreaminpainter.data.sources.contents import content_of_file
from dreaminpainter.data.sources.listing import BrokenObjectError, listed, or_left_out
from dreaminpainter.errors import InputError, MissingFileError


class Thing:
    def __init__(self, id_: str) -> None:
        self.id = id_


def test_of_several_objects_of_one_id_the_first_counts_and_the_others_are_damage() -> None:
    first = Thing("a")
    listing = listed([first, Thing("b"), Thing("a"), LeftOut("b", "crowd"), LeftOut("c", "crowd")], "things.csv")
    assert [thing.id for thing in listing.objects] == ["a", "b"] and listing.objects[0] is first
    assert [(one.id, one.reason) for one in listing.left_out] == [
        ("a", "duplicate id"),
        ("b", "duplicate id"),
        ("c", "crowd"),
    ]
    assert "things.csv names a several times" in listing.left_out[0].damage


def test_an_id_that_no_file_can_hold_is_damage_and_is_told_in_letters_that_can() -> None:
    listing = listed([Thing("a"), Thing("caf\udce9"), LeftOut("caf\udcea", "no object")], "/pictures")
    assert [thing.id for thing in listing.objects] == ["a"]
    assert [(one.id, one.reason) for one in listing.left_out] == [
        (r"caf\udce9", "not UTF-8"),
        (r"caf\udcea", "no object"),
    ]
    assert listing.left_out[0].damage.startswith(r"/pictures names caf\udce9, which is not UTF-8")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (BrokenObjectError("broken box", "it is broken"), "broken box"),
        (MissingFileError("it is broken"), "missing file"),
        (InputError("it is broken"), "unreadable"),
    ],
)
def test_what_breaks_is_left_out_after_what_was_whole(error: Exception, reason: str) -> None:
    def objects() -> Iterator[Thing | LeftOut]:
        yield Thing("a")
        raise error

    whole, broken = or_left_out("picture", objects())
    assert whole.id == "a"
    assert broken == LeftOut("picture", reason, "it is broken")


def test_a_mistake_of_the_program_is_not_taken_for_damage() -> None:
    def objects() -> Iterator[Thing | LeftOut]:
        yield Thing("a")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(or_left_out("picture", objects()))


def test_a_pictures_content_is_read_once_and_anew_when_the_file_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[Path] = []
    read = contents.read_picture

    def counted(path: Path, layout: str) -> torch.Tensor:
        reads.append(path)
        return read(path, layout)

    monkeypatch.setattr(contents, "read_picture", counted)
    path = tmp_path / "one.png"
    Image.new("RGB", (4, 3), (1, 2, 3)).save(path)
    picture = PictureFile(path, upright=False)
    image = torch.tensor([1, 2, 3], dtype=torch.uint8).view(3, 1, 1).expand(3, 3, 4)
    assert content_of_file(picture, "") == content_of_file(picture, "") == content_hash(image)
    assert reads == [path]
    Image.new("RGB", (9, 7), (1, 2, 3)).save(path)
    assert content_of_file(picture, "") != content_hash(image)
    path.unlink()
    with pytest.raises(MissingFileError, match=r"one\.png\. Fetch it\."):
        content_of_file(picture, "Fetch it")
