//! Lawful variations, which must break no rule.

use std::slice;

use crosswire_http2::{codec::Codec, frame::kind};

use super::*;
use crate::{
    role::Role,
    suite::CallOptions,
    wire::sample::{block, frame, goaway, ping, reset, settings, settings_ack, window_update},
};

#[test]
fn header_fields() {
    let timeout = |value| exchange(&with(REQUEST, "grpc-timeout", value), RESPONSE, TRAILERS);
    let trailers = |fields: &[(&str, &str)]| exchange(REQUEST, RESPONSE, fields);
    let details = [
        ("grpc-status", "11"),
        ("grpc-message", "50%25 %C3%A9%c3%a9~ !"),
        ("grpc-status-details-bin", "CAs"),
    ];
    let joined = and(&and(REQUEST, "k-bin", "YQ, YWE,YWFh"), "empty-bin", "");
    for (name, mut wire) in [
        ("ordinary", request_of(REQUEST)),
        ("https", request_of(&with(REQUEST, ":scheme", "https"))),
        ("no authority", request_of(&without(REQUEST, ":authority"))),
        ("a codec", request_of(&with(REQUEST, "content-type", "application/grpc+proto"))),
        ("timeout in m", timeout("5000m")),
        ("a shorter timeout", timeout("1n")),
        ("timeout in u", timeout("4999999u")),
        ("timeout in n", timeout("99999999n")),
        ("timeout with zeros", timeout("00000005S")),
        ("binary values", request_of(&joined)),
        ("metadata twice", request_of(&and(&and(REQUEST, "k", "1"), "k", "2"))),
        ("metadata of the server", exchange(REQUEST, &and(RESPONSE, "date", "today"), TRAILERS)),
        ("identity", exchange(REQUEST, &and(RESPONSE, "grpc-encoding", "identity"), TRAILERS)),
        ("trailing metadata", trailers(&and(TRAILERS, "k_1.a-b", "v"))),
        ("an empty message", trailers(&and(TRAILERS, "grpc-message", ""))),
        ("details", trailers(&details)),
        ("16", trailers(&[("grpc-status", "16")])),
    ] {
        assert_violations(name, &violations(&mut wire, &get_sequence(), None), &[]);
    }
}

#[test]
fn frames() {
    type Send = fn(&mut Wire) -> &mut Wire;
    let cases: [(&str, Send); 10] = [
        ("Trailers-Only", |w| {
            w.request(1, REQUEST).server(&headers(
                1,
                flag::END_STREAM,
                &[RESPONSE, &[("grpc-status", "12"), ("grpc-message", "no")]].concat(),
            ))
        }),
        ("an interim response", |w| {
            w.request(1, REQUEST).server(&headers(1, 0, &[(":status", "103")])).response(1)
        }),
        ("single bytes", |w| {
            w.request(1, REQUEST).server(&headers(1, 0, RESPONSE));
            for byte in message(0, b"\x0a\x02\0\x01") {
                w.server(&data(1, 0, &[byte]));
            }
            w.server(&headers(1, flag::END_STREAM, TRAILERS))
        }),
        ("an empty DATA at the end", |w| {
            w.client(&headers(1, 0, REQUEST)).client(&data(1, 0, &message(0, b"\x08\x02")));
            w.client(&data(1, flag::END_STREAM, b"")).response(1)
        }),
        ("padding", |w| {
            let padded = [&[2][..], &message(0, b"\x08\x02"), &[0; 2]].concat();
            w.client(&headers(1, 0, REQUEST));
            w.client(&data(1, flag::END_STREAM | flag::PADDED, &padded)).response(1)
        }),
        ("CONTINUATION", |w| {
            let block = block(REQUEST);
            w.client(&frame(kind::HEADERS, 0, 1, &block[..30]));
            w.client(&frame(kind::CONTINUATION, flag::END_HEADERS, 1, &block[30..]));
            w.client(&data(1, flag::END_STREAM, &message(0, b"\x08\x02"))).response(1)
        }),
        ("unknown frames", |w| {
            w.client(&frame(0xbe, 0xff, 0, b"grease")).request(1, REQUEST);
            w.server(&frame(0xbf, 0, 1, b"")).response(1)
        }),
        ("pings, windows and settings", |w| {
            w.request(1, REQUEST).server(&ping(0, [1; 8])).server(&ping(0, [2; 8]));
            w.client(&ping(flag::ACK, [2; 8])).client(&ping(flag::ACK, [1; 8]));
            w.client(&window_update(0, 1))
                .client(&window_update(1, 1))
                .client(&settings(&[(99, 1)]));
            w.response(1).server(&settings_ack()).server(&goaway(1, 0))
        }),
        ("GOAWAY above the stream", |w| {
            w.server(&goaway(0x7fff_ffff, 0))
                .server(&ping(0, [0; 8]))
                .client(&ping(flag::ACK, [0; 8]));
            w.request(1, REQUEST).response(1)
        }),
        ("refused and made again", |w| {
            w.request(1, REQUEST).server(&reset(1, 7)).request(3, REQUEST).response(3)
        }),
    ];
    for (name, send) in cases {
        let mut wire = Wire::new();
        send(&mut wire);
        assert_violations(name, &violations(&mut wire, &get_sequence(), None), &[]);
        assert_eq!(wire.notes(), [""; 0], "{name}");
    }
}

#[test]
fn an_empty_message() {
    let mut wire = Wire::new();
    wire.client(&headers(1, 0, REQUEST));
    wire.client(&data(1, flag::END_STREAM, &message(0, b""))).response(1);
    let call = asking(get_sequence(), b"");
    assert_violations("an empty message", &violations(&mut wire, &call, None), &[]);
}

