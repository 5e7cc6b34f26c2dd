"""The value of grpc-status-details-bin, in both roles."""

from typing import Any

from grpclib.const import Status
from grpclib.encoding.base import StatusDetailsCodecBase


class VerbatimDetails(StatusDetailsCodecBase):
    """Hands the bytes on: the harness gives them, and wants to see them, as they are.

    grpclib's own codec knows only the types that its process has loaded.
    """

    def encode(self, _status: Status, _message: str | None, details: Any) -> bytes:
        return details

    def decode(self, _status: Status, _message: str | None, data: bytes) -> bytes:
        return data
