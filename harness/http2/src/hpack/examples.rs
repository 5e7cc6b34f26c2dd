//! The examples of RFC 7541, appendix C, both ways: what is decoded, what is encoded, and
//! what both tables hold afterwards.

use super::{
    Field, HeaderDecoder, HeaderEncoder, Indexing, decode::Reader, encode::push_number,
    table::Table,
};

/// Hexadecimal digits, with spaces between them.
pub(super) fn hex(text: &str) -> Vec<u8> {
    let text: String = text.split_whitespace().collect();
    let digits = |at| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(digits).collect()
}

fn fields(list: &[Field]) -> Vec<(String, String)> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    list.iter().map(|field| (text(&field.name), text(&field.value))).collect()
}

fn held(table: &Table) -> (Vec<(String, String)>, usize) {
    let entries: Vec<Field> = table.entries().collect();
    (fields(&entries), table.size_bytes())
}

/// One example: its block, its fields, and the entries of the table after it, the newest
/// first, with their size.
struct Example {
    block: &'static str,
    fields: &'static [(&'static str, &'static str)],
    table: &'static [(&'static str, &'static str)],
    table_bytes: usize,
}

/// Blocks that follow each other on one connection, with tables of this size.
fn check(name: &str, table_bytes: u32, uses_huffman: bool, examples: &[Example]) {
    let mut encoder = HeaderEncoder::default();
    if uses_huffman {
        encoder = encoder.with_huffman();
    }
    let mut decoder = HeaderDecoder::default();
    // The examples begin with tables of their size; ours are told of it by a block.
    encoder.resize(table_bytes);
    let resizes = encoder.encode::<&str, &str>([]);
    assert_eq!(decoder.decode(&resizes).unwrap().list, []);
    for (number, example) in examples.iter().enumerate() {
        let name = format!("{name}.{}", number + 1);
        let block = hex(example.block);
        let decoded = decoder.decode(&block).unwrap();
        let expected = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
        };
        assert_eq!(fields(&decoded.list), expected(example.fields), "{name}");
        let table = (expected(example.table), example.table_bytes);
        assert_eq!(held(decoder.table()), table, "{name}: the decoder's table");
        let written =
            example.fields.iter().map(|(name, value)| (name, value, Indexing::Incremental));
        assert_eq!(encoder.encode(written), block, "{name}: encoded");
        assert_eq!(held(encoder.table()), table, "{name}: the encoder's table");
    }
}

#[test]
fn c_1_numbers() {
    for (name, number, prefix_bits, bytes) in [
        ("C.1.1: 10 in 5 bits", 10, 5, "0a"),
        ("C.1.2: 1337 in 5 bits", 1337, 5, "1f9a 0a"),
        ("C.1.3: 42 in 8 bits", 42, 8, "2a"),
    ] {
        let mut written = Vec::new();
        push_number(&mut written, 0, prefix_bits, number);
        assert_eq!(written, hex(bytes), "{name}");
        let read = Reader { rest: &written }.number(prefix_bits).unwrap();
        assert_eq!(read as usize, number, "{name}");
    }
}

#[test]
fn c_2_each_representation() {
    for (name, block, field, indexing, table_bytes) in [
        (
            "C.2.1: literal, indexed",
            "400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572",
            ("custom-key", "custom-header"),
            Indexing::Incremental,
            55,
        ),
        (
            "C.2.2: literal, not indexed",
            "040c 2f73 616d 706c 652f 7061 7468",
            (":path", "/sample/path"),
            Indexing::Without,
            0,
        ),
        (
            "C.2.3: literal, never indexed",
            "1008 7061 7373 776f 7264 0673 6563 7265 74",
            ("password", "secret"),
            Indexing::Never,
            0,
        ),
        ("C.2.4: indexed", "82", (":method", "GET"), Indexing::Incremental, 0),
    ] {
        let mut decoder = HeaderDecoder::default();
        let decoded = decoder.decode(&hex(block)).unwrap();
        assert_eq!(fields(&decoded.list), [(field.0.to_owned(), field.1.to_owned())], "{name}");
        assert_eq!(decoder.table().size_bytes(), table_bytes, "{name}");
        let mut encoder = HeaderEncoder::default();
        assert_eq!(encoder.encode([(field.0, field.1, indexing)]), hex(block), "{name}");
        assert_eq!(encoder.table().size_bytes(), table_bytes, "{name}");
    }
}

const REQUEST_1: &[(&str, &str)] =
    &[(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "www.example.com")];
const REQUEST_2: &[(&str, &str)] = &[
    (":method", "GET"),
    (":scheme", "http"),
    (":path", "/"),
    (":authority", "www.example.com"),
    ("cache-control", "no-cache"),
];
const REQUEST_3: &[(&str, &str)] = &[
    (":method", "GET"),
    (":scheme", "https"),
    (":path", "/index.html"),
    (":authority", "www.example.com"),
    ("custom-key", "custom-value"),
];

