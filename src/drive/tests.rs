//! The protocol over pipes in memory, against a real server.

use std::convert::Infallible;
use std::future::{self, Future};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, copy_bidirectional, duplex};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tonic::body::Body;
use tonic::codegen::http;
use tonic::server::NamedService;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tower::Service;

use super::run;
use crate::server;

/// Long enough for a busy machine; no test comes near unless something hangs.
const HANG_LIMIT: Duration = Duration::from_secs(60);

/// Starts a server that lives as long as the test, and names its address.
async fn start_server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address").to_string();
    tokio::spawn(server::run(vec![listener], future::pending()));
    address
}

/// Passes connections on to `server`, and counts them.
async fn count_connections(server: String) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address").to_string();
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

async fn within_limit<T>(test: impl Future<Output = T>) -> T {
    timeout(HANG_LIMIT, test).await.expect("nothing hangs")
}

/// The answers to these lines, in the order of their ids.
async fn answers_to(lines: &[String]) -> Vec<Value> {
    let input = lines.join("\n");
    let mut output = Vec::new();
    within_limit(run(input.as_bytes(), &mut output)).await.expect("a session");
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
    let session = run(BufReader::new(input), output);
    let harness = async move {
        let (answers, mut questions) = tokio::io::split(ours);
        questions.write_all(b"{\"hello\":{\"protocol\":1}}\n").await.expect("a reader");
        let mut line = String::new();
        BufReader::new(answers).read_line(&mut line).await.expect("an answer");
        questions.shutdown().await.expect("an end");
        line
    };
    let (ended, line) = within_limit(async { tokio::join!(session, harness) }).await;

    ended.expect("the session ends with its input");
    let hello: Value = serde_json::from_str(&line).expect("JSON");
    let expected = json!({
        "protocol": 1,
        "implementation": "tonic",
        "version": env!("TONIC_VERSION"),
        "features": ["cancel", "gzip", "raw"],
        "max_in_flight": 256,
    });
    assert_eq!(hello["hello"], expected);
}

