"""The one way in which the client opens channels."""

from dataclasses import dataclass
from urllib.parse import quote

import grpc

from certificates import authorities, identity
from values import UNIX

# The only service config where none is given.
NO_SERVICE_CONFIG = "{}"


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


@dataclass(frozen=True)
class ChannelOptions:
    """What a channel may have beside its server and TLS; without them grpcio's defaults hold."""

    # What the server resolves to, in this order, each HOST:PORT with an IP address for
    # its host; if there is none, it is the server itself.
    addresses: tuple[str, ...] = ()
    # gRPC's service config, as JSON.
    service_config: str = NO_SERVICE_CONFIG
    # After how long without anything received a PING is sent, whether or not calls run.
    keepalive_time_ms: int | None = None
    # How long its answer may take, before the connection is given up.
    keepalive_timeout_ms: int | None = None


# Those of a channel that is not told otherwise.
ORDINARY = ChannelOptions()


def open_channel(
    server: str, tls: Tls | None = None, channel_options: ChannelOptions = ORDINARY
) -> grpc.Channel:
    """Opens a channel to HOST:PORT or unix:PATH: an HTTP/2 connection, made on first use.

    It is plaintext without `tls`. Raises `CertificateError` if a file of `tls`
    cannot be used; a handshake that fails is UNAVAILABLE for the calls.
    """
    arguments = [
        # Loopback calls must not travel through the proxy that http_proxy names.
        ("grpc.enable_http_proxy", 0),
        # Channels with the same options would share a connection, and one that is
        # closed would leave it open for the others.
        ("grpc.use_local_subchannel_pool", 1),
        # Windows of 64 KiB that stay so. grpcio's own begin at 4 MiB and grow with what
        # arrives, read or not, so a call that reads slowly would not hold the server
        # back, or not every time.
        ("grpc.http2.bdp_probe", 0),
        # What a resolver says must not make calls be sent more than once. Calls that
        # the server has not seen are sent again, as in every gRPC.
        ("grpc.service_config", channel_options.service_config),
        ("grpc.service_config_disable_resolution", 1),
        *authority(server, tls),
        *keepalive(channel_options),
    ]
    reached = resolved(channel_options.addresses) if channel_options.addresses else target(server)
    if tls is None:
        return grpc.insecure_channel(reached, options=arguments)
    return grpc.secure_channel(reached, credentials(tls), options=arguments)


def authority(server: str, tls: Tls | None) -> list[tuple[str, str]]:
    """What is sent as :authority, and its host as SNI, which a certificate is verified for."""
    if tls is not None and tls.server_name:
        return [("grpc.default_authority", tls.server_name)]
    # What stands for a path is grpcio's to say: it is no host and port.
    return [] if server.startswith(UNIX) else [("grpc.default_authority", server)]


def keepalive(channel_options: ChannelOptions) -> list[tuple[str, int]]:
    arguments = []
    if channel_options.keepalive_time_ms is not None:
        arguments += [
            ("grpc.keepalive_time_ms", channel_options.keepalive_time_ms),
            ("grpc.keepalive_permit_without_calls", 1),
            # By default only a few go out between one frame of data and the next.
            ("grpc.http2.max_pings_without_data", 0),
        ]
    if channel_options.keepalive_timeout_ms is not None:
        # grpcio waits a minute all the same: grpc.http2.ping_timeout_ms is what it goes by
        # (github.com/grpc/grpc/pull/39239).
        arguments.append(("grpc.keepalive_timeout_ms", channel_options.keepalive_timeout_ms))
    return arguments


def credentials(tls: Tls) -> grpc.ChannelCredentials:
    roots = authorities(tls.ca)
    if tls.certificate is None or tls.key is None:
        return grpc.ssl_channel_credentials(roots)
    return grpc.ssl_channel_credentials(roots, *identity(tls.certificate, tls.key))


def target(server: str) -> str:
    """What grpcio connects to: the first of the target's addresses that answers.

    `localhost` is not looked up. Many a hosts file lists only one of its two
    addresses, and the server may listen on the other.
    """
    if server.startswith(UNIX):
        return UNIX + quote(server.removeprefix(UNIX))
    host, _, port = server.rpartition(":")
    if host != "localhost":
        return server
    return resolved((f"127.0.0.1:{port}", f"[::1]:{port}"))


def resolved(addresses: tuple[str, ...]) -> str:
    """What grpcio takes for these addresses, in this order, without a look-up.

    A target has addresses of one kind: beside IPv6, IPv4 is written as IPv6 maps it.
    grpcio maps it back where there is no IPv6.
    """
    if not any(address.startswith("[") for address in addresses):
        return "ipv4:" + ",".join(addresses)
    mapped = []
    for address in addresses:
        host, _, port = address.rpartition(":")
        mapped.append(address if host.startswith("[") else f"[::ffff:{host}]:{port}")
    return "ipv6:" + ",".join(mapped)
