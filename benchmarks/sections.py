"""Pages of measurements whose sections are made anew one by one."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path

from benchmarks.timing import machine


def write_sections(
    path: Path,
    head: str,
    titles: Mapping[str, str],
    sections: Mapping[str, Callable[[], Sequence[str]]],
    only: Sequence[str] | None,
) -> None:
    """Makes sections and writes each as soon as it is there; prints the page.

    Args:
        path: the Markdown file; its other sections stay as they are.
        head: what the page begins with.
        titles: of all sections, in the order of the page.
        sections: what makes the lines of each.
        only: the ones to make; all where left out.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    for name in only or sections:
        text = "\n".join([f"Measured on {date.today()} on {machine()}.", "", *sections[name]()]).strip()
        page = path.read_text(encoding="utf-8") if path.exists() else ""
        path.write_text(with_section(page, head, titles, name, text), encoding="utf-8")
    print(path.read_text(encoding="utf-8"))


def with_section(page: str, head: str, titles: Mapping[str, str], name: str, text: str) -> str:
    """The page with this text in a section, the other sections as they were.

    Example:
        >>> titles = {"one": "First", "two": "Second"}
        >>> page = with_section(with_section("", "# Page", titles, "two", "old"), "# Page", titles, "one", "seconds")
        >>> with_section(page, "# Page", titles, "two", "new")
        '# Page\\n\\n## First\\n\\nseconds\\n\\n## Second\\n\\nnew\\n'
    """
    parts = [part.partition("\n\n") for part in page.split("\n## ")[1:]]
    texts = {title: body.strip() for title, _, body in parts} | {titles[name]: text}
    kept = [f"## {title}\n\n{texts[title]}" for title in titles.values() if title in texts]
    return "\n\n".join([head, *kept]) + "\n"
