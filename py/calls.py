"""The calls that a person makes from the command line."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import grpc

from channel import open_channel
from command_line import EXIT_FAILED, CommandError, print_line
from dummy import dummy_metrics
from fibonacci_pb2 import SequenceRequest
from fibonacci_pb2_grpc import FibonacciServiceStub
from outliers_pb2 import Metric, OutliersRequest
from outliers_pb2_grpc import OutliersStub

# An answer takes milliseconds; a person waits this long before giving up, and
# a machine that takes longer has a fault worth a message.
DEADLINE_SECONDS = 10


def detect(address: str, values: list[float]) -> None:
    detect_metrics(address, [Metric(value=value) for value in values])


def detect_dummy(address: str) -> None:
    detect_metrics(address, dummy_metrics())


def detect_metrics(address: str, metrics: list[Metric]) -> None:
    with answering_channel(address) as channel:
        request = OutliersRequest(metrics=metrics)
        response = OutliersStub(channel).Detect(request, timeout=DEADLINE_SECONDS)
        print_line(f"outliers at: {bracketed(response.indices)}")


def sequence(address: str, count: int) -> None:
    with answering_channel(address) as channel:
        request = SequenceRequest(count=count)
        response = FibonacciServiceStub(channel).GetSequence(request, timeout=DEADLINE_SECONDS)
        print_line(f"sequence: {bracketed(response.element)}")


def stream(address: str, count: int) -> None:
    """Prints every element as it arrives, those that came before a failure included."""
    with answering_channel(address) as channel:
        request = SequenceRequest(count=count)
        stub = FibonacciServiceStub(channel)
        for response in stub.StreamSequence(request, timeout=DEADLINE_SECONDS):
            print_line(f"F({response.count}) = {response.element}")


@contextmanager
def answering_channel(address: str) -> Iterator[grpc.Channel]:
    """A channel to the address; the failure of a call on it becomes a `CommandError` in words."""
    with open_channel(address) as channel:
        try:
            yield channel
        except grpc.RpcError as error:
            text = f"{error.code().name}: {explanation(error, address)}"
            raise CommandError(text, EXIT_FAILED) from error


def explanation(error: grpc.RpcError, address: str) -> str:
    match error.code():
        case grpc.StatusCode.UNAVAILABLE:
            return f"no gRPC server answers at {address}; start one, or name another with --addr"
        case grpc.StatusCode.DEADLINE_EXCEEDED:
            return f"no answer within {DEADLINE_SECONDS} s"
        case _:
            return error.details() or ""


def bracketed(numbers: Iterable[int]) -> str:
    """As Go prints a slice, and so the article's client: [7 113 835]."""
    return f"[{' '.join(map(str, numbers))}]"
