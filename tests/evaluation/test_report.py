"""Three forms of a report that say the same, and a page on which nothing from outside is code."""

import json
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from fills import Noise, case_set

from dreaminpainter.evaluation.cases import CaseSet
from dreaminpainter.evaluation.evaluating import Evaluation
from dreaminpainter.evaluation.methods import Collage, RealPicture
from dreaminpainter.evaluation.metrics import FID, KID, Background, Column, Diversity, Seam
from dreaminpainter.evaluation.rows import Row
from dreaminpainter.evaluation.table import table_of
from dreaminpainter.evaluation.writing import write_report

PROMPT = "<script>alert('a')</script> & \"b\""
NAME = "<b>noise"


class Page(HTMLParser):
    """The elements and the text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.sources: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.elements.append(tag)
        self.sources += [value for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("report")
    made = case_set(place)
    cases = [replace(made.cases[0], prompt=PROMPT, kind="identity"), *made.cases[1:]]
    methods = {"real": RealPicture(), NAME: Noise(), "collage": Collage()}
    metrics = [Background(), Diversity(), Seam()]
    evaluation = Evaluation(place, CaseSet(made.file, cases), methods, metrics, [FID(), KID()], batch_size=3)
    write_report(evaluation, evaluation.run(), judged=NAME)
    return place


def test_markdown_and_json_say_the_same(folder: Path) -> None:
    told = json.loads((folder / "report.json").read_text())
    text = (folder / "report.md").read_text()
    titles = [table["title"] for table in told["tables"]]
    assert titles[0] == "All cases"
    assert {"Kind: identity"} < set(titles[1:])
    for table in told["tables"]:
        for name, row in table["rows"].items():
            line = next(line for line in text.split(f"## {table['title']}\n")[1].splitlines() if f"| {name} |" in line)
            assert line.startswith(f"| {name} | {row['cases']} | {row['fills']} |")
            for column in table["columns"]:
                cell = row["figures"].get(column["name"])
                if cell is not None:
                    digits = column["digits"]
                    assert f"{cell['mean']:.{digits}f} [{cell['low']:.{digits}f}, {cell['high']:.{digits}f}]" in line
    for figure in ("background max", "seam", "FID (probes)", "KID (probes)"):
        assert figure in text
    assert told["protocol"]["cases"] in text


def test_the_page_says_what_the_tables_say(folder: Path) -> None:
    told = json.loads((folder / "report.json").read_text())
    page = Page((folder / "report.html").read_text())
    for table in told["tables"]:
        assert table["title"] in page.text
        for name, row in table["rows"].items():
            assert name in page.text
            for column in table["columns"]:
                cell = row["figures"].get(column["name"])
                if cell is not None:
                    assert f"{cell['mean']:.{column['digits']}f}" in page.text


def test_the_page_tells_what_a_fill_costs(folder: Path) -> None:
    told = json.loads((folder / "report.json").read_text())["costs"]
    page = Page((folder / "report.html").read_text())
    assert "Cost of one fill" in page.text and "not counted" in page.text
    for cost in told.values():
        assert f"{cost['seconds']:.3g}" in page.text


def test_a_page_runs_nothing_from_outside_and_asks_for_nothing(folder: Path) -> None:
    page = Page((folder / "report.html").read_text())
    assert page.elements.count("script") == 1, "its own, which sorts tables"
    assert "b" not in page.elements
    assert PROMPT in page.text
    assert NAME in page.text
    assert page.sources
    assert all(source.startswith("data:image/png;base64,") for source in page.sources)


def test_the_table_of_rows_is_whole(folder: Path) -> None:
    rows = pq.read_table(folder / "results.parquet").to_pylist()
    assert len(rows) == 5 + 10 + 5
    assert {row["prompt"] for row in rows} >= {PROMPT}
    told = json.loads((folder / "report.json").read_text())["tables"][0]["rows"]
    for name, row in told.items():
        own = [one["seam"] for one in rows if one["method"] == name]
        assert row["figures"]["seam"]["mean"] == pytest.approx(sum(own) / len(own))
    assert [row["diversity"] for row in rows if row["method"] == "collage"] == [None] * 5


def test_what_the_ceiling_is_beside_the_floor(folder: Path) -> None:
    rows = json.loads((folder / "report.json").read_text())["tables"][0]["rows"]
    assert rows["real"]["figures"]["FID (probes)"]["mean"] == pytest.approx(0, abs=1e-2)
    assert rows["real"]["figures"]["FID (probes)"]["mean"] < rows[NAME]["figures"]["FID (probes)"]["mean"]
    assert rows["real"]["figures"]["background max"]["mean"] == 0


def row(method: str, case: str, seed: int, **figures: float) -> Row:
    return Row(method, case, seed, "edit", "s", "p", "f.png", 1.0, figures)


def test_a_table_weighs_cases_alike_and_leaves_empty_what_nobody_has() -> None:
    rows = [
        row("a", "1", 0, x=0),
        row("a", "1", 1, x=0),
        row("a", "2", 0, x=3),
        row("b", "1", 0, y=1),
        row("c", "1", 0),
    ]
    columns = [Column("x", "lower", 1), Column("y", "higher", 0), Column("z")]
    table = table_of("t", rows, ["b", "a"], columns)
    assert table.counts == {"b": (1, 1), "a": (2, 3)}
    assert table.cells["a"]["x"] is not None
    assert table.cells["a"]["x"].mean == 1.5
    assert table.cells["a"]["y"] is None
    lines = table.markdown()
    assert lines[0] == "|  | cases | fills | x ↓ | y ↑ |"
    assert lines[2] == "| b | 1 | 1 | – | 1 [1, 1] |"
    assert lines[3].endswith("| 1.5 [0.0, 3.0] | – |")
