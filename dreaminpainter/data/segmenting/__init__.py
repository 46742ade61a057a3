"""Masks and classes for pictures that have none, by networks that were trained on pictures that have them.

| class | model | parameters | COCO mask AP |
|---|---|---|---|
| `UniversalSegmenter` | `facebook/mask2former-swin-tiny-coco-instance` (190 MB) | 47 million | 45.0 |
| `UniversalSegmenter` | `facebook/mask2former-swin-large-coco-instance` | 216 million | 50.1 |
| `UniversalSegmenter` | `shi-labs/oneformer_coco_swin_large` | 219 million | 49.0 |
| `MaskRcnnSegmenter` | torchvision's Mask R-CNN, ResNet-50 FPN v2 (177 MB) | 46 million | 41.8 |

The figures are their authors'. All of these know the 80 things of COCO; what they do not know they do not find. The hub
lists the licence of facebook's weights as "other", so read it before what comes out of them is published.

Example:
    >>> from dreaminpainter.data.segmenting import UniversalSegmenter
    >>> UniversalSegmenter().threshold  # reads no network yet
    0.5
"""

from dreaminpainter.data.segmenting.base import Segment, Segmenter
from dreaminpainter.data.segmenting.mask_rcnn import MaskRcnnSegmenter
from dreaminpainter.data.segmenting.universal import UniversalSegmenter

__all__ = ["MaskRcnnSegmenter", "Segment", "Segmenter", "UniversalSegmenter"]
