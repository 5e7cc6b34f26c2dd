use std::{path::Path, sync::Arc};

use crosswire_http2::frame::{PREFACE, flag};

use super::*;
use crate::{
    input::Place,
    judge::{Beliefs, Observation, Strictness, Verdict},
    rules::samples::{answer, get_sequence, with as with_field},
    suite::{Call, Script},
    wire::{
        connection::Connection,
        sample::{
            REQUEST, RESPONSE, TRAILERS, Wire as Sample, data, headers, message, reset, settings,
        },
        tls::Opaque,
        transcript::Ended,
    },
};

/// A `GetSequence` that goes well, but for its request's fields.
fn exchange(request: &[(&str, &str)]) -> Sample {
    let mut wire = Sample::new();
    wire.request(1, request).server(&headers(1, 0, RESPONSE));
    wire.server(&data(1, 0, &message(0, b"\x0a\x02\0\x01")));
    wire.server(&headers(1, flag::END_STREAM, TRAILERS));
    wire
}

fn case(calls: Vec<Call>) -> Case {
    Case::new("s/c", "R-1", "w", Place::from(Path::new("x")), calls)
}

fn judged(case: &Case, answers: Vec<Answer>, wire: Wire, strictness: Strictness) -> Judgement {
    let outcome = Outcome::Answered(answers);
    let observation = Observation { wire: Some(wire), ..Observation::of(outcome) };
    crate::judge::judge(case, &observation, &Beliefs::none("a", "b"), strictness)
}

fn of_one(mut wire: Sample, call: Call, strictness: Strictness) -> Judgement {
    let wire = Wire { calls: vec![wire.calls()], ..Wire::default() };
    judged(&case(vec![call]), vec![answer(0, 1)], wire, strictness)
}

#[test]
fn a_broken_must_fails_and_a_broken_should_is_listed() {
    let lawful = of_one(exchange(REQUEST), get_sequence(), Strictness::Should);
    assert_eq!((lawful.verdict, lawful.read_calls), (Verdict::Pass, 1), "{:?}", lawful.findings);

    let no_te = exchange(&with_field(REQUEST, "te", "gzip"));
    let broken = of_one(no_te, get_sequence(), Strictness::Must);
    assert_eq!((broken.verdict, broken.side()), (Verdict::Fail, Some(Side::Client)));
    assert_eq!(broken.deciding().next().unwrap().rule(), Some("WIRE-3"));

    let padded = || exchange(&[REQUEST, &[("k-bin", "YQ==")]].concat());
    let listed = of_one(padded(), get_sequence(), Strictness::Must);
    assert_eq!((listed.verdict, listed.side(), listed.findings.len()), (Verdict::Pass, None, 1));
    let strict = of_one(padded(), get_sequence(), Strictness::Should);
    assert_eq!((strict.verdict, strict.side()), (Verdict::Fail, Some(Side::Client)));
}

#[test]
fn all_violations_are_kept_beside_a_wrong_answer() {
    let fields = with_field(&with_field(REQUEST, "te", "gzip"), ":method", "GET");
    let mut call = get_sequence();
    call.expect.message_count = Some(2);
    let both = of_one(exchange(&fields), call, Strictness::Must);
    let found: Vec<_> = both.findings.iter().map(|one| (one.kind, one.rule())).collect();
    let rule = |id| (Kind::Rule, Some(id));
    assert_eq!(found, [(Kind::Count, None), rule("WIRE-1"), rule("WIRE-3")]);
}

#[test]
fn a_case_of_a_scripted_server_says_what_a_client_may_report() {
    let script = Script::of_no_steps(Role::Server);
    let judged = |script: Option<&Script>, codes: &[Code]| {
        let mut call = get_sequence();
        call.expect.codes = codes.to_vec();
        let mut case = case(vec![call]);
        case.script = script.cloned().map(Arc::new);
        let wire = Wire { calls: vec![exchange(REQUEST).calls()], ..Wire::default() };
        judged(&case, vec![answer(13, 0)], wire, Strictness::Must)
    };
    let both = [Code::OK, Code::INTERNAL];
    assert_eq!(judged(Some(&script), &both).verdict, Verdict::Pass);
    for other in [judged(None, &both), judged(Some(&script), &[Code::OK])] {
        let rules: Vec<&str> = other.findings.iter().filter_map(Finding::rule).collect();
        assert_eq!(rules, ["WIRE-44"], "{:?}", other.findings);
    }
}

