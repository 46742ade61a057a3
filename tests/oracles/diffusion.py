"""Noising, masks, targets and losses, cell by cell."""

import math

import numpy as np


def alphas_cumprod(steps: int, beta_start: float, beta_end: float) -> list[float]:
    """The running product of 1 - beta for betas in a straight line (Ho et al. 2020)."""
    products, product = [], 1.0
    for step in range(steps):
        product *= 1 - (beta_start + (beta_end - beta_start) * step / (steps - 1))
        products.append(product)
    return products


def noisy_inside(clean: np.ndarray, noise: np.ndarray, mask: np.ndarray, alpha: float) -> np.ndarray:
    """One row (C, h, w): noised where mask (1, h, w) is 1, clean elsewhere."""
    result = np.zeros_like(clean)
    for c, y, x in np.ndindex(*clean.shape):
        if mask[0, y, x] == 1:
            result[c, y, x] = math.sqrt(alpha) * clean[c, y, x] + math.sqrt(1 - alpha) * noise[c, y, x]
        else:
            result[c, y, x] = clean[c, y, x]
    return result


def velocity(clean: float, noise: float, alpha: float) -> float:
    """Salimans & Ho 2022, appendix D."""
    return math.sqrt(alpha) * noise - math.sqrt(1 - alpha) * clean


def touched(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(h, w): 1 where any pixel of mask (H, W) that overlaps the cell is 1."""
    height, width = mask.shape
    cells = np.zeros(size)
    for y, x in np.ndindex(height, width):
        for i, j in np.ndindex(*size):
            overlaps_rows = y + 1 > i * height / size[0] and y < (i + 1) * height / size[0]
            overlaps_columns = x + 1 > j * width / size[1] and x < (j + 1) * width / size[1]
            if mask[y, x] == 1 and overlaps_rows and overlaps_columns:
                cells[i, j] = 1
    return cells


def masked_mean(error: np.ndarray, mask: np.ndarray) -> float:
    """The mean of one row's error (C, h, w) over channels and the cells where mask (1, h, w) is 1."""
    values = [float(error[c, y, x]) for c, y, x in np.ndindex(*error.shape) if mask[0, y, x] == 1]
    return sum(values) / len(values)


def min_snr_weight(alpha: float, gamma: float, prediction_type: str) -> float:
    """Hang et al. 2023, section 3.4, for finite SNR above 0."""
    snr = alpha / (1 - alpha)
    divisor = {"epsilon": snr, "v_prediction": snr + 1, "sample": 1.0}[prediction_type]
    return min(snr, gamma) / divisor


def velocity_weight(alpha: float, limit: float, prediction_type: str) -> float:
    """Salimans & Ho 2022, section 4, for finite SNR above 0: SNR + 1 on x_0, which is 1 on v, up to a limit."""
    snr = alpha / (1 - alpha)
    divisor = {"epsilon": snr, "v_prediction": snr + 1, "sample": 1.0}[prediction_type]
    return min(snr + 1, limit) / divisor
