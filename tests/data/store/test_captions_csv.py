import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dreaminpainter.data.sources.base import HUMAN, Caption
from dreaminpainter.data.store.captions import CaptionShards, Named, StoredCaptions
from dreaminpainter.data.store.captions_csv import export_captions, import_captions
from dreaminpainter.errors import InputError, MissingFileError

KNOWN = {"1", "2"}
HEADER = "id,of,text,by"


def named(id: str, text: str, by: str = "blip", of: str = "picture") -> Named:
    return id, Caption(text, of, by)  # type: ignore[arg-type]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Captions of two instances by a captioner, and one by a person."""
    with CaptionShards(tmp_path / "captions") as shards:
        shards.write([named("1", "a dog"), named("1", "a crop", of="object"), named("2", "a cat")])
        shards.write([named("2", "my cat", HUMAN)])
    return tmp_path / "captions"


def brought_back(folder: Path, *lines: str, known: set[str] = KNOWN) -> int:
    """How many captions a file of these lines changes."""
    path = folder.parent / "edited.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    return import_captions(StoredCaptions(folder), path, known)


def everything(folder: Path) -> list[Named]:
    return list(StoredCaptions(folder))


odd = ['"', '""', "\r\n", "\r", "\n", "a,b", "=1+1", "\ufeff", " ", "\x00", "é"]
text = st.text(max_size=12) | st.sampled_from(odd)


@given(
    rows=st.lists(
        st.tuples(text.filter(bool), st.sampled_from(["picture", "object"]), text, text | st.just(HUMAN)), max_size=8
    ),
    edits=st.lists(text.filter(str.strip), max_size=8),
)
def test_any_text_survives_export_and_import_and_edits_become_a_persons(
    rows, edits, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("captions")
    path = folder / "captions.csv"
    captions = [named(id, text, by, of) for id, of, text, by in rows]
    known = {id for id, _ in captions}
    if captions:
        with CaptionShards(folder) as shards:
            shards.write(captions)
    before = everything(folder)
    export_captions(StoredCaptions(folder), path)
    assert import_captions(StoredCaptions(folder), path, known) == 0
    assert everything(folder) == before

    with path.open(encoding="utf-8-sig", newline="") as file:
        header, *lines = csv.reader(file)
    # One edit an instance and kind, in the row that counts first.
    first = {(id, of): place for place, (id, of, _, _) in reversed(list(enumerate(lines)))}
    expected: dict[tuple[str, str], tuple[str, str]] = {}
    for (key, place), words in zip(first.items(), edits, strict=False):
        _, _, text, by = lines[place]
        expected[key] = (text, by) if words == text else (words, HUMAN)
        lines[place][2] = words
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *lines])
    import_captions(StoredCaptions(folder), path, known)
    for (id, of), counts in expected.items():
        caption = next(caption for caption in StoredCaptions(folder).of(id) if caption.of == of)
        assert (caption.text, caption.by) == counts
    machines = [row for row in before if row[1].by != HUMAN]
    assert [row for row in everything(folder) if row[1].by != HUMAN] == machines


def test_a_file_that_was_not_edited_changes_nothing(folder: Path) -> None:
    path = folder.parent / "captions.csv"
    export_captions(StoredCaptions(folder), path)
    before = sorted(folder.iterdir())
    assert import_captions(StoredCaptions(folder), path, KNOWN) == 0
    assert sorted(folder.iterdir()) == before


def test_a_changed_and_an_added_text_become_a_persons(folder: Path) -> None:
    lines = (HEADER, "1,picture,a brown dog,blip", "2,object,its head,", "1,object,a crop,blip")
    assert brought_back(folder, *lines) == 2
    captions = StoredCaptions(folder)
    assert captions.of("1")[0] == Caption("a brown dog", "picture", HUMAN)
    assert Caption("a dog", "picture", "blip") in captions.of("1"), "the captioner's own is gone"
    assert Caption("its head", "object", HUMAN) in captions.of("2")


def test_a_person_corrects_an_own_caption(folder: Path) -> None:
    assert brought_back(folder, HEADER, "2,picture,my black cat,human", "2,picture,a cat,blip") == 1
    assert [caption.text for caption in StoredCaptions(folder).of("2")] == ["my black cat", "a cat"]


def test_a_captioner_that_runs_later_does_not_hide_what_a_person_wrote(folder: Path) -> None:
    brought_back(folder, HEADER, "1,picture,a brown dog,blip")
    with CaptionShards(folder) as shards:
        shards.write([named("1", "a dog again"), named("1", "a wolf", "another")])
    assert [caption.text for caption in StoredCaptions(folder).of("1") if caption.of == "picture"] == [
        "a brown dog",
        "a wolf",
        "a dog again",
    ]


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        ([], "begins with ''"),
        (["id;of;text;by", "1;picture;x;blip"], "begins with 'id;of;text;by'"),
        (["id,text", "1,x"], "begins with 'id,text'"),
        ([HEADER, "1,picture,fine,blip", "3,picture,x,blip"], "line 3: this data has no instance '3'"),
        ([HEADER, "1,pictures,x,blip"], "line 2: `of` is 'pictures'"),
        ([HEADER, "1,picture,a dog, a cat,blip"], "line 2 has 5 columns"),
        ([HEADER, "1,picture, ,blip"], "line 2: the caption of '1' is empty"),
        ([HEADER, '1,picture,"a dog" runs,blip'], "line 2 cannot be read"),
        ([HEADER, '1,picture,"a dog runs,blip'], "cannot be read"),
        ([HEADER, "2,picture,my cat,human", "2,picture,a black cat,blip"], "lines 2 and 3: a person has written two"),
    ],
)
def test_a_file_with_a_wrong_row_changes_nothing_and_the_row_is_named(folder: Path, lines, complaint: str) -> None:
    before = everything(folder)
    with pytest.raises(InputError, match=complaint) as raised:
        brought_back(folder, *lines)
    assert "edited.csv" in str(raised.value)
    assert everything(folder) == before


def test_a_file_in_another_encoding_is_refused(folder: Path) -> None:
    path = folder.parent / "edited.csv"
    path.write_bytes(f"{HEADER}\n1,picture,café,blip".encode("latin-1"))
    with pytest.raises(InputError, match="UTF-8"):
        import_captions(StoredCaptions(folder), path, KNOWN)


def test_a_missing_file_says_where_one_comes_from(folder: Path) -> None:
    with pytest.raises(MissingFileError, match="caption-export"):
        import_captions(StoredCaptions(folder), folder / "none.csv", KNOWN)


def test_blank_lines_are_passed_over(folder: Path) -> None:
    assert brought_back(folder, HEADER, "", "1,picture,a dog,blip", "") == 0
