"""The bodies of the critters, their four poses, and where on each body its parts sit.

The unit is about half a body's height; (0, 0) is the middle of the body, y points downwards.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from dreaminpainter.data.critters.shapes import Plane, Point, Sheet, blend, make_sheet, union

FEET = 1.24
"""Where a standing creature's feet end."""
LEAP = 0.26
"""How far a jumping creature is above the ground."""
BODY_BOX = (-1.72, -1.62, 1.72, 1.34)


@dataclass(frozen=True)
class Body:
    """One body shape.

    Args:
        paint: gives the torso and what grows behind it (ears, horns).
        eyes: height of the eyes.
        mouth: height of the mouth.
        hat: height of the hat's brim.
        shoulder: where the right arm begins.
        hip: how far from the middle the legs are.
    """

    paint: Callable[[Plane], tuple[Tensor, Tensor]]
    eyes: float
    mouth: float
    hat: float
    shoulder: Point
    hip: float


def _bear(p: Plane) -> tuple[Tensor, Tensor]:
    return p.circle(0, 0, 1.0), p.mirrored().circle(0.74, -0.76, 0.32)


def _egg(p: Plane) -> tuple[Tensor, Tensor]:
    m = p.mirrored()
    antenna = union(m.stroke([(0.36, -0.8), (0.5, -1.15), (0.72, -1.34)], 0.06), m.circle(0.76, -1.38, 0.15))
    return blend(p.ellipse(0, 0.16, 0.97, 0.86), p.ellipse(0, -0.4, 0.66, 0.68), 0.3), antenna


def _cat(p: Plane) -> tuple[Tensor, Tensor]:
    m = p.mirrored()
    torso = blend(p.ellipse(0, -0.36, 0.82, 0.62), p.ellipse(0, 0.42, 1.04, 0.6), 0.35)
    return torso, m.polygon([(0.28, -0.8), (0.74, -1.28), (0.74, -0.5)], 0.05)


def _block(p: Plane) -> tuple[Tensor, Tensor]:
    m = p.mirrored()
    horn = m.polygon([(0.5, -0.85), (0.78, -1.05), (0.84, -1.38), (1.0, -1.0), (0.86, -0.7)], 0.04)
    return p.box(0, 0, 0.95, 0.95, 0.34), horn


def _ghost(p: Plane) -> tuple[Tensor, Tensor]:
    dome = union(p.circle(0, -0.08, 0.92), p.polygon([(-0.92, -0.1), (0.92, -0.1), (1.08, 0.8), (-1.08, 0.8)]))
    hem = union(*(p.circle(x, 0.76, 0.28) for x in (-0.81, -0.27, 0.27, 0.81)))
    return blend(dome, hem, 0.12), p.stroke([(0, -0.9), (0.06, -1.15), (0.26, -1.2)], 0.08)


def _bunny(p: Plane) -> tuple[Tensor, Tensor]:
    return p.ellipse(0, 0.06, 0.94, 0.94), p.mirrored().ellipse(0.55, -1.06, 0.21, 0.52)


def _frog(p: Plane) -> tuple[Tensor, Tensor]:
    torso = blend(p.ellipse(0, 0.1, 1.22, 0.82), p.mirrored().circle(0.62, -0.62, 0.34), 0.25)
    return torso, p.nothing()


def _fluff(p: Plane) -> tuple[Tensor, Tensor]:
    angle = torch.arange(11) * (2 * torch.pi / 11) - torch.pi / 2
    puffs = [p.circle(0.8 * float(a.cos()), 0.8 * float(a.sin()), 0.28) for a in angle]
    return blend(p.circle(0, 0, 0.88), union(*puffs), 0.06), p.nothing()


BODIES = (
    Body(_bear, eyes=-0.2, mouth=0.27, hat=-0.86, shoulder=(0.9, 0.26), hip=0.42),
    Body(_egg, eyes=-0.2, mouth=0.28, hat=-0.94, shoulder=(0.86, 0.28), hip=0.42),
    Body(_cat, eyes=-0.24, mouth=0.2, hat=-0.86, shoulder=(0.86, 0.26), hip=0.5),
    Body(_block, eyes=-0.22, mouth=0.26, hat=-0.88, shoulder=(0.92, 0.24), hip=0.46),
    Body(_ghost, eyes=-0.24, mouth=0.22, hat=-0.86, shoulder=(0.92, 0.24), hip=0.42),
    Body(_bunny, eyes=-0.16, mouth=0.3, hat=-0.78, shoulder=(0.84, 0.28), hip=0.4),
    Body(_frog, eyes=-0.06, mouth=0.38, hat=-0.73, shoulder=(1.06, 0.3), hip=0.52),
    Body(_fluff, eyes=-0.2, mouth=0.27, hat=-0.9, shoulder=(0.92, 0.22), hip=0.42),
)


def legs(body: Body, pose: str) -> tuple[Point, Point]:
    """Where the right leg begins and where its foot is."""
    if pose == "jump":
        return (body.hip, 0.72), (body.hip + 0.3, 1.04)
    if pose == "sit":
        return (body.hip, 0.8), (body.hip + 0.14, 0.96)
    return (body.hip, 0.75), (body.hip + 0.03, 1.1)


def _hands(body: Body, pose: str) -> tuple[Point, Point]:
    """The left hand, mirrored to the right, and the right hand."""
    x, y = body.shoulder
    down, up, lap = (x + 0.24, y + 0.42), (x + 0.34, y - 0.68), (x - 0.22, y + 0.42)
    return {"stand": (down, down), "wave": (down, up), "jump": (up, up), "sit": (lap, lap)}[pose]


def _paint(body: Body, pose: str, p: Plane) -> tuple[Tensor, Tensor, Tensor]:
    """What is behind the torso, the torso, what is before it."""
    torso, ears = body.paint(p)
    m = p.mirrored()
    hip, foot = legs(body, pose)
    if pose == "sit":
        feet = m.ellipse(foot[0], foot[1], 0.26, 0.28)
        leg = p.nothing()
    else:
        feet = p.nothing()
        leg = union(m.stroke([hip, foot], 0.17), m.ellipse(foot[0] + 0.07, foot[1] + 0.03, 0.26, 0.12))
    flipped = Plane(-p.x, p.y)
    arms = [
        side.stroke([body.shoulder, hand], 0.155) for side, hand in zip((flipped, p), _hands(body, pose), strict=True)
    ]
    return union(ears, leg), torso, union(*arms, feet)


def body_sheet(poses: tuple[str, ...]) -> Sheet:
    """One variant for each body and pose, body-major: behind, torso, before."""
    return make_sheet(BODY_BOX, 40, [partial(_paint, body, pose) for body in BODIES for pose in poses])
