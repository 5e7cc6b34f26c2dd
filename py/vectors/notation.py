"""How the suite's file writes a list of values: short, and every bit of them."""

import math
from collections.abc import Iterable

# Above this, not every integer is a float, and its digits are many.
LARGEST_WRITTEN_AS_INTEGER = 2.0**53

Notation = list[float | dict]


def repeat(count: int, values: Iterable[float]) -> dict:
    """An entry of a list that stands for the values, `count` times over."""
    return {"$repeat": count, "of": list(values)}


def expand(notation: Notation) -> list[float]:
    """The values that the notation stands for."""
    values = []
    for entry in notation:
        if isinstance(entry, dict):
            values.extend(entry["of"] * entry["$repeat"])
        else:
            values.append(entry)
    return values


def to_json(notation: Notation) -> list:
    return [
        {**entry, "of": to_json(entry["of"])} if isinstance(entry, dict) else number(entry)
        for entry in notation
    ]


def number(value: float) -> float | int | str:
    """As protobuf's JSON writes a double; 1 rather than 1.0, and -0.0 as it is."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    is_negative_zero = value == 0 and math.copysign(1, value) < 0
    if value == int(value) and abs(value) < LARGEST_WRITTEN_AS_INTEGER and not is_negative_zero:
        return int(value)
    return float(value)