#[test]
fn an_answer_that_never_passed_is_no_pass() {
    let nothing = || Wire { calls: vec![vec![]], ..Wire::default() };
    let case = case(vec![get_sequence()]);
    let judgement = judged(&case, vec![answer(0, 1)], nothing(), Strictness::Must);
    assert_eq!((judgement.verdict, judgement.side()), (Verdict::Fail, Some(Side::Client)));
    let opaque = Wire { opaque: vec![Opaque::default()], ..nothing() };
    let unread = judged(&case, vec![answer(0, 1)], opaque, Strictness::Must);
    assert_eq!(unread.verdict, Verdict::Pass, "{:?}", unread.findings);
}

/// What the case itself allows to come of a call, a client may say without having made it:
/// limits and states of its own may forbid it. Nothing is wanted of such a call.
#[test]
fn a_client_may_refuse_locally_where_the_case_allows_it() {
    let nothing = || Wire { calls: vec![vec![]], ..Wire::default() };
    let of = |allowed: &[Code], reported: Answer| {
        let mut call = get_sequence();
        call.expect.codes = allowed.to_vec();
        call.expect.seen = vec![Seen::ClientResets];
        judged(&case(vec![call]), vec![reported], nothing(), Strictness::Must)
    };
    let refused = of(&[Code::OK, Code::INTERNAL], answer(13, 0));
    assert_eq!(refused.verdict, Verdict::Pass, "{:?}", refused.findings);
    for (allowed, reported) in [
        (&[Code::OK][..], answer(0, 1)),
        (&[Code::OK, Code::INTERNAL], answer(0, 1)),
        (&[Code::OK, Code::INTERNAL], answer(12, 0)),
        (&[Code::OK, Code::INTERNAL], answer(13, 1)),
    ] {
        let code = reported.code;
        let judgement = of(allowed, reported);
        assert_eq!(judgement.verdict, Verdict::Fail, "{code} of {allowed:?}");
        let has_it = judgement.findings.iter().any(|found| found.kind == Kind::NeverPassed);
        assert!(has_it, "{:?}", judgement.findings);
    }
}

/// Where something may have passed unread, nothing is known of what is not there, nor of
/// where an answer came from.
#[test]
fn nobody_is_blamed_for_what_was_not_read() {
    let mut refused = Sample::new();
    refused.request(1, REQUEST).server(&reset(1, 7));
    let refused = refused.calls();
    let late = || {
        let mut call = get_sequence();
        call.expect.codes = vec![Code::DEADLINE_EXCEEDED];
        call
    };
    let wanted = || {
        let mut call = get_sequence();
        call.expect.seen = vec![Seen::RequestCompressed];
        call
    };
    for (name, call, transcripts, reported) in [
        ("never passed", get_sequence(), vec![], answer(0, 1)),
        ("an attempt that was refused", get_sequence(), refused, answer(0, 1)),
        ("not seen", wanted(), exchange(REQUEST).calls(), answer(0, 1)),
        ("early", late(), vec![], answer(4, 0)),
    ] {
        for has_gaps in [true, false] {
            let calls = vec![transcripts.clone()];
            let wire = Wire { calls, has_gaps, ..Wire::default() };
            let reported = vec![reported.clone()];
            let judgement = judged(&case(vec![call.clone()]), reported, wire, Strictness::Must);
            let expected = if has_gaps { Verdict::Pass } else { Verdict::Fail };
            assert_eq!(judgement.verdict, expected, "{name}: {:?}", judgement.findings);
            assert_eq!(judgement.unread_calls, usize::from(has_gaps), "{name}");
        }
    }
}

