import math

import pytest

from command_line import CommandError
from values import address, count, listening_addresses, milliseconds, number


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1.0),
        ("-2.5", -2.5),
        ("+3", 3.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("1e3", 1000.0),
        ("-2.5E+3", -2500.0),
        ("1e-999", 0.0),
        ("1.7976931348623157e308", 1.7976931348623157e308),
        ("inf", math.inf),
        ("-Inf", -math.inf),
        ("+INFINITY", math.inf),
    ],
)
def test_number(text: str, value: float):
    assert number(text) == value


@pytest.mark.parametrize("text", ["nan", "NaN", "-nan", "+NAN"])
def test_number_nan(text: str):
    assert math.isnan(number(text))


@pytest.mark.parametrize(
    "text",
    [
        *("", "abc", "1_000", " 1", "1 ", "1\n", "1,5", "0x10", "0x1p3", "1e", "e3", ".", "-"),
        *("--1", "1e999", "-1e309", "+-nan", "infin", "\u0661", "\u0131nf"),
    ],
)
def test_not_a_number(text: str):
    with pytest.raises(CommandError, match="is not a number; give decimal numbers, such as 1"):
        number(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("10", 10),
        ("-3", -3),
        ("+5", 5),
        ("-007", -7),
        ("0" * 5000 + "3", 3),
        ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775808", -(2**63)),
    ],
    ids=lambda value: str(value)[:20],
)
def test_count(text: str, value: int):
    assert count(text) == value


@pytest.mark.parametrize(
    "text",
    [
        *("", "abc", "1.0", "1e3", "1_000", " 1", "0x10", "\u0661"),
        *("9223372036854775808", "-9223372036854775809", "9" * 5000),
    ],
    ids=lambda text: ascii(text)[:20],
)
def test_not_a_count(text: str):
    with pytest.raises(CommandError, match="is not a count; give a whole number, such as 10"):
        count(text)


@pytest.mark.parametrize(("text", "value"), [("1", 1), ("+0010", 10), ("86400000", 86_400_000)])
def test_milliseconds(text: str, value: int):
    assert milliseconds("--max-age", text) == value


@pytest.mark.parametrize(
    "text", ["", "x", "0", "-1", "1.5", "1e3", " 1", "86400001", "9" * 5000], ids=lambda t: t[:20]
)
def test_not_milliseconds(text: str):
    with pytest.raises(CommandError) as failure:
        milliseconds("--max-age", text)
    words = "is no number of milliseconds from 1 to 86400000"
    assert str(failure.value) == f'--max-age: "{text}" {words}'


def test_unix_addresses():
    texts = ["unix:/a/b c.sock", "unix:080", "[::1]:0"]
    found = listening_addresses("--listen", texts, "127.0.0.1:9999")
    assert [str(address) for address in found] == ["unix:/a/b c.sock", "unix:80", "[::1]:0"]


@pytest.mark.parametrize("text", ["unix:", "unix:a.sock", "unix:@a", "Unix:/a"])
def test_not_a_unix_address(text: str):
    with pytest.raises(CommandError, match="not an address; give HOST:PORT, such as 127"):
        listening_addresses("--listen", [text], "127.0.0.1:9999")


@pytest.mark.parametrize(
    "text", ["127.0.0.1:9999", "[::1]:0", "localhost:65535", "a-b.example:1", "[::ffff:1.2.3.4]:80"]
)
def test_address(text: str):
    assert str(address("--listen", text, "127.0.0.1:9999")) == text


def test_zeros_may_lead_in_a_port():
    assert str(address("--listen", "a:0000080", "127.0.0.1:9999")) == "a:80"


@pytest.mark.parametrize(
    "text",
    [
        *("", "abc", ":9999", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536"),
        *("::1:9999", "[::1]", "[::g]:1", "[1.2.3.4]:1", "a b:1", "http://a:1", "a:1\n", "a:-1"),
    ],
)
def test_not_an_address(text: str):
    with pytest.raises(CommandError, match="not an address; give HOST:PORT, such as 127"):
        address("--listen", text, "127.0.0.1:9999")
