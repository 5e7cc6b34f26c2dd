"""Vectors that are searched: on each, a wrong method's answer differs from NumPy's."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from detect import find_outliers
from vectors import wrong_methods
from vectors.boundary import edge_after
from vectors.case import Vector
from vectors.dice import Dice
from vectors.notation import Notation, expand, repeat

WANTED = 16

# The rarest find is about one in fifty candidates; far more than that means
# that a generator no longer finds anything, and a search that has no end.
MAXIMUM_CANDIDATES = 5000


@dataclass(frozen=True)
class Tell:
    """What tells a wrong method apart, and candidates among which it can be found."""

    name: str
    method: wrong_methods.Method
    why: str
    candidates: Callable[[Dice], Notation]
    rule: str = "OUT-1"


def all_tells() -> Iterator[Vector]:
    for seed, tell in enumerate(TELLS, start=100):
        yield from search(tell, Dice(seed))


def search(tell: Tell, dice: Dice) -> Iterator[Vector]:
    found = 0
    for _ in range(MAXIMUM_CANDIDATES):
        notation = tell.candidates(dice)
        values = expand(notation)
        if tell.method(values) == find_outliers(values):
            continue
        found += 1
        name = f"tells-{tell.name}/n-{len(values)}-{found}"
        yield Vector(name, tell.rule, tell.why, notation)
        if found == WANTED:
            return
    raise RuntimeError(f"{tell.name}: {found} of {WANTED} in {MAXIMUM_CANDIDATES} candidates")


def few_integers(dice: Dice) -> Notation:
    count = dice.between(6, 40)
    return [float(dice.between(0, 9)) for _ in range(count - 1)] + [float(dice.between(10, 40))]


def low_integers(dice: Dice) -> Notation:
    return dice.shuffled([-value for value in few_integers(dice)])


def exact_tie(dice: Dice) -> Notation:
    """Integers whose mean and deviations are integers too, so that the tie stays one."""
    fifths = dice.between(1, 60)
    common, step = dice.between(-20, 20), 5 * dice.between(1, 9)
    return dice.shuffled([float(common)] * 4 * fifths + [float(common + step)] * fifths)


def shuffled_tie(dice: Dice) -> Notation:
    fifths = dice.between(2, 80)
    common, rare = dice.decimal(0, 3, 1), dice.decimal(0, 3, 1)
    return dice.shuffled([common] * 4 * fifths + [rare] * fifths)


def on_the_edge(dice: Dice) -> Notation:
    """Decimals, and a last value that is a neighbour of the border between the verdicts."""
    others = [dice.decimal(0, 10, 2) for _ in range(dice.between(8, 80))]
    return [*others, dice.pick(edge_after(others))]


def tie_or_edge(dice: Dice) -> Notation:
    return dice.pick((shuffled_tie, on_the_edge))(dice)


def close_to_a_large_offset(dice: Dice) -> Notation:
    """Differences that single precision rounds away."""
    base = dice.pick((1e8, 2.5e7, 1e9))
    return [base + value for value in few_integers(dice)]


def beyond_8192(dice: Dice) -> Notation:
    """Long, but short to write: a shuffled tie of 2 values at 4:1 over and over, and its rest."""
    fifths = dice.between(2, 8)
    common, rare = dice.decimal(0, 3, 1), dice.decimal(0, 3, 1)
    pattern = dice.shuffled([common] * 4 * fifths + [rare] * fifths)
    count = dice.between(8193, 25_000) // len(pattern) + 1
    return [repeat(count, pattern)]


def with_nan(dice: Dice) -> Notation:
    return dice.shuffled([*few_integers(dice), 99.0, *[float("nan")] * dice.between(1, 3)])


TELLS = [
    Tell(
        "ddof-1",
        wrong_methods.sample_deviation,
        "the sample deviation, ddof 1, is greater and spares what lies just outside",
        few_integers,
    ),
    Tell(
        "at-least",
        wrong_methods.at_least,
        "a value exactly two deviations out is no outlier: strictly more",
        exact_tie,
    ),
    Tell(
        "one-side",
        wrong_methods.high_side_only,
        "an outlier below the mean is one too",
        low_integers,
    ),
    Tell(
        "three-sigma",
        wrong_methods.three_sigma,
        "outliers between two and three deviations",
        few_integers,
    ),
    Tell(
        "float32",
        wrong_methods.float32,
        "single precision rounds the differences away",
        close_to_a_large_offset,
    ),
    Tell(
        "left-to-right",
        wrong_methods.left_to_right,
        "a sum from left to right rounds otherwise than NumPy's pairs",
        tie_or_edge,
    ),
    Tell(
        "one-pass",
        wrong_methods.one_pass,
        "Welford's one pass rounds otherwise than two passes",
        tie_or_edge,
    ),
    Tell(
        "mean-of-squares",
        wrong_methods.mean_of_squares,
        "the mean of squares less the square of the mean cancels",
        tie_or_edge,
    ),
    Tell(
        "fused-squares",
        wrong_methods.fused_squares,
        "a fused multiply-add leaves out a rounding that NumPy makes",
        tie_or_edge,
    ),
    Tell(
        "blocks-of-8192",
        wrong_methods.blocks_of_8192,
        "NumPy 2.2 and earlier summed blocks of 8192; 2.3 and later do not",
        beyond_8192,
    ),
    Tell(
        "dropping-nan",
        wrong_methods.dropping_nan,
        "NaN is not left out: with it no comparison holds",
        with_nan,
        rule="OUT-4",
    ),
]
