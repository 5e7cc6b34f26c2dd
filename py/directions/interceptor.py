"""Stands before the handlers, and has those calls answered that direct how."""

from collections.abc import Callable, Iterator
from typing import Any

import grpc

from directions.call import AbortedError, DirectedCall, HandlerContext
from directions.entries import PREFIX


class DirectionsInterceptor(grpc.ServerInterceptor):
    """For methods with one request: a method with a stream of them is left as it is."""

    def __init__(self, undirected_service: str):
        """The service's calls are left as they are, too."""
        self._undirected = f"/{undirected_service}/"

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], grpc.RpcMethodHandler | None],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler | None:
        handler = continuation(handler_call_details)
        if handler is None or handler.request_streaming:
            return handler
        names = (name for name, _ in handler_call_details.invocation_metadata)
        is_undirected = handler_call_details.method.startswith(self._undirected)
        if is_undirected or not any(map(is_direction, names)):
            return handler
        if handler.response_streaming:
            return grpc.unary_stream_rpc_method_handler(
                directed_stream(handler), handler.request_deserializer
            )
        return grpc.unary_unary_rpc_method_handler(
            directed_unary(handler), handler.request_deserializer
        )


def is_direction(name: str) -> bool:
    return name.startswith(PREFIX)


def directed_unary(
    handler: grpc.RpcMethodHandler,
) -> Callable[[Any, grpc.ServicerContext], bytes]:
    def behavior(request: Any, context: grpc.ServicerContext) -> bytes:
        call = DirectedCall(context)
        message, failure = b"", None
        try:
            message = handler.response_serializer(
                handler.unary_unary(request, HandlerContext(context))
            )
        except AbortedError as aborted:
            failure = aborted
        if not call.wait():
            # Nobody gets it.
            return b""
        if failure is None:
            message = call.padded(message)
        call.end(failure, has_message=failure is None)
        return message

    return behavior


def directed_stream(
    handler: grpc.RpcMethodHandler,
) -> Callable[[Any, grpc.ServicerContext], Iterator[bytes]]:
    def behavior(request: Any, context: grpc.ServicerContext) -> Iterator[bytes]:
        call = DirectedCall(context)
        failure = None
        try:
            for response in handler.unary_stream(request, HandlerContext(context)):
                if not call.wait():
                    return
                yield call.padded(handler.response_serializer(response))
        except AbortedError as aborted:
            failure = aborted
        call.end(failure, has_message=True)

    return behavior
