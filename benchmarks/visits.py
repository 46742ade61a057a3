"""A real browser, where there is one, and what a visitor does with the page."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from dreaminpainter.errors import MissingFileError

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = ("--headless=new", "--no-sandbox", "--disable-background-networking")


def browser_path() -> str | None:
    """Where a browser is installed; None where there is none."""
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


@contextmanager
def browsing() -> Iterator[Any]:
    """A browser with a fresh profile.

    Raises:
        MissingFileError: none is installed.
    """
    from playwright.sync_api import sync_playwright

    path = browser_path()
    if path is None:
        raise MissingFileError(f"There is no browser here. Install one of {', '.join(BROWSERS)}.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*FLAGS])
        try:
            yield browser
        finally:
            browser.close()


class Visit:
    """A visitor on the page, with cookies and storage of their own.

    Args:
        browser: what it is looked at with.
        url: of the page.
        size: (width, height) of the window.
        dark: whether the visitor likes it dark.
    """

    def __init__(self, browser: Any, url: str, size: tuple[int, int] = (1200, 900), dark: bool = False) -> None:
        self.hosts: set[str] = set()
        self._context = browser.new_context(
            viewport={"width": size[0], "height": size[1]}, color_scheme="dark" if dark else "light"
        )
        self.page = self._context.new_page()
        self.page.on("request", lambda request: self.hosts.add(urlparse(request.url).hostname or "within the page"))
        self.page.goto(url)
        # The first example is there, and its paint can be drawn on.
        self.page.wait_for_function("document.querySelector('#prompt textarea')?.value")
        self.page.wait_for_selector("#reference canvas")
        self.page.wait_for_timeout(500)

    def __enter__(self) -> "Visit":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Leaves the page."""
        self._context.close()

    def upload(self, editor: str, path: Path | str) -> None:
        """Puts a file in place of what is in an editor."""
        self.page.locator(editor).get_by_label("Clear canvas").click()
        self.page.locator(f"{editor} input[type=file]").first.set_input_files(path)
        self.page.wait_for_timeout(500)

    def paint(self, editor: str, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Draws a line between places that are counted in pixels from the middle of the editor."""
        self.page.locator(editor).get_by_label("Brush", exact=True).first.click()
        canvas = self.page.locator(f"{editor} canvas").first
        canvas.scroll_into_view_if_needed()
        box = canvas.bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        self.page.mouse.move(x + start[0], y + start[1])
        self.page.mouse.down()
        self.page.mouse.move(x + end[0], y + end[1], steps=4)
        self.page.mouse.up()
        self.page.wait_for_timeout(300)

    def steps(self, count: int) -> None:
        """Asks for so many denoising steps."""
        field = self.page.get_by_label("number input for Steps")
        if not field.is_visible():
            self.page.locator("#settings button").first.click()
        slider = self.page.get_by_label("range slider for Steps")
        # What is typed while the settings still unfold can be lost.
        for _ in range(10):
            field.fill(str(count))
            field.press("Tab")
            self.page.wait_for_timeout(200)
            if slider.input_value() == str(count):
                return
        raise TimeoutError(f"The page does not take {count} steps.")

    def fill(self) -> None:
        """Presses the button."""
        self.page.click("#fill")

    def wait_for(self, text: str) -> None:
        """Until the status says so."""
        self.page.wait_for_function(
            "text => document.querySelector('#status').innerText.includes(text)", arg=text, timeout=90_000
        )

    def download(self, button: str, folder: Path) -> Path:
        """The file that a download button in the history gives."""
        self.page.get_by_role("tab", name="History").click()
        with self.page.expect_download() as found:
            self.page.click(button)
        path = folder / found.value.suggested_filename
        found.value.save_as(path)
        return path

    def too_wide(self) -> list[str]:
        """What reaches beyond the window's right edge, where one would have to scroll or could not see it."""
        found: list[str] = self.page.evaluate(
            """() => [...document.querySelectorAll("body *")]
                .filter((element) => element.checkVisibility() && element.getBoundingClientRect().width > 0)
                .filter((element) => element.getBoundingClientRect().right > window.innerWidth + 1)
                .map((element) => `${element.tagName}.${element.className}`)"""
        )
        return found
