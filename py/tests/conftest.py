"""Starts the programs under test as their users do: as processes, on ports of their own."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest
from identities import Authority, Identity

from channel import open_channel

FOLDER = Path(__file__).parents[1]

# Only a defect takes this long: it ends the test instead of the patience of whoever waits.
LIMIT_SECONDS = 60


def run_program(*arguments: str, text: str | None = None) -> subprocess.CompletedProcess:
    """Runs `server.py` or `client.py` to its end, with `text` on its stdin."""
    return subprocess.run(
        [sys.executable, FOLDER / arguments[0], *arguments[1:]],
        input=text,
        stdin=subprocess.DEVNULL if text is None else None,
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )


@contextmanager
def running_server(
    *listen: str, options: Sequence[str] = (), stdin: int = subprocess.PIPE
) -> Iterator[subprocess.Popen]:
    """A server on the addresses; its `addresses` are those of its ready lines."""
    listen_options = [option for address in listen for option in ("--listen", address)]
    command = [sys.executable, FOLDER / "server.py", *listen_options, *options]
    with subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE, text=True) as process:
        try:
            lines = [process.stdout.readline() for _ in listen]
            process.addresses = [json.loads(line)["ready"]["address"] for line in lines]
            yield process
        finally:
            process.terminate()
            try:
                process.wait(LIMIT_SECONDS)
            finally:
                process.kill()


@pytest.fixture(scope="session")
def addresses() -> Iterator[list[str]]:
    with running_server("127.0.0.1:0", "127.0.0.1:0") as process:
        yield process.addresses


@pytest.fixture(scope="session")
def channel(addresses: list[str]) -> Iterator[grpc.Channel]:
    with open_channel(addresses[0]) as channel:
        yield channel


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tls")


@pytest.fixture(scope="session")
def authority(folder: Path) -> Authority:
    return Authority(folder / "authority")


@pytest.fixture(scope="session")
def own(authority: Authority) -> Identity:
    return authority.issue("localhost", "server.test", "127.0.0.1")
