//! Any fields: what an encoder writes of them is read as them, block after block, with any
//! sizes of the table in between.

#![no_main]

use crosswire_http2::hpack::{HeaderDecoder, HeaderEncoder, Indexing};
use libfuzzer_sys::{
    arbitrary::{self, Arbitrary},
    fuzz_target,
};

#[derive(Arbitrary, Debug)]
struct Connection<'a> {
    uses_huffman: bool,
    blocks: Vec<Block<'a>>,
}

#[derive(Arbitrary, Debug)]
struct Block<'a> {
    table_sizes: Vec<u16>,
    fields: Vec<(Text<'a>, Text<'a>, Kind)>,
}

/// Bytes of any kind, or a text that comes again.
#[derive(Arbitrary, Debug)]
enum Text<'a> {
    Bytes(&'a [u8]),
    Known(u8),
}

#[derive(Arbitrary, Debug, Clone, Copy)]
enum Kind {
    Incremental,
    Without,
    Never,
}

const KNOWN: [&str; 8] =
    ["", ":path", ":status", "200", "grpc-status", "0", "content-type", "application/grpc"];

impl Text<'_> {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Known(number) => KNOWN[usize::from(*number) % KNOWN.len()].as_bytes(),
        }
    }
}

fuzz_target!(|connection: Connection<'_>| {
    let mut encoder = HeaderEncoder::default();
    if connection.uses_huffman {
        encoder = encoder.with_huffman();
    }
    let mut decoder = HeaderDecoder::default();
    decoder.allow_table_size(u16::MAX.into());
    for Block { table_sizes, fields } in &connection.blocks {
        table_sizes.iter().for_each(|size| encoder.resize((*size).into()));
        let block = encoder.encode(fields.iter().map(|(name, value, kind)| {
            let indexing = match kind {
                Kind::Incremental => Indexing::Incremental,
                Kind::Without => Indexing::Without,
                Kind::Never => Indexing::Never,
            };
            (name.bytes(), value.bytes(), indexing)
        }));
        let decoded = decoder.decode(&block).unwrap();
        let list: Vec<_> = decoded.list.iter().map(|field| (&*field.name, &*field.value)).collect();
        let expected: Vec<_> =
            fields.iter().map(|(name, value, _)| (name.bytes(), value.bytes())).collect();
        let kept = if decoded.is_cut { &expected[..list.len()] } else { &expected[..] };
        assert_eq!(list, kept);
    }
});
