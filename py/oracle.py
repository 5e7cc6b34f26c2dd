"""Writes the vectors for pb.Outliers/Detect: what NumPy itself answers.

Usage: oracle.py [PATH], by default harness/suites/vectors.jsonl of this
repository. The file is the same byte for byte on every machine.
"""

import json
import sys
from pathlib import Path

import numpy as np

from vectors.families import all_families
from vectors.tells import all_tells

DEFAULT_PATH = Path(__file__).parents[1] / "harness" / "suites" / "vectors.jsonl"


def main(arguments: list[str]) -> None:
    path = Path(arguments[0]) if arguments else DEFAULT_PATH
    path.write_text("".join(f"{line}\n" for line in lines()), encoding="utf-8", newline="\n")


def lines() -> list[str]:
    """The suite's header, and a line for each case."""
    cases = [case.to_json() for case in (*all_families(), *all_tells())]
    names = {case["name"] for case in cases}
    if len(names) != len(cases):
        raise RuntimeError("two vectors have the same name")
    return [one_line(document) for document in (header(), *cases)]


def header() -> dict:
    source = f"NumPy {np.__version__}, written by py/oracle.py"
    return {"suite": {"name": "vectors", "proto": "outliers.proto", "source": source}}


def one_line(document: dict) -> str:
    # Non-finite numbers are strings by now; Python's own NaN would be no JSON.
    return json.dumps(document, separators=(",", ":"), allow_nan=False)


if __name__ == "__main__":
    main(sys.argv[1:])
