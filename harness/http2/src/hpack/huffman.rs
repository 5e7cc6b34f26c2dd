//! Huffman's code of header strings (RFC 7541, appendix B).
//!
//! It is canonical: codes of one length are consecutive and in the order of their
//! symbols, so the lengths say all.

/// How long each symbol's code is, in bits. The last ends a string, and must not be
/// in one.
#[rustfmt::skip]
const LENGTHS: [u8; 257] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
    28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
    6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
    5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
    13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5,
    6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
    21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
    19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
    30,
];

const LONGEST: usize = 30;

/// The most bits that may pad a string, all of them ones.
const MAX_PADDING: usize = 7;

/// The codes of one length.
#[derive(Clone, Copy)]
struct Codes {
    /// The first of them.
    first: u32,
    /// How many there are.
    count: u32,
    /// Where their symbols begin in [`SYMBOLS`].
    symbols: u32,
}

const CODES: [Codes; LONGEST + 1] = {
    let mut codes = [Codes { first: 0, count: 0, symbols: 0 }; LONGEST + 1];
    let mut symbol = 0;
    while symbol < LENGTHS.len() {
        codes[LENGTHS[symbol] as usize].count += 1;
        symbol += 1;
    }
    let mut length = 1;
    while length <= LONGEST {
        let shorter = codes[length - 1];
        codes[length].first = (shorter.first + shorter.count) << 1;
        codes[length].symbols = shorter.symbols + shorter.count;
        length += 1;
    }
    codes
};

/// The symbols by their codes' length, then by their own order.
const SYMBOLS: [u16; LENGTHS.len()] = {
    let mut symbols = [0; LENGTHS.len()];
    let mut next = 0;
    let mut length = 1;
    while length <= LONGEST {
        let mut symbol = 0;
        while symbol < LENGTHS.len() {
            if LENGTHS[symbol] as usize == length {
                symbols[next] = symbol as u16;
                next += 1;
            }
            symbol += 1;
        }
        length += 1;
    }
    symbols
};

/// Where each symbol stands in [`SYMBOLS`].
const PLACES: [u16; LENGTHS.len()] = {
    let mut places = [0; LENGTHS.len()];
    let mut place = 0;
    while place < SYMBOLS.len() {
        places[SYMBOLS[place] as usize] = place as u16;
        place += 1;
    }
    places
};

/// Encodes a string.
pub(super) fn encode(string: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::with_capacity(string.len());
    let (mut bits, mut count) = (0_u64, 0);
    for &byte in string {
        let length = LENGTHS[usize::from(byte)];
        let Codes { first, symbols, .. } = CODES[usize::from(length)];
        let code = first + u32::from(PLACES[usize::from(byte)]) - symbols;
        // Fewer than 8 bits are left of the symbols before, and a code has 30 at most.
        bits = (bits << length) | u64::from(code);
        count += u32::from(length);
        while count >= 8 {
            count -= 8;
            encoded.push((bits >> count).to_le_bytes()[0]);
        }
    }
    if count > 0 {
        let padding = 8 - count;
        let last = (bits << padding) | ((1 << padding) - 1);
        encoded.push(last.to_le_bytes()[0]);
    }
    encoded
}

/// Decodes a string; `None` if its end is within a code or not padded with ones.
pub(super) fn decode(bytes: &[u8]) -> Option<Vec<u8>> {
    // The shortest code has 5 bits.
    let mut decoded = Vec::with_capacity(bytes.len() * 8 / 5);
    let (mut code, mut length) = (0_u32, 0);
    for byte in bytes {
        for bit in (0..8).rev() {
            code = (code << 1) | u32::from((byte >> bit) & 1);
            length += 1;
            let Codes { first, count, symbols } = CODES[length];
            // Every sequence of the longest length is a code, so the length ends there.
            if let Some(position) = code.checked_sub(first).filter(|position| *position < count) {
                decoded.push(u8::try_from(SYMBOLS[(symbols + position) as usize]).ok()?);
                (code, length) = (0, 0);
            }
        }
    }
    let is_padding = length <= MAX_PADDING && code == (1 << length) - 1;
    is_padding.then_some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No sequence of bits is without a meaning, and none has two.
    #[test]
    fn the_code_is_complete() {
        let parts = LENGTHS.iter().map(|length| 1_u64 << (LONGEST - usize::from(*length)));
        assert_eq!(parts.sum::<u64>(), 1 << LONGEST);
    }

    #[test]
    fn every_symbol_is_decoded_from_its_code() {
        for (index, &symbol) in SYMBOLS[..256].iter().enumerate() {
            let length = usize::from(LENGTHS[usize::from(symbol)]);
            let Codes { first, symbols, .. } = CODES[length];
            let code = u64::from(first) + index as u64 - u64::from(symbols);
            let padding = 64 - length;
            let bits = (code << padding) | ((1 << padding) - 1);
            let bytes = &bits.to_be_bytes()[..length.div_ceil(8)];
            let symbol = vec![u8::try_from(symbol).unwrap()];
            assert_eq!(decode(bytes).as_ref(), Some(&symbol));
            assert_eq!(encode(&symbol), bytes);
        }
    }

    #[test]
    fn strings_of_the_specification() {
        let cases: [(&[u8], Option<&str>); 7] = [
            (b"\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff", Some("www.example.com")),
            (b"\x64\x02", Some("302")),
            (b"", Some("")),
            (b"\x64\x00", Some("300")),
            // Padding of zeros, of a whole byte, and the code that ends a string.
            (b"\x64", None),
            (b"\x64\x02\xff", None),
            (b"\xff\xff\xff\xff", None),
        ];
        for (bytes, expected) in cases {
            assert_eq!(decode(bytes), expected.map(|text| text.as_bytes().to_vec()));
            if let Some(text) = expected {
                assert_eq!(encode(text.as_bytes()), bytes);
            }
        }
    }
}
