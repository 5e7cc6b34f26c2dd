"""What a call of the drive protocol asks of its channel, and sockets that are not IPv4's."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import grpc
import pytest
from conftest import LIMIT_SECONDS, running_server
from driving import OK, Client, drive, elements, once, running_client, stream
from frames import frames_until
from identities import Authority, Identity, tls_options
from relay import relay_to
from scripted import scripted_server, unary

UNAVAILABLE = 14
ROUND_ROBIN = {"loadBalancingConfig": [{"round_robin": {}}]}
RAW = {"method": "a.Service/Method", "send": once(""), "raw": True}


@pytest.fixture
def client() -> Iterator[Client]:
    with running_client() as client:
        yield client


@pytest.fixture
def servers() -> Iterator[list[str]]:
    """Two, of which each answers with its peer's name."""
    with ExitStack() as running:
        yield [running.enter_context(scripted_server(unary(peer))) for _ in range(2)]


def peer(request: bytes, context: grpc.ServicerContext) -> bytes:
    return context.peer().encode()


@pytest.fixture
def refusing() -> Iterator[str]:
    """An address that is bound but does not listen: nobody else can take it, and it refuses."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{bound.getsockname()[1]}"


def with_config(methods: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"service_config": {"methodConfig": [{"name": [{}], **methods}], **fields}}


@pytest.mark.parametrize("order", [slice(None), slice(None, None, -1)])
def test_first_address_that_answers(servers: list[str], refusing: str, order: slice):
    first, second = servers[order]
    with relay_to(first) as relay, relay_to(second) as other:
        channel = {"addresses": [refusing, relay.address, other.address]}
        answers = drive(refusing, *[{**RAW, "channel": channel}] * 3)
    assert [answer["result"]["status"] for answer in answers] == [OK] * 3
    assert relay.opened.acquire(blocking=False)
    assert not relay.opened.acquire(blocking=False)
    assert not other.opened.acquire(blocking=False)


def test_round_robin(client: Client, servers: list[str]):
    channel = {"addresses": servers, "service_config": ROUND_ROBIN}
    seen = set()
    # Both are connected to when calls begin, but one of them may be the first to be ready.
    while len(seen) < 2:
        seen.update(client.call(servers[0], **RAW, channel=channel)["messages"])
    answers = [client.call(servers[0], **RAW, channel=channel)["messages"][0] for _ in range(4)]
    assert set(answers[:2]) == seen
    assert answers[:2] == answers[2:]


def test_addresses_of_both_kinds(servers: list[str]):
    with ExitStack() as running:
        ipv6 = running.enter_context(scripted_server(unary(peer), ipv6_loopback()))
        channel = {"addresses": [ipv6, servers[0]]}
        (answer,) = drive(ipv6, {**RAW, "channel": channel})
    assert answer["result"]["status"] == OK


def test_target_is_the_authority(addresses: list[str]):
    with relay_to(addresses[0]) as relay:
        channel = {"addresses": [relay.address]}
        (answer,) = drive("other.test:1", {**stream(1), "channel": channel})
    assert answer["result"]["status"] == OK
    # grpcio writes headers as they are, without Huffman's code.
    assert b":authority\x0cother.test:1" in relay.from_client


def test_addresses_with_tls(own: Identity, authority: Authority, refusing: str):
    tls = {"ca": authority.certificate, "server_name": "server.test"}
    with running_server("127.0.0.1:0", options=tls_options(own)) as process:
        channel = {"addresses": [refusing, process.addresses[0]]}
        named, unnamed, wrong = drive(
            refusing,
            {**stream(1), "tls": tls, "channel": channel},
            {**stream(1), "tls": {"ca": authority.certificate}, "channel": channel},
            {**stream(1), "tls": {**tls, "server_name": "another.test"}, "channel": channel},
        )
    assert named["result"]["status"] == unnamed["result"]["status"] == OK
    assert wrong["result"]["status"]["code"] == UNAVAILABLE


def test_equal_channels_share_a_connection(client: Client, addresses: list[str]):
    config, same = {"a": 1, "b": 2}, {"b": 2, "a": 1}
    with relay_to(addresses[0]) as relay:
        for channel in (
            {"service_config": config, "addresses": [relay.address]},
            {"addresses": [relay.address], "service_config": same},
        ):
            assert client.call(relay.address, **stream(1), channel=channel)["status"] == OK
        assert relay.opened.acquire(timeout=LIMIT_SECONDS)
        assert not relay.opened.acquire(blocking=False)
        others = [{}, {"service_config": same}, {"keepalive_time_ms": 60_000}]
        for channel in others:
            assert client.call(relay.address, **stream(1), channel=channel)["status"] == OK
            assert relay.opened.acquire(timeout=LIMIT_SECONDS)
        client.send({"close": {"target": relay.address}})
        for _ in range(1 + len(others)):
            assert relay.ended.acquire(timeout=LIMIT_SECONDS)


RETRY_POLICY = {
    "maxAttempts": 3,
    "initialBackoff": "0.01s",
    "maxBackoff": "0.01s",
    "backoffMultiplier": 1,
    "retryableStatusCodes": ["UNAVAILABLE"],
}


@pytest.mark.parametrize(
    ("channel", "attempts"),
    [(None, 1), ({}, 1), (with_config({}), 1), (with_config({"retryPolicy": RETRY_POLICY}), 3)],
)
def test_calls_are_retried_as_the_service_config_says(channel: dict[str, Any], attempts: int):
    previous = []

    def behavior(request: bytes, context: grpc.ServicerContext) -> bytes:
        metadata = dict(context.invocation_metadata())
        previous.append(metadata.get("grpc-previous-rpc-attempts"))
        context.abort(grpc.StatusCode.UNAVAILABLE, "not now")

    with scripted_server(unary(behavior)) as target:
        (answer,) = drive(target, {**RAW, "channel": channel})
    assert answer["result"]["status"] == {"code": UNAVAILABLE, "message": "not now", "details": ""}
    assert answer["result"]["steps"] == 2
    assert previous == [None, "1", "2"][:attempts]


def test_wait_for_ready(client: Client, servers: list[str]):
    channel = with_config({"waitForReady": True})
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        target = f"127.0.0.1:{bound.getsockname()[1]}"
        client.send({"call": {"id": 1, "target": target, **RAW, "channel": channel}})
        # One that does not wait says that nobody listens there yet.
        assert client.call(target, **RAW)["status"]["code"] == UNAVAILABLE
    with scripted_server(unary(peer), target):
        assert client.answer()["result"]["status"] == OK


def test_keepalive_pings_while_no_call_runs(client: Client):
    channel = {"keepalive_time_ms": 100}
    with frames_until("RST_STREAM", "PING", "PING", "PING", "PING") as (target, frames):
        client.call(target, **RAW, cancel_after_messages=0, channel=channel)
        assert frames.result(LIMIT_SECONDS)[-1] == ("PING", 8)


def test_unix_socket(folder: Path):
    path = folder / "a b%25.sock"
    with scripted_server(unary(peer), f"unix:{path.with_name('a%20b%2525.sock')}"):
        assert path.exists()
        (answer,) = drive(f"unix:{path}", RAW)
    assert answer["result"]["status"] == OK


def test_unix_socket_that_is_not_there(folder: Path):
    (answer,) = drive(f"unix:{folder}/absent.sock", RAW)
    assert answer["result"]["status"]["code"] == UNAVAILABLE


def test_unix_socket_with_tls(folder: Path, own: Identity, authority: Authority):
    with (
        running_server("127.0.0.1:0", options=tls_options(own)) as process,
        relay_to(process.addresses[0], folder / "relay.sock") as relay,
    ):
        tls = {"ca": authority.certificate, "server_name": "server.test"}
        (answer,) = drive(relay.address, {**stream(3), "tls": tls})
    assert answer["result"]["messages"] == elements(0, 1, 1)


def ipv6_loopback() -> str:
    """A free port of it; ends the test where there is no IPv6."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    return "[::1]:0"


