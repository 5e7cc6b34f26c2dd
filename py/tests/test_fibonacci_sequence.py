from itertools import islice

import pytest

from fibonacci_sequence import MAXIMUM_COUNT, generate_fibonacci, out_of_range_message


@pytest.mark.parametrize(
    ("count", "sequence"),
    [
        (-(2**63), [0]),
        (-1, [0]),
        (0, [0]),
        (1, [0]),
        (2, [0, 1]),
        (10, [0, 1, 1, 2, 3, 5, 8, 13, 21, 34]),
    ],
)
def test_generate_fibonacci(count: int, sequence: list[int]):
    assert list(generate_fibonacci(count)) == sequence


def test_maximum_is_the_last_that_fits():
    *_, last, one_too_many = generate_fibonacci(MAXIMUM_COUNT + 1)
    assert last == 7540113804746346429 < 2**63 <= one_too_many


def test_computes_only_what_is_taken():
    assert list(islice(generate_fibonacci(2**63 - 1), 3)) == [0, 1, 1]


def test_out_of_range_message():
    expected = "count 94 is more than 93: F(93) does not fit in int64"
    assert out_of_range_message(94) == expected
