import json
from html.parser import HTMLParser
from typing import Any

import pytest
from given import Given, instance, module, scene, sound
from torch import Tensor

from dreaminpainter import __version__
from dreaminpainter.data.degradation import MaskDegradation
from dreaminpainter.data.doctor import Finding, Report, contact_sheet, examine, page, report_on
from dreaminpainter.data.sources import Caption, LeftOut
from dreaminpainter.errors import InputError, SettingError

ATTACK = '<script>alert("x")</script>'


class Tags(HTMLParser):
    """Which tags there are, with their attributes, and that each is closed."""

    VOID = ("meta", "img", "br", "link")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


def examined(train: Any, samples: int = 256, **settings: Any) -> tuple[Report, str]:
    examination = examine(module({"mine": train}, **settings), samples, num_workers=0)
    report = report_on(examination, ["mine.yaml"])
    return report, page(report, contact_sheet(examination, report.findings))


def broken() -> Given:
    attack = instance(
        7,
        id=f"7{ATTACK}",
        class_name=ATTACK,
        captions=[ATTACK, ""],
        written=[Caption(ATTACK, of="object", by="blip")],
    )
    return Given([*sound(5), attack, instance(8, captions=[])], [LeftOut("9", ATTACK, damage=ATTACK)])


def test_the_page_needs_nothing_but_itself() -> None:
    _, text = examined(broken())
    tags = Tags(text)
    assert not tags.open, "every tag is closed"
    assert {tag for tag, _ in tags.found}.isdisjoint({"script", "link", "iframe", "object", "embed", "form"})
    assert "url(" not in text and "@import" not in text
    for tag, attributes in tags.found:
        for name, value in attributes.items():
            assert not name.startswith("on"), (tag, name)
            if name in ("src", "href", "srcset", "data", "action"):
                assert (value or "").startswith("data:image/jpeg;base64,")


def test_whatever_comes_from_the_data_is_escaped() -> None:
    report, text = examined(broken())
    assert any(ATTACK in one.message for one in report.findings), "the page has something to escape"
    assert "<script" not in text
    assert text.count("&lt;script&gt;") >= 5


def test_the_contact_sheet_shows_all_pictures_of_a_sample_and_what_there_is_of_others() -> None:
    _, text = examined(broken())
    counts = {name: 0 for name in ("outline", "hole", "reference")}
    for picture in Tags(text).of("img"):
        counts[str(picture["alt"])] += 1
    assert counts == {"outline": 7, "hole": 6, "reference": 6}, "the one without captions makes no sample"


def test_what_something_was_found_of_is_on_the_sheet_even_among_many() -> None:
    source = Given([*sound(30), instance(77, class_name="")])
    examination = examine(module({"mine": source}), num_workers=0)
    report = report_on(examination, ["mine"])
    rows = contact_sheet(examination, report.findings)["train/mine"]
    assert rows[0].id == "77" and rows[0].found == ["error: classes"]
    assert len(rows) == 13 and rows[-1].found == []


def test_counts_tell_of_every_source(monkeypatch: pytest.MonkeyPatch) -> None:
    source = Given([*sound(5), instance(8, class_name="cat")], [LeftOut("9", "crowd")])
    report, _ = examined(source, samples=3, validation={"held out": Given(sound(2, start=20))}, samples_per_epoch=40)
    train, validation = report.parts
    assert (train.label, train.kind, train.objects, train.opened) == ("train/mine", "Given", 6, 3)
    assert train.left_out == {"crowd": 1} and train.samples_per_epoch == 40
    assert train.classes == {"dog": 3} and train.areas["10-20 %"] == 3 and sum(train.areas.values()) == 3
    assert sum(train.holes.values()) == 3
    assert (validation.label, validation.samples_per_epoch) == ("validation/held out", None)
    assert report.versions["dreaminpainter"] == __version__ and "torch" in report.versions


def test_json_reads_back_as_the_same_report() -> None:
    report, _ = examined(broken(), validation={"mine": Given([instance(50, image=scene(1))])})
    text = report.to_json()
    assert Report.from_json(text) == report
    assert json.loads(text)["verdict"] == report.verdict
    for wrong in ("", "[]", "{}", '{"subject": [], "findings": [{"a": 1}], "parts": [], "versions": {}}'):
        with pytest.raises(InputError, match="no report"):
            Report.from_json(wrong)


@pytest.mark.parametrize(
    ("levels", "verdict"),
    [
        ([], "Nothing is wrong with this data."),
        (["note"], "Nothing is wrong with this data."),
        (["warning", "note"], "Nothing is broken, but look at 1 warning."),
        (["error", "warning", "warning"], "Do not train on this data yet: 1 error, 2 warnings."),
    ],
)
def test_the_verdict_goes_by_the_worst(levels: list[Any], verdict: str) -> None:
    report = Report(["x"], [Finding(level, "check", "message") for level in levels])
    assert report.verdict == verdict and report.has_errors == ("error" in levels)


def test_the_worst_findings_come_first() -> None:
    report, _ = examined(broken())
    levels = [one.level for one in report.findings]
    assert set(levels) == {"error", "warning", "note"}
    assert levels == sorted(levels, key=["error", "warning", "note"].index)


def test_the_same_data_gives_the_same_report() -> None:
    assert examined(broken()) == examined(broken())


@pytest.mark.parametrize(("samples", "num_workers"), [(0, 0), (5, -1)])
def test_numbers_out_of_range_are_refused(samples: int, num_workers: int) -> None:
    with pytest.raises(SettingError, match="samples is"):
        examine(module({"mine": Given(sound(2))}), samples, num_workers)


def test_loader_processes_find_the_same() -> None:
    data = module({"mine": broken()})
    here, there = (report_on(examine(data, num_workers=count), []) for count in (0, 2))
    assert here == there


class Halved(MaskDegradation):
    """Keeps the left half of the picture's mask."""

    def degrade(self, object_mask: Tensor, key: Tensor) -> Tensor:
        worse = object_mask.clone()
        worse[..., object_mask.shape[-1] // 2 :] = 0
        return worse


def test_masks_are_judged_as_they_are_and_holes_as_training_would_make_them() -> None:
    plain, worse = (
        examine(module({"mine": Given(sound(3))}, **settings), num_workers=0).parts[0].facts
        for settings in ({}, {"degradation": Halved()})
    )
    assert [facts.area for _, facts in worse] == [facts.area for _, facts in plain]
    assert [facts.hole for _, facts in worse] != [facts.hole for _, facts in plain]


def test_examined_data_is_left_as_it_was() -> None:
    source = Given(sound(2))
    before = [one.mask.clone() for one in source.instances]
    examined(source)
    assert all(bool((one.mask == mask).all()) for one, mask in zip(source.instances, before, strict=True))
