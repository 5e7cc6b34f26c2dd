//! Rules of connections, broken.

use crosswire_http2::frame::{PREFACE, kind};

use super::*;
use crate::wire::{
    sample::{frame, goaway, ping, reset, settings, settings_ack, window_update},
    transcript::Alpn,
};

#[test]
fn settings_come_first() {
    let mut wire = Wire::silent();
    wire.client(PREFACE)
        .client(&window_update(0, 1))
        .client(&settings(&[]))
        .server(&settings_ack());
    wire.server(&settings(&[])).client(&settings_ack());
    wire.request(1, REQUEST).response(1);
    let expected = ["WIRE-27 client: the connection begins with WINDOW_UPDATE"];
    assert_violations("client", &violations(&mut wire, &get_sequence(), None), &expected);

    let mut wire = Wire::silent();
    wire.client(PREFACE).client(&settings(&[])).server(&ping(0, [0; 8]));
    wire.client(&ping(flag::ACK, [0; 8])).server(&settings(&[])).client(&settings_ack());
    wire.server(&settings_ack()).request(1, REQUEST).response(1);
    let expected = ["WIRE-27 server: the connection begins with PING"];
    assert_violations("server", &violations(&mut wire, &get_sequence(), None), &expected);
}

#[test]
fn questions_are_answered() {
    type Ask = fn(&mut Wire) -> &mut Wire;
    let cases: [(&str, Ask, &str); 4] = [
        (
            "server's SETTINGS",
            |w| w.server(&settings(&[])),
            "WIRE-28 client: SETTINGS are not acknowledged",
        ),
        (
            "client's SETTINGS",
            |w| w.client(&settings(&[])),
            "WIRE-28 server: SETTINGS are not acknowledged",
        ),
        ("server's PING", |w| w.server(&ping(0, [7; 8])), "WIRE-29 client: PING is not answered"),
        ("client's PING", |w| w.client(&ping(0, [7; 8])), "WIRE-29 server: PING is not answered"),
    ];
    for (name, ask, expected) in cases {
        for (later, frames, is_overdue) in [(1500, 8, true), (1500, 7, false), (900, 20, false)] {
            let mut wire = Wire::new();
            wire.client(&headers(1, 0, REQUEST));
            ask(&mut wire);
            answers_a_later_ping(&mut wire);
            wire.now += Duration::from_millis(later);
            for _ in 0..frames {
                wire.client(&frame(0x77, 0, 1, b"")).server(&frame(0x77, 0, 1, b""));
            }
            let expected = if is_overdue { &[expected][..] } else { &[] };
            let found = violations(&mut wire, &get_sequence(), None);
            assert_violations(&format!("{name} {later} {frames}"), &found, expected);
        }
        // What passed before it showed so may have waited in front of the answer.
        let mut wire = Wire::new();
        wire.client(&headers(1, 0, REQUEST));
        ask(&mut wire);
        let waiting = frame(0x77, 0, 1, b"").repeat(800);
        wire.client(&waiting).server(&waiting);
        wire.now += Duration::from_millis(5000);
        answers_a_later_ping(&mut wire);
        let found = violations(&mut wire, &get_sequence(), None);
        assert_violations(&format!("{name} before"), &found, &[]);
        // Who has answered nothing that came later may not have read it yet, however many
        // frames it had ready before.
        let mut wire = Wire::new();
        wire.client(&headers(1, 0, REQUEST));
        ask(&mut wire);
        wire.now += Duration::from_millis(5000);
        let waiting = frame(0x77, 0, 1, b"").repeat(800);
        wire.client(&waiting).server(&waiting);
        assert_violations(name, &violations(&mut wire, &get_sequence(), None), &[]);
    }
}

/// Both sides show that they have read what came before.
fn answers_a_later_ping(wire: &mut Wire) {
    wire.client(&ping(0, [9; 8])).server(&ping(0, [9; 8]));
    wire.server(&ping(flag::ACK, [9; 8])).client(&ping(flag::ACK, [9; 8]));
}

