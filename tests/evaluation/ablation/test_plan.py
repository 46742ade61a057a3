"""What a study runs."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dreaminpainter.errors import SettingError
from dreaminpainter.evaluation.ablation.plan import Axis, Plan, nested

names = st.text("abc", min_size=1, max_size=3)


@given(
    sizes=st.lists(st.integers(1, 4), max_size=3),
    seeds=st.lists(st.integers(0, 9), min_size=1, max_size=3, unique=True),
)
def test_every_combination_is_run_once_a_seed(sizes, seeds) -> None:
    axes = {f"axis{place}": Axis(f"model.x{place}", list(range(size))) for place, size in enumerate(sizes)}
    cells = Plan("?", axes=axes, seeds=seeds).cells()
    found = {(tuple(cell.fit[f"model.x{place}"] for place in range(len(sizes))), cell.seed) for cell in cells}
    count = len(seeds)
    for size in sizes:
        count *= size
    assert len(cells) == len(found) == count
    assert len({cell.name for cell in cells}) == count


def test_cells_that_differ_in_the_evaluation_alone_share_a_training() -> None:
    axes = {
        "k": Axis("model.selector.init_args.k", [4, 8]),
        "steps": Axis("evaluation.methods.ours.init_args.num_inference_steps", [2, 10]),
    }
    plan = Plan("?", fit=["critters"], axes=axes, seeds=[0, 1])
    trainings = plan.trainings()
    assert len(plan.cells()) == 8 and len(trainings) == 4
    for cells in trainings.values():
        assert len({json.dumps(cell.fit) for cell in cells}) == 1
        assert {cell.evaluation["methods.ours.init_args.num_inference_steps"] for cell in cells} == {2, 10}
    told = plan.evaluation_of(plan.cells()[1], "runs/last.ckpt")
    assert told == {
        "methods": {"ours": {"class_path": "Ours", "init_args": {"model": "runs/last.ckpt", "num_inference_steps": 2}}}
    }


def test_a_checkpoint_of_any_name_is_named() -> None:
    plan = Plan("?", fit=["critters"])
    path = 'C:\\runs\\"my" runs\\last.ckpt'
    assert plan.evaluation_of(plan.cells()[0], path)["methods"]["ours"]["init_args"]["model"] == path


def test_a_value_may_set_several_things() -> None:
    plan = Plan("?", axes={"loss": Axis(None, {"picture": {"a.b": 1, "c": 2}})}, settings={"a.b": 0, "d": 3})
    (cell,) = plan.cells()
    assert cell.fit == {"a.b": 1, "c": 2, "d": 3}
    assert nested(cell.fit) == {"a": {"b": 1}, "c": 2, "d": 3}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Axis("a", []), r"An axis has the values \[\]. Give a list"),
        (lambda: Axis(None, [1]), "An axis without `setting` has a value that is no dict"),
        (lambda: Axis("a", [{"class_path": "x.C", "init_args": {"k": k}} for k in (1, 2)]), "called the same, of C, C"),
        (lambda: Axis("a", [1, "1"]), "called the same, of 1, 1"),
        (lambda: Plan("?", evaluation={"methods": {"mine": {}}}), "methods are mine; `method` is 'ours'"),
        (lambda: Plan("?", seeds=[]), "A study needs at least one of `seeds`"),
        (lambda: Plan("?", axes={"n": Axis("evaluation.seeds", [1, 2])}), "varies evaluation.seeds, which decides how"),
        (
            lambda: Plan("?", axes={"a": Axis("a", ["x", "x "])}, seeds=[0, 0]).cells(),
            "Two cells are called 'a=x,seed=0'",
        ),
    ],
)
def test_what_cannot_be_run_is_refused(make, message) -> None:
    with pytest.raises(SettingError, match=message):
        make()


@given(text=st.text(min_size=1, max_size=200))
def test_every_label_makes_a_folder_of_its_own(text) -> None:
    cells = Plan("?", axes={"a": Axis("a", {text: 1, f"{text}!": 2})}).cells()
    names = [cell.name for cell in cells]
    assert len(set(names)) == 2
    assert all("/" not in name and "\0" not in name and 0 < len(name.encode()) < 250 for name in names)
