"""DreamInpainter (arXiv 2312.03771): text-guided, subject-driven image inpainting.

Importing the package is cheap: torch and lightning are loaded when one of the names below is first used.

Example:
    >>> import dreaminpainter
    >>> sorted(dreaminpainter.__all__)
    ['DreamInpainter', 'DreamInpainterPipeline', 'InpaintingDataModule', '__version__']
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from dreaminpainter.version import __version__

if TYPE_CHECKING:
    from dreaminpainter.data.datamodule import InpaintingDataModule
    from dreaminpainter.module import DreamInpainter
    from dreaminpainter.pipeline import DreamInpainterPipeline

_HOMES = {
    "DreamInpainter": "dreaminpainter.module",
    "DreamInpainterPipeline": "dreaminpainter.pipeline",
    "InpaintingDataModule": "dreaminpainter.data.datamodule",
}

__all__ = ["DreamInpainter", "DreamInpainterPipeline", "InpaintingDataModule", "__version__"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
