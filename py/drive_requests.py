"""What a client does in a call, step by step, while its responses are read."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from threading import Condition, Thread
from typing import Any

import grpc

from drive_steps import Cancel, HalfClose, Pause, SendMessage, Step, WaitForHeaders, WaitForMessages

# Between a half-close that was handed to grpcio and a cancellation: it does not say
# when the one has left, and drops it for the other.
LEAVING_SECONDS = 0.02


class OneRequest:
    """The request of a call that has one, which grpcio takes together with its half-close."""

    steps_done = 2

    def __init__(self, request: Any):
        self.argument = request

    def begun(self, rpc: grpc.Call) -> None:
        pass

    def received(self) -> None:
        pass


class Requests:
    """The requests of a call, as an iterator for grpcio, and the other steps between them.

    grpcio iterates in a thread of its own. It asks for the next request when the
    one before has left, as far as flow control lets it, and half-closes at the end;
    of a call that is over it asks for nothing.
    """

    def __init__(self, steps: list[Step], prepare: Callable[[bytes], Any]):
        """Prepares each request once, however often it is sent."""
        self.steps_done = 0
        self._steps = [
            (step, prepare(step.serialized) if isinstance(step, SendMessage) else None)
            for step in steps
        ]
        self._rpc: Future[grpc.Call] = Future()
        self._changed = Condition()
        self._messages_received = 0
        self._is_over = False

    @property
    def argument(self) -> Iterator[Any]:
        return iter(self)

    def __iter__(self) -> Iterator[Any]:
        for position, (step, request) in enumerate(self._steps):
            match step:
                case SendMessage(_, times):
                    for _ in range(times):
                        yield request
                    self.steps_done += 1
                case HalfClose():
                    self.steps_done += 1
                    self._take_beside(self._steps[position + 1 :])
                    return
                case _:
                    if not self._take(step):
                        return

    def begun(self, rpc: grpc.Call) -> None:
        """To be told of the call once it has begun."""
        self._rpc.set_result(rpc)
        if not rpc.add_callback(self._end):
            self._end()

    def received(self) -> None:
        """To be told of each response message."""
        with self._changed:
            self._messages_received += 1
            self._changed.notify_all()

    def _end(self) -> None:
        with self._changed:
            self._is_over = True
            self._changed.notify_all()

    def _take_beside(self, steps: list[tuple[Step, Any]]) -> None:
        """Takes what follows the half-close, which grpcio does when the iterator ends."""

        def take_all() -> None:
            self._wait(lambda: False, LEAVING_SECONDS)
            for step, _ in steps:
                if not self._take(step):
                    return

        if steps:
            Thread(target=take_all, daemon=True).start()

    def _take(self, step: Step) -> bool:
        """Returns whether the step was done, and the call goes on."""
        match step:
            case WaitForHeaders():
                self._rpc.result().initial_metadata()
                done = True
            case WaitForMessages(count):
                done = self._wait(lambda: self._messages_received >= count)
            case Pause(seconds):
                done = not self._wait(lambda: self._is_over, seconds)
            case Cancel():
                # Counted before whoever reads sees the call's end.
                self.steps_done += 1
                self._rpc.result().cancel()
                return False
        with self._changed:
            self.steps_done += done
            return done and not self._is_over

    def _wait(self, condition: Callable[[], bool], seconds: float | None = None) -> bool:
        """Waits for the condition, or the end of the call or of the time; returns which it is."""
        with self._changed:
            self._changed.wait_for(lambda: condition() or self._is_over, seconds)
            return condition()
