"""Values on the very edge of two standard deviations, where the last bit of a sum decides."""

import math

from detect import find_outliers
from vectors.notation import Notation, expand


def edge_after(others: Notation) -> tuple[float, float]:
    """Two neighbouring floats: appended to `others`, NumPy flags the second but not the first.

    At least six values in all, or nothing is ever flagged; `others` within ±100.
    """
    values = expand(others)
    spared, flagged = math.fsum(values) / len(values), 1000.0 * len(values)
    while math.nextafter(spared, flagged) != flagged:
        middle = spared + (flagged - spared) / 2
        if len(values) in find_outliers([*values, middle]):
            flagged = middle
        else:
            spared = middle
    return spared, flagged
