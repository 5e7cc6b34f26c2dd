use std::fs;

use prost_reflect::prost::Message as _;

use super::*;
use crate::suite::{CaseHead, Code};

mod channel;
mod index;
mod script;
mod send;

const PROTO: &str = r#"
syntax = "proto3";
package t;
message Ask { double x = 1; repeated int64 many = 2; }
message Reply { int32 y = 1; double z = 2; }
service S {
  rpc Unary(Ask) returns (Reply) {}
  rpc Upload(stream Ask) returns (Reply) {}
}
"#;

const CONTRACT: &str = "\
| id | level | rule | source |
| - | - | - | - |
| R-1 | MUST | x | y |

| class | outcomes | meaning | source |
| - | - | - | - |
| `served` | OK | x | y |
| `refused` | status, HTTP, RST_STREAM, GOAWAY, close | x | y |
| `connection-error` | GOAWAY, close | x | y |
| `lost` | INTERNAL, UNAVAILABLE | x | y |

| id | level | rule | classes | source |
| - | - | - | - | - |
| R-2 | MUST | x | `refused` | y |
| R-3 | MUST | x | `served`; `connection-error` PROTOCOL_ERROR | y |
| R-4 | MUST | x | `lost` | y |
";

/// Loads one suite file in a folder of its own.
fn load_text(file: &str, text: &str) -> Result<Vec<Suite>, String> {
    load_wanted(file, text, &|_| true)
}

/// Likewise, with the cases that are wanted.
fn load_wanted(file: &str, text: &str, wants: &Wants<'_>) -> Result<Vec<Suite>, String> {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    fs::create_dir(root.join("suites")).unwrap();
    fs::write(root.join("t.proto"), PROTO).unwrap();
    fs::write(root.join("contract.md"), CONTRACT).unwrap();
    fs::write(root.join("suites").join(file), text).unwrap();
    let contract = Contract::load(&root.join("contract.md")).unwrap();
    let protos = load_protos(root).unwrap();
    load(&root.join("suites"), &protos, &contract, &[], wants)
        .map_err(|error| error.to_string().replace(&format!("{}/suites/", root.display()), ""))
}

fn toml_suite(case: &str) -> Result<Vec<Suite>, String> {
    load_text("a.toml", &format!("[suite]\nname = \"a\"\nproto = \"t.proto\"\n\n[[case]]\n{case}"))
}

const NAMED: &str = "name = \"c\"\nrule = \"R-1\"\nwhy = \"w\"\n";

#[test]
fn a_class_stands_for_its_codes_also_beside_others() {
    let codes = |code: &str| {
        let text = format!(
            "{NAMED}method = \"t.S/Unary\"\nrequest = {{}}\nexpect = {{ code = {code}, any_messages = true }}"
        );
        toml_suite(&text).map(|suites| suites[0].cases[0].calls[0].expect.codes.clone())
    };
    let lost = [Code::INTERNAL, Code::UNAVAILABLE];
    assert_eq!(codes("\"lost\"").unwrap(), lost);
    assert_eq!(codes("[\"OK\", \"lost\"]").unwrap(), [&[Code::OK][..], &lost].concat());
    assert!(codes("[\"OK\", \"worse\"]").unwrap_err().contains("`worse` is no class"));
    assert!(codes("[]").unwrap_err().contains("an empty list"));
}

#[test]
fn both_formats_give_the_same_case() {
    let toml = toml_suite(&format!(
        "{NAMED}method = \"t.S/Unary\"\nrequest = {{ x = -inf, many = [1, -2] }}\nexpect = {{ messages = [{{ y = 3 }}] }}"
    ))
    .unwrap();
    let json = load_text(
        "a.jsonl",
        concat!(
            r#"{"suite":{"name":"a","proto":"t.proto"}}"#,
            "\n",
            r#"{"name":"c","rule":"R-1","why":"w","method":"t.S/Unary","request":{"x":"-Infinity","many":[1,-2]},"expect":{"messages":[{"y":3}]}}"#,
        ),
    )
    .unwrap();
    let call = |suites: &[Suite]| suites[0].cases[0].calls[0].clone();
    assert_eq!(call(&toml).send, call(&json).send);
    let expected = |suites: &[Suite]| {
        let messages = call(suites).expect.messages.unwrap();
        messages.iter().map(|message| message.encode_to_vec()).collect::<Vec<_>>()
    };
    assert_eq!(expected(&toml), [[0x08, 0x03]]);
    assert_eq!(expected(&json), [[0x08, 0x03]]);
    assert_eq!(toml[0].cases[0].name, "a/c");
    assert_eq!(toml[0].cases[0].place.to_string().rsplit(':').next(), Some("5"));
}