#[test]
fn answers_have_a_question() {
    type Send = fn(&mut Wire) -> &mut Wire;
    let cases: [(&str, Send, &[&str]); 4] = [
        (
            "client acknowledges",
            |w| w.client(&settings_ack()),
            &["WIRE-28 client: an acknowledgement without"],
        ),
        (
            "server acknowledges",
            |w| w.server(&settings_ack()),
            &["WIRE-28 server: an acknowledgement without"],
        ),
        // Nothing forbids it, and it means nothing.
        ("client answers", |w| w.client(&ping(flag::ACK, [1; 8])), &[]),
        ("other bytes", |w| w.client(&ping(0, [1; 8])).server(&ping(flag::ACK, [2; 8])), &[]),
    ];
    for (name, send, expected) in cases {
        let mut wire = Wire::new();
        wire.request(1, REQUEST);
        send(&mut wire);
        wire.response(1);
        assert_violations(name, &violations(&mut wire, &get_sequence(), None), expected);
    }
}

/// Not all of a flood of questions are kept, but their answers are due all the same.
#[test]
fn a_flood_of_questions_may_be_answered() {
    let undue = "WIRE-28 client: an acknowledgement without";
    for (answers, expected) in [(100, &[][..]), (101, &[undue])] {
        let mut wire = Wire::new();
        wire.request(1, REQUEST);
        for number in 0..100 {
            wire.server(&ping(0, [number; 8]));
        }
        for number in 0..100 {
            wire.client(&ping(flag::ACK, [number; 8]));
        }
        wire.server(&settings(&[]).repeat(100)).client(&settings_ack().repeat(answers));
        wire.response(1);
        let found = violations(&mut wire, &get_sequence(), None);
        assert_violations(&answers.to_string(), &found, expected);
    }
}

#[test]
fn windows_and_limits() {
    let chunk = |stream, size| data(stream, 0, &vec![0; size]);
    let mut wire = Wire::new();
    wire.server(&settings(&[(4, 10), (5, 16_400)])).client(&settings_ack());
    wire.client(&headers(1, 0, REQUEST)).client(&data(1, 0, b"\0\0\0\0\x20\x08\x02\0\0\0"));
    wire.client(&data(1, 0, b"\0"));
    let expected = ["WIRE-30 client: DATA overruns the stream's window by 1 bytes"];
    assert_violations("stream", &violations(&mut wire, &get_sequence(), None), &expected);

    let mut wire = Wire::new();
    wire.client(&settings(&[(4, 1 << 20)])).server(&settings_ack());
    wire.request(1, REQUEST).server(&headers(1, 0, RESPONSE));
    for size in [16_384, 16_384, 16_384, 16_383, 1] {
        wire.server(&chunk(1, size));
    }
    let found = violations(&mut wire, &get_sequence(), None);
    let expected = ["WIRE-30 server: DATA overruns the connection's window by 1 bytes"];
    // Zeros are empty messages, whose number is not the matter here.
    let found: Vec<String> = found.into_iter().filter(|text| !text.contains("25")).collect();
    assert_violations("connection", &found, &expected);

    let mut wire = Wire::new();
    wire.client(&headers(1, 0, REQUEST)).client(&frame(kind::PRIORITY, 0, 1, &[0; 16_385]));
    let expected = ["WIRE-31 client: PRIORITY of 16385 bytes; at most 16384"];
    assert_violations("frame", &violations(&mut wire, &get_sequence(), None), &expected);
}

