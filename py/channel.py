"""The one way in which the client opens channels."""

import grpc

OPTIONS = [
    # Loopback calls must not travel through the proxy that http_proxy names.
    ("grpc.enable_http_proxy", 0),
]


def open_channel(target: str) -> grpc.Channel:
    """Opens a plaintext channel to HOST:PORT: one HTTP/2 connection, made on first use."""
    return grpc.insecure_channel(target, options=OPTIONS)
