"""grpc.testing.TestService, over real sockets."""

import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from conftest import LIMIT_SECONDS
from relay import relay_to
from scripted import CALLS_IN_FLIGHT

from channel import open_channel
from testing_pb2 import (
    BoolValue,
    EchoStatus,
    Empty,
    Payload,
    ResponseParameters,
    SimpleRequest,
    StreamingInputCallRequest,
    StreamingOutputCallRequest,
)
from testing_pb2_grpc import TestServiceStub as ServiceStub
from testing_pb2_grpc import UnimplementedServiceStub

TOO_LARGE = 64 * 2**20 + 1
HALF_AN_HOUR_US = 1_800_000_000


@pytest.fixture
def stub(channel: grpc.Channel) -> ServiceStub:
    return ServiceStub(channel)


def ask(*sizes: int, status: EchoStatus | None = None) -> StreamingOutputCallRequest:
    parameters = [ResponseParameters(size=size) for size in sizes]
    return StreamingOutputCallRequest(response_parameters=parameters, response_status=status)


def drained(responses: Iterator[Any]) -> tuple[list[int], grpc.StatusCode]:
    """The sizes of the responses, and the status."""
    sizes = []
    try:
        sizes.extend(len(response.payload.body) for response in responses)
    except grpc.RpcError as error:
        return sizes, error.code()
    return sizes, grpc.StatusCode.OK


class Sending:
    """Requests that are sent one by one."""

    def __init__(self) -> None:
        self._requests = queue.SimpleQueue()
        self.send = self._requests.put

    def half_close(self) -> None:
        self._requests.put(None)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._requests.get, None)


def test_empty_call(stub: ServiceStub):
    assert stub.EmptyCall(Empty(), timeout=LIMIT_SECONDS) == Empty()


@pytest.mark.parametrize("method", ["UnaryCall", "CacheableUnaryCall"])
@pytest.mark.parametrize("size", [0, 1000])
def test_unary_call(stub: ServiceStub, method: str, size: int):
    response = getattr(stub, method)(SimpleRequest(response_size=size), timeout=LIMIT_SECONDS)
    assert response.HasField("payload")
    assert response.payload.body == bytes(size)


@pytest.mark.parametrize(
    ("request_message", "code"),
    [
        (SimpleRequest(response_size=-1), grpc.StatusCode.INVALID_ARGUMENT),
        (SimpleRequest(response_size=TOO_LARGE), grpc.StatusCode.INVALID_ARGUMENT),
        (SimpleRequest(response_status=EchoStatus(code=9)), grpc.StatusCode.FAILED_PRECONDITION),
        (SimpleRequest(response_status=EchoStatus(code=99)), grpc.StatusCode.UNKNOWN),
    ],
)
def test_unary_call_fails(stub: ServiceStub, request_message: SimpleRequest, code: grpc.StatusCode):
    with pytest.raises(grpc.RpcError) as failure:
        stub.UnaryCall(request_message, timeout=LIMIT_SECONDS)
    assert failure.value.code() == code


@pytest.mark.parametrize(
    ("request_message", "sizes", "code"),
    [
        (ask(), [], grpc.StatusCode.OK),
        (ask(1, 0, 7), [1, 0, 7], grpc.StatusCode.OK),
        (ask(1, -1, 1), [1], grpc.StatusCode.INVALID_ARGUMENT),
        (ask(1, status=EchoStatus(code=10)), [], grpc.StatusCode.ABORTED),
    ],
)
def test_streaming_output_call(
    stub: ServiceStub,
    request_message: StreamingOutputCallRequest,
    sizes: list[int],
    code: grpc.StatusCode,
):
    responses = stub.StreamingOutputCall(request_message, timeout=LIMIT_SECONDS)
    assert drained(responses) == (sizes, code)


def test_interval_ends_with_the_call(addresses: list[str]):
    wanted = ResponseParameters(size=1, interval_us=HALF_AN_HOUR_US)
    request = StreamingOutputCallRequest(response_parameters=[wanted])
    with open_channel(addresses[0]) as channel:
        # More than the server has threads: each must be free again for the last ones.
        for _ in range(6):
            calls = [ServiceStub(channel).StreamingOutputCall(request) for _ in range(100)]
            for call in calls:
                # Before the first response.
                call.initial_metadata()
                call.cancel()


@pytest.mark.parametrize("sizes", [[], [0], [1, 20, 300]])
def test_streaming_input_call(stub: ServiceStub, sizes: list[int]):
    requests = [StreamingInputCallRequest(payload=Payload(body=bytes(size))) for size in sizes]
    response = stub.StreamingInputCall(iter(requests), timeout=LIMIT_SECONDS)
    assert response.aggregated_payload_size == sum(sizes)


def test_full_duplex_call_answers_each_request_when_it_comes(stub: ServiceStub):
    sending = Sending()
    responses = stub.FullDuplexCall(iter(sending), timeout=LIMIT_SECONDS)
    # Before the first request.
    responses.initial_metadata()
    for size in range(5):
        sending.send(ask(size, size + 1))
        assert [len(next(responses).payload.body) for _ in range(2)] == [size, size + 1]
    sending.half_close()
    assert drained(responses) == ([], grpc.StatusCode.OK)


