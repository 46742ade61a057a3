"""What holds for every test: no network, no screen, few threads, repeatable examples."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Set before torch, transformers or matplotlib is imported, because they read them then; child processes inherit them.
os.environ |= {
    "HF_HUB_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false",  # tokenizers warn when a loader's worker is forked after they have run
    "MPLBACKEND": "Agg",
}
# One thread: tiny networks gain nothing from more, tests run in several processes, and a process that forks while
# OpenMP has threads can hang.
os.environ["OMP_NUM_THREADS"] = "1"

settings.register_profile(
    "dreaminpainter",
    deadline=None,
    max_examples=30,
    derandomize="CI" in os.environ,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("dreaminpainter")


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of real photographs: `coco/`, `voc/`, `openimages/`, `dreambooth/`."""
    name = os.environ.get("DREAMINPAINTER_TEST_DATA")
    if not name:
        pytest.skip("DREAMINPAINTER_TEST_DATA is not set: no real photographs to test on")
    folder = Path(name)
    if not folder.is_dir():
        pytest.skip(f"DREAMINPAINTER_TEST_DATA names {name!r}, which is no folder")
    return folder
