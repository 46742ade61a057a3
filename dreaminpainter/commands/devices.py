"""Which device a command runs on."""

import torch

from dreaminpainter.errors import SettingError


def chosen_device(name: str) -> str:
    """The device of that name; "auto" is the fastest there is.

    Raises:
        SettingError: there is no such device here.
    """
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    usable = [kind for kind, is_there in there.items() if is_there]
    if name == "auto":
        return usable[0]
    if name.partition(":")[0] not in usable:
        raise SettingError(f"device={name} is not to be had here. Give one of {', '.join(usable)}, or auto.")
    return name
