//! Over a real connection, with a client that shows every frame.

use std::io::Read as _;

use flate2::read::GzDecoder;
use tonic::codegen::http::HeaderMap;

use crate::testing::{Answer, RawRequest, start_server};

const UNARY: &str = "/FibonacciService/GetSequence";
const STREAM: &str = "/FibonacciService/StreamSequence";

/// Asks either method for the first three elements.
fn first_three(path: &'static str) -> RawRequest {
    RawRequest::new(path, &[8, 3])
}

/// Asks either method for more elements than there are.
fn too_many(path: &'static str) -> RawRequest {
    RawRequest::new(path, &[8, 94])
}

fn messages_of(answer: &Answer) -> Vec<Vec<u8>> {
    answer.messages.iter().map(|(_, message)| message.clone()).collect()
}

fn three_elements(path: &str) -> Vec<Vec<u8>> {
    if path == UNARY {
        return vec![vec![10, 3, 0, 1, 1]];
    }
    vec![vec![], vec![8, 1, 16, 1], vec![8, 1, 16, 2]]
}

fn values(headers: &HeaderMap, name: &str) -> Vec<String> {
    let values = headers.get_all(name).iter();
    values.map(|value| value.to_str().expect("ASCII").to_owned()).collect()
}

#[tokio::test]
async fn headers_and_trailers_are_sent_back() {
    let server = start_server(None).await;
    for path in [UNARY, STREAM] {
        for (request, status) in [(first_three(path), "0"), (too_many(path), "11")] {
            let request = request
                .header("x-crosswire-header-a", "1")
                .header("x-crosswire-header-a", "2")
                .header("x-crosswire-header-bin", "AP8")
                .header("x-crosswire-trailer", "t")
                .header("x-crosswire-trailer-bin", "AQ")
                .header("x-crosswire-call", "7")
                .header("other", "o");

            let answer = request.send(&server).await;

            assert_eq!(answer.status(), Some(status), "{answer:?}");
            assert_eq!(values(&answer.headers, "x-crosswire-header-a"), ["1", "2"], "{path}");
            assert_eq!(values(&answer.headers, "x-crosswire-header-bin"), ["AP8"], "{path}");
            assert_eq!(values(&answer.trailers, "x-crosswire-trailer"), ["t"], "{path}");
            assert_eq!(values(&answer.trailers, "x-crosswire-trailer-bin"), ["AQ"], "{path}");
            for absent in ["x-crosswire-trailer", "x-crosswire-call", "other", "grpc-status"] {
                assert!(!answer.headers.contains_key(absent), "{path}: {absent}");
            }
            assert!(!answer.trailers.contains_key("x-crosswire-header-a"), "{path}");
        }
    }
}

#[tokio::test]
async fn a_status_stands_in_for_the_calls_own() {
    let server = start_server(None).await;
    for path in [UNARY, STREAM] {
        for request in [first_three(path), too_many(path)] {
            let own = request.send(&server).await;
            let directed = request
                .header("x-crosswire-status", "9")
                .header("x-crosswire-status-message-bin", "w6kK")
                .header("x-crosswire-status-details-bin", "CAk=");

            let answer = directed.send(&server).await;

            assert_eq!(answer.status(), Some("9"), "{answer:?}");
            assert_eq!(answer.trailer("grpc-message"), Some("%C3%A9%0A"), "{path}");
            assert_eq!(answer.trailer("grpc-status-details-bin"), Some("CAk"), "{path}");
            let expected = if path == UNARY { vec![] } else { messages_of(&own) };
            assert_eq!(messages_of(&answer), expected, "{path}");
        }
    }
}

/// A unary call without a message cannot end with OK.
#[tokio::test]
async fn ok_stands_in_for_the_error_of_a_stream_only() {
    let server = start_server(None).await;
    for (path, expected) in [(UNARY, "11"), (STREAM, "0")] {
        let answer = too_many(path).header("x-crosswire-status", "0").send(&server).await;
        assert_eq!(answer.status(), Some(expected), "{path}");
        let answer = first_three(path).header("x-crosswire-status", "0").send(&server).await;
        assert_eq!(answer.status(), Some("0"), "{path}");
        assert_eq!(messages_of(&answer), three_elements(path));
    }
}

