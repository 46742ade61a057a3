"""Objects by torchvision's Mask R-CNN."""

from importlib import import_module
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from dreaminpainter.data.segmenting.base import Segment, Segmenter
from dreaminpainter.errors import InputError, MissingFileError, SettingError

_NO_CLASS = ("__background__", "N/A")


class MaskRcnnSegmenter(Segmenter):
    """Objects by Mask R-CNN (He et al. 2017) as torchvision has it: ResNet-50 with a feature pyramid, second version.

    It needs no hub: torchvision downloads its published weights (COCO_V1, 177 MB, 46 million parameters), or they are
    given as a file. Masks are drawn at 28 x 28 points an object, so large objects have softer outlines than those of
    `UniversalSegmenter`. They are cut at a probability of 0.5.

    Args:
        weights: a file of weights for this network and COCO's classes, `.safetensors` or torchvision's `.pth`; None for
            the published ones, which torchvision keeps under TORCH_HOME.
        threshold: least score of an object, 0 to 1.
        min_size: pixels that a picture's shorter side is brought to for the network; 800 is torchvision's.

    Raises:
        SettingError: the threshold is not within 0 to 1, or `min_size` below 1.
    """

    def __init__(self, weights: str | None = None, threshold: float = 0.5, min_size: int = 800) -> None:
        super().__init__(threshold)
        if min_size < 1:
            raise SettingError(f"MaskRcnnSegmenter: min_size is {min_size}; give 1 or more.")
        self.weights = weights
        self.min_size = min_size

    def class_names(self) -> list[str]:
        return [name for name in _weights().meta["categories"] if name not in _NO_CLASS]

    def read(self) -> nn.Module:
        state = _published() if self.weights is None else _read(Path(self.weights))
        network: nn.Module = _detection().maskrcnn_resnet50_fpn_v2(
            weights=None, weights_backbone=None, min_size=self.min_size, box_score_thresh=self.threshold
        )
        try:
            network.load_state_dict(state)
        except RuntimeError as error:
            raise InputError(
                f"{self.weights} holds weights of another network than torchvision's maskrcnn_resnet50_fpn_v2 with "
                f"COCO's classes: {str(error)[:500]}"
            ) from error
        return network

    def segment(self, network: nn.Module, images: Tensor) -> list[list[Segment]]:
        names = _weights().meta["categories"]
        return [
            [
                Segment((probability >= 0.5).cpu(), names[label], score)
                for probability, label, score in zip(
                    answer["masks"], answer["labels"].tolist(), answer["scores"].tolist(), strict=True
                )
                if names[label] not in _NO_CLASS
            ]
            for answer in network(list(images.float() / 255))
        ]


def _published() -> dict[str, Any]:
    weights = _weights()
    try:
        state: dict[str, Any] = weights.get_state_dict(progress=True, check_hash=True)
    except OSError as error:
        raise MissingFileError(
            f"torchvision cannot download {weights.url} ({error}). Download it where there is a network, and name "
            "the file as weights."
        ) from error
    return state


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise MissingFileError(f"There is no file {path}, which was named as weights of Mask R-CNN. Check the path.")
    state: dict[str, Any]
    try:
        if path.suffix == ".safetensors":
            state = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, SafetensorError, UnpicklingError, RuntimeError, EOFError) as error:
        raise InputError(f"{path} cannot be read as weights ({error}). Download or save it again.") from error
    return state


def _detection() -> Any:
    """torchvision's detectors; all of torchvision's networks come with them, which takes seconds."""
    return import_module("torchvision.models.detection")


def _weights() -> Any:
    """The published weights by name, with the classes that they know."""
    return _detection().MaskRCNN_ResNet50_FPN_V2_Weights.COCO_V1
