"""Makes a serialized message longer, by a field that no reader knows."""

from directions.entries import SIZE, DirectionError

# The field's number, 1000, and its wire type, length-delimited.
TAG = bytes([0xC2, 0x3E])


def padded(message: bytes, size_bytes: int) -> bytes:
    """The message with zeros in an unknown field at its end, so that it is so long.

    A message that is as long already, or longer, stays as it is.
    """
    missing = size_bytes - len(message)
    if missing <= 0:
        return message
    field = padding(missing)
    if field is None:
        raise DirectionError(
            f"{SIZE}: {size_bytes}: a message of {len(message)} bytes cannot be made {missing} "
            "bytes longer, which no field is; give another size"
        )
    return message + field


def padding(size_bytes: int) -> bytes | None:
    """A field of zeros that is so many bytes long with its tag and its length.

    None if those alone are longer, or if one more zero makes the length itself a
    byte longer.
    """
    for length_bytes in range(1, 6):
        zeros = size_bytes - len(TAG) - length_bytes
        if zeros >= 0 and len(varint(zeros)) == length_bytes:
            return TAG + varint(zeros) + bytes(zeros)
    return None


def varint(number: int) -> bytes:
    groups = bytearray()
    while number >= 0x80:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*groups, number])
