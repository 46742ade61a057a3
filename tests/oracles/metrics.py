"""Figures of fills, restated slowly: by definition, in numpy and loops."""

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import sqrtm

Array = NDArray[np.float64]


def frechet_distance(fills: Array, real: Array) -> float:
    """Heusel et al. 2017, of (n, D) and (m, D)."""
    first, second = np.cov(fills, rowvar=False), np.cov(real, rowvar=False)
    root = sqrtm(first @ second).real
    return float(((fills.mean(0) - real.mean(0)) ** 2).sum() + np.trace(first + second - 2 * root))


def kernel_distance(fills: Array, real: Array) -> float:
    """The unbiased squared MMD of Bińkowski et al. 2018, of (n, D) and (n, D), kernel (x y / D + 1) ** 3."""
    count = len(fills)

    def mean_kernel(ones: Array, others: Array, same: bool) -> float:
        pairs = [(i, j) for i in range(count) for j in range(count) if not (same and i == j)]
        return sum((ones[i] @ others[j] / fills.shape[1] + 1) ** 3 for i, j in pairs) / len(pairs)

    return mean_kernel(fills, fills, True) + mean_kernel(real, real, True) - 2 * mean_kernel(fills, real, False)


def structural_similarity(first: Array, second: Array) -> Array:
    """(H, W) of two (3, H, W) in [0, 1]: Wang et al. 2004, windows of 11, Gaussian of 1.5, mean over the channels."""
    offsets = np.arange(-5, 6)
    bell = np.exp(-(offsets**2) / (2 * 1.5**2))
    weights = np.outer(bell, bell) / bell.sum() ** 2
    padded = [np.pad(one, ((0, 0), (5, 5), (5, 5)), mode="reflect") for one in (first, second)]
    _, height, width = first.shape
    found = np.zeros((height, width))
    for y in range(height):
        for x in range(width):
            for channel in range(3):
                one, other = (picture[channel, y : y + 11, x : x + 11] for picture in padded)
                mean_one, mean_other = (weights * one).sum(), (weights * other).sum()
                spread_one = (weights * one**2).sum() - mean_one**2
                spread_other = (weights * other**2).sum() - mean_other**2
                together = (weights * one * other).sum() - mean_one * mean_other
                likeness = (2 * mean_one * mean_other + 1e-4) * (2 * together + 9e-4)
                found[y, x] += likeness / (mean_one**2 + mean_other**2 + 1e-4) / (spread_one + spread_other + 9e-4) / 3
    return found


def far_from(hole: NDArray[np.bool_], reach: int) -> NDArray[np.bool_]:
    """Where no pixel of the hole (H, W) is within `reach` rows and columns."""
    height, width = hole.shape
    return np.array(
        [
            [not hole[max(y - reach, 0) : y + reach + 1, max(x - reach, 0) : x + reach + 1].any() for x in range(width)]
            for y in range(height)
        ]
    )


def normalized_cross_correlation(picture: Array, part: Array) -> Array:
    """Of (h, w) with (H, W) at every place: the correlation coefficient of the two sets of pixels."""
    height, width = part.shape
    rows, columns = picture.shape[0] - height + 1, picture.shape[1] - width + 1
    return np.array(
        [
            [np.corrcoef(picture[y : y + height, x : x + width].ravel(), part.ravel())[0, 1] for x in range(columns)]
            for y in range(rows)
        ]
    )


def seam(fill: Array, hole: NDArray[np.bool_]) -> float:
    """Steps of colour across the edge of the hole, less those two pixels to either side; 0 to 255, fill (3, H, W)."""
    across, near = [], []
    for turned, mask in ((fill, hole), (fill.transpose(0, 2, 1), hole.T)):
        for y in range(mask.shape[0]):
            row, pixels = mask[y], turned[:, y]
            cuts = [row[x] != row[x + 1] for x in range(len(row) - 1)]
            steps = [np.abs(pixels[:, x + 1] - pixels[:, x]).mean() * 255 for x in range(len(cuts))]
            for x, (cut, step) in enumerate(zip(cuts, steps, strict=True)):
                if cut:
                    across.append(step)
                elif 2 <= x < len(cuts) - 2 and (cuts[x - 2] or cuts[x + 2]):
                    near.append(step)
    return float(np.mean(across) - np.mean(near))
