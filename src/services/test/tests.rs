use prost::Message;

use crate::pb::testing::{
    BoolValue, EchoStatus, Payload, ResponseParameters, SimpleRequest, SimpleResponse,
    StreamingInputCallRequest, StreamingOutputCallRequest, StreamingOutputCallResponse,
};
use crate::testing::{RawRequest, start_server};

const EMPTY: &str = "/grpc.testing.TestService/EmptyCall";
const UNARY: &str = "/grpc.testing.TestService/UnaryCall";
const CACHEABLE: &str = "/grpc.testing.TestService/CacheableUnaryCall";
const OUTPUT: &str = "/grpc.testing.TestService/StreamingOutputCall";
const INPUT: &str = "/grpc.testing.TestService/StreamingInputCall";
const FULL: &str = "/grpc.testing.TestService/FullDuplexCall";
const HALF: &str = "/grpc.testing.TestService/HalfDuplexCall";
const UNIMPLEMENTED: &str = "/grpc.testing.TestService/UnimplementedCall";

fn unary(path: &'static str, request: SimpleRequest) -> RawRequest {
    RawRequest::new(path, &request.encode_to_vec())
}

fn sized(response_size: i32) -> SimpleRequest {
    SimpleRequest { response_size, ..SimpleRequest::default() }
}

/// A call whose one request asks for these responses, and for an end with this code.
fn stream(path: &'static str, sizes: &[i32], code: i32) -> RawRequest {
    RawRequest::new(path, &asking(sizes, code))
}

fn asking(sizes: &[i32], code: i32) -> Vec<u8> {
    let parameters = |&size: &i32| ResponseParameters { size, ..ResponseParameters::default() };
    let request = StreamingOutputCallRequest {
        response_parameters: sizes.iter().map(parameters).collect(),
        response_status: Some(EchoStatus { code, message: "as asked".to_owned() }),
        ..StreamingOutputCallRequest::default()
    };
    request.encode_to_vec()
}

/// The sizes of the payloads, all of which are zeros.
fn sizes(messages: &[(bool, Vec<u8>)]) -> Vec<usize> {
    let size = |(_, message): &(bool, Vec<u8>)| {
        let response = StreamingOutputCallResponse::decode(message.as_slice()).expect("a response");
        let body = response.payload.expect("a payload").body;
        assert!(body.iter().all(|byte| *byte == 0), "{body:?}");
        body.len()
    };
    messages.iter().map(size).collect()
}

#[tokio::test]
async fn payloads_are_as_long_as_was_asked() {
    let server = start_server(None).await;
    for path in [UNARY, CACHEABLE] {
        for (size, status) in [(0, "0"), (1000, "0"), (-1, "3"), ((64 << 20) + 1, "3")] {
            let answer = unary(path, sized(size)).send(&server).await;
            assert_eq!(answer.status(), Some(status), "{size}");
            if status == "0" {
                let message = answer.messages[0].1.as_slice();
                let payload = SimpleResponse::decode(message).expect("a response").payload;
                assert_eq!(payload.expect("a payload").body, vec![0; size as usize]);
            }
        }
    }
    for path in [OUTPUT, FULL, HALF] {
        let table = [
            (&[][..], &[][..], "0"),
            (&[0, 3, 1000], &[0, 3, 1000], "0"),
            (&[7, -1, 7], &[7], "3"),
            (&[7, (64 << 20) + 1], &[7], "3"),
        ];
        for (asked, answered, status) in table {
            let answer = stream(path, asked, 0).send(&server).await;
            assert_eq!(answer.status(), Some(status), "{path}: {asked:?}");
            assert_eq!(sizes(&answer.messages), answered, "{path}: {asked:?}");
        }
    }
}

