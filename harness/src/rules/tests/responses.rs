//! Rules of responses, broken.

use crosswire_http2::{codec::Codec, frame::kind};

use super::*;
use crate::wire::sample::{frame, ping, reset, settings, settings_ack};

#[test]
fn the_first_block_of_a_response() {
    for (name, fields, expected) in [
        ("no status", without(RESPONSE, ":status"), &["WIRE-14 server: no :status"][..]),
        (
            "status twice",
            [RESPONSE[0], RESPONSE[0], RESPONSE[1]].to_vec(),
            &["WIRE-2 server: a pseudo-header is here twice"],
        ),
        (
            "status last",
            [RESPONSE[1], RESPONSE[0]].to_vec(),
            &["WIRE-2 server: a pseudo-header after"],
        ),
        (
            "a path",
            [(":path", "/"), RESPONSE[0], RESPONSE[1]].to_vec(),
            &["WIRE-2 server: a pseudo-header that this block"],
        ),
        (
            "no content-type",
            without(RESPONSE, "content-type"),
            &["WIRE-14 server: no content-type"],
        ),
        ("HTML", with(RESPONSE, "content-type", "text/html"), &["WIRE-14 server: a content-type"]),
        (
            "an early status",
            and(RESPONSE, "grpc-status", "0"),
            &["WIRE-17 server: grpc-status in a first block"],
        ),
        (
            "encoding twice",
            [RESPONSE, &[("grpc-encoding", "identity"); 2]].concat(),
            &["WIRE-7 server: more than one"],
        ),
        ("upper case", and(RESPONSE, "Date", "v"), &["WIRE-11 server: a header name"]),
        ("bad -bin", and(RESPONSE, "k-bin", "!"), &["WIRE-12 server: a -bin value"]),
        (
            "padded -bin",
            and(RESPONSE, "k-bin", "YQ=="),
            &["WIRE-13 server: a -bin value with padding"],
        ),
    ] {
        let found = violations(&mut exchange(REQUEST, &fields, TRAILERS), &get_sequence(), None);
        assert_violations(name, &found, expected);
    }
}

/// What compresses nothing needs no offer, and of a client that offers nothing, nobody knows
/// what it lacks.
#[test]
fn an_encoding_that_was_not_offered() {
    let lacks = &["WIRE-21 server: a message in gzip, which"][..];
    for (name, offers, encoding, flag, expected) in [
        ("another", Some("deflate"), "gzip", 1, lacks),
        ("identity alone", Some("identity"), "gzip", 1, lacks),
        ("nothing is compressed", Some("deflate"), "gzip", 0, &[]),
        ("nothing is offered", None, "gzip", 1, &[]),
        ("among others", Some("deflate, gzip"), "gzip", 1, &[]),
        ("in capitals", Some("GZIP"), "gzip", 1, &[]),
    ] {
        let mut request = REQUEST.to_vec();
        request.extend(offers.map(|offers| ("grpc-accept-encoding", offers)));
        let mut wire = Wire::new();
        wire.request(1, &request);
        wire.server(&headers(1, 0, &and(RESPONSE, "grpc-encoding", encoding)));
        let payload = if flag == 1 { zip(b"\x0a\x02\0\x01") } else { b"\x0a\x02\0\x01".to_vec() };
        wire.server(&data(1, 0, &message(flag, &payload)));
        wire.server(&headers(1, flag::END_STREAM, TRAILERS));
        let found = violations(&mut wire, &get_sequence(), None);
        assert_violations(name, &found, expected);
    }
}

fn zip(bytes: &[u8]) -> Vec<u8> {
    Codec::Gzip.compress(bytes)
}

