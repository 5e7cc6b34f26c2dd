"""A server that does what a test needs, in the test's own process."""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc

CALLS_IN_FLIGHT = 200


@contextmanager
def scripted_server(handler: grpc.RpcMethodHandler, listen: str = "127.0.0.1:0") -> Iterator[str]:
    """Answers every method with the handler; is at the address, and its port if that is 0."""
    server = grpc.server(ThreadPoolExecutor(CALLS_IN_FLIGHT))
    server.add_generic_rpc_handlers([Script(handler)])
    port = server.add_insecure_port(listen)
    server.start()
    try:
        yield re.sub(":[0-9]+$", f":{port}", listen)
    finally:
        server.stop(None).wait()


class Script(grpc.GenericRpcHandler):
    def __init__(self, handler: grpc.RpcMethodHandler):
        self.handler = handler

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        return self.handler


def unary(behavior: Callable[[bytes, grpc.ServicerContext], bytes]) -> grpc.RpcMethodHandler:
    return grpc.unary_unary_rpc_method_handler(behavior)
