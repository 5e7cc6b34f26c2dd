"""Calls with streams of requests: what a client does in them, step by step."""

import threading
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from conftest import LIMIT_SECONDS
from driving import OK, drive, encoded
from frames import frames_until
from relay import relay_to
from scripted import scripted_server

from drive_steps import steps_from_json
from drive_values import UnsupportedError
from testing_pb2 import (
    EchoStatus,
    Payload,
    ResponseParameters,
    StreamingInputCallRequest,
    StreamingInputCallResponse,
    StreamingOutputCallRequest,
    StreamingOutputCallResponse,
)

DUPLEX = "grpc.testing.TestService/FullDuplexCall"
HALF_DUPLEX = "grpc.testing.TestService/HalfDuplexCall"
GATHER = "grpc.testing.TestService/StreamingInputCall"

HALF_CLOSE = {"half_close": True}
CANCEL = {"cancel": True}
WAIT_FOR_HEADERS = {"wait_for_headers": True}
# Only a call that ends lets go of it.
HOUR = {"pause_ms": 3_600_000}


def wait_for(count: int) -> dict[str, Any]:
    return {"wait_for_messages": count}


def ask(*sizes: int, status: int = 0, times: int = 1) -> dict[str, Any]:
    """A message of the duplex calls that asks for payloads of these sizes, or for a status."""
    request = StreamingOutputCallRequest(
        response_parameters=[ResponseParameters(size=size) for size in sizes],
        response_status=EchoStatus(code=status),
    )
    return {"message": encoded(request), "times": times}


def gather(size: int, times: int = 1) -> dict[str, Any]:
    request = StreamingInputCallRequest(payload=Payload(body=bytes(size)))
    return {"message": encoded(request), "times": times}


def payloads(*sizes: int) -> list[str]:
    return [
        encoded(StreamingOutputCallResponse(payload=Payload(body=bytes(size)))) for size in sizes
    ]


SUM = encoded(StreamingInputCallResponse(aggregated_payload_size=20))


@pytest.mark.parametrize("raw", [False, True], ids=["stub", "raw"])
@pytest.mark.parametrize(
    ("method", "send", "steps", "messages", "code"),
    [
        (
            DUPLEX,
            [WAIT_FOR_HEADERS, ask(1), wait_for(1), ask(2, 3), wait_for(3), ask(), HALF_CLOSE],
            7,
            payloads(1, 2, 3),
            0,
        ),
        (DUPLEX, [HALF_CLOSE], 1, [], 0),
        (HALF_DUPLEX, [ask(1), ask(2), HALF_CLOSE], 3, payloads(1, 2), 0),
        (HALF_DUPLEX, [ask(1), WAIT_FOR_HEADERS, CANCEL], 3, [], 1),
        (DUPLEX, [ask(1), ask(status=8), HOUR, ask(1), HALF_CLOSE], 2, payloads(1), 8),
        (DUPLEX, [ask(status=8), HALF_CLOSE], 2, [], 8),
        (DUPLEX, [ask(1), wait_for(1), CANCEL], 3, payloads(1), 1),
        (GATHER, [gather(5, times=3), gather(5), HALF_CLOSE], 3, [SUM], 0),
        (GATHER, [gather(5), {"pause_ms": 1}, CANCEL], 3, [], 1),
    ],
    ids=[
        "turn by turn",
        "half-closed at once",
        "answers after the half-close",
        "no answers before the half-close",
        "early status",
        "status at once",
        "cancelled in the middle",
        "sum",
        "cancelled before the sum",
    ],
)
def test_steps(
    addresses: list[str],
    method: str,
    send: list[dict[str, Any]],
    steps: int,
    messages: list[str],
    code: int,
    raw: bool,
):
    (answer,) = drive(addresses[0], {"method": method, "send": send, "raw": raw})
    result = answer["result"]
    assert result["messages"] == messages
    assert result["status"]["code"] == code
    # A call that ends before grpcio asked for the next request leaves the last one uncounted.
    assert result["steps"] == steps or (code not in (0, 1) and result["steps"] < steps)


@pytest.mark.parametrize("wait", [wait_for(2), HOUR], ids=["for messages", "for long"])
def test_deadline_while_waiting(addresses: list[str], wait: dict[str, Any]):
    call = {"method": DUPLEX, "send": [ask(1), wait, HALF_CLOSE], "timeout_ms": 500}
    (answer,) = drive(addresses[0], call)
    assert answer["result"]["steps"] == 1
    assert answer["result"]["messages"] == payloads(1)
    assert answer["result"]["status"]["code"] == 4


