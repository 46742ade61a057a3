"""The draws of what a critter is."""

import itertools

import torch

from dreaminpainter.data.critters.attributes import IDENTITY, VALUES, draw_codes, identities, redraw_look
from dreaminpainter.data.critters.layout import draw_layout
from dreaminpainter.randomness import sample_key

KEYS = torch.tensor([sample_key(0, "a test", str(k)) for k in range(6000)])


def _chi_square_per_degree(a: torch.Tensor, b: torch.Tensor, sizes: tuple[int, int]) -> float:
    """Pearson's statistic of independence, which is about 1 a degree of freedom for independent draws."""
    seen = torch.zeros(sizes).index_put((a, b), torch.ones(len(a)), accumulate=True)
    expected = seen.sum(1, keepdim=True) * seen.sum(0, keepdim=True) / len(a)
    degrees = (sizes[0] - 1) * (sizes[1] - 1)
    return float(((seen - expected) ** 2 / expected).sum()) / degrees


def test_attributes_are_drawn_independently_of_each_other() -> None:
    codes = draw_codes(KEYS, "train")
    for a, b in itertools.combinations(VALUES, 2):
        sizes = (len(VALUES[a]), len(VALUES[b]))
        degrees = (sizes[0] - 1) * (sizes[1] - 1)
        bound = 1 + 4.5 * (2 / degrees) ** 0.5
        assert _chi_square_per_degree(codes[a], codes[b], sizes) < bound, (a, b)


def test_attributes_are_drawn_independently_of_position_and_scale() -> None:
    codes, layout = draw_codes(KEYS, "train"), draw_layout(KEYS)
    for name, values in VALUES.items():
        for place in (layout.unit, layout.x, layout.ground):
            quarter = torch.bucketize(place, place.quantile(torch.tensor([0.25, 0.5, 0.75])))
            degrees = (len(values) - 1) * 3
            statistic = _chi_square_per_degree(codes[name], quarter, (len(values), 4))
            assert statistic < 1 + 4.5 * (2 / degrees) ** 0.5, name


def test_every_value_is_drawn_about_equally_often() -> None:
    codes = draw_codes(KEYS, "train")
    for name, values in VALUES.items():
        share = torch.bincount(codes[name], minlength=len(values)) * len(values) / len(KEYS)
        assert float(share.min()) > 0.8 and float(share.max()) < 1.2, name


def test_no_identity_is_in_two_splits() -> None:
    tables = {split: {tuple(row) for row in identities(split).tolist()} for split in ("train", "validation", "test")}
    total = 1
    for name in IDENTITY:
        total *= len(VALUES[name])
    assert len(tables["train"] | tables["validation"] | tables["test"]) == sum(map(len, tables.values())) == total
    assert abs(len(tables["train"]) / total - 0.8) < 0.02
    assert abs(len(tables["test"]) / total - 0.1) < 0.02


def test_drawn_identities_are_those_of_the_split() -> None:
    for split in ("train", "validation", "test"):
        codes = draw_codes(KEYS[:1000], split)
        drawn = set(zip(*(codes[name].tolist() for name in IDENTITY), strict=True))
        assert drawn <= {tuple(row) for row in identities(split).tolist()}


def test_another_look_keeps_the_identity_and_is_independent_of_the_first() -> None:
    codes = draw_codes(KEYS, "train")
    look = redraw_look(codes, KEYS)
    assert all(torch.equal(look[name], codes[name]) for name in IDENTITY)
    for name in ("hat", "mouth", "pose"):
        size = len(VALUES[name])
        assert _chi_square_per_degree(codes[name], look[name], (size, size)) < 3
