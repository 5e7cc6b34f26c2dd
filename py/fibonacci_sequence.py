"""The Fibonacci numbers, as docs/contract.md (FIB-*) wants them."""

from collections.abc import Iterator

# F(92) = 7540113804746346429 is the last that fits in the int64 of the .proto.
MAXIMUM_COUNT = 93


def generate_fibonacci(count: int) -> Iterator[int]:
    """Yields F(0), F(1), … up to `count` numbers, and F(0) even if `count` is below 1.

    The tutorial's generator yields before it tests; FIB-2 keeps that.
    """
    current, following = 0, 1
    yield current
    for _ in range(1, count):
        current, following = following, current + following
        yield current


def out_of_range_message(count: int) -> str:
    """The status message of FIB-3, word for word the same in every language."""
    return f"count {count} is more than {MAXIMUM_COUNT}: F({MAXIMUM_COUNT}) does not fit in int64"