#[test]
fn calls_inherit_from_their_case() {
    let suites = toml_suite(&format!(
        "{NAMED}method = \"t.S/Unary\"\nexpect = {{ messages = [{{}}] }}\ncalls = [{{ request = {{ x = 1 }} }}, {{ request = {{}}, expect = {{ code = [\"INTERNAL\", \"UNKNOWN\"] }} }}]"
    ))
    .unwrap();
    let calls = &suites[0].cases[0].calls;
    assert_eq!(calls.len(), 2);
    assert_eq!(calls[0].expect.codes, [Code::OK]);
    assert_eq!(calls[1].expect.codes, [Code(13), Code(2)]);
    assert_eq!(calls[1].expect.message_count, Some(0));
}

#[test]
fn floats_keep_every_bit() {
    let suites = toml_suite(&format!(
        "{NAMED}method = \"t.S/Unary\"\nrequest = {{}}\nexpect = {{ messages = [{{ z = -0.0 }}] }}"
    ))
    .unwrap();
    let messages = suites[0].cases[0].calls[0].expect.messages.clone().unwrap();
    let z = messages[0].get_field_by_name("z").unwrap().as_f64().unwrap();
    assert_eq!(z.to_bits(), (-0.0_f64).to_bits());
}

fn bytes_of(call: &crate::suite::Call) -> &[u8] {
    &call.requests().next().unwrap().bytes
}

#[test]
fn raw_requests_are_bytes() {
    let suites = toml_suite(&format!(
        "{NAMED}method = \"t.S/Unary\"\nrequest_hex = \"0a fF\"\nexpect = {{ code = \"INTERNAL\" }}"
    ))
    .unwrap();
    let call = &suites[0].cases[0].calls[0];
    assert_eq!((bytes_of(call), call.raw), ([0x0a, 0xff].as_slice(), true));
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    let call = "method = \"t.S/Unary\"\nrequest = {}\n";
    let fine = "expect = { messages = [] }";
    for (case, expected) in [
        (format!("rule = \"R-1\"\nwhy = \"w\"\n{call}{fine}"), "a.toml:5: missing field `name`"),
        (
            format!("{}{call}{fine}", NAMED.replace("\"c\"", "\"C c\"")),
            "a.toml:6: case `C c`: case name `C c`",
        ),
        (
            format!("{}{call}{fine}", NAMED.replace("R-1", "R-9")),
            "case `c`: rule `R-9` is not in the contract",
        ),
        (
            format!("{NAMED}{call}{fine}\ncolour = 1"),
            "case `c`: unknown field `colour`, expected one of `name`, ",
        ),
        (
            format!("{NAMED}{call}{fine}\nsequental = true"),
            "unknown field `sequental` (did you mean `sequential`?)",
        ),
        (
            format!("{NAMED}{call}expect = {{ mesages = [] }}"),
            "expect: unknown field `mesages` (did you mean `messages`?)",
        ),
        (
            format!("{NAMED}method = \"t.S/Nope\"\nrequest = {{}}\n{fine}"),
            "no method `t.S/Nope` in the proto; it has t.S/Unary",
        ),
        (
            format!("{NAMED}{call}request_hex = \"\"\n{fine}"),
            "both `request` and `request_hex`; give one",
        ),
        (format!("{NAMED}{call}unknown_method = true\n{fine}"), "but the proto has `t.S/Unary`"),
        (
            format!("{NAMED}method = \"t.S/Unary\"\nrequest = {{ xx = 1 }}\n{fine}"),
            "request: unrecognized field name 'xx'",
        ),
        (
            format!("{NAMED}method = \"t.S/Unary\"\nrequest = {{ many = [1, \"a\"] }}\n{fine}"),
            "request.many[1]: ",
        ),
        (format!("{NAMED}method = \"t.S/Unary\"\n{fine}"), "no `request`"),
        (format!("{NAMED}{call}request_hex = \"00\"\n{fine}"), "both `request` and `request_hex`"),
        (
            format!("{NAMED}method = \"t.S/Unary\"\nrequest_hex = \"0\"\n{fine}"),
            "odd number of digits",
        ),
        (
            format!("{NAMED}method = \"t.S/Unary\"\nrequest_hex = \"0g\"\n{fine}"),
            "no hexadecimal digit",
        ),
        (format!("{NAMED}{call}expect = {{}}"), "nothing is checked"),
        (
            format!("{NAMED}{call}expect = {{ code = \"FINE\" }}"),
            "expect.code: `FINE` is no status code",
        ),
        (format!("{NAMED}{call}expect = {{ code = [] }}"), "expect.code: an empty list"),
        (
            format!("{NAMED}{call}expect = {{ code = [], messages = [] }}"),
            "expect.code: an empty list",
        ),
        (
            format!("{NAMED}{call}expect = {{ messages = [], approx = {{ relative = -1 }} }}"),
            "expect.approx: a tolerance is 0 or more",
        ),
        (
            format!("{NAMED}{call}expect = {{ messages = [], trailers = [[\"K\", \"v\"]] }}"),
            "expect.trailers: `K`",
        ),
        (
            format!("{NAMED}{call}expect = {{ messages = [{{ y = 1.5 }}] }}"),
            "expect.messages[0].y: ",
        ),
        (format!("{NAMED}{call}expect = {{ messages = [], message_count = 1 }}"), "give one"),
        (format!("{NAMED}{call}timeout = \"soon\"\n{fine}"), "timeout: `soon` is no duration"),
        (format!("{NAMED}{call}metadata = [[\"Upper\", \"v\"]]\n{fine}"), "metadata: `Upper`"),
        (
            format!("{NAMED}{call}metadata = [[\"a-bin\", \"AA\"]]\n{fine}"),
            "metadata: `a-bin`: the value",
        ),
        (
            format!("{NAMED}{call}compression = \"zip\"\n{fine}"),
            "compression: unknown variant `zip`",
        ),
        (
            format!("{NAMED}{call}{fine}\n[[case]]\n{NAMED}{call}{fine}"),
            "case `a/c` stands at a.toml:5 already",
        ),
    ] {
        let error = toml_suite(&case).expect_err(&case);
        assert!(error.contains(expected), "{case}\ngot:  {error}\nwant: {expected}");
    }
}

