"""The report as one HTML file that needs nothing else: no network, no scripts, pictures inside."""

from pathlib import Path

from jinja2 import Environment, StrictUndefined

from dreaminpainter.data.doctor.findings import LEVELS
from dreaminpainter.data.doctor.report import Report
from dreaminpainter.data.doctor.sheet import Row

_TEMPLATE = Path(__file__).with_name("report.html")
_MOST_CLASSES = 24


def page(report: Report, sheet: dict[str, list[Row]]) -> str:
    """The page as text. Whatever came from the data is escaped.

    Args:
        report: verdict, findings and counts.
        sheet: rows of the contact sheet, by the label of their source.
    """
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))
    bars = {
        part.label: {
            "objects by class": _commonest(part.classes),
            "objects by share of their picture": part.areas,
            "holes by share of their scene": part.holes,
        }
        for part in report.parts
    }
    return template.render(report=report, sheet=sheet, bars=bars, levels=LEVELS)


def _commonest(classes: dict[str, int]) -> dict[str, int]:
    names = list(classes)
    rest = names[_MOST_CLASSES:]
    shown = {name: classes[name] for name in names[:_MOST_CLASSES]}
    return shown | ({f"{len(rest)} more classes": sum(classes[name] for name in rest)} if rest else {})
