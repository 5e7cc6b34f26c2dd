use std::time::Duration;

use base64::engine::general_purpose::STANDARD;
use crosswire_http2::frame::flag;

use super::*;
use crate::{
    rules::samples::{answered, asking, call as call_of, get_sequence, with},
    suite::{CallStep, RequestMessage},
    wire::sample::{
        REQUEST, RESPONSE, TRAILERS, Wire, data, goaway, headers, message, reset, settings,
        settings_ack, window_update,
    },
    wire::transcript::Closing,
};

const ASKED: &[u8] = b"\x08\x02";
const REPLY: &[u8] = b"\x0a\x02\0\x01";

/// A `GetSequence` with these fields of the request and these trailers.
fn exchange(request: &[(&str, &str)], trailers: &[(&str, &str)]) -> Wire {
    let mut wire = Wire::new();
    wire.request(1, request).server(&headers(1, 0, RESPONSE));
    wire.server(&data(1, 0, &message(0, REPLY)));
    wire.server(&headers(1, flag::END_STREAM, trailers));
    wire
}

fn ordinary() -> Wire {
    exchange(REQUEST, TRAILERS)
}

fn call() -> Call {
    asking(get_sequence(), ASKED)
}

fn expecting(change: impl FnOnce(&mut crate::suite::Expect)) -> Call {
    let mut call = call();
    change(&mut call.expect);
    call
}

fn side(mut wire: Wire, call: &Call, answer: &Answer) -> Option<Side> {
    testimony(call, answer, &wire.calls()).map(|told| told.side)
}

#[test]
fn a_faithful_client_with_the_right_request_has_done_its_part() {
    let ok = answered(0, &[REPLY]);
    let two = expecting(|expect| expect.message_count = Some(2));
    assert_eq!(side(ordinary(), &two, &ok), Some(Side::Server));
    // It reports another message than passed, which a rule says.
    assert_eq!(side(ordinary(), &two, &answered(0, &[b""])), None);
    // Another encoding of the same request is the same.
    let longer = asking(two.clone(), b"\x08\x82\x00");
    assert_eq!(side(ordinary(), &longer, &ok), Some(Side::Server));
    let other = asking(two.clone(), b"\x08\x03");
    assert_eq!(side(ordinary(), &other, &ok), Some(Side::Client));
    let path = with(REQUEST, ":path", "/FibonacciService/Other");
    assert_eq!(side(exchange(&path, TRAILERS), &two, &ok), Some(Side::Client));
}

#[test]
fn metadata_that_was_asked_for_must_pass() {
    let entry = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let mut call = expecting(|expect| expect.message_count = Some(2));
    call.options.metadata = vec![entry("k", "1"), entry("k", "2"), entry("k-bin", "YQ==")];
    let ok = answered(0, &[REPLY]);
    for (sent, expected) in [
        (&[("k", "1"), ("k", "2"), ("k-bin", "YQ")][..], Some(Side::Server)),
        (&[("k", "1, 2"), ("k-bin", "YQ==")], Some(Side::Server)),
        (&[("k", "2, 1"), ("k-bin", "YQ==")], None),
        (&[("k-bin", "YQ==")], Some(Side::Client)),
    ] {
        let wire = exchange(&[REQUEST, sent].concat(), TRAILERS);
        assert_eq!(side(wire, &call, &ok), expected, "{sent:?}");
    }
}

/// A client may find out itself that a deadline is over, or that a response is too long.
#[test]
fn a_status_is_the_servers_unless_the_client_could_have_said_another() {
    for (sent, expected, side_of) in [
        ("13", &[0][..], Some(Side::Server)),
        ("0", &[3], Some(Side::Server)),
        ("0", &[3, 5], Some(Side::Server)),
        ("0", &[8], None),
        ("0", &[4], None),
        ("13", &[8], Some(Side::Server)),
        ("13", &[1], None),
    ] {
        let codes = expected.iter().map(|code| Code(*code)).collect();
        let call = expecting(|expect| expect.codes = codes);
        let answer = answered(sent.parse().unwrap(), &[REPLY]);
        let wire = exchange(REQUEST, &[("grpc-status", sent)]);
        assert_eq!(side(wire, &call, &answer), side_of, "{sent} for {expected:?}");
    }
    let mut cancelling = expecting(|e| e.codes = vec![Code(3)]);
    cancelling.options.cancel_after_messages = Some(1);
    assert_eq!(side(ordinary(), &cancelling, &answered(0, &[REPLY])), None);
}

/// A detail of the status is compared with what passed, not only with what is reported.
#[test]
fn what_is_reported_of_a_status_is_held_against_what_passed() {
    let failed =
        [("grpc-status", "5"), ("grpc-message", "no%C5%BC"), ("grpc-status-details-bin", "YWI")];
    let answer = |message: &str, details: &[u8]| Answer {
        message: message.to_owned(),
        details: details.to_vec(),
        ..answered(5, &[])
    };
    let call = |text: Option<&str>, details: Option<&str>| {
        expecting(|expect| {
            expect.codes = vec![Code(5)];
            expect.status_message = text.map(str::to_owned);
            expect.status_details = details.map(|text| STANDARD.decode(text).unwrap());
        })
    };
    let side = |call: &Call, answer: &Answer| side(exchange(REQUEST, &failed), call, answer);
    for (name, call, answer, expected) in [
        ("its own text", call(Some("yes"), None), answer("noż", b"ab"), Side::Server),
        (
            "a text that was altered",
            call(Some("noż"), None),
            answer("no%C5%BC", b"ab"),
            Side::Client,
        ),
        ("its own details", call(None, Some("Yw==")), answer("", b"ab"), Side::Server),
        ("details that are left out", call(None, Some("YWI=")), answer("", b""), Side::Client),
    ] {
        assert_eq!(side(&call, &answer), Some(expected), "{name}");
    }
}

