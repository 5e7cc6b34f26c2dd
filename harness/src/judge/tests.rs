use std::{path::Path, time::Duration};

use prost_reflect::{DynamicMessage, prost::Message as _};

use super::*;
use crate::{
    identity::Identity,
    input::Place,
    known::{Known, KnownList, Party, Whose},
    observe::{Death, Gone, Misstep, Remark, Words},
    pattern::Pattern,
    role::Role,
    rules::{Breach, samples},
    suite::{Approx, Code, Expect, Method},
};

const PROTO: &str = r#"
syntax = "proto3";
package t;
message Ask {}
message Inner { optional int32 n = 1; }
message Reply { repeated int32 list = 1; double x = 2; Inner inner = 3; string text = 4; }
service S { rpc M(Ask) returns (Reply) {} }
"#;

fn reply_type() -> prost_reflect::MethodDescriptor {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("t.proto"), PROTO).unwrap();
    let pool = crate::suite::load_protos(folder.path()).unwrap();
    pool.get_service_by_name("t.S").unwrap().methods().next().unwrap()
}

fn reply(value: Value) -> DynamicMessage {
    DynamicMessage::deserialize(reply_type().output(), value).unwrap()
}

fn call(codes: &[i32], messages: Option<Vec<Value>>) -> Call {
    let expect = Expect {
        codes: codes.iter().map(|&code| Code(code)).collect(),
        messages: messages.map(|values| values.into_iter().map(reply).collect()),
        ..Expect::default()
    };
    let method = Method { path: "t.S/M".into(), descriptor: Some(reply_type()) };
    Call::new(method, vec![], Duration::from_secs(1), expect)
}

fn case(calls: Vec<Call>) -> Case {
    let place = Place::from(Path::new("x"));
    Case::new("s/c", "R-1", "w", place, calls)
}

fn ok(values: &[Value]) -> Answer {
    let messages = values.iter().map(|value| reply(value.clone()).encode_to_vec()).collect();
    Answer { messages, ..Answer::default() }
}

/// Each finding as its kind, its field, what was expected and what came.
fn found(call: &Call, answer: Answer) -> Vec<Value> {
    let judgement = judge_outcome(&case(vec![call.clone()]), &Outcome::Answered(vec![answer]));
    let value = |Finding { kind, field, expected, got, .. }: &Finding| {
        json!([kind.name(), field, expected, got])
    };
    judgement.findings.iter().map(value).collect()
}

#[test]
fn every_difference_is_named_by_its_path() {
    let want = |value: Value| call(&[0], Some(vec![value]));
    let is = |path: &str, expected: Value, got: Value| json!(["message", path, expected, got]);
    for (name, want, got, expected) in [
        ("equal", want(json!({"list": [5]})), ok(&[json!({"list": [5]})]), vec![]),
        (
            "list",
            want(json!({"list": [5]})),
            ok(&[json!({"list": [2, 5]})]),
            vec![is("messages[0].list", json!([5]), json!([2, 5]))],
        ),
        (
            "several",
            want(json!({"x": 1.5, "text": "a"})),
            ok(&[json!({"text": "b"})]),
            vec![
                is("messages[0].x", json!(1.5), json!(0.0)),
                is("messages[0].text", json!("a"), json!("b")),
            ],
        ),
        (
            "zero's sign",
            want(json!({"x": -0.0})),
            ok(&[json!({"x": 0.0})]),
            vec![is("messages[0].x", json!(-0.0), json!(0.0))],
        ),
        ("nan", want(json!({"x": "NaN"})), ok(&[json!({"x": "NaN"})]), vec![]),
        (
            "no number",
            want(json!({"x": "NaN"})),
            ok(&[json!({"x": "-Infinity"})]),
            vec![is("messages[0].x", json!("NaN"), json!("-inf"))],
        ),
        (
            "nested presence",
            want(json!({"inner": {"n": 0}})),
            ok(&[json!({"inner": {}})]),
            vec![is("messages[0].inner.n", json!(0), Value::Null)],
        ),
        ("too few", want(json!({})), ok(&[]), vec![json!(["count", null, 1, 0])]),
        (
            "too many, and another",
            want(json!({"x": 1.0})),
            ok(&[json!({"x": 2.0}), json!({})]),
            vec![is("messages[0].x", json!(1.0), json!(2.0)), json!(["count", null, 1, 2])],
        ),
        (
            "unknown field",
            want(json!({})),
            Answer { messages: vec![vec![0x48, 1]], ..Answer::default() },
            vec![is("messages[0]", Value::Null, json!({"unknown_field": 9}))],
        ),
    ] {
        assert_eq!(found(&want, got), expected, "{name}");
    }
    let undecodable = Answer { messages: vec![vec![0x0a]], ..Answer::default() };
    let found = found(&want(json!({})), undecodable);
    assert_eq!(found[0][2], json!({"type": "t.Reply"}));
    assert!(found[0][3]["undecodable"].is_string(), "{found:?}");
}