#[tokio::test]
async fn calls_are_answered_with_what_was_observed() {
    let server = start_server().await;
    let out_of_range = "count 94 is more than 93: F(93) does not fit in int64";
    let cancelled = "cancelled by the client";
    let table = [
        (
            json!({ "method": SEQUENCE, "request": "CAU=" }),
            json!({ "messages": ["CgUAAQECAw=="], "code": 0, "message": "" }),
        ),
        (
            json!({ "method": SEQUENCE, "request": "CAU=", "raw": true }),
            json!({ "messages": ["CgUAAQECAw=="], "code": 0, "message": "" }),
        ),
        (
            json!({ "method": SEQUENCE, "request": "CF4=", "timeout_ms": 60_000 }),
            json!({ "messages": [], "code": 11, "message": out_of_range }),
        ),
        (
            json!({ "method": SEQUENCE, "request": "", "cancel_after_messages": 0 }),
            json!({ "messages": [], "code": 1, "message": cancelled }),
        ),
        (
            json!({ "method": STREAM, "request": "CAM=", "compression": "gzip" }),
            json!({ "messages": ["", "CAEQAQ==", "CAEQAg=="], "code": 0, "message": "" }),
        ),
        (
            json!({ "method": STREAM, "request": "CAM=", "compression": "gzip", "raw": true }),
            json!({ "messages": ["", "CAEQAQ==", "CAEQAg=="], "code": 0, "message": "" }),
        ),
        (
            json!({ "method": STREAM, "request": "CF0=", "cancel_after_messages": 2 }),
            json!({ "messages": ["", "CAEQAQ=="], "code": 1, "message": cancelled }),
        ),
        (
            json!({ "method": DETECT, "request": "", "metadata": [["k", "v"], ["k-bin", "AP8="]] }),
            json!({ "messages": [""], "code": 0, "message": "" }),
        ),
        (
            json!({ "method": "X/Y", "request": "AAEC", "raw": true }),
            json!({ "messages": [], "code": 12, "message": "" }),
        ),
        (
            json!({ "method": DETECT, "request": "", "target": "127.0.0.1:1" }),
            json!({ "messages": [], "code": 14, "message": "tcp connect error" }),
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
    let server = start_server().await;
    let line = call(0, &server, json!({ "method": STREAM, "request": "" }));

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
    let server = start_server().await;
    let watch = json!({
        "method": "grpc.health.v1.Health/Watch",
        "request": "",
        "raw": true,
        "timeout_ms": 100,
    });

    let answers = answers_to(&[call(0, &server, watch)]).await;

    assert_eq!(answers[0]["result"]["status"]["code"], 4, "{}", answers[0]);
}

#[tokio::test]
async fn as_many_calls_as_announced_are_open_at_once_on_one_connection() {
    const CALLS: usize = super::protocol::MAX_IN_FLIGHT;
    let (server, accepted) = count_connections(start_server().await).await;
    let (ours, theirs) = duplex(1 << 20);
    let (input, output) = tokio::io::split(theirs);
    let session = run(BufReader::new(input), output);
    let harness = async move {
        let (answers, mut questions) = tokio::io::split(ours);
        // All but the last wait for a second message, which never comes.
        for id in 0..CALLS {
            let watch = json!({
                "method": "grpc.health.v1.Health/Watch",
                "request": "",
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
    let server = start_server().await;
    let table = [
        (json!({ "method": "X/Y", "request": "" }), "no stub for X/Y"),
        (json!({ "method": SEQUENCE, "request": "%" }), "the request is not base64: "),
        (json!({ "method": SEQUENCE, "request": "/w==" }), "the request does not parse: "),
        (json!({ "method": "X /Y", "request": "", "raw": true }), "\"X /Y\" is no method: "),
        (
            json!({ "method": SEQUENCE, "request": "", "compression": "snappy" }),
            "no compression \"snappy\"",
        ),
        (
            json!({ "method": SEQUENCE, "request": "", "metadata": [["a b", "c"]] }),
            "no metadata: \"a b\" = \"c\"",
        ),
        (
            json!({ "method": SEQUENCE, "request": "", "metadata": [["k-bin", "%"]] }),
            "no metadata: \"k-bin\" = \"%\"",
        ),
        (
            json!({ "method": SEQUENCE, "request": "", "target": "nowhere" }),
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
    let server = start_server().await;
    let good = call(7, &server, json!({ "method": SEQUENCE, "request": "" }));
    let lines = ["", "text", "[]", "{}", "{\"call\":{\"id\":1}}", "{\"goodbye\":{}}", &good];

    let answers = answers_to(&lines.map(str::to_owned)).await;

    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0]["result"]["messages"], json!(["CgEA"]));
}

/// tonic panics when `grpc-status-details-bin` is not base64.
#[tokio::test]
async fn a_panic_of_the_library_costs_only_its_call() {
    let liar = start_liar().await;
    let server = start_server().await;
    let lines = [
        call(0, &liar, json!({ "method": "Liar/Any", "request": "", "raw": true })),
        call(1, &server, json!({ "method": SEQUENCE, "request": "" })),
    ];

    let answers = answers_to(&lines).await;

    let why = answers[0]["unsupported"]["why"].as_str().expect("a reason");
    assert!(why.starts_with("the call did not end as it should: "), "{why}");
    assert_eq!(answers[1]["result"]["messages"], json!(["CgEA"]));
}

/// Starts a server whose every answer has details that are not base64.
async fn start_liar() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address").to_string();
    let server = Server::builder().add_service(Liar);
    tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
    address
}

#[derive(Clone)]
struct Liar;

impl NamedService for Liar {
    const NAME: &'static str = "Liar";
}

impl Service<http::Request<Body>> for Liar {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = future::Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: http::Request<Body>) -> Self::Future {
        let response = http::Response::builder()
            .header("content-type", "application/grpc")
            .header("grpc-status", "13")
            .header("grpc-status-details-bin", "%")
            .body(Body::empty());
        future::ready(Ok(response.expect("a response")))
    }
}
