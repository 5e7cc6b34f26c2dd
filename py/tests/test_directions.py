"""What a request's metadata can direct, over real sockets."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from conftest import LIMIT_SECONDS, running_server
from relay import relay_to

import directions
from channel import open_channel
from fibonacci_pb2 import SequenceElement, SequenceRequest, SequenceResponse
from services import add_services

Answer = tuple[list[bytes], grpc.Call]

MESSAGE = "gr\u00fc\u00df dich\n\t\x00\x7f 100 %, \u2603"
CODES = [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK]
METHODS = ["GetSequence", "StreamSequence"]
DAY_MS = "86400000"


def ask(
    channel: grpc.Channel,
    method: str,
    *metadata: tuple[str, str | bytes],
    count: int = 3,
    **options,
) -> Answer:
    """The response messages, as they came, and the call, which is over.

    A unary method is called as a stream, which tells a missing message from a status.
    """
    call = channel.unary_stream(f"/FibonacciService/{method}")(
        SequenceRequest(count=count).SerializeToString(),
        metadata=metadata,
        **{"timeout": LIMIT_SECONDS, **options},
    )
    return list(until_failure(call)), call


def until_failure(call: Any) -> Iterator[bytes]:
    try:
        yield from call
    except grpc.RpcError:
        return


def own_messages(method: str) -> list[bytes]:
    """The answer to a count of 3."""
    if method == "GetSequence":
        return [SequenceResponse(element=[0, 1, 1]).SerializeToString()]
    sequence_elements = [SequenceElement(element=n, count=i) for i, n in enumerate([0, 1, 1])]
    return [element.SerializeToString() for element in sequence_elements]


def status(call: grpc.Call) -> tuple[grpc.StatusCode, str]:
    return call.code(), call.details()


@pytest.mark.parametrize("method", METHODS)
def test_metadata_is_sent_back(channel: grpc.Channel, method: str):
    header = [("x-crosswire-header-b", "1"), ("x-crosswire-header-a-bin", b"\x00\xff")]
    header += [("x-crosswire-header-b", "2, 3"), ("x-crosswire-header", "")]
    trailer = [("x-crosswire-trailer-bin", b""), ("x-crosswire-trailer-z", "z")]
    trailer += [("x-crosswire-trailer-bin", b"\x01\x02")]
    other = [("x-crosswire-call", "7"), ("x-other", "o")]
    messages, call = ask(channel, method, *other, *trailer, *header)
    assert messages == own_messages(method)
    assert status(call) == (grpc.StatusCode.OK, "")
    assert list(call.initial_metadata()) == header
    assert list(call.trailing_metadata()) == trailer


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("code", CODES)
def test_status(channel: grpc.Channel, method: str, code: grpc.StatusCode):
    metadata = [
        ("x-crosswire-status", str(code.value[0])),
        ("x-crosswire-status-message-bin", MESSAGE.encode()),
        ("x-crosswire-status-details-bin", b"\x08\x05"),
        ("x-crosswire-trailer-t", "t"),
        ("x-crosswire-header-h", "h"),
    ]
    messages, call = ask(channel, method, *metadata)
    assert messages == (own_messages(method) if method == "StreamSequence" else [])
    assert status(call) == (code, MESSAGE)
    assert list(call.initial_metadata()) == [("x-crosswire-header-h", "h")]
    assert list(call.trailing_metadata()) == [
        ("x-crosswire-trailer-t", "t"),
        ("grpc-status-details-bin", b"\x08\x05"),
    ]


@pytest.mark.parametrize("method", METHODS)
def test_status_that_grpc_does_not_have(channel: grpc.Channel, method: str):
    _, call = ask(channel, method, ("x-crosswire-status", "17"))
    assert status(call) == (grpc.StatusCode.UNKNOWN, "")


@pytest.mark.parametrize("method", METHODS)
def test_status_ok(channel: grpc.Channel, method: str):
    messages, call = ask(channel, method, ("x-crosswire-status", "0"))
    assert messages == own_messages(method)
    assert status(call) == (grpc.StatusCode.OK, "")


@pytest.mark.parametrize(
    ("method", "directed", "code"),
    [
        ("GetSequence", "5", grpc.StatusCode.NOT_FOUND),
        ("StreamSequence", "5", grpc.StatusCode.NOT_FOUND),
        ("StreamSequence", "0", grpc.StatusCode.OK),
        # It has no message, so it cannot be OK.
        ("GetSequence", "0", grpc.StatusCode.OUT_OF_RANGE),
    ],
)
def test_status_instead_of_the_services_own(
    channel: grpc.Channel, method: str, directed: str, code: grpc.StatusCode
):
    messages, call = ask(channel, method, ("x-crosswire-status", directed), count=94)
    assert len(messages) == (93 if method == "StreamSequence" else 0)
    assert call.code() == code


@pytest.mark.parametrize("method", METHODS)
def test_own_status_keeps_what_else_is_directed(channel: grpc.Channel, method: str):
    metadata = [
        ("x-crosswire-header", "h"),
        ("x-crosswire-trailer", "t"),
        # Without x-crosswire-status they say nothing.
        ("x-crosswire-status-message-bin", b"m"),
        ("x-crosswire-status-details-bin", b"\x08\x05"),
    ]
    _, call = ask(channel, method, *metadata, count=94)
    message = "count 94 is more than 93: F(93) does not fit in int64"
    assert status(call) == (grpc.StatusCode.OUT_OF_RANGE, message)
    assert list(call.initial_metadata()) == [("x-crosswire-header", "h")]
    assert list(call.trailing_metadata()) == [("x-crosswire-trailer", "t")]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("size", [0, 4, 50, 1000, 65536, 4 * 2**20])
def test_size(channel: grpc.Channel, method: str, size: int):
    messages, call = ask(channel, method, ("x-crosswire-size", str(size)))
    assert status(call) == (grpc.StatusCode.OK, "")
    own = own_messages(method)
    assert [len(message) for message in messages] == [max(size, len(message)) for message in own]
    response = SequenceResponse if method == "GetSequence" else SequenceElement
    for message, unpadded in zip(messages, own, strict=True):
        read = response.FromString(message)
        read.DiscardUnknownFields()
        assert read.SerializeToString() == unpadded


@pytest.mark.parametrize("method", METHODS)
def test_size_beyond_the_clients_limit(channel: grpc.Channel, method: str):
    messages, call = ask(channel, method, ("x-crosswire-size", str(4 * 2**20 + 1)))
    assert messages == []
    assert call.code() == grpc.StatusCode.RESOURCE_EXHAUSTED


@pytest.mark.parametrize("method", METHODS)
def test_compress(addresses: list[str], method: str):
    metadata = [("x-crosswire-size", "1000000"), ("x-crosswire-compress", "gzip")]
    with relay_to(addresses[0]) as relay, open_channel(relay.address) as channel:
        messages, call = ask(channel, method, *metadata, ("x-crosswire-header", "h"))
    assert {len(message) for message in messages} == {1_000_000}
    assert status(call) == (grpc.StatusCode.OK, "")
    assert 0 < relay.bytes_to_client < 100_000


@pytest.mark.parametrize(
    ("method", "count", "waits"),
    [("GetSequence", 3, 1), ("GetSequence", 94, 1), ("StreamSequence", 3, 3)],
)
def test_delay_before_each_message(
    method: str, count: int, waits: int, monkeypatch: pytest.MonkeyPatch
):
    waited = []

    class Recorder(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            waited.append(timeout)
            return super().wait(timeout)

    monkeypatch.setattr(directions.call, "Event", Recorder)
    interceptor = directions.DirectionsInterceptor(undirected_service="")
    server = grpc.server(ThreadPoolExecutor(1), interceptors=[interceptor])
    add_services(server)
    address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    with open_channel(address) as channel:
        ask(channel, method, ("x-crosswire-delay-ms", "2"), count=count)
    server.stop(None).wait()
    assert waited == [0.002] * waits


@pytest.mark.parametrize(
    ("method", "count"), [("GetSequence", 3), ("GetSequence", 94), ("StreamSequence", 3)]
)
def test_delay_ends_when_the_deadline_has_passed(method: str, count: int):
    # A handler that went on waiting would keep the server from its end.
    with running_server("127.0.0.1:0") as process:
        with open_channel(process.addresses[0]) as channel:
            delay = ("x-crosswire-delay-ms", DAY_MS)
            messages, call = ask(channel, method, delay, count=count, timeout=0.2)
        assert messages == []
        assert call.code() == grpc.StatusCode.DEADLINE_EXCEEDED
        process.stdin.close()
        assert process.wait(LIMIT_SECONDS) == 0


@pytest.mark.parametrize("method", METHODS)
def test_delay_ends_when_the_call_is_cancelled(method: str):
    with running_server("127.0.0.1:0") as process:
        with open_channel(process.addresses[0]) as channel:
            metadata = [("x-crosswire-delay-ms", DAY_MS), ("x-crosswire-header", "h")]
            call = channel.unary_stream(f"/FibonacciService/{method}")(b"", metadata=metadata)
            # The handler is about to wait, now that this has come.
            assert list(call.initial_metadata()) == metadata[1:]
            call.cancel()
        process.stdin.close()
        assert process.wait(LIMIT_SECONDS) == 0


@pytest.mark.parametrize(
    ("method", "words", "count"),
    [
        ("GetSequence", "Exception calling application: boom", 0),
        ("StreamSequence", "Exception iterating responses: boom", 3),
    ],
)
def test_panic(channel: grpc.Channel, method: str, words: str, count: int):
    messages, call = ask(
        channel, method, ("x-crosswire-panic", "boom"), ("x-crosswire-trailer", "t")
    )
    assert len(messages) == count
    assert status(call) == (grpc.StatusCode.UNKNOWN, words)
    assert list(call.trailing_metadata()) == [("x-crosswire-trailer", "t")]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("x-crosswire-status", "x", '"x" is not a whole number from 0 to 17'),
        ("x-crosswire-status", "18", '"18" is not a whole number from 0 to 17'),
        ("x-crosswire-status", "-1", '"-1" is not a whole number from 0 to 17'),
        ("x-crosswire-status-message-bin", b"\xff", '"\ufffd" is not UTF-8'),
        ("x-crosswire-delay-ms", "1.5", '"1.5" is not a whole number from 0 to 86400000'),
        ("x-crosswire-delay-ms", "", '"" is not a whole number from 0 to 86400000'),
        ("x-crosswire-size", "1e3", '"1e3" is not a whole number from 0 to 67108864'),
        ("x-crosswire-size", "67108865", '"67108865" is not a whole number from 0 to 67108864'),
        (
            "x-crosswire-size",
            "9" * 5000,
            f'"{"9" * 5000}" is not a whole number from 0 to 67108864',
        ),
        ("x-crosswire-compress", "br", '"br" is not an encoding of this server; give gzip'),
    ],
)
def test_value_that_makes_no_sense(
    channel: grpc.Channel, method: str, name: str, value: str | bytes, words: str
):
    messages, call = ask(channel, method, ("x-crosswire-status", "0"), (name, value))
    assert messages == []
    assert status(call) == (grpc.StatusCode.INVALID_ARGUMENT, f"{name}: {words}")


def test_size_that_no_padding_makes(channel: grpc.Channel):
    _, call = ask(channel, "GetSequence", ("x-crosswire-size", "7"))
    assert status(call) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "x-crosswire-size: 7: a message of 5 bytes cannot be made 2 bytes longer, "
        "which no field is; give another size",
    )


def test_last_of_several_counts(channel: grpc.Channel):
    entries = [("x-crosswire-status", "x"), ("x-crosswire-status", "005")]
    _, call = ask(channel, "GetSequence", *entries)
    assert call.code() == grpc.StatusCode.NOT_FOUND


def test_request_beyond_the_servers_limit(channel: grpc.Channel):
    with pytest.raises(grpc.RpcError) as failure:
        channel.unary_unary("/pb.Outliers/Detect")(bytes(4 * 2**20 + 1), timeout=LIMIT_SECONDS)
    assert failure.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
