import pytest

from directions.entries import DirectionError
from directions.padding import padded
from fibonacci_pb2 import SequenceElement


@pytest.mark.parametrize(
    ("size", "field"),
    [
        (0, b""),
        (4, b""),
        (7, b"\xc2\x3e\x00"),
        (8, b"\xc2\x3e\x01\x00"),
        (134, b"\xc2\x3e\x7f" + bytes(127)),
        (136, b"\xc2\x3e\x80\x01" + bytes(128)),
        (4 + 4 + 16383, b"\xc2\x3e\xff\x7f" + bytes(16383)),
    ],
)
def test_padded(size: int, field: bytes):
    message = SequenceElement(element=1, count=1).SerializeToString()
    assert len(message) == 4
    assert padded(message, size) == message + field
    assert SequenceElement.FromString(padded(message, size)).element == 1


# One byte more of zeros would make the length itself a byte longer.
@pytest.mark.parametrize("missing", [1, 2, 131, 16388, 2097157])
def test_sizes_that_cannot_be(missing: int):
    with pytest.raises(DirectionError, match=f"cannot be made {missing} bytes longer"):
        padded(b"", missing)
