//! Every step and outcome of a script is read, and what makes no sense is an error that
//! says where and what to do.

use super::{NAMED, toml_suite};
use crate::{
    role::Role,
    suite::{Code, Habit, Script},
};

/// The script of a case with these fields beside its name.
fn read(fields: &str) -> Result<Script, String> {
    let suites = toml_suite(&format!("{NAMED}{fields}"))?;
    Ok((**suites[0].cases[0].script.as_ref().expect("a script")).clone())
}

fn client(script: &str, expect: &str) -> Result<Script, String> {
    read(&format!(
        "method = \"t.S/Unary\"\nscripted = \"client\"\nscript = [{script}]\nexpect = {expect}"
    ))
}

/// A client's script whose case checks this rule.
fn of_rule(rule: &str, expect: &str, fields: &str) -> Result<Script, String> {
    let suites = toml_suite(&format!(
        "{}{fields}method = \"t.S/Unary\"\nscripted = \"client\"\nscript = []\nexpect = {expect}",
        NAMED.replace("R-1", rule)
    ))?;
    Ok((**suites[0].cases[0].script.as_ref().expect("a script")).clone())
}

fn server(script: &str) -> Result<Script, String> {
    read(&format!(
        "method = \"t.S/Unary\"\nrequest = {{}}\nscripted = \"server\"\nscript = [{script}]\n\
         expect = {{ code = \"INTERNAL\" }}"
    ))
}

const CLOSED: &str = "{ closed = true }";

#[test]
fn every_step_is_read() {
    for (step, expected) in [
        (
            "{ headers = \"request\", end = true }",
            "HEADERS: :method=POST :scheme=http :path=/t.S/Unary :authority=localhost te=trailers content-type=application/grpc, END_STREAM",
        ),
        (
            "{ headers = \"none\", add = [[\"a\", \"1\"]], first = [[\"b\", \"2\"]], stream = 3 }",
            "HEADERS on stream 3: b=2 a=1",
        ),
        (
            "{ headers = \"none\", set = { a = \"1\" }, block_hex = \"82\" }",
            "HEADERS: a=1 :method=GET",
        ),
        (
            "{ headers = \"none\", table_size = 0, open_block = true, with_priority = true }",
            "HEADERS: , without END_HEADERS",
        ),
        (
            "{ headers = \"none\", pieces = [0, 5], padding = 2 }",
            "HEADERS: , in pieces of 0, 5 bytes, 2 bytes of padding",
        ),
        ("{ message = { x = 0 } }", "DATA: 00 00 00 00 00"),
        (
            "{ message_hex = \"ff\", flag = 2, length = 9, end = true }",
            "DATA: 02 00 00 00 09 ff, END_STREAM",
        ),
        (
            "{ data_hex = \"\", stream = 5, overrun = true }",
            "DATA on stream 5: nothing, whatever the windows are",
        ),
        ("{ rst_stream = \"CANCEL\" }", "RST_STREAM: CANCEL"),
        ("{ goaway = 99, last_stream = 7 }", "GOAWAY: error code 99, last stream 7"),
        (
            "{ settings = { max_frame_size = 1, \"0x99\" = 2 } }",
            "SETTINGS: max_frame_size = 1, 0x0099 = 2",
        ),
        ("{ window_update = 4294967295, stream = 1 }", "WINDOW_UPDATE on stream 1: 4294967295"),
        ("{ ping = \"12345678\" }", "PING: 31 32 33 34 35 36 37 38"),
        ("{ priority = 3 }", "PRIORITY: 00 00 00 03 0f"),
        (
            "{ frame = { kind = 9, flags = 4, payload_hex = \"00\" }, stream = 1 }",
            "CONTINUATION on stream 1, flags 0x04: 00",
        ),
        ("{ bytes = \"ab\" }", "2 bytes as they are: 61 62"),
        ("{ bytes_hex = \"6162\" }", "2 bytes as they are: 61 62"),
        ("{ wait_for = \"messages\", count = 2 }", "wait for 2 messages"),
        (
            "{ wait_for = [\"rst-stream\", \"close\"] }",
            "wait for RST_STREAM or the end of the connection",
        ),
        (
            "{ wait_for = [\"close\", \"goaway\"], code = [\"PROTOCOL_ERROR\", \"CANCEL\"] }",
            "wait for the end of the connection or GOAWAY PROTOCOL_ERROR or CANCEL",
        ),
        ("{ wait_for = \"data-bytes\" }", "wait for 1 bytes of DATA"),
        ("{ pause = \"5ms\" }", "pause for 5 ms"),
        ("{ close = \"reset\" }", "reset the connection"),
    ] {
        let script = client(step, CLOSED).unwrap_or_else(|why| panic!("{step}: {why}"));
        assert_eq!(script.steps[0].to_string(), expected, "{step}");
    }
    let preface = client("{ preface = true }", CLOSED).unwrap();
    assert!(preface.steps[0].to_string().starts_with("24 bytes as they are: 50 52 49"));
    let after_request = |step: &str| format!("{{ wait_for = \"request\" }}, {step}");
    let fields = |step: &str| server(&after_request(step)).unwrap().steps[1].to_string();
    let response = "HEADERS: :status=200 content-type=application/grpc";
    assert_eq!(fields("{ headers = \"response\" }"), response);
    assert_eq!(fields("{ headers = \"trailers\" }"), "HEADERS: grpc-status=0, END_STREAM");
}

