"""Random values that are the same on every machine and in every version of Python.

Python promises this of `random.Random(seed).random()` alone, so everything here
is made of it. For the same reason no vector uses `sum` or `**` of floats: the
one changed in Python 3.12, the other is the C library's.
"""

from collections.abc import Sequence
from random import Random
from typing import TypeVar

Item = TypeVar("Item")


class Dice:
    def __init__(self, seed: int):
        self._random = Random(seed).random

    def fraction(self) -> float:
        """At least 0 and less than 1."""
        return self._random()

    def between(self, low: int, high: int) -> int:
        """An integer, both ends included."""
        return low + int(self._random() * (high - low + 1))

    def decimal(self, low: int, high: int, digits: int) -> float:
        """A number with so many decimal places: short to write, and rarely exact in binary."""
        scale = 10**digits
        return self.between(low * scale, high * scale) / scale

    def pick(self, items: Sequence[Item]) -> Item:
        return items[self.between(0, len(items) - 1)]

    def shuffled(self, items: Sequence[Item]) -> list[Item]:
        result = list(items)
        for last in range(len(result) - 1, 0, -1):
            other = self.between(0, last)
            result[last], result[other] = result[other], result[last]
        return result
