"""The article's 1,000 metrics, with fixed values instead of random ones."""

from outliers_pb2 import Metric
from timestamps import NANOSECONDS_PER_SECOND, from_nanoseconds

METRIC_COUNT = 1000

# 2020-05-22T14:13:11Z. Every metric carries it: the article's loop drops the
# result of `t.Add(time.Second)`.
TIME_NANOSECONDS = 1_590_156_791 * NANOSECONDS_PER_SECOND

OUTLIERS = {7: 97.3, 113: 92.1, 835: 93.2}


def dummy_metrics() -> list[Metric]:
    time = from_nanoseconds(TIME_NANOSECONDS)
    return [Metric(time=time, name="CPU", value=dummy_value(i)) for i in range(METRIC_COUNT)]


def dummy_value(position: int) -> float:
    """An outlier of the article's, or a value below 40, as the CPU has in normal times.

    7919 is prime to 1000, so the values below 40 are multiples of 0.04, each
    there once, in an order that looks random.
    """
    if position in OUTLIERS:
        return OUTLIERS[position]
    return position * 7919 % METRIC_COUNT * 0.04