/// What HTTP says for itself is no gRPC: whatever it carries is lawful, but for what
/// HTTP/2 forbids.
#[test]
fn a_response_that_is_https_own() {
    type Send = fn(&mut Wire) -> &mut Wire;
    let page: &[(&str, &str)] = &[
        (":status", "404"),
        ("content-type", "text/html"),
        ("x~y", "!"),
        ("k-bin", "!"),
        ("grpc-encoding", "br"),
        ("grpc-encoding", "br"),
    ];
    const PAGE: &[(&str, &str)] = &[(":status", "404"), ("content-type", "text/html")];
    let cases: [(&str, Send, &[&str]); 6] = [
        ("nothing else", |w| w.server(&headers(1, flag::END_STREAM, &[(":status", "431")])), &[]),
        (
            "a page",
            |w| {
                w.server(&headers(1, 0, PAGE)).server(&data(
                    1,
                    flag::END_STREAM,
                    b"<html>no</html>",
                ))
            },
            &[],
        ),
        (
            "a page that looks like messages",
            |w| {
                let body = [message(3, b"\xff"), message(1, b"?"), b"\0\0".to_vec()].concat();
                w.server(&headers(1, 0, PAGE)).server(&data(1, flag::END_STREAM, &body))
            },
            &[],
        ),
        (
            "with a status of gRPC's, badly",
            |w| {
                let fields = [("grpc-status", "012"), ("grpc-message", "\u{e9}")];
                w.server(&headers(1, flag::END_STREAM, &[PAGE, &fields].concat()))
            },
            &[],
        ),
        (
            "upper case",
            |w| w.server(&headers(1, flag::END_STREAM, &[PAGE, &[("Date", "")]].concat())),
            &["WIRE-11 server"],
        ),
        (
            "a pseudo-header twice",
            |w| w.server(&headers(1, flag::END_STREAM, &[PAGE, &PAGE[..1]].concat())),
            &["WIRE-2 server"],
        ),
    ];
    for (name, send, expected) in cases {
        let mut wire = Wire::new();
        wire.client(&headers(1, 0, REQUEST));
        send(&mut wire).client(&reset(1, 0));
        assert_violations(name, &violations(&mut wire, &get_sequence(), None), expected);
    }
    // The request is the client's all the same.
    let mut wire = Wire::new();
    wire.client(&headers(1, 0, REQUEST)).client(&data(1, flag::END_STREAM, &message(2, b"")));
    wire.server(&headers(1, flag::END_STREAM, page));
    let expected = ["WIRE-23 client: a message with flag 2"];
    assert_violations("request", &violations(&mut wire, &get_sequence(), None), &expected);
}

/// An error is told in trailers whenever it comes, and what was half sent is given up.
#[test]
fn an_error_within_a_message() {
    let cut = "WIRE-24 server: the stream ends within a message";
    for (status, code, expected) in [
        ("4", 4, &[][..]),
        ("13", 13, &[]),
        ("0", 13, &[cut]),
        // Of half a message, a client may make what it likes, but no success.
        ("4", 13, &[]),
        ("4", 2, &[]),
        ("4", 8, &[]),
        ("4", 5, &["WIRE-44 client"]),
        ("13", 0, &["WIRE-44 client"]),
    ] {
        let mut wire = Wire::new();
        wire.request(1, REQUEST).server(&headers(1, 0, RESPONSE)).server(&data(1, 0, b"\0\0\0"));
        wire.server(&headers(1, flag::END_STREAM, &[("grpc-status", status)]));
        let found = violations(&mut wire, &stream_sequence(), Some(&answer(code, 0)));
        assert_violations(&format!("{status} as {code}"), &found, expected);
    }
}

