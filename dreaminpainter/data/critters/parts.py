"""Patterns, eyes, mouths, marks, hats and rides: one painter a value, in the order of `attributes.VALUES`."""

import torch
from torch import Tensor

from dreaminpainter.data.critters.bodies import BODY_BOX
from dreaminpainter.data.critters.shapes import Plane, Sheet, make_sheet, star, union, within


def pattern_sheet() -> Sheet:
    """Where the torso has its second colour, in the body's plane."""

    def stripes(p: Plane) -> tuple[Tensor]:
        return (((p.y + 0.06 * p.x * p.x + 0.22) % 0.46 - 0.23).abs() - 0.1,)

    def dots(p: Plane) -> tuple[Tensor]:
        row = torch.floor(p.y / 0.42)
        x = (p.x + row % 2 * 0.27) % 0.54 - 0.27
        return (torch.hypot(x, p.y % 0.42 - 0.21) - 0.125,)

    def patches(p: Plane) -> tuple[Tensor]:
        return (
            union(
                p.ellipse(-0.75, -0.55, 0.48, 0.5), p.ellipse(0.72, 0.5, 0.46, 0.42), p.ellipse(-0.5, 0.85, 0.4, 0.3)
            ),
        )

    def zigzag(p: Plane) -> tuple[Tensor]:
        wave = ((p.x + 5) % 0.44 - 0.22).abs() - 0.11
        return (union((p.y - 0.56 + wave).abs() - 0.09, (p.y - 0.88 + wave).abs() - 0.06),)

    return make_sheet(
        BODY_BOX,
        32,
        [
            lambda p: (p.nothing(),),
            stripes,
            dots,
            lambda p: (p.ellipse(0, 0.52, 0.62, 0.52),),
            patches,
            lambda p: (p.below(0.42 + 0.07 * torch.sin(p.x * 9)),),
            lambda p: (p.box(0, -0.2, 1.4, 0.34, 0.2),),
            zigzag,
        ],
    )


def eye_sheet() -> Sheet:
    """White, and black with the glints left out."""

    def beads(p: Plane) -> tuple[Tensor, Tensor]:
        m = p.mirrored()
        glint = union(p.circle(0.31, -0.06, 0.055), p.circle(-0.41, -0.06, 0.055))
        return p.nothing(), within(m.ellipse(0.36, 0, 0.15, 0.18), -glint)

    def staring(x: float, radius: float, p: Plane) -> tuple[Tensor, Tensor]:
        m = p.mirrored()
        white = m.circle(x, 0, radius)
        pupil = m.circle(x * 0.93, 0.02, radius * 0.54)
        glint = union(*(p.circle(s * x * 0.93 - radius * 0.2, -radius * 0.2, radius * 0.19) for s in (-1, 1)))
        return white - 0.05, union(within(white - 0.05, -white), within(pupil, -glint))

    def sleepy(p: Plane) -> tuple[Tensor, Tensor]:
        m = p.mirrored()
        white = within(m.circle(0.36, 0, 0.26), -p.y)
        lid = m.stroke([(0.06, 0.0), (0.66, 0.0)], 0.05)
        return white, union(within(white - 0.05, -white), lid, within(m.circle(0.34, 0.06, 0.13), white))

    return make_sheet(
        (-0.76, -0.46, 0.76, 0.46),
        56,
        [beads, lambda p: staring(0.33, 0.25, p), sleepy, lambda p: staring(0.0, 0.36, p)],
    )


def mouth_sheet() -> Sheet:
    """Dark, tongue."""

    def curve(bend: float, p: Plane) -> tuple[Tensor, Tensor]:
        xs = [-0.3 + 0.06 * k for k in range(11)]
        return p.stroke([(x, bend * (0.14 - 2.6 * x * x)) for x in xs], 0.05), p.nothing()

    def gaping(p: Plane) -> tuple[Tensor, Tensor]:
        hole = within(p.ellipse(0, -0.06, 0.3, 0.36), -0.1 - p.y) - 0.02
        return hole, within(p.ellipse(0, 0.3, 0.2, 0.18), hole + 0.04)

    return make_sheet((-0.46, -0.3, 0.46, 0.46), 56, [lambda p: curve(1.0, p), gaping, lambda p: curve(-1.0, p)])


def mark_sheet() -> Sheet:
    """The small mark, around its own middle."""

    def heart(p: Plane) -> tuple[Tensor]:
        m = p.mirrored()
        return (union(m.circle(0.05, -0.035, 0.063), m.polygon([(0, -0.035), (0.104, -0.01), (0, 0.12)])),)

    def scar(p: Plane) -> tuple[Tensor]:
        stitches = [p.stroke([(x - 0.015, -0.06), (x + 0.015, 0.06)], 0.018) for x in (-0.05, 0.05)]
        return (union(p.stroke([(-0.11, 0.02), (0.11, -0.02)], 0.022), *stitches),)

    def freckles(p: Plane) -> tuple[Tensor]:
        spots = ((-0.1, -0.04), (0.0, -0.09), (0.1, -0.04), (-0.06, 0.06), (0.06, 0.07))
        return (union(*(p.circle(x, y, 0.036) for x, y in spots)),)

    return make_sheet(
        (-0.2, -0.2, 0.2, 0.2),
        140,
        [
            lambda p: (p.polygon(star(0, 0.01, 0.125)),),
            heart,
            scar,
            lambda p: (union(p.box(0, -0.06, 0.115, 0.026), p.box(0, 0.045, 0.115, 0.026)),),
            freckles,
            lambda p: (within(p.circle(0, 0, 0.122), -p.circle(0.07, -0.045, 0.1)),),
        ],
    )


