"""The grammar of what is typed on a command line: numbers, counts, addresses.

Narrower than what float() and int() take, and the same in every language of
Crosswire.
"""

import math
import re
import socket
from dataclasses import dataclass

from command_line import CommandError
from words import quote

NUMBER = re.compile(
    r"[+-]?(([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?|inf(inity)?|nan)",
    re.IGNORECASE | re.ASCII,
)
# Zeros may lead, as many as one likes, which int() does not take; an int64 has
# 19 digits, a port 5.
COUNT = re.compile(r"(?P<sign>[+-]?)0*(?P<digits>[0-9]{1,19})")
ADDRESS = re.compile(
    r"(?P<host>\[(?P<ipv6>[0-9A-Fa-f:.]+)\]|[A-Za-z0-9._-]+):0*(?P<port>[0-9]{1,5})"
)

INT64_MINIMUM, INT64_MAXIMUM = -(2**63), 2**63 - 1
PORT_MAXIMUM = 2**16 - 1
DAY_MS = 86_400_000

UNIX = "unix:"


def number(text: str) -> float:
    # float() alone would take "1_000" and " 1 " too, and make infinity of 1e999.
    if NUMBER.fullmatch(text):
        value = float(text)
        if not math.isinf(value) or "inf" in text.lower():
            return value
    raise CommandError(f"{quote(text)} is not a number; give decimal numbers, such as 1 2.5 -3e4")


def count(text: str) -> int:
    value = whole(text)
    if value is None:
        raise CommandError(f"{quote(text)} is not a count; give a whole number, such as 10")
    return value


def milliseconds(option: str, text: str) -> int:
    """A time that the option was given, which is a day at most."""
    value = whole(text)
    if value is None or not 1 <= value <= DAY_MS:
        words = f"is no number of milliseconds from 1 to {DAY_MS}"
        raise CommandError(f"{option}: {quote(text)} {words}")
    return value


def whole(text: str) -> int | None:
    """The int64 that the text is, if it is one."""
    match = COUNT.fullmatch(text)
    if match is None:
        return None
    value = int(match["sign"] + match["digits"])
    return value if INT64_MINIMUM <= value <= INT64_MAXIMUM else None


@dataclass(frozen=True)
class Address:
    """HOST:PORT; the host of an IPv6 address keeps its brackets."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True)
class UnixAddress:
    """unix:PATH; the path is absolute."""

    path: str

    def __str__(self) -> str:
        return f"{UNIX}{self.path}"


def listening_addresses(option: str, texts: list[str], example: str) -> list[Address | UnixAddress]:
    """What a server may listen on: Unix sockets, too."""
    return [
        UnixAddress(text.removeprefix(UNIX))
        if text.startswith(f"{UNIX}/")
        else address(option, text, example)
        for text in texts
    ]


def addresses(option: str, texts: list[str], example: str) -> list[Address]:
    return [address(option, text, example) for text in texts]


def address(option: str, text: str, example: str) -> Address:
    match = ADDRESS.fullmatch(text)
    if match and int(match["port"]) <= PORT_MAXIMUM and is_host(match["ipv6"]):
        return Address(match["host"], int(match["port"]))
    raise CommandError(f"{option} {quote(text)}: not an address; give HOST:PORT, such as {example}")


def is_host(ipv6: str | None) -> bool:
    """Whether what stands in brackets is IPv6; any other host is left to the resolver."""
    if ipv6 is None:
        return True
    try:
        socket.inet_pton(socket.AF_INET6, ipv6)
    except OSError:
        return False
    return True
