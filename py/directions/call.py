"""One call that is answered as its metadata directs."""

from threading import Event
from typing import Any, NoReturn

import grpc

from directions.entries import DirectionError, Directions, read_directions
from directions.padding import padded

STATUS_DETAILS = "grpc-status-details-bin"


class AbortedError(Exception):
    """The status with which a handler ends its call, which the directions may replace."""

    def __init__(self, code: grpc.StatusCode, details: str):
        super().__init__(details)
        self.code = code
        self.details = details


class HandlerContext:
    """The call's context for its handler: the same, but what it aborts is not yet over."""

    def __init__(self, context: grpc.ServicerContext):
        self._context = context

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    def abort(self, code: grpc.StatusCode, details: str) -> NoReturn:
        raise AbortedError(code, details)


class DirectedCall:
    """What the directions of a call do to it, before, while and after its handler runs.

    Each method ends the call, by raising, if it cannot be answered so.
    """

    def __init__(self, context: grpc.ServicerContext):
        """Does what is to be done before the handler."""
        self._context = context
        self._directions = self._read(context)
        self._over = Event()
        if not context.add_callback(self._over.set):
            self._over.set()
        if self._directions.compress:
            # grpcio does not tell what the client offered, and compresses for one
            # that offered nothing too.
            context.set_compression(grpc.Compression.Gzip)
        if self._directions.header:
            context.send_initial_metadata(self._directions.header)
        context.set_trailing_metadata(self._directions.trailer)

    def wait(self) -> bool:
        """Waits before a response message; returns whether somebody still waits for it."""
        return not self._over.wait(self._directions.delay_seconds)

    def padded(self, message: bytes) -> bytes:
        try:
            return padded(message, self._directions.size_bytes)
        except DirectionError as error:
            self._refuse(error)

    def end(self, failure: AbortedError | None, has_message: bool) -> None:
        """Ends the call once its handler has; returns if it ends with OK.

        Without a message a unary call cannot, even if it is directed to.
        """
        directions = self._directions
        if directions.panic is not None:
            raise RuntimeError(directions.panic)
        is_ok = directions.code is grpc.StatusCode.OK
        if directions.code is None or (is_ok and not has_message):
            if failure is not None:
                self._context.abort(failure.code, failure.details)
            return
        if directions.details is not None:
            trailer = [*directions.trailer, (STATUS_DETAILS, directions.details)]
            self._context.set_trailing_metadata(trailer)
        if is_ok:
            self._context.set_details(directions.message)
        else:
            self._context.abort(directions.code, directions.message)

    def _read(self, context: grpc.ServicerContext) -> Directions:
        try:
            return read_directions(context.invocation_metadata())
        except DirectionError as error:
            self._refuse(error)

    def _refuse(self, error: DirectionError) -> NoReturn:
        self._context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