/// A short step is what it stands for.
#[test]
fn short_steps_are_several() {
    let of_client = |script: &str| client(script, CLOSED).unwrap().steps;
    assert_eq!(
        of_client("{ request = { x = 1 } }"),
        of_client("{ headers = \"request\" }, { message = { x = 1 }, end = true }"),
    );
    let of_server = |script: &str| server(script).unwrap().steps;
    for (short, long) in [
        ("{ wait_for = \"whole-request\" }", "{ wait_for = \"request\" }, { wait_for = \"end\" }"),
        (
            "{ wait_for = \"whole-request\", optional = true }",
            "{ wait_for = \"request\", optional = true }, { wait_for = \"end\" }",
        ),
        (
            "{ wait_for = \"request\" }, { answer = { y = 1 } }",
            "{ wait_for = \"request\" }, { headers = \"response\" }, { message = { y = 1 } }, { headers = \"trailers\" }",
        ),
        (
            "{ wait_for = \"request\" }, { answer = [{ y = 1 }, {}] }",
            "{ wait_for = \"request\" }, { headers = \"response\" }, { message = { y = 1 } }, { message = {} }, { headers = \"trailers\" }",
        ),
        (
            "{ wait_for = \"request\" }, { answer = [] }",
            "{ wait_for = \"request\" }, { headers = \"response\" }, { headers = \"trailers\" }",
        ),
    ] {
        assert_eq!(of_server(short), of_server(long), "{short}");
    }
    let error = server("{ wait_for = \"request\" }, { answer = [{}, { wrong = 1 }] }").unwrap_err();
    assert!(error.contains("script[1].answer[1]: "), "{error}");
    let error = server("{ request = {} }").unwrap_err();
    assert!(
        error.contains("script[0].request: a server sends no request; give `answer`"),
        "{error}"
    );
}

