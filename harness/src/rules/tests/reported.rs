//! Rules of what a client reports, broken.

use crosswire_http2::codec::Codec;

use super::*;
use crate::{
    role::Role,
    suite::{CallOptions, Method},
    wire::{
        sample::{reset, window_update},
        transcript::Closing,
    },
};

#[test]
fn an_http_status_is_translated() {
    for (status, code) in [
        ("400", 13),
        ("401", 16),
        ("403", 7),
        ("404", 12),
        ("429", 14),
        ("431", 13),
        ("502", 14),
        ("503", 14),
        ("504", 14),
        ("500", 2),
        ("302", 2),
    ] {
        let ends = |answer: &Answer| {
            let mut wire = Wire::new();
            wire.request(1, REQUEST);
            wire.server(&headers(1, flag::END_STREAM, &[(":status", status)]));
            let found = violations(&mut wire, &get_sequence(), Some(answer));
            // What the server broke is tested elsewhere.
            found.into_iter().filter(|text| text.contains("client")).collect::<Vec<_>>()
        };
        assert_violations(status, &ends(&answer(code, 0)), &[]);
        let expected = format!(
            "WIRE-38 client: HTTP status {status} without a grpc-status is reported as DATA_LOSS"
        );
        assert_violations(status, &ends(&answer(15, 0)), &[&expected]);
    }
}

#[test]
fn a_reset_is_translated() {
    for (code, expected) in [
        (0, Some(13)),
        (1, Some(13)),
        (2, Some(13)),
        (3, Some(13)),
        (4, Some(13)),
        (5, None),
        (6, Some(13)),
        (7, Some(14)),
        (8, Some(1)),
        (9, Some(13)),
        (10, Some(13)),
        (11, Some(8)),
        (12, Some(7)),
        (13, None),
        (99, None),
    ] {
        let reported = |answer: &Answer| {
            let mut wire = Wire::new();
            wire.request(1, REQUEST).server(&reset(1, code));
            violations(&mut wire, &get_sequence(), Some(answer))
        };
        let name = format!("RST_STREAM {code}");
        let wrong = expected.map(|_| "WIRE-39 client: RST_STREAM(");
        assert_violations(&name, &reported(&answer(15, 0)), wrong.as_slice());
        if let Some(right) = expected {
            assert_violations(&name, &reported(&answer(right, 0)), &[]);
        }
    }
}

#[test]
fn a_reset_after_a_malformed_response_decides_nothing() {
    for (name, expected) in [
        ("connection", &[][..]),
        ("x-fine", &["WIRE-39 client: RST_STREAM(CANCEL) is reported as INTERNAL, not CANCELLED"]),
    ] {
        let mut wire = Wire::new();
        let response = [RESPONSE, &[(name, "close")]].concat();
        wire.request(1, REQUEST).server(&headers(1, 0, &response)).server(&reset(1, 8));
        let found = violations(&mut wire, &get_sequence(), Some(&answer(13, 0)));
        assert_violations(name, &found, expected);
    }
}

/// Fields and values that HTTP/2 forbids, and lengths that do not hold.
#[test]
fn a_malformed_response_may_be_refused_as_such() {
    type Send = fn(&mut Wire) -> &mut Wire;
    let ends: Send = |w| w.server(&data(1, 0, b"")).server(&headers(1, flag::END_STREAM, TRAILERS));
    let told = "WIRE-44 client: grpc-status OK is reported as INTERNAL";
    for (name, field, expected) in [
        ("fine", ("x-fine", "a b"), &[told][..]),
        ("upper case", ("X-Fine", "a"), &[]),
        ("a blank in front", ("x-fine", " a"), &[]),
        ("a blank at the end", ("x-fine", "a\t"), &[]),
        ("a line's end", ("x-fine", "a\nb"), &[]),
        ("the right length", ("content-length", "9"), &[told]),
        ("a wrong length", ("content-length", "8"), &[]),
        ("a greater length", ("content-length", "10"), &[]),
        ("no length at all", ("content-length", "many"), &[]),
    ] {
        let mut wire = Wire::new();
        wire.request(1, REQUEST).server(&headers(1, 0, &and(RESPONSE, field.0, field.1)));
        wire.server(&data(1, 0, &message(0, b"\x08\x02\x10\x01")));
        ends(&mut wire);
        let found = violations(&mut wire, &stream_sequence(), Some(&answered(13, &[])));
        let of_clients: Vec<String> =
            found.into_iter().filter(|text| text.contains("client")).collect();
        assert_violations(name, &of_clients, expected);
    }
}

