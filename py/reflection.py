"""Server reflection, v1alpha and v1.

grpcio-reflection has v1alpha only. v1 is the same messages in a package of
another name, so it is served from v1alpha's: its descriptors with the package
renamed, its servicer unchanged.
"""

import grpc
from google.protobuf import descriptor_pool
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_reflection.v1alpha import reflection, reflection_pb2

V1ALPHA_PACKAGE = reflection_pb2.DESCRIPTOR.package
V1_PACKAGE = "grpc.reflection.v1"
V1_FILE = "grpc/reflection/v1/reflection.proto"
V1_SERVICE_NAME = f"{V1_PACKAGE}.ServerReflection"


def add_reflection(server: grpc.Server, service_names: list[str]) -> None:
    """Lets clients list the services, and both versions of reflection itself."""
    descriptor_pool.Default().AddSerializedFile(v1_file().SerializeToString())
    names = [*service_names, reflection.SERVICE_NAME, V1_SERVICE_NAME]
    reflection.enable_server_reflection(names, server)
    server.add_generic_rpc_handlers([v1_handler(reflection.ReflectionServicer(names))])


def v1_handler(servicer: reflection.ReflectionServicer) -> grpc.GenericRpcHandler:
    method = grpc.stream_stream_rpc_method_handler(
        servicer.ServerReflectionInfo,
        request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
        response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    return grpc.method_handlers_generic_handler(V1_SERVICE_NAME, {"ServerReflectionInfo": method})


def v1_file() -> FileDescriptorProto:
    """Describes v1 to clients that ask for the description of reflection itself."""
    file = FileDescriptorProto.FromString(reflection_pb2.DESCRIPTOR.serialized_pb)
    file.name = V1_FILE
    file.package = V1_PACKAGE
    # They name v1alpha's packages of other languages, and mark it as deprecated.
    file.ClearField("options")
    for message in file.message_type:
        for message_field in message.field:
            if message_field.HasField("type_name"):
                message_field.type_name = renamed(message_field.type_name)
    for service in file.service:
        for method in service.method:
            method.input_type = renamed(method.input_type)
            method.output_type = renamed(method.output_type)
    return file


def renamed(type_name: str) -> str:
    return type_name.replace(f".{V1ALPHA_PACKAGE}.", f".{V1_PACKAGE}.")
