"""What the client does in a call, step by step (`send`), while the responses are read."""

import asyncio
import base64
import binascii
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.message import DecodeError
from grpclib.client import Stream


class UnsupportedError(Exception):
    """The call cannot be made; the text says why."""


class CancelledByClientError(Exception):
    """The call is to be cancelled."""


@dataclass(frozen=True)
class Step:
    kind: str
    value: Any
    times: int = 1
    # The message that is sent, of the method's type.
    request: Any = None


@dataclass
class Progress:
    """How far a call has come; one at a time may wait for it."""

    steps: int = 0
    messages: list[str] = field(default_factory=list)
    has_begun: bool = False
    is_half_closed: bool = False
    # Less than a message was sent when the call ended: its half is no half to be closed.
    is_cut: bool = False
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def begin(self) -> None:
        self.has_begun = True
        self.news.set()

    def add(self, message: str) -> None:
        self.messages.append(message)
        self.news.set()

    async def until(self, is_so: Callable[[], bool]) -> None:
        while not is_so():
            self.news.clear()
            await self.news.wait()


def read_steps(send: Any, request_type: Any) -> list[Step]:
    if not isinstance(send, list):
        raise UnsupportedError("`send` is no list of steps")
    steps = [read_step(step, request_type) for step in send]
    kinds = [step.kind for step in steps]
    ends = [kind for kind in kinds if kind in ("half_close", "cancel")]
    if not ends or kinds[-1] != ends[-1]:
        raise UnsupportedError("the last step is neither a half_close nor a cancel")
    if ends not in (["half_close"], ["cancel"], ["half_close", "cancel"]):
        raise UnsupportedError("a half_close or a cancel comes too late")
    if "half_close" in kinds and "message" in kinds[kinds.index("half_close") :]:
        raise UnsupportedError("a message comes after the half_close")
    return steps


def read_step(step: Any, request_type: Any) -> Step:
    match step:
        case {"message": str(message)}:
            times = step.get("times", 1)
            if not is_count(times):
                raise UnsupportedError(f"a message cannot be sent {times!r} times")
            return Step("message", message, times, parse(message, request_type))
        case {"wait_for_headers": True} | {"half_close": True} | {"cancel": True}:
            [(kind, value)] = step.items()
            return Step(kind, value)
        case {"wait_for_messages": count} | {"pause_ms": count} if is_count(count):
            [(kind, value)] = step.items()
            return Step(kind, value)
    raise UnsupportedError(f"no such step: {step!r}")


def is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


def parse(message: str, request_type: Any) -> Any:
    try:
        return request_type.FromString(base64.b64decode(message, validate=True))
    except (binascii.Error, DecodeError) as error:
        raise UnsupportedError(f"the request does not parse: {error}") from error


def is_one_request(steps: list[Step]) -> bool:
    """Whether they begin with all that a method of one request is given."""
    match steps:
        case [Step(kind="message", times=1), Step(kind="half_close"), *_]:
            return True
    return False


async def play(steps: list[Step], stream: Stream, progress: Progress) -> None:
    """Does one step after the other."""
    for step in steps:
        await PLAY[step.kind](step, stream, progress)
        progress.steps += 1


async def send_message(step: Step, stream: Stream, progress: Progress) -> None:
    for _ in range(step.times):
        try:
            await stream.send_message(step.request)
        except asyncio.CancelledError:
            progress.is_cut = True
            raise
        # grpclib waits only where there is no room: others are to come to their turn.
        await asyncio.sleep(0)


async def wait_for_headers(_step: Step, _stream: Stream, progress: Progress) -> None:
    await progress.until(lambda: progress.has_begun)


async def wait_for_messages(step: Step, _stream: Stream, progress: Progress) -> None:
    await progress.until(lambda: len(progress.messages) >= step.value)


async def pause(step: Step, _stream: Stream, _progress: Progress) -> None:
    await asyncio.sleep(step.value / 1000)


async def half_close(_step: Step, stream: Stream, progress: Progress) -> None:
    await stream.end()
    progress.is_half_closed = True


async def cancel(_step: Step, _stream: Stream, progress: Progress) -> None:
    progress.steps += 1
    raise CancelledByClientError


PLAY: dict[str, Callable[[Step, Stream, Progress], Awaitable[None]]] = {
    "message": send_message,
    "wait_for_headers": wait_for_headers,
    "wait_for_messages": wait_for_messages,
    "pause_ms": pause,
    "half_close": half_close,
    "cancel": cancel,
}
