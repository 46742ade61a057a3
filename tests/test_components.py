import pytest

from dreaminpainter.components import Component, describe, make
from dreaminpainter.errors import SettingError
from dreaminpainter.regularization import Constant, DecouplingRegularizer, Regularizer, Schedule


class Leaf(Component):
    def __init__(self, value: float = 1.0, name: str | None = None) -> None:
        self.value = value
        self.name = name


class Tree(Component):
    def __init__(self, left: Component, others: list[Component], named: dict[str, Component]) -> None:
        self.left = left
        self.others = others
        self.named = named


class Forgetful(Component):
    def __init__(self, value: float) -> None:
        self.other_name = value


def test_a_component_is_made_again_from_its_description():
    made = make(describe(Leaf(2.5, name="leaf")), Leaf)
    assert (made.value, made.name) == (2.5, "leaf")


def test_a_description_is_plain_data():
    spec = describe(Tree(Leaf(), [Leaf(2.0)], {"a": Leaf(3.0)}))
    leaf = describe(Leaf())["class_path"]
    assert spec["init_args"]["left"] == {"class_path": leaf, "init_args": {"value": 1.0, "name": None}}
    assert spec["init_args"]["others"][0]["init_args"]["value"] == 2.0


def test_nested_components_are_made_again():
    made = make(describe(Tree(Tree(Leaf(1.0), [], {}), [Leaf(2.0), Leaf(3.0)], {"a": Leaf(4.0)})), Tree)
    assert isinstance(made.left, Tree) and made.left.left.value == 1.0
    assert [leaf.value for leaf in made.others] == [2.0, 3.0]
    assert made.named["a"].value == 4.0


def test_a_component_given_none_is_described_with_what_it_built():
    spec = describe(DecouplingRegularizer())
    assert spec["init_args"]["probability"]["init_args"] == {"value": 0.2}
    assert make(spec, Regularizer).strength(0) == 0.2


def test_arguments_left_out_of_a_description_take_their_defaults():
    assert make({"class_path": describe(Leaf())["class_path"]}, Leaf).value == 1.0


def test_a_component_of_another_kind_is_refused():
    with pytest.raises(SettingError, match=r"Constant' is no Regularizer"):
        make(describe(Constant(1.0)), Regularizer)


@pytest.mark.parametrize("path", ["subprocess.Popen", "os.path.join", "builtins.dict"])
def test_what_is_no_component_is_never_made(path):
    with pytest.raises(SettingError, match="cannot be used as one"):
        make({"class_path": path, "init_args": {}}, Component)


def test_what_is_no_component_is_never_made_inside_another_either():
    spec = describe(DecouplingRegularizer())
    spec["init_args"]["probability"] = {"class_path": "subprocess.Popen", "init_args": {"args": ["true"]}}
    with pytest.raises(SettingError, match="Popen' is no Component"):
        make(spec, Regularizer)


@pytest.mark.parametrize("path", ["no_such_package.Thing", "dreaminpainter.regularization.NoSuchThing", "Thing", ""])
def test_a_class_that_cannot_be_imported_is_refused_with_the_fix(path):
    with pytest.raises(SettingError, match=r"cannot be imported .*Install the package"):
        make({"class_path": path, "init_args": {}}, Schedule)


def test_an_argument_that_is_not_kept_is_refused_with_the_fix():
    with pytest.raises(SettingError, match=r"Forgetful does not keep.*Add `self.value = value`"):
        describe(Forgetful(1.0))
