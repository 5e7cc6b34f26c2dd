"""The server's life: bind, announce, serve, stop."""

import json
import logging
from concurrent.futures import ThreadPoolExecutor

import grpc

from command_line import print_line
from directions import DirectionsInterceptor
from listening import listen_on
from services import TEST_SERVICE_NAME, add_services
from stopping import watch_for_stop
from values import Address, UnixAddress

# A handler holds its thread for as long as its call lasts, a stream that nobody
# reads included, and a call beyond this number waits. 256 calls is what one
# client of Crosswire has in flight; the same again keeps health checks, and a
# second client, from waiting for them. Threads start only when they are needed.
MAXIMUM_CALLS = 512

# Calls that wait for one of those. Far more than there are streams.
MAXIMUM_PENDING_CALLS = 1 << 20

# Calls in flight are over in milliseconds; who still has one after this long
# is not reading. Less than the time after which a supervisor would kill us.
GRACE_SECONDS = 2.0

OPTIONS = [
    # With SO_REUSEPORT, grpcio's default, two servers could share a port and
    # nobody would notice that it is taken.
    ("grpc.so_reuseport", 0),
    # By default grpcio turns calls away at random once 1000 wait, and all from 3000
    # on: what comes of a burst would be a matter of luck.
    ("grpc.server.max_pending_requests", MAXIMUM_PENDING_CALLS),
    ("grpc.server.max_pending_requests_hard_limit", MAXIMUM_PENDING_CALLS),
]


def serve(
    addresses: list[Address | UnixAddress],
    credentials: grpc.ServerCredentials | None,
    lifetimes: list[tuple[str, int]],
) -> None:
    """Serves on the addresses, or on the default ones if there are none, until told to stop.

    With credentials they speak TLS. The lifetimes are arguments for grpcio. Prints one
    ready line for each once all are bound. Raises `CommandError` if one cannot be bound.
    """
    log_to_stderr()
    stop_requests = watch_for_stop()
    server = grpc.server(
        ThreadPoolExecutor(MAXIMUM_CALLS),
        # The test service sends its own initial metadata, which none can be added to.
        interceptors=[DirectionsInterceptor(undirected_service=TEST_SERVICE_NAME)],
        options=[*OPTIONS, *lifetimes],
    )
    add_services(server)
    bound = listen_on(server, addresses, credentials)
    server.start()
    try:
        for address in bound:
            ready = {
                "address": str(address),
                "implementation": "grpcio",
                "version": grpc.__version__,
            }
            print_line(json.dumps({"ready": ready}, separators=(",", ":")))
        stop_requests.get()
    finally:
        server.stop(GRACE_SECONDS).wait()


def log_to_stderr() -> None:
    logging.basicConfig(format="server: %(message)s")
    logging.getLogger("grpc._common").addFilter(without_traceback)


def without_traceback(record: logging.LogRecord) -> bool:
    """Leaves one line: grpcio logs a request that does not parse as if it were a defect."""
    record.exc_info = None
    return True
