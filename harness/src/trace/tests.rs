//! Transcripts that a test made up, in words.

use std::time::Duration;

use crosswire_http2::frame::{flag, kind};

use super::{EXCERPT_LINES, TraceInput, excerpt, whole, windows::shut_windows};
use crate::{
    observe::Waited,
    role::Role,
    rules::{
        check,
        samples::{and, answered, get_sequence, stream_sequence, with},
    },
    suite::{Awaited, Call},
    wire::{
        sample::*,
        transcript::{Closing, Note},
    },
};

/// Both texts of a call, for a snapshot.
fn texts(wire: &mut Wire, call: &Call, code: i32) -> String {
    texts_of_script(wire, call, code, None)
}

/// Likewise, where a script waits for something in vain.
fn texts_of_script(wire: &mut Wire, call: &Call, code: i32, waited: Option<&Waited>) -> String {
    let transcripts = wire.calls();
    let messages = transcripts.last().into_iter().flat_map(|last| last.messages(Role::Server));
    let messages: Vec<&[u8]> = messages.filter_map(|(_, m)| m.payload.as_deref()).collect();
    let violations = check(&transcripts, call, Some(&answered(code, &messages)));
    let input = TraceInput {
        case: "suite/case",
        call,
        transcripts: &transcripts,
        violations: &violations,
        say: crate::report::words::violation,
        notes: &[],
        asides: &wire.asides(),
        waited,
    };
    let excerpt = excerpt(&input);
    assert!(excerpt.len() <= EXCERPT_LINES);
    format!("{}\n--- in short\n{}\n", whole(&input), excerpt.join("\n"))
}

#[test]
fn an_ordinary_call() {
    let mut wire = Wire::new();
    wire.server(&settings(&[(3, 100), (4, 1 << 20), (0xfe03, 1), (0x4d44, 7)]));
    wire.client(&settings_ack()).request(1, REQUEST).server(&ping(0, *b"\x1b]0;bad\x07"));
    wire.client(&ping(flag::ACK, *b"\x1b]0;bad\x07")).client(&window_update(0, 4096));
    wire.client(&window_update(1, 17)).client(&frame(0xbe, 0, 1, b"grease")).response(1);
    insta::assert_snapshot!(texts(&mut wire, &get_sequence(), 0));
}

#[test]
fn every_violation_stands_below_what_it_is_about() {
    let mut wire = Wire::new();
    let fields = and(&with(REQUEST, "te", "gzip"), "k-bin", "YQ==");
    wire.request(1, &fields).server(&headers(1, 0, RESPONSE));
    let two = [message(0, b"\x0a\0"), message(7, b"\x0a\x02\0\x01")].concat();
    wire.server(&data(1, 0, &two)).server(&data(1, 0, b"\0\0\0"));
    wire.server(&headers(1, flag::END_STREAM, &[("k", "v"), ("grpc-status", "99")]));
    insta::assert_snapshot!(texts(&mut wire, &get_sequence(), 0));
}

#[test]
fn a_reset_that_is_reported_wrongly() {
    let mut wire = Wire::new();
    wire.request(1, REQUEST).server(&reset(1, 7)).request(3, REQUEST).server(&reset(3, 11));
    wire.server(&goaway(3, 0));
    insta::assert_snapshot!(texts(&mut wire, &get_sequence(), 2));
}

#[test]
fn a_server_that_goes_on_after_a_reset() {
    let mut wire = Wire::new();
    wire.request(1, REQUEST).server(&headers(1, 0, RESPONSE)).client(&reset(1, 8));
    wire.client(&ping(0, [1; 8])).server(&data(1, 0, b"\0\0\0\0\0")).server(&ping(1, [1; 8]));
    wire.now += Duration::from_millis(600);
    wire.server(&data(1, 0, b"\0\0\0\0\0"));
    insta::assert_snapshot!(texts(&mut wire, &get_sequence(), 1));
}

