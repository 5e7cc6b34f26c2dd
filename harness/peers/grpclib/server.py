"""Serves pb.Outliers, FibonacciService and grpc.testing.TestService with grpclib."""

import argparse
import asyncio
import json
import os
import socket
import ssl
import sys
from contextlib import suppress
from threading import Thread

import grpclib
from grpclib.health.service import Health
from grpclib.reflection.service import ServerReflection
from grpclib.server import Server
from grpclib.utils import graceful_exit

from directions import follow_directions
from services import FibonacciService, OutliersService
from status_details import VerbatimDetails
from test_service import TestService, echo_trailers


def main() -> None:
    arguments = parse_arguments()
    try:
        tls = server_tls(arguments)
        listener = listen_on(*arguments.listen)
    except OSError as error:
        sys.exit(f"server: {error}")
    asyncio.run(serve(listener, tls))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser("server", description=__doc__, allow_abbrev=False)
    parser.add_argument("--listen", type=address, default="127.0.0.1:50051", metavar="HOST:PORT")
    parser.add_argument("--tls-cert", metavar="FILE", help="serve TLS with this certificate (PEM)")
    parser.add_argument("--tls-key", metavar="FILE", help="the certificate's private key (PEM)")
    parser.add_argument(
        "--tls-client-ca", metavar="FILE", help="take only clients that this CA has signed (PEM)"
    )
    arguments = parser.parse_args()
    if (arguments.tls_cert is None) != (arguments.tls_key is None):
        parser.error("--tls-cert and --tls-key go together")
    if arguments.tls_client_ca is not None and arguments.tls_cert is None:
        parser.error("--tls-client-ca needs --tls-cert")
    return arguments


def address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT")
    return host.removeprefix("[").removesuffix("]"), int(port)


def server_tls(arguments: argparse.Namespace) -> ssl.SSLContext | None:
    if arguments.tls_cert is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(arguments.tls_cert, arguments.tls_key)
    context.set_alpn_protocols(["h2"])
    if arguments.tls_client_ca is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(arguments.tls_client_ca)
    return context


def listen_on(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family)
    # What it accepts has this, too. asyncio and grpclib ask for it only of sockets that say that
    # their protocol is TCP, which those of `create_server` do not.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


async def serve(listener: socket.socket, tls: ssl.SSLContext | None) -> None:
    services = [OutliersService(), FibonacciService(), TestService(), Health()]
    server = Server(ServerReflection.extend(services), status_details_codec=VerbatimDetails())
    follow_directions(server, services)
    echo_trailers(server)
    with graceful_exit([server]):
        await server.start(sock=listener, ssl=tls)
        close_when_stdin_ends(server)
        announce(listener)
        await server.wait_closed()


def close_when_stdin_ends(server: Server) -> None:
    loop = asyncio.get_running_loop()

    def wait() -> None:
        with suppress(OSError):
            # Not sys.stdin, whose lock would be held when the interpreter shuts down.
            while os.read(0, 4096):
                pass
        loop.call_soon_threadsafe(server.close)

    # A thread, because stdin may be a file, which asyncio does not wait for.
    Thread(target=wait, daemon=True).start()


def announce(listener: socket.socket) -> None:
    host, port = listener.getsockname()[:2]
    ready = {
        "address": f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
        "implementation": "grpclib",
        "version": grpclib.__version__,
    }
    print(json.dumps({"ready": ready}), flush=True)


if __name__ == "__main__":
    main()
