"""The methods that the client has generated code for."""

from dataclasses import dataclass

from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

import fibonacci_pb2
import outliers_pb2
import testing_pb2
from drive_values import UnsupportedError
from fibonacci_pb2_grpc import FibonacciServiceStub
from outliers_pb2_grpc import OutliersStub
from testing_pb2_grpc import TestServiceStub, UnimplementedServiceStub

SERVICES = {
    OutliersStub: outliers_pb2.DESCRIPTOR.services_by_name["Outliers"],
    FibonacciServiceStub: fibonacci_pb2.DESCRIPTOR.services_by_name["FibonacciService"],
    TestServiceStub: testing_pb2.DESCRIPTOR.services_by_name["TestService"],
    UnimplementedServiceStub: testing_pb2.DESCRIPTOR.services_by_name["UnimplementedService"],
}


@dataclass(frozen=True)
class Method:
    """How to call a method through the generated code."""

    stub: type
    name: str
    request: type[Message]
    response: type[Message]
    streams_requests: bool
    streams_responses: bool

    @classmethod
    def described(cls, stub: type, descriptor: MethodDescriptor) -> "Method":
        return cls(
            stub=stub,
            name=descriptor.name,
            request=GetMessageClass(descriptor.input_type),
            response=GetMessageClass(descriptor.output_type),
            streams_requests=descriptor.client_streaming,
            streams_responses=descriptor.server_streaming,
        )

    def parse(self, serialized: bytes) -> Message:
        try:
            return self.request.FromString(serialized)
        except DecodeError as error:
            raise UnsupportedError(f"the request does not parse: {error}") from error


METHODS = {
    f"{service.full_name}/{descriptor.name}": Method.described(stub, descriptor)
    for stub, service in SERVICES.items()
    for descriptor in service.methods
}
