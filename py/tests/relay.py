"""Stands between a client and a server, moves their bytes, and tells what it saw."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from conftest import LIMIT_SECONDS

READ_SIZE = 65536


class Relay:
    """Forwards each connection that is made to it, one thread for each direction."""

    def __init__(self, server: str, path: Path | None = None):
        host, _, port = server.rpartition(":")
        self._server = host, int(port)
        if path is None:
            self._listener = socket.create_server(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        else:
            self._listener = socket.create_server(str(path), family=socket.AF_UNIX)
            self.address = f"unix:{path}"
        # How many connections a client has made, and how many it has ended.
        self.opened = threading.Semaphore(0)
        self.ended = threading.Semaphore(0)
        self.from_client = bytearray()
        self.bytes_to_client = 0

    def stop(self) -> None:
        self._listener.close()

    def accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                # The listener is closed.
                return
            self.opened.release()
            threading.Thread(target=self._forward, args=(client,), daemon=True).start()

    def _forward(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._server, LIMIT_SECONDS) as server:
            back = threading.Thread(target=self._forward_back, args=(server, client), daemon=True)
            back.start()
            for data in received(client):
                self.from_client += data
                server.sendall(data)
            self.ended.release()
            server.shutdown(socket.SHUT_RDWR)
            back.join(LIMIT_SECONDS)

    def _forward_back(self, server: socket.socket, client: socket.socket) -> None:
        for data in received(server):
            self.bytes_to_client += len(data)
            try:
                client.sendall(data)
            except OSError:
                # It has gone; the other direction notices by itself.
                return


def received(connection: socket.socket) -> Iterator[bytes]:
    """What the other end sends, until it closes or breaks off."""
    while True:
        try:
            data = connection.recv(READ_SIZE)
        except OSError:
            return
        if not data:
            return
        yield data


@contextmanager
def relay_to(server: str, path: Path | None = None) -> Iterator[Relay]:
    """Listens on a free port, or on the path."""
    relay = Relay(server, path)
    threading.Thread(target=relay.accept, daemon=True).start()
    try:
        yield relay
    finally:
        relay.stop()
