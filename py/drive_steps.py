"""The steps of a call in the drive protocol: what its client does, one after the other."""

import json
from dataclasses import dataclass
from typing import Any

from drive_values import UnsupportedError, from_base64


@dataclass(frozen=True)
class SendMessage:
    serialized: bytes
    times: int


@dataclass(frozen=True)
class WaitForHeaders:
    pass


@dataclass(frozen=True)
class WaitForMessages:
    # From the call's start.
    count: int


@dataclass(frozen=True)
class Pause:
    seconds: float


@dataclass(frozen=True)
class HalfClose:
    pass


@dataclass(frozen=True)
class Cancel:
    pass


Step = SendMessage | WaitForHeaders | WaitForMessages | Pause | HalfClose | Cancel


def steps_from_json(entries: Any) -> list[Step]:
    if not isinstance(entries, list):
        raise UnsupportedError("send: not a list of steps")
    steps = [step_from_json(entry) for entry in entries]
    check_order(steps)
    return steps


def step_from_json(entry: Any) -> Step:
    match entry:
        case {"message": str(text), "times": int(times), **rest} if times >= 1 and not rest:
            return SendMessage(from_base64(text), times)
        case {"message": str(text), **rest} if not rest:
            return SendMessage(from_base64(text), 1)
        case {"wait_for_headers": True, **rest} if not rest:
            return WaitForHeaders()
        case {"wait_for_messages": int(count), **rest} if not rest:
            return WaitForMessages(count)
        case {"pause_ms": int(milliseconds), **rest} if not rest:
            return Pause(milliseconds / 1000)
        case {"half_close": True, **rest} if not rest:
            return HalfClose()
        case {"cancel": True, **rest} if not rest:
            return Cancel()
    raise UnsupportedError(f"send: {json.dumps(entry)} is no step of this client")


def check_order(steps: list[Step]) -> None:
    half_closes = [place for place, step in enumerate(steps) if step == HalfClose()]
    if len(half_closes) > 1:
        raise UnsupportedError("send: half-closes twice")
    if half_closes and any(isinstance(step, SendMessage) for step in steps[half_closes[0] :]):
        raise UnsupportedError("send: a message follows the half-close")
    if Cancel() in steps[:-1]:
        raise UnsupportedError("send: a step follows the cancellation")
    if not steps or steps[-1] not in (HalfClose(), Cancel()):
        raise UnsupportedError("send: the last step is neither a half-close nor a cancellation")


def only_request(steps: list[Step]) -> bytes | None:
    """The message of a call that has one, as those of methods with one request have; or None."""
    match steps:
        case [SendMessage(serialized, 1), HalfClose()]:
            return serialized
        case _:
            return None
