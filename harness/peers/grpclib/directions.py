"""Lets a request say by its metadata how it is answered: docs/peer-protocol.md#directions."""

import asyncio
import re
from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message
from grpclib.const import Status
from grpclib.events import RecvRequest, SendMessage, SendTrailingMetadata, listen
from grpclib.exceptions import GRPCError
from grpclib.server import Server, Stream
from multidict import MultiDict

PREFIX = "x-crosswire-"

MAXIMUM_DELAY_MS = 24 * 60 * 60 * 1000
MAXIMUM_SIZE_BYTES = 64 * 2**20
# One more than gRPC's last.
MAXIMUM_CODE = max(status.value for status in Status) + 1

# So few digits that Python takes them for a number.
NUMBER = re.compile(r"0*(?P<digits>[0-9]{1,18})")

# The tag of the padding: field number 1000, length-delimited.
PADDING_TAG = bytes([0xC2, 0x3E])


class DirectedError(GRPCError):
    """The end that the directions bring about, as against the service's own."""


@dataclass(frozen=True)
class Directions:
    """What the metadata of one call asks for; None where it asks for nothing."""

    is_unary: bool
    header: list[tuple[str, str | bytes]]
    trailer: list[tuple[str, str | bytes]]
    code: int | None
    message: str | None
    details: bytes | None
    delay_seconds: float
    size_bytes: int
    panic: str | None

    @classmethod
    def read(cls, metadata: MultiDict, is_unary: bool) -> "Directions":
        last = dict(metadata)
        return cls(
            is_unary=is_unary,
            header=starting_with(f"{PREFIX}header", metadata),
            trailer=starting_with(f"{PREFIX}trailer", metadata),
            code=number("status", last, MAXIMUM_CODE),
            message=status_message(last),
            details=last.get(f"{PREFIX}status-details-bin"),
            delay_seconds=(number("delay-ms", last, MAXIMUM_DELAY_MS) or 0) / 1000,
            size_bytes=number("size", last, MAXIMUM_SIZE_BYTES) or 0,
            panic=last.get(f"{PREFIX}panic"),
        )

    def fail(self) -> None:
        """Raises what ends the call, unless it ends well."""
        if self.panic is not None:
            raise RuntimeError(self.panic)
        if self.code:
            # 17 is no Status for grpclib: a ValueError, as a bug in a handler would raise it.
            raise DirectedError(Status(self.code), self.message, self.details)


# grpclib's events do not say whose they are; each request has a task, and so a context, of its own.
current: ContextVar[Directions | None] = ContextVar("current", default=None)


def follow_directions(server: Server, services: Iterable[Any]) -> None:
    streaming = {
        name
        for service in services
        for name, method in service.__mapping__().items()
        if method.cardinality.server_streaming
    }

    async def direct(event: RecvRequest) -> None:
        if not any(name.startswith(PREFIX) for name in event.metadata):
            return
        directions = Directions.read(event.metadata, event.method_name not in streaming)
        current.set(directions)
        event.method_func = directed(event.method_func, directions)

    listen(server, RecvRequest, direct)
    listen(server, SendMessage, before_message)
    listen(server, SendTrailingMetadata, before_trailers)


def directed(handler: Any, directions: Directions) -> Any:
    async def answer(stream: Stream) -> None:
        if directions.header:
            await stream.send_initial_metadata(metadata=directions.header)
        is_directed_to_succeed = directions.code == Status.OK.value
        try:
            await handler(stream)
        except DirectedError:
            raise
        except GRPCError:
            if directions.is_unary:
                # There is no message that would have waited.
                await asyncio.sleep(directions.delay_seconds)
            directions.fail()
            if directions.is_unary or not is_directed_to_succeed:
                raise
        directions.fail()
        if is_directed_to_succeed:
            await stream.send_trailing_metadata(
                status_message=directions.message, status_details=directions.details
            )

    return answer


async def before_message(event: SendMessage) -> None:
    directions = current.get()
    if directions is None:
        return
    await asyncio.sleep(directions.delay_seconds)
    event.message = padded(event.message, directions.size_bytes)
    if directions.is_unary:
        # A unary call that fails has no message.
        directions.fail()


async def before_trailers(event: SendTrailingMetadata) -> None:
    directions = current.get()
    if directions is not None:
        event.metadata.extend(directions.trailer)


def starting_with(prefix: str, metadata: MultiDict) -> list[tuple[str, str | bytes]]:
    return [(name, value) for name, value in metadata.items() if name.startswith(prefix)]


def number(name: str, entries: dict[str, str], most: int) -> int | None:
    text = entries.get(PREFIX + name)
    if text is None:
        return None
    match = NUMBER.fullmatch(text)
    if not match or int(match["digits"]) > most:
        raise refusal(f"{PREFIX}{name}: {text!r} is not a whole number from 0 to {most}")
    return int(match["digits"])


def status_message(entries: dict[str, bytes]) -> str | None:
    name = f"{PREFIX}status-message-bin"
    try:
        return entries[name].decode() if name in entries else None
    except UnicodeDecodeError as error:
        raise refusal(f"{name}: not UTF-8") from error


def padded(message: Message, size_bytes: int) -> Message:
    """The message with zeros in an unknown field, so that it is so long, if it is shorter."""
    serialized = message.SerializeToString()
    missing = size_bytes - len(serialized)
    if missing <= 0:
        return message
    for length_bytes in range(1, 6):
        zeros = missing - len(PADDING_TAG) - length_bytes
        if zeros >= 0 and len(length := varint(zeros)) == length_bytes:
            return type(message).FromString(serialized + PADDING_TAG + length + bytes(zeros))
    raise refusal(f"{PREFIX}size: no field is {missing} bytes long")


def varint(value: int) -> bytes:
    groups = bytearray()
    while value >= 0x80:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*groups, value])


def refusal(why: str) -> DirectedError:
    return DirectedError(Status.INVALID_ARGUMENT, why)
