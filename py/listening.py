"""Binds the server's addresses, and says why when one cannot be bound."""

import errno
import logging
import os
import socket
from urllib.parse import quote

import grpc

from command_line import CommandError
from values import UNIX, Address, UnixAddress
from words import reason

# The article's port and the tutorial's, so that the clients of both find a server.
DEFAULT_ADDRESSES = [
    Address("127.0.0.1", 9999),
    Address("[::1]", 9999),
    Address("127.0.0.1", 50051),
    Address("[::1]", 50051),
]

# What a system without IPv6, or one that has it switched off, says of [::1].
NO_IPV6 = {errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL}

# How long the path of a Unix socket may be on Linux: a zero follows it.
UNIX_PATH_BYTES = 107


def listen_on(
    server: grpc.Server,
    addresses: list[Address | UnixAddress],
    credentials: grpc.ServerCredentials | None = None,
) -> list[Address | UnixAddress]:
    """Binds the addresses, or the default ones if there are none; returns them with their ports.

    With credentials they speak TLS. A default IPv6 address is left out where there
    is no IPv6. Any other that cannot be bound raises `CommandError`.
    """
    if addresses:
        return bind_all(server, addresses, credentials)
    bound = []
    for address in DEFAULT_ADDRESSES:
        try:
            bound.append(bind(server, address, credentials))
        except ListenError as failure:
            if address.host != "[::1]" or failure.errno not in NO_IPV6:
                raise
            logging.warning("not listening on %s: this machine has no IPv6", address)
    return bound


def bind_all(
    server: grpc.Server,
    addresses: list[Address | UnixAddress],
    credentials: grpc.ServerCredentials | None,
) -> list[Address | UnixAddress]:
    bound = []
    try:
        for address in addresses:
            bound.append(bind(server, address, credentials))
    except ListenError:
        # grpcio removes the files of a server that stops, but this one never starts.
        for address in bound:
            if isinstance(address, UnixAddress):
                os.unlink(address.path)
        raise
    return bound


class ListenError(CommandError):
    def __init__(self, address: Address | UnixAddress, error: OSError):
        remedy = "name another with --listen"
        if error.errno == errno.EADDRINUSE:
            remedy = f"stop the program that has it, or {remedy}"
        super().__init__(f"cannot listen on {address}: {reason(error)}; {remedy}")
        self.errno = error.errno


def bind(
    server: grpc.Server,
    address: Address | UnixAddress,
    credentials: grpc.ServerCredentials | None,
) -> Address | UnixAddress:
    """Binds the address; returns it as it is bound, with its IP address and its port."""
    try:
        if isinstance(address, UnixAddress):
            probe_unix(address.path)
            add_port(server, UNIX + quote(address.path), credentials)
            return address
        found = look_up(address)
        probe(found)
        return Address(found.host, add_port(server, str(found), credentials))
    except OSError as error:
        raise ListenError(address, error) from error
    except RuntimeError as error:
        # grpcio gives no reason, but there is only one for a port that could be
        # bound just now: another program was faster.
        taken = OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
        raise ListenError(address, taken) from error


def add_port(server: grpc.Server, address: str, credentials: grpc.ServerCredentials | None) -> int:
    if credentials is None:
        return server.add_insecure_port(address)
    return server.add_secure_port(address, credentials)


def look_up(address: Address) -> Address:
    """The first IPv4 address of the host, or else its first address."""
    try:
        found = socket.getaddrinfo(address.host.strip("[]"), address.port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        # UnicodeError: no resolver was asked, for a name with such labels cannot be.
        raise OSError(None, "unknown host") from error
    family, _, _, _, (host, port, *_) = min(found, key=lambda info: info[0] != socket.AF_INET)
    return Address(host if family == socket.AF_INET else f"[{host}]", port)


def probe(address: Address) -> None:
    """Raises the OSError that binding the address raises; grpcio itself would not name it."""
    family = socket.AF_INET6 if address.host.startswith("[") else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as plain:
        # As grpcio does, or a port would count as taken while old connections linger.
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        plain.bind((address.host.strip("[]"), address.port))


def probe_unix(path: str) -> None:
    """As `probe`. grpcio itself would take the path from whoever listens there."""
    if len(os.fsencode(path)) > UNIX_PATH_BYTES:
        # Python gives no number for it.
        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as plain:
        plain.bind(path)
    os.unlink(path)
