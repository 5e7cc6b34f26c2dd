"""One call of the drive protocol: from its JSON fields to the fields of its result.

It only observes: whatever the call comes to is a result, and the harness judges.
"""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from threading import Event
from typing import Any

import grpc
from google.protobuf.message import DecodeError, Message

from channel import Tls
from drive_connection import Connection
from fibonacci_pb2 import SequenceElement, SequenceRequest, SequenceResponse
from fibonacci_pb2_grpc import FibonacciServiceStub
from outliers_pb2 import OutliersRequest, OutliersResponse
from outliers_pb2_grpc import OutliersStub

Metadata = list[tuple[str, str | bytes]]

STATUS_DETAILS = "grpc-status-details-bin"


class UnsupportedError(Exception):
    """The call cannot be made; the text says why."""


@dataclass(frozen=True)
class Method:
    """How to call a method through the generated code."""

    stub: type
    name: str
    request: type[Message]
    response: type[Message]
    streams: bool


METHODS = {
    "pb.Outliers/Detect": Method(
        OutliersStub, "Detect", OutliersRequest, OutliersResponse, streams=False
    ),
    "FibonacciService/GetSequence": Method(
        FibonacciServiceStub, "GetSequence", SequenceRequest, SequenceResponse, streams=False
    ),
    "FibonacciService/StreamSequence": Method(
        FibonacciServiceStub, "StreamSequence", SequenceRequest, SequenceElement, streams=True
    ),
}


@dataclass(frozen=True)
class Call:
    """The fields of a call line; docs/peer-protocol.md explains them."""

    target: str
    # None: plaintext.
    tls: Tls | None
    method: str
    request: bytes
    timeout_seconds: float | None
    metadata: Metadata
    compression: grpc.Compression | None
    cancel_after_messages: int | None
    read_delay_seconds: float | None
    raw: bool

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> "Call":
        tls = fields.get("tls")
        return cls(
            target=fields["target"],
            tls=None if tls is None else tls_from_json(tls),
            method=fields["method"],
            request=from_base64(fields["request"]),
            timeout_seconds=seconds(fields.get("timeout_ms")),
            metadata=[metadatum(name, value) for name, value in fields.get("metadata") or []],
            compression=COMPRESSIONS[fields.get("compression")],
            cancel_after_messages=fields.get("cancel_after_messages"),
            read_delay_seconds=seconds(fields.get("read_delay_ms")),
            raw=fields.get("raw", False),
        )


COMPRESSIONS = {None: None, "gzip": grpc.Compression.Gzip}


def tls_from_json(fields: dict[str, str]) -> Tls:
    tls = Tls(fields["ca"], fields.get("server_name"), fields.get("certificate"), fields.get("key"))
    if (tls.certificate is None) != (tls.key is None):
        raise UnsupportedError("tls: certificate and key go together; give both, or none")
    return tls


# What comes of a call that has not started when its connection is closed; grpcio
# says the same of one that has.
CLOSED = {
    "messages": [],
    "status": {
        "code": grpc.StatusCode.CANCELLED.value[0],
        "message": "Channel closed!",
        "details": "",
    },
    "headers": [],
    "trailers": [],
}


def make_call(call: Call, connection: Connection) -> dict[str, Any]:
    """Makes the call and waits for its end; returns the fields of its result."""
    if call.cancel_after_messages == 0:
        connection.wait_until_ready(call.timeout_seconds)
    try:
        rpc, messages = start(call, connection)
    except ValueError:
        if connection.is_closed:
            return CLOSED
        raise
    if call.read_delay_seconds is not None:
        messages = slowly(rpc, messages, call.read_delay_seconds)
    received = [base64_of(message) for message in until_cancelled(call, rpc, messages)]
    return {
        "messages": received,
        "status": {
            "code": rpc.code().value[0],
            "message": rpc.details() or "",
            "details": base64_of(status_details(rpc)),
        },
        "headers": metadata_to_json(rpc.initial_metadata()),
        "trailers": metadata_to_json(rpc.trailing_metadata()),
    }


def start(call: Call, connection: Connection) -> tuple[grpc.Call, Iterator[bytes]]:
    """Sends the call; returns it with its response messages, serialized, as they come."""
    options = {
        "timeout": call.timeout_seconds,
        "metadata": call.metadata,
        "compression": call.compression,
    }
    if call.raw:
        rpc = connection.channel.unary_stream(f"/{call.method}")(call.request, **options)
        return rpc, rpc
    method = METHODS.get(call.method)
    if method is None:
        raise UnsupportedError(f"no stub for {call.method}")
    request = parse_request(method.request, call.request)
    multi_callable = getattr(connection.stubs[method.stub], method.name)
    if call.read_delay_seconds is not None and not method.streams:
        # grpcio asks for a unary call's response when it sends the request, so a
        # slow reader makes the call as that of a stream: the wire does not differ.
        multi_callable = connection.channel.unary_stream(
            f"/{call.method}", method.request.SerializeToString, method.response.FromString
        )
    elif not method.streams:
        # A future, because a call that blocks cannot be cancelled.
        rpc = multi_callable.future(request, **options)
        return rpc, only_message(rpc)
    rpc = multi_callable(request, **options)
    return rpc, (message.SerializeToString() for message in rpc)


def only_message(rpc: grpc.Future) -> Iterator[bytes]:
    message = rpc.result()
    # An OK without a message, which grpcio lets pass.
    if message is not None:
        yield message.SerializeToString()


def slowly(rpc: grpc.Call, messages: Iterator[bytes], delay_seconds: float) -> Iterator[bytes]:
    """Yields the messages, and waits before it asks for each, as long as the call lasts."""
    over = Event()
    if not rpc.add_callback(over.set):
        over.set()
    while True:
        over.wait(delay_seconds)
        message = next(messages, None)
        if message is None:
            return
        yield message


def until_cancelled(call: Call, rpc: grpc.Call, messages: Iterator[bytes]) -> Iterator[bytes]:
    """Yields the messages and cancels the call after as many as it says.

    Ends at a failure too: the call itself then tells its status.
    """
    count = 0
    try:
        while count != call.cancel_after_messages:
            message = next(messages, None)
            if message is None:
                return
            yield message
            count += 1
    except (grpc.RpcError, grpc.FutureCancelledError):
        return
    rpc.cancel()


def parse_request(request: type[Message], serialized: bytes) -> Message:
    try:
        return request.FromString(serialized)
    except DecodeError as error:
        raise UnsupportedError(f"the request does not parse: {error}") from error


def status_details(rpc: grpc.Call) -> bytes:
    """The google.rpc.Status that came in the trailers, serialized; empty if there was none."""
    return dict(rpc.trailing_metadata()).get(STATUS_DETAILS, b"")


def seconds(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000


def metadatum(name: str, value: str) -> tuple[str, str | bytes]:
    return (name, from_base64(value)) if name.endswith("-bin") else (name, value)


def metadata_to_json(metadata: Metadata) -> list[list[str]]:
    return [
        [name, base64_of(value) if isinstance(value, bytes) else value] for name, value in metadata
    ]


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode()


def from_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise UnsupportedError(f"{text!r} is not base64: {error}") from error