def _nothing(p: Plane) -> tuple[Tensor, Tensor, Tensor]:
    return p.nothing(), p.nothing(), p.nothing()


def hat_sheet() -> Sheet:
    """The hat, its second and its third colour; the brim's middle is at (0, 0)."""

    def top_hat(p: Plane) -> tuple[Tensor, Tensor, Tensor]:
        tube = p.polygon([(-0.36, -0.62), (0.36, -0.62), (0.31, 0.0), (-0.31, 0.0)], 0.03)
        return (
            union(tube, p.box(0, 0.02, 0.58, 0.085, 0.08)),
            within(tube + 0.04, (p.y + 0.16).abs() - 0.08),
            p.nothing(),
        )

    def crown(p: Plane) -> tuple[Tensor, Tensor, Tensor]:
        points = [(-0.46, 0.1), (-0.52, -0.44), (-0.24, -0.16), (0, -0.58), (0.24, -0.16), (0.52, -0.44), (0.46, 0.1)]
        band = p.box(0, 0.03, 0.42, 0.045)
        gems = union(*(p.circle(x, y, 0.07) for x, y in ((0, -0.2), (-0.33, -0.13), (0.33, -0.13))))
        return p.polygon(points, 0.06), band, gems

    def party_hat(p: Plane) -> tuple[Tensor, Tensor, Tensor]:
        cone = p.polygon([(-0.38, 0.1), (0, -0.6), (0.38, 0.1)], 0.04)
        bands = ((p.y + 0.5 * p.x + 3) % 0.26 - 0.13).abs() - 0.055
        pompom = p.circle(0, -0.6, 0.14)
        return union(cone, pompom), within(cone + 0.05, bands * 0.9), pompom + 0.05

    def woolly_cap(p: Plane) -> tuple[Tensor, Tensor, Tensor]:
        dome = within(p.ellipse(0, 0.06, 0.6, 0.58), p.y - 0.06)
        rim, pompom = p.box(0, 0.05, 0.64, 0.13, 0.12), p.circle(0, -0.56, 0.16)
        lines = within(dome + 0.06, ((p.x + 5.0) % 0.25 - 0.125).abs() - 0.035)
        return union(dome, rim, pompom), union(rim, pompom) + 0.05, within(lines, -rim - 0.02)

    return make_sheet((-0.8, -0.86, 0.8, 0.3), 48, [_nothing, top_hat, crown, party_hat, woolly_cap])


RIDE_HEIGHT = (0.0, 0.4, 0.5, 0.46, 0.48)
"""How far each ride reaches below the feet that stand on it."""


def ride_sheet() -> Sheet:
    """The ride, its second and its third colour; feet stand at (0, 0)."""

    def skateboard(p: Plane) -> tuple[Tensor, Tensor, Tensor]:
        m = p.mirrored()
        deck = m.stroke([(0, 0.08), (1.0, 0.08), (1.3, -0.06)], 0.085)
        wheels = m.circle(0.72, 0.26, 0.15)
        return union(deck, wheels), wheels + 0.05, m.circle(0.72, 0.26, 0.05)

    def drum(p: Plane) -> tuple[Tensor, Tensor, Tensor]:
        side = p.box(0, 0.24, 0.98, 0.27, 0.08)
        ropes = ((p.x + 5) % 0.5 - 0.25).abs() * 1.2 - 0.15 + (0.24 - p.y)
        rims = union(p.box(0, 0.04, 1.02, 0.09, 0.06), p.box(0, 0.45, 1.02, 0.07, 0.06))
        return union(side, rims), within(side + 0.05, ropes.abs() * 0.7 - 0.035), rims + 0.045

    def boat(p: Plane) -> tuple[Tensor, Tensor, Tensor]:
        hull = p.polygon([(-1.36, -0.3), (1.36, -0.3), (0.86, 0.42), (-0.86, 0.42)], 0.05)
        rail = p.box(0, -0.29, 1.46, 0.1, 0.08)
        return union(hull, rail), rail + 0.05, within(hull + 0.05, (p.y - 0.16).abs() - 0.05)

    def log(p: Plane) -> tuple[Tensor, Tensor, Tensor]:
        trunk = p.box(0, 0.22, 1.28, 0.26, 0.2)
        end = p.ellipse(1.08, 0.22, 0.17, 0.22)
        bark = [
            p.stroke([(x, y), (x + 0.4, y)], 0.028) for x, y in ((-1.0, 0.14), (-0.4, 0.3), (-0.75, 0.4), (0.25, 0.12))
        ]
        ring = within(end + 0.07, -(end + 0.12))
        return trunk, within(end, trunk + 0.04), union(*bark, ring)

    return make_sheet((-1.6, -0.5, 1.6, 0.6), 40, [_nothing, skateboard, drum, boat, log])


MARK_PLACES = ("cheek", "cheek", "forehead", "leg", "cheek", "belly")
"""Where on the body each mark is."""