/// A suite of one case, whose lines are numbered from its first.
fn line_of(head: &str, case: &str) -> (usize, String) {
    let text = format!("[suite]\nname = \"a\"\nproto = \"t.proto\"\n{head}\n[[case]]\n{case}");
    let before = text[..text.find("[[case]]").unwrap()].lines().count();
    let error = load_text("a.toml", &text).expect_err(&text);
    let line = error.split(':').nth(1).and_then(|line| line.parse::<usize>().ok()).expect(&error);
    (line.saturating_sub(before), error)
}

#[test]
fn the_line_is_that_of_what_is_wrong() {
    let scripted = "method = \"t.S/Unary\"\nscripted = \"client\"\nexpect = { closed = true }\n";
    for (case, line, expected) in [
        ("", 1, "missing field `name`"),
        ("rule = \"R-9\"\nwhy = \"w\"\nname = \"c\"", 2, "case `c`: rule `R-9`"),
        ("name = \"c\"\nrule = \"R-1\"\nwhy = \"w\"\ncolour = 1", 5, "unknown field `colour`"),
        (
            "name = \"c\"\nrule = \"R-1\"\nwhy = \"w\"\nneeds = [\n\"gzip\",\n\"gizp\",\n]",
            5,
            "needs: no feature `gizp` (did you mean `gzip`?)",
        ),
        (
            &format!(
                "{NAMED}method = \"t.S/Unary\"\nrequest = {{}}\n[case.expect]\ncode = \"OK\"\nmesages = []"
            ),
            9,
            "expect: unknown field `mesages`",
        ),
        (
            &format!(
                "{NAMED}method = \"t.S/Unary\"\nexpect = {{ messages = [] }}\n[case.request]\nmany = [\n1,\n\"a\",\n]"
            ),
            10,
            "request.many[1]: ",
        ),
        (
            &format!(
                "{NAMED}method = \"t.S/Unary\"\nexpect = {{ messages = [] }}\ncalls = [\n{{ request = {{}} }},\n{{ request = {{ x = \"y\" }} }},\n]"
            ),
            9,
            "calls[1].request.x: ",
        ),
        (
            &format!(
                "{NAMED}method = \"t.S/Unary\"\nexpect = {{ messages = [] }}\ntimeout = \"soon\"\ncalls = [\n{{ request = {{}} }},\n]"
            ),
            7,
            "calls[0].timeout: `soon`",
        ),
        (
            &format!(
                "{NAMED}{scripted}script = [\n{{ ping = \"x\" }},\n{{ ping = \"x\", count = 1 }},\n]"
            ),
            10,
            "script[1]: `count` does not go with `ping`, which takes `stream`; it belongs to `wait_for`",
        ),
        // Written once, and sent ten times.
        (
            &format!(
                "{NAMED}{scripted}script = [\n{{ \"$repeat\" = 10, of = [\n{{ ping = \"x\" }},\n{{ pause = \"1ms\" }} ] }},\n{{ pong = \"x\" }},\n]"
            ),
            12,
            "script[20]: unknown field `pong` (did you mean `ping`?)",
        ),
        (
            &format!(
                "{NAMED}{scripted}script = [\n{{ \"$repeat\" = 10, of = [\n{{ ping = \"x\" }},\n{{ pause = \"never\" }} ] }},\n]"
            ),
            11,
            "script[1].pause: `never` is no duration",
        ),
        // What a short step stands for counts as one.
        (
            &format!(
                "{NAMED}method = \"t.S/Unary\"\nrequest = {{}}\nexpect = {{ code = \"INTERNAL\" }}\nscripted = \"server\"\nscript = [\n{{ wait_for = \"whole-request\" }},\n{{ answer = {{}} }},\n{{ wait_for = \"ping-ack\" }},\n]"
            ),
            12,
            "script[2]: a wait for the answer to PING, and none was sent",
        ),
        // A value that comes from a row.
        (
            "name = \"c/$n\"\nrule = \"R-1\"\nwhy = \"w\"\nmethod = \"t.S/Unary\"\nrequest = {}\nexpect = { code = \"$code\" }\neach = [\n{ n = 1, code = \"INTERNAL\" },\n{ n = 2, code = \"FINE\" },\n]",
            10,
            "case `c/2`: each[1]: expect.code: `FINE` is no status code",
        ),
        // One that does not.
        (
            "name = \"c/$n\"\nrule = \"R-1\"\nwhy = \"w\"\nmethod = \"t.S/Unary\"\nrequest = { z = 1 }\nexpect = { code = \"$code\" }\neach = [\n{ n = 1, code = \"INTERNAL\" },\n]",
            6,
            "each[0]: request",
        ),
        (
            "name = \"c\"\nrule = \"R-1\"\nwhy = \"w\"\neach = [\n{ x = 1 },\n]",
            6,
            "each[0]: `x` is used nowhere",
        ),
    ] {
        let (found, error) = line_of("", case);
        assert!(error.contains(expected), "{case}\ngot:  {error}\nwant: {expected}");
        assert_eq!(found, line, "{case}\n{error}");
    }
}

