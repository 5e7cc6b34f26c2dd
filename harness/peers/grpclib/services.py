"""The two services of proto/; docs/contract.md says what they answer."""

from collections.abc import Iterable, Iterator

import numpy as np
from grpclib.const import Status
from grpclib.exceptions import GRPCError
from grpclib.server import Stream

from fibonacci_grpc import FibonacciServiceBase
from fibonacci_pb2 import SequenceElement, SequenceRequest, SequenceResponse
from outliers_grpc import OutliersBase
from outliers_pb2 import OutliersRequest, OutliersResponse

# F(92) is the last that fits in the int64 of the .proto.
MAXIMUM_COUNT = 93


class OutliersService(OutliersBase):
    async def Detect(self, stream: Stream[OutliersRequest, OutliersResponse]) -> None:
        request = await stream.recv_message()
        assert request is not None
        indices = find_outliers(metric.value for metric in request.metrics)
        await stream.send_message(OutliersResponse(indices=indices))


class FibonacciService(FibonacciServiceBase):
    async def GetSequence(self, stream: Stream[SequenceRequest, SequenceResponse]) -> None:
        request = await stream.recv_message()
        assert request is not None
        if request.count > MAXIMUM_COUNT:
            raise out_of_range(request.count)
        await stream.send_message(SequenceResponse(element=generate_fibonacci(request.count)))

    async def StreamSequence(self, stream: Stream[SequenceRequest, SequenceElement]) -> None:
        request = await stream.recv_message()
        assert request is not None
        sequence = generate_fibonacci(min(request.count, MAXIMUM_COUNT))
        for position, element in enumerate(sequence):
            await stream.send_message(SequenceElement(element=element, count=position))
        if request.count > MAXIMUM_COUNT:
            raise out_of_range(request.count)


def find_outliers(values: Iterable[float]) -> list[int]:
    """The positions of the values more than two standard deviations from the mean."""
    data = np.fromiter(values, dtype="float64")
    # NumPy warns of the mean of no values.
    if data.size == 0:
        return []
    # NaN, infinity and overflow are answers here (OUT-4, OUT-5), nothing to warn of.
    with np.errstate(over="ignore", invalid="ignore"):
        return np.where(np.abs(data - data.mean()) > 2 * data.std())[0].tolist()


def generate_fibonacci(count: int) -> Iterator[int]:
    """Yields F(0), F(1), … up to `count` numbers, and F(0) even if `count` is below 1 (FIB-2)."""
    current, following = 0, 1
    yield current
    for _ in range(1, count):
        current, following = following, current + following
        yield current


def out_of_range(count: int) -> GRPCError:
    return GRPCError(
        Status.OUT_OF_RANGE,
        f"count {count} is more than {MAXIMUM_COUNT}: F({MAXIMUM_COUNT}) does not fit in int64",
    )