#[tokio::test]
async fn messages_are_made_longer_and_compressed() {
    let server = start_server(None).await;
    for path in [UNARY, STREAM] {
        let padded = first_three(path).header("x-crosswire-size", "1000");
        let answer = padded.send(&server).await;
        assert_eq!(answer.status(), Some("0"), "{answer:?}");
        for (message, plain) in messages_of(&answer).iter().zip(three_elements(path)) {
            assert_eq!(message.len(), 1000, "{path}");
            assert!(message.starts_with(&plain), "{path}");
        }

        let compressed = padded.header("x-crosswire-compress", "gzip");
        let answer = compressed.send(&server).await;
        assert!(answer.messages.iter().all(|(compressed, _)| !compressed), "nobody offered it");
        assert!(!answer.headers.contains_key("grpc-encoding"));

        let answer =
            compressed.header("grpc-accept-encoding", "identity, gzip").send(&server).await;
        assert_eq!(answer.header_values("grpc-encoding"), ["gzip"]);
        assert_eq!(answer.messages.len(), three_elements(path).len());
        for (compressed, message) in &answer.messages {
            let mut plain = Vec::new();
            let read = GzDecoder::new(message.as_slice()).read_to_end(&mut plain);
            assert_eq!((*compressed, read.expect("gzip")), (true, 1000), "{path}");
        }
    }
}

#[tokio::test]
async fn a_handler_fails_as_directed_after_its_messages() {
    let server = start_server(None).await;
    for (path, expected) in [(UNARY, vec![]), (STREAM, three_elements(STREAM))] {
        let request = first_three(path).header("x-crosswire-panic", "a secret");
        let answer = request.send(&server).await;
        assert_eq!(messages_of(&answer), expected, "{path}");
        assert_eq!(answer.status(), Some("2"), "{answer:?}");
        let message = answer.trailer("grpc-message").unwrap_or_default();
        assert!(!message.contains("secret"), "{message}");
    }
}

/// Without the wait every message would come before the deadline, and without
/// the deadline the call would take hours.
#[tokio::test]
async fn a_delay_ends_with_the_deadline_and_with_the_call() {
    let server = start_server(None).await;
    for path in [UNARY, STREAM] {
        let request = first_three(path).header("x-crosswire-delay-ms", "3600000");
        let answer = request.header("grpc-timeout", "100m").send(&server).await;
        assert_eq!(answer.status(), Some("4"), "{answer:?}");
        assert!(answer.messages.is_empty(), "{path}");
    }
}

#[tokio::test]
async fn entries_without_sense_are_refused() {
    let server = start_server(None).await;
    let code = "x-crosswire-status: \"18\" is not a whole number from 0 to 17";
    let size = "x-crosswire-size: \"-1\" is not a whole number from 0 to 67108864";
    let delay = "x-crosswire-delay-ms: \"+5\" is not a whole number from 0 to 86400000";
    let encoding = "x-crosswire-compress: \"snappy\" is not an encoding of this server; give gzip";
    let text = "x-crosswire-status-message-bin: \"\u{fffd}\" is not UTF-8";
    let padding = "x-crosswire-size: 6: a message of 5 bytes cannot be made 1 bytes longer, \
                   which no field is; give another size";
    let table = [
        ("x-crosswire-status", "18", code),
        ("x-crosswire-size", "-1", size),
        ("x-crosswire-delay-ms", "+5", delay),
        ("x-crosswire-compress", "snappy", encoding),
        ("x-crosswire-status-message-bin", "/w", text),
        ("x-crosswire-size", "6", padding),
    ];
    for (name, value, expected) in table {
        let answer = first_three(UNARY).header(name, value).send(&server).await;
        assert_eq!(answer.status(), Some("3"), "{name}: {answer:?}");
        let status = tonic::Status::from_header_map(&answer.trailers).expect("a status");
        assert_eq!(status.message(), expected);
    }
}

/// Of an entry that is there twice, the last counts.
#[tokio::test]
async fn who_repeats_an_entry_corrects_it() {
    let server = start_server(None).await;
    let request = first_three(UNARY).header("x-crosswire-status", "x");
    let answer = request.header("x-crosswire-status", "8").send(&server).await;
    assert_eq!(answer.status(), Some("8"));
}