#[test]
fn a_suite_says_at_its_head_what_its_cases_share() {
    let suite = |head: &str, cases: &str| {
        load_text("a.toml", &format!("[suite]\nname = \"a\"\nproto = \"t.proto\"\n{head}\n{cases}"))
    };
    let head = "[suite.defaults]\nrule = \"R-1\"\nmethod = \"t.S/Unary\"\nrequest = { x = 1 }\nmetadata = [[\"k\", \"v\"]]\nexpect = { code = \"INTERNAL\" }\n";
    let suites = suite(
        head,
        "[[case]]\nname = \"c\"\nwhy = \"w\"\n[[case]]\nname = \"d\"\nwhy = \"w\"\nrequest_hex = \"00\"\nmetadata = []\n[[case]]\nname = \"e\"\nwhy = \"w\"\ncalls = [{ request = {} }, {}]\n",
    )
    .unwrap();
    let cases = &suites[0].cases;
    let request = |case: usize, call: usize| bytes_of(&cases[case].calls[call]);
    assert_eq!(cases[0].rule, "R-1");
    assert_eq!(request(0, 0), [&[9][..], &1.0_f64.to_le_bytes()].concat());
    assert_eq!((request(1, 0), cases[1].calls[0].raw), (&[0][..], true));
    assert_eq!(cases[0].calls[0].options.metadata.len(), 1);
    assert_eq!(cases[1].calls[0].options.metadata.len(), 0);
    assert_eq!((request(2, 0), request(2, 1)), (&[][..], request(0, 0)));
    for (head, expected) in [
        (
            "defaults = { rules = 1 }",
            "a.toml:4: suite.defaults: unknown field `rules` (did you mean `rule`?)",
        ),
        (
            "[suite.defaults]\n\nname = \"c\"",
            "a.toml:6: suite.defaults: `name` among the defaults; each case has its own",
        ),
        (
            "[suite.defaults]\nmethod = \"t.S/Nope\"\nrequest = {}\nexpect = { code = \"INTERNAL\" }\nrule = \"R-1\"",
            "a.toml:5: case `c`: no method `t.S/Nope`",
        ),
        ("colour = 1", "a.toml:4: suite: unknown field `colour`"),
    ] {
        let error = suite(head, "[[case]]\nname = \"c\"\nwhy = \"w\"\n").unwrap_err();
        assert!(error.starts_with(expected), "{head}\ngot:  {error}\nwant: {expected}");
    }
}

