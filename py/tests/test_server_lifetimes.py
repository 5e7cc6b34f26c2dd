"""How long the server's connections stay, and their PINGs, seen from the client's end."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from queue import SimpleQueue

import grpc
import pytest
from conftest import LIMIT_SECONDS, running_server
from relay import relay_to

from channel import open_channel
from outliers_pb2 import OutliersRequest
from outliers_pb2_grpc import OutliersStub
from testing_pb2 import ResponseParameters, StreamingOutputCallRequest
from testing_pb2_grpc import TestServiceStub as ServiceStub

PING, GOAWAY = 6, 7
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])

# More than a server forgives of PINGs that come too often.
MANY = 8
PINGS_EVERY_SECONDS = 0.02

# The type, the flags and the payload.
Frame = tuple[int, int, bytes]


class Connection:
    """A client's end that answers nothing."""

    def __init__(self, address: str):
        host, _, port = address.rpartition(":")
        self._socket = socket.create_connection((host, int(port)), LIMIT_SECONDS)
        self._incoming = self._socket.makefile("rb")
        self._socket.sendall(PREFACE)

    def ping(self) -> None:
        self._socket.sendall(bytes([0, 0, 8, PING, 0, 0, 0, 0, 0]) + b"crosswir")

    def next_of(self, *kinds: int) -> Frame:
        """The next frame that is of one of the types."""
        while header := self._incoming.read(9):
            payload = self._incoming.read(int.from_bytes(header[:3]))
            if header[3] in kinds:
                return header[3], header[4], payload
        raise AssertionError("the server has ended the connection")

    def close(self) -> None:
        self._incoming.close()
        self._socket.close()


@contextmanager
def connected(*options: str) -> Iterator[Connection]:
    with running_server("127.0.0.1:0", options=options) as process:
        connection = Connection(process.addresses[0])
        try:
            yield connection
        finally:
            connection.close()


def begin_stream(
    channel: grpc.Channel,
) -> tuple[grpc.Call, SimpleQueue[StreamingOutputCallRequest | None]]:
    """A call, and what takes its requests until None."""
    requests: SimpleQueue[StreamingOutputCallRequest | None] = SimpleQueue()
    call = ServiceStub(channel).FullDuplexCall(iter(requests.get, None), timeout=LIMIT_SECONDS)
    return call, requests


def test_calls_leave_a_connection_of_that_age_and_a_stream_stays():
    with (
        running_server("127.0.0.1:0", options=["--max-age", "200"]) as process,
        relay_to(process.addresses[0]) as relay,
        open_channel(relay.address) as channel,
    ):
        stream, requests = begin_stream(channel)
        request = StreamingOutputCallRequest(response_parameters=[ResponseParameters(size=1)])
        requests.put(request)
        next(stream)
        assert relay.opened.acquire(timeout=LIMIT_SECONDS)
        while not relay.opened.acquire(blocking=False):
            OutliersStub(channel).Detect(OutliersRequest(), timeout=LIMIT_SECONDS)
        requests.put(request)
        next(stream)
        requests.put(None)
        assert list(stream) == []


def test_a_stream_ends_after_the_grace():
    options = ["--max-age", "100", "--max-age-grace", "100"]
    with (
        running_server("127.0.0.1:0", options=options) as process,
        relay_to(process.addresses[0]) as relay,
        open_channel(relay.address) as channel,
    ):
        stream, requests = begin_stream(channel)
        assert stream.code() == grpc.StatusCode.UNAVAILABLE
        requests.put(None)


def test_idle_connection_is_told_to_go():
    with connected("--max-idle", "100") as connection:
        assert connection.next_of(GOAWAY)[0] == GOAWAY


def test_keepalive_pings_a_connection_without_a_call():
    with connected("--keepalive", "100") as connection:
        assert connection.next_of(PING, GOAWAY)[:2] == (PING, 0)


@pytest.mark.parametrize(("options", "is_taken"), [([], False), (["--ping-interval", "1"], True)])
def test_pings_without_a_call(options: list[str], is_taken: bool):
    with connected(*options) as connection:
        answers = []
        while len(answers) < MANY and GOAWAY not in answers:
            connection.ping()
            answers.append(connection.next_of(PING, GOAWAY)[0])
            # Not to wait for anything: so often it is.
            time.sleep(PINGS_EVERY_SECONDS)
    assert (GOAWAY not in answers) == is_taken
