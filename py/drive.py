"""The client's side of docs/peer-protocol.md: calls as JSON lines on stdin, results on stdout."""

import json
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Any

import grpc

from command_line import EXIT_FAILED, CommandError, Program, print_line
from drive_call import Call, Connection, UnsupportedError, make_call
from words import reason

PROTOCOL = 1

# One thread waits for each call in flight. 256 is more than the harness has
# reason to ask of one connection, and 256 sleeping threads cost little.
MAXIMUM_IN_FLIGHT = 256

HELLO = {
    "hello": {
        "protocol": PROTOCOL,
        "implementation": "grpcio",
        "version": grpc.__version__,
        "features": ["cancel", "gzip", "raw"],
        "max_in_flight": MAXIMUM_IN_FLIGHT,
    }
}


def drive(program: Program) -> None:
    """Answers every line of stdin until it ends; returns when the last call is over."""
    driver = Driver(program)
    with ThreadPoolExecutor(MAXIMUM_IN_FLIGHT) as calls_in_flight:
        for line in stdin_lines():
            match parse_line(line):
                case {"hello": dict()}:
                    driver.write(HELLO)
                case {"call": {"id": int(identifier), **fields}}:
                    calls_in_flight.submit(driver.answer, identifier, fields)
                case _:
                    program.log(f"not a call: {line!r}")


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
    """Answers calls from any thread, with one connection for each target."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._connections: dict[str, Connection] = {}
        self._connecting = Lock()
        self._writing = Lock()

    def answer(self, identifier: int, fields: dict[str, Any]) -> None:
        try:
            call = Call.from_json(fields)
            result = make_call(call, self._connection(call.target))
            answer = {"result": {"id": identifier, **result}}
        except UnsupportedError as error:
            answer = {"unsupported": {"id": identifier, "why": str(error)}}
        except Exception as error:
            # A call without an answer would look like a server that hangs.
            answer = {"unsupported": {"id": identifier, "why": f"the client failed: {error!r}"}}
        self.write(answer)

    def write(self, answer: dict[str, Any]) -> None:
        line = json.dumps(answer, separators=(",", ":"))
        with self._writing:
            try:
                print_line(line)
            except CommandError as failure:
                # Raised here, it would end one of many threads, and the main
                # thread would go on to wait for stdin.
                os._exit(self._program.report(failure))

    def _connection(self, target: str) -> Connection:
        """The target's connection, made on first use and kept for the life of the process."""
        with self._connecting:
            if target not in self._connections:
                self._connections[target] = Connection(target)
            return self._connections[target]