/// A case with every field that a case and a call have: all of them are shown.
#[test]
fn no_field_is_left_out_when_a_case_is_shown() {
    let suites = toml_suite(&format!(
        "{NAMED}source = \"s\"\nneeds = [\"directions\"]\nalone = true\npristine = true\n\
         sequential = true\nlinger = \"1s\"\nserver_memory_bytes = 1\n\
         fault = {{ ping = true }}\ntls = {{ tap = \"ends\" }}\n\
         own_pair = true\nreconnect = true\n\
         channel = {{ over = \"ipv6\" }}\nserver_over = \"unix\"\nserver_settings = {{ max-age = \"1s\" }}\n\
         method = \"t.S/Unary\"\nrequest = {{ x = 1 }}\ntimeout = \"3s\"\npause = \"2s\"\n\
         metadata = [[\"k\", \"v\"]]\ncompression = \"gzip\"\ncancel_after_messages = 1\n\
         read_delay = \"5ms\"\n\
         [case.expect]\ncode = \"ABORTED\"\nmessages = [{{ y = 1 }}]\npartial = true\n\
         unknown_fields = true\nstatus_message = \"a\"\nstatus_message_has = \"b\"\n\
         status_message_lacks = \"c\"\nstatus_details = \"AA==\"\n\
         approx = {{ relative = 1.0 }}\nheaders = [[\"h\", \"1\"]]\n\
         trailers = [[\"t\", \"1\"]]\nwire = [\"ping-answered\"]\n"
    ))
    .unwrap();
    let shown = serde_json::json!(*suites[0].cases[0]);
    let call = &shown["calls"][0];
    let is_shown = |value: &Value, field: &str| {
        value.as_object().unwrap().keys().any(|key| key == field || key == &format!("{field}_ms"))
    };
    use crate::suite::{call::*, case::*, expect::*, table::fields_of};
    for field in fields_of::<Case>() {
        assert!(is_shown(&shown, field), "{field}: {shown:#}");
    }
    let of_call = [fields_of::<WrittenCall>(), fields_of::<CallOptions>()].concat();
    // What is written instead of others.
    let instead = ["unknown_method", "request_hex", "send"];
    for field in of_call.iter().filter(|field| !instead.contains(field)) {
        assert!(is_shown(call, field), "{field}: {call:#}");
    }
    let instead = ["message_count", "any_messages"];
    for field in fields_of::<Expect<Value>>().iter().filter(|field| !instead.contains(field)) {
        assert!(is_shown(&call["expect"], field), "{field}: {call:#}");
    }
}

#[test]
fn a_bad_file_is_named() {
    for (file, text, expected) in [
        ("a.toml", "suite = 1", "a.toml:1: suite: invalid type"),
        ("a.toml", "[suite]\nname = \"a\"\nproto = \"no.proto\"", "proto `no.proto` is not among"),
        ("a.jsonl", "", "a.jsonl:1: the first line names the suite"),
        ("a.jsonl", "{\"suite\":{\"name\":\"a\",\"proto\":\"t.proto\"}}\n{", "a.jsonl:2: EOF"),
        ("a.txt", "", "no suite"),
    ] {
        let error = load_text(file, text).unwrap_err();
        assert!(error.contains(expected), "{file} {text}: {error}");
    }
}

#[test]
fn what_is_done_side_by_side_comes_in_order() {
    let delays: Vec<u64> = (0..40).map(|number| (number * 7) % 5).collect();
    let done = side_by_side(&delays, |delay| {
        std::thread::sleep(std::time::Duration::from_millis(*delay));
        *delay
    });
    assert_eq!(done, delays);
    assert!(side_by_side(&[], |delay: &u64| *delay).is_empty());
}

#[test]
fn a_proto_that_does_not_compile_is_named() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("bad.proto"), "syntax = \"proto3\"; message {").unwrap();
    let error = load_protos(folder.path()).unwrap_err().to_string();
    assert!(error.contains("bad.proto"), "{error}");
}
