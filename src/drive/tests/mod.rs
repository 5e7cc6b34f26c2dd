//! The protocol over pipes in memory, against a real server.

mod close;
mod slow;
mod streams;
mod tls;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, copy_bidirectional, duplex};
use tokio::net::TcpStream;

use super::protocol::{FEATURES, FEATURES_OF_LAYERS};
use super::run;
use crate::library::Library;
use crate::testing::{RST_STREAM, RawServer, Step, listen, start_server, within_limit};

/// Passes connections on to `server`, and counts them.
async fn count_connections(server: String) -> (String, Arc<AtomicUsize>) {
    let (listener, address) = listen().await;
    let accepted = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&accepted);
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::Relaxed);
            let server = server.clone();
            tokio::spawn(async move {
                let mut far = TcpStream::connect(server).await?;
                copy_bidirectional(&mut near, &mut far).await
            });
        }
    });
    (address, accepted)
}

/// The answers to these lines, in the order of their ids.
async fn answers_to(lines: &[String]) -> Vec<Value> {
    let input = lines.join("\n");
    let mut output = Vec::new();
    within_limit(run(Library::Layered, input.as_bytes(), &mut output)).await.expect("a session");
    let mut answers: Vec<Value> = output
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).expect("JSON"))
        .collect();
    answers.sort_by_key(id);
    answers
}

fn id(answer: &Value) -> u64 {
    let body = answer.get("result").or_else(|| answer.get("unsupported"));
    body.and_then(|body| body["id"].as_u64()).expect("an answer to a call")
}

/// The steps of a call that sends one message.
fn one(message: &str) -> Value {
    json!([{ "message": message }, { "half_close": true }])
}

fn call(id: usize, target: &str, mut call: Value) -> String {
    call["id"] = id.into();
    call["case"] = "a/case".into();
    if call["target"].is_null() {
        call["target"] = target.into();
    }
    json!({ "call": call }).to_string()
}

const DETECT: &str = "pb.Outliers/Detect";
const SEQUENCE: &str = "FibonacciService/GetSequence";
const STREAM: &str = "FibonacciService/StreamSequence";

#[tokio::test]
async fn hello_is_answered_before_the_input_ends() {
    let (ours, theirs) = duplex(1024);
    let (input, output) = tokio::io::split(theirs);
    let session = run(Library::Layered, BufReader::new(input), output);
    let harness = async move {
        let (answers, mut questions) = tokio::io::split(ours);
        questions.write_all(b"{\"hello\":{\"protocol\":2}}\n").await.expect("a reader");
        let mut line = String::new();
        BufReader::new(answers).read_line(&mut line).await.expect("an answer");
        questions.shutdown().await.expect("an end");
        line
    };
    let (ended, line) = within_limit(async { tokio::join!(session, harness) }).await;

    ended.expect("the session ends with its input");
    let hello: Value = serde_json::from_str(&line).expect("JSON");
    let features = [&FEATURES_OF_LAYERS[..], &FEATURES].concat();
    let expected = json!({
        "protocol": 2,
        "implementation": "tonic-with-layers",
        "version": env!("TONIC_VERSION"),
        "features": features,
        "max_in_flight": 256,
    });
    assert_eq!(hello["hello"], expected);
}

#[tokio::test]
async fn calls_are_answered_with_what_was_observed() {
    let server = start_server(None).await;
    let out_of_range = "count 94 is more than 93: F(93) does not fit in int64";
    let cancelled = "cancelled by the client";
    let table = [
        (
            json!({ "method": SEQUENCE, "send": one("CAU=") }),
            json!({ "messages": ["CgUAAQECAw=="], "code": 0, "message": "" }),
        ),
        (
            json!({ "method": SEQUENCE, "send": one("CAU="), "raw": true }),
            json!({ "messages": ["CgUAAQECAw=="], "code": 0, "message": "" }),
        ),
        (
            json!({ "method": SEQUENCE, "send": one("CF4="), "timeout_ms": 60_000 }),
            json!({ "messages": [], "code": 11, "message": out_of_range }),
        ),
        (
            json!({ "method": SEQUENCE, "send": one(""), "cancel_after_messages": 0 }),
            json!({ "messages": [], "code": 1, "message": cancelled }),
        ),
        (
            json!({ "method": STREAM, "send": one("CAM="), "compression": "gzip" }),
            json!({ "messages": ["", "CAEQAQ==", "CAEQAg=="], "code": 0, "message": "" }),
        ),
        (
            json!({ "method": STREAM, "send": one("CAM="), "compression": "gzip", "raw": true }),
            json!({ "messages": ["", "CAEQAQ==", "CAEQAg=="], "code": 0, "message": "" }),
        ),
        (
            json!({ "method": STREAM, "send": one("CF0="), "cancel_after_messages": 2 }),
            json!({ "messages": ["", "CAEQAQ=="], "code": 1, "message": cancelled }),
        ),
        (
            json!({ "method": DETECT, "send": one(""), "metadata": [["k", "v"], ["k-bin", "AP8="]] }),
            json!({ "messages": [""], "code": 0, "message": "" }),
        ),
        (
            json!({ "method": "X/Y", "send": one("AAEC"), "raw": true }),
            json!({ "messages": [], "code": 12, "message": "" }),
        ),
        (
            json!({ "method": DETECT, "send": one(""), "target": "127.0.0.1:1" }),
            json!({ "messages": [], "code": 14, "message": "connection refused" }),
        ),
    ];
    let lines: Vec<String> =
        table.iter().enumerate().map(|(id, row)| call(id, &server, row.0.clone())).collect();

    let answers = answers_to(&lines).await;

    assert_eq!(answers.len(), table.len());
    for (answer, (call, expected)) in answers.iter().zip(&table) {
        let result = &answer["result"];
        let status = &result["status"];
        let observed = json!({
            "messages": result["messages"],
            "code": status["code"],
            "message": status["message"],
        });
        assert_eq!(&observed, expected, "{call}");
    }
}