#[test]
fn steps_that_make_no_sense_are_refused() {
    for (step, expected) in [
        ("{}", "nothing is done"),
        ("{ preface = false }", "preface: write `true`, or leave it out"),
        ("{ ping = \"x\", pause = \"1ms\" }", "a step does one thing; here are ping and pause"),
        ("{ pong = \"x\" }", "unknown field `pong`"),
        ("{ ping = \"123456789\" }", "more than 8 bytes; give `frame`"),
        ("{ pause = \"soon\" }", "pause: "),
        ("{ pause = \"11s\" }", "the script pauses for 11 s, and is over after 10 s"),
        ("{ rst_stream = \"WRONG\" }", "`WRONG` is no HTTP/2 error code"),
        ("{ settings = { wrong = 1 } }", "`wrong` is no setting of HTTP/2"),
        ("{ settings = { \"0x1\" = 1 }, stream = 1 }", "`settings`, which takes nothing else"),
        (
            "{ wait_for = \"end\", stream = 1 }",
            "takes `count`, `code`, `optional`; it belongs to `headers`, ",
        ),
        ("{ close = \"close\", stream = 1 }", "`stream` does not go with `close`"),
        ("{ wait_for = \"dinner\" }", "unknown variant `dinner`"),
        ("{ wait_for = \"request\" }", "a client is sent none"),
        ("{ wait_for = \"ping-ack\" }", "the answer to PING, and none was sent; send one"),
        ("{ hold = true, stream = 1 }", "`stream` does not go with `hold`"),
        ("{ wait_for = \"end\", count = 1 }", "`count` belongs to"),
        ("{ wait_for = \"end\", code = \"CANCEL\" }", "`code` belongs to"),
        (
            "{ ping = \"x\", code = \"CANCEL\" }",
            "`code` does not go with `ping`, which takes `stream`; it belongs to `wait_for`",
        ),
        ("{ message = { wrong = 1 } }", "message"),
        (
            "{ message = {}, data_hex = \"\" }",
            "a step does one thing; here are message and data_hex",
        ),
        ("{ data_hex = \"0\" }", "odd number of digits"),
        ("{ data_hex = \"\", flag = 1 }", "`flag` does not go with `data_hex`"),
        ("{ data_hex = \"\", pieces = 0 }", "give 1 or more"),
        ("{ data_hex = \"\", pieces = [] }", "give 1 or more"),
        ("{ data_hex = \"\", pieces = [3, 0] }", "give 1 or more"),
        ("{ data_hex = \"\", pieces = 16777216 }", "more than a frame's length can say"),
        ("{ headers = \"none\", pieces = 0 }", "give 1 or more"),
        ("{ headers = \"request\", drop = [\"x\"] }", "there is no field `x`"),
        ("{ headers = \"request\", set = { te = 1 } }", "a field's value is a text"),
        (
            "{ headers = \"request\", overrun = true }",
            "it belongs to `message`, `message_hex`, `data_hex`",
        ),
        ("{ headers = \"request\", paddin = 1 }", "`paddin` does not go with `headers`"),
        ("{ answer = {} }", "answer: a client sends no answer; give `request`"),
        ("{ request = { wrong = 1 } }", "request: "),
        ("3", "a step is a table"),
        ("{ wait_for = [\"whole-request\", \"close\"] }", "`whole-request` stands alone"),
        ("{ ping = \"\", end = true }", "`end` does not go with `ping`"),
        ("{ ping = \"\", add = [[\"a\", \"b\"]] }", "belongs to `headers`"),
        ("{ ping = \"\", last_stream = 1 }", "`last_stream` does not go with `ping`"),
        (
            "{ frame = { kind = 0, payload_hex = { \"$repeat\" = 16777216, of = \"00\" } } }",
            "more than a frame's length can say",
        ),
    ] {
        let error = client(step, CLOSED).expect_err(step);
        assert!(error.contains("case `c`") && error.contains("a.toml:11"), "{step}: {error}");
        assert!(error.contains(expected), "{step}: {error}");
    }
}

#[test]
fn outcomes_are_read_and_shown() {
    for (expect, expected) in [
        ("{ status = \"OK\", messages = [{ y = 1 }] }", "status OK, messages [{\"y\":1}]"),
        ("{ status = [\"INTERNAL\", \"UNKNOWN\"] }", "status INTERNAL or UNKNOWN"),
        ("{ http = [400, 405], stream = 3 }", "HTTP 400 or 405, on stream 3"),
        ("{ rst_stream = \"any\" }", "RST_STREAM"),
        ("{ goaway = [\"NO_ERROR\", 99] }", "GOAWAY NO_ERROR or error code 99"),
        ("{ silence = true, message_count = 1 }", "nothing, 1 message"),
        (
            "{ closed = true, fields = [[\"a\", \"b\"]], lacks = [\"c\"] }",
            "a closed connection, a: b, no c",
        ),
        (
            "{ closed = true, also = [{ rst_stream = \"CANCEL\", stream = 1 }] }",
            "a closed connection and RST_STREAM CANCEL, on stream 1",
        ),
    ] {
        let script = client("", expect).unwrap_or_else(|why| panic!("{expect}: {why}"));
        assert_eq!(script.endings[0].to_string(), expected, "{expect}");
    }
}

