"""Outlier detection with NumPy, as in the article: the other languages copy this one's bits."""

from collections.abc import Iterable

import numpy as np


def find_outliers(values: Iterable[float]) -> list[int]:
    """Returns the positions of the values more than two standard deviations from the mean.

    Ascending. Empty for no values, and whenever the mean or the standard deviation is not
    finite: no comparison with NaN or infinity holds.
    """
    data = np.fromiter(values, dtype="float64")
    # The answer for no values is right without this, but NumPy warns of their mean.
    if data.size == 0:
        return []
    # NaN, infinity and overflow are answers here (OUT-4, OUT-5), nothing to warn of.
    with np.errstate(over="ignore", invalid="ignore"):
        outliers = np.where(np.abs(data - data.mean()) > 2 * data.std())[0]
    return outliers.tolist()
