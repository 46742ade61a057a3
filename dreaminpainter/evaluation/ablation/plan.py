"""What a study varies, and what there is to run for it.

Example:
    >>> plan = Plan("How many tokens?", ["critters"], {"k": Axis("model.selector.init_args.k", [1, 24])}, seeds=[0, 1])
    >>> [cell.name for cell in plan.cells()]
    ['k=1,seed=0', 'k=1,seed=1', 'k=24,seed=0', 'k=24,seed=1']
"""

import itertools
import json
import re
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from dreaminpainter.components import described
from dreaminpainter.errors import SettingError

EVALUATION = "evaluation."
"""How settings begin that are of `evaluate` rather than of `fit`."""
_MEASURE = ("seeds", "metrics", "quality", "reliance")
"""Those of `evaluate` that all cells of a study share."""


@dataclass(frozen=True)
class Axis:
    """Something that is varied.

    Args:
        setting: the dotted setting of `fit`, as on its command line, such as "model.selector.init_args.k"; or one of
            `evaluate`, after "evaluation.". Null where each value sets several.
        values: the values, as a list; or by labels of your choice, which stand in the tables. Where `setting` is null,
            each value is a dict of dotted settings.

    Raises:
        SettingError: there is no value, two would have the same label, or one is no dict of settings although
            `setting` is null.
    """

    setting: str | None = None
    values: Any = field(default_factory=list)

    def __post_init__(self) -> None:
        # The command's parser makes components of some class paths before they are asked for.
        object.__setattr__(self, "values", described(self.values))
        if not isinstance(self.values, list | dict) or not self.values:
            raise SettingError(f"An axis has the values {self.values!r}. Give a list, or a dict of labels and values.")
        if self.setting is None and not all(isinstance(value, dict) for value in self.labelled().values()):
            raise SettingError("An axis without `setting` has a value that is no dict of dotted settings.")
        if isinstance(self.values, list) and len(self.labelled()) < len(self.values):
            raise SettingError(
                f"Two values of an axis would be called the same, of {', '.join(map(_label, self.values))}. Give a "
                "dict of labels and values."
            )

    def labelled(self) -> dict[str, Any]:
        """The values by their labels."""
        if isinstance(self.values, dict):
            return {str(label): value for label, value in self.values.items()}
        return {_label(value): value for value in self.values}

    def settings(self, label: str) -> dict[str, Any]:
        """The dotted settings that a value stands for."""
        value = self.labelled()[label]
        return dict(value) if self.setting is None else {self.setting: value}


@dataclass(frozen=True)
class Cell:
    """One combination of values with one seed: one training, and one evaluation of it.

    Args:
        labels: of each axis.
        seed: of the training.
        fit: dotted settings of `fit`.
        evaluation: dotted settings of `evaluate`.
    """

    labels: dict[str, str]
    seed: int
    fit: dict[str, Any]
    evaluation: dict[str, Any]

    @property
    def name(self) -> str:
        """As its folder is called."""
        told = [f"{axis}={label}" for axis, label in self.labels.items()] + [f"seed={self.seed}"]
        return _file_name(",".join(told))

    @property
    def training(self) -> str:
        """What its training's folder is called; cells that are trained alike share one."""
        digest = blake2b(json.dumps(self.fit, sort_keys=True).encode(), digest_size=5).hexdigest()
        return f"seed={self.seed}-{digest}"


