//! Fields to header blocks, in the plainest way that there is: every field written
//! out, without the table and without Huffman's code. Nothing has to be remembered from
//! block to block, so a block may be cut, dropped or malformed afterwards.

use bytes::BufMut as _;

/// The block of these fields. Names and values are any bytes, legal or not.
#[must_use]
pub fn encode<Name: AsRef<[u8]>, Value: AsRef<[u8]>>(fields: &[(Name, Value)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.put_u8(0);
        push_string(&mut block, 0, name.as_ref());
        push_string(&mut block, 0, value.as_ref());
    }
    block
}

/// The block that says how large its sender's table is from now on (RFC 7541, section
/// 6.3); fields may follow it.
#[must_use]
pub fn table_size(bytes: u32) -> Vec<u8> {
    let mut block = Vec::new();
    push_number(&mut block, 0x20, 5, bytes as usize);
    block
}

/// A string whose first bit says whether it is in Huffman's code (RFC 7541, section 5.2).
pub(super) fn push_string(block: &mut Vec<u8>, code: u8, string: &[u8]) {
    push_number(block, code, 7, string.len());
    block.extend_from_slice(string);
}

/// A number whose first bits share their byte with others (RFC 7541, section 5.1).
pub(super) fn push_number(block: &mut Vec<u8>, others: u8, prefix_bits: u32, number: usize) {
    let most = u8::MAX >> (8 - prefix_bits);
    match u8::try_from(number) {
        Ok(small) if small < most => return block.put_u8(others | small),
        _ => block.put_u8(others | most),
    }
    let mut rest = number - usize::from(most);
    while rest >= 0x80 {
        block.put_u8(0x80 | (rest & 0x7f) as u8);
        rest >>= 7;
    }
    block.put_u8(rest as u8);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hpack::HeaderDecoder;

    #[test]
    fn what_is_written_is_read_again() {
        for length in [0, 1, 126, 127, 128, 254, 255, 16_384, 70_000] {
            let value = vec![b'v'; length];
            let block = encode(&[(b"name".as_slice(), value.as_slice()), (b"\xff", b"\0")]);
            let fields = HeaderDecoder::default().decode(&block).unwrap();
            assert_eq!(fields.list[0].value, value, "{length}");
            assert_eq!((&*fields.list[1].name, &*fields.list[1].value), (&b"\xff"[..], &b"\0"[..]));
        }
    }

    #[test]
    fn a_table_size_is_read_again() {
        for bytes in [0, 30, 31, 4096] {
            let block = [table_size(bytes), encode(&[("a", "b")])].concat();
            assert_eq!(HeaderDecoder::default().decode(&block).unwrap().list.len(), 1, "{bytes}");
        }
        assert!(HeaderDecoder::default().decode(&table_size(4097)).is_err());
    }
}