#[test]
fn unknown_fields_may_be_allowed() {
    let mut want = call(&[0], Some(vec![json!({"x": 1.0})]));
    let mut got = ok(&[json!({"x": 1.0})]);
    got.messages[0].extend([0x48, 1]);
    assert_eq!(found(&want, got.clone()).len(), 1);
    want.expect.takes_unknown_fields = true;
    assert_eq!(found(&want, got), [Value::Null; 0]);
}

#[test]
fn the_first_messages_are_enough_only_of_a_call_that_fails() {
    let mut want = call(&[0, 14], Some(vec![json!({"x": 1.0}), json!({"x": 2.0})]));
    want.expect.is_partial = true;
    let first = ok(&[json!({"x": 1.0})]);
    assert_eq!(found(&want, Answer { code: Code(14), ..first.clone() }), [Value::Null; 0]);
    assert_eq!(found(&want, first), [json!(["count", null, 2, 1])]);
}

#[test]
fn a_tolerance_is_what_it_says() {
    let tolerance = |relative, absolute| Some(Approx { relative, absolute });
    for (want, got, approx, is_same) in [
        (json!(100.0), json!(101.0), tolerance(0.01, 0.0), true),
        (json!(100.0), json!(101.1), tolerance(0.01, 0.0), false),
        // Of the larger of the two.
        (json!(99.0), json!(100.0), tolerance(0.01, 0.0), true),
        (json!(-99.0), json!(-100.0), tolerance(0.01, 0.0), true),
        (json!(1.0), json!(-1.0), tolerance(0.01, 0.0), false),
        // Either bound is enough.
        (json!(0.0), json!(0.5), tolerance(0.01, 0.5), true),
        (json!(0.0), json!(0.5), tolerance(0.01, 0.4), false),
        (json!("NaN"), json!("NaN"), None, true),
        (json!("NaN"), json!("NaN"), tolerance(0.01, 0.5), true),
        (json!(100.0), json!("NaN"), tolerance(1.0, 1e300), false),
        (json!("NaN"), json!(100.0), tolerance(1.0, 1e300), false),
        // Nothing is near infinity but itself.
        (json!("Infinity"), json!("Infinity"), tolerance(0.01, 0.0), true),
        (json!("Infinity"), json!(100.0), tolerance(0.01, 0.0), false),
        (json!(100.0), json!("Infinity"), tolerance(1.0, 1e300), false),
        (json!("Infinity"), json!("-Infinity"), tolerance(1.0, 1e300), false),
    ] {
        let mut wanted = call(&[0], Some(vec![json!({ "x": want.clone() })]));
        wanted.expect.approx = approx;
        let found = found(&wanted, ok(&[json!({ "x": got.clone() })]));
        assert_eq!(found.is_empty(), is_same, "{want} and {got}, {approx:?}: {found:?}");
    }
}

