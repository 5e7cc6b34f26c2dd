"""One call of the drive protocol: from its JSON fields to the fields of its result.

It only observes: whatever the call comes to is a result, and the harness judges.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from threading import Event
from typing import Any

import grpc
from google.protobuf.message import Message

from channel import ChannelOptions, Tls
from drive_channel import channel_from_json
from drive_connection import Connection
from drive_methods import METHODS, Method
from drive_requests import OneRequest, Requests
from drive_steps import Cancel, Step, only_request, steps_from_json
from drive_values import UnsupportedError, base64_of, from_base64, seconds

Metadata = list[tuple[str, str | bytes]]

STATUS_DETAILS = "grpc-status-details-bin"


@dataclass(frozen=True)
class Call:
    """The fields of a call line; docs/peer-protocol.md explains them."""

    target: str
    # None: plaintext.
    tls: Tls | None
    channel_options: ChannelOptions
    method: str
    steps: list[Step]
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
            channel_options=channel_from_json(fields.get("channel")),
            method=fields["method"],
            steps=steps_from_json(fields["send"]),
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
    "steps": 0,
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
    method = None if call.raw else stub_method(call.method)
    requests = prepare_requests(call, method)
    if call.cancel_after_messages == 0 or Cancel() in call.steps:
        connection.wait_until_ready(call.timeout_seconds)
    try:
        rpc, messages = start(call, connection, method, requests)
    except ValueError:
        if connection.is_closed:
            return CLOSED
        raise
    requests.begun(rpc)
    if call.read_delay_seconds is not None:
        messages = slowly(rpc, messages, call.read_delay_seconds)
    received = []
    for message in until_cancelled(call, rpc, messages):
        received.append(base64_of(message))
        requests.received()
    return {
        "steps": requests.steps_done,
        "messages": received,
        "status": {
            "code": rpc.code().value[0],
            "message": rpc.details() or "",
            "details": base64_of(status_details(rpc)),
        },
        "headers": metadata_to_json(rpc.initial_metadata()),
        "trailers": metadata_to_json(rpc.trailing_metadata()),
    }


def stub_method(name: str) -> Method:
    if name not in METHODS:
        raise UnsupportedError(f"no stub for {name}")
    return METHODS[name]


def prepare_requests(call: Call, method: Method | None) -> OneRequest | Requests:
    """What the call sends; without a method, the messages as they are."""
    parse = bytes if method is None else method.parse
    only = only_request(call.steps)
    takes_one = only is not None if method is None else not method.streams_requests
    if not takes_one:
        return Requests(call.steps, parse)
    if only is None:
        raise UnsupportedError("send: the method takes one request: a message and a half-close")
    return OneRequest(parse(only))


def start(
    call: Call, connection: Connection, method: Method | None, requests: OneRequest | Requests
) -> tuple[grpc.Call, Iterator[bytes]]:
    """Begins the call; returns it with its response messages, serialized, as they come."""
    options = {
        "timeout": call.timeout_seconds,
        "metadata": call.metadata,
        "compression": call.compression,
    }
    path = f"/{call.method}"
    if method is None:
        rpc = streaming(connection.channel, requests)(path)(requests.argument, **options)
        return rpc, rpc
    multi_callable = getattr(connection.stubs[method.stub], method.name)
    if method.streams_responses:
        rpc = multi_callable(requests.argument, **options)
        return rpc, serialized(rpc)
    if call.read_delay_seconds is None and (
        call.compression is None or not method.streams_requests
    ):
        # A future, because a call that blocks cannot be cancelled.
        rpc = multi_callable.future(requests.argument, **options)
        return rpc, only_message(rpc)
    # grpcio asks for the only response when the call begins, which a slow reader does
    # not, and forgets the compression of a stream of requests in a future. Made as one
    # with a stream of responses, the call does not differ on the wire.
    multi_callable = streaming(connection.channel, requests)(
        path, method.request.SerializeToString, method.response.FromString
    )
    rpc = multi_callable(requests.argument, **options)
    return rpc, only_message_of_stream(rpc)


def streaming(channel: grpc.Channel, requests: OneRequest | Requests) -> Callable[..., Any]:
    """How the channel makes multi-callables for streams of responses."""
    return channel.unary_stream if isinstance(requests, OneRequest) else channel.stream_stream


def serialized(rpc: Iterator[Message]) -> Iterator[bytes]:
    return (message.SerializeToString() for message in rpc)


def only_message(rpc: grpc.Future) -> Iterator[bytes]:
    message = rpc.result()
    # An OK without a message, which grpcio lets pass.
    if message is not None:
        yield message.SerializeToString()


def only_message_of_stream(rpc: Iterator[Message]) -> Iterator[bytes]:
    """As that of a future: none if the call fails after it."""
    yield from list(serialized(rpc))


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


def status_details(rpc: grpc.Call) -> bytes:
    """The google.rpc.Status that came in the trailers, serialized; empty if there was none."""
    return dict(rpc.trailing_metadata()).get(STATUS_DETAILS, b"")


def metadatum(name: str, value: str) -> tuple[str, str | bytes]:
    return (name, from_base64(value)) if name.endswith("-bin") else (name, value)


def metadata_to_json(metadata: Metadata) -> list[list[str]]:
    return [
        [name, base64_of(value) if isinstance(value, bytes) else value] for name, value in metadata
    ]
