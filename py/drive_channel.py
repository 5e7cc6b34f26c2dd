"""What a call of the drive protocol asks of its channel."""

import json
from ipaddress import ip_address
from typing import Any

from channel import NO_SERVICE_CONFIG, ORDINARY, ChannelOptions
from drive_values import UnsupportedError

FIELDS = {"addresses", "service_config", "keepalive_time_ms", "keepalive_timeout_ms"}


def channel_from_json(fields: dict[str, Any] | None) -> ChannelOptions:
    if fields is None:
        return ORDINARY
    unknown = sorted(fields.keys() - FIELDS)
    if unknown:
        raise UnsupportedError(f"channel: {unknown[0]} is no field of this client")
    return ChannelOptions(
        addresses=tuple(address(text) for text in fields.get("addresses") or []),
        service_config=service_config(fields.get("service_config")),
        keepalive_time_ms=milliseconds(fields, "keepalive_time_ms"),
        keepalive_timeout_ms=milliseconds(fields, "keepalive_timeout_ms"),
    )


def address(text: Any) -> str:
    """As it is, if it is an IP address with a port: grpcio takes no other in a list."""
    host, _, port = str(text).rpartition(":")
    is_bracketed = host.startswith("[") and host.endswith("]")
    try:
        version = ip_address(host[1:-1] if is_bracketed else host).version
    except ValueError:
        version = None
    if version != (6 if is_bracketed else 4) or not port.isdecimal():
        raise UnsupportedError(f"channel: addresses: {json.dumps(text)} is no IP address and port")
    return text


def service_config(config: Any) -> str:
    """One text for equal configs, whatever the order of their fields."""
    return NO_SERVICE_CONFIG if config is None else json.dumps(config, sort_keys=True)


def milliseconds(fields: dict[str, Any], name: str) -> int | None:
    value = fields.get(name)
    if value is not None and (type(value) is not int or value < 1):
        raise UnsupportedError(f"channel: {name}: not a whole number from 1")
    return value
