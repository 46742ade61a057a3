"""What the doctor says: counts and findings, as JSON and as a page.

Example:
    >>> report = Report(["configs/critters.yaml"], [Finding("note", "epoch", "train/few comes 12 times an epoch.")])
    >>> report.verdict
    'Nothing is wrong with this data.'
    >>> Report.from_json(report.to_json()) == report
    True
"""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from importlib.metadata import version

from dreaminpainter import __version__
from dreaminpainter.data.doctor.checks import findings_of
from dreaminpainter.data.doctor.examination import Examination, Part
from dreaminpainter.data.doctor.findings import Finding
from dreaminpainter.data.sources.base import reasons
from dreaminpainter.errors import InputError

_EDGES = (0, 1, 2, 5, 10, 20, 30, 50, 70, 90, 100)
"""Of the histograms of shares, in per cent."""

_LIBRARIES = ("torch", "pillow", "pycocotools", "datasets")


@dataclass(frozen=True)
class Summary:
    """Counts of one source in one split.

    Args:
        split: train, validation or test.
        name: what the data module calls the source.
        kind: the source's class.
        objects: how many objects it has.
        opened: how many of them were opened; the histograms are made of these.
        left_out: how many objects of its data were left out, by reason.
        classes: objects by class, the commonest first.
        areas: objects by the share of their picture that they cover, such as {"2-5 %": 7}.
        holes: samples by the share of the scene that their hole covers, likewise.
        samples_per_epoch: how many samples of it an epoch of training has, on average; None outside of training.
        pictures_compared: of how many objects the picture was compared with those of other sources.
    """

    split: str
    name: str
    kind: str
    objects: int
    opened: int
    left_out: dict[str, int]
    classes: dict[str, int]
    areas: dict[str, int]
    holes: dict[str, int]
    samples_per_epoch: float | None
    pictures_compared: int

    @property
    def label(self) -> str:
        """SPLIT/NAME."""
        return f"{self.split}/{self.name}"


@dataclass(frozen=True)
class Report:
    """The outcome of an examination.

    Args:
        subject: what was examined: configs or folders.
        findings: the worst first.
        parts: counts of each source of each split.
        versions: of this package and of the libraries that read the data.
    """

    subject: list[str]
    findings: list[Finding]
    parts: list[Summary] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)

    @property
    def counts(self) -> Counter[str]:
        """How many findings of each level there are."""
        return Counter(finding.level for finding in self.findings)

    @property
    def has_errors(self) -> bool:
        """Whether training should not be started."""
        return self.counts["error"] > 0

    @property
    def verdict(self) -> str:
        """One sentence."""
        errors, warnings = (_counted(self.counts[level], level) for level in ("error", "warning"))
        if self.has_errors:
            return f"Do not train on this data yet: {errors}, {warnings}."
        return (
            f"Nothing is broken, but look at {warnings}."
            if self.counts["warning"]
            else "Nothing is wrong with this data."
        )

    def to_json(self) -> str:
        """Machine-readable, verdict first."""
        return json.dumps({"verdict": self.verdict, **asdict(self)}, indent=2, ensure_ascii=False)

    @staticmethod
    def from_json(text: str) -> "Report":
        """The report that `to_json` wrote.

        Raises:
            InputError: the text is no such report.
        """
        try:
            data = json.loads(text)
            return Report(
                data["subject"],
                [Finding(**finding) for finding in data["findings"]],
                [Summary(**part) for part in data["parts"]],
                data["versions"],
            )
        except (ValueError, TypeError, KeyError) as error:
            raise InputError(
                f"This is no report of the doctor ({type(error).__name__}: {error}). Make it anew."
            ) from error


def report_on(examination: Examination, subject: list[str]) -> Report:
    """Runs all checks and counts.

    Args:
        examination: what was looked at.
        subject: what it is called: configs or folders.
    """
    epoch = {} if examination.epoch is None else examination.epoch.samples
    return Report(
        subject,
        findings_of(examination),
        [_summary(part, epoch.get(part.name) if part.split == "train" else None) for part in examination.parts],
        {"dreaminpainter": __version__, **{name: version(name) for name in _LIBRARIES}},
    )


def histogram(percentages: Iterable[float]) -> dict[str, int]:
    """How many values lie between the edges that areas are told by.

    Example:
        >>> {bin: count for bin, count in histogram([3, 4.5, 100]).items() if count}
        {'2-5 %': 2, '90-100 %': 1}
    """
    counts = Counter(sum(value >= edge for edge in _EDGES[1:-1]) for value in percentages)
    return {f"{_EDGES[place]}-{_EDGES[place + 1]} %": counts[place] for place in range(len(_EDGES) - 1)}


def _summary(part: Part, samples_per_epoch: float | None) -> Summary:
    facts = [one for _, one in part.facts]
    return Summary(
        split=part.split,
        name=part.name,
        kind=part.kind,
        objects=part.size,
        opened=len(part.opened),
        left_out=reasons(part.left_out),
        classes=dict(Counter(one.class_name for one in facts).most_common()),
        areas=histogram(100 * one.area for one in facts),
        holes=histogram(100 * one.hole for one in facts if one.hole is not None),
        samples_per_epoch=samples_per_epoch,
        pictures_compared=len(facts) if part.contents is None else part.size,
    )


def _counted(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"
