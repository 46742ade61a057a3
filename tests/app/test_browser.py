"""The page in a real browser, as visitors use it."""

import json
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from inpainting import noise
from PIL import Image

pytest.importorskip("playwright", reason="playwright is not installed")
from benchmarks.visits import Visit, browser_path, browsing

pytestmark = [
    pytest.mark.skipif(browser_path() is None, reason="no browser: install chromium to look at the page"),
    pytest.mark.xdist_group("page"),
]


CONTRAST = Path(__file__).with_name("contrast.js").read_text()


@pytest.fixture(scope="module")
def browser():
    with browsing() as browser:
        yield browser


def test_ones_own_picture_is_uploaded_painted_and_filled(browser, server, tmp_path) -> None:
    noise((128, 96)).save(tmp_path / "scene.png")
    noise((40, 50), seed=1).save(tmp_path / "subject.png")
    scene = np.asarray(noise((128, 96)))
    with Visit(browser, server.url) as visit:
        visit.upload("#scene", tmp_path / "scene.png")
        visit.upload("#reference", tmp_path / "subject.png")
        visit.paint("#scene", (-60, -40), (60, 40))
        visit.page.locator("#prompt textarea").fill("a critter waves zealously")
        visit.steps(5)
        visit.fill()
        visit.wait_for("Filled")
        assert "zealously" in visit.page.inner_text("#status")
        visit.page.locator("#tokens img").wait_for()
        assert "reference" in visit.page.inner_text("#shares")
        visit.page.wait_for_function("document.querySelectorAll('#result img').length == 2")
        settings = json.loads(visit.download("#json", tmp_path).read_text())
        assert settings["prompt"] == "a critter waves zealously"
        assert settings["num_inference_steps"] == 5
        # A stroke in the middle was filled; every other pixel came through browser and server as it was in the file.
        stroke = (np.asarray(Image.open(visit.download("#png", tmp_path))) != scene).any(2)
        rows, columns = stroke.any(1).nonzero()[0], stroke.any(0).nonzero()[0]
        assert 0.02 < stroke.mean() < 0.5
        assert rows.min() > 2 and rows.max() < 93 and columns.min() > 8 and columns.max() < 119

        visit.page.click("#box")
        visit.page.wait_for_timeout(1000)
        visit.fill()
        visit.page.wait_for_function("document.querySelectorAll('#history img').length == 2", timeout=90_000)
        box = (np.asarray(Image.open(visit.download("#png", tmp_path))) != scene).any(2)
        expected = np.zeros_like(stroke)
        expected[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1] = True
        assert (box != expected).mean() < 0.01


def test_a_wrong_file_is_answered_and_a_stopped_job_stops_computing(browser, server, tmp_path) -> None:
    (tmp_path / "wrong.png").write_text("no picture")
    with Visit(browser, server.url) as visit:
        visit.upload("#scene", tmp_path / "wrong.png")
        visit.fill()
        visit.wait_for("did not work")
        assert "There is no scene" in visit.page.locator(".toast-body").first.inner_text()

        visit.page.locator("#examples button").nth(1).click()
        visit.page.wait_for_timeout(1000)
        visit.steps(200)
        with stopped_before_its_end(server):
            visit.fill()
            visit.wait_for("Filling")
            visit.page.click("#stop")
            visit.wait_for("Stopped")
        visit.page.wait_for_timeout(500)
        assert "Stopped" in visit.page.inner_text("#status")


def test_two_visitors_at_once_are_served_one_after_the_other(browser, server, tmp_path) -> None:
    with Visit(browser, server.url) as first:
        with Visit(browser, server.url) as second:
            first.steps(30)
            second.steps(3)
            first.fill()
            first.wait_for("Filling")
            second.fill()
            for visit, steps in ((first, 30), (second, 3)):
                visit.wait_for("Filled")
                assert json.loads(visit.download("#json", tmp_path).read_text())["num_inference_steps"] == steps
                visit.page.locator("#history img").first.wait_for()
                assert visit.page.locator("#history img").count() == 1, "each has a history of their own"
        # Who leaves has their job stopped.
        first.steps(200)
        with stopped_before_its_end(server):
            first.fill()
            first.wait_for("Filling")
            first.close()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_it_fits_a_phone_can_be_read_and_asks_nobody_else(browser, server, called_by_server, dark) -> None:
    with Visit(browser, server.url, size=(390, 844), dark=dark) as visit:
        assert visit.too_wide() == []
        visit.steps(2)
        visit.fill()
        visit.wait_for("Filled")
        worst = visit.page.evaluate(CONTRAST)
        assert worst["ratio"] >= 3, worst
        visit.page.get_by_role("tab", name="History").click()
        visit.page.wait_for_timeout(100)
        assert visit.too_wide() == []
        visit.page.get_by_role("tab", name="Over K").click()
        visit.page.click("#compare")
        visit.wait_for("Compared")
        shown = visit.page.locator("#strip .caption-label").all_inner_texts()
        assert [text.strip() for text in shown] == ["K = 1", "K = 4", "K = 8", "K = 16", "K = 24, as trained", "K = 48"]
        assert visit.too_wide() == []
        assert visit.hosts <= {"127.0.0.1", "within the page"}
    assert set(called_by_server) <= {"127.0.0.1", "localhost", "::1", "a socket file"}


@contextmanager
def stopped_before_its_end(server):
    """Within it a fill of 200 steps is begun and given up; afterwards nothing computes, and not all of it was made."""
    made = []
    hook = server.studio.pipeline.network.register_forward_hook(lambda *_: made.append(1))
    try:
        yield
        deadline = time.monotonic() + 60
        while server.studio.is_busy and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not server.studio.is_busy
        assert 0 < len(made) < 200
    finally:
        hook.remove()
