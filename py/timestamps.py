"""google.protobuf.Timestamp from and to Python's time.

Python's time with nanoseconds is the integer that `time.time_ns()` and
`os.stat_result.st_mtime_ns` give: nanoseconds since 1970-01-01T00:00:00Z,
negative before. `datetime` stops at microseconds and would lose what other
languages send, so it is not used here.
"""

from google.protobuf.timestamp_pb2 import Timestamp

NANOSECONDS_PER_SECOND = 1_000_000_000

# 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z, the range that Timestamp documents.
MINIMUM_SECONDS = -62_135_596_800
MAXIMUM_SECONDS = 253_402_300_799


def from_nanoseconds(nanoseconds: int) -> Timestamp:
    """Returns the Timestamp of that many nanoseconds since 1970; ValueError out of its range."""
    # Floor division: a Timestamp's nanos count forward in time, before 1970 too.
    seconds, nanos = divmod(nanoseconds, NANOSECONDS_PER_SECOND)
    check_seconds(seconds)
    return Timestamp(seconds=seconds, nanos=nanos)


def to_nanoseconds(timestamp: Timestamp) -> int:
    """Returns the nanoseconds since 1970 of a Timestamp; ValueError if it is not a valid one."""
    check_seconds(timestamp.seconds)
    if not 0 <= timestamp.nanos < NANOSECONDS_PER_SECOND:
        raise ValueError(
            f"timestamp nanos {timestamp.nanos} are not between 0 and {NANOSECONDS_PER_SECOND - 1}"
        )
    return timestamp.seconds * NANOSECONDS_PER_SECOND + timestamp.nanos


def check_seconds(seconds: int) -> None:
    if not MINIMUM_SECONDS <= seconds <= MAXIMUM_SECONDS:
        raise ValueError(
            f"timestamp seconds {seconds} are outside 0001-01-01T00:00:00Z to 9999-12-31T23:59:59Z"
        )
