"""The connections of the drive protocol's calls: shared, closed, read slowly."""

import threading
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from conftest import LIMIT_SECONDS, running_server
from driving import OK, Client, drive, elements, running_client, sequence, stream
from identities import Authority, Identity, tls_options
from relay import Relay, relay_to
from scripted import scripted_server, unary

from drive_call import Call, make_call
from drive_connection import Connection

LARGE = [["x-crosswire-size", "65536"]]
LIMIT_BYTES = 4 * 2**20


@pytest.fixture
def client() -> Iterator[Client]:
    with running_client() as client:
        yield client


@pytest.fixture
def relay(addresses: list[str]) -> Iterator[Relay]:
    with relay_to(addresses[0]) as relay:
        yield relay


def close(target: str) -> dict[str, Any]:
    return {"close": {"target": target}}


def is_open_again(relay: Relay) -> bool:
    return relay.opened.acquire(timeout=LIMIT_SECONDS)


def is_ended(relay: Relay) -> bool:
    return relay.ended.acquire(timeout=LIMIT_SECONDS)


def test_close_ends_the_connection(client: Client, relay: Relay):
    for _ in range(2):
        assert client.call(relay.address, **stream(1))["status"] == OK
        assert client.call(relay.address, **sequence(1))["status"] == OK
        assert is_open_again(relay)
        client.send(close(relay.address))
        assert is_ended(relay)
    assert not relay.opened.acquire(blocking=False)


def test_close_of_one_target_leaves_the_others(client: Client, relay: Relay, addresses: list[str]):
    with relay_to(addresses[0]) as other:
        for target in (relay.address, other.address):
            assert client.call(target, **stream(1))["status"] == OK
        client.send(close(relay.address))
        assert is_ended(relay)
        assert client.call(other.address, **stream(1))["status"] == OK
        assert other.opened.acquire(blocking=False)
        assert not other.opened.acquire(blocking=False)


def test_close_of_an_unknown_target_is_ignored(client: Client, addresses: list[str]):
    client.send(close("127.0.0.1:1"))
    assert client.call(addresses[0], **stream(1))["status"] == OK


def test_connection_of_each_way_of_tls(client: Client, own: Identity, authority: Authority):
    names = [{}, {"server_name": "localhost"}, {"server_name": "server.test"}]
    ways = [{"ca": authority.certificate, **name} for name in names]
    with (
        running_server("127.0.0.1:0", options=tls_options(own)) as process,
        relay_to(process.addresses[0]) as relay,
    ):
        for tls in ways * 2:
            assert client.call(relay.address, **stream(1), tls=tls)["status"] == OK
        for _ in ways:
            assert is_open_again(relay)
        assert not relay.opened.acquire(blocking=False)
        client.send(close(relay.address))
        for _ in ways:
            assert is_ended(relay)


def test_close_ends_calls_in_flight(client: Client):
    begun, cancelled = threading.Event(), threading.Event()

    def behavior(request: bytes, context: grpc.ServicerContext) -> bytes:
        context.add_callback(cancelled.set)
        begun.set()
        cancelled.wait(LIMIT_SECONDS)
        return b""

    with scripted_server(unary(behavior)) as target:
        client.send({"call": {"id": 5, "target": target, **sequence(1)}})
        assert begun.wait(LIMIT_SECONDS)
        client.send(close(target))
        result = client.answer()["result"]
        assert cancelled.wait(LIMIT_SECONDS)
    assert (result["id"], result["messages"], result["status"]["code"]) == (5, [], 1)


def test_calls_that_a_close_overtakes_are_answered(client: Client, addresses: list[str]):
    for identifier in range(200):
        client.send({"call": {"id": identifier, "target": addresses[0], **stream(93)}})
    client.send(close(addresses[0]))
    results = [client.answer()["result"] for _ in range(200)]
    assert {result["id"] for result in results} == set(range(200))
    assert {result["status"]["code"] for result in results} <= {0, 1}


def test_call_on_a_closed_connection():
    connection = Connection("127.0.0.1:1", None)
    connection.close()
    call = Call.from_json({"target": "127.0.0.1:1", **stream(1)})
    assert make_call(call, connection)["status"]["code"] == 1


def test_slow_reader_holds_the_server_back(relay: Relay):
    call = {**stream(93), "metadata": LARGE, "read_delay_ms": 3_600_000, "timeout_ms": 2000}
    (answer,) = drive(relay.address, call)
    assert answer["result"]["messages"] == []
    assert answer["result"]["status"]["code"] == 4
    # Of the 93 messages the window takes one.
    assert 65536 <= relay.bytes_to_client < 2 * 65536


def test_slow_reader_gets_everything(relay: Relay):
    large, small, unary_call, raw = drive(
        relay.address,
        {**stream(93), "metadata": LARGE, "read_delay_ms": 2},
        {**stream(3), "read_delay_ms": 2},
        {**sequence(94), "read_delay_ms": 2},
        {**stream(3), "read_delay_ms": 0, "raw": True},
    )
    assert len(large["result"]["messages"]) == 93
    assert large["result"]["status"] == OK
    assert relay.bytes_to_client > 93 * 65536
    assert small["result"]["messages"] == raw["result"]["messages"] == elements(0, 1, 1)
    assert unary_call["result"]["status"]["code"] == 11


def test_slow_reader_of_a_unary_response(addresses: list[str]):
    plain, slow, cancelled = drive(
        addresses[0],
        sequence(5),
        {**sequence(5), "read_delay_ms": 1},
        {**sequence(5), "read_delay_ms": 1, "cancel_after_messages": 1},
    )
    assert slow["result"] == {**plain["result"], "id": 1}
    assert cancelled["result"]["messages"] == plain["result"]["messages"]
    late = {**sequence(5), "read_delay_ms": 3_600_000, "timeout_ms": 200}
    (answer,) = drive(addresses[0], late)
    assert answer["result"]["messages"] == []
    assert answer["result"]["status"]["code"] == 4


@pytest.mark.parametrize("call", [stream(3), sequence(3)])
def test_size_limit_of_responses(addresses: list[str], call: dict[str, Any]):
    fits, too_large = drive(
        addresses[0],
        {**call, "metadata": [["x-crosswire-size", str(LIMIT_BYTES)]]},
        {**call, "metadata": [["x-crosswire-size", str(LIMIT_BYTES + 1)]]},
    )
    assert fits["result"]["status"] == OK
    assert too_large["result"]["status"]["code"] == 8
    assert too_large["result"]["messages"] == []


@pytest.mark.parametrize("call", [stream(3), sequence(3), {**stream(3), "raw": True}])
def test_gzip_is_offered_and_read(addresses: list[str], call: dict[str, Any]):
    metadata = [["x-crosswire-size", "1000000"], ["x-crosswire-compress", "gzip"]]
    with relay_to(addresses[0]) as relay:
        (answer,) = drive(relay.address, {**call, "metadata": metadata})
    assert answer["result"]["status"] == OK
    assert b"grpc-accept-encoding" in relay.from_client
    assert relay.bytes_to_client < 100_000
