"""Where a method fails is told by what its cases are like."""

from dataclasses import replace

import pytest

from dreaminpainter.evaluation.cases import CaseSet, CrittersCases
from dreaminpainter.evaluation.failures import groups_of
from dreaminpainter.evaluation.rows import Row


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> CaseSet:
    built = CrittersCases(count=9, size=32, reference_size=32).build(tmp_path_factory.mktemp("cases"))
    odd = [replace(case, class_name="cat" if place % 3 == 0 else "dog") for place, case in enumerate(built.cases)]
    return CaseSet(built.file, odd)


def test_the_class_that_fails_comes_first_with_its_mean(cases) -> None:
    rows = [
        Row("ours", case.id, 0, case.kind, "", "", "", 0.0, {"text": 0.1 if case.class_name == "cat" else 0.9})
        for case in cases.cases
    ]
    classes = [group for group in groups_of(cases, rows, "text") if group.by == "class"]
    assert [(group.label, group.cases) for group in classes] == [("cat", 3), ("dog", 6)]
    assert [group.interval.mean for group in classes] == pytest.approx([0.1, 0.9])


def test_where_lower_is_better_the_class_with_the_highest_mean_comes_first(cases) -> None:
    rows = [
        Row("ours", case.id, 0, case.kind, "", "", "", 0.0, {"seam": 0.1 if case.class_name == "cat" else 0.9})
        for case in cases.cases
    ]
    found = groups_of(cases, rows, "seam", lower_is_better=True)
    assert [group.label for group in found if group.by == "class"] == ["dog", "cat"]


def test_every_case_is_in_one_third_by_its_hole(cases) -> None:
    rows = [
        Row("ours", case.id, seed, case.kind, "", "", "", 0.0, {"text": 0.5}) for case in cases.cases for seed in (0, 1)
    ]
    thirds = [group for group in groups_of(cases, rows, "text") if group.by.startswith("hole's share")]
    assert sum(group.cases for group in thirds) == 9
    assert {group.label.split()[0] for group in thirds} >= {"up", "above"}


def test_what_all_cases_share_is_no_group_and_what_has_no_figure_none_either(cases) -> None:
    one_class = CaseSet(cases.file, [replace(case, class_name="cat") for case in cases.cases])
    rows = [Row("ours", case.id, 0, "edit", "", "", "", 0.0, {"text": 0.5}) for case in one_class.cases]
    assert "class" not in {group.by for group in groups_of(one_class, rows, "text")}
    assert groups_of(one_class, rows, "seam") == []
