"""One call: from the fields of its line to those of its result.

It only observes; the harness judges.
"""

import asyncio
import base64
from typing import Any

from grpclib.client import (
    Channel,
    ServiceMethod,
    Stream,
    StreamStreamMethod,
    StreamUnaryMethod,
    UnaryStreamMethod,
    UnaryUnaryMethod,
)
from grpclib.const import Status
from grpclib.exceptions import GRPCError
from h2.exceptions import StreamClosedError
from multidict import MultiDict

from fibonacci_grpc import FibonacciServiceStub
from outliers_grpc import OutliersStub
from steps import (
    CancelledByClientError,
    Progress,
    Step,
    UnsupportedError,
    is_one_request,
    play,
    read_steps,
)
from testing_grpc import TestServiceStub, UnimplementedServiceStub

STUBS = {
    "pb.Outliers": OutliersStub,
    "FibonacciService": FibonacciServiceStub,
    "grpc.testing.TestService": TestServiceStub,
    "grpc.testing.UnimplementedService": UnimplementedServiceStub,
}


class Raw(bytes):
    """A message of a type that nobody knows, as grpclib's codec wants one."""

    @classmethod
    def FromString(cls, serialized: bytes) -> "Raw":  # noqa: N802
        return cls(serialized)

    def SerializeToString(self) -> bytes:  # noqa: N802
        return bytes(self)


async def make(call: dict[str, Any], channel: Channel) -> dict[str, Any]:
    method, steps = prepare(call, channel)
    timeout_ms = call.get("timeout_ms")
    stream = method.open(
        timeout=None if timeout_ms is None else timeout_ms / 1000,
        metadata=[metadatum(name, value) for name, value in call.get("metadata", [])],
    )
    answers_once = isinstance(method, UnaryUnaryMethod | StreamUnaryMethod)
    progress = Progress()
    messages = progress.messages
    code, text, details = Status.OK.value, "", b""
    try:
        async with stream:
            await converse(stream, steps, call, answers_once, progress)
        # As grpclib's unary call has it.
        assert messages or not answers_once
    except CancelledByClientError:
        code, text = Status.CANCELLED.value, "cancelled by the client"
    except GRPCError as error:
        code, text, details = error.status.value, error.message or "", error.details or b""
    except TimeoutError as error:
        # grpclib's way to say that the deadline has passed.
        code, text = Status.DEADLINE_EXCEEDED.value, str(error)
    except Exception as error:
        # An exception is what grpclib's callers get for whatever is no status that a server
        # sent: a connection that is lost, a stream that is reset, a message that is malformed.
        code, text = None, repr(error)
    if answers_once and code != Status.OK.value:
        # That call, which shows no metadata, raises instead of returning the message.
        messages.clear()
    return {
        "steps": progress.steps,
        "messages": messages,
        "status": {"code": code, "message": text, "details": to_base64(details)},
        "headers": to_json(stream.initial_metadata),
        "trailers": to_json(stream.trailing_metadata),
    }


def prepare(call: dict[str, Any], channel: Channel) -> tuple[ServiceMethod, list[Step]]:
    """The method as it is called, and the steps with their messages parsed."""
    if call.get("raw"):
        steps = read_steps(call.get("send"), Raw)
        kind = UnaryStreamMethod if is_one_request(steps) else StreamStreamMethod
        return kind(channel, f"/{call['method']}", Raw, Raw), steps
    service, _, name = call["method"].rpartition("/")
    method = getattr(STUBS[service](channel), name, None) if service in STUBS else None
    if method is None:
        raise UnsupportedError(f"no stub for {call['method']}")
    steps = read_steps(call.get("send"), method.request_type)
    takes_one = isinstance(method, UnaryUnaryMethod | UnaryStreamMethod)
    if takes_one and not is_one_request(steps):
        raise UnsupportedError("the method takes one request: a message, and a half_close")
    return method, steps


async def converse(
    stream: Stream,
    steps: list[Step],
    call: dict[str, Any],
    answers_once: bool,
    progress: Progress,
) -> None:
    """Sends and receives side by side, until the responses have come to their end."""
    await stream.send_request()
    sending = asyncio.create_task(play(steps, stream, progress))
    receiving = asyncio.create_task(receive(stream, call, answers_once, progress, sending))
    try:
        await asyncio.wait({sending, receiving}, return_when=asyncio.FIRST_COMPLETED)
        if sending.done() and isinstance(sending.exception(), CancelledByClientError):
            # Leaving the stream's block so resets the stream, as the cancellation of a task does;
            # `Stream.cancel` fails if the whole response has come.
            raise CancelledByClientError
        # Whatever else has ended the steps has ended the call.
        await receiving
    finally:
        sending.cancel()
        receiving.cancel()
        await asyncio.gather(sending, receiving, return_exceptions=True)
    if not progress.is_half_closed and not progress.is_cut:
        # The server was first; grpclib tells the status of a stream that both have ended.
        await end(stream)


async def end(stream: Stream) -> None:
    try:
        await stream.end()
    except StreamClosedError:
        # The server has reset it meanwhile: whoever asks for more is told, with the status.
        await stream.recv_message()


async def receive(
    stream: Stream,
    call: dict[str, Any],
    answers_once: bool,
    progress: Progress,
    sending: asyncio.Task[None],
) -> None:
    """Adds the response messages as they come."""
    limit = call.get("cancel_after_messages")
    delay_seconds = call.get("read_delay_ms", 0) / 1000
    if limit == 0:
        await asyncio.wait({sending})
        raise CancelledByClientError
    await stream.recv_initial_metadata()
    progress.begin()
    while len(progress.messages) != limit:
        if answers_once and progress.messages and progress.is_half_closed:
            return
        await asyncio.sleep(delay_seconds)
        message = await stream.recv_message()
        if message is None:
            return
        progress.add(to_base64(message.SerializeToString()))
    raise CancelledByClientError


def metadatum(name: str, value: str) -> tuple[str, str | bytes]:
    return (name, base64.b64decode(value)) if name.endswith("-bin") else (name, value)


def to_json(metadata: MultiDict | None) -> list[list[str]]:
    return [
        [name, to_base64(value) if isinstance(value, bytes) else value]
        for name, value in (metadata or MultiDict()).items()
    ]


def to_base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
