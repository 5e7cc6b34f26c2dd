"""Calls of the drive protocol, made by the client as a process."""

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from conftest import FOLDER, LIMIT_SECONDS, run_program

from fibonacci_pb2 import SequenceElement, SequenceRequest
from outliers_pb2 import Metric, OutliersRequest


def drive(target: str, *calls: dict[str, Any], before: str = "") -> list[dict[str, Any]]:
    """The answers to the calls, in the order of the calls, which get their position as `id`."""
    lines = [
        json.dumps({"call": {"id": position, "case": "test", "target": target, **call}})
        for position, call in enumerate(calls)
    ]
    text = before + "".join(f"{line}\n" for line in lines)
    process = run_program("client.py", "drive", text=text)
    assert process.returncode == 0
    answers = [json.loads(line) for line in process.stdout.splitlines()]
    by_id = {answer["id"]: kind for kind in answers for answer in kind.values() if "id" in answer}
    return [by_id[position] for position in range(len(calls))]


class Client:
    """A client that lives on after an answer."""

    def __init__(self, process: subprocess.Popen):
        self._process = process

    def send(self, line: dict[str, Any]) -> None:
        self._process.stdin.write(json.dumps(line) + "\n")
        self._process.stdin.flush()

    def answer(self) -> dict[str, Any]:
        return json.loads(self._process.stdout.readline())

    def call(self, target: str, **fields: Any) -> dict[str, Any]:
        """The result of the call."""
        self.send({"call": {"id": 0, "case": "test", "target": target, **fields}})
        return self.answer()["result"]


@contextmanager
def running_client() -> Iterator[Client]:
    """Its end comes with that of its stdin, and must be good."""
    command = [sys.executable, FOLDER / "client.py", "drive"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        try:
            yield Client(process)
            process.stdin.close()
            assert process.wait(LIMIT_SECONDS) == 0
        finally:
            process.kill()


def encoded(message: Any) -> str:
    return base64.b64encode(message.SerializeToString()).decode()


def once(message: str) -> list[dict[str, Any]]:
    """The steps of a method with one request."""
    return [{"message": message}, {"half_close": True}]


def detect(values: list[float]) -> dict[str, Any]:
    request = OutliersRequest(metrics=[Metric(value=value) for value in values])
    return {"method": "pb.Outliers/Detect", "send": once(encoded(request))}


def stream(count: int) -> dict[str, Any]:
    request = encoded(SequenceRequest(count=count))
    return {"method": "FibonacciService/StreamSequence", "send": once(request)}


def sequence(count: int) -> dict[str, Any]:
    request = encoded(SequenceRequest(count=count))
    return {"method": "FibonacciService/GetSequence", "send": once(request)}


def elements(*numbers: int) -> list[str]:
    return [encoded(SequenceElement(element=n, count=i)) for i, n in enumerate(numbers)]


OK = {"code": 0, "message": "", "details": ""}
