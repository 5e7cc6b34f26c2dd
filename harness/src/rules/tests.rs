//! Every rule, broken in each way in which it can be broken, and lawful variations
//! that break none. All rules judge every call here, as they do in a run.

mod connections;
mod faults;
mod legal;
mod reported;
mod requests;
mod responses;
mod sent;

use std::time::Duration;

use crosswire_http2::frame::flag;

use super::{Violation, check, samples::*};
use crate::{
    observe::Answer,
    report::words,
    suite::Call,
    wire::sample::{REQUEST, RESPONSE, TRAILERS, Wire, data, headers, message},
};

/// Every violation of what is on the wire, as `RULE side: what`.
fn violations(wire: &mut Wire, call: &Call, answer: Option<&Answer>) -> Vec<String> {
    let transcripts = wire.calls();
    assert!(!transcripts.is_empty(), "nothing is there to be judged");
    assert!(transcripts.iter().all(|transcript| transcript.is_whole));
    let found = check(&transcripts, call, answer).into_iter();
    found.map(|violation| in_words(&violation)).collect()
}

fn in_words(Violation { rule, breach, .. }: &Violation) -> String {
    format!("{rule} {}: {}", breach.side, words::breach(breach))
}

/// The violations are the expected ones, each given by how it begins.
#[track_caller]
fn assert_violations(name: &str, found: &[String], expected: &[&str]) {
    let is_right = found.len() == expected.len()
        && found.iter().zip(expected).all(|(found, expected)| found.starts_with(expected));
    assert!(is_right, "{name}: found {found:#?}, expected {expected:#?}");
}

/// An ordinary unary call, with other header fields.
fn exchange(
    request: &[(&str, &str)],
    response: &[(&str, &str)],
    trailers: &[(&str, &str)],
) -> Wire {
    let mut wire = Wire::new();
    wire.request(1, request).server(&headers(1, 0, response));
    wire.server(&data(1, 0, &message(0, b"\x0a\x02\0\x01")));
    wire.server(&headers(1, flag::END_STREAM, trailers));
    wire
}

fn request_of(fields: &[(&'static str, &'static str)]) -> Wire {
    exchange(fields, RESPONSE, TRAILERS)
}

fn without(fields: &[(&'static str, &'static str)], name: &str) -> Fields {
    fields.iter().copied().filter(|field| field.0 != name).collect()
}

#[test]
fn a_violation_says_who_what_and_where() {
    let mut wire = request_of(&with(REQUEST, "te", "tr\u{1b}ailers"));
    let transcript = wire.call();
    let found = check(&[transcript], &get_sequence(), None);
    let text: Vec<String> = found.iter().map(words::violation).collect();
    assert_eq!(
        text,
        [
            "WIRE-3 (MUST): the client: te is not `trailers`, once; at byte 42 of what it sent: `tr\\x1bailers`"
        ]
    );
}

#[test]
fn a_transcript_that_is_not_whole_breaks_no_rule() {
    let mut transcript = request_of(&with(REQUEST, "te", "")).call();
    assert_eq!(check(std::slice::from_ref(&transcript), &get_sequence(), None).len(), 1);
    transcript.is_whole = false;
    assert_eq!(check(&[transcript], &get_sequence(), None), []);
}