#[test]
fn trailers() {
    let status = |value| vec![("grpc-status", value)];
    let failed = |name, value| vec![("grpc-status", "13"), (name, value)];
    let details = |value| vec![("grpc-status", "11"), ("grpc-status-details-bin", value)];
    for (name, fields, expected) in [
        ("no status", vec![("k", "v")], &["WIRE-15 server: no grpc-status"][..]),
        ("a status that is a word", status("abc"), &["WIRE-15 server: a grpc-status that"]),
        ("an empty status", status(""), &["WIRE-15 server: a grpc-status that"]),
        ("a leading zero", status("03"), &["WIRE-15 server: a grpc-status that"]),
        ("a plus", status("+3"), &["WIRE-15 server: a grpc-status that"]),
        ("17", status("17"), &["WIRE-15 server: a grpc-status that"]),
        ("-1", status("-1"), &["WIRE-15 server: a grpc-status that"]),
        ("status twice", [status("0"), status("0")].concat(), &["WIRE-15 server: more than one"]),
        (
            "a pseudo-header",
            vec![(":status", "200"), ("grpc-status", "0")],
            &["WIRE-2 server: a pseudo-header that"],
        ),
        (
            "a message that is not encoded",
            failed("grpc-message", "caf\u{e9}"),
            &["WIRE-18 server: a grpc-message that"],
        ),
        (
            "a control character",
            failed("grpc-message", "a\tb"),
            &["WIRE-18 server: a grpc-message that"],
        ),
        ("a bare percent", failed("grpc-message", "50%"), &["WIRE-18 server: a grpc-message that"]),
        ("half an escape", failed("grpc-message", "%2"), &["WIRE-18 server: a grpc-message that"]),
        ("no escape", failed("grpc-message", "%zz"), &["WIRE-18 server: a grpc-message that"]),
        ("delete", failed("grpc-message", "\u{7f}"), &["WIRE-18 server: a grpc-message that"]),
        (
            "two messages",
            [failed("grpc-message", "a"), vec![("grpc-message", "b")]].concat(),
            &["WIRE-18 server: more than one"],
        ),
        (
            "a message beside OK",
            [status("0"), vec![("grpc-message", "fine")]].concat(),
            &["WIRE-19 server: a grpc-message"],
        ),
        (
            "details that are no base64",
            details("!"),
            &["WIRE-12 server", "WIRE-20 server: a grpc-status-details-bin that is not base64"],
        ),
        (
            "details that are no Status",
            details("CA"),
            &["WIRE-20 server: a grpc-status-details-bin that is no google"],
        ),
        (
            "details of another code",
            details("CAw"),
            &["WIRE-20 server: code 12 in grpc-status-details-bin beside grpc-status 11"],
        ),
        (
            "details of a lower code",
            details("CAU"),
            &["WIRE-20 server: code 5 in grpc-status-details-bin beside grpc-status 11"],
        ),
        ("details without a code", details("EgJubw"), &[]),
        (
            "two details",
            [details("CAs"), vec![("grpc-status-details-bin", "CAs")]].concat(),
            &["WIRE-20 server: more than one"],
        ),
    ] {
        let found = violations(&mut exchange(REQUEST, RESPONSE, &fields), &get_sequence(), None);
        assert_violations(name, &found, expected);
    }
}

