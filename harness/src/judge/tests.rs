use std::{path::Path, time::Duration};

use prost_reflect::{DynamicMessage, prost::Message as _};

use super::*;
use crate::{
    input::{OneOrMore, Place},
    observe::{Death, Remark, Words},
    pattern::Pattern,
    role::Role,
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

fn reason(call: &Call, answer: Answer) -> String {
    judge_outcome(&case(vec![call.clone()]), &Outcome::Answered(vec![answer])).reason
}

#[test]
fn the_first_difference_is_named_by_its_path() {
    let want = |value: Value| call(&[0], Some(vec![value]));
    for (name, want, got, expected) in [
        ("equal", want(json!({"list": [5]})), ok(&[json!({"list": [5]})]), ""),
        (
            "list",
            want(json!({"list": [5]})),
            ok(&[json!({"list": [2, 5]})]),
            "messages[0].list: expected [5], got [2, 5]",
        ),
        (
            "default",
            want(json!({"x": 1.5})),
            ok(&[json!({})]),
            "messages[0].x: expected 1.5, got 0.0",
        ),
        (
            "zero's sign",
            want(json!({"x": -0.0})),
            ok(&[json!({"x": 0.0})]),
            "messages[0].x: expected -0.0, got 0.0",
        ),
        ("nan", want(json!({"x": "NaN"})), ok(&[json!({"x": "NaN"})]), ""),
        (
            "nested presence",
            want(json!({"inner": {"n": 0}})),
            ok(&[json!({"inner": {}})]),
            "messages[0].inner.n: expected present, got absent",
        ),
        ("too few", want(json!({})), ok(&[]), "expected 1 message, got 0"),
        ("too many", want(json!({})), ok(&[json!({}), json!({})]), "expected 1 message, got 2"),
        (
            "hostile text",
            want(json!({"text": "a"})),
            ok(&[json!({"text": "\u{1b}[2J"})]),
            "messages[0].text: expected \"a\", got \"\\u{1b}[2J\"",
        ),
        (
            "unknown field",
            want(json!({})),
            Answer { messages: vec![vec![0x48, 1]], ..Answer::default() },
            "messages[0]: field 9 is not in the proto",
        ),
        (
            "undecodable",
            want(json!({})),
            Answer { messages: vec![vec![0x0a]], ..Answer::default() },
            "messages[0] is no t.Reply: failed to decode Protobuf message: ",
        ),
    ] {
        let reason = reason(&want, got);
        assert!(
            if expected.ends_with(": ") {
                reason.starts_with(expected)
            } else {
                reason == expected
            },
            "{name}: {reason}"
        );
    }
}

#[test]
fn unknown_fields_may_be_allowed() {
    let mut want = call(&[0], Some(vec![json!({"x": 1.0})]));
    let mut got = ok(&[json!({"x": 1.0})]);
    got.messages[0].extend([0x48, 1]);
    assert_eq!(reason(&want, got.clone()), "messages[0]: field 9 is not in the proto");
    want.expect.takes_unknown_fields = true;
    assert_eq!(reason(&want, got), "");
}

#[test]
fn the_first_messages_are_enough_only_of_a_call_that_fails() {
    let mut want = call(&[0, 14], Some(vec![json!({"x": 1.0}), json!({"x": 2.0})]));
    want.expect.is_partial = true;
    let first = ok(&[json!({"x": 1.0})]);
    assert_eq!(reason(&want, Answer { code: Code(14), ..first.clone() }), "");
    assert_eq!(reason(&want, first), "expected 2 messages, got 1");
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
        let reason = reason(&wanted, ok(&[json!({ "x": got.clone() })]));
        assert_eq!(reason.is_empty(), is_same, "{want} and {got}, {approx:?}: {reason}");
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
    assert_eq!(reason(&want, status(3, "m")), "");
    assert_eq!(reason(&want, status(0, "")), "expected OUT_OF_RANGE or INVALID_ARGUMENT, got OK");
    assert_eq!(
        reason(&want, status(13, "a\nb")),
        "expected OUT_OF_RANGE or INVALID_ARGUMENT, got INTERNAL (a\\nb)"
    );
    assert_eq!(
        reason(&want, status(99, "")),
        "expected OUT_OF_RANGE or INVALID_ARGUMENT, got code 99"
    );
    want.expect.status_message = Some("n".into());
    assert_eq!(reason(&want, status(3, "m")), "status message: expected `n`, got `m`");
    want.expect.status_message = None;
    want.expect.status_message_has = Some("ha".into());
    assert_eq!(reason(&want, status(3, "aha")), "");
    assert_eq!(reason(&want, status(3, "a")), "status message: expected `ha` in it, got `a`");
    want.expect.status_message_has = None;
    want.expect.trailers = vec![("k".into(), "v".into())];
    assert_eq!(reason(&want, status(3, "")), "trailers: expected k `v`, got none");
    let mut answer = status(3, "");
    answer.trailers = vec![("k".into(), "w".into())];
    assert_eq!(reason(&want, answer.clone()), "trailers: expected k `v`, got `w`");
    answer.trailers.push(("k".into(), "v".into()));
    assert_eq!(reason(&want, answer.clone()), "trailers: expected k `v`, got `w,v`");
    want.expect.trailers = vec![("k".into(), "w".into()), ("k".into(), "v".into())];
    assert_eq!(reason(&want, answer), "");
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
        let reason = reason(&want, Answer { trailers, ..status(3, "") });
        assert_eq!(reason.is_empty(), is_same, "`{joined}`: {reason}");
    }
    // Blanks and commas within a value are its own.
    want.expect.trailers = vec![("k".into(), "a, b".into()), ("k".into(), " c".into())];
    for (joined, is_same) in
        [("a, b, c", true), ("a, b,  c", true), ("a,b, c", false), ("a, b,c", false)]
    {
        let trailers = vec![("k".into(), joined.into())];
        let reason = reason(&want, Answer { trailers, ..status(3, "") });
        assert_eq!(reason.is_empty(), is_same, "`{joined}`: {reason}");
    }
}