/// A connection that a side has ended carries no more calls, and another may.
#[test]
fn a_connection_that_has_ended_is_not_wanted_again() {
    let ms = Duration::from_millis;
    let of = |ended: Option<(u64, u64)>| {
        let mut calls = vec![get_sequence(), get_sequence()];
        calls[1].expect.seen = vec![Seen::SameConnection];
        let mut wire = Wire::default();
        for number in 0..2 {
            let mut sample = Sample::new();
            sample.connection = Connection::new(number);
            sample.now = ms(1000 * number);
            sample.client(&PREFACE[..]).client(&settings(&[])).server(&settings(&[]));
            sample.request(1, REQUEST).response(1);
            wire.calls.push(sample.calls());
        }
        wire.ended.extend(ended.map(|(connection, at)| Ended { connection, at: ms(at) }));
        unseen(&case(calls), &[], &wire).is_empty()
    };
    assert!(of(Some((0, 500))), "it had ended");
    for (name, ended) in
        [("goes on", None), ("another", Some((1, 500))), ("later", Some((0, 2000)))]
    {
        assert!(!of(ended), "{name}");
    }
}

/// The server may have ended the connection that the call was to use.
#[test]
fn a_call_that_was_not_made_because_of_its_connection_is_nobodys() {
    let nothing = Wire { calls: vec![vec![]], ..Wire::default() };
    let case = case(vec![get_sequence()]);
    let judgement = judged(&case, vec![answer(14, 0)], nothing, Strictness::Must);
    assert_eq!(
        (judgement.verdict, judgement.side()),
        (Verdict::Fail, None),
        "{:?}",
        judgement.findings
    );
}

#[test]
fn what_is_not_seen_of_a_call_that_went_wrong_is_nobodys() {
    let judgement = |code: i32, has_struck: bool| {
        let mut call = get_sequence();
        call.expect.seen = vec![Seen::RequestCompressed];
        let mut case = case(vec![call]);
        case.fault = serde_json::from_str(r#"{"delay": "1ms"}"#).ok();
        let trailers = [("grpc-status", if code == 0 { "0" } else { "8" })];
        let mut sample = Sample::new();
        sample.request(1, REQUEST).server(&headers(1, 0, RESPONSE));
        sample.server(&data(1, 0, &message(0, b"\x0a\x02\0\x01")));
        sample.server(&headers(1, flag::END_STREAM, &trailers));
        let wire = Wire { calls: vec![sample.calls()], has_struck, ..Wire::default() };
        let messages = usize::from(code == 0);
        judged(&case, vec![answer(code, messages)], wire, Strictness::Must)
    };
    for (name, code, has_struck, side) in [
        ("as planned", 0, true, Some(Side::Client)),
        ("the fault never struck", 0, false, None),
        ("the call failed", 8, true, None),
    ] {
        let judgement = judgement(code, has_struck);
        assert_eq!((judgement.verdict, judgement.side()), (Verdict::Fail, side), "{name}");
        let has_unseen = judgement.findings.iter().any(|found| found.kind == Kind::Unseen);
        assert!(has_unseen, "{name}: {:?}", judgement.findings);
    }
}

#[test]
fn a_transcript_with_a_gap_is_counted_as_unread() {
    let mut wire = exchange(&with_field(REQUEST, "te", "gzip"));
    let mut transcripts = wire.calls();
    transcripts[0].is_whole = false;
    let wire = Wire { calls: vec![transcripts], ..Wire::default() };
    let case = case(vec![get_sequence()]);
    let judgement = judged(&case, vec![answer(0, 1)], wire, Strictness::Must);
    assert_eq!((judgement.verdict, judgement.unread_calls), (Verdict::Pass, 1));
}

#[test]
fn what_a_case_wants_seen_must_be_seen() {
    let compressed = || {
        let mut wire = exchange(REQUEST);
        wire.request(3, REQUEST).client(&reset(3, 8));
        wire
    };
    let seen = |seen: Seen, index: usize| {
        let mut calls = vec![get_sequence(), get_sequence()];
        calls[index].expect.seen = vec![seen];
        let mut wire = compressed();
        let both = wire.calls();
        let wire =
            Wire { calls: both.into_iter().map(|one| vec![one]).collect(), ..Wire::default() };
        unseen(&case(calls), &[], &wire).into_iter().next()
    };
    for (wanted, index, side) in [
        (Seen::ClientResets, 0, Some(Side::Client)),
        (Seen::ClientResets, 1, None),
        (Seen::ServerEnds, 0, None),
        (Seen::ServerEnds, 1, Some(Side::Server)),
        (Seen::RequestCompressed, 0, Some(Side::Client)),
        // The request does not offer gzip.
        (Seen::ResponseCompressed, 0, Some(Side::Client)),
        (Seen::SameConnection, 1, None),
        (Seen::NewConnection, 1, Some(Side::Client)),
        (Seen::SameConnection, 0, Some(Side::Client)),
    ] {
        let missing = seen(wanted, index).and_then(|finding| finding.side);
        assert_eq!(missing, side, "{wanted:?} of call {index}");
    }
}

#[test]
fn nobody_cancels_a_call_that_the_server_ended_before() {
    for (after, side) in [(1, Some(Side::Client)), (2, None)] {
        let mut call = get_sequence();
        call.options.cancel_after_messages = Some(after);
        call.expect.seen = vec![Seen::ClientResets];
        let wire = Wire { calls: vec![exchange(REQUEST).calls()], ..Wire::default() };
        let found = unseen(&case(vec![call]), &[], &wire);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].side, side, "cancelled after {after}");
    }
}

