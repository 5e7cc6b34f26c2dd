"""A server that speaks just enough HTTP/2 to see what a client sends."""

import socket
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from conftest import LIMIT_SECONDS

NAMES = {0: "DATA", 1: "HEADERS", 3: "RST_STREAM", 6: "PING"}
EMPTY_SETTINGS = bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
PING_ANSWER = bytes([0, 0, 8, 6, 1, 0, 0, 0, 0])

# The name and the length of each frame.
Frames = list[tuple[str, int]]


@contextmanager
def frames_until(*awaited: str) -> Iterator[tuple[str, Future[Frames]]]:
    """The server's address, and the frames of its first client.

    They end with the awaited ones, which come in this order, with others between them.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as reader:
        listener.settimeout(LIMIT_SECONDS)
        frames = reader.submit(read_until, awaited, listener)
        yield f"127.0.0.1:{listener.getsockname()[1]}", frames


def read_until(awaited: tuple[str, ...], listener: socket.socket) -> Frames:
    connection, _ = listener.accept()
    left = list(awaited)
    with connection, connection.makefile("rb") as incoming:
        connection.settimeout(LIMIT_SECONDS)
        connection.sendall(EMPTY_SETTINGS)
        incoming.read(len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))
        seen = []
        while left and (header := incoming.read(9)):
            length = int.from_bytes(header[:3])
            payload = incoming.read(length)
            name = NAMES.get(header[3])
            if name is not None:
                seen.append((name, length))
            if name == "PING":
                connection.sendall(PING_ANSWER + payload)
            if name == left[0]:
                del left[0]
        return seen
