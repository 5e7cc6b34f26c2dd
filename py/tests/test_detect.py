import math

import pytest

from detect import find_outliers
from dummy import dummy_metrics


@pytest.mark.parametrize(
    ("values", "indices"),
    [
        pytest.param([1, 2, 100, 1, 3, 200, 1], [5], id="article"),
        pytest.param([], [], id="empty"),
        pytest.param([7], [], id="one"),
        pytest.param([0.1] * 10, [], id="constant"),
        pytest.param([0, 0, 0, 1], [], id="four-never-flag"),
        pytest.param([0, 0, 0, 0, 109], [4], id="five-tie-that-flags"),
        pytest.param([0, 0, 0, 0, 110], [], id="five-tie-that-does-not"),
        pytest.param([0, 0, 0, 0, 0, 1], [5], id="six-always-flag"),
        pytest.param([-9, *[0, 1] * 20, 9], [0, 41], id="both-sides-ascending"),
        pytest.param([math.nan, *[0] * 9, 1], [], id="nan"),
        pytest.param([math.inf, *[0] * 9, 1], [], id="infinity"),
        pytest.param([math.inf, -math.inf], [], id="infinities"),
        pytest.param([1.7e308, 1.7e308], [], id="sum-overflows"),
        pytest.param([*[0] * 9, 1e200], [], id="square-overflows"),
        pytest.param([1e-170, 2e-170], [0, 1], id="squares-underflow"),
    ],
)
def test_find_outliers(values: list[float], indices: list[int]):
    # pyproject.toml makes errors of warnings, so this also shows that NumPy gave none.
    assert find_outliers(values) == indices


def test_dummy_metrics():
    metrics = dummy_metrics()
    assert len(metrics) == 1000
    assert metrics[1].value == 36.76
    assert {metric.name for metric in metrics} == {"CPU"}
    assert find_outliers(metric.value for metric in metrics) == [7, 113, 835]
