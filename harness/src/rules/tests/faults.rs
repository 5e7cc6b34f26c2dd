//! Connections that the tap does something to: who is blamed then, and for what.

use super::*;
use crate::{
    observe::Role,
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