#[test]
fn streams_by_turns() {
    let mut wire = Wire::new();
    wire.client(&headers(1, 0, REQUEST)).client(&headers(3, 0, REQUEST));
    for stream in [3, 1] {
        wire.client(&data(stream, flag::END_STREAM, &message(0, b"\x08\x02")));
    }
    wire.server(&headers(1, 0, RESPONSE)).server(&headers(3, 0, RESPONSE));
    for stream in [1, 3] {
        wire.server(&data(stream, 0, &message(0, b"\x0a\x02\0\x01")));
    }
    for stream in [3, 1] {
        wire.server(&headers(stream, flag::END_STREAM, TRAILERS));
    }
    let calls = wire.connection.take_finished();
    assert_eq!(calls.len(), 2);
    assert!(
        calls.iter().all(|call| check(slice::from_ref(call), &get_sequence(), None).is_empty())
    );
}

/// gRPC's true binary metadata (gRFC G1): who announced that it takes them is sent
/// bytes as they are, after a zero.
#[test]
fn true_binary_values() {
    for (name, announced, expected) in [
        ("announced", &[(0xfe03, 1)][..], &[][..]),
        ("not announced", &[], &["WIRE-12 client"]),
        ("taken back", &[(0xfe03, 1), (0xfe03, 0)], &["WIRE-12 client"]),
    ] {
        let mut wire = Wire::new();
        wire.server(&settings(announced)).client(&settings_ack());
        wire.request(1, &and(REQUEST, "k-bin", "\0\x01,*")).response(1);
        assert_violations(name, &violations(&mut wire, &get_sequence(), None), expected);
    }
}

/// A window that is used up to its last byte, and frames as long as they may be.
#[test]
fn limits_that_are_reached() {
    let mut wire = Wire::new();
    wire.server(&settings(&[(3, 1), (5, 70_000)])).client(&headers(1, 0, REQUEST));
    let large = [
        &message(0, &[0; 65_530])[..5],
        &[b"\x12\xf6\xff\x03"[..].to_vec(), vec![b'a'; 65_526]].concat(),
    ]
    .concat();
    wire.client(&data(1, flag::END_STREAM, &large)).response(1);
    let call = asking(get_sequence(), &large[5..]);
    assert_violations("limits", &violations(&mut wire, &call, None), &[]);
}

#[test]
fn compressed_messages() {
    let zip = |bytes: &[u8]| Codec::Gzip.compress(bytes);
    let mut wire = Wire::new();
    let request =
        [REQUEST, &[("grpc-encoding", "gzip"), ("grpc-accept-encoding", "deflate, gzip")]].concat();
    wire.client(&headers(1, 0, &request));
    wire.client(&data(1, flag::END_STREAM, &message(1, &zip(b"\x08\x02"))));
    wire.server(&headers(1, 0, &and(RESPONSE, "grpc-encoding", "gzip")));
    wire.server(&data(1, 0, &message(1, &zip(b"\x08\x02\x10\x01"))));
    wire.server(&data(1, 0, &message(0, b"\x08\x02\x10\x01")));
    wire.server(&headers(1, flag::END_STREAM, TRAILERS));
    assert_violations("gzip", &violations(&mut wire, &stream_sequence(), None), &[]);
    // An encoding that is not known here is not judged.
    let mut wire = Wire::new();
    wire.client(&headers(1, 0, &and(REQUEST, "grpc-encoding", "zstd")));
    wire.client(&data(1, flag::END_STREAM, &message(1, b"?"))).response(1);
    assert_violations("zstd", &violations(&mut wire, &get_sequence(), None), &[]);
}

/// What a parser must accept breaks no MUST; some of it is not canonical.
#[test]
fn encodings_that_a_parser_must_accept() {
    for (name, payload, is_canonical) in [
        ("packed", &b"\x0a\x02\0\x01"[..], true),
        ("fields in another order", b"\x50\x01\x0a\x01\x01", true),
        ("an unknown field", b"\x0a\x01\x01\x50\x01", true),
        ("an unknown field first", b"\x50\x01\x0a\x01\x01", true),
        ("unpacked", b"\x08\0\x08\x01", false),
        ("packed and unpacked", b"\x0a\x01\0\x08\x01", false),
        ("a long number", b"\x0a\x03\x80\x80\0", true),
        ("a long length", b"\x0a\x81\0\x01", true),
        ("a long tag", b"\x8a\0\x01\x01", true),
        ("a negative number", b"\x0a\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", true),
        ("nothing", b"", true),
    ] {
        let mut wire = Wire::new();
        wire.request(1, REQUEST).server(&headers(1, 0, RESPONSE));
        wire.server(&data(1, 0, &message(0, payload)));
        wire.server(&headers(1, flag::END_STREAM, TRAILERS));
        let found = violations(&mut wire, &get_sequence(), None);
        let expected: &[&str] = if is_canonical { &[] } else { &["WIRE-26 server"] };
        assert_violations(name, &found, expected);
    }
}

/// A whole connection in single bytes, with an answer that agrees.
#[test]
fn a_call_with_its_answer() {
    let mut wire = Wire::in_pieces(1);
    wire.request(1, REQUEST).response(1);
    let found = violations(&mut wire, &get_sequence(), Some(&answer(0, 1)));
    assert_violations("answer", &found, &[]);
    // Streams that the client cancelled: what crossed the reset is nobody's fault.
    let cancels = Call {
        options: CallOptions { cancel_after_messages: Some(0), ..CallOptions::default() },
        ..stream_sequence()
    };
    wire.request(3, REQUEST).server(&headers(3, 0, RESPONSE)).client(&reset(3, 8));
    wire.send(Role::Server, &data(3, 0, &message(0, b"")));
    assert_violations("cancel", &violations(&mut wire, &cancels, Some(&answer(1, 0))), &[]);
}