/// Of an HTTP status and a reset behind it, either may be translated.
#[test]
fn an_http_status_with_a_reset_behind_it() {
    for (code, expected) in [(12, &[][..]), (14, &[]), (13, &["WIRE-38 client", "WIRE-39 client"])]
    {
        let mut wire = Wire::new();
        wire.client(&headers(1, 0, REQUEST)).server(&headers(1, 0, &[(":status", "404")]));
        wire.server(&reset(1, 7));
        let found = violations(&mut wire, &get_sequence(), Some(&answer(code, 0)));
        assert_violations(&code.to_string(), &found, expected);
    }
}

#[test]
fn a_deadline_that_has_passed_may_be_reported_as_such() {
    for (name, wait, expected) in [
        ("passed", 5000, &[][..]),
        // By the client's clock, which has run since before the request was seen.
        ("just passing", 4600, &[]),
        (
            "not yet",
            4400,
            &["WIRE-39 client: RST_STREAM(CANCEL) is reported as DEADLINE_EXCEEDED, not CANCELLED"],
        ),
    ] {
        let mut wire = Wire::new();
        wire.request(1, REQUEST);
        wire.now += Duration::from_millis(wait);
        wire.server(&reset(1, 8));
        let found = violations(&mut wire, &get_sequence(), Some(&answer(4, 0)));
        assert_violations(name, &found, expected);
    }
}

/// The server's reset may come before the client's own, which it then does not send.
#[test]
fn a_reset_of_a_call_that_was_to_be_cancelled_may_be_reported_as_such() {
    for (most, expected) in [(Some(1), &[][..]), (Some(2), &["WIRE-39"]), (None, &["WIRE-39"])] {
        let mut wire = Wire::new();
        wire.request(1, REQUEST).server(&headers(1, 0, RESPONSE));
        wire.server(&data(1, 0, &message(0, b"\x0a\x02\0\x01"))).server(&reset(1, 2));
        let call = Call {
            options: CallOptions { cancel_after_messages: most, ..CallOptions::default() },
            ..get_sequence()
        };
        let found = violations(&mut wire, &call, Some(&answer(1, 1)));
        assert_violations(&format!("{most:?}"), &found, expected);
    }
}

/// What comes when the call is over for its client is not what it reports.
#[test]
fn a_reset_that_comes_too_late_is_not_translated() {
    let mut wire = Wire::new();
    wire.client(&headers(1, 0, REQUEST)).response(1).server(&reset(1, 0));
    assert_violations("ended", &violations(&mut wire, &get_sequence(), Some(&answer(0, 1))), &[]);
    // At the same time, by the clock: the order says who was first.
    for (is_client_first, expected) in [(true, &[][..]), (false, &["WIRE-39 client"])] {
        let mut wire = Wire::new();
        wire.client(&headers(1, 0, REQUEST));
        let resets = [(Role::Client, reset(1, 8)), (Role::Server, reset(1, 2))];
        let (first, second) = if is_client_first { (0, 1) } else { (1, 0) };
        wire.connection.bytes(resets[first].0, &resets[first].1, wire.now);
        wire.connection.bytes(resets[second].0, &resets[second].1, wire.now);
        let found = violations(&mut wire, &get_sequence(), Some(&answer(1, 0)));
        assert_violations("crossing", &found, expected);
    }
}

#[test]
fn no_status_is_no_success() {
    type Send = fn(&mut Wire) -> &mut Wire;
    let ok = answer(0, 0);
    let expected = "WIRE-40 client: OK is reported";
    let cases: [(&str, Send, &[&str]); 3] = [
        (
            "END_STREAM on DATA",
            |w| w.server(&headers(1, 0, RESPONSE)).server(&data(1, flag::END_STREAM, b"")),
            &["WIRE-17 server", expected],
        ),
        (
            "the connection ends",
            |w| {
                w.connection.closed(Role::Server, Closing::Abort, w.now);
                w
            },
            &[expected],
        ),
        ("a reset", |w| w.server(&reset(1, 8)), &["WIRE-39 client", expected]),
    ];
    for (name, send, expected) in cases {
        let mut wire = Wire::new();
        wire.request(1, REQUEST);
        send(&mut wire);
        assert_violations(name, &violations(&mut wire, &get_sequence(), Some(&ok)), expected);
    }
}

#[test]
fn no_message_comes_from_nowhere() {
    for (name, is_reset_first, reported, expected) in [
        ("as many as came", false, 1, &[][..]),
        (
            "more than came",
            false,
            2,
            &["WIRE-36 client: 2 messages reported, and 1 came in time"][..],
        ),
        ("none after the reset", true, 0, &[][..]),
        (
            "one after the reset",
            true,
            1,
            &["WIRE-36 client: 1 message reported, and 0 came in time"][..],
        ),
    ] {
        let mut wire = Wire::new();
        wire.request(1, REQUEST).server(&headers(1, 0, RESPONSE));
        if is_reset_first {
            wire.client(&reset(1, 8));
        }
        wire.server(&data(1, 0, &message(0, b"\x08\x02\x10\x01")));
        let found = violations(&mut wire, &stream_sequence(), Some(&streamed(1, reported)));
        assert_violations(name, &found, expected);
    }
}