#[tokio::test]
async fn headers_and_trailers_are_reported() {
    let server = start_server(None).await;
    let line = call(0, &server, json!({ "method": STREAM, "send": one("") }));

    let answers = answers_to(&[line]).await;

    let result = &answers[0]["result"];
    let headers = result["headers"].as_array().expect("headers");
    assert!(headers.contains(&json!(["content-type", "application/grpc"])), "{result}");
    assert_eq!(result["trailers"], json!([["grpc-status", "0"]]));
}

/// The watch sends one message and then goes on for ever; tonic's own timeout
/// ends with the response's headers.
#[tokio::test]
async fn the_deadline_ends_a_stream_that_has_begun() {
    let server = start_server(None).await;
    let watch = json!({
        "method": "grpc.health.v1.Health/Watch",
        "send": one(""),
        "raw": true,
        "timeout_ms": 100,
    });

    let answers = answers_to(&[call(0, &server, watch)]).await;

    assert_eq!(answers[0]["result"]["status"]["code"], 4, "{}", answers[0]);
}

#[tokio::test]
async fn as_many_calls_as_announced_are_open_at_once_on_one_connection() {
    const CALLS: usize = super::protocol::MAX_IN_FLIGHT;
    let (server, accepted) = count_connections(start_server(None).await).await;
    let (ours, theirs) = duplex(1 << 20);
    let (input, output) = tokio::io::split(theirs);
    let session = run(Library::Layered, BufReader::new(input), output);
    let harness = async move {
        let (answers, mut questions) = tokio::io::split(ours);
        // All but the last wait for a second message, which never comes.
        for id in 0..CALLS {
            let watch = json!({
                "method": "grpc.health.v1.Health/Watch",
                "send": one(""),
                "raw": true,
                "cancel_after_messages": if id == CALLS - 1 { 1 } else { 2 },
            });
            let line = call(id, &server, watch) + "\n";
            questions.write_all(line.as_bytes()).await.expect("a reader");
        }
        let mut line = String::new();
        BufReader::new(answers).read_line(&mut line).await.expect("an answer");
        line
    };
    let line = within_limit(async {
        tokio::select! {
            line = harness => line,
            _ = session => panic!("the session ended before its input"),
        }
    })
    .await;

    let answer: Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!(id(&answer), CALLS as u64 - 1);
    assert_eq!(answer["result"]["messages"], json!(["CAE="]));
    assert_eq!(accepted.load(Ordering::Relaxed), 1, "connections");
}

#[tokio::test]
async fn calls_that_cannot_be_made_are_answered_with_why() {
    let server = start_server(None).await;
    let table = [
        (json!({ "method": "X/Y", "send": one("") }), "no stub for X/Y"),
        (json!({ "method": SEQUENCE, "send": one("%") }), "a message is not base64: "),
        (json!({ "method": SEQUENCE, "send": one("/w==") }), "a message does not parse: "),
        (json!({ "method": "X /Y", "send": one(""), "raw": true }), "\"X /Y\" is no method: "),
        (
            json!({ "method": SEQUENCE, "send": one(""), "compression": "snappy" }),
            "no compression \"snappy\"",
        ),
        (
            json!({ "method": SEQUENCE, "send": one(""), "metadata": [["a b", "c"]] }),
            "no metadata: \"a b\" = \"c\"",
        ),
        (
            json!({ "method": SEQUENCE, "send": one(""), "metadata": [["k-bin", "%"]] }),
            "no metadata: \"k-bin\" = \"%\"",
        ),
        (
            json!({ "method": SEQUENCE, "send": one(""), "target": "nowhere" }),
            "nowhere: not an address; give HOST:PORT",
        ),
    ];
    let lines: Vec<String> =
        table.iter().enumerate().map(|(id, row)| call(id, &server, row.0.clone())).collect();

    let answers = answers_to(&lines).await;

    assert_eq!(answers.len(), table.len());
    for (answer, (call, expected)) in answers.iter().zip(&table) {
        let why = answer["unsupported"]["why"].as_str().expect("a reason");
        assert!(why.starts_with(expected), "{call}: got {why:?}, want {expected:?}");
    }
}