def test_status_while_sending():
    def behavior(requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        next(requests)
        context.abort(grpc.StatusCode.ABORTED, "enough")

    with scripted_server(grpc.stream_stream_rpc_method_handler(behavior)) as target:
        send = [gather(2**20, times=1_000_000), HALF_CLOSE]
        (answer,) = drive(target, {"method": GATHER, "send": send})
    assert answer["result"]["steps"] == 0
    assert answer["result"]["messages"] == []
    assert answer["result"]["status"]["code"] == 10


def test_sending_waits_for_the_server():
    over = threading.Event()

    def behavior(requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        over.wait(LIMIT_SECONDS)
        yield from ()

    with scripted_server(grpc.stream_stream_rpc_method_handler(behavior)) as target:
        send = [gather(4_000_000), gather(4_000_000), gather(4_000_000), HALF_CLOSE]
        (answer,) = drive(target, {"method": DUPLEX, "send": send, "timeout_ms": 500})
        over.set()
    assert answer["result"]["steps"] < 3
    assert answer["result"]["status"]["code"] == 4


def test_cancellation_comes_after_the_messages():
    with frames_until("RST_STREAM") as (target, frames):
        (answer,) = drive(target, {"method": DUPLEX, "send": [gather(10_000, times=6), CANCEL]})
        seen = frames.result()
    assert sum(length for name, length in seen if name == "DATA") > 60_000
    assert [name for name, _ in seen if name != "DATA"] == ["HEADERS", "RST_STREAM"]
    assert answer["result"]["steps"] == 2
    assert answer["result"]["status"]["code"] == 1


def test_steps_after_the_half_close():
    half_closed, cancelled = threading.Event(), threading.Event()

    def behavior(requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        context.add_callback(cancelled.set)
        for _ in requests:
            pass
        half_closed.set()
        yield b""
        cancelled.wait(LIMIT_SECONDS)

    with scripted_server(grpc.stream_stream_rpc_method_handler(behavior)) as target:
        send = [ask(), HALF_CLOSE, wait_for(1), CANCEL]
        (answer,) = drive(target, {"method": DUPLEX, "send": send})
        assert half_closed.is_set()
        assert cancelled.wait(LIMIT_SECONDS)
    assert answer["result"]["steps"] == 4
    assert answer["result"]["messages"] == [""]
    assert answer["result"]["status"]["code"] == 1


def test_many_messages(addresses: list[str]):
    send = [ask(1, times=10_000), wait_for(10_000), HALF_CLOSE]
    (answer,) = drive(addresses[0], {"method": DUPLEX, "send": send})
    assert answer["result"]["steps"] == 3
    assert answer["result"]["messages"] == payloads(1) * 10_000
    assert answer["result"]["status"] == OK


def test_only_response_of_a_slow_reader(addresses: list[str]):
    call = {"method": GATHER, "send": [gather(5, times=4), HALF_CLOSE], "read_delay_ms": 1}
    (answer,) = drive(addresses[0], call)
    assert answer["result"]["messages"] == [SUM]
    assert answer["result"]["status"] == OK


@pytest.mark.parametrize("method", [DUPLEX, GATHER])
def test_streams_of_requests_are_compressed(addresses: list[str], method: str):
    request = StreamingOutputCallRequest(payload=Payload(body=bytes(1_000_000)))
    call = {"method": method, "send": [{"message": encoded(request)}, HALF_CLOSE]}
    if method == GATHER:
        call["send"][0] = gather(1_000_000)
    with relay_to(addresses[0]) as relay:
        (answer,) = drive(relay.address, {**call, "compression": "gzip"})
    assert answer["result"]["status"] == OK
    assert len(relay.from_client) < 100_000


@pytest.mark.parametrize(
    ("send", "why"),
    [
        (None, "not a list of steps"),
        ({}, "not a list of steps"),
        ([], "the last step is neither a half-close nor a cancellation"),
        ([3], "3 is no step of this client"),
        ([{"sing": True}], '{"sing": true} is no step of this client'),
        ([{"half_close": True, "cancel": True}], "no step of this client"),
        ([{"half_close": False}], "no step of this client"),
        ([{"message": "", "times": 0}], "no step of this client"),
        ([{"message": "", "compressed": False}], "no step of this client"),
        ([HALF_CLOSE, {"pause_ms": 1}], "the last step is neither a half-close nor a cancellation"),
        ([HALF_CLOSE, HALF_CLOSE], "half-closes twice"),
        ([HALF_CLOSE, ask(), CANCEL], "a message follows the half-close"),
        ([CANCEL, HALF_CLOSE], "a step follows the cancellation"),
    ],
)
def test_steps_that_make_no_sense(send: Any, why: str):
    with pytest.raises(UnsupportedError) as error:
        steps_from_json(send)
    assert why in str(error.value)


def test_methods_with_one_request_take_one(addresses: list[str]):
    (answer,) = drive(
        addresses[0],
        {"method": "pb.Outliers/Detect", "send": [{"message": ""}, {"message": ""}, HALF_CLOSE]},
    )
    expected = "send: the method takes one request: a message and a half-close"
    assert answer["unsupported"]["why"] == expected