#[test]
fn outcomes_are_named_by_classes() {
    for (rule, expect, expected) in [
        ("R-1", "\"refused\"", "refused"),
        (
            "R-2",
            "{ class = \"refused\", lacks = [\"x\"], stream = 3 }",
            "refused, no x, on stream 3",
        ),
        ("R-3", "\"connection-error\"", "connection-error PROTOCOL_ERROR"),
        (
            "R-1",
            "{ class = \"connection-error\", error = 11 }",
            "connection-error ENHANCE_YOUR_CALM",
        ),
        ("R-3", "{ class = \"served\", messages = [{}] }", "served, messages [{}]"),
    ] {
        let script = of_rule(rule, expect, "").unwrap_or_else(|why| panic!("{expect}: {why}"));
        assert_eq!(script.endings[0].to_string(), expected, "{expect}");
    }
}

#[test]
fn a_script_allows_what_its_rule_does_or_has_a_source_of_its_own() {
    let source = "source = \"elsewhere\"\n";
    for (rule, expect, expected) in [
        ("R-1", "{ http = 400 }", Ok(())),
        ("R-2", "\"refused\"", Ok(())),
        (
            "R-2",
            "[{ http = [400, 404] }, { closed = true }]",
            Err(
                "a.toml:5: case `c`: the outcomes HTTP 400 or 404 or close are fewer than rule R-2 allows (`refused`); name its classes, or give the case the `source` that wants these alone",
            ),
        ),
        ("R-3", "{ status = \"OK\", messages = [] }", Ok(())),
        (
            "R-3",
            "[{ status = \"OK\", messages = [] }, \"connection-error\"]",
            Err(
                "a.toml:5: case `c`: the outcomes OK or GOAWAY PROTOCOL_ERROR or close are not all among those that rule R-3 allows (`served`; `connection-error` PROTOCOL_ERROR); name its classes, or another rule",
            ),
        ),
    ] {
        let read = |fields: &str| of_rule(rule, expect, fields).map(|_| ());
        assert_eq!(read(""), expected.map_err(str::to_owned), "{expect}");
        let is_wider = expected.is_err_and(|why| why.contains("not all among"));
        assert_eq!(read(source).is_err(), is_wider, "a source is for fewer outcomes: {expect}");
    }
    let reported = |code: &str| {
        let suites = toml_suite(&format!(
            "{}method = \"t.S/Unary\"\nrequest = {{}}\nscripted = \"server\"\nscript = []\n\
             expect = {{ code = {code} }}",
            NAMED.replace("R-1", "R-4")
        ));
        suites.map(|suites| suites[0].cases[0].calls[0].expect.codes.clone())
    };
    assert_eq!(reported("\"lost\"").unwrap(), [Code::INTERNAL, Code::UNAVAILABLE]);
    assert!(reported("\"UNAVAILABLE\"").unwrap_err().contains("fewer than rule R-4 allows"));
    assert!(reported("\"lots\"").unwrap_err().contains("expect.code: `lots` is no class"));
}

#[test]
fn outcomes_that_make_no_sense_are_refused() {
    for (expect, expected) in [
        ("[]", "no outcome is allowed"),
        ("{}", "an outcome is a class's name, or one of"),
        ("{ closed = false }", "an outcome is a class's name, or one of"),
        ("{ closed = true, silence = true }", "an outcome is a class's name, or one of"),
        ("{ status = \"OK\" }", "OK with nothing checked"),
        ("[{ closed = true }, { status = [\"INTERNAL\", \"OK\"] }]", "expect[1]: OK with nothing"),
        ("{ status = [] }", "an empty list"),
        ("{ status = \"FINE\" }", "FINE"),
        ("{ rst_stream = \"WRONG\" }", "`WRONG` is no HTTP/2 error code"),
        ("{ http = \"many\" }", "expect[0]"),
        ("{ closed = true, stream = 0 }", "`stream` 0 is the connection"),
        ("{ closed = true, messages = [{ wrong = 1 }] }", "messages[0]"),
        ("{ closed = true, also = [{ status = \"OK\" }] }", "also[0]: OK with nothing checked"),
        ("{ closed = true, code = \"OK\" }", "`code` belongs to a scripted server"),
        ("\"reffused\"", "expect[0]: `reffused` is no class of outcomes; the contract defines"),
        ("\"served\"", "OK with nothing checked"),
        ("{ closed = true, error = \"CANCEL\" }", "`error` belongs to a `class`"),
        ("{ closed = true, class = \"refused\" }", "an outcome is a class's name, or one of"),
    ] {
        let error = client("", expect).expect_err(expect);
        assert!(error.contains(expected), "{expect}: {error}");
    }
}

