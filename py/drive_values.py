"""How values stand in the lines of the drive protocol."""

import base64


class UnsupportedError(Exception):
    """The call cannot be made; the text says why."""


def seconds(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode()


def from_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise UnsupportedError(f"{text!r} is not base64: {error}") from error
