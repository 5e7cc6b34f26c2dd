"""The one way in which the client opens channels."""

from dataclasses import dataclass

import grpc

from certificates import authorities, identity


@dataclass(frozen=True)
class Tls:
    """Whom a client trusts, and who it is. The paths are of PEM files."""

    # The only roots that are trusted.
    ca: str
    # The name that the server's certificate must have, and that is sent as SNI and
    # :authority; without one it is the server's host.
    server_name: str | None = None
    # The client's own certificate chain and private key, for mutual TLS: both or none.
    certificate: str | None = None
    key: str | None = None


def open_channel(server: str, tls: Tls | None = None) -> grpc.Channel:
    """Opens a channel to HOST:PORT: one HTTP/2 connection, made on first use.

    It is plaintext without `tls`. Raises `CertificateError` if a file of `tls`
    cannot be used; a handshake that fails is UNAVAILABLE for the calls.
    """
    server_name = None if tls is None else tls.server_name
    options = [
        # Loopback calls must not travel through the proxy that http_proxy names.
        ("grpc.enable_http_proxy", 0),
        # Its host is also what is sent as SNI, and what a certificate is verified for.
        ("grpc.default_authority", server_name or server),
        # Channels with the same options would share a connection, and one that is
        # closed would leave it open for the others.
        ("grpc.use_local_subchannel_pool", 1),
        # Windows of 64 KiB that stay so. grpcio's own begin at 4 MiB and grow with what
        # arrives, read or not, so a call that reads slowly would not hold the server
        # back, or not every time.
        ("grpc.http2.bdp_probe", 0),
        # What a resolver says must not make calls be sent more than once. Calls that
        # the server has not seen are sent again, as in every gRPC.
        ("grpc.service_config", "{}"),
        ("grpc.service_config_disable_resolution", 1),
    ]
    if tls is None:
        return grpc.insecure_channel(target(server), options=options)
    return grpc.secure_channel(target(server), credentials(tls), options=options)


def credentials(tls: Tls) -> grpc.ChannelCredentials:
    roots = authorities(tls.ca)
    if tls.certificate is None or tls.key is None:
        return grpc.ssl_channel_credentials(roots)
    return grpc.ssl_channel_credentials(roots, *identity(tls.certificate, tls.key))


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
