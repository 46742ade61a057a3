"""Signed distances and the sheets that hold them."""

import pytest
import torch

from dreaminpainter.data.critters.shapes import Plane, blend, coverage, make_sheet, star, union, within


def _plane(half: float = 1.5, count: int = 301) -> Plane:
    line = torch.linspace(-half, half, count)
    return Plane(line[None, :].expand(count, count), line[:, None].expand(count, count))


@pytest.mark.parametrize(
    ("shape", "area"),
    [
        (lambda p: p.circle(0.1, -0.2, 0.8), torch.pi * 0.64),
        (lambda p: p.ellipse(0, 0, 1.2, 0.5), torch.pi * 0.6),
        (lambda p: p.box(0.2, 0.1, 0.7, 0.4), 1.12),
        (lambda p: p.box(0, 0, 0.7, 0.7, 0.7), torch.pi * 0.49),
        (lambda p: p.stroke([(-0.5, 0), (0.5, 0)], 0.3), 0.6 + torch.pi * 0.09),
        (lambda p: p.polygon([(-1, -1), (1, -1), (-1, 1)]), 2.0),
        (lambda p: p.polygon(star(0, 0, 1.0)), 1.3226),
        (lambda p: within(p.circle(0, 0, 1.0), p.y), torch.pi / 2),
    ],
)
def test_a_shape_covers_its_area(shape, area: float) -> None:  # type: ignore[no-untyped-def]
    plane = _plane()
    pixel = float(plane.x[0, 1] - plane.x[0, 0])
    assert float(coverage(shape(plane) / pixel).sum()) * pixel**2 == pytest.approx(area, rel=0.01)


def test_distances_have_unit_slope_at_the_outline() -> None:
    plane = _plane()
    for field in (plane.ellipse(0, 0, 1.2, 0.5), plane.polygon(star(0, 0, 1.0)), plane.box(0, 0, 0.9, 0.6, 0.2)):
        pixel = float(plane.x[0, 1] - plane.x[0, 0])
        down, across = torch.gradient(field, spacing=pixel)
        near = field.abs() < 0.02
        assert float(torch.hypot(down, across)[near].median()) == pytest.approx(1.0, abs=0.03)


def test_a_soft_joint_only_adds() -> None:
    plane = _plane()
    a, b = plane.circle(-0.5, 0, 0.5), plane.circle(0.5, 0, 0.5)
    soft, hard = blend(a, b, 0.3), union(a, b)
    assert bool((soft <= hard).all())
    assert bool((soft < hard)[150, 150])


def test_a_sheet_gives_each_sample_its_own_variant() -> None:
    sheet = make_sheet((-1.0, -1.0, 1.0, 1.0), 40, [lambda p, r=r: (p.circle(0, 0, r), p.y) for r in (0.3, 0.5, 0.7)])  # type: ignore[misc]
    line = torch.linspace(-0.9, 0.9, 19).expand(3, -1)
    variant = torch.tensor([2, 0, 1])
    circle, height = sheet.sample(variant, line, line)
    radius = torch.tensor([0.3, 0.5, 0.7])[variant][:, None, None]
    expected = torch.hypot(line[:, None, :], line[:, :, None]) - radius
    assert torch.allclose(circle, expected, atol=0.02)
    assert torch.allclose(height, line[:, :, None].expand_as(height), atol=1e-4)


def test_variants_do_not_bleed_into_each_other() -> None:
    sheet = make_sheet((-1.0, -1.0, 1.0, 1.0), 20, [lambda p: (p.nothing(),), lambda p: (p.y - 5,)])
    line = torch.linspace(-3, 3, 50)[None]
    assert float(sheet.sample(torch.tensor([0]), line, line).min()) > 8.999
    assert float(sheet.sample(torch.tensor([1]), line, line).max()) < -3.999