#[test]
fn streams() {
    let open = |stream| headers(stream, 0, REQUEST);
    let mut wire = Wire::new();
    wire.server(&settings(&[(3, 1)])).client(&settings_ack()).client(&open(1)).client(&open(3));
    let expected = ["WIRE-32 client: with stream 3, 2 streams are open; at most 1"];
    assert_violations("too many", &violations(&mut wire, &get_sequence(), None), &expected);

    let mut wire = Wire::new();
    wire.client(&open(2));
    let expected = ["WIRE-33 client: a client's stream has the even id 2"];
    assert_violations("even", &violations(&mut wire, &get_sequence(), None), &expected);

    let mut wire = Wire::new();
    wire.client(&open(5)).client(&open(3));
    let expected = ["WIRE-33 client: stream 3 is opened after stream 5"];
    assert_violations("falling", &violations(&mut wire, &get_sequence(), None), &expected);

    let mut wire = Wire::new();
    wire.request(1, REQUEST).response(1);
    let _ = wire.call();
    wire.request(1, REQUEST).response(1);
    let expected = ["WIRE-33 client: stream 1 is opened after stream 1"];
    assert_violations("used again", &violations(&mut wire, &get_sequence(), None), &expected);

    for (name, answers, expected) in [
        ("read", true, &["WIRE-34 client: stream 1 is opened after GOAWAY with last stream 0"][..]),
        ("perhaps not read", false, &[]),
    ] {
        let mut wire = Wire::new();
        wire.server(&goaway(0, 0)).server(&ping(0, [0; 8]));
        if answers {
            wire.client(&ping(flag::ACK, [0; 8]));
        }
        wire.request(1, REQUEST).response(1);
        assert_violations(name, &violations(&mut wire, &get_sequence(), None), expected);
    }
}

#[test]
fn tls_agrees_on_http2() {
    let client = "WIRE-42 client: the TLS handshake does not offer h2 by ALPN";
    let server = "WIRE-42 server: the TLS handshake does not select h2 by ALPN";
    for (name, offered, selected, expected) in [
        ("h2", &["h2"][..], Some("h2"), &[][..]),
        ("h2 among others", &["grpc-exp", "h2", "http/1.1"], Some("h2"), &[]),
        ("no offer", &[], Some("h2"), &[client]),
        ("another offer", &["http/1.1", "h2c"], Some("h2"), &[client]),
        ("no selection", &["h2"], None, &[server]),
        ("another selection", &["h2"], Some("http/1.1"), &[server]),
        ("nothing", &[], None, &[client, server]),
    ] {
        let mut wire = request_of(REQUEST);
        let mut transcript = wire.call();
        assert_eq!(transcript.connection.alpn, None);
        transcript.connection.alpn = Some(Alpn {
            offered: offered.iter().map(|offer| offer.as_bytes().to_vec()).collect(),
            selected: selected.map(|name| name.as_bytes().to_vec()),
        });
        let found = check(&[transcript], &get_sequence(), None);
        let found: Vec<String> = found.iter().map(in_words).collect();
        assert_violations(name, &found, expected);
    }
}

/// What either side can do wrong is charged to the one that did.
#[test]
fn each_rule_of_both_sides_names_the_right_one() {
    type Send = fn(&mut Wire) -> &mut Wire;
    let cases: [(&str, Send, &str); 8] = [
        (
            "the server overruns a stream's window",
            |w| {
                w.client(&settings(&[(4, 8)])).server(&settings_ack()).request(1, REQUEST);
                w.response(1)
            },
            "WIRE-30 server: DATA overruns the stream's window by 1 bytes",
        ),
        (
            "the client overruns the connection's window",
            |w| {
                w.server(&settings(&[(4, 1 << 20)])).client(&settings_ack());
                w.client(&headers(1, 0, REQUEST)).client(&data(1, 0, b"\0\0\x02\0\0"));
                for size in [16_384, 16_384, 16_384, 16_379] {
                    w.client(&data(1, 0, &vec![0; size]));
                }
                w
            },
            "WIRE-30 client: DATA overruns the connection's window by 1 bytes",
        ),
        (
            "a window that shrank while a stream was open",
            |w| {
                w.request(1, REQUEST).client(&settings(&[(4, 5)])).server(&settings_ack());
                w.response(1)
            },
            "WIRE-30 server: DATA overruns the stream's window by 4 bytes",
        ),
        (
            "the server's frame is too long",
            |w| w.request(1, REQUEST).server(&frame(0x77, 0, 1, &[0; 16_385])).response(1),
            "WIRE-31 server: frame type 0x77 of 16385 bytes; at most 16384",
        ),
        (
            "header blocks are frames, too",
            |w| {
                w.request(1, REQUEST).server(&headers(1, 0, RESPONSE));
                let long = [TRAILERS, &[("k", LONG)]].concat();
                w.server(&headers(1, flag::END_STREAM, &long))
            },
            "WIRE-31 server: HEADERS of 16401 bytes; at most 16384",
        ),
        (
            "the client's DATA after its end",
            |w| w.request(1, REQUEST).client(&data(1, 0, b"")).response(1),
            "WIRE-16 client: DATA on stream 1, which this side had ended",
        ),
        (
            "the client's trailers after its end",
            |w| w.request(1, REQUEST).client(&headers(1, 1, &[("k", "v")])).response(1),
            "WIRE-16 client: HEADERS on stream 1, which this side had ended",
        ),
        (
            "the server's DATA after its own reset",
            |w| {
                w.request(1, REQUEST).client(&headers(3, 0, REQUEST)).server(&reset(1, 7));
                w.server(&data(1, 0, b"")).client(&reset(3, 8))
            },
            "WIRE-16 server: DATA on stream 1, which this side had ended",
        ),
    ];
    for (name, send, expected) in cases {
        let mut wire = Wire::new();
        send(&mut wire);
        let found = violations(&mut wire, &get_sequence(), None);
        assert_violations(name, &found, &[expected]);
        assert_eq!(wire.notes(), [""; 0], "{name}");
    }
}