#[test]
fn a_deadline_that_nobody_else_kept_is_not_over_early() {
    let mut silent = Sample::new();
    silent.request(1, REQUEST).client(&reset(1, 8));
    let transcripts = silent.calls();
    let mut call = get_sequence();
    call.expect.codes = vec![Code::DEADLINE_EXCEEDED];
    let after = |ms| {
        let wire = Wire { calls: vec![transcripts.clone()], ..Wire::default() };
        let outcome = Outcome::Answered(vec![answer(4, 0)]);
        let duration = Duration::from_millis(ms);
        let observation = Observation { duration, wire: Some(wire), ..Observation::of(outcome) };
        let beliefs = Beliefs::none("a", "b");
        crate::judge::judge(&case(vec![call.clone()]), &observation, &beliefs, Strictness::Must)
    };
    let early = after(4_900);
    assert_eq!((early.verdict, early.side()), (Verdict::Fail, Some(Side::Client)));
    assert_eq!(early.findings[0].expected["after_ms"], 5_000);
    assert_eq!(after(4_990).verdict, Verdict::Pass, "a timer may be a little early");
}

#[test]
fn a_fault_that_never_struck_and_a_stray_call_fail_the_trial() {
    let with = |change: fn(&mut Case, &mut Wire)| {
        let mut case = case(vec![get_sequence()]);
        let mut wire = Wire { calls: vec![exchange(REQUEST).calls()], ..Wire::default() };
        change(&mut case, &mut wire);
        let judgement = judged(&case, vec![answer(0, 1)], wire, Strictness::Must);
        (judgement.verdict, judgement.side())
    };
    let fault: fn(&mut Case, &mut Wire) =
        |case, _| case.fault = serde_json::from_str(r#"{"delay": "1ms"}"#).ok();
    assert_eq!(with(|_, _| ()), (Verdict::Pass, None));
    assert_eq!(with(fault), (Verdict::Fail, None));
    assert_eq!(
        with(|case, wire| {
            case.fault = serde_json::from_str(r#"{"delay": "1ms"}"#).ok();
            wire.has_struck = true;
        }),
        (Verdict::Pass, None)
    );
    let stray: fn(&mut Case, &mut Wire) = |_, wire| wire.strays = exchange(REQUEST).calls();
    assert_eq!(with(stray), (Verdict::Fail, Some(Side::Client)));
    let health = with(|_, wire| {
        let fields = with_field(REQUEST, ":path", "/grpc.health.v1.Health/Check");
        wire.strays = exchange(&fields).calls();
    });
    assert_eq!(health, (Verdict::Pass, None), "a call of the client's own");
}
