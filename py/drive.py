"""The client's side of docs/peer-protocol.md: calls as JSON lines on stdin, results on stdout."""

import json
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Lock
from typing import Any

import grpc

from certificates import CertificateError
from command_line import EXIT_FAILED, CommandError, Program, print_line
from drive_call import Call, make_call
from drive_connection import Connection, Connections
from drive_values import UnsupportedError
from words import reason

PROTOCOL = 2

# One thread waits for each call in flight. 256 is more than the harness has
# reason to ask of one connection, and 256 sleeping threads cost little.
MAXIMUM_IN_FLIGHT = 256

HELLO = {
    "hello": {
        "protocol": PROTOCOL,
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
        "max_in_flight": MAXIMUM_IN_FLIGHT,
    }
}


def drive(program: Program) -> None:
    """Answers every line of stdin until it ends; returns when the last call is over."""
    with ThreadPoolExecutor(MAXIMUM_IN_FLIGHT) as calls_in_flight:
        driver = Driver(program, calls_in_flight)
        for line in stdin_lines():
            match parse_line(line):
                case {"hello": dict()}:
                    driver.write(HELLO)
                case {"call": {"id": int(identifier), **fields}}:
                    driver.start(identifier, fields)
                case {"close": {"target": str(target)}}:
                    driver.close(target)
                case _:
                    program.log(f"neither a call nor a close: {line!r}")


def stdin_lines() -> Iterator[bytes]:
    if sys.stdin is None:
        # It was closed before we came.
        return
    try:
        yield from sys.stdin.buffer
    except OSError as error:
        raise CommandError(f"cannot read stdin: {reason(error)}", EXIT_FAILED) from error


def parse_line(line: bytes) -> Any:
    """The JSON value of the line, or None, which is no call either."""
    try:
        return json.loads(line)
    except ValueError:
        return None


class Driver:
    """Starts calls, and answers each when it is over."""

    def __init__(self, program: Program, calls_in_flight: ThreadPoolExecutor) -> None:
        self._program = program
        self._calls_in_flight = calls_in_flight
        # Only the thread that reads the lines touches them, so that a close meets
        # every call that stands before it, and none that stands behind.
        self._connections = Connections()
        self._writing = Lock()

    def start(self, identifier: int, fields: dict[str, Any]) -> None:
        with self._answering_failures(identifier):
            call = Call.from_json(fields)
            connection = self._connections.to(call.target, call.tls, call.channel_options)
            self._calls_in_flight.submit(self._finish, identifier, call, connection)

    def close(self, target: str) -> None:
        self._connections.close(target)

    def write(self, answer: dict[str, Any]) -> None:
        line = json.dumps(answer, separators=(",", ":"))
        with self._writing:
            try:
                print_line(line)
            except CommandError as failure:
                # Raised here, it would end one of many threads, and the main
                # thread would go on to wait for stdin.
                os._exit(self._program.report(failure))

    def _finish(self, identifier: int, call: Call, connection: Connection) -> None:
        with self._answering_failures(identifier):
            result = make_call(call, connection)
            self.write({"result": {"id": identifier, **result}})

    @contextmanager
    def _answering_failures(self, identifier: int) -> Iterator[None]:
        """A call without an answer would look like a server that hangs."""
        try:
            yield
        except UnsupportedError as error:
            self._write_unsupported(identifier, str(error))
        except CertificateError as error:
            self._write_unsupported(identifier, f"tls: {error}")
        except Exception as error:
            self._write_unsupported(identifier, f"the client failed: {error!r}")

    def _write_unsupported(self, identifier: int, why: str) -> None:
        self.write({"unsupported": {"id": identifier, "why": why}})
