"""The drive protocol, against the server and against one that does what a test needs."""

import json
import threading
from collections.abc import Iterator

import grpc
import pytest
from conftest import LIMIT_SECONDS, run_program
from driving import OK, detect, drive, elements, encoded, once, sequence, stream
from frames import frames_until
from scripted import CALLS_IN_FLIGHT, scripted_server, unary

from fibonacci_pb2 import SequenceElement, SequenceResponse
from outliers_pb2 import OutliersResponse


def test_hello():
    process = run_program("client.py", "drive", text='{"hello":{"protocol":2}}\n')
    assert process.returncode == 0
    assert json.loads(process.stdout) == {
        "hello": {
            "protocol": 2,
            "implementation": "grpcio",
            "version": grpc.__version__,
            "features": [
                "addresses",
                "bidi",
                "cancel",
                "client-streaming",
                "close",
                "gzip",
                "ipv6",
                "keepalive",
                "raw",
                "service-config",
                "size-limit",
                "slow",
                "test-service",
                "tls",
                "unix",
            ],
            "max_in_flight": 256,
        }
    }


def test_results(addresses: list[str]):
    detected, compressed, got, streamed, raw = drive(
        addresses[0],
        detect([1, 2, 100, 1, 3, 200, 1]),
        {**detect([0] * 100 + [1]), "compression": "gzip", "metadata": [["k", "v"]]},
        {**sequence(5), "timeout_ms": 30_000},
        stream(3),
        {**stream(3), "raw": True},
    )
    assert detected["result"]["messages"] == [encoded(OutliersResponse(indices=[5]))]
    assert detected["result"]["status"] == OK
    assert compressed["result"]["messages"] == [encoded(OutliersResponse(indices=[100]))]
    assert got["result"]["messages"] == [encoded(SequenceResponse(element=[0, 1, 1, 2, 3]))]
    assert streamed["result"]["messages"] == elements(0, 1, 1)
    assert raw["result"] == {**streamed["result"], "id": 4}


def test_statuses(addresses: list[str]):
    got, streamed, absent, malformed = drive(
        addresses[0],
        sequence(94),
        stream(94),
        {"method": "pb.Outliers/Absent", "send": once(""), "raw": True},
        {"method": "pb.Outliers/Detect", "send": once("/w=="), "raw": True},
    )
    message = "count 94 is more than 93: F(93) does not fit in int64"
    assert got["result"]["status"] == {"code": 11, "message": message, "details": ""}
    assert streamed["result"]["status"] == {"code": 11, "message": message, "details": ""}
    assert len(streamed["result"]["messages"]) == 93
    assert absent["result"]["status"]["code"] == 12
    assert malformed["result"]["status"]["code"] == 13


def test_unsupported(addresses: list[str]):
    answers = drive(
        addresses[0],
        {"method": "pb.Outliers/Absent", "send": once("")},
        {"method": "pb.Outliers/Detect", "send": once("/w==")},
        {"method": "pb.Outliers/Detect", "send": once("!")},
        {"method": "pb.Outliers/Detect"},
    )
    reasons = [answer["unsupported"]["why"] for answer in answers]
    assert reasons[0] == "no stub for pb.Outliers/Absent"
    assert reasons[1].startswith("the request does not parse: ")
    assert reasons[2].startswith("'!' is not base64: ")
    assert reasons[3] == "the client failed: KeyError('send')"


def test_lines_that_are_no_calls_are_skipped(addresses: list[str]):
    before = '\n{\nnull\n[]\n{"call":{}}\n{"call":{"id":"x"}}\n{"other":1}\n'
    (answer,) = drive(addresses[0], stream(1), before=before)
    assert answer["result"]["messages"] == elements(0)


def test_calls_in_flight_share_one_connection():
    all_here = threading.Barrier(CALLS_IN_FLIGHT)

    def behavior(request: bytes, context: grpc.ServicerContext) -> bytes:
        # Passes only if all the calls are in flight together.
        all_here.wait(LIMIT_SECONDS)
        return context.peer().encode()

    calls = [
        {"method": "a.Service/Method", "send": once(""), "raw": True}
        for _ in range(CALLS_IN_FLIGHT)
    ]
    with scripted_server(unary(behavior)) as target:
        answers = drive(target, *calls)
    peers = {message for answer in answers for message in answer["result"]["messages"]}
    assert len(peers) == 1


def test_metadata_and_details():
    def behavior(request: bytes, context: grpc.ServicerContext) -> bytes:
        sent = [(k, v) for k, v in context.invocation_metadata() if k.startswith("x-")]
        context.send_initial_metadata(sent)
        context.set_trailing_metadata([("grpc-status-details-bin", b"\x08\x05"), ("x-t", "t")])
        context.abort(grpc.StatusCode.NOT_FOUND, "gr\u00fc\u00df\n")

    call = {**detect([]), "metadata": [["x-b", "1"], ["x-a-bin", "AAE="], ["x-b", "2"]]}
    with scripted_server(unary(behavior)) as target:
        (answer,) = drive(target, call)
    result = answer["result"]
    assert result["status"] == {"code": 5, "message": "gr\u00fc\u00df\n", "details": "CAU="}
    assert result["headers"] == [["x-b", "1"], ["x-a-bin", "AAE="], ["x-b", "2"]]
    assert result["trailers"] == [["grpc-status-details-bin", "CAU="], ["x-t", "t"]]


def test_deadline():
    over = threading.Event()

    def behavior(request: bytes, context: grpc.ServicerContext) -> bytes:
        over.wait(LIMIT_SECONDS)
        return b""

    with scripted_server(unary(behavior)) as target:
        (answer,) = drive(target, {**sequence(3), "timeout_ms": 1})
        over.set()
    assert answer["result"]["status"]["code"] == 4


@pytest.mark.parametrize("count", [1, 3])
def test_cancel(count: int):
    cancelled = threading.Event()

    def behavior(request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        context.add_callback(cancelled.set)
        for position in range(3):
            yield SequenceElement(count=position).SerializeToString()
        # A call that is not cancelled stays here.
        cancelled.wait(LIMIT_SECONDS)

    with scripted_server(grpc.unary_stream_rpc_method_handler(behavior)) as target:
        (answer,) = drive(target, {**stream(9), "cancel_after_messages": count})
        assert cancelled.wait(LIMIT_SECONDS)
    assert answer["result"]["messages"] == elements(0, 0, 0)[:count]
    assert answer["result"]["status"]["code"] == 1


def test_cancel_after_no_message_still_sends_the_call():
    with frames_until("RST_STREAM") as (target, frames):
        (answer,) = drive(target, {**stream(9), "cancel_after_messages": 0})
        assert [name for name, _ in frames.result()] == ["HEADERS", "DATA", "RST_STREAM"]
    assert answer["result"]["messages"] == []
    assert answer["result"]["status"]["code"] == 1
