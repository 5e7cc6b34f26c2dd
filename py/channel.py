"""The one way in which the client opens channels."""

import grpc


def open_channel(server: str) -> grpc.Channel:
    """Opens a plaintext channel to HOST:PORT: one HTTP/2 connection, made on first use."""
    options = [
        # Loopback calls must not travel through the proxy that http_proxy names.
        ("grpc.enable_http_proxy", 0),
        ("grpc.default_authority", server),
    ]
    return grpc.insecure_channel(target(server), options=options)


def target(server: str) -> str:
    """What grpcio connects to: the first of the target's addresses that answers.

    `localhost` is not looked up. Many a hosts file lists only one of its two
    addresses, and the server may listen on the other. A target has addresses of
    one kind, so 127.0.0.1 is written as IPv6 maps it; grpcio maps it back where
    there is no IPv6.
    """
    host, _, port = server.rpartition(":")
    if host != "localhost":
        return server
    return f"ipv6:[::ffff:127.0.0.1]:{port},[::1]:{port}"