/// A response with these messages and trailers.
fn response(messages: &[&[u8]], trailers: &[(&str, &str)]) -> Wire {
    let mut wire = Wire::new();
    wire.request(1, REQUEST).server(&headers(1, 0, RESPONSE));
    for payload in messages {
        wire.server(&data(1, 0, &message(0, payload)));
    }
    wire.server(&headers(1, flag::END_STREAM, trailers));
    wire
}

#[test]
fn messages_are_reported_as_they_came() {
    let (one, two) = (&b"\x08\x01\x10\x01"[..], &b"\x08\x02\x10\x03"[..]);
    let unknown = &b"\x08\x01\x10\x01\xc2\x3e\x01\0"[..];
    let first = "WIRE-44 client: messages[0] is reported as another";
    let second = "WIRE-44 client: messages[1] is reported as another";
    let less = "WIRE-44 client: 1 message reported with OK, and 2 came";
    for (name, came, code, reported, expected) in [
        ("all", &[one, two][..], 0, &[one, two][..], &[][..]),
        ("without the unknown field", &[unknown], 0, &[one], &[]),
        ("with an unknown field", &[one], 0, &[unknown], &[]),
        ("in another order of fields", &[one], 0, &[b"\x10\x01\x08\x01"], &[]),
        ("another", &[one, two], 0, &[one, one], &[second]),
        ("swapped", &[one, two], 0, &[two, one], &[first, second]),
        ("no message at all", &[one], 0, &[b"\xff"], &[first]),
        ("nothing of it", &[one], 0, &[b""], &[first]),
        ("one left out", &[one, two], 0, &[one], &[less]),
        ("the first left out", &[one, two], 0, &[two], &[first, less]),
        ("some, and an error", &[one, two], 14, &[one], &[]),
        ("another, and an error", &[one, two], 14, &[two], &[first]),
        ("more than came", &[one], 0, &[one, one], &["WIRE-36 client"]),
    ] {
        let mut wire = response(came, TRAILERS);
        let found = violations(&mut wire, &stream_sequence(), Some(&answered(code, reported)));
        assert_violations(name, &found, expected);
    }
}

/// Without a type that both sides have, bytes are compared, or nothing is.
#[test]
fn raw_messages_are_reported_byte_for_byte() {
    let path = "S/M".to_owned();
    let known = get_sequence().method;
    let wrong = "WIRE-44 client: messages[0] is reported as another";
    for (name, raw, descriptor, expected) in [
        ("raw", true, known.descriptor.clone(), &[wrong][..]),
        ("raw and unknown", true, None, &[wrong]),
        ("unknown", false, None, &[]),
        ("known", false, known.descriptor, &[]),
    ] {
        let method = Method { path: path.clone(), descriptor };
        let call = Call { raw, method, ..get_sequence() };
        let mut wire = response(&[b"\x0a\x01\x01\x50\x01"], TRAILERS);
        let found = violations(&mut wire, &call, Some(&answered(0, &[b"\x0a\x01\x01"])));
        assert_violations(name, &found, expected);
    }
}

#[test]
fn messages_are_compared_as_they_inflate() {
    let gzip = |payload: &[u8]| Codec::Gzip.compress(payload);
    let call = stream_sequence();
    for (name, reported, expected) in [
        ("right", streamed(0, 1), &[][..]),
        ("wrong", answered(0, &[b"\x08\x03"]), &["WIRE-44 client: messages[0]"]),
    ] {
        let mut wire = Wire::new();
        wire.request(1, &and(REQUEST, "grpc-accept-encoding", "gzip"));
        wire.server(&headers(1, 0, &and(RESPONSE, "grpc-encoding", "gzip")));
        wire.server(&data(1, 0, &message(1, &gzip(b"\x08\x02\x10\x01"))));
        wire.server(&headers(1, flag::END_STREAM, TRAILERS));
        assert_violations(name, &violations(&mut wire, &call, Some(&reported)), expected);
    }
}

