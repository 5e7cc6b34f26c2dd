"""The server's command line, its ports, and its end."""

import errno
import logging
import os
import signal
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from conftest import LIMIT_SECONDS, run_program, running_server

import listening
from channel import open_channel
from command_line import CommandError
from outliers_pb2 import OutliersRequest
from outliers_pb2_grpc import OutliersStub
from values import Address

NO_ADDRESS = '--listen "abc": not an address; give HOST:PORT, such as 127.0.0.1:9999'
NO_TIME = "is no number of milliseconds from 1 to 86400000"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["--listen", "abc"], NO_ADDRESS),
        (["--listen=abc"], NO_ADDRESS),
        (["--listen"], "--listen needs a value; see server --help"),
        (["--foo"], "unknown option --foo; see server --help"),
        (["x"], 'unexpected argument "x"; see server --help'),
        (["--tls-cert"], "--tls-cert needs a value; see server --help"),
        (["--tls-cert", "x"], "--tls-cert and --tls-key go together"),
        (["--tls-key=x"], "--tls-cert and --tls-key go together"),
        (["--tls-client-ca", "x"], "--tls-client-ca needs --tls-cert and --tls-key"),
        (["--tls-cert", "x", "--tls-client-ca", "x"], "--tls-cert and --tls-key go together"),
        (["--tls-cert", "x", "--listen", "abc"], NO_ADDRESS),
        (["--listen", "unix:abc"], NO_ADDRESS.replace("abc", "unix:abc")),
        (["--tls-cert", "x", "--max-age", "x"], f'--max-age: "x" {NO_TIME}'),
        (["--keepalive-wait=0"], f'--keepalive-wait: "0" {NO_TIME}'),
        (["--ping-interval"], "--ping-interval needs a value; see server --help"),
        (["a\nb"], 'unexpected argument "a\\nb"; see server --help'),
        (
            ["--listen", "a..b:80"],
            "cannot listen on a..b:80: unknown host; name another with --listen",
        ),
    ],
)
def test_usage_errors(arguments: list[str], error: str):
    process = run_program("server.py", *arguments)
    assert (process.returncode, process.stdout) == (2, "")
    assert process.stderr == f"server: {error}\n"


def test_help():
    process = run_program("server.py", "--help")
    assert (process.returncode, process.stderr) == (0, "")
    assert process.stdout.startswith("Usage: server [--listen ADDRESS]...\n")


def test_taken_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        process = run_program("server.py", "--listen", "127.0.0.1:0", "--listen", address)
    assert (process.returncode, process.stdout) == (2, "")
    assert process.stderr == (
        f"server: cannot listen on {address}: address already in use; "
        "stop the program that has it, or name another with --listen\n"
    )


def test_port_taken_by_another_server(addresses: list[str]):
    process = run_program("server.py", "--listen", addresses[0])
    assert process.returncode == 2
    assert "address already in use" in process.stderr


def test_unix_socket(folder: Path):
    socket_file = folder / "a b%25.sock"
    with running_server(f"unix:{socket_file}", "127.0.0.1:0") as process:
        assert process.addresses[0] == f"unix:{socket_file}"
        for address in process.addresses:
            answer(address)
    assert not socket_file.exists()


def test_unix_socket_that_cannot_be_had(folder: Path):
    file = folder / "file"
    file.touch()
    with running_server(f"unix:{folder}/taken.sock") as process:
        table = [
            (file, "address already in use; stop the program that has it, or name"),
            (
                folder / "taken.sock",
                "address already in use; stop the program that has it, or name",
            ),
            (folder / "absent" / "x.sock", "no such file or directory; name"),
            (folder / ("x" * 108), "file name too long; name"),
        ]
        for path, words in table:
            refused = run_program(
                "server.py", "--listen", f"unix:{folder}/own.sock", "--listen", f"unix:{path}"
            )
            assert (refused.returncode, refused.stdout) == (2, "")
            assert refused.stderr == (
                f"server: cannot listen on unix:{path}: {words} another with --listen\n"
            )
            assert not (folder / "own.sock").exists()
        answer(process.addresses[0])
    assert file.exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stops_on_signals(number: signal.Signals):
    # /dev/null is at its end from the start, and does not count.
    with running_server("127.0.0.1:0", stdin=subprocess.DEVNULL) as process:
        answer(process.addresses[0])
        process.send_signal(number)
        assert process.wait(LIMIT_SECONDS) == 0


def test_stops_when_stdin_ends():
    with running_server("127.0.0.1:0") as process:
        answer(process.addresses[0])
        process.stdin.close()
        assert process.wait(LIMIT_SECONDS) == 0


def answer(address: str) -> None:
    with open_channel(address) as channel:
        OutliersStub(channel).Detect(OutliersRequest(), timeout=LIMIT_SECONDS)


@pytest.fixture
def server() -> grpc.Server:
    return grpc.server(ThreadPoolExecutor(1))


@pytest.mark.parametrize("number", [errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL])
def test_default_addresses_without_ipv6(
    server: grpc.Server,
    number: int,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
):
    without_ipv6(monkeypatch, number)
    with caplog.at_level(logging.WARNING):
        (bound,) = listening.listen_on(server, [])
    assert bound.host == "127.0.0.1"
    assert caplog.messages == ["not listening on [::1]:0: this machine has no IPv6"]


def test_named_address_without_ipv6(server: grpc.Server, monkeypatch: pytest.MonkeyPatch):
    without_ipv6(monkeypatch, errno.EADDRNOTAVAIL)
    with pytest.raises(CommandError, match=r"\[::1\]:0: cannot assign requested address"):
        listening.listen_on(server, [Address("[::1]", 0)])


def test_taken_ipv6_port_is_no_missing_ipv6(server: grpc.Server, monkeypatch: pytest.MonkeyPatch):
    without_ipv6(monkeypatch, errno.EADDRINUSE)
    with pytest.raises(CommandError, match="address already in use"):
        listening.listen_on(server, [])


def without_ipv6(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Makes IPv6 addresses fail with the error, and lets the defaults take any port."""
    probe = listening.probe

    def failing_probe(address: Address) -> None:
        if address.host == "[::1]":
            raise OSError(number, os.strerror(number))
        probe(address)

    monkeypatch.setattr(listening, "probe", failing_probe)
    defaults = [Address("127.0.0.1", 0), Address("[::1]", 0)]
    monkeypatch.setattr(listening, "DEFAULT_ADDRESSES", defaults)