#[test]
fn one_wrong_call_of_many_decides() {
    let calls = vec![call(&[0], Some(vec![json!({"list": [1]})])); 3];
    let answers =
        vec![ok(&[json!({"list": [1]})]), ok(&[json!({"list": [2]})]), ok(&[json!({"list": [3]})])];
    let judgement = judge_outcome(&case(calls), &Outcome::Answered(answers));
    assert_eq!(judgement.reason, "call 1: messages[0].list: expected [1], got [2]");
    assert_eq!(judgement.actual, Some(json!({"code": "OK", "messages": [{"list": [2]}]})));
}

fn hung(why: &str) -> Outcome {
    Outcome::Hung { why: why.to_owned(), words: Vec::new(), remarks: Vec::new() }
}

#[test]
fn a_hang_and_a_crash_quote_what_the_processes_said() {
    let words = |first: &[&str], last: &[&str]| Words {
        first: first.iter().map(ToString::to_string).collect(),
        last: last.iter().map(ToString::to_string).collect(),
    };
    let remarks = vec![Remark::AfterItsAnswer, Remark::AnsweredAlone { beside: 1 }];
    let said = "this came after its own answer; run again alone, the case was answered, and so was each of the 1 trial beside it";
    let client = words(&["Error: x", "at y"], &["\u{1b}[31mz"]);
    let words = vec![(Role::Client, client.clone()), (Role::Server, words(&[], &["w"]))];
    let outcome = Outcome::Hung { why: "no answer".to_owned(), words, remarks: remarks.clone() };
    let case = case(vec![]);
    let expected = r"no answer; the client's first words: Error: x | at y; the client's last words: \u{1b}[31mz; the server's last words: w; ";
    let judgement = judge_outcome(&case, &outcome);
    assert_eq!(judgement.reason, format!("{expected}{said}"));
    let death = Death { how: "exited with status 3".to_owned(), words: client };
    let outcome = Outcome::Crashed { role: Role::Client, death, remarks };
    let expected = r"the client exited with status 3; its first words: Error: x | at y; its last words: \u{1b}[31mz; ";
    let judgement = judge_outcome(&case, &outcome);
    assert_eq!(judgement.reason, format!("{expected}{said}"));
    assert!(judgement.is_answered_alone);
}

#[test]
fn every_outcome_has_its_verdict_and_side() {
    let why = || "why".to_owned();
    let crashed = |role| {
        let death = Death { how: why(), words: Words::default() };
        Outcome::Crashed { role, death, remarks: Vec::new() }
    };
    for (outcome, verdict, side) in [
        (Outcome::FeatureMissing { why: why() }, Verdict::Unsupported, None),
        (Outcome::Refused { why: why() }, Verdict::Fail, Some(Side::Client)),
        (Outcome::malformed(why()), Verdict::Fail, Some(Side::Client)),
        (hung(&why()), Verdict::Hung, None),
        (crashed(Role::Server), Verdict::Crashed, Some(Side::Server)),
        (crashed(Role::Client), Verdict::Crashed, Some(Side::Client)),
        (Outcome::Blocked { why: why() }, Verdict::Blocked, None),
    ] {
        let judgement = judge_outcome(&case(vec![]), &outcome);
        assert_eq!((judgement.verdict, judgement.side), (verdict, side), "{outcome:?}");
        assert!(judgement.reason.contains("why"), "{outcome:?}");
    }
}

#[test]
fn a_known_failure_must_be_the_one_that_is_known() {
    let any = || Pattern::parse("**").unwrap();
    let known = |message: &str| {
        Arc::new(Known {
            server: any(),
            client: any(),
            case: any(),
            message: OneOrMore(vec![message.into()]),
            rules: Vec::new(),
            reason: "r".into(),
            link: "l".into(),
            place: Place::File("known.toml".into(), Some(3)),
        })
    };
    let case = case(vec![call(&[0], Some(vec![]))]);
    let verdict_by = |message: &str, outcome| {
        let known = known(message);
        let judgement =
            judge(&case, &Observation::of(outcome), Some(&known), Strictness::default());
        (judgement.verdict, judgement.reason)
    };
    let verdict = |outcome| verdict_by("expected OK, got UNKNOWN", outcome);
    let answered = |code| Outcome::Answered(vec![Answer { code: Code(code), ..Answer::default() }]);
    assert_eq!(verdict(answered(2)).0, Verdict::Known);
    let (fixed, reason) = verdict(answered(0));
    assert_eq!(fixed, Verdict::Fixed);
    assert!(reason.contains("known.toml:3"), "{reason}");
    let (hung, reason) = verdict(hung("no answer"));
    assert_eq!(hung, Verdict::Hung);
    assert!(reason.contains("known.toml:3 knows another failure of it: expected OK"), "{reason}");
    for (message, expected) in [
        ("expected OK", "extend its `message` into `, got UNKNOWN`"),
        ("expected OK, got ", "extend its `message` into `UNKNOWN`"),
        ("expected OK, got UNK", "ends within a word"),
    ] {
        let (verdict, reason) = verdict_by(message, answered(2));
        assert_eq!(verdict, Verdict::Fail);
        assert!(reason.contains(expected), "{reason}");
    }
    assert_eq!(verdict(Outcome::Blocked { why: "b".into() }).0, Verdict::Blocked);
}