#[test]
fn the_servers_code_is_reported() {
    let not_found = &[("grpc-status", "5")][..];
    let cancels = Call {
        options: CallOptions { cancel_after_messages: Some(1), ..CallOptions::default() },
        ..stream_sequence()
    };
    let long = Call { timeout: Duration::from_secs(10), ..stream_sequence() };
    let slow = Call {
        options: CallOptions { read_delay: Some(Duration::from_secs(3)), ..CallOptions::default() },
        ..long.clone()
    };
    let other = "WIRE-44 client: grpc-status NOT_FOUND is reported as";
    for (name, call, code, expected) in [
        ("the same", &long, 5, &[][..]),
        ("INTERNAL", &long, 13, &[other][..]),
        ("OK", &long, 0, &[other]),
        ("no code of gRPC's", &long, 99, &[other]),
        ("cancelled unasked", &long, 1, &[other]),
        ("cancelled", &cancels, 1, &[]),
        ("too large, and it is not", &long, 8, &[other]),
        ("too late, and it is not", &long, 4, &[other]),
        ("too late, by then", &slow, 4, &[]),
        ("too late, perhaps", &stream_sequence(), 4, &[]),
        ("a connection that breaks behind it", &long, 14, &[]),
    ] {
        let fields = with(REQUEST, "grpc-timeout", "10S");
        let mut wire = Wire::new();
        wire.request(1, if call.timeout > Duration::from_secs(5) { &fields } else { REQUEST });
        wire.server(&headers(1, 0, RESPONSE));
        wire.server(&data(1, 0, &message(0, b"\x08\x02\x10\x01")));
        wire.server(&headers(1, flag::END_STREAM, not_found));
        let found = violations(&mut wire, call, Some(&streamed(code, 1)));
        assert_violations(name, &found, expected);
    }
}

#[test]
fn a_response_that_is_too_large_may_be_refused() {
    let large = [&b"\x08\x02\x10\x01\xc2\x3e\x80\x80\x80\x02"[..], &vec![0; 4 << 20]].concat();
    let field = "v".repeat(8 << 10);
    for (name, payload, fields, expected) in [
        ("large", &large[..], RESPONSE.to_vec(), &[][..]),
        ("small", b"", RESPONSE.to_vec(), &["WIRE-44 client: grpc-status OK is reported as"]),
        ("large headers", b"", [RESPONSE, &[("k", &field)]].concat(), &[]),
        ("many headers", b"", [RESPONSE, &[("k", "v"); 250]].concat(), &[]),
    ] {
        let mut wire = Wire::new();
        wire.client(&window_update(0, 8 << 20)).request(1, REQUEST);
        wire.client(&window_update(1, 8 << 20)).server(&headers(1, 0, &fields));
        for content in message(0, payload).chunks(16 << 10) {
            wire.server(&data(1, 0, content));
        }
        wire.server(&headers(1, flag::END_STREAM, TRAILERS));
        let found = violations(&mut wire, &stream_sequence(), Some(&answered(8, &[])));
        assert_violations(name, &found, expected);
    }
}

/// A client that gets nonsense may report what it likes.
#[test]
fn nonsense_is_not_compared() {
    let trailers = |status: &'static str| [("grpc-status", status)];
    let call = stream_sequence();
    for (name, came, trailers, expected) in [
        ("a status above 16", &b"\x08\x01"[..], &trailers("17")[..], &["WIRE-15 server"][..]),
        ("no status", b"\x08\x01", &[("k", "v")], &["WIRE-15 server"]),
        (
            "two statuses",
            b"\x08\x01",
            &[("grpc-status", "5"), ("grpc-status", "6")],
            &["WIRE-15 server"],
        ),
        (
            "other details",
            b"\x08\x01",
            &[("grpc-status", "5"), ("grpc-status-details-bin", "CAY")],
            &["WIRE-20 server"],
        ),
        ("no message of its type", b"\xff", &trailers("0"), &["WIRE-25 server"]),
    ] {
        let mut wire = response(&[came], trailers);
        let found = violations(&mut wire, &call, Some(&streamed(13, 1)));
        assert_violations(name, &found, expected);
    }
    // One answer is no more and no less.
    for (name, messages) in [("none", 0), ("two", 2)] {
        let mut wire = response(&vec![&b"\x0a\x02\0\x01"[..]; messages], TRAILERS);
        let found = violations(&mut wire, &get_sequence(), Some(&answer(12, 0)));
        assert_violations(name, &found, &[]);
    }
}

/// Whoever refuses a malformed message of HTTP/2 does as it should.
#[test]
fn a_response_with_a_field_of_the_connection_may_be_refused() {
    for (name, expected) in
        [("connection", &[][..]), ("x-connection", &["WIRE-44 client: grpc-status OK is reported"])]
    {
        let mut wire = Wire::new();
        wire.request(1, REQUEST);
        wire.server(&headers(1, 0, &and(RESPONSE, name, "keep-alive")));
        wire.server(&data(1, 0, &message(0, b"\x0a\x02\0\x01")));
        wire.server(&headers(1, flag::END_STREAM, TRAILERS));
        let found = violations(&mut wire, &get_sequence(), Some(&answer(13, 0)));
        assert_violations(name, &found, expected);
    }
}