@dataclass(frozen=True)
class Plan:
    """A study.

    Args:
        question: what it answers, in words.
        fit: configs of `fit`, layered; none where a model is evaluated as it is.
        axes: what is varied, by names of your choice; all combinations are run. None is allowed.
        seeds: of trainings; each combination is trained once a seed.
        settings: dotted settings of `fit` for all trainings.
        evaluation: settings of `evaluate`, nested as in its configs, for all cells; where its methods are not among
            them, the trained model alone is measured.
        figures: which figures of the evaluation the plots and the words tell of; beside those of its metrics
            "seconds" and "GFLOP" of a fill.
        method: the method among the evaluation's that is the trained model.

    Raises:
        SettingError: no seed or figure, `method` is not among the evaluation's methods, or an axis varies how fills are
            measured.
    """

    question: str
    fit: list[str] = field(default_factory=list)
    axes: dict[str, Axis] = field(default_factory=dict)
    seeds: list[int] = field(default_factory=lambda: [0])
    settings: dict[str, Any] = field(default_factory=dict)
    evaluation: dict[str, Any] = field(default_factory=dict)
    figures: list[str] = field(default_factory=lambda: ["reference", "text", "both", "outline copy"])
    method: str = "ours"

    def __post_init__(self) -> None:
        for name in ("settings", "evaluation"):
            object.__setattr__(self, name, described(getattr(self, name)))
        if not self.seeds or not self.figures:
            raise SettingError("A study needs at least one of `seeds` and one of `figures`.")
        methods = self.evaluation.get("methods")
        if methods is not None and self.method not in methods:
            raise SettingError(f"The evaluation's methods are {', '.join(methods)}; `method` is {self.method!r}, none.")
        varied = {name for axis in self.axes.values() for label in axis.labelled() for name in axis.settings(label)}
        apart = sorted(name for name in varied if name.startswith(tuple(f"{EVALUATION}{part}" for part in _MEASURE)))
        if apart:
            raise SettingError(
                f"An axis varies {apart[0]}, which decides how fills are measured: figures of two such cells do not "
                "compare. Make a study of each."
            )

    def evaluation_of(self, cell: "Cell", checkpoint: str) -> dict[str, Any]:
        """The settings of a cell's evaluation; "{checkpoint}" in them is its model."""
        trained = {self.method: {"class_path": "Ours", "init_args": {"model": "{checkpoint}"}}}
        told = json.dumps(nested(cell.evaluation, under={"methods": trained} | self.evaluation))
        settings: dict[str, Any] = json.loads(told.replace("{checkpoint}", json.dumps(checkpoint)[1:-1]))
        return settings

    def cells(self) -> list[Cell]:
        """All combinations, the first axis slowest."""
        found = []
        for labels in itertools.product(*(axis.labelled() for axis in self.axes.values())):
            chosen = dict(zip(self.axes, labels, strict=True))
            varied: dict[str, Any] = {}
            for name, label in chosen.items():
                varied |= self.axes[name].settings(label)
            evaluation = {k.removeprefix(EVALUATION): v for k, v in varied.items() if k.startswith(EVALUATION)}
            fit = self.settings | {k: v for k, v in varied.items() if not k.startswith(EVALUATION)}
            found += [Cell(chosen, seed, fit, evaluation) for seed in self.seeds]
        names = [cell.name for cell in found]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise SettingError(f"Two cells are called {twice!r}. Give the values labels that differ.")
        return found

    def trainings(self) -> dict[str, list[Cell]]:
        """The cells by their training, which can be run independently of each other."""
        found: dict[str, list[Cell]] = {}
        for cell in self.cells():
            found.setdefault(cell.training, []).append(cell)
        return found


def nested(dotted: dict[str, Any], under: dict[str, Any] | None = None) -> dict[str, Any]:
    """Dotted settings as a config has them, laid over another.

    Example:
        >>> nested({"a.b": 1, "a.c": 2}, under={"a": {"b": 0}, "d": 3})
        {'a': {'b': 1, 'c': 2}, 'd': 3}
    """
    made: dict[str, Any] = json.loads(json.dumps(under or {}))
    for name, value in dotted.items():
        *path, last = name.split(".")
        place = made
        for part in path:
            if not isinstance(place.get(part), dict):
                place[part] = {}
            place = place[part]
        place[last] = value
    return made


def _label(value: Any) -> str:
    if isinstance(value, dict) and "class_path" in value:
        return str(value["class_path"]).rpartition(".")[2]
    return str(value)


def _file_name(name: str) -> str:
    plain = re.sub(r"[^\w.,=+\- ]", "-", name)
    if plain == name and len(name) <= 120:
        return name
    return f"{plain[:100]}-{blake2b(name.encode(), digest_size=4).hexdigest()}"