#[test]
fn the_end_of_a_response() {
    type Send = fn(&mut Wire) -> &mut Wire;
    let cases: [(&str, Send, &[&str]); 9] = [
        (
            "DATA first",
            |w| w.server(&data(1, 0, &message(0, b""))).response(1),
            &["WIRE-14 server: DATA before"],
        ),
        (
            "END_STREAM on DATA",
            |w| {
                w.server(&headers(1, 0, RESPONSE)).server(&data(
                    1,
                    flag::END_STREAM,
                    &message(0, b""),
                ))
            },
            &["WIRE-17 server: END_STREAM on DATA"],
        ),
        (
            "trailers without END_STREAM",
            |w| {
                w.server(&headers(1, 0, RESPONSE))
                    .server(&headers(1, 0, TRAILERS))
                    .server(&headers(1, flag::END_STREAM, TRAILERS))
            },
            &["WIRE-16 server: trailers without END_STREAM"],
        ),
        (
            "the end of Trailers-Only on an empty DATA",
            |w| {
                w.server(&headers(1, 0, &[RESPONSE, TRAILERS].concat())).server(&data(
                    1,
                    flag::END_STREAM,
                    b"",
                ))
            },
            &["WIRE-17 server: END_STREAM on DATA", "WIRE-17 server: grpc-status in a first block"],
        ),
        (
            "a message cut short",
            |w| {
                w.server(&headers(1, 0, RESPONSE))
                    .server(&data(1, 0, b"\0\0\0\0\x02a"))
                    .server(&headers(1, flag::END_STREAM, TRAILERS))
            },
            &[
                "WIRE-24 server: the stream ends within a message: 5 of 5 bytes of its prefix, and 1",
            ],
        ),
        (
            "flag 1 and no encoding",
            |w| {
                w.server(&headers(1, 0, RESPONSE))
                    .server(&data(1, 0, &message(1, b"")))
                    .server(&headers(1, flag::END_STREAM, TRAILERS))
            },
            &["WIRE-7 server: a compressed message"],
        ),
        (
            "flag 1 and no gzip",
            |w| {
                w.server(&headers(1, 0, &and(RESPONSE, "grpc-encoding", "gzip")))
                    .server(&data(1, 0, &message(1, b"\x0a\x01\x01")))
                    .server(&headers(1, flag::END_STREAM, TRAILERS))
            },
            &["WIRE-22 server: a compressed message that is no gzip"],
        ),
        (
            "flag 3",
            |w| {
                w.server(&headers(1, 0, RESPONSE))
                    .server(&data(1, 0, &message(3, b"")))
                    .server(&headers(1, flag::END_STREAM, TRAILERS))
            },
            &["WIRE-23 server: a message with flag 3"],
        ),
        (
            "another type",
            |w| {
                w.server(&headers(1, 0, RESPONSE))
                    .server(&data(1, 0, &message(0, b"\x0d")))
                    .server(&headers(1, flag::END_STREAM, TRAILERS))
            },
            &["WIRE-25 server: a message that is no SequenceResponse"],
        ),
    ];
    for (name, send, expected) in cases {
        let mut wire = Wire::new();
        wire.request(1, REQUEST);
        send(&mut wire);
        assert_violations(name, &violations(&mut wire, &get_sequence(), None), expected);
    }
}

#[test]
fn what_follows_the_end_is_a_violation_of_the_call_that_is_open_then() {
    for (name, late) in [
        ("DATA", data(1, 0, b"x")),
        ("HEADERS", headers(1, flag::END_STREAM, TRAILERS)),
        ("empty DATA", frame(kind::DATA, flag::END_STREAM, 1, b"")),
    ] {
        let mut wire = Wire::new();
        wire.client(&headers(1, 0, REQUEST)).client(&data(1, 0, &message(0, b"\x08\x02")));
        wire.response(1).server(&late).server(&reset(1, 0));
        let found = violations(&mut wire, &get_sequence(), None);
        assert_violations(name, &found, &["WIRE-16 server: "]);
    }
}

#[test]
fn canonical_responses() {
    let odd = "WIRE-26 server: not what an encoder writes: field SequenceResponse.element: ";
    for (name, payload, what) in [
        ("not packed", &b"\x08\x01"[..], "it is not packed"),
        ("packed twice", b"\x0a\x01\x01\x0a\x01\x02", "it is there more than once"),
        ("packed and empty", b"\x0a\0", "it is packed and empty"),
    ] {
        let mut wire = Wire::new();
        wire.request(1, REQUEST).server(&headers(1, 0, RESPONSE));
        wire.server(&data(1, 0, &message(0, payload)));
        wire.server(&headers(1, flag::END_STREAM, TRAILERS));
        let found = violations(&mut wire, &get_sequence(), None);
        assert_violations(name, &found, &[&format!("{odd}{what}")]);
    }
}

