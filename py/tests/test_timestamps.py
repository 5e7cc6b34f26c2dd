from datetime import UTC, datetime

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from dummy import TIME_NANOSECONDS
from timestamps import MAXIMUM_SECONDS, MINIMUM_SECONDS, from_nanoseconds, to_nanoseconds

SECOND = 1_000_000_000


@pytest.mark.parametrize(
    ("nanoseconds", "seconds", "nanos"),
    [
        pytest.param(0, 0, 0, id="1970"),
        pytest.param(1, 0, 1, id="one-nanosecond"),
        pytest.param(1_590_156_791 * SECOND, 1_590_156_791, 0, id="article"),
        pytest.param(1_234_567_890_123_456_789, 1_234_567_890, 123_456_789, id="nanoseconds"),
        pytest.param(-1, -1, 999_999_999, id="just-before-1970"),
        pytest.param(-1_500_000_000, -2, 500_000_000, id="before-1970"),
        pytest.param(-62_135_596_800 * SECOND, MINIMUM_SECONDS, 0, id="first"),
        pytest.param(253_402_300_800 * SECOND - 1, MAXIMUM_SECONDS, 999_999_999, id="last"),
    ],
)
def test_both_ways(nanoseconds: int, seconds: int, nanos: int):
    timestamp = Timestamp(seconds=seconds, nanos=nanos)
    assert from_nanoseconds(nanoseconds) == timestamp
    assert to_nanoseconds(timestamp) == nanoseconds


@pytest.mark.parametrize(
    "nanoseconds", [-62_135_596_800 * SECOND - 1, 253_402_300_800 * SECOND], ids=["early", "late"]
)
def test_out_of_range(nanoseconds: int):
    with pytest.raises(ValueError, match="outside 0001-01-01T00:00:00Z to 9999-12-31T23:59:59Z"):
        from_nanoseconds(nanoseconds)


@pytest.mark.parametrize(
    ("timestamp", "message"),
    [
        (Timestamp(seconds=MINIMUM_SECONDS - 1), "seconds -62135596801 are outside"),
        (Timestamp(seconds=MAXIMUM_SECONDS + 1), "seconds 253402300800 are outside"),
        (Timestamp(nanos=-1), "nanos -1 are not between 0 and 999999999"),
        (Timestamp(nanos=SECOND), "nanos 1000000000 are not between 0 and 999999999"),
    ],
)
def test_invalid(timestamp: Timestamp, message: str):
    with pytest.raises(ValueError, match=message):
        to_nanoseconds(timestamp)


@pytest.mark.parametrize(
    ("seconds", "instant"),
    [
        (MINIMUM_SECONDS, datetime(1, 1, 1, tzinfo=UTC)),
        (MAXIMUM_SECONDS, datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (TIME_NANOSECONDS // SECOND, datetime(2020, 5, 22, 14, 13, 11, tzinfo=UTC)),
    ],
)
def test_constants_are_the_instants_that_they_name(seconds: int, instant: datetime):
    assert seconds == instant.timestamp()
