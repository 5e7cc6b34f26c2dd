"""Vectors that are built by a rule, family by family."""

import math
from collections.abc import Iterator

from detect import find_outliers
from vectors.boundary import edge_after
from vectors.case import Vector, Vectors
from vectors.dice import Dice
from vectors.notation import Notation, expand, repeat

NAN, INFINITY = math.nan, math.inf

# Where the order of NumPy's additions changes: below 8 values one accumulator,
# from 8 on eight, beyond 128 halves, whose own lengths are multiples of 8; and
# beyond 8192 the blocks that NumPy 2.2 still made.
BOUNDARY_LENGTHS = [7, 8, 9, 15, 16, 17, *range(127, 138), *range(255, 265), *range(8191, 8201)]

SHORT_TIES = [5, 10, 15, 20, 25, 40, 50, 80, 100, 125, 130, 200, 255, 260]
LONG_TIES = [500, 1000, 2000, 5000, 8190, 8195, 8200, 10_000, 16_385, 20_000]
# Fewer, because a shuffled list is long to write.
LONG_SHUFFLED_TIES = [500, 1000, 2000, 5000, 8195, 10_000, 20_000]


def all_families() -> Iterator[Vector | Vectors]:
    yield from edge()
    yield from constant()
    yield from lone()
    yield from ties()
    yield from lengths()
    yield from sides()
    yield from offset()
    yield from huge()
    yield from tiny()
    yield from zero()
    yield from not_finite()
    yield from shapes()
    yield from integers()
    yield from plain()
    yield in_flight()


def edge() -> Iterator[Vector]:
    yield Vector("edge/empty", "OUT-3", "no metrics, so no mean either", [])
    for name, value in {
        "zero": 0.0,
        "one": 1.0,
        "negative": -2.5,
        "largest": 1.7976931348623157e308,
        "smallest": 5e-324,
    }.items():
        why = "one value is its own mean, and lies no distance from it"
        yield Vector(f"edge/one-value-{name}", "OUT-1", why, [value])
    why = "of two values each lies one standard deviation from the mean at most"
    two = {"equal": [3.0, 3.0], "apart": [1.0, 2.0], "far-apart": [-1e9, 1e9]}
    for name, values in two.items():
        yield Vector(f"edge/two-values-{name}", "OUT-1", why, values)


def constant() -> Iterator[Vector]:
    why = "equal values: their mean may miss them by a bit, but then by the same bit"
    for count in (3, 7, 8, 10, 129, 1000):
        for value in (0.1, -2.5, 1e9):
            name = f"constant/n-{count}-of-{words(value)}"
            yield Vector(name, "OUT-1", why, [repeat(count, [value])])


def lone() -> Iterator[Vector]:
    verdicts = {
        4: "4 values never flag one of them",
        5: "5 values: an exact tie, which rounding decides",
        6: "6 values always flag a lone odd one",
    }
    for count, verdict in verdicts.items():
        for base, odd in ((0.0, 1.0), (0.1, 0.7), (-3.0, -3.5)):
            for position in range(count):
                name = f"lone/n-{count}-{words(odd)}-among-{words(base)}-at-{position}"
                yield Vector(name, "OUT-6", verdict, odd_one(count, position, base, odd))
    for odd in (1, 2, 99, 100, 108, 109, 110, 217, 218, 219, 288, 289, 290, 1000):
        why = "109, 218 and 289 are the first integers that flag themselves among four zeros"
        yield Vector(f"lone/zeros-and-{odd}", "OUT-6", why, odd_one(5, 4, 0.0, float(odd)))
    yield from lone_where_position_decides()


def lone_where_position_decides() -> Iterator[Vector]:
    why = "5 values: where the odd one stands decides how the sum rounds, and so the verdict"
    found = 0
    for tenths in range(2, 100):
        odd = tenths / 10
        candidates = [odd_one(5, position, 0.1, odd) for position in range(5)]
        if len({len(find_outliers(values)) for values in candidates}) == 1:
            continue
        for position, values in enumerate(candidates):
            name = f"lone/position-decides-{words(odd)}-at-{position}"
            yield Vector(name, "OUT-6", why, values)
        found += 1
        if found == 8:
            return


