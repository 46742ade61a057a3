"""The drawn world of the critters: cartoon creatures whose every attribute is known.

Reading order: `attributes` (what a critter can be), `shapes` (signed distances), `bodies` and `parts` (what is drawn),
`colours`, `layout` (where), `scenery`, `creature`, `drawing` (whole pictures), `captions`.
"""

from dreaminpainter.data.critters.attributes import IDENTITY, SCENE, TEXT, VALUES, Codes, draw_codes, identities
from dreaminpainter.data.critters.captions import CAPTION_WORDS, CLASS_NAME, captions
from dreaminpainter.data.critters.drawing import Scene, draw_reference, draw_scene
from dreaminpainter.data.critters.layout import Layout, draw_layout

__all__ = [
    "CAPTION_WORDS",
    "CLASS_NAME",
    "IDENTITY",
    "SCENE",
    "TEXT",
    "VALUES",
    "Codes",
    "Layout",
    "Scene",
    "captions",
    "draw_codes",
    "draw_layout",
    "draw_reference",
    "draw_scene",
    "identities",
]
