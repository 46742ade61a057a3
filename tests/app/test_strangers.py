"""The page asked for what it should not give, and by more than it can serve."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from dreaminpainter.app.server import WAITING

pytestmark = pytest.mark.xdist_group("page")
SETTINGS = ["a critter waves", 24, 3, 1, 1, 3]


class Visitor:
    """Speaks to the server as any program could, without Gradio's client and its manners."""

    def __init__(self, url: str) -> None:
        self.url = f"{url}gradio_api/"
        self.http = httpx.Client(trust_env=False, timeout=120)

    def upload(self, path: str) -> str:
        """The path that the server gave to a file."""
        answer = self.http.post(f"{self.url}upload", files={"files": Path(path).read_bytes()})
        (kept,) = answer.raise_for_status().json()
        return str(kept)

    def ask(self, *paths: str) -> httpx.Response:
        """Asks for a fill of pictures at these paths of the server."""
        files = [{"path": path, "meta": {"_type": "gradio.FileData"}} for path in paths]
        return self.http.post(f"{self.url}call/fill", json={"data": [*files, *SETTINGS, None]})

    def answer(self, asked: httpx.Response) -> str:
        """The events that lead to a fill, and end with "complete" or "error"."""
        return self.http.get(f"{self.url}call/fill/{asked.json()['event_id']}").text


@pytest.fixture
def visitor(server: Any) -> Iterator[Visitor]:
    visitor = Visitor(server.url)
    yield visitor
    visitor.http.close()


@pytest.mark.parametrize(
    "name",
    [
        "{secret}",
        "{own}/../secret.txt",
        "{own}/..%2Fsecret.txt",
        "/etc/passwd",
        "../../../../../../etc/passwd",
        "http://127.0.0.1:1/secret.txt",
    ],
)
def test_no_file_outside_of_the_pages_own_is_handed_out(server, visitor, tmp_path: Path, name: str) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("a secret")
    path = name.format(secret=secret, own=server._folder.name)
    for route in ("gradio_api/file=", "file=", "gradio_api/file/", "static/", "assets/"):
        answer = visitor.http.get(f"{server.url}{route}{path}")
        assert answer.status_code >= 400 and "a secret" not in answer.text and "root:" not in answer.text


def test_a_file_of_the_server_is_not_taken_as_an_upload(visitor, files) -> None:
    uploaded = [visitor.upload(path) for path in files.values()]
    assert "event: complete" in visitor.answer(visitor.ask(*uploaded))
    asked = visitor.ask(files["image"], *uploaded[1:])
    assert asked.status_code >= 400 or "event: error" in visitor.answer(asked)


@pytest.mark.slow
def test_a_flood_is_queued_or_refused_and_the_page_still_works(visitor, files) -> None:
    uploaded = [visitor.upload(path) for path in files.values()]
    asked = [visitor.ask(*uploaded) for _ in range(2 * WAITING)]
    taken = [one for one in asked if one.status_code == 200]
    refused = [one for one in asked if one.status_code != 200]
    assert len(taken) >= WAITING, "all that may wait did"
    assert refused and all("full" in one.text.lower() for one in refused)
    assert all("event: complete" in visitor.answer(one) for one in taken)
    assert "event: complete" in visitor.answer(visitor.ask(*uploaded))
