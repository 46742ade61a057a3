"""One small model, and one server of its page, for all tests of the page."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from inpainting import ellipse, noise
from PIL import Image

from dreaminpainter.app.inputs import Pictures
from dreaminpainter.app.jobs import Job, Settings
from dreaminpainter.app.server import Server
from dreaminpainter.app.studio import Studio
from dreaminpainter.checkpoints import load_pipeline
from dreaminpainter.pipeline import DreamInpainterPipeline

SMALL = str(Path(__file__).parents[1] / "models" / "critters_small")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def pipeline() -> DreamInpainterPipeline:
    return load_pipeline(SMALL)


@pytest.fixture(scope="session")
def studio(pipeline: DreamInpainterPipeline) -> Studio:
    return Studio(pipeline)


@pytest.fixture(scope="session")
def called_by_server() -> list[str]:
    """The hosts that this process has connected to since the server began to start."""
    return []


@pytest.fixture(scope="session")
def server(called_by_server: list[str]) -> Iterator[Server]:
    connect = socket.socket.connect

    def watched(self: socket.socket, address: object) -> None:
        called_by_server.append(str(address[0] if isinstance(address, tuple) else "a socket file"))
        connect(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", watched)
        with Server(load_pipeline(SMALL), "critters_small", "127.0.0.1", free_port()) as server:
            yield server


@pytest.fixture
def settings() -> Settings:
    return Settings("a critter waves", 4, 3.0, 1.0, k=24, seed=3)


@pytest.fixture
def pictures() -> Pictures:
    """A scene of 96 x 64 with a round hole, and a subject that is cut out."""
    mask = ellipse((40, 50), (5, 5, 35, 45))
    return Pictures(noise((96, 64)), ellipse((96, 64), (20, 10, 60, 50)), noise((40, 50), seed=1), mask, None, ())


@pytest.fixture
def job(pictures: Pictures, settings: Settings) -> Job:
    return Job(**vars(pictures), settings=settings)


@pytest.fixture
def files(pictures: Pictures, tmp_path: Path) -> dict[str, str]:
    """The same pictures as files, the subject cut out by its alpha."""
    subject: Image.Image = pictures.subject.copy()
    assert pictures.subject_mask is not None
    subject.putalpha(pictures.subject_mask)
    named = {"image": pictures.scene, "mask_image": pictures.hole, "reference_image": subject}
    for name, picture in named.items():
        picture.save(tmp_path / f"{name}.png")
    return {name: str(tmp_path / f"{name}.png") for name in named}
