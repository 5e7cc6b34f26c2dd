"""The channels of the client's calls: one for each server, and each way to reach it."""

from threading import Event

import grpc

from channel import ORDINARY, ChannelOptions, Tls, open_channel
from drive_methods import SERVICES

# A server on loopback that listens is connected to within milliseconds.
CONNECT_SECONDS = 5.0

# States in which waiting for a connection brings nothing more.
SETTLED = {
    grpc.ChannelConnectivity.READY,
    grpc.ChannelConnectivity.TRANSIENT_FAILURE,
    grpc.ChannelConnectivity.SHUTDOWN,
}


class Connection:
    """A channel, which is one HTTP/2 connection unless it is told otherwise, with its stubs.

    Raises `CertificateError` if a file of `tls` cannot be used.
    """

    def __init__(self, target: str, tls: Tls | None, channel_options: ChannelOptions = ORDINARY):
        self.channel = open_channel(target, tls, channel_options)
        self.is_closed = False
        self.stubs = {stub: stub(self.channel) for stub in SERVICES}

    def wait_until_ready(self, timeout_seconds: float | None) -> None:
        """Waits until a call would really leave: grpcio drops one cancelled before it connects.

        Gives up silently, for the call itself tells best what it comes to.
        """
        if self.is_closed:
            return
        limit = CONNECT_SECONDS if timeout_seconds is None else timeout_seconds
        settled = Event()

        def watch(state: grpc.ChannelConnectivity) -> None:
            if state in SETTLED:
                settled.set()

        self.channel.subscribe(watch, try_to_connect=True)
        settled.wait(min(limit, CONNECT_SECONDS))
        self.channel.unsubscribe(watch)

    def close(self) -> None:
        """Ends the connection; calls in flight on it end with CANCELLED."""
        self.is_closed = True
        self.channel.close()


class Connections:
    """The connections that are open. Not to be used by several threads at once."""

    def __init__(self) -> None:
        self._open: dict[str, dict[tuple[Tls | None, ChannelOptions], Connection]] = {}

    def to(self, target: str, tls: Tls | None, channel_options: ChannelOptions) -> Connection:
        """The connection to the target, which is made on first use."""
        variants = self._open.setdefault(target, {})
        if (tls, channel_options) not in variants:
            variants[tls, channel_options] = Connection(target, tls, channel_options)
        return variants[tls, channel_options]

    def close(self, target: str) -> None:
        """Closes all that there are to the target, and forgets them."""
        for connection in self._open.pop(target, {}).values():
            connection.close()