#[tokio::test]
async fn a_status_ends_the_call_in_its_turn() {
    let server = start_server(None).await;
    let response_status = Some(EchoStatus { code: 9, message: "as asked".to_owned() });
    let table = [
        (unary(UNARY, SimpleRequest { response_status, ..sized(3) }), &[][..]),
        (stream(OUTPUT, &[1], 9), &[]),
        (stream(FULL, &[1, 2], 0).message(&asking(&[3], 9)).message(&asking(&[4], 0)), &[1, 2]),
        (stream(HALF, &[1, 2], 0).message(&asking(&[3], 9)).message(&asking(&[4], 0)), &[1, 2]),
    ];
    for (request, answered) in table {
        let answer = request.send(&server).await;
        assert_eq!(sizes(&answer.messages), answered, "{request:?}");
        assert_eq!(answer.status(), Some("9"), "{request:?}");
        assert_eq!(answer.trailer("grpc-message"), Some("as%20asked"), "{request:?}");
    }
}

#[tokio::test]
async fn sizes_are_added_up() {
    let server = start_server(None).await;
    let body = vec![0; 4 << 19].into();
    let payload = Some(Payload { r#type: 0, body });
    let message = StreamingInputCallRequest { payload, expect_compressed: None }.encode_to_vec();
    let many = (1..3).fold(RawRequest::new(INPUT, &message), |many, _| many.message(&message));
    let answer = many.send(&server).await;
    assert_eq!(answer.messages, [(false, vec![8, 0x80, 0x80, 0x80, 3])], "three times 2 MiB");
}

#[tokio::test]
async fn metadata_comes_back_whatever_the_call_ends_with() {
    let server = start_server(None).await;
    let response_status = Some(EchoStatus { code: 9, message: String::new() });
    let requests = [
        RawRequest::new(EMPTY, &[]),
        unary(UNARY, sized(1)),
        unary(UNARY, sized(-1)),
        unary(UNARY, SimpleRequest { response_status, ..sized(0) }),
        stream(OUTPUT, &[1], 0),
        stream(OUTPUT, &[1, -1], 0),
        RawRequest::new(INPUT, &[]),
        RawRequest::new(INPUT, &[]).body(&[]),
        stream(FULL, &[1], 0),
        stream(FULL, &[1], 9),
        stream(HALF, &[1], 9),
        RawRequest::new(UNIMPLEMENTED, &[]),
    ];
    for request in requests {
        let request = request
            .header("x-grpc-test-echo-initial", "a")
            .header("x-grpc-test-echo-initial", "b")
            .header("x-grpc-test-echo-trailing-bin", "qrs");
        let answer = request.send(&server).await;
        assert!(answer.status().is_some(), "{request:?}: {answer:?}");
        let initial = answer.header_values("x-grpc-test-echo-initial");
        assert_eq!(initial, ["a", "b"], "{request:?}: {answer:?}");
        let trailing = answer.trailer("x-grpc-test-echo-trailing-bin");
        assert_eq!(trailing, Some("qrs"), "{request:?}: {answer:?}");
        assert_eq!(answer.trailer("x-grpc-test-echo-initial"), None, "{answer:?}");
    }
}

#[tokio::test]
async fn one_response_is_compressed_where_its_request_says_so() {
    let server = start_server(None).await;
    let table = [
        (Some(true), "gzip", true),
        (Some(false), "gzip", false),
        (None, "gzip", false),
        (Some(true), "identity", false),
    ];
    for (asked, offered, expected) in table {
        let response_compressed = asked.map(|value| BoolValue { value });
        let request = unary(UNARY, SimpleRequest { response_compressed, ..sized(1000) });
        let answer = request.header("grpc-accept-encoding", offered).send(&server).await;
        assert_eq!(answer.status(), Some("0"), "{asked:?}, {offered}");
        assert_eq!(answer.messages[0].0, expected, "{asked:?}, {offered}");
    }
}

/// A method that takes one message takes no more.
#[tokio::test]
async fn the_number_of_requests_is_the_methods() {
    let server = start_server(None).await;
    for (path, status) in [(EMPTY, "13"), (OUTPUT, "13"), (INPUT, "0"), (FULL, "0"), (HALF, "0")] {
        let answer = RawRequest::new(path, &[]).message(&[]).send(&server).await;
        assert_eq!(answer.status(), Some(status), "{path}");
    }
}
