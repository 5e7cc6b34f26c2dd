"""Detectors that are almost right: what a server computes that has one thing wrong.

None of them decides an expectation. They tell which values are worth sending:
those for which a wrong method's answer differs from NumPy's.
"""

import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np

from detect import find_outliers

Method = Callable[[list[float]], list[int]]


def sample_deviation(values: list[float]) -> list[int]:
    """ddof = 1: divides by n - 1."""
    data = np.array(values)
    return outside(data, data.mean(), 2 * data.std(ddof=1))


def at_least(values: list[float]) -> list[int]:
    """`>=` for `>`: a tie counts as an outlier."""
    data = np.array(values)
    return np.where(np.abs(data - data.mean()) >= 2 * data.std())[0].tolist()


def high_side_only(values: list[float]) -> list[int]:
    """Forgets the absolute value."""
    data = np.array(values)
    return np.where(data - data.mean() > 2 * data.std())[0].tolist()


def three_sigma(values: list[float]) -> list[int]:
    """The other usual threshold."""
    data = np.array(values)
    return outside(data, data.mean(), 3 * data.std())


def float32(values: list[float]) -> list[int]:
    """Single precision throughout."""
    data = np.array(values, dtype="float32")
    return outside(data, data.mean(), 2 * data.std())


def left_to_right(values: list[float]) -> list[int]:
    """The loop that everybody writes first."""
    count = len(values)
    total = 0.0
    for value in values:
        total += value
    mean = total / count
    squares = 0.0
    for value in values:
        squares += (value - mean) * (value - mean)
    return outside(np.array(values), mean, 2 * math.sqrt(squares / count))


def one_pass(values: list[float]) -> list[int]:
    """Welford's running mean and squares."""
    mean = squares = 0.0
    for count, value in enumerate(values, start=1):
        delta = value - mean
        mean += delta / count
        squares += delta * (value - mean)
    return outside(np.array(values), mean, 2 * math.sqrt(squares / len(values)))


def mean_of_squares(values: list[float]) -> list[int]:
    """The variance as E[x²] - mean²."""
    data = np.array(values)
    mean = data.mean()
    variance = (data * data).mean() - mean * mean
    # Cancellation can leave less than nothing.
    return outside(data, mean, 2 * math.sqrt(max(variance, 0.0)))


def blocks_of_8192(values: list[float]) -> list[int]:
    """NumPy 2.2 and earlier: the sums of blocks of 8192, added from left to right."""
    data = np.array(values)
    mean = block_sum(data) / len(data)
    squares = (data - mean) * (data - mean)
    return outside(data, mean, 2 * math.sqrt(block_sum(squares) / len(data)))


def block_sum(data: np.ndarray) -> float:
    total = 0.0
    for start in range(0, len(data), 8192):
        total += float(np.add.reduce(data[start : start + 8192]))
    return total


def fused_squares(values: list[float]) -> list[int]:
    """Squares and adds with one rounding, as a compiler may make of `sum += d * d`."""
    data = np.array(values)
    mean = data.mean()
    deviations = (data - mean).tolist()
    return outside(data, mean, 2 * math.sqrt((0.0 + fused_sum(deviations)) / len(values)))


def fused_sum(deviations: list[float]) -> float:
    """NumPy's order of additions, with each square fused into the addition that takes it."""
    count = len(deviations)
    if count < 8:
        total = 0.0
        for deviation in deviations:
            total = square_and_add(deviation, total)
        return total
    if count > 128:
        half = count // 2 - count // 2 % 8
        return fused_sum(deviations[:half]) + fused_sum(deviations[half:])
    lanes = [deviation * deviation for deviation in deviations[:8]]
    whole = count - count % 8
    for position in range(8, whole):
        lanes[position % 8] = square_and_add(deviations[position], lanes[position % 8])
    total = ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) + (
        (lanes[4] + lanes[5]) + (lanes[6] + lanes[7])
    )
    for deviation in deviations[whole:]:
        total = square_and_add(deviation, total)
    return total


def square_and_add(deviation: float, total: float) -> float:
    """deviation² + total, rounded once."""
    return float(Fraction(deviation) ** 2 + Fraction(total))


def dropping_nan(values: list[float]) -> list[int]:
    """Leaves NaN out and judges the rest, as many a statistics library does."""
    kept = [position for position, value in enumerate(values) if not math.isnan(value)]
    return [kept[index] for index in find_outliers(values[position] for position in kept)]


def outside(data: np.ndarray, mean: float, distance: float) -> list[int]:
    return np.where(np.abs(data - mean) > distance)[0].tolist()
