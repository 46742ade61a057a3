"""The table as a terminal shows it."""

from hypothesis import given
from hypothesis import strategies as st

from dreaminpainter.evaluation.metrics import Column
from dreaminpainter.evaluation.statistics import Interval
from dreaminpainter.evaluation.table import Table

NAMES = st.lists(st.text("abc ", min_size=1, max_size=12), min_size=1, max_size=9, unique=True)


@given(names=NAMES, width=st.integers(10, 120))
def test_every_figure_is_shown_once_and_no_line_is_wider_than_it_must_be(names, width) -> None:
    columns = [Column(name) for name in names]
    cells = {
        method: {name: Interval(100 * row + place, 0, 1) for place, name in enumerate(names)}
        for row, method in enumerate(("ours", "another method"))
    }
    lines = Table("All", columns, {}, cells).text(width)
    numbers = [word for line in lines for word in line.split() if word.replace(".", "").isdigit()]
    assert sorted(map(float, numbers)) == sorted(cell.mean for own in cells.values() for cell in own.values())
    widest = len("another method") + 2 + max(len(name) + 2 for name in names) + 7
    assert all(len(line) <= max(width, widest) for line in lines)


def test_a_figure_that_no_method_has_is_left_out_and_one_that_some_lack_is_a_dash() -> None:
    cells = {"ours": {"seam": Interval(1, 0, 2), "x": None}, "floor": {"seam": None, "x": None}}
    lines = Table("All", [Column("seam"), Column("x")], {}, cells).text(80)
    assert [line.split() for line in lines if line] == [["seam", "↑"], ["ours", "1.000"], ["floor", "–"]]