#[test]
fn status_and_metadata_are_checked() {
    let status = |code, message: &str| Answer {
        code: Code(code),
        message: message.into(),
        ..Answer::default()
    };
    let mut want = call(&[11, 3], None);
    want.expect.message_count = Some(0);
    let none = [Value::Null; 0];
    let codes = json!(["OUT_OF_RANGE", "INVALID_ARGUMENT"]);
    assert_eq!(found(&want, status(3, "m")), none);
    assert_eq!(found(&want, status(0, "")), [json!(["status", null, codes, {"code": "OK"}])]);
    let got = json!({"code": "INTERNAL", "message": "a\nb"});
    assert_eq!(found(&want, status(13, "a\nb")), [json!(["status", null, codes, got])]);
    let got = json!({"code": "code 99"});
    assert_eq!(found(&want, status(99, "")), [json!(["status", null, codes, got])]);
    want.expect.status_message = Some("n".into());
    assert_eq!(found(&want, status(3, "m")), [json!(["status-message", null, "n", "m"])]);
    // With another code, the rest of the right one is not missed.
    assert_eq!(found(&want, status(0, "m")).len(), 1);
    want.expect.status_message = None;
    want.expect.status_message_has = Some("ha".into());
    assert_eq!(found(&want, status(3, "aha")), none);
    assert_eq!(found(&want, status(3, "a")), [json!(["status-message", null, {"has": "ha"}, "a"])]);
    want.expect.status_message_has = None;
    let pair = |got: Value| [json!(["trailers", "k", "v", got])];
    want.expect.trailers = vec![("k".into(), "v".into())];
    assert_eq!(found(&want, status(3, "")), pair(Value::Null));
    let mut answer = status(3, "");
    answer.trailers = vec![("k".into(), "w".into())];
    assert_eq!(found(&want, answer.clone()), pair("w".into()));
    answer.trailers.push(("k".into(), "v".into()));
    assert_eq!(found(&want, answer.clone()), pair("w,v".into()));
    want.expect.trailers = vec![("k".into(), "w".into()), ("k".into(), "v".into())];
    assert_eq!(found(&want, answer), none);
    for (joined, is_same) in [
        ("w,v", true),
        ("w, v", true),
        ("w \t,\tv", true),
        ("w,v ", false),
        (" w,v", false),
        ("w v", false),
        ("wv", false),
        ("v,w", false),
        ("w,v,", false),
        ("w", false),
    ] {
        let trailers = vec![("k".into(), joined.into())];
        let found = found(&want, Answer { trailers, ..status(3, "") });
        assert_eq!(found.is_empty(), is_same, "`{joined}`: {found:?}");
    }
    // Blanks and commas within a value are its own.
    want.expect.trailers = vec![("k".into(), "a, b".into()), ("k".into(), " c".into())];
    for (joined, is_same) in
        [("a, b, c", true), ("a, b,  c", true), ("a,b, c", false), ("a, b,c", false)]
    {
        let trailers = vec![("k".into(), joined.into())];
        let found = found(&want, Answer { trailers, ..status(3, "") });
        assert_eq!(found.is_empty(), is_same, "`{joined}`: {found:?}");
    }
}

#[test]
fn every_wrong_call_of_many_is_told() {
    let calls = vec![call(&[0], Some(vec![json!({"list": [1]})])); 3];
    let answers =
        vec![ok(&[json!({"list": [1]})]), ok(&[json!({"list": [2]})]), ok(&[json!({"list": [3]})])];
    let judgement = judge_outcome(&case(calls), &Outcome::Answered(answers));
    let calls: Vec<_> = judgement.findings.iter().map(|finding| finding.call).collect();
    assert_eq!(calls, [Some(1), Some(2)]);
    assert_eq!(judgement.actual, Some(json!({"code": "OK", "messages": [{"list": [2]}]})));
}

fn hung() -> Outcome {
    let (timeout, grace) = (Duration::from_secs(1), Duration::from_millis(300));
    let (stray, words, remarks) = (None, Vec::new(), Vec::new());
    Outcome::Hung { timeout, grace, stray, words, remarks }
}

