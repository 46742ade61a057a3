"""Pictures of the web page for the documentation, as it looks in a real browser on a desk and on a phone."""

from io import BytesIO
from pathlib import Path

from PIL import Image

from benchmarks.visits import Visit, browsing
from dreaminpainter.app.server import Server
from dreaminpainter.checkpoints import load_pipeline

FOLDER = "docs/images"
LEVELS = 51


def pages(model: str = "critters", output: str = FOLDER, port: int = 7961) -> None:
    """Makes serve-1440.png and serve-390.png: the first example, filled as the page opens it.

    Args:
        model: checkpoint, folder or packaged name.
        output: folder of the pictures.
        port: where the page is served meanwhile.
    """
    sizes = {"serve-1440": (1440, 900), "serve-390": (390, 844)}
    with Server(load_pipeline(model), model, "127.0.0.1", port) as server, browsing() as browser:
        for name, size in sizes.items():
            with Visit(browser, server.url, size) as visit:
                visit.fill()
                visit.wait_for("Filled")
                visit.page.wait_for_timeout(1500)
                shot = Image.open(BytesIO(visit.page.screenshot(full_page=True)))
                # Fewer levels than an eye tells apart make the file smaller by a third; white stays white.
                levels = [round(round(level / 255 * LEVELS) * 255 / LEVELS) for level in range(256)]
                shot.convert("RGB").point(levels * 3).save(Path(output) / f"{name}.png", optimize=True)
