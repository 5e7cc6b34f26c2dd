//! Calls with a stream of requests, step by step.

use prost::Message as _;
use serde_json::{Value, json};

use super::{answers_to, call};
use crate::drive::protocol::encode_base64;
use crate::pb::testing::{
    EchoStatus, Payload, ResponseParameters, StreamingInputCallRequest, StreamingInputCallResponse,
    StreamingOutputCallRequest, StreamingOutputCallResponse,
};
use crate::testing::Step::{Data, Headers};
use crate::testing::{RawServer, start_server};

const INPUT: &str = "grpc.testing.TestService/StreamingInputCall";
const FULL: &str = "grpc.testing.TestService/FullDuplexCall";
const HALF: &str = "grpc.testing.TestService/HalfDuplexCall";

/// Longer than any test runs.
const NEVER_MS: u32 = 3_600_000;

/// A request for answers of these sizes.
fn ask(sizes: &[i32]) -> Value {
    let parameters = |&size: &i32| ResponseParameters { size, ..ResponseParameters::default() };
    message(StreamingOutputCallRequest {
        response_parameters: sizes.iter().map(parameters).collect(),
        ..StreamingOutputCallRequest::default()
    })
}

/// A request to end the call with this status.
fn ask_to_end(code: i32) -> Value {
    message(StreamingOutputCallRequest {
        response_status: Some(EchoStatus { code, message: "so it was asked".to_owned() }),
        ..StreamingOutputCallRequest::default()
    })
}

/// A request of so many bytes that is not answered.
fn ask_for_nothing(bytes: usize) -> Value {
    let payload = Some(payload(bytes));
    message(StreamingOutputCallRequest { payload, ..StreamingOutputCallRequest::default() })
}

fn ask_to_add(bytes: usize) -> Value {
    message(StreamingInputCallRequest { payload: Some(payload(bytes)), expect_compressed: None })
}