#[test]
fn a_hang_and_a_crash_keep_what_the_processes_said() {
    let words = |first: &[&str], last: &[&str]| Words {
        first: first.iter().map(ToString::to_string).collect(),
        last: last.iter().map(ToString::to_string).collect(),
    };
    let remarks = vec![Remark::AfterItsAnswer, Remark::AnsweredAlone { beside: 1 }];
    let remarked = json!(["after_its_answer", { "answered_alone": { "beside": 1 } }]);
    let client = words(&["Error: x", "at y"], &["z"]);
    let said = vec![(Role::Client, client.clone()), (Role::Server, words(&[], &[]))];
    let (timeout, grace) = (Duration::from_secs(1), Duration::from_millis(300));
    let stray = Some("1 line on its stdout not JSON".to_owned());
    let outcome = Outcome::Hung { timeout, grace, stray, words: said, remarks: remarks.clone() };
    let case = case(vec![]);
    let judgement = judge_outcome(&case, &outcome);
    let spoken = json!({ "first": ["Error: x", "at y"], "last": ["z"] });
    let expected = json!({
        "timeout_ms": 1000, "grace_ms": 300, "stray": "1 line on its stdout not JSON",
        "words": { "client": spoken }, "remarks": remarked,
    });
    assert_eq!(judgement.findings[0].got, expected);
    let death = Death { how: Gone::Exited(3), words: client };
    let outcome = Outcome::Crashed { role: Role::Client, death, remarks };
    let judgement = judge_outcome(&case, &outcome);
    let expected = json!({ "exit_status": 3, "words": spoken, "remarks": remarked });
    assert_eq!(judgement.findings[0].got, expected);
    assert!(judgement.is_answered_alone);
}

#[test]
fn every_outcome_has_its_verdict_and_side() {
    let why = || "why".to_owned();
    let crashed = |role| {
        let death = Death { how: Gone::Ended, words: Words::default() };
        Outcome::Crashed { role, death, remarks: Vec::new() }
    };
    for (outcome, verdict, side) in [
        (Outcome::FeatureMissing { why: why() }, Verdict::Unsupported, None),
        (Outcome::Refused { why: why() }, Verdict::Fail, Some(Side::Client)),
        (Outcome::malformed(Misstep::HelloTwice), Verdict::Fail, Some(Side::Client)),
        (hung(), Verdict::Hung, None),
        (crashed(Role::Server), Verdict::Crashed, Some(Side::Server)),
        (crashed(Role::Client), Verdict::Crashed, Some(Side::Client)),
        (Outcome::Blocked { why: why() }, Verdict::Blocked, None),
    ] {
        let judgement = judge_outcome(&case(vec![]), &outcome);
        assert_eq!((judgement.verdict, judgement.side()), (verdict, side), "{outcome:?}");
    }
}

/// A list with one entry, of all cases of all peers but for these changes.
fn list(is_built_in: bool, change: impl FnOnce(&mut Known)) -> KnownList {
    let mut known = Known {
        whose: Whose::Peer(vec![Pattern::parse("*").unwrap()]),
        role: None,
        with: Vec::new(),
        is_of_tls: false,
        cases: vec![Pattern::parse("**").unwrap()],
        kinds: Vec::new(),
        field: None,
        got: Vec::new(),
        rules: Vec::new(),
        sometimes: false,
        explanation: Arc::new(Explanation {
            reason: "r".into(),
            link: "l".into(),
            place: Place::File("known.toml".into(), Some(3)),
        }),
        is_built_in,
    };
    change(&mut known);
    KnownList { entries: vec![Arc::new(known)] }
}

fn judged(lists: &[&KnownList], outcome: Outcome) -> Judgement {
    let beliefs = Beliefs { known: lists, ..Beliefs::none("a", "b") };
    let case = case(vec![call(&[0], Some(vec![json!({"x": 1.0})]))]);
    judge(&case, &Observation::of(outcome), &beliefs, Strictness::default())
}

fn answered(code: i32) -> Outcome {
    Outcome::Answered(vec![Answer { code: Code(code), ..Answer::default() }])
}

#[test]
fn a_known_failure_is_the_one_that_is_known_and_no_other() {
    let unknown = list(false, |known| known.got = vec![json!({"code": "UNKNOWN"})]);
    assert_eq!(judged(&[&unknown], answered(2)).verdict, Verdict::Known);
    assert_eq!(judged(&[&unknown], answered(13)).verdict, Verdict::Fail);
    let hung = hung();
    assert_eq!(judged(&[&unknown], hung.clone()).verdict, Verdict::Hung);
    let hang = list(false, |known| known.kinds = vec![Kind::Hang]);
    assert_eq!(judged(&[&unknown, &hang], hung).verdict, Verdict::Known);
    let blocked = Outcome::Blocked { why: "b".into() };
    assert_eq!(judged(&[&unknown], blocked).verdict, Verdict::Blocked);
}

