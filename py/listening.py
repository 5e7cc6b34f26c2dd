"""Binds the server's addresses, and says why when one cannot be bound."""

import errno
import logging
import os
import socket

import grpc

from command_line import CommandError
from values import Address
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


def listen_on(
    server: grpc.Server, addresses: list[Address], credentials: grpc.ServerCredentials | None = None
) -> list[Address]:
    """Binds the addresses, or the default ones if there are none; returns them with their ports.

    With credentials they speak TLS. A default IPv6 address is left out where there
    is no IPv6. Any other that cannot be bound raises `CommandError`.
    """
    if addresses:
        return [bind(server, address, credentials) for address in addresses]
    bound = []
    for address in DEFAULT_ADDRESSES:
        try:
            bound.append(bind(server, address, credentials))
        except ListenError as failure:
            if address.host != "[::1]" or failure.errno not in NO_IPV6:
                raise
            logging.warning("not listening on %s: this machine has no IPv6", address)
    return bound


class ListenError(CommandError):
    def __init__(self, address: Address, error: OSError):
        remedy = "name another with --listen"
        if error.errno == errno.EADDRINUSE:
            remedy = f"stop the program that has it, or {remedy}"
        super().__init__(f"cannot listen on {address}: {reason(error)}; {remedy}")
        self.errno = error.errno


def bind(
    server: grpc.Server, address: Address, credentials: grpc.ServerCredentials | None
) -> Address:
    """Binds the address; returns it as it is bound, with its IP address and its port."""
    try:
        found = look_up(address)
        probe(found)
        if credentials is None:
            return Address(found.host, server.add_insecure_port(str(found)))
        return Address(found.host, server.add_secure_port(str(found), credentials))
    except OSError as error:
        raise ListenError(address, error) from error
    except RuntimeError as error:
        # grpcio gives no reason, but there is only one for a port that could be
        # bound just now: another program was faster.
        taken = OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
        raise ListenError(address, taken) from error


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