#[tokio::test]
async fn lines_that_are_no_calls_are_skipped() {
    let server = start_server(None).await;
    let good = call(7, &server, json!({ "method": SEQUENCE, "send": one("") }));
    let lines = ["", "text", "[]", "{}", "{\"call\":{\"id\":1}}", "{\"goodbye\":{}}", &good];

    let answers = answers_to(&lines.map(str::to_owned)).await;

    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0]["result"]["messages"], json!(["CgEA"]));
}

/// tonic merges both into one, and shows none of an error's as headers.
#[tokio::test]
async fn a_unary_calls_headers_and_trailers_are_told_apart() {
    let server = start_server(None).await;
    let metadata = json!([["x-crosswire-header", "h"], ["x-crosswire-trailer", "t"]]);
    for (request, code) in [("CAU=", 0), ("CF4=", 11)] {
        let unary = json!({ "method": SEQUENCE, "send": one(request), "metadata": metadata });
        let answers = answers_to(&[call(0, &server, unary)]).await;
        let result = &answers[0]["result"];
        assert_eq!(result["status"]["code"], code, "{result}");
        let pairs = |part: &str| result[part].as_array().expect("pairs").clone();
        let [header, trailer] = ["header", "trailer"];
        for (part, own, other) in [("headers", header, trailer), ("trailers", trailer, header)] {
            let has = |name| {
                let name = json!(format!("x-crosswire-{name}"));
                pairs(part).iter().any(|pair| pair[0] == name)
            };
            assert_eq!((has(own), has(other)), (true, false), "{part}: {result}");
        }
    }
}

#[tokio::test]
async fn a_call_that_no_server_has_seen_is_made_again() {
    let head = [(":status", "200"), ("content-type", "application/grpc")];
    let head = head.map(|(name, value)| (name, value.to_owned())).to_vec();
    let good = vec![
        Step::Headers(head.clone()),
        Step::Data(vec![0, 0, 0, 0, 0]),
        Step::LastHeaders(vec![("grpc-status", "0".to_owned())]),
    ];
    let begun = vec![Step::Headers(head.clone()), Step::Data(vec![0; 5]), Step::GoAway(0, 11)];
    let seen = vec![Step::Headers(head), Step::GoAway(1, 0), Step::Close];
    let gone = || vec![Step::GoAway(0, 0)];
    let table = [
        (vec![gone(), good.clone()], 0),
        (vec![gone(), gone(), good.clone()], 14),
        (vec![begun, good.clone()], 14),
        (vec![seen, good], 14),
    ];
    for (connections, code) in table {
        for method in [SEQUENCE, STREAM] {
            let server = RawServer::start(connections.clone()).await;
            let one = json!({ "method": method, "send": one(""), "timeout_ms": 30_000 });
            let answers = answers_to(&[call(0, &server.address, one)]).await;
            assert_eq!(answers[0]["result"]["status"]["code"], code, "{}", answers[0]);
        }
    }
}

#[tokio::test]
async fn a_cancellation_resets_the_stream() {
    const CANCEL: [u8; 4] = [0, 0, 0, 8];
    let head = [(":status", "200"), ("content-type", "application/grpc")];
    let head = head.map(|(name, value)| (name, value.to_owned())).to_vec();
    let steps = [Step::Headers(head), Step::Data(vec![0; 5])];
    for (method, count) in [(STREAM, 0), (SEQUENCE, 0), (STREAM, 1)] {
        let mut server = RawServer::start(vec![steps.to_vec()]).await;
        let one = json!({ "method": method, "send": one(""), "cancel_after_messages": count });
        let answers = answers_to(&[call(0, &server.address, one)]).await;
        assert_eq!(answers[0]["result"]["status"]["code"], 1, "{}", answers[0]);
        assert_eq!(server.next_frame(RST_STREAM).await.payload, CANCEL);
    }
}
