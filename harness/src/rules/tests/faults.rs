//! Connections that the tap does something to: who is blamed then, and for what.

use super::*;
use crate::{
    role::Role,
    wire::{
        sample::{frame, ping, reset, settings},
        transcript::Closing,
    },
};

/// Both sides break rules here; only the side whose bytes are its own is blamed.
#[test]
fn an_altered_side_is_not_blamed() {
    let client = "WIRE-3 client: te is not `trailers`, once";
    let server = "WIRE-15 server: no grpc-status in the trailers";
    for (name, altered, expected) in [
        ("none", &[][..], &[client, server][..]),
        ("the client", &[Role::Client], &[server]),
        ("the server", &[Role::Server], &[client]),
        ("both", &[Role::Client, Role::Server], &[]),
    ] {
        let mut wire = Wire::new();
        altered.iter().for_each(|side| wire.connection.alters(*side));
        wire.request(1, &with(REQUEST, "te", "gzip")).server(&headers(1, 0, RESPONSE));
        wire.server(&data(1, 0, &message(0, b"\x0a\x02\0\x01")));
        wire.server(&headers(1, flag::END_STREAM, &[("k", "v")]));
        assert_violations(name, &violations(&mut wire, &get_sequence(), None), expected);
    }
}

/// What passed before the tap altered anything is its sender's own.
#[test]
fn a_side_is_blamed_for_what_passed_before_it_was_altered() {
    let early = ["WIRE-6 client: no grpc-timeout", "WIRE-14 server: a content-type"];
    let late = ["WIRE-23 client: a message with flag 2", "WIRE-15 server: no grpc-status"];
    for (name, altered, after_headers, expected) in [
        ("the client, at once", Role::Client, false, &[early[1], late[1]][..]),
        ("the client, after its headers", Role::Client, true, &[early[0], early[1], late[1]]),
        ("the server, at once", Role::Server, false, &[early[0], late[0]]),
        ("the server, after its headers", Role::Server, true, &[early[0], early[1], late[0]]),
    ] {
        let mut wire = Wire::new();
        if !after_headers {
            wire.connection.alters(altered);
        }
        wire.client(&headers(1, 0, &without(REQUEST, "grpc-timeout")));
        wire.server(&headers(1, 0, &with(RESPONSE, "content-type", "text/plain")));
        // The first time counts.
        wire.connection.alters(altered);
        wire.client(&data(1, flag::END_STREAM, &message(2, b"")));
        wire.server(&headers(1, flag::END_STREAM, &[("k", "v")]));
        let mut found = violations(&mut wire, &get_sequence(), None);
        // In the order in which they are listed here, not in that of the rules.
        let place = |text: &String| expected.iter().position(|start| text.starts_with(start));
        found.sort_by_key(place);
        assert_violations(name, &found, expected);
    }
}

/// A client whose request is swallowed behind its end has sent all of it.
#[test]
fn a_request_that_has_passed_is_judged() {
    let mut wire = Wire::new();
    wire.request(1, &without(REQUEST, "grpc-timeout"));
    wire.connection.alters(Role::Client);
    wire.server(&headers(1, 0, RESPONSE)).server(&reset(1, 8));
    let found = violations(&mut wire, &get_sequence(), Some(&answer(1, 0)));
    assert_violations("blackhole", &found, &["WIRE-6 client: no grpc-timeout"]);
}

/// What does not come may have been taken away.
#[test]
fn an_altered_side_is_not_blamed_for_what_is_missing() {
    type Send = fn(&mut Wire) -> &mut Wire;
    let fragment: Send = |wire| {
        wire.request(1, REQUEST).server(&headers(1, 0, RESPONSE)).server(&data(1, 0, b"\0\0"))
    };
    let end: Send = |wire| wire.server(&headers(1, flag::END_STREAM, TRAILERS));
    let pinged: Send = |wire| {
        wire.client(&headers(1, 0, REQUEST)).server(&ping(0, [7; 8]));
        wire.server(&ping(0, [8; 8])).client(&ping(flag::ACK, [8; 8]))
    };
    let busy: Send = |wire| {
        wire.now += Duration::from_millis(1500);
        wire.client(&frame(0x77, 0, 1, b"").repeat(8))
    };
    let early: Send = |wire| {
        wire.client(&headers(1, 0, REQUEST)).server(&headers(1, 0, RESPONSE));
        wire.server(&headers(1, flag::END_STREAM, TRAILERS))
    };
    let nothing: Send = |wire| wire;
    let cases: [(&str, Role, Send, Send); 4] = [
        ("WIRE-24 server", Role::Server, fragment, end),
        ("WIRE-29 client", Role::Client, pinged, busy),
        ("WIRE-35 client", Role::Client, |wire| wire.request(1, REQUEST), nothing),
        ("WIRE-37 server", Role::Server, early, nothing),
    ];
    for (expected, side, before, after) in cases {
        for is_altered in [false, true] {
            let mut wire = Wire::new();
            before(&mut wire);
            if is_altered {
                wire.connection.alters(side);
            }
            after(&mut wire);
            let late = expected.starts_with("WIRE-35").then(|| answer(4, 0));
            let found = violations(&mut wire, &get_sequence(), late.as_ref());
            let found_expected = if is_altered { &[][..] } else { &[expected] };
            assert_violations(expected, &found, found_expected);
        }
    }
}

