"""Binds the server's addresses, and says why when one cannot be bound."""

import errno
import logging
import socket

import grpc

from command_line import CommandError, reason
from values import Address

# The article's port and the tutorial's, so that the clients of both find a server.
DEFAULT_ADDRESSES = [
    Address("127.0.0.1", 9999),
    Address("[::1]", 9999),
    Address("127.0.0.1", 50051),
    Address("[::1]", 50051),
]

# What a system without IPv6, or one that has it switched off, says of [::1].
NO_IPV6 = {errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL}


def listen_on(server: grpc.Server, addresses: list[Address]) -> list[Address]:
    """Binds the addresses, or the default ones if there are none; returns them with their ports.

    A default IPv6 address is left out where there is no IPv6. Any other that
    cannot be bound raises `CommandError`.
    """
    if addresses:
        return [bind(server, address) for address in addresses]
    bound = []
    for address in DEFAULT_ADDRESSES:
        try:
            bound.append(bind(server, address))
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


def bind(server: grpc.Server, address: Address) -> Address:
    try:
        probe(address)
        port = server.add_insecure_port(str(address))
    except OSError as error:
        raise ListenError(address, error) from error
    except RuntimeError as error:
        # Bound between the probe and now by another program: grpcio's log has more.
        raise CommandError(f"cannot listen on {address}: {error}") from error
    return Address(address.host, port)


def probe(address: Address) -> None:
    """Raises the OSError that binding the address raises; grpcio itself would not name it."""
    resolved = socket.getaddrinfo(address.host.strip("[]"), address.port, type=socket.SOCK_STREAM)
    for family, kind, protocol, _, name in resolved:
        with socket.socket(family, kind, protocol) as plain:
            # As grpcio does, or a port would count as taken while old connections linger.
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            plain.bind(name)
