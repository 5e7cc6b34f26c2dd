"""Text from elsewhere, made fit to stand in a line of ours.

The other languages of Crosswire write it the same way.
"""

import re

NAMED_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}

# Control characters, the bidirectional overrides, and the other invisible
# formatting characters.
UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\ufeff\ufff9-\ufffb\ufffe\uffff\U000e0000-\U000e007f]"
)

SURROGATE = re.compile("[\ud800-\udfff]")


def printable(text: str) -> str:
    """The text on one line: what could steer a terminal or hide other text is escaped."""
    return UNSAFE.sub(escape, text)


def escape(match: re.Match[str]) -> str:
    character = match[0]
    return NAMED_ESCAPES.get(character, f"\\u{{{ord(character):x}}}")


def quote(text: str) -> str:
    """The text in double quotes, printable, and so that its end can be told."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{printable(escaped)}"'


def without_surrogates(argument: str) -> str:
    """Replaces what Python makes of bytes that are not UTF-8, and cannot print."""
    return SURROGATE.sub("\N{REPLACEMENT CHARACTER}", argument)


def reason(error: OSError) -> str:
    """What the system says, in lower case, without Python's number and file name."""
    return (error.strerror or str(error)).lower()
