"""Models on the Hugging Face hub: fetched and published by huggingface_hub's own calls."""

from pathlib import Path
from typing import Any

import huggingface_hub
from huggingface_hub.errors import HfHubHTTPError

from dreaminpainter.errors import InputError, MissingFileError

UNREACHABLE: tuple[type[Exception], ...] = (*HfHubHTTPError.__bases__, OSError)
"""What reading by name may raise: the errors of the hub's HTTP library, whichever that is, and of the system."""

REFUSALS: tuple[type[Exception], ...] = (*UNREACHABLE, ValueError)
"""The same, and names that the hub's library does not take."""


def fetch(name: str, **settings: Any) -> str:
    """The folder that a model of the hub was downloaded to; code that lies with it is left there.

    Args:
        name: "owner/name" on the hub.
        settings: further arguments of huggingface_hub's `snapshot_download`, such as `revision`.

    Raises:
        MissingFileError: there is no such model, or no way to it.
    """
    try:
        return str(huggingface_hub.snapshot_download(name, ignore_patterns=["*.py"], **settings))
    except REFUSALS as error:
        raise MissingFileError(
            f"{name!r} is neither a folder nor to be had on the hub: {error}. Check the path, or the name and the "
            "network."
        ) from error


def publish(folder: Path, repo: str) -> str:
    """Uploads a folder as a model, and returns its address.

    Args:
        folder: what is uploaded, with all that lies in it.
        repo: "owner/name" of a model on the hub; made where there is none. Who uploads is told by `hf auth login` or
            the environment variable HF_TOKEN.

    Raises:
        InputError: the hub cannot be reached, or refuses.
    """
    try:
        repo_id = huggingface_hub.create_repo(repo, exist_ok=True).repo_id
        return str(huggingface_hub.upload_folder(repo_id=repo_id, folder_path=folder, commit_message="Upload model"))
    except REFUSALS as error:
        raise InputError(
            f"The upload to {repo!r} failed: {error}. {folder} is written. Check the name and the network, log in with "
            "`hf auth login`, and run it again."
        ) from error