#[test]
fn a_call_that_broke_off() {
    let mut wire = Wire::new();
    wire.client(&headers(1, 0, REQUEST)).client(&data(1, 0, b"\0\0\0\0\x09\x08"));
    wire.server(&headers(1, 0, RESPONSE));
    wire.connection.closed(Role::Server, Closing::Abort, wire.now);
    insta::assert_snapshot!(texts(&mut wire, &get_sequence(), 14));
}

/// What ended the connection came when no stream was open any more.
#[test]
fn a_goaway_after_the_last_stream() {
    let mut wire = Wire::new();
    wire.request(1, REQUEST).response(1);
    let debug = [&[0; 4][..], &1_u32.to_be_bytes(), b"a frame \x1b[31mtoo long"].concat();
    wire.client(&ping(flag::ACK, [7; 8])).client(&frame(kind::GOAWAY, 0, 0, &debug));
    wire.connection.closed(Role::Client, Closing::End, wire.now);
    let waited = Waited::ForOne(Awaited::WindowUpdate.into());
    insta::assert_snapshot!(texts_of_script(&mut wire, &get_sequence(), 0, Some(&waited)));
}

/// No stream was ever opened, and what is missing is the answer to most of the SETTINGS.
#[test]
fn settings_without_a_call() {
    let mut wire = Wire::new();
    for _ in 0..12 {
        wire.client(&window_update(0, 1)).client(&ping(0, [7; 8])).server(&ping(1, [7; 8]));
    }
    wire.client(&settings(&[(1, 0)])).client(&settings(&[(1, 4096)])).client(&settings(&[]));
    wire.server(&settings_ack());
    let waited = Waited::ForOne(Awaited::SettingsAck.into());
    insta::assert_snapshot!(texts_of_script(&mut wire, &get_sequence(), 0, Some(&waited)));
}

/// The server cannot send the rest of a message, and the client gives up.
#[test]
fn a_window_that_is_shut() {
    let mut wire = Wire::new();
    wire.request(1, REQUEST).server(&headers(1, 0, RESPONSE));
    wire.client(&window_update(0, 1 << 20));
    let begun = [&b"\0\0\x02\0\0"[..], &[0; 16_379]].concat();
    wire.server(&data(1, 0, &begun)).server(&data(1, 0, &[0; 16_384]));
    wire.server(&data(1, 0, &[0; 16_384])).server(&data(1, 0, &[0; 16_383]));
    wire.now += Duration::from_secs(5);
    wire.client(&reset(1, 8));
    insta::assert_snapshot!(texts(&mut wire, &get_sequence(), 4));
}

/// A window may be shut from the start, or by a smaller one that is announced.
#[test]
fn windows_are_shut_for_who_has_more_to_send() {
    let shut = |wire: &mut Wire| -> Vec<String> {
        let call = wire.calls().pop().unwrap();
        shut_windows(&call, call.opened_at().unwrap()).collect()
    };
    let mut wire = Wire::new();
    wire.client(&settings(&[(4, 0)])).server(&settings_ack()).request(1, REQUEST);
    let expected = "the client's window of the stream has been shut at 0 since 0.000 ms, after 0 bytes of the server's on this stream";
    assert_eq!(shut(&mut wire), [expected]);

    let mut wire = Wire::new();
    wire.client(&headers(1, 0, REQUEST)).client(&data(1, 0, &[0; 65_535]));
    wire.server(&window_update(1, 10));
    let expected = "the server's window of the connection has been shut at 0 since 1.000 ms, after 65535 bytes of the client's on this stream";
    assert_eq!(shut(&mut wire), [expected]);

    // Whoever is done needs no room.
    let mut wire = Wire::new();
    wire.request(1, REQUEST).client(&settings(&[(4, 0)])).server(&settings_ack()).response(1);
    assert_eq!(shut(&mut wire), [""; 0]);
}