/// Fills a header block beyond the longest frame.
const LONG: &str = {
    const BYTES: [u8; 16_380] = [b'v'; 16_380];
    match std::str::from_utf8(&BYTES) {
        Ok(text) => text,
        Err(_) => panic!("ASCII is UTF-8"),
    }
};

/// Of several GOAWAYs, the lowest last stream counts; that one itself may be opened.
#[test]
fn the_last_stream_of_goaway() {
    for (name, lasts, expected) in [
        ("the last itself", &[1][..], &[][..]),
        ("a graceful end", &[0x7fff_ffff, 1], &[]),
        ("a graceful end, long known", &[0x7fff_ffff, 0], &["WIRE-34 client"]),
    ] {
        let mut wire = Wire::new();
        for last in lasts {
            wire.server(&goaway(*last, 0));
        }
        wire.server(&ping(0, [0; 8])).client(&ping(flag::ACK, [0; 8]));
        wire.request(1, REQUEST).response(1);
        assert_violations(name, &violations(&mut wire, &get_sequence(), None), expected);
    }
}

/// What was sent before a limit was known may pass it.
#[test]
fn limits_that_are_not_in_force_yet() {
    type Send = fn(&mut Wire) -> &mut Wire;
    let cases: [(&str, Send); 5] = [
        ("streams that crossed their limit", |w| {
            w.client(&headers(1, 0, REQUEST)).server(&settings(&[(3, 0)]));
            w.client(&headers(3, 0, REQUEST)).client(&settings_ack())
        }),
        ("a window that is not acknowledged", |w| {
            w.request(1, REQUEST).client(&settings(&[(4, 1)])).response(1)
        }),
        ("a larger window, at once", |w| {
            w.client(&settings(&[(4, 5)])).server(&settings_ack());
            w.request(1, REQUEST).client(&settings(&[(4, 50)])).response(1)
        }),
        ("nothing, without any room", |w| {
            w.client(&headers(1, 0, REQUEST)).client(&data(1, 0, &message(0, b"\x08\x02")));
            w.server(&settings(&[(4, 0)])).client(&settings_ack());
            w.client(&data(1, flag::END_STREAM, b"")).response(1)
        }),
        ("a window that was given back", |w| {
            w.client(&settings(&[(4, 5)])).server(&settings_ack()).request(1, REQUEST);
            w.server(&headers(1, 0, RESPONSE)).server(&data(1, 0, b"\0\0\0\0\x04"));
            w.client(&window_update(1, 4)).server(&data(1, 0, b"\x0a\x02\0\x01"));
            w.server(&headers(1, flag::END_STREAM, TRAILERS))
        }),
    ];
    for (name, send) in cases {
        let mut wire = Wire::new();
        send(&mut wire);
        assert_violations(name, &violations(&mut wire, &get_sequence(), None), &[]);
    }
}
