//! What a client does in a call is read, step by step, and what makes no sense is an error that
//! says where and what to do.

use serde_json::json;

use super::{NAMED, toml_suite};
use crate::suite::Call;

fn read(method: &str, fields: &str) -> Result<Call, String> {
    let suites = toml_suite(&format!(
        "{NAMED}method = \"t.S/{method}\"\n{fields}\nexpect = {{ any_messages = true }}"
    ))?;
    Ok(suites[0].cases[0].calls[0].clone())
}

#[test]
fn every_step_is_read_told_and_shown() {
    let call = read(
        "Upload",
        "send = [{ wait_for_headers = true }, { message = { x = 1 } }, { wait_for_messages = 2 },\n\
         { pause = \"20ms\" }, { message = {}, times = 3, compressed = false }, { half_close = true },\n\
         { cancel = true }]",
    )
    .unwrap();
    assert_eq!(
        json!(call.send),
        json!([
            { "wait_for_headers": true },
            { "message": "CQAAAAAAAPA/" },
            { "wait_for_messages": 2 },
            { "pause_ms": 20 },
            { "message": "", "times": 3, "compressed": false },
            { "half_close": true },
            { "cancel": true },
        ])
    );
    assert_eq!(
        json!(call)["send"],
        json!([
            { "wait_for_headers": true },
            { "message": { "x": 1.0 } },
            { "wait_for_messages": 2 },
            { "pause": "20 ms" },
            { "message": {}, "times": 3, "compressed": false },
            { "half_close": true },
            { "cancel": true },
        ])
    );
    assert_eq!(call.requests().count(), 4);
    assert!(call.cancels() && call.half_closes() && !call.raw);
}

#[test]
fn one_request_is_short_for_its_steps() {
    let short = read("Upload", "request = { x = 1 }").unwrap();
    let long = read("Upload", "send = [{ message = { x = 1 } }, { half_close = true }]").unwrap();
    assert_eq!(short.send, long.send);
    // Without an end, it is closed.
    let open = read("Upload", "send = [{ message = { x = 1 } }]").unwrap();
    assert_eq!(open.send, long.send);
    let nothing = read("Upload", "send = []").unwrap();
    assert_eq!(json!(nothing.send), json!([{ "half_close": true }]));
    let unary = read("Unary", "send = [{ message = { x = 1 } }]").unwrap();
    assert_eq!(unary.send, long.send);
}

#[test]
fn bytes_are_sent_as_they_are() {
    let call = read("Unary", "send = [{ message_hex = \"00 ff\", times = 2 }]").unwrap();
    assert!(call.raw);
    let sent: Vec<&[u8]> = call.requests().map(|message| &*message.bytes).collect();
    assert_eq!(sent, [[0, 0xff], [0, 0xff]]);
}

#[test]
fn what_makes_no_sense_is_named() {
    for (method, fields, expected) in [
        ("Upload", "send = [{}]", "send[0]: nothing is done; give one of `message`, `message_hex`"),
        (
            "Upload",
            "send = [{ cancel = true, half_close = true }]",
            "send[0]: a step does one thing; here are half_close and cancel",
        ),
        ("Upload", "send = [{ mesage = {} }]", "did you mean `message`?"),
        ("Upload", "send = [{ message = { y = 1 } }]", "send[0].message"),
        ("Upload", "send = [{ message = {}, times = 0 }]", "send[0].times: 1 to 1000000 times"),
        (
            "Upload",
            "send = [{ pause = \"1s\", times = 2 }]",
            "send[0]: `times` belongs to a message",
        ),
        ("Upload", "send = [{ half_close = false }]", "write `true`, or leave it out"),
        (
            "Upload",
            "send = [{ half_close = true }, { message = {} }]",
            "send[1]: a message after the half-close",
        ),
        ("Upload", "send = [{ half_close = true }, { half_close = true }]", "a second half-close"),
        (
            "Upload",
            "send = [{ cancel = true }, { pause = \"1s\" }]",
            "send[0]: something after the cancel",
        ),
        (
            "Upload",
            "send = [{ half_close = true }, { wait_for_messages = 1 }]",
            "send: nothing follows what is waited for",
        ),
        ("Upload", "request = {}\nsend = []", "both `request` and `send`; give one"),
        ("Unary", "send = [{ message = {} }, { cancel = true }]", "takes one request"),
        ("Unary", "send = []", "send: `t.S/Unary` takes one request"),
    ] {
        let error = read(method, fields).unwrap_err();
        assert!(error.contains(expected), "{fields}\ngot:  {error}\nwant: {expected}");
    }
}
