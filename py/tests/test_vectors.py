"""The vectors file is what the oracle writes today, and NumPy adds in the order we describe."""

import json
import math
import re
from pathlib import Path

import pytest

import oracle
from vectors.notation import Notation, expand, repeat, to_json
from vectors.tells import TELLS, WANTED

REQUIREMENTS = Path(__file__).parents[1] / "requirements.txt"


@pytest.fixture(scope="module")
def documents() -> list[dict]:
    return [json.loads(line) for line in oracle.DEFAULT_PATH.read_text().splitlines()]


@pytest.fixture(scope="module")
def vectors(documents: list[dict]) -> dict[str, tuple[str, list[float], list[int]]]:
    """Rule, values and indices by name."""
    return {
        case["name"]: (case["rule"], values_of(case), indices_of(case))
        for case in documents[1:]
        if "request" in case
    }


def values_of(call: dict) -> list[float]:
    return expand([from_json(entry) for entry in call["request"]["metrics[].value"]])


def from_json(entry: dict | float | str) -> dict | float:
    if isinstance(entry, dict):
        return {**entry, "of": [from_json(value) for value in entry["of"]]}
    return float(entry)


def indices_of(call: dict) -> list[int]:
    (message,) = call["expect"]["messages"]
    return message["indices"]


def test_header_names_the_pinned_numpy(documents: list[dict]):
    (pinned,) = re.findall(r"(?m)^numpy==(.+)$", REQUIREMENTS.read_text())
    assert documents[0]["suite"]["source"] == f"NumPy {pinned}, written by py/oracle.py"


def test_file_is_up_to_date():
    assert oracle.DEFAULT_PATH.read_bytes().decode() == "".join(f"{x}\n" for x in oracle.lines())


def test_names(documents: list[dict]):
    names = [case["name"] for case in documents[1:]]
    assert len(names) == len(set(names)) >= 500
    for name in names:
        assert re.fullmatch(r"[a-z0-9-]+(/[a-z0-9-]+)+", name)
        assert len(name) <= 60


def test_indices_ascend(vectors: dict):
    for name, (_, _, indices) in vectors.items():
        assert indices == sorted(set(indices)), name


def test_rules(vectors: dict):
    for name, (rule, values, indices) in vectors.items():
        if rule in ("OUT-3", "OUT-4", "OUT-5"):
            assert indices == [], name
        if rule == "OUT-6" and len(values) == 4:
            assert indices == [], name
        if rule == "OUT-6" and len(values) == 6:
            assert len(indices) == 1, name


def test_known_facts(vectors: dict):
    flagged = [odd for odd in range(300) if vectors.get(f"lone/zeros-and-{odd}", "  []")[2] == [4]]
    assert flagged == [109, 218, 289]
    assert vectors["tiny/1e-170-and-2e-170"][1:] == ([1e-170, 2e-170], [0, 1])


def test_numpy_adds_in_the_order_that_the_contract_describes(vectors: dict):
    for name, (_, values, indices) in vectors.items():
        assert two_sigma(values) == indices, name


def two_sigma(values: list[float]) -> list[int]:
    """The contract in plain Python, bit for bit."""
    if not values:
        return []
    count = len(values)
    mean = (0.0 + pairwise(values)) / count
    deviations = [value - mean for value in values]
    variance = (0.0 + pairwise([deviation * deviation for deviation in deviations])) / count
    distance = 2 * math.sqrt(variance)
    return [index for index, deviation in enumerate(deviations) if abs(deviation) > distance]


def pairwise(values: list[float]) -> float:
    count = len(values)
    if count > 128:
        half = count // 2 - count // 2 % 8
        return pairwise(values[:half]) + pairwise(values[half:])
    if count < 8:
        total, rest = -0.0, values
    else:
        lanes, rest = values[:8], values[count - count % 8 :]
        for position in range(8, count - count % 8):
            lanes[position % 8] += values[position]
        low = (lanes[0] + lanes[1]) + (lanes[2] + lanes[3])
        total = low + ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]))
    for value in rest:
        total += value
    return total


@pytest.mark.parametrize("tell", TELLS, ids=lambda tell: tell.name)
def test_tells(vectors: dict, tell):
    family = [v for name, v in vectors.items() if name.startswith(f"tells-{tell.name}/")]
    assert len(family) == WANTED
    for _, values, indices in family:
        assert tell.method(values) != indices


def test_calls_in_flight_have_answers_of_their_own(documents: list[dict]):
    (case,) = [document for document in documents if "calls" in document]
    assert case["name"] == "in-flight/200-calls"
    assert [indices_of(call) for call in case["calls"]] == [[i] for i in range(200)]
    assert [values_of(call).index(1.0) for call in case["calls"]] == list(range(200))


@pytest.mark.parametrize(
    ("notation", "text"),
    [
        ([1.0, -2.0, 0.5], "[1, -2, 0.5]"),
        ([0.0, -0.0], "[0, -0.0]"),
        ([2.0**53, 1e200, 5e-324], "[9007199254740992.0, 1e+200, 5e-324]"),
        ([math.nan, math.inf, -math.inf], '["NaN", "Infinity", "-Infinity"]'),
        ([repeat(3, [1.0, math.nan]), 2.0], '[{"$repeat": 3, "of": [1, "NaN"]}, 2]'),
    ],
)
def test_notation(notation: Notation, text: str):
    assert json.dumps(to_json(notation)) == text