#[test]
fn metadata_that_passed_must_be_reported() {
    let call = expecting(|expect| expect.trailers = vec![("k".to_owned(), "v".to_owned())]);
    let ok = answered(0, &[REPLY]);
    assert_eq!(side(ordinary(), &call, &ok), Some(Side::Server));
    let sent = [TRAILERS, &[("k", "v")]].concat();
    assert_eq!(side(exchange(REQUEST, &sent), &call, &ok), Some(Side::Client));
}

#[test]
fn who_keeps_a_call_from_its_end_is_seen() {
    let late = answered(4, &[]);
    let mut silent = Wire::new();
    silent.request(1, REQUEST).client(&reset(1, 8));
    assert_eq!(side(silent, &call(), &late), Some(Side::Server));

    let mut shut = Wire::new();
    shut.client(&settings(&[(4, 5)])).server(&settings_ack()).request(1, REQUEST);
    shut.server(&headers(1, 0, RESPONSE)).server(&data(1, 0, &[0; 5])).client(&reset(1, 8));
    assert_eq!(side(shut, &call(), &late), Some(Side::Client));

    let begun = |room: bool| {
        let mut wire = Wire::new();
        wire.server(&settings(&[(4, 7)])).client(&settings_ack());
        wire.client(&headers(1, 0, REQUEST)).client(&data(1, 0, &message(0, ASKED)));
        if room {
            wire.server(&window_update(1, 7));
        }
        wire.client(&reset(1, 8));
        side(wire, &call(), &late)
    };
    assert_eq!((begun(true), begun(false)), (Some(Side::Client), Some(Side::Server)));
    let mut slow = call();
    slow.options.read_delay = Some(Duration::from_secs(1));
    let mut shut = Wire::new();
    shut.client(&settings(&[(4, 0)])).server(&settings_ack()).request(1, REQUEST);
    assert_eq!(side(shut, &slow, &late), None);
}

/// What the tap did, or did not read, tells nothing of the sides.
#[test]
fn an_altered_or_a_cut_transcript_tells_nothing() {
    let two = expecting(|expect| expect.message_count = Some(2));
    let ok = answered(0, &[REPLY]);
    let mut transcripts = ordinary().calls();
    transcripts[0].is_whole = false;
    assert_eq!(testimony(&two, &ok, &transcripts), None);
    let mut transcripts = ordinary().calls();
    transcripts[0].connection.altered.server = true;
    assert_eq!(testimony(&two, &ok, &transcripts), None);
    assert_eq!(testimony(&two, &ok, &[]), None);
}

/// Who ends a connection with a call on it is asked why, unless it names the other's error.
#[test]
fn a_connection_that_ends_under_a_call() {
    type End = fn(&mut Wire) -> &mut Wire;
    let closed = |wire: &mut Wire, side| {
        wire.connection.closed(side, Closing::Abort, Duration::ZERO);
    };
    let cases: [(&str, End, Option<Role>, Option<Side>); 5] = [
        ("the server without a word", |w| w, Some(Role::Server), Some(Side::Server)),
        ("the client without a word", |w| w, Some(Role::Client), Some(Side::Client)),
        (
            "the server's own error",
            |w| w.server(&goaway(0, error::INTERNAL_ERROR)),
            Some(Role::Client),
            Some(Side::Server),
        ),
        ("an error of the client's", |w| w.server(&goaway(0, 1)), Some(Role::Server), None),
        ("nobody", |w| w, None, None),
    ];
    for (name, end, closes, expected) in cases {
        let mut wire = Wire::new();
        end(wire.request(1, REQUEST));
        closes.into_iter().for_each(|side| closed(&mut wire, side));
        let lost = Answer { code: Code(14), ..Answer::default() };
        assert_eq!(side(wire, &call(), &lost), expected, "{name}");
    }
}

/// A client that waits, as it was told, for what does not come.
#[test]
fn who_waits_as_told_is_not_to_blame() {
    let message = || CallStep::Message(RequestMessage::new(Vec::new()));
    let steps = |waits: CallStep| vec![message(), waits, message(), CallStep::HalfClose];
    let late = Answer { code: Code::DEADLINE_EXCEEDED, ..Answer::default() };
    for (send, answers, expected) in [
        (steps(CallStep::WaitForMessages(1)), 0, Some(Seen::NothingToGoOnWith)),
        (steps(CallStep::WaitForHeaders), 0, Some(Seen::NothingToGoOnWith)),
        (steps(CallStep::WaitForMessages(1)), 1, Some(Seen::RequestNotEnded)),
        (steps(CallStep::Pause(Duration::from_secs(9))), 0, None),
        (vec![message(), CallStep::HalfClose], 0, Some(Seen::RequestNotEnded)),
    ] {
        let call = Call { send, ..call_of("grpc.testing.TestService", "FullDuplexCall") };
        let empty = crate::wire::sample::message(0, b"");
        let mut wire = Wire::new();
        let path = with(REQUEST, ":path", "/grpc.testing.TestService/FullDuplexCall");
        wire.client(&headers(1, 0, &path)).client(&data(1, 0, &empty));
        if answers > 0 {
            wire.server(&headers(1, 0, RESPONSE)).server(&data(1, 0, &empty));
        }
        wire.client(&reset(1, 8));
        let told = testimony(&call, &late, &wire.calls());
        assert_eq!(told.map(|told| told.seen), expected, "{:?}", call.send);
    }
}
