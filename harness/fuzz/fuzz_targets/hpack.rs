//! Any bytes as header blocks that follow each other: read or refused, with a bound to
//! what they become. What was read is the same if it is written and read again.

#![no_main]

use crosswire_http2::hpack::{Fields, HeaderDecoder, encode};
use libfuzzer_sys::fuzz_target;

/// More than a list of fields may come to, however it was written.
const MOST_BYTES: usize = 2 << 20;

fuzz_target!(|blocks: Vec<(Option<u32>, &[u8])>| {
    let mut decoder = HeaderDecoder::default();
    for (allowed, block) in blocks {
        if let Some(allowed) = allowed {
            decoder.allow_table_size(allowed);
        }
        let Ok(fields) = decoder.decode(block) else { continue };
        let size: usize =
            fields.list.iter().map(|field| field.name.len() + field.value.len()).sum();
        assert!(size <= MOST_BYTES);
        let plain: Vec<_> = fields.list.iter().map(|field| (&field.name, &field.value)).collect();
        let again = HeaderDecoder::default().decode(&encode(&plain)).unwrap();
        assert_eq!(again, Fields { is_cut: false, ..fields });
    }
});
