"""The entries of a request's metadata that direct how the server answers."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

import grpc

from words import quote

Metadata = list[tuple[str, str | bytes]]

PREFIX = "x-crosswire-"
HEADER_PREFIX = "x-crosswire-header"
TRAILER_PREFIX = "x-crosswire-trailer"
STATUS = "x-crosswire-status"
STATUS_MESSAGE = "x-crosswire-status-message-bin"
STATUS_DETAILS = "x-crosswire-status-details-bin"
DELAY = "x-crosswire-delay-ms"
SIZE = "x-crosswire-size"
COMPRESS = "x-crosswire-compress"
PANIC = "x-crosswire-panic"

CODES = {code.value[0]: code for code in grpc.StatusCode}
# One more than the last code that gRPC knows: grpcio makes UNKNOWN of it.
CODES[max(CODES) + 1] = max(CODES) + 1

# 24 hours, which is as long as a call's deadline may be.
MAXIMUM_DELAY_MS = 24 * 60 * 60 * 1000

# Far beyond any limit of a message's size that a client has by default, and no
# burden on the machine.
MAXIMUM_SIZE_BYTES = 64 * 2**20

NUMBER = re.compile(r"0*(?P<digits>[0-9]{1,18})", re.ASCII)


class DirectionError(Exception):
    """An entry makes no sense; the text names it."""


@dataclass(frozen=True)
class Directions:
    """What the metadata of one call asks for."""

    # Sent back, in the initial metadata and in the trailing.
    header: Metadata
    trailer: Metadata
    # How the call ends, instead of its own status; None: with its own.
    code: grpc.StatusCode | None
    message: str
    # The value of grpc-status-details-bin.
    details: bytes | None
    # The time to wait before each response message.
    delay_seconds: float
    # How long each response message is made.
    size_bytes: int
    # Whether the response messages are compressed with gzip.
    compress: bool
    # The text of the exception that ends the handler; None: none does.
    panic: str | None


def read_directions(metadata: Iterable[tuple[str, str | bytes]]) -> Directions:
    """Of an entry that is there several times, the last counts."""
    received = [(name, value) for name, value in metadata if name.startswith(PREFIX)]
    last = dict(received)
    return Directions(
        header=starting_with(HEADER_PREFIX, received),
        trailer=starting_with(TRAILER_PREFIX, received),
        code=CODES[number(STATUS, last, max(CODES))] if STATUS in last else None,
        message=status_message(last),
        details=last.get(STATUS_DETAILS),
        delay_seconds=number(DELAY, last, MAXIMUM_DELAY_MS) / 1000,
        size_bytes=number(SIZE, last, MAXIMUM_SIZE_BYTES),
        compress=is_compressed(last),
        panic=last.get(PANIC),
    )


def starting_with(prefix: str, metadata: Metadata) -> Metadata:
    return [(name, value) for name, value in metadata if name.startswith(prefix)]


def number(name: str, entries: dict[str, str], most: int) -> int:
    """The entry as a number from 0 to `most`, 0 if it is not there."""
    text = entries.get(name, "0")
    match = NUMBER.fullmatch(text)
    if not match or int(match["digits"]) > most:
        raise DirectionError(f"{name}: {quote(text)} is not a whole number from 0 to {most}")
    return int(match["digits"])


def status_message(entries: dict[str, bytes]) -> str:
    message = entries.get(STATUS_MESSAGE, b"")
    try:
        return message.decode()
    except UnicodeDecodeError as error:
        shown = quote(message.decode(errors="replace"))
        raise DirectionError(f"{STATUS_MESSAGE}: {shown} is not UTF-8") from error


def is_compressed(entries: dict[str, str]) -> bool:
    encoding = entries.get(COMPRESS)
    if encoding not in (None, "gzip"):
        shown = quote(encoding)
        raise DirectionError(f"{COMPRESS}: {shown} is not an encoding of this server; give gzip")
    return encoding is not None
