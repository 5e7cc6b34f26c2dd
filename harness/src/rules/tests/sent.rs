//! What a client sends, beside what it was asked to.

use std::time::Duration;

use crosswire_http2::write::{goaway, reset};

use super::*;
use crate::suite::{CallStep, RequestMessage};

const ONE: &[u8] = b"\x0a\x03\x12\x01a";
const TWO: &[u8] = b"\x0a\x03\x12\x01b";

fn sends(message: &[u8]) -> CallStep {
    CallStep::Message(RequestMessage::new(message.to_vec()))
}

fn upload(send: Vec<CallStep>) -> Call {
    Call { send, ..call("grpc.testing.TestService", "StreamingInputCall") }
}

fn begun() -> Wire {
    let mut wire = Wire::new();
    wire.client(&headers(1, 0, &with(REQUEST, ":path", "/grpc.testing.TestService/X")));
    wire
}

type Send = fn(&mut Wire);

fn sent(wire: &mut Wire, payload: &[u8], flags: u8) {
    wire.client(&data(1, flags, &message(0, payload)));
}

#[test]
fn the_requests_are_those_that_were_asked() {
    let both = || vec![sends(ONE), sends(TWO), CallStep::HalfClose];
    let waits = || vec![sends(ONE), CallStep::WaitForMessages(1), sends(TWO), CallStep::HalfClose];
    let cancels = || vec![sends(ONE), CallStep::Cancel];
    let close: Send = |wire| {
        wire.client(&data(1, flag::END_STREAM, b""));
    };
    let rows: &[(&str, Vec<CallStep>, Send, &[&str])] = &[
        (
            "as asked",
            both(),
            |wire| {
                sent(wire, ONE, 0);
                sent(wire, TWO, flag::END_STREAM);
            },
            &[],
        ),
        ("nothing yet", both(), |_| {}, &[]),
        (
            "swapped",
            both(),
            |wire| sent(wire, TWO, 0),
            &["WIRE-45 client: request message 0 is another than the client was to send"],
        ),
        (
            "one too many",
            both(),
            |wire| [ONE, TWO, TWO].iter().for_each(|message| sent(wire, message, 0)),
            &["WIRE-45 client: 3 messages sent, and 2 were to be sent"],
        ),
        (
            "one too few",
            both(),
            |wire| sent(wire, ONE, flag::END_STREAM),
            &["WIRE-45 client: the request ends after 1 message, and 2 were to be sent"],
        ),
        ("none at all", both(), close, &["WIRE-45 client: the request ends after 0 messages"]),
        (
            "bytes of no message",
            both(),
            |wire| sent(wire, b"\xff", 0),
            // Another rule says so.
            &["WIRE-25 client"],
        ),
        (
            "fewer, as the call is over",
            both(),
            |wire| {
                sent(wire, ONE, 0);
                wire.server(&headers(1, flag::END_STREAM, &[RESPONSE, TRAILERS].concat()));
                wire.client(&data(1, flag::END_STREAM, b""));
            },
            &[],
        ),
        (
            "fewer, although the call goes on",
            both(),
            |wire| {
                wire.server(&goaway(1, 0)).client(&data(1, flag::END_STREAM, b""));
            },
            &["WIRE-45 client: the request ends after 0 messages"],
        ),
        (
            "fewer, as the connection goes",
            both(),
            |wire| {
                wire.server(&goaway(0, 0)).client(&data(1, flag::END_STREAM, b""));
            },
            &[],
        ),
        (
            "too soon",
            waits(),
            |wire| [ONE, TWO].iter().for_each(|message| sent(wire, message, 0)),
            &["WIRE-45 client: request message 1 comes before what the client was to wait for"],
        ),
        (
            "in time",
            waits(),
            |wire| {
                sent(wire, ONE, 0);
                wire.server(&headers(1, 0, RESPONSE)).server(&data(1, 0, &message(0, b"")));
                sent(wire, TWO, 0);
            },
            &[],
        ),
        (
            "ended before what is waited for",
            vec![CallStep::WaitForHeaders, CallStep::HalfClose],
            close,
            &["WIRE-45 client: the request ends before what the client was to wait for has come"],
        ),
        (
            "ended and not cancelled",
            cancels(),
            |wire| {
                sent(wire, ONE, flag::END_STREAM);
                wire.client(&reset(1, 8));
            },
            &["WIRE-45 client: the request ends, which the client was not to end but to cancel"],
        ),
        (
            "cancelled",
            cancels(),
            |wire| {
                sent(wire, ONE, 0);
                wire.client(&reset(1, 8));
            },
            &[],
        ),
    ];
    for (name, send, play, expected) in rows {
        let mut wire = begun();
        play(&mut wire);
        let found = violations(&mut wire, &upload(send.clone()), None);
        assert_violations(name, &found, expected);
    }
}

#[test]
fn a_call_is_not_cancelled_before_its_turn() {
    let call = upload(vec![sends(ONE), CallStep::WaitForHeaders, CallStep::Cancel]);
    let cancelled = Answer { steps: Some(3), ..answered(1, &[]) };
    for (name, has_headers, expected) in [
        ("too soon", false, &["WIRE-45 client: the call is cancelled before what the client"][..]),
        ("in time", true, &[]),
    ] {
        let mut wire = begun();
        sent(&mut wire, ONE, 0);
        if has_headers {
            wire.server(&headers(1, 0, RESPONSE));
        }
        wire.client(&reset(1, 8));
        assert_violations(name, &violations(&mut wire, &call, Some(&cancelled)), expected);
    }
}

#[test]
fn one_request_is_the_one_that_was_asked() {
    let mut wire = Wire::new();
    wire.client(&headers(1, 0, REQUEST));
    wire.client(&data(1, flag::END_STREAM, &message(0, b"\x08\x03"))).response(1);
    let found = violations(&mut wire, &get_sequence(), None);
    assert_violations("another", &found, &["WIRE-45 client: request message 0 is another"]);
}

#[test]
fn a_client_stops_after_a_reset() {
    for (name, pause, frames, expected) in [
        ("what crossed it", 1, 20, &[][..]),
        ("a few, late", 3000, 3, &[]),
        ("many, late", 3000, 20, &["WIRE-46 client: DATA 3.0s after the server had reset"]),
    ] {
        let mut wire = begun();
        sent(&mut wire, ONE, 0);
        wire.server(&reset(1, 0));
        wire.now += Duration::from_millis(pause);
        for _ in 0..frames {
            wire.client(&data(1, 0, &message(0, ONE)));
        }
        let call = upload(vec![sends(ONE), CallStep::HalfClose]);
        assert_violations(name, &violations(&mut wire, &call, None), expected);
    }
}
