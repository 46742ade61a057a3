"""The page called by a program."""

import time
from pathlib import Path

import numpy as np
import pytest
import torch
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from dreaminpainter.app import answers
from dreaminpainter.app.server import WAITING
from dreaminpainter.pictures import open_reference

pytestmark = pytest.mark.xdist_group("page")
SETTINGS = {
    "prompt": "a critter waves",
    "k": 24,
    "guidance_scale": 3,
    "reference_scale": 1,
    "num_inference_steps": 4,
    "seed": 3,
}


@pytest.fixture(scope="module")
def client(server) -> Client:
    return Client(server.url, verbose=False)


def asked(files: dict[str, str], **changes: object) -> dict[str, object]:
    pictures = {name: handle_file(path) for name, path in files.items()}
    return {"api_name": "/fill", **pictures, **SETTINGS, **changes}


def test_what_a_program_was_sent_is_kept_no_longer(client, server, files) -> None:
    client.predict(**asked(files))
    deadline = time.monotonic() + 30
    while (kept := list(Path(server._folder.name).rglob("*.png"))) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert kept == []


def test_a_program_gets_what_the_pipeline_gives(client, pipeline, files) -> None:
    path, told = client.predict(**asked(files))
    subject, mask = open_reference(files["reference_image"], [])
    expected = pipeline(
        "a critter waves",
        Image.open(files["image"]),
        Image.open(files["mask_image"]),
        subject,
        mask,
        num_inference_steps=4,
        guidance_scale=3.0,
        generator=torch.Generator().manual_seed(3),
    ).images[0]
    assert np.array_equal(Image.open(path), expected)
    assert told["checkpoint"] == "critters_small" and told["seed"] == 3 and told["size"] == [96, 64]


def test_the_endpoint_is_told_with_its_settings(client) -> None:
    endpoints = client.view_api(return_format="dict")["named_endpoints"]
    assert list(endpoints) == ["/fill"]
    names = [parameter["parameter_name"] for parameter in endpoints["/fill"]["parameters"]]
    assert names == ["image", "mask_image", "reference_image", *SETTINGS, "reference_mask"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"prompt": ""}, "There is no prompt"),
        ({"prompt": "critter " * 99}, "Shorten it"),
        ({"image": None}, "image missing"),
    ],
)
def test_what_is_wrong_is_told(client, files, changes, message) -> None:
    with pytest.raises(AppError, match=message):
        client.predict(**asked(files, **changes))
    client.predict(**asked(files))


def test_a_damaged_file_and_a_mask_of_another_size_are_told(client, files, tmp_path) -> None:
    whole = Path(files["image"]).read_bytes()
    (tmp_path / "half.png").write_bytes(whole[: len(whole) // 2])
    Image.new("L", (5, 5), 255).save(tmp_path / "small.png")
    for name, path in (("image", "half.png"), ("mask_image", "small.png")):
        with pytest.raises(AppError, match=path):
            client.predict(**asked(files | {name: str(tmp_path / path)}))
    client.predict(**asked(files))


def test_an_error_of_our_own_is_logged_and_not_shown(client, server, files, monkeypatch, caplog) -> None:
    monkeypatch.setattr(server.studio, "_notes", lambda prompt: 1 / 0)
    with pytest.raises(AppError, match="its log has the details"):
        client.predict(**asked(files))
    monkeypatch.undo()
    (record,) = [record for record in caplog.records if record.name == answers.__name__]
    assert "ZeroDivisionError" in str(record.exc_info)
    client.predict(**asked(files))


def test_a_cancelled_call_stops(client, server, files) -> None:
    job = client.submit(**asked(files, num_inference_steps=200))
    deadline = time.monotonic() + 10
    while not job.outputs() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert job.outputs()[0] == (None, {"step": 1, "steps": 200})
    job.cancel()
    while server.studio.is_busy and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not server.studio.is_busy
    assert len(job.outputs()) < 200


def test_a_file_that_is_too_large_is_refused(client, server, files, monkeypatch) -> None:
    assert server.page.max_file_size == 64 * 2**20
    assert server.page._queue.max_size == WAITING
    monkeypatch.setattr(server.page, "max_file_size", 1000)
    with pytest.raises(Exception, match=r"413|size|large"):
        client.predict(**asked(files))
    monkeypatch.undo()
    client.predict(**asked(files))