#[test]
fn an_early_status_is_followed_by_a_reset() {
    let refused = [RESPONSE, &[("grpc-status", "12")]].concat();
    let expected = "WIRE-37 server: an early status without RST_STREAM(NO_ERROR)";
    type Then = fn(&mut Wire) -> &mut Wire;
    let cases: [(&str, Then, &[&str]); 5] = [
        ("NO_ERROR", |w| w.server(&reset(1, 0)), &[]),
        ("nothing", |w| w, &[expected]),
        ("CANCEL", |w| w.server(&reset(1, 8)), &[expected]),
        ("the client gives up", |w| w.client(&reset(1, 8)), &[]),
        (
            "the request ends",
            |w| w.client(&data(1, flag::END_STREAM, &message(0, b"\x08\x02"))),
            &[],
        ),
    ];
    for (name, then, expected) in cases {
        let mut wire = Wire::new();
        wire.client(&headers(1, 0, REQUEST)).server(&headers(1, flag::END_STREAM, &refused));
        then(&mut wire);
        assert_violations(name, &violations(&mut wire, &get_sequence(), None), expected);
    }
}

/// The server's frames so long after the client's reset; what it answers in between
/// says whether it has read it.
#[test]
fn a_server_stops_when_the_client_has_cancelled() {
    type Send = fn(&mut Wire) -> &mut Wire;
    let silent: Send = |w| w;
    let answers_ping: Send = |w| w.client(&ping(0, [1; 8])).server(&ping(flag::ACK, [1; 8]));
    let answers_settings: Send = |w| w.client(&settings(&[])).server(&settings_ack());
    let answers_a_call: Send = |w| w.request(3, REQUEST).response(3);
    let sends_frames: Send = |w| {
        for _ in 0..7 {
            w.server(&frame(0x77, 0, 0, b""));
        }
        w
    };
    let more: Send = |w| w.server(&data(1, 0, &message(0, b"\x0a\x02\0\x01")));
    let trailers: Send = |w| w.server(&headers(1, flag::END_STREAM, TRAILERS));
    let other: Send = |w| w.server(&reset(1, 8)).server(&frame(0x77, 0, 1, b""));
    let data = "WIRE-41 server: DATA ";
    for (name, evidence, later, then, expected) in [
        ("under way", silent, 0, more, None),
        ("under way, and the end", silent, 0, trailers, None),
        ("slow, and nothing to answer", silent, 5000, more, None),
        ("before it can have stopped", answers_ping, 490, more, None),
        ("after a PING", answers_ping, 500, more, Some(data)),
        ("the end after a PING", answers_ping, 500, trailers, Some("WIRE-41 server: HEADERS ")),
        ("after SETTINGS", answers_settings, 500, more, Some(data)),
        ("after another call", answers_a_call, 500, more, Some(data)),
        ("other frames", answers_ping, 500, other, None),
        ("after other frames, soon", sends_frames, 900, more, None),
        ("after other frames", sends_frames, 1000, more, Some(data)),
    ] {
        let mut wire = Wire::new();
        wire.request(1, REQUEST).server(&headers(1, 0, RESPONSE)).client(&reset(1, 8));
        evidence(&mut wire);
        wire.now += Duration::from_millis(later);
        then(&mut wire);
        let mine = wire.calls().into_iter().find(|call| call.stream == 1).unwrap();
        let found: Vec<String> =
            check(&[mine], &get_sequence(), None).iter().map(in_words).collect();
        assert_violations(name, &found, expected.as_slice());
    }
    // What is answered later, but was asked before, says nothing.
    let mut wire = Wire::new();
    wire.client(&ping(0, [1; 8])).request(1, REQUEST).client(&reset(1, 8));
    wire.server(&ping(flag::ACK, [1; 8]));
    wire.now += Duration::from_millis(2000);
    more(&mut wire);
    assert_violations("asked before", &violations(&mut wire, &get_sequence(), None), &[]);
    // A server whose own end crossed the reset has nothing left to stop.
    let mut wire = Wire::new();
    wire.client(&headers(1, 0, REQUEST)).response(1).client(&reset(1, 8));
    assert_violations("crossed", &violations(&mut wire, &get_sequence(), None), &[]);
}