/// What a client reports of bytes that came as they were is its own doing, unless the
/// tap has reset the stream in its name.
#[test]
fn an_altered_client_is_blamed_for_what_it_reports() {
    let wrong = "WIRE-44 client: grpc-status OK is reported as INTERNAL";
    let more = "WIRE-36 client: 1 message reported, and 0 came in time";
    let mut wire = Wire::new();
    wire.request(1, REQUEST);
    wire.connection.alters(Role::Client);
    wire.response(1);
    let found = violations(&mut wire, &get_sequence(), Some(&answer(13, 1)));
    assert_violations("swallowed", &found, &[wrong]);

    for (name, is_by_tap, expected) in [("its own", false, &[more][..]), ("the tap's", true, &[])] {
        let mut wire = Wire::new();
        wire.request(1, REQUEST);
        if is_by_tap {
            wire.connection.alters(Role::Client);
            wire.connection.added(Role::Client, &reset(1, 8), wire.now);
        } else {
            wire.client(&reset(1, 8));
        }
        let found = violations(&mut wire, &get_sequence(), Some(&answer(1, 1)));
        assert_violations(name, &found, expected);
    }
}

/// What the tap sends in the server's name is what the client must answer to.
#[test]
fn the_receiver_is_judged_by_what_it_received() {
    let mut wire = Wire::new();
    wire.request(1, REQUEST);
    wire.connection.alters(Role::Server);
    wire.connection.added(Role::Server, &reset(1, 7), wire.now);
    let found = violations(&mut wire, &get_sequence(), Some(&answer(13, 0)));
    assert_violations("a reset", &found, &["WIRE-39 client: RST_STREAM(REFUSED_STREAM) is rep"]);

    let mut wire = Wire::new();
    wire.client(&headers(1, 0, REQUEST));
    wire.connection.alters(Role::Server);
    wire.connection.added(Role::Server, &ping(0, [7; 8]), wire.now);
    wire.server(&ping(0, [8; 8])).client(&ping(flag::ACK, [8; 8]));
    wire.now += Duration::from_millis(1500);
    for _ in 0..8 {
        wire.client(&frame(0x77, 0, 1, b""));
    }
    let found = violations(&mut wire, &get_sequence(), None);
    assert_violations("a PING", &found, &["WIRE-29 client: PING is not answered"]);
}

/// Frames that come late may have been sent before the question was read.
#[test]
fn what_the_tap_holds_back_is_not_overdue() {
    for side in [Role::Client, Role::Server] {
        let mut wire = Wire::new();
        wire.client(&headers(1, 0, REQUEST));
        wire.connection.slows(side);
        let (asker, debtor) = match side {
            Role::Client => (Role::Server, Role::Client),
            Role::Server => (Role::Client, Role::Server),
        };
        wire.send(asker, &ping(0, [7; 8])).send(asker, &settings(&[]));
        wire.now += Duration::from_millis(1500);
        for _ in 0..20 {
            wire.send(debtor, &frame(0x77, 0, 1, b""));
        }
        assert_violations("slowed", &violations(&mut wire, &get_sequence(), None), &[]);
    }
    let mut wire = Wire::new();
    wire.connection.slows(Role::Server);
    wire.request(1, REQUEST).server(&headers(1, 0, RESPONSE)).client(&reset(1, 8));
    wire.client(&ping(0, [1; 8])).server(&ping(flag::ACK, [1; 8]));
    wire.now += Duration::from_secs(5);
    wire.server(&data(1, 0, &message(0, b"\x0a\x02\0\x01")));
    assert_violations("after a reset", &violations(&mut wire, &get_sequence(), None), &[]);
}

/// Nobody is there to be told of a cancelled call.
#[test]
fn a_cut_call_needs_no_reset() {
    for closing in [Closing::End, Closing::Abort] {
        let mut wire = Wire::new();
        wire.request(1, REQUEST);
        wire.connection.cut(closing, wire.now);
        let found = violations(&mut wire, &get_sequence(), Some(&answer(4, 0)));
        assert_violations("cut", &found, &[]);
    }
}
