"""The drive protocol, against the server and against one that does what a test needs."""

import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from conftest import LIMIT_SECONDS, run_program
from driving import OK, detect, drive, elements, encoded, sequence, stream
from scripted import CALLS_IN_FLIGHT, scripted_server, unary

from fibonacci_pb2 import SequenceElement, SequenceResponse
from outliers_pb2 import OutliersResponse


def test_hello():
    process = run_program("client.py", "drive", text='{"hello":{"protocol":1}}\n')
    assert process.returncode == 0
    assert json.loads(process.stdout) == {
        "hello": {
            "protocol": 1,
            "implementation": "grpcio",
            "version": grpc.__version__,
            "features": ["cancel", "close", "gzip", "raw", "size-limit", "slow", "tls"],
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
        {"method": "pb.Outliers/Absent", "request": "", "raw": True},
        {"method": "pb.Outliers/Detect", "request": "/w==", "raw": True},
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
        {"method": "pb.Outliers/Absent", "request": ""},
        {"method": "pb.Outliers/Detect", "request": "/w=="},
        {"method": "pb.Outliers/Detect", "request": "!"},
        {"method": "pb.Outliers/Detect"},
    )
    reasons = [answer["unsupported"]["why"] for answer in answers]
    assert reasons[0] == "no stub for pb.Outliers/Absent"
    assert reasons[1].startswith("the request does not parse: ")
    assert reasons[2].startswith("'!' is not base64: ")
    assert reasons[3] == "the client failed: KeyError('request')"


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
        {"method": "a.Service/Method", "request": "", "raw": True} for _ in range(CALLS_IN_FLIGHT)
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
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as reader:
        listener.settimeout(LIMIT_SECONDS)
        frames = reader.submit(frames_until_reset, listener)
        target = f"127.0.0.1:{listener.getsockname()[1]}"
        (answer,) = drive(target, {**stream(9), "cancel_after_messages": 0})
        assert frames.result() == ["HEADERS", "DATA", "RST_STREAM"]
    assert answer["result"]["messages"] == []
    assert answer["result"]["status"]["code"] == 1


def frames_until_reset(listener: socket.socket) -> list[str]:
    """Accepts a connection as HTTP/2 does; returns the types of the first call's frames."""
    types = {0: "DATA", 1: "HEADERS", 3: "RST_STREAM"}
    empty_settings = bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
    connection, _ = listener.accept()
    with connection, connection.makefile("rb") as incoming:
        connection.settimeout(LIMIT_SECONDS)
        connection.sendall(empty_settings)
        incoming.read(len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))
        seen = []
        while "RST_STREAM" not in seen and (header := incoming.read(9)):
            incoming.read(int.from_bytes(header[:3]))
            if int.from_bytes(header[5:]) == 1 and header[3] in types:
                seen.append(types[header[3]])
        return seen