def test_half_duplex_call_answers_after_the_half_close(stub: ServiceStub):
    sending, arrived = Sending(), threading.Event()
    responses = stub.HalfDuplexCall(iter(sending), timeout=LIMIT_SECONDS)
    result = []

    def read() -> None:
        result.append(len(next(responses).payload.body))
        arrived.set()

    reader = threading.Thread(target=read)
    reader.start()
    sending.send(ask(1, 2))
    sending.send(ask(3))
    assert not arrived.wait(0.1)
    sending.half_close()
    reader.join(LIMIT_SECONDS)
    assert result == [1]
    assert drained(responses) == ([2, 3], grpc.StatusCode.OK)


@pytest.mark.parametrize("method", ["FullDuplexCall", "HalfDuplexCall"])
def test_status_in_a_duplex_call(stub: ServiceStub, method: str):
    status = EchoStatus(code=2, message="test status message")
    requests = [ask(1), ask(2, status=status), ask(3)]
    responses = getattr(stub, method)(iter(requests), timeout=LIMIT_SECONDS)
    assert drained(responses) == ([1], grpc.StatusCode.UNKNOWN)
    assert responses.details() == "test status message"


def unary(stub: ServiceStub, **options: Any) -> grpc.Call:
    return stub.UnaryCall.with_call(SimpleRequest(), **options)[1]


def failed(stub: ServiceStub, **options: Any) -> grpc.Call:
    call = stub.UnaryCall.future(SimpleRequest(response_size=-1), **options)
    assert call.code() == grpc.StatusCode.INVALID_ARGUMENT
    return call


def empty(stub: ServiceStub, **options: Any) -> grpc.Call:
    return stub.EmptyCall.with_call(Empty(), **options)[1]


def output(stub: ServiceStub, **options: Any) -> grpc.Call:
    call = stub.StreamingOutputCall(ask(-1), **options)
    drained(call)
    return call


def gathered(stub: ServiceStub, **options: Any) -> grpc.Call:
    return stub.StreamingInputCall.with_call(iter(()), **options)[1]


def duplex(stub: ServiceStub, **options: Any) -> grpc.Call:
    call = stub.FullDuplexCall(iter(()), **options)
    drained(call)
    return call


@pytest.mark.parametrize("make", [unary, failed, empty, output, gathered, duplex])
# With a direction, which this service does not follow.
@pytest.mark.parametrize("more", [[], [("x-crosswire-header", "h"), ("x-crosswire-status", "5")]])
def test_echoed_metadata(
    stub: ServiceStub, make: Callable[..., grpc.Call], more: list[tuple[str, str]]
):
    initial = [("x-grpc-test-echo-initial", "a"), ("x-grpc-test-echo-initial", "b")]
    trailing = [("x-grpc-test-echo-trailing-bin", b"\x00\xff")]
    call = make(stub, metadata=[*initial, *trailing, *more, ("o", "c")], timeout=LIMIT_SECONDS)
    assert list(map(tuple, call.initial_metadata())) == initial
    assert list(map(tuple, call.trailing_metadata())) == trailing


@pytest.mark.parametrize("stub_type", [ServiceStub, UnimplementedServiceStub])
def test_unimplemented_call(channel: grpc.Channel, stub_type: type):
    with pytest.raises(grpc.RpcError) as failure:
        stub_type(channel).UnimplementedCall(Empty(), timeout=LIMIT_SECONDS)
    assert failure.value.code() == grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize("wanted", [True, False])
def test_compressed_unary_response(addresses: list[str], wanted: bool):
    request = SimpleRequest(response_size=1_000_000, response_compressed=BoolValue(value=wanted))
    with relay_to(addresses[0]) as relay, open_channel(relay.address) as channel:
        response = ServiceStub(channel).UnaryCall(request, timeout=LIMIT_SECONDS)
    assert len(response.payload.body) == 1_000_000
    assert (relay.bytes_to_client < 100_000) == wanted


def test_each_response_of_a_stream_is_compressed_or_not(addresses: list[str]):
    sizes = []
    with relay_to(addresses[0]) as relay, open_channel(relay.address) as channel:
        for compressed in (True, False, None, True):
            value = None if compressed is None else BoolValue(value=compressed)
            parameters = [
                ResponseParameters(size=1_000_000, compressed=BoolValue(value=True)),
                ResponseParameters(size=1_000_000, compressed=value),
            ]
            before = relay.bytes_to_client
            request = StreamingOutputCallRequest(response_parameters=parameters)
            responses = ServiceStub(channel).StreamingOutputCall(request, timeout=LIMIT_SECONDS)
            assert drained(responses) == ([1_000_000] * 2, grpc.StatusCode.OK)
            sizes.append(relay.bytes_to_client - before)
    assert [size < 100_000 for size in sizes] == [True, False, False, True]


def test_many_streams_at_once(stub: ServiceStub):
    sendings = [Sending() for _ in range(CALLS_IN_FLIGHT)]
    calls = [stub.FullDuplexCall(iter(sending), timeout=LIMIT_SECONDS) for sending in sendings]
    for sending, responses in zip(sendings, calls, strict=True):
        sending.send(ask(1))
        assert len(next(responses).payload.body) == 1
    for sending, responses in zip(sendings, calls, strict=True):
        sending.half_close()
        assert drained(responses) == ([], grpc.StatusCode.OK)
