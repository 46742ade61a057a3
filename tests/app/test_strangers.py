"""The page asked for what it should not give, and by more than it can serve."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.flood import Visitor
from dreaminpainter.app.server import WAITING

pytestmark = pytest.mark.xdist_group("page")
SETTINGS: list[str | int] = ["a critter waves", 24, 3, 1, 1, 3]


@pytest.fixture
def visitor(server: Any) -> Iterator[Visitor]:
    visitor = Visitor(server.url, SETTINGS)
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
