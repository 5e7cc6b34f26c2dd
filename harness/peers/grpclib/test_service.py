"""grpc.testing.TestService; docs/contract.md says what it answers (TEST-*).

grpclib compresses nothing, so what the requests say of compression is passed over.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from contextvars import ContextVar

from grpclib.const import Cardinality, Handler, Status
from grpclib.events import SendTrailingMetadata, listen
from grpclib.exceptions import GRPCError, ProtocolError
from grpclib.server import Server, Stream

from testing_grpc import TestServiceBase
from testing_pb2 import (
    EchoStatus,
    Empty,
    Payload,
    SimpleRequest,
    SimpleResponse,
    StreamingInputCallRequest,
    StreamingInputCallResponse,
    StreamingOutputCallRequest,
    StreamingOutputCallResponse,
)

ECHO_INITIAL = "x-grpc-test-echo-initial"
ECHO_TRAILING = "x-grpc-test-echo-trailing-bin"

UNIMPLEMENTED_CALL = "/grpc.testing.TestService/UnimplementedCall"

MAXIMUM_SIZE_BYTES = 64 * 2**20

OutputStream = Stream[StreamingOutputCallRequest, StreamingOutputCallResponse]

# grpclib's events do not say whose they are; each request has a task, and so a context, of its own.
trailing_echo: ContextVar[list[tuple[str, bytes]]] = ContextVar("trailing_echo")


class TestService(TestServiceBase):
    async def EmptyCall(self, stream: Stream[Empty, Empty]) -> None:
        await stream.recv_message()
        await stream.send_message(Empty())

    async def UnaryCall(self, stream: Stream[SimpleRequest, SimpleResponse]) -> None:
        request = await stream.recv_message()
        assert request is not None
        end_if_asked(request.response_status)
        await stream.send_message(SimpleResponse(payload=zeros(request.response_size)))

    CacheableUnaryCall = UnaryCall

    async def StreamingOutputCall(self, stream: OutputStream) -> None:
        request = await stream.recv_message()
        assert request is not None
        await respond(request, stream)

    async def StreamingInputCall(
        self, stream: Stream[StreamingInputCallRequest, StreamingInputCallResponse]
    ) -> None:
        size = 0
        async for request in stream:
            size += len(request.payload.body)
        await stream.send_message(StreamingInputCallResponse(aggregated_payload_size=size))

    async def FullDuplexCall(self, stream: OutputStream) -> None:
        async for request in stream:
            await respond(request, stream)

    async def HalfDuplexCall(self, stream: OutputStream) -> None:
        for request in [request async for request in stream]:
            await respond(request, stream)

    # What has no handler is left to grpclib.
    async def UnimplementedCall(self, _stream: Stream[Empty, Empty]) -> None:
        raise AssertionError("is not in the mapping")

    def __mapping__(self) -> dict[str, Handler]:
        return {
            path: handler._replace(func=echoing(handler))
            for path, handler in super().__mapping__().items()
            if path != UNIMPLEMENTED_CALL
        }


async def respond(request: StreamingOutputCallRequest, stream: OutputStream) -> None:
    end_if_asked(request.response_status)
    for parameters in request.response_parameters:
        await asyncio.sleep(max(parameters.interval_us, 0) / 1_000_000)
        await stream.send_message(StreamingOutputCallResponse(payload=zeros(parameters.size)))


def end_if_asked(status: EchoStatus) -> None:
    if status.code:
        # No Status for grpclib is a ValueError, as a bug in a handler would raise it.
        raise GRPCError(Status(status.code), status.message)


def zeros(size: int) -> Payload:
    if not 0 <= size <= MAXIMUM_SIZE_BYTES:
        raise GRPCError(
            Status.INVALID_ARGUMENT,
            f"a payload of {size} bytes: give 0 to {MAXIMUM_SIZE_BYTES}",
        )
    return Payload(body=bytes(size))


def echoing(handler: Handler) -> Callable[[Stream], Awaitable[None]]:
    """The handler's function, which sends metadata back: that of streams at once, for the
    client may wait for it before it sends a message."""
    is_stream = handler.cardinality is not Cardinality.UNARY_UNARY

    async def answer(stream: Stream) -> None:
        trailing_echo.set(entries(ECHO_TRAILING, stream))
        initial = entries(ECHO_INITIAL, stream)
        if is_stream or initial:
            # The directions may have been first.
            with suppress(ProtocolError):
                await stream.send_initial_metadata(metadata=initial)
        await handler.func(stream)

    return answer


def entries(name: str, stream: Stream) -> list[tuple[str, str | bytes]]:
    return [(name, value) for value in stream.metadata.getall(name, [])]


def echo_trailers(server: Server) -> None:
    async def before_trailers(event: SendTrailingMetadata) -> None:
        event.metadata.extend(trailing_echo.get([]))

    listen(server, SendTrailingMetadata, before_trailers)
