import os

import pytest

from words import printable, quote, reason, without_surrogates


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('é "plain" \\', 'é "plain" \\'),
        ("a\r\n\tb\x1b[31m\0\x7f\x85", r"a\r\n\tb\u{1b}[31m\u{0}\u{7f}\u{85}"),
        ("a\u202eb\u200b\ufeff\U000e0041", r"a\u{202e}b\u{200b}\u{feff}\u{e0041}"),
    ],
)
def test_printable(text: str, line: str):
    assert printable(text) == line


def test_quote():
    assert quote('a\n\\n"b') == r'"a\n\\n\"b"'


def test_bytes_that_are_not_utf_8_are_replaced_one_by_one():
    argument = os.fsdecode(b"a\xffb\xe2\x82")
    assert without_surrogates(argument) == "a\ufffdb\ufffd\ufffd"


def test_reason():
    assert reason(PermissionError(13, "Permission denied", "name")) == "permission denied"
