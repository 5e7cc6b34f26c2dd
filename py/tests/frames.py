"""A server that speaks just enough HTTP/2 to see what a client sends."""

import socket
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from conftest import LIMIT_SECONDS

NAMES = {0: "DATA", 1: "HEADERS", 3: "RST_STREAM"}
EMPTY_SETTINGS = bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])

# The name and the length of each frame of a call.
Frames = list[tuple[str, int]]


@contextmanager
def frames_of_first_call() -> Iterator[tuple[str, Future[Frames]]]:
    """The server's address, and the frames of its first call up to the reset."""
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as reader:
        listener.settimeout(LIMIT_SECONDS)
        frames = reader.submit(frames_until_reset, listener)
        yield f"127.0.0.1:{listener.getsockname()[1]}", frames


def frames_until_reset(listener: socket.socket) -> Frames:
    connection, _ = listener.accept()
    with connection, connection.makefile("rb") as incoming:
        connection.settimeout(LIMIT_SECONDS)
        connection.sendall(EMPTY_SETTINGS)
        incoming.read(len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))
        seen = []
        while (not seen or seen[-1][0] != "RST_STREAM") and (header := incoming.read(9)):
            length = int.from_bytes(header[:3])
            incoming.read(length)
            if int.from_bytes(header[5:]) == 1 and header[3] in NAMES:
                seen.append((NAMES[header[3]], length))
        return seen
