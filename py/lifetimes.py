"""The options that say how long the server's connections stay, and what their PINGs may be."""

from command_line import Arguments
from values import milliseconds

# A connection without a call is watched like any other.
WITHOUT_CALLS = ("grpc.keepalive_permit_without_calls", 1)

# What each is for grpcio: the argument that takes its milliseconds, and what goes with it.
ARGUMENTS = {
    "--max-age": ("grpc.max_connection_age_ms", ()),
    "--max-age-grace": ("grpc.max_connection_age_grace_ms", ()),
    "--max-idle": ("grpc.max_connection_idle_ms", ()),
    "--keepalive": (
        "grpc.keepalive_time_ms",
        # By default only a few go out between one frame of data and the next.
        (WITHOUT_CALLS, ("grpc.http2.max_pings_without_data", 0)),
    ),
    # grpcio waits a minute all the same: grpc.http2.ping_timeout_ms is what it goes by
    # (github.com/grpc/grpc/pull/39239).
    "--keepalive-wait": ("grpc.keepalive_timeout_ms", ()),
    "--ping-interval": ("grpc.http2.min_ping_interval_without_data_ms", (WITHOUT_CALLS,)),
}

LIFETIME_OPTIONS = tuple(ARGUMENTS)


def lifetime_arguments(arguments: Arguments) -> list[tuple[str, int]]:
    """grpcio's arguments for the options that were given.

    Raises `CommandError` for one that is no number of milliseconds.
    """
    found = []
    for option, (name, others) in ARGUMENTS.items():
        text = arguments.last(option)
        if text is not None:
            found += [(name, milliseconds(option, text)), *others]
    return found
