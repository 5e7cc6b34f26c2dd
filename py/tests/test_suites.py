"""The answers that people wrote into the outlier suite are NumPy's too."""

import tomllib
from pathlib import Path

import numpy as np
import pytest

SUITE = Path(__file__).parents[2] / "harness" / "suites" / "outliers.toml"


def written_cases():
    """The cases with values, and an answer; requests written as bytes have none."""
    suite = tomllib.loads(SUITE.read_text(encoding="utf-8"))
    for case in suite["case"]:
        messages = case["expect"].get("messages")
        if messages is not None and "request" in case:
            yield pytest.param(
                values_of(case["request"]), messages[0].get("indices", []), id=case["name"]
            )


def values_of(request: dict) -> list[float]:
    if "metrics" in request:
        return [metric["value"] for metric in request["metrics"]]
    return list(expanded(request.get("metrics[].value", [])))


def expanded(items: list):
    for item in items:
        if isinstance(item, dict):
            yield from list(expanded(item["of"])) * item["$repeat"]
        else:
            yield item


@pytest.mark.parametrize(("values", "indices"), list(written_cases()))
def test_numpy_gives_the_written_answer(values, indices):
    data = np.array(values, dtype="float64")
    with np.errstate(all="ignore"):
        outliers = np.abs(data - data.mean()) > 2 * data.std() if values else data > 0
    assert np.where(outliers)[0].tolist() == indices