fn payload(bytes: usize) -> Payload {
    Payload { r#type: 0, body: vec![0; bytes].into() }
}

fn message(message: impl prost::Message) -> Value {
    json!({ "message": encode_base64(&message.encode_to_vec()) })
}

fn times(mut step: Value, times: usize) -> Value {
    step["times"] = times.into();
    step
}

fn half_close() -> Value {
    json!({ "half_close": true })
}

fn pause(pause_ms: u32) -> Value {
    json!({ "pause_ms": pause_ms })
}

fn wait_for(messages: usize) -> Value {
    json!({ "wait_for_messages": messages })
}

/// The answers, as they are reported, of these sizes.
fn answers(sizes: &[usize]) -> Value {
    let answer = |&size: &usize| {
        let payload = Some(payload(size));
        encode_base64(&StreamingOutputCallResponse { payload }.encode_to_vec())
    };
    sizes.iter().map(answer).collect()
}

fn sum(aggregated_payload_size: i32) -> Value {
    let sum = StreamingInputCallResponse { aggregated_payload_size };
    json!([encode_base64(&sum.encode_to_vec())])
}

async fn result(target: &str, method: &str, send: Vec<Value>) -> Value {
    result_with(target, json!({ "method": method, "send": send })).await
}

async fn result_with(target: &str, mut asked: Value) -> Value {
    if asked["timeout_ms"].is_null() {
        asked["timeout_ms"] = 30_000.into();
    }
    answers_to(&[call(0, target, asked)]).await.remove(0)["result"].take()
}

#[tokio::test]
async fn steps_are_taken_one_after_the_other() {
    let server = start_server(None).await;
    let headers = || json!({ "wait_for_headers": true });
    let cancel = || json!({ "cancel": true });
    let table = [
        // Each waits for what the one before brought.
        (
            FULL,
            vec![headers(), ask(&[1]), wait_for(1), ask(&[2, 3]), wait_for(3), half_close()],
            (answers(&[1, 2, 3]), 0),
        ),
        (FULL, vec![half_close()], (answers(&[]), 0)),
        (FULL, vec![ask(&[1]), half_close(), wait_for(1), pause(1)], (Value::Null, 0)),
        // Nothing comes before the half-close.
        (HALF, vec![ask(&[1]), pause(50), ask(&[2]), half_close()], (answers(&[1, 2]), 0)),
        (INPUT, vec![times(ask_to_add(10), 3), half_close()], (sum(30), 0)),
        (INPUT, vec![half_close()], (sum(0), 0)),
        (FULL, vec![ask(&[1]), wait_for(1), cancel()], (answers(&[1]), 1)),
        (FULL, vec![cancel()], (answers(&[]), 1)),
        (HALF, vec![half_close(), pause(NEVER_MS), cancel()], (answers(&[]), 0)),
    ];
    for (method, send, (messages, code)) in table {
        let count = send.len();
        let last = send[count - 1].clone();
        for raw in [false, true] {
            let asked = json!({ "method": method, "send": send, "raw": raw });
            let result = result_with(&server, asked).await;
            if messages.is_null() {
                assert!(result.is_null(), "{send:?}: {result}");
                continue;
            }
            assert_eq!(result["messages"], messages, "{send:?}: {result}");
            assert_eq!(result["status"]["code"], code, "{send:?}: {result}");
            // A step that waits for what does not come is not done when the call has ended.
            let is_done = code == 1 || last == half_close();
            assert_eq!(result["steps"] == count, is_done, "{send:?}: {result}");
        }
    }
}

#[tokio::test]
async fn an_early_status_ends_the_steps() {
    let server = start_server(None).await;
    // More than fits in a window.
    let long = times(ask_for_nothing(1 << 16), 1000);
    let send = vec![ask(&[7]), ask_to_end(9), long, pause(NEVER_MS), half_close()];
    let result = result(&server, FULL, send).await;
    assert_eq!(result["messages"], answers(&[7]));
    assert_eq!(result["status"]["code"], 9, "{result}");
    assert_eq!(result["status"]["message"], "so it was asked");
    assert_eq!(result["steps"], 2, "{result}");
}

#[tokio::test]
async fn a_deadline_holds_whatever_the_steps_wait_for() {
    let server = start_server(None).await;
    let table = [
        (FULL, vec![pause(NEVER_MS), half_close()]),
        (FULL, vec![ask(&[1]), wait_for(2), half_close()]),
        (HALF, vec![ask(&[1]), wait_for(1), half_close()]),
        (INPUT, vec![pause(NEVER_MS), half_close()]),
        (INPUT, vec![json!({ "wait_for_headers": true }), half_close()]),
        (INPUT, vec![ask_to_add(1), wait_for(1), half_close()]),
    ];
    for (method, send) in table {
        let asked = json!({ "method": method, "send": send, "timeout_ms": 100 });
        let result = result_with(&server, asked).await;
        assert_eq!(result["status"]["code"], 4, "{send:?}: {result}");
        assert!(result["steps"].as_u64() < Some(send.len() as u64 - 1), "{send:?}: {result}");
    }
}

#[tokio::test]
async fn a_cancellation_resets_a_stream_that_has_not_ended() {
    let head = [(":status", "200"), ("content-type", "application/grpc")];
    let head = Headers(head.map(|(name, value)| (name, value.to_owned())).to_vec());
    let cancel = json!({ "cancel": true });
    let table = [
        (vec![], json!({ "send": [ask(&[1]), cancel] })),
        (vec![head.clone()], json!({ "send": [ask(&[1]), { "wait_for_headers": true }, cancel] })),
        (vec![head.clone(), Data(vec![0; 5])], json!({ "send": [ask(&[1]), wait_for(1), cancel] })),
        (
            vec![head.clone(), Data(vec![0; 5])],
            json!({ "send": [ask(&[1]), pause(NEVER_MS), cancel], "cancel_after_messages": 1 }),
        ),
        (vec![head], json!({ "send": [ask(&[1]), pause(NEVER_MS), cancel], "timeout_ms": 100 })),
    ];
    for (steps, mut asked) in table {
        let mut server = RawServer::start_early(vec![steps]).await;
        asked["method"] = FULL.into();
        let code = if asked["timeout_ms"].is_null() { 1 } else { 4 };
        let result = result_with(&server.address, asked.clone()).await;
        assert_eq!(result["status"]["code"], code, "{asked}: {result}");
        // What was sent before has come.
        let reset = server.reset().await;
        assert_eq!((reset.code, reset.has_ended), (8, false), "{asked}");
        assert!(reset.data_bytes > 0, "{asked}");
    }
}

#[tokio::test]
async fn many_messages_are_streamed() {
    const MANY: usize = 10_000;
    let server = start_server(None).await;
    let received = result(&server, INPUT, vec![times(ask_to_add(1), MANY), half_close()]).await;
    assert_eq!(received["messages"], sum(MANY as i32), "{received}");
    let answered = result(&server, FULL, vec![times(ask(&[1]), MANY), half_close()]).await;
    assert_eq!(answered["messages"], answers(&[1; MANY]));
}

#[tokio::test]
async fn steps_that_make_no_call_are_refused() {
    let order = "no step, or not there: ";
    let end = "the last step is neither half_close nor cancel";
    let table = [
        (json!([]), end),
        (json!([ask(&[1])]), end),
        (json!([half_close(), pause(1)]), end),
        (json!([half_close(), ask(&[1])]), order),
        (json!([half_close(), half_close()]), order),
        (json!([{ "cancel": true }, half_close()]), order),
        (json!([{ "half_close": false }]), order),
        (json!([{ "message": 1 }, half_close()]), order),
        (json!([{ "message": "", "compressed": false }, half_close()]), order),
        (json!(["text"]), order),
    ];
    for (send, expected) in table {
        let line = call(0, "127.0.0.1:1", json!({ "method": FULL, "send": send }));
        let answer = answers_to(&[line]).await.remove(0);
        let why = answer["unsupported"]["why"].as_str().expect("a reason");
        assert!(why.starts_with(expected), "{send}: {why}");
    }
    let unary = "FibonacciService/GetSequence";
    let send = json!([{ "message": "" }, { "message": "" }, half_close()]);
    let line = call(0, "127.0.0.1:1", json!({ "method": unary, "send": send }));
    let answer = answers_to(&[line]).await.remove(0);
    let expected = "FibonacciService/GetSequence takes one message and a half_close, and no \
                    other steps";
    assert_eq!(answer["unsupported"]["why"], expected);
}
