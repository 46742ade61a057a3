"""Captions of whole pictures, the text of the regularization (Fig. 2b).

The paper's captions are BLIP's. `BlipCaptioner` makes such ones, `StoredCaptioner` reads what was made once and kept
beside prepared data, and the others need no network.

Example:
    >>> from dreaminpainter.data.captioning import ClassNameCaptioner
    >>> ClassNameCaptioner().template
    'a photo of a {class_name}'
"""

from dreaminpainter.data.captioning.base import Captioner
from dreaminpainter.data.captioning.blip import BlipCaptioner
from dreaminpainter.data.captioning.choice import ChoiceCaptioner
from dreaminpainter.data.captioning.plain import ClassNameCaptioner, DatasetCaptioner
from dreaminpainter.data.captioning.stored import StoredCaptioner

__all__ = [
    "BlipCaptioner",
    "Captioner",
    "ChoiceCaptioner",
    "ClassNameCaptioner",
    "DatasetCaptioner",
    "StoredCaptioner",
]
