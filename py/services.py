"""The two services and gRPC's own test service, with health checking and reflection."""

from collections.abc import Iterator

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

import fibonacci_pb2_grpc
import outliers_pb2_grpc
import testing_pb2_grpc
from detect import find_outliers
from fibonacci_pb2 import DESCRIPTOR as FIBONACCI_PROTO
from fibonacci_pb2 import SequenceElement, SequenceRequest, SequenceResponse
from fibonacci_sequence import MAXIMUM_COUNT, generate_fibonacci, out_of_range_message
from outliers_pb2 import DESCRIPTOR as OUTLIERS_PROTO
from outliers_pb2 import OutliersRequest, OutliersResponse
from reflection import add_reflection
from testing_pb2 import DESCRIPTOR as TESTING_PROTO
from testing_service import TestingService

TEST_SERVICE_NAME = TESTING_PROTO.services_by_name["TestService"].full_name

SERVICE_NAMES = [
    OUTLIERS_PROTO.services_by_name["Outliers"].full_name,
    FIBONACCI_PROTO.services_by_name["FibonacciService"].full_name,
    TEST_SERVICE_NAME,
]


def add_services(server: grpc.Server) -> None:
    outliers_pb2_grpc.add_OutliersServicer_to_server(OutliersService(), server)
    fibonacci_pb2_grpc.add_FibonacciServiceServicer_to_server(FibonacciService(), server)
    testing_pb2_grpc.add_TestServiceServicer_to_server(TestingService(), server)
    health_pb2_grpc.add_HealthServicer_to_server(all_serving(), server)
    add_reflection(server, [*SERVICE_NAMES, health.SERVICE_NAME])


class OutliersService(outliers_pb2_grpc.OutliersServicer):
    def Detect(self, request: OutliersRequest, context: grpc.ServicerContext) -> OutliersResponse:
        indices = find_outliers(metric.value for metric in request.metrics)
        return OutliersResponse(indices=indices)


class FibonacciService(fibonacci_pb2_grpc.FibonacciServiceServicer):
    def GetSequence(
        self, request: SequenceRequest, context: grpc.ServicerContext
    ) -> SequenceResponse:
        if request.count > MAXIMUM_COUNT:
            abort_out_of_range(request, context)
        return SequenceResponse(element=generate_fibonacci(request.count))

    def StreamSequence(
        self, request: SequenceRequest, context: grpc.ServicerContext
    ) -> Iterator[SequenceElement]:
        sequence = generate_fibonacci(min(request.count, MAXIMUM_COUNT))
        for position, element in enumerate(sequence):
            yield SequenceElement(element=element, count=position)
        if request.count > MAXIMUM_COUNT:
            abort_out_of_range(request, context)


def abort_out_of_range(request: SequenceRequest, context: grpc.ServicerContext) -> None:
    context.abort(grpc.StatusCode.OUT_OF_RANGE, out_of_range_message(request.count))


def all_serving() -> health.HealthServicer:
    """Health of the server as a whole, which is serving from the start, and of each service."""
    servicer = health.HealthServicer()
    for name in SERVICE_NAMES:
        servicer.set(name, health_pb2.HealthCheckResponse.SERVING)
    return servicer