const AFTER_REQUEST_1: &[(&str, &str)] = &[(":authority", "www.example.com")];
const AFTER_REQUEST_2: &[(&str, &str)] =
    &[("cache-control", "no-cache"), (":authority", "www.example.com")];
const AFTER_REQUEST_3: &[(&str, &str)] = &[
    ("custom-key", "custom-value"),
    ("cache-control", "no-cache"),
    (":authority", "www.example.com"),
];

fn requests(blocks: [&'static str; 3]) -> [Example; 3] {
    let [one, two, three] = blocks;
    [
        Example { block: one, fields: REQUEST_1, table: AFTER_REQUEST_1, table_bytes: 57 },
        Example { block: two, fields: REQUEST_2, table: AFTER_REQUEST_2, table_bytes: 110 },
        Example { block: three, fields: REQUEST_3, table: AFTER_REQUEST_3, table_bytes: 164 },
    ]
}

#[test]
fn c_3_requests_without_huffman() {
    let examples = requests([
        "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
        "8286 84be 5808 6e6f 2d63 6163 6865",
        "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
    ]);
    check("C.3", 4096, false, &examples);
}

#[test]
fn c_4_requests_with_huffman() {
    let examples = requests([
        "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
        "8286 84be 5886 a8eb 1064 9cbf",
        "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
    ]);
    check("C.4", 4096, true, &examples);
}

const RESPONSE_1: &[(&str, &str)] = &[
    (":status", "302"),
    ("cache-control", "private"),
    ("date", "Mon, 21 Oct 2013 20:13:21 GMT"),
    ("location", "https://www.example.com"),
];
const RESPONSE_2: &[(&str, &str)] = &[
    (":status", "307"),
    ("cache-control", "private"),
    ("date", "Mon, 21 Oct 2013 20:13:21 GMT"),
    ("location", "https://www.example.com"),
];
const COOKIE: &str = "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1";
const RESPONSE_3: &[(&str, &str)] = &[
    (":status", "200"),
    ("cache-control", "private"),
    ("date", "Mon, 21 Oct 2013 20:13:22 GMT"),
    ("location", "https://www.example.com"),
    ("content-encoding", "gzip"),
    ("set-cookie", COOKIE),
];

const AFTER_RESPONSE_1: &[(&str, &str)] = &[
    ("location", "https://www.example.com"),
    ("date", "Mon, 21 Oct 2013 20:13:21 GMT"),
    ("cache-control", "private"),
    (":status", "302"),
];
const AFTER_RESPONSE_2: &[(&str, &str)] = &[
    (":status", "307"),
    ("location", "https://www.example.com"),
    ("date", "Mon, 21 Oct 2013 20:13:21 GMT"),
    ("cache-control", "private"),
];
const AFTER_RESPONSE_3: &[(&str, &str)] = &[
    ("set-cookie", COOKIE),
    ("content-encoding", "gzip"),
    ("date", "Mon, 21 Oct 2013 20:13:22 GMT"),
];

fn responses(blocks: [&'static str; 3]) -> [Example; 3] {
    let [one, two, three] = blocks;
    [
        Example { block: one, fields: RESPONSE_1, table: AFTER_RESPONSE_1, table_bytes: 222 },
        Example { block: two, fields: RESPONSE_2, table: AFTER_RESPONSE_2, table_bytes: 222 },
        Example { block: three, fields: RESPONSE_3, table: AFTER_RESPONSE_3, table_bytes: 215 },
    ]
}

/// With tables of 256 bytes, so that entries are dropped.
#[test]
fn c_5_responses_without_huffman() {
    let examples = responses([
        "4803 3330 3258 0770 7269 7661 7465 611d
         4d6f 6e2c 2032 3120 4f63 7420 3230 3133
         2032 303a 3133 3a32 3120 474d 546e 1768
         7474 7073 3a2f 2f77 7777 2e65 7861 6d70
         6c65 2e63 6f6d",
        "4803 3330 37c1 c0bf",
        "88c1 611d 4d6f 6e2c 2032 3120 4f63 7420
         3230 3133 2032 303a 3133 3a32 3220 474d
         54c0 5a04 677a 6970 7738 666f 6f3d 4153
         444a 4b48 514b 425a 584f 5157 454f 5049
         5541 5851 5745 4f49 553b 206d 6178 2d61
         6765 3d33 3630 303b 2076 6572 7369 6f6e
         3d31",
    ]);
    check("C.5", 256, false, &examples);
}

#[test]
fn c_6_responses_with_huffman() {
    let examples = responses([
        "4882 6402 5885 aec3 771a 4b61 96d0 7abe
         9410 54d4 44a8 2005 9504 0b81 66e0 82a6
         2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8
         e9ae 82ae 43d3",
        "4883 640e ffc1 c0bf",
        "88c1 6196 d07a be94 1054 d444 a820 0595
         040b 8166 e084 a62d 1bff c05a 839b d9ab
         77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b
         3960 d5af 2708 7f36 72c1 ab27 0fb5 291f
         9587 3160 65c0 03ed 4ee5 b106 3d50 07",
    ]);
    check("C.6", 256, true, &examples);
}