#[test]
fn fields_of_a_script_belong_to_one_side() {
    let script = |fields: &str| read(&format!("method = \"t.S/Unary\"\nscript = []\n{fields}"));
    for (fields, expected) in [
        ("expect = { closed = true }", "scripted"),
        ("scripted = \"client\"", "give the allowed outcomes"),
        (
            "scripted = \"client\"\nexpect = { closed = true }\nmetadata = [[\"a\", \"b\"]]",
            "`metadata` in a case of a scripted client",
        ),
        (
            "scripted = \"client\"\nexpect = { closed = true }\nscript_again = []",
            "makes one connection",
        ),
        (
            "scripted = \"client\"\nexpect = { closed = true }\nfault = { cut = \"close\" }",
            "`fault` in a case of a scripted client",
        ),
        (
            "scripted = \"client\"\nexpect = { closed = true }\ncalls = [{}]",
            "`calls` in a case of a scripted client",
        ),
        (
            "scripted = \"server\"\nrequest = {}\nexpect = [{ code = \"INTERNAL\" }]",
            "a list of outcomes belongs to a scripted client",
        ),
        (
            "scripted = \"server\"\nrequest = {}\nexpect = { status = \"INTERNAL\" }",
            "`status` belongs to a scripted client",
        ),
        (
            "scripted = \"server\"\nrequest = {}\nexpect = { code = \"INTERNAL\" }\nscript_again = [{ headers = \"response\" }]",
            "script_again[0]: a server has no stream before",
        ),
        (
            "scripted = \"client\"\nexpect = { closed = true }\nbeside = { messages = [{ wrong = 1 }] }",
            "beside.messages",
        ),
        (
            "scripted = \"client\"\nexpect = { closed = true }\nomits = [\"manners\"]",
            "unknown variant `manners`",
        ),
        (
            "scripted = \"server\"\nrequest = {}\nexpect = { code = \"INTERNAL\" }\nbeside = { messages = [] }",
            "`beside` needs a scripted client",
        ),
        (
            "scripted = \"server\"\nrequest = {}\nexpect = { code = \"INTERNAL\" }\nscript_again = [{}]",
            "script_again[0]: nothing is done",
        ),
    ] {
        let error = script(fields).expect_err(fields);
        assert!(error.contains(expected), "{fields}: {error}");
    }
    let full = script(
        "scripted = \"client\"\nexpect = { closed = true }\ngreeting = false\n\
         omits = [\"ping-ack\"]\nrequest = { x = 1 }\nbeside = { messages = [{ y = 1 }] }",
    )
    .unwrap();
    assert_eq!((full.role, full.greets), (Role::Client, false));
    assert_eq!(full.omits, [Habit::PingAck]);
    assert_eq!(full.beside.unwrap().steps.len(), 2);
    let twice = server("{ ping = \"\" }").unwrap();
    assert_eq!(twice.steps_again, twice.steps, "the same on every connection");
}

#[test]
fn the_calls_beside_a_script_have_their_time_whatever_its_own_is() {
    // One is made beside the script, and one after both.
    for (timeout, seconds) in [("1s", 20), ("10s", 20), ("15s", 30)] {
        let suites = toml_suite(&format!(
            "{NAMED}method = \"t.S/Unary\"\nscripted = \"client\"\nscript = [{{ ping = \"\" }}]\n\
             timeout = {timeout:?}\nbeside = {{ messages = [{{}}] }}\nexpect = {CLOSED}"
        ));
        let longest = suites.unwrap()[0].cases[0].longest();
        assert_eq!(longest.as_secs(), seconds, "{timeout}");
    }
}
