"""A server that does what a test needs, in the test's own process."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc

CALLS_IN_FLIGHT = 200


@contextmanager
def scripted_server(handler: grpc.RpcMethodHandler) -> Iterator[str]:
    """Answers every method with the handler."""
    server = grpc.server(ThreadPoolExecutor(CALLS_IN_FLIGHT))
    server.add_generic_rpc_handlers([Script(handler)])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()


class Script(grpc.GenericRpcHandler):
    def __init__(self, handler: grpc.RpcMethodHandler):
        self.handler = handler

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        return self.handler


def unary(behavior: Callable[[bytes, grpc.ServicerContext], bytes]) -> grpc.RpcMethodHandler:
    return grpc.unary_unary_rpc_method_handler(behavior)
