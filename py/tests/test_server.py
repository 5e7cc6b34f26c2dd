"""The services, over real sockets."""

from collections.abc import Iterator

import grpc
import pytest
from conftest import LIMIT_SECONDS
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub
from grpc_reflection.v1alpha.reflection_pb2 import (
    ServerReflectionRequest,
    ServerReflectionResponse,
)

import services
from channel import open_channel
from fibonacci_pb2 import SequenceRequest
from fibonacci_pb2_grpc import FibonacciServiceStub
from fibonacci_sequence import generate_fibonacci
from outliers_pb2 import Metric, OutliersRequest
from outliers_pb2_grpc import OutliersStub

SERVICES = ["FibonacciService", "grpc.testing.TestService", "pb.Outliers"]
REFLECTION = ["grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"]


@pytest.mark.parametrize("compression", [None, grpc.Compression.Gzip])
def test_detect(channel: grpc.Channel, compression: grpc.Compression | None):
    request = OutliersRequest(metrics=[Metric(value=v) for v in (1, 2, 100, 1, 3, 200, 1)])
    response = OutliersStub(channel).Detect(request, compression=compression, timeout=LIMIT_SECONDS)
    assert response.indices == [5]


def test_detect_many(channel: grpc.Channel):
    metrics = [Metric(value=i % 7, name="n" * 60) for i in range(50_000)]
    metrics[40_000].value = 1000
    response = OutliersStub(channel).Detect(OutliersRequest(metrics=metrics), timeout=LIMIT_SECONDS)
    assert response.indices == [40_000]


@pytest.mark.parametrize(
    ("count", "elements"), [(-5, [0]), (0, [0]), (1, [0]), (5, [0, 1, 1, 2, 3])]
)
def test_sequence(channel: grpc.Channel, count: int, elements: list[int]):
    stub, request = FibonacciServiceStub(channel), SequenceRequest(count=count)
    assert stub.GetSequence(request, timeout=LIMIT_SECONDS).element == elements
    streamed = [(e.count, e.element) for e in stub.StreamSequence(request, timeout=LIMIT_SECONDS)]
    assert streamed == list(enumerate(elements))


def test_sequence_of_93(channel: grpc.Channel):
    response = FibonacciServiceStub(channel).GetSequence(
        SequenceRequest(count=93), timeout=LIMIT_SECONDS
    )
    assert len(response.element) == 93
    assert response.element[-1] == 7540113804746346429


def test_stream_is_computed_as_it_is_read(monkeypatch: pytest.MonkeyPatch):
    computed = []

    def recorded(count: int) -> Iterator[int]:
        for element in generate_fibonacci(count):
            computed.append(element)
            yield element

    monkeypatch.setattr(services, "generate_fibonacci", recorded)
    stream = services.FibonacciService().StreamSequence(SequenceRequest(count=93), None)
    for taken in range(1, 6):
        next(stream)
        assert len(computed) <= taken + 1


@pytest.mark.parametrize("count", [94, 2**63 - 1])
def test_out_of_range(channel: grpc.Channel, count: int):
    message = f"count {count} is more than 93: F(93) does not fit in int64"
    stub, request = FibonacciServiceStub(channel), SequenceRequest(count=count)
    with pytest.raises(grpc.RpcError) as failure:
        stub.GetSequence(request, timeout=LIMIT_SECONDS)
    assert failure.value.code() == grpc.StatusCode.OUT_OF_RANGE
    assert failure.value.details() == message

    stream = stub.StreamSequence(request, timeout=LIMIT_SECONDS)
    assert [next(stream).count for _ in range(93)] == list(range(93))
    with pytest.raises(grpc.RpcError) as failure:
        next(stream)
    assert failure.value.code() == grpc.StatusCode.OUT_OF_RANGE
    assert failure.value.details() == message


@pytest.mark.parametrize(
    ("method", "request_bytes", "code"),
    [
        ("/pb.Outliers/Detect", b"\xff", grpc.StatusCode.INTERNAL),
        ("/pb.Outliers/Detect", b"\x0a\x03\x12\x01\xff", grpc.StatusCode.INTERNAL),
        ("/FibonacciService/GetSequence", b"\x08", grpc.StatusCode.INTERNAL),
        ("/pb.Outliers/Absent", b"", grpc.StatusCode.UNIMPLEMENTED),
        ("/pb.Absent/Detect", b"", grpc.StatusCode.UNIMPLEMENTED),
    ],
    ids=["garbage", "name-not-utf-8", "truncated", "no-method", "no-service"],
)
def test_status(channel: grpc.Channel, method: str, request_bytes: bytes, code: grpc.StatusCode):
    with pytest.raises(grpc.RpcError) as failure:
        channel.unary_unary(method)(request_bytes, timeout=LIMIT_SECONDS)
    assert failure.value.code() == code


def test_health(channel: grpc.Channel):
    stub = HealthStub(channel)
    for service in ("", *SERVICES):
        response = stub.Check(HealthCheckRequest(service=service), timeout=LIMIT_SECONDS)
        assert response.status == HealthCheckResponse.SERVING
    with pytest.raises(grpc.RpcError) as failure:
        stub.Check(HealthCheckRequest(service="absent"), timeout=LIMIT_SECONDS)
    assert failure.value.code() == grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize("version", REFLECTION)
def test_reflection(channel: grpc.Channel, version: str):
    listed = reflect(channel, version, ServerReflectionRequest(list_services=""))
    names = [service.name for service in listed.list_services_response.service]
    assert names == sorted([*SERVICES, "grpc.health.v1.Health", *REFLECTION])
    for name in names:
        described = reflect(channel, version, ServerReflectionRequest(file_containing_symbol=name))
        assert described.file_descriptor_response.file_descriptor_proto, name


def reflect(
    channel: grpc.Channel, version: str, request: ServerReflectionRequest
) -> ServerReflectionResponse:
    call = channel.stream_stream(
        f"/{version}/ServerReflectionInfo",
        request_serializer=ServerReflectionRequest.SerializeToString,
        response_deserializer=ServerReflectionResponse.FromString,
    )
    (response,) = call(iter([request]), timeout=LIMIT_SECONDS)
    return response


def test_every_address_serves_both(addresses: list[str]):
    assert len(set(addresses)) == 2
    for address in addresses:
        with open_channel(address) as channel:
            outliers, fibonacci = OutliersStub(channel), FibonacciServiceStub(channel)
            assert outliers.Detect(OutliersRequest(), timeout=LIMIT_SECONDS).indices == []
            response = fibonacci.GetSequence(SequenceRequest(), timeout=LIMIT_SECONDS)
            assert response.element == [0]