/// As it is meant; what was sent is shown beside it where nobody would send that so.
#[test]
fn a_status_message_is_decoded() {
    for (sent, shown) in [
        ("no such%20thing", "no such thing (sent as `no such%20thing`)"),
        ("50%25 of %C5%BC%0A", "50% of ż\\n"),
        ("50%", "50% (sent as `50%`)"),
        ("%ff", "\\xff"),
        ("plain", "plain"),
    ] {
        let mut wire = Wire::new();
        let trailers = [("grpc-status", "13"), ("grpc-message", sent)];
        let fields = [RESPONSE, &trailers].concat();
        wire.request(1, REQUEST).server(&headers(1, flag::END_STREAM, &fields));
        let text = texts(&mut wire, &get_sequence(), 13);
        assert!(text.contains(&format!(" grpc-message: {shown}\n")), "{sent}: {text}");
    }
}

/// Nothing that a peer sends begins a line or steers a terminal.
#[test]
fn hostile_text_is_escaped() {
    let mut wire = Wire::new();
    let fields =
        [REQUEST, &[("k\r\n", "\u{1b}[2J\u{202e}"), ("user-agent", "żółw\0"), ("e", "")]].concat();
    wire.client(&headers(1, 0, &fields)).client(&data(1, 1, &message(0, b"\xff\x1b[31m\n")));
    let trailers = [("grpc-status", "\u{1b}c"), ("grpc-message", "a\nb")];
    wire.server(&headers(1, flag::END_STREAM, &[RESPONSE, &trailers].concat()));
    let text = texts(&mut wire, &get_sequence(), 0);
    assert!(text.chars().all(|character| character == '\n' || !character.is_control()));
    insta::assert_snapshot!(text);
}

#[test]
fn a_long_transcript_is_cut_but_not_at_a_violation() {
    let mut wire = Wire::new();
    wire.request(1, REQUEST).server(&headers(1, 0, RESPONSE));
    for number in 0..2000 {
        let payload = if number == 1000 { &b"\x08\x01\x08\x02"[..] } else { b"\x08\x02\x10\x01" };
        wire.server(&data(1, 0, &message(0, payload)));
    }
    wire.server(&headers(1, flag::END_STREAM, TRAILERS));
    let text = texts(&mut wire, &stream_sequence(), 0);
    let (text, short) = text.split_once("--- in short\n").unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let gap = lines.iter().position(|line| line.starts_with('…')).unwrap();
    insta::assert_snapshot!(format!("{}\n---\n{short}", lines[gap - 1..gap + 8].join("\n")));
}

/// However many violations there are, the text has an end.
#[test]
fn a_flood_of_violations_is_bounded() {
    let mut wire = Wire::new();
    wire.request(1, REQUEST).server(&headers(1, 0, RESPONSE));
    // Each breaks WIRE-23, and no status is no success.
    for _ in 0..3000 {
        wire.server(&data(1, 0, &message(7, b"")));
    }
    let text = texts(&mut wire, &stream_sequence(), 0);
    assert!(text.lines().count() < 1000, "{}", text.lines().count());
    assert!(text.contains("\n2901 more violations not shown\n"));
}

#[test]
fn a_call_that_was_never_seen() {
    let note = Note {
        at: Duration::ZERO,
        from: Role::Client,
        offset: 0,
        text: "the connection does not begin with the HTTP/2 preface".to_owned(),
    };
    let (call, notes) = (get_sequence(), [note]);
    let input = TraceInput {
        case: "suite/case",
        call: &call,
        transcripts: &[],
        violations: &[],
        say: crate::report::words::violation,
        notes: &notes,
        asides: &[],
        waited: None,
    };
    let expected = [
        "nothing of this call was seen on the wire",
        "not read, at byte 0 of what the client sent: the connection does not begin with the HTTP/2 preface",
    ];
    assert_eq!(excerpt(&input), expected);
    assert!(whole(&input).ends_with(&format!("{}\n{}\n", expected[0], expected[1])));
}
