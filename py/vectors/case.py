"""A vector, and the case that it becomes in the suite."""

from dataclasses import dataclass

from detect import find_outliers
from vectors.notation import Notation, expand, to_json


@dataclass(frozen=True)
class Vector:
    name: str
    rule: str
    why: str
    values: Notation

    def to_json(self) -> dict:
        return {
            "name": self.name,
            "rule": self.rule,
            "why": self.why,
            "method": "pb.Outliers/Detect",
            **call_to_json(self.values),
        }


@dataclass(frozen=True)
class Vectors:
    """Vectors whose calls are in flight together, in one case."""

    name: str
    rule: str
    why: str
    calls: list[Notation]

    def to_json(self) -> dict:
        return {
            "name": self.name,
            "rule": self.rule,
            "why": self.why,
            "method": "pb.Outliers/Detect",
            "calls": [call_to_json(values) for values in self.calls],
        }


def call_to_json(values: Notation) -> dict:
    """The request, and what NumPy itself answers: nothing else decides an expectation."""
    return {
        "request": {"metrics[].value": to_json(values)},
        "expect": {"messages": [{"indices": find_outliers(expand(values))}]},
    }