def test_ipv6():
    with scripted_server(unary(peer), ipv6_loopback()) as target:
        assert target.startswith("[::1]:")
        (answer,) = drive(target, RAW)
    assert answer["result"]["status"] == OK


def test_unsupported(addresses: list[str]):
    channels = [
        {"addresses": [addresses[0]], "proxy": "x"},
        {"addresses": ["localhost:1"]},
        {"addresses": ["[127.0.0.1]:1"]},
        {"addresses": ["::1:1"]},
        {"addresses": ["127.0.0.1"]},
        {"addresses": ["unix:/x"]},
        {"keepalive_time_ms": 0},
        {"keepalive_timeout_ms": "1"},
    ]
    answers = drive(addresses[0], *({**stream(1), "channel": channel} for channel in channels))
    assert [answer["unsupported"]["why"] for answer in answers] == [
        "channel: proxy is no field of this client",
        'channel: addresses: "localhost:1" is no IP address and port',
        'channel: addresses: "[127.0.0.1]:1" is no IP address and port',
        'channel: addresses: "::1:1" is no IP address and port',
        'channel: addresses: "127.0.0.1" is no IP address and port',
        'channel: addresses: "unix:/x" is no IP address and port',
        "channel: keepalive_time_ms: not a whole number from 1",
        "channel: keepalive_timeout_ms: not a whole number from 1",
    ]
