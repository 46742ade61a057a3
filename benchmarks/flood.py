"""Visitors of the page who all ask at once, and again, and do not wait to be asked."""

import socket
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

import httpx

from benchmarks.reliability import RESULT, write
from benchmarks.statistics import table
from dreaminpainter.app.examples import examples_for
from dreaminpainter.app.server import WAITING, Server
from dreaminpainter.checkpoints import load_pipeline

HEAD = ["requests", "filled", "refused, since the queue was full", "neither", "seconds", "fill afterwards"]


class Visitor:
    """Speaks to the server as any program could, without Gradio's client and its manners.

    Args:
        url: of the page.
        settings: prompt, K, steps, guidance, reference scale and seed of every fill.
    """

    def __init__(self, url: str, settings: list[str | int]) -> None:
        self.url, self.settings = f"{url}gradio_api/", settings
        self.http = httpx.Client(trust_env=False, timeout=600)

    def upload(self, path: str) -> str:
        """The path that the server gave to a file."""
        answer = self.http.post(f"{self.url}upload", files={"files": Path(path).read_bytes()})
        (kept,) = answer.raise_for_status().json()
        return str(kept)

    def ask(self, *paths: str) -> httpx.Response:
        """Asks for a fill of pictures at these paths of the server."""
        files = [{"path": path, "meta": {"_type": "gradio.FileData"}} for path in paths]
        return self.http.post(f"{self.url}call/fill", json={"data": [*files, *self.settings, None]})

    def answer(self, asked: httpx.Response) -> str:
        """The events that lead to a fill, and end with "complete" or "error"."""
        return self.http.get(f"{self.url}call/fill/{asked.json()['event_id']}").text


def flood(visitors: int = 8, requests: int = 50, model: str = "critters", output: str = RESULT) -> None:
    """Lets visitors ask the page for more fills than may wait, on the loopback, and counts what they get.

    Args:
        visitors: how many ask at the same time, each in a thread of its own.
        requests: how many fills each asks for, without waiting for one before it asks for the next.
        model: what fills.
        output: the Markdown file whose section is written.

    Raises:
        AssertionError: a request was neither filled nor refused, or the page fills no more afterwards.
    """
    pipeline = load_pipeline(model)
    with TemporaryDirectory() as folder, Server(pipeline, model, "127.0.0.1", _free_port()) as server:
        example = examples_for(pipeline)[0]
        files = {"scene": example.scene, "hole": example.hole, "subject": example.reference}
        paths = [str(Path(folder) / f"{name}.png") for name in files]
        for path, picture in zip(paths, files.values(), strict=True):
            picture.save(path)

        def visit(number: int) -> list[str]:
            visitor = Visitor(server.url, [example.prompt, 24, 4, 3, 1, number])
            uploaded = [visitor.upload(path) for path in paths]
            asked = [visitor.ask(*uploaded) for _ in range(requests)]
            return [_outcome(visitor, one) for one in asked]

        begun = monotonic()
        with ThreadPoolExecutor(visitors) as pool:
            counts = Counter(outcome for outcomes in pool.map(visit, range(visitors)) for outcome in outcomes)
        seconds = monotonic() - begun
        late = Visitor(server.url, [example.prompt, 24, 4, 3, 1, visitors])
        afterwards = _outcome(late, late.ask(*[late.upload(path) for path in paths]))
    total = visitors * requests
    neither = total - counts["filled"] - counts["refused"]
    rows = [[f"{total}", f"{counts['filled']}", f"{counts['refused']}", f"{neither}", f"{seconds:.0f}", afterwards]]
    assert neither == 0 and afterwards == "filled", f"{counts}, and afterwards: {afterwards}"
    write(
        "flood",
        [
            f"By `python -m benchmarks flood --visitors {visitors} --requests {requests} --model {model}`: each of "
            f"{visitors} visitors asks the page for {requests} fills of four steps without waiting for any; {WAITING} "
            "jobs may wait.",
            "",
            *table(HEAD, rows),
        ],
        output,
    )


def _outcome(visitor: Visitor, asked: httpx.Response) -> str:
    if asked.status_code != httpx.codes.OK:
        return "refused" if "full" in asked.text.lower() else f"an answer of {asked.status_code}"
    return "filled" if "event: complete" in visitor.answer(asked) else "an error"


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