#[test]
fn each_finding_must_be_known_be_it_by_several_entries() {
    let two = || Outcome::Answered(vec![ok(&[json!({"x": 2.0}), json!({})])]);
    let field = list(false, |known| known.field = Some("messages[].x".into()));
    let count = list(false, |known| known.kinds = vec![Kind::Count]);
    assert_eq!(judged(&[&field, &count], two()).verdict, Verdict::Known);
    let half = judged(&[&field], two());
    assert_eq!(half.verdict, Verdict::Fail);
    let uncovered: Vec<Kind> = half.deciding().map(|finding| finding.kind).collect();
    assert_eq!(uncovered, [Kind::Count]);
}

#[test]
fn what_passes_is_fixed_in_a_users_list_and_a_note_in_the_built_in_one() {
    let right = || Outcome::Answered(vec![ok(&[json!({"x": 1.0})])]);
    let wanted = |known: &mut Known| known.kinds = vec![Kind::Hang];
    let (own, built_in) = (list(false, wanted), list(true, wanted));
    let fixed = judged(&[&own], right());
    assert_eq!((fixed.verdict, fixed.passes.len()), (Verdict::Fixed, 1));
    let noted = judged(&[&built_in], right());
    assert_eq!((noted.verdict, noted.passes.len()), (Verdict::Pass, 1));
    assert_eq!(judged(&[&built_in], answered(2)).passes.len(), 0);
    // A rule of the wire that all cases may break need not be broken by each.
    let rules = list(false, |known| known.rules = vec!["WIRE-6".into()]);
    assert_eq!(judged(&[&rules], right()).verdict, Verdict::Pass);
}

#[test]
fn an_entry_of_a_library_needs_somebody_who_says_that_he_is_of_it() {
    let entry = list(true, |known| {
        known.whose = Whose::Implementation { names: vec!["grpc-go".into()], versions: None };
        known.got = vec![json!({"code": "UNKNOWN"})];
    });
    assert_eq!(judged(&[&entry], answered(2)).verdict, Verdict::Fail);
    let identity = Identity::claimed("grpc-go", None);
    let lists = [&entry];
    let server = Party { peer: "a", identity: Some(&identity) };
    let beliefs = Beliefs { known: &lists, server, ..Beliefs::none("a", "b") };
    let case = case(vec![call(&[0], None)]);
    let judgement = judge(&case, &Observation::of(answered(2)), &beliefs, Strictness::default());
    assert_eq!(judgement.verdict, Verdict::Known);
}

#[test]
fn a_rule_is_waived_on_the_side_of_its_peer_alone() {
    let broken = || {
        let (side, rule, level) = (Role::Client, "WIRE-6", Level::Must);
        let (expected, got, bytes) = (Value::Null, Value::Null, bytes::Bytes::new());
        let (clause, bytes_of, offset, is_lack) = ("timeout-missing", side, 0, false);
        let breach = Breach { side, clause, expected, got, bytes, bytes_of, offset, is_lack };
        Judgement::of(vec![Finding::of_rule(0, Violation { transcript: 0, rule, level, breach })])
    };
    let case = case(vec![samples::get_sequence()]);
    for (role, rule, expected) in [
        (Role::Client, "WIRE-6", Verdict::Pass),
        (Role::Server, "WIRE-6", Verdict::Fail),
        (Role::Client, "WIRE-5", Verdict::Fail),
    ] {
        let waivers = vec![(role, Waiver { rule, why: "w" })];
        let judgement = Beliefs { waivers, ..Beliefs::none("a", "b") }.apply(&case, broken());
        assert_eq!(judgement.verdict, expected, "{role} {rule}");
        let is_told = judgement.findings[0].effect == Effect::Waived("w".into());
        assert_eq!(is_told, expected == Verdict::Pass, "counted, never silent");
    }
}

#[test]
fn findings_have_an_end_and_those_that_fail_come_first() {
    let listed = |kind| Finding { effect: Effect::Listed, ..Finding::new(kind, Value::Null, 1) };
    let mut findings = vec![listed(Kind::Rule); 150];
    findings.push(Finding::new(Kind::Count, 1, 2));
    let judgement = Judgement::of(findings).bounded();
    assert_eq!((judgement.findings.len(), judgement.more_findings), (MOST_FINDINGS, 51));
    assert_eq!(judgement.findings.last().unwrap().kind, Kind::Count);
}
