//! Rules of what a client reports, broken.

use super::*;
use crate::{
    observe::Role,
    wire::{sample::reset, transcript::Closing},
};

#[test]
fn an_http_status_is_translated() {
    for (status, code) in [
        ("400", 13),
        ("401", 16),
        ("403", 7),
        ("404", 12),
        ("429", 14),
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
        let found = violations(&mut wire, &stream_sequence(), Some(&answer(1, reported)));
        assert_violations(name, &found, expected);
    }
}
