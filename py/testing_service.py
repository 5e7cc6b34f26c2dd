"""grpc.testing.TestService, the service of gRPC's own interop tests."""

from collections.abc import Iterator
from threading import Event

import grpc

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
from testing_pb2_grpc import TestServiceServicer

# The metadata that a call gets back.
INITIAL_ECHO = "x-grpc-test-echo-initial"
TRAILING_ECHO = "x-grpc-test-echo-trailing-bin"

CODES = {code.value[0]: code for code in grpc.StatusCode}

# Far beyond any limit of a message's size that a client has by default, and no
# burden on the machine.
MAXIMUM_PAYLOAD_BYTES = 64 * 2**20


class TestingService(TestServiceServicer):
    """UnimplementedCall stays as it is.

    grpcio shows neither whether a request came compressed nor what the client takes:
    `expect_compressed` is passed over, and gzip is sent to whoever asks for it.
    """

    def EmptyCall(self, request: Empty, context: grpc.ServicerContext) -> Empty:
        Answer(context).begin_unary()
        return Empty()

    def UnaryCall(self, request: SimpleRequest, context: grpc.ServicerContext) -> SimpleResponse:
        if request.response_compressed.value:
            context.set_compression(grpc.Compression.Gzip)
        answer = Answer(context)
        answer.begin_unary()
        answer.end_with(request.response_status)
        return SimpleResponse(payload=answer.payload(request.response_size))

    def CacheableUnaryCall(
        self, request: SimpleRequest, context: grpc.ServicerContext
    ) -> SimpleResponse:
        return self.UnaryCall(request, context)

    def StreamingOutputCall(
        self, request: StreamingOutputCallRequest, context: grpc.ServicerContext
    ) -> Iterator[StreamingOutputCallResponse]:
        # The initial metadata says that there may be compressed messages. That of the
        # duplex calls leaves before their first request: all of theirs are uncompressed.
        compresses = any(wanted.compressed.value for wanted in request.response_parameters)
        if compresses:
            context.set_compression(grpc.Compression.Gzip)
        answer = Answer(context, compresses)
        answer.begin_stream()
        yield from answer.responses(request)

    def StreamingInputCall(
        self,
        request_iterator: Iterator[StreamingInputCallRequest],
        context: grpc.ServicerContext,
    ) -> StreamingInputCallResponse:
        Answer(context).begin_stream()
        size = sum(len(request.payload.body) for request in request_iterator)
        return StreamingInputCallResponse(aggregated_payload_size=size)

    def FullDuplexCall(
        self,
        request_iterator: Iterator[StreamingOutputCallRequest],
        context: grpc.ServicerContext,
    ) -> Iterator[StreamingOutputCallResponse]:
        answer = Answer(context)
        answer.begin_stream()
        for request in request_iterator:
            yield from answer.responses(request)

    def HalfDuplexCall(
        self,
        request_iterator: Iterator[StreamingOutputCallRequest],
        context: grpc.ServicerContext,
    ) -> Iterator[StreamingOutputCallResponse]:
        answer = Answer(context)
        answer.begin_stream()
        for request in list(map(without_payload, request_iterator)):
            yield from answer.responses(request)


def without_payload(request: StreamingOutputCallRequest) -> StreamingOutputCallRequest:
    """Nothing of the payload is asked for again, and it may be large."""
    request.ClearField("payload")
    return request


class Answer:
    """How one call is answered. What cannot be answered ends the call, by raising."""

    def __init__(self, context: grpc.ServicerContext, compresses: bool = False):
        """`compresses`: messages are compressed unless they are kept from it."""
        self._context = context
        self._compresses = compresses
        self._over = Event()
        if not context.add_callback(self._over.set):
            self._over.set()
        context.set_trailing_metadata(self._received(TRAILING_ECHO))

    def begin_unary(self) -> None:
        """Sends the initial metadata, if it has anything to say."""
        echo = self._received(INITIAL_ECHO)
        if echo:
            self._context.send_initial_metadata(echo)

    def begin_stream(self) -> None:
        """Sends the initial metadata, before the first request."""
        self._context.send_initial_metadata(self._received(INITIAL_ECHO))

    def responses(
        self, request: StreamingOutputCallRequest
    ) -> Iterator[StreamingOutputCallResponse]:
        """What the request asks for; grpcio takes one when the one before has left."""
        self.end_with(request.response_status)
        for wanted in request.response_parameters:
            if self._over.wait(max(0, wanted.interval_us) / 1e6):
                return
            payload = self.payload(wanted.size)
            if self._compresses and not wanted.compressed.value:
                self._context.disable_next_message_compression()
            yield StreamingOutputCallResponse(payload=payload)

    def payload(self, size: int) -> Payload:
        if not 0 <= size <= MAXIMUM_PAYLOAD_BYTES:
            message = f"a payload has 0 to {MAXIMUM_PAYLOAD_BYTES} bytes, not {size}"
            self._context.abort(grpc.StatusCode.INVALID_ARGUMENT, message)
        return Payload(body=bytes(size))

    def end_with(self, status: EchoStatus) -> None:
        """Ends the call with the status, unless that is OK."""
        if status.code != 0:
            self._context.abort(CODES.get(status.code, grpc.StatusCode.UNKNOWN), status.message)

    def _received(self, name: str) -> list[tuple[str, str | bytes]]:
        return [entry for entry in self._context.invocation_metadata() if entry[0] == name]