def odd_one(count: int, position: int, base: float, odd: float) -> Notation:
    return [base] * position + [odd] + [base] * (count - 1 - position)


def ties() -> Iterator[Vector]:
    """Two values at 4:1: the rarer lies exactly two deviations out, but for the rounding."""
    why = "two values at 4:1: a tie in exact arithmetic, which the order of additions decides"
    zeros_and_ones, tenths, rare_is_low = (0.0, 1.0), (0.1, 0.3), (1.7, 0.2)
    dice = Dice(41)
    for count in SHORT_TIES:
        for values, pair in {
            "zeros-ones": zeros_and_ones,
            "tenths": tenths,
            "rare-is-low": rare_is_low,
        }.items():
            name = f"ties/n-{count}-{values}"
            yield Vector(f"{name}-sorted", "OUT-1", why, sorted_tie(count, *pair))
            shuffled = dice.shuffled(expand(sorted_tie(count, *pair)))
            yield Vector(f"{name}-shuffled", "OUT-1", why, shuffled)
    for count in LONG_TIES:
        for values, pair in {"zeros-ones": zeros_and_ones, "tenths": tenths}.items():
            name = f"ties/n-{count}-{values}"
            yield Vector(f"{name}-sorted", "OUT-1", why, sorted_tie(count, *pair))
            common, rare = pair
            in_turn = [repeat(count // 5, [common] * 4 + [rare])]
            yield Vector(f"{name}-in-turn", "OUT-1", why, in_turn)
    for count in LONG_SHUFFLED_TIES:
        shuffled = dice.shuffled(expand(sorted_tie(count, *zeros_and_ones)))
        yield Vector(f"ties/n-{count}-zeros-ones-shuffled", "OUT-1", why, shuffled)


def sorted_tie(count: int, common: float, rare: float) -> Notation:
    return [repeat(count * 4 // 5, [common]), repeat(count // 5, [rare])]


def lengths() -> Iterator[Vector]:
    dice = Dice(42)
    for count in BOUNDARY_LENGTHS:
        others = decimals(dice, count - 1)
        spared, flagged = edge_after(others)
        why = f"{count} values: the last is spared, the next float above it would not be"
        yield Vector(f"lengths/n-{count}-spared", "OUT-1", why, [*others, spared])
        why = f"{count} values: the last is flagged, the next float below it would not be"
        yield Vector(f"lengths/n-{count}-flagged", "OUT-1", why, [*others, flagged])


def decimals(dice: Dice, count: int) -> Notation:
    """Numbers from 0 to 10 with two decimals; many of them as a repeated pattern, to stay short."""
    if count < 1000:
        return [dice.decimal(0, 10, 2) for _ in range(count)]
    pattern = [dice.decimal(0, 10, 2) for _ in range(61)]
    rest = [dice.decimal(0, 10, 2) for _ in range(count % 61)]
    return [repeat(count // 61, pattern), *rest]


def sides() -> Iterator[Vector]:
    dice = Dice(43)
    for count in (12, 40, 150):
        for name, rule, why, outliers in (
            ("low", "OUT-1", "an outlier below the mean is one too", [-90.0]),
            ("high", "OUT-1", "an outlier above the mean", [95.5]),
            ("both", "OUT-1", "outliers on both sides", [-80.0, 88.0]),
            ("many", "OUT-2", "the indices ascend, whatever the values do", [99.0, -90.0, 95.0]),
        ):
            values = [dice.decimal(-10, 10, 1) for _ in range(count - len(outliers))]
            values = dice.shuffled(values + outliers)
            yield Vector(f"sides/n-{count}-{name}", rule, why, values)
    why = "the indices ascend: the greatest value first, then the smallest"
    yield Vector("sides/first-and-last", "OUT-2", why, [100.0, repeat(48, [0.0, 1.0]), -100.0])
    yield Vector("sides/last-and-first", "OUT-2", why, [-100.0, repeat(48, [0.0, 1.0]), 100.0])
    yield Vector("sides/equal-outliers", "OUT-2", why, [7.0, repeat(60, [0.0]), 7.0, 0.0, 7.0])


def offset() -> Iterator[Vector]:
    dice = Dice(44)
    for name, base, digits in (("1e9", 1e9, 3), ("1e15", 1e15, 0), ("minus-1e12", -1e12, 1)):
        why = f"small differences on {name}: a sum of squares loses them, deviations do not"
        for count in (9, 33, 140, 300):
            values = [base + dice.decimal(0, 20, digits) for _ in range(count - 1)]
            values.insert(dice.between(0, count - 1), base + 65)
            yield Vector(f"offset/{name}-n-{count}", "OUT-1", why, values)


def huge() -> Iterator[Vector]:
    why = "as large as the squares of deviations can be without overflow"
    for exponent in (100, 150, 152, 153):
        for count in (6, 20, 200):
            values = [repeat(count - 1, [0.0]), power_of_ten(exponent)]
            yield Vector(f"huge/1e{exponent}-n-{count}", "OUT-1", why, values)
    why = "a squared deviation overflows, so the standard deviation is infinite"
    for name, large in {
        "1-5e154": 1.5e154,
        "1e155": 1e155,
        "1e200": 1e200,
        "minus-1e200": -1e200,
        "1e300": 1e300,
        "1-7e308": 1.7e308,
    }.items():
        yield Vector(f"huge/square-{name}", "OUT-5", why, [repeat(9, [0.0, 1.0]), large])
    why = "no square of 1e154 overflows, but their sum does"
    yield Vector("huge/sum-of-squares", "OUT-5", why, [repeat(10, [1e154, -1e154]), 0.0])
    why = "the sum overflows, so the mean is infinite and every deviation is"
    yield Vector("huge/sum-of-two", "OUT-5", why, [1.7e308, 1.7e308])
    yield Vector("huge/sum-of-minus", "OUT-5", why, [repeat(6, [-1e308]), 1.0])
    yield Vector("huge/sum-of-many", "OUT-5", why, [repeat(1000, [1e306]), 0.0])
    why = "one half sums to infinity, the other to minus infinity: the mean is NaN"
    yield Vector("huge/sum-nan", "OUT-5", why, [repeat(100, [1e307]), repeat(100, [-1e307])])


def tiny() -> Iterator[Vector]:
    why = "the squares underflow to 0, so everything off the mean is flagged"
    yield Vector("tiny/1e-170-and-2e-170", "OUT-1", why, [1e-170, 2e-170])
    yield Vector("tiny/three-of-1e-200", "OUT-1", why, [1e-200, -1e-200, 3e-200])
    yield Vector("tiny/zeros-and-5e-324", "OUT-1", why, [0.0, 0.0, 0.0, 5e-324])
    yield Vector("tiny/subnormals", "OUT-1", why, [5e-324, 1e-323, 1.5e-323, 2e-323])
    yield Vector("tiny/subnormal-and-one", "OUT-1", "lost beside 1", [5e-324, 1.0, 1.0, 1.0])
    yield Vector("tiny/largest-subnormal", "OUT-1", why, [2.225073858507201e-308, 0.0, 0.0])
    why = "the squares are subnormal, and keep but a few bits"
    for exponent in (153, 155, 158, 160, 161, 162):
        for count in (5, 6, 20):
            value = power_of_ten(-exponent)
            values = [repeat(count - 1, [value]), 3 * value]
            yield Vector(f"tiny/1e-minus-{exponent}-n-{count}", "OUT-1", why, values)


def zero() -> Iterator[Vector]:
    why = "negative zero is zero"
    yield Vector("zero/one-negative", "OUT-1", why, [-0.0])
    yield Vector("zero/all-negative", "OUT-1", why, [repeat(20, [-0.0])])
    yield Vector("zero/both", "OUT-1", why, [0.0, -0.0, 0.0, -0.0, -0.0])
    yield Vector("zero/lone-one", "OUT-6", why, [repeat(5, [-0.0]), 1.0])
    yield Vector("zero/tie", "OUT-6", why, [-0.0, -0.0, -0.0, -0.0, 1.0])
    yield Vector("zero/lone-negative-among-ones", "OUT-6", why, [repeat(7, [1.0]), -0.0])


def not_finite() -> Iterator[Vector]:
    for name, special in {"nan": NAN, "infinity": INFINITY, "minus-infinity": -INFINITY}.items():
        why = f"with {name.replace('-', ' ')} among the values no comparison holds"
        yield Vector(f"not-finite/{name}-alone", "OUT-4", why, [special])
        yield Vector(f"not-finite/{name}-only", "OUT-4", why, [repeat(10, [special])])
        for count in (7, 20, 300):
            for place, position in (("first", 0), ("middle", count // 2), ("last", count - 1)):
                # 50 would be an outlier of the others.
                others = [50.0, *([1.0, 2.0] * count)][: count - 1]
                values = [*others[:position], special, *others[position:]]
                yield Vector(f"not-finite/{name}-n-{count}-{place}", "OUT-4", why, values)
    why = "their sum is NaN"
    yield Vector("not-finite/both-infinities", "OUT-4", why, [INFINITY, 1.0, -INFINITY])
    yield Vector("not-finite/all-three", "OUT-4", why, [INFINITY, NAN, 1.0, -INFINITY, 2.0])


def shapes() -> Iterator[Vector]:
    why = "a straight line has no value beyond the square root of 3 deviations"
    for count in (6, 100, 1000):
        values = [float(value) for value in range(count, 0, -1)]
        yield Vector(f"shapes/descending-n-{count}", "OUT-1", why, values)
        yield Vector(f"shapes/ascending-n-{count}", "OUT-1", why, values[::-1])
    for count in (9, 60, 400):
        why = "reciprocals, descending: the first few stand out if there are enough"
        values = [1e6 // (10 + position) / 100 for position in range(count)]
        yield Vector(f"shapes/decay-n-{count}", "OUT-1", why, values)
    dice = Dice(45)
    for count in (30, 129, 256, 500, 1000):
        height, values = 0, []
        for _ in range(count):
            height += dice.pick((-1, 1))
            values.append(height / 10)
        why = "a random walk: each value hangs on the one before"
        yield Vector(f"shapes/walk-n-{count}", "OUT-1", why, values)


def integers() -> Iterator[Vector]:
    why = "small integers, of which many are equal"
    dice = Dice(46)
    for count in (6, 7, 9, 11, 14, 18, 24, 32, 45, 64, 90, 128, 129, 180, 250, 500):
        for low, high in ((0, 3), (-5, 5)):
            values = [float(dice.between(low, high)) for _ in range(count - 1)]
            values.append(float(3 * high))
            name = f"integers/n-{count}-to-{high}"
            yield Vector(name, "OUT-1", why, dice.shuffled(values))


def plain() -> Iterator[Vector]:
    why = "plain random values"
    dice = Dice(47)
    for count in (2, 3, 5, 8, 13, 21, 34, 55, 89, 100, 127, 128, 144, 200):
        values = [dice.fraction() + dice.fraction() + dice.fraction() for _ in range(count)]
        yield Vector(f"plain/bell-n-{count}", "OUT-1", why, values)
        values = [dice.fraction() * dice.fraction() * dice.fraction() for _ in range(count)]
        yield Vector(f"plain/skew-n-{count}", "OUT-1", why, values)


def in_flight() -> Vectors:
    calls = [[*zeros(position), 1.0, *zeros(249 - position)] for position in range(200)]
    why = "200 calls at once, each with an answer of its own"
    return Vectors("in-flight/200-calls", "CALL-1", why, calls)


def zeros(count: int) -> Notation:
    return [repeat(count, [0.0])] if count else []


def power_of_ten(exponent: int) -> float:
    """Read, not computed: `**` rounds as the machine's C library does."""
    return float(f"1e{exponent}")


def words(value: float) -> str:
    """A number as part of a case's name."""
    return f"{value:g}".replace("-", "minus-").replace(".", "-").replace("+", "")
