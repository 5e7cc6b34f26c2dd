use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::client::Grpc;
use tonic::codec::CompressionEncoding::Gzip;
use tonic::transport::Endpoint;
use tonic::{Code, Request, Status, Streaming};
use tonic_prost::ProstCodec;

use crate::client::Deadline;
use crate::layers::client::channel::MendedChannel;
use crate::testing::Step::{Bytes, Close, Data, GoAway, Headers, LastData, LastHeaders, Reset};
use crate::testing::{RST_STREAM, RawServer, Step, WasReset, within_limit};

type Message = u32;

fn channel(server: &RawServer) -> MendedChannel {
    let uri = format!("http://{}", server.address);
    MendedChannel::new(Endpoint::from_shared(uri).expect("a URI").connect_lazy())
}

fn grpc(channel: MendedChannel) -> Grpc<MendedChannel> {
    Grpc::new(channel).accept_compressed(Gzip)
}

/// Calls a method with one response, and tells what came of it.
async fn unary(channel: MendedChannel) -> Result<Message, Status> {
    within_limit(async {
        let path = "/a.B/C".parse().expect("a path");
        let codec = ProstCodec::<Message, Message>::default();
        let mut client = grpc(channel.with_one_message());
        client.ready().await?;
        Ok(client.unary(Request::new(1), path, codec).await?.into_inner())
    })
    .await
}

async fn stream(channel: MendedChannel) -> Result<Streaming<Message>, Status> {
    let path = "/a.B/C".parse().expect("a path");
    let codec = ProstCodec::<Message, Message>::default();
    let mut client = grpc(channel);
    client.ready().await?;
    Ok(client.server_streaming(Request::new(1), path, codec).await?.into_inner())
}

/// Calls a method with a stream of responses, and tells which came, and how the
/// call ended.
async fn streaming(channel: MendedChannel) -> (Vec<Message>, Code, String) {
    let mut messages = Vec::new();
    let call = async {
        let mut stream = stream(channel).await?;
        while let Some(message) = stream.message().await? {
            messages.push(message);
        }
        Ok::<_, Status>(())
    };
    match within_limit(call).await {
        Ok(()) => (messages, Code::Ok, String::new()),
        Err(status) => (messages, status.code(), status.message().to_owned()),
    }
}

fn pairs(pairs: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
    pairs.iter().map(|(name, value)| (*name, (*value).to_owned())).collect()
}

fn head() -> Step {
    Headers(pairs(&[(":status", "200"), ("content-type", "application/grpc")]))
}

/// A head with one more header.
fn head_with(name: &'static str, value: &str) -> Step {
    let all = [(":status", "200"), ("content-type", "application/grpc"), (name, value)];
    Headers(pairs(&all))
}

fn trailers(status: &str) -> Step {
    LastHeaders(pairs(&[("grpc-status", status)]))
}

fn two_statuses(first: &str, second: &str) -> Step {
    LastHeaders(pairs(&[("grpc-status", first), ("grpc-status", second)]))
}

/// A message as it is sent: the field of this number, which `u32` decodes to its
/// value.
fn message(value: u8) -> Vec<u8> {
    vec![0, 0, 0, 0, 2, 8, value]
}

/// What the server does, and what comes of a stream: its messages and its code.
type Row = (&'static str, Vec<Step>, &'static [Message], Code);

async fn assert_streams(table: Vec<Row>) {
    for (name, steps, messages, code) in table {
        let server = RawServer::start(vec![steps]).await;
        let (got, status, text) = streaming(channel(&server)).await;
        assert_eq!((got.as_slice(), status), (messages, code), "{name}: {text}");
    }
}

const RESETS: [(u32, Code); 15] = [
    (0, Code::Internal),
    (1, Code::Internal),
    (2, Code::Internal),
    (3, Code::Internal),
    (4, Code::Internal),
    (5, Code::Unknown),
    (6, Code::Internal),
    (7, Code::Unavailable),
    (8, Code::Cancelled),
    (9, Code::Internal),
    (10, Code::Internal),
    (11, Code::ResourceExhausted),
    (12, Code::PermissionDenied),
    (13, Code::Unknown),
    (99, Code::Unknown),
];

#[tokio::test]
async fn a_reset_means_the_same_wherever_it_comes() {
    for (reason, code) in RESETS {
        let reset = Reset(reason);
        assert_streams(vec![
            ("before the headers", vec![reset.clone()], &[], code),
            ("after the headers", vec![head(), reset.clone()], &[], code),
            ("after a message", vec![head(), Data(message(7)), reset], &[7], code),
        ])
        .await;
    }
}

#[tokio::test]
async fn a_lost_connection_is_unavailable() {
    // A block of trailers whose end does not come.
    let half = || Bytes(vec![0, 0, 20, 1, 5, 0, 0, 0, 1, 0]);
    assert_streams(vec![
        ("before the headers", vec![Close], &[], Code::Unavailable),
        ("after the headers", vec![head(), Close], &[], Code::Unavailable),
        ("after a message", vec![head(), Data(message(7)), Close], &[7], Code::Unavailable),
        ("in a message", vec![head(), Data(message(7)[..6].into()), Close], &[], Code::Unavailable),
        ("in the trailers", vec![head(), Data(message(7)), half(), Close], &[7], Code::Unavailable),
        (
            "another protocol",
            vec![Bytes(b"HTTP/1.1 400 Bad\r\n\r\n".into())],
            &[],
            Code::Unavailable,
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_server_that_goes_away_is_unavailable() {
    assert_streams(vec![
        ("at once", vec![GoAway(0, 0)], &[], Code::Unavailable),
        ("with an error", vec![GoAway(0, 11), Close], &[], Code::Unavailable),
        (
            "but it ends the call",
            vec![GoAway(1, 0), head(), Data(message(7)), trailers("0")],
            &[7],
            Code::Ok,
        ),
    ])
    .await;
}

#[tokio::test]
async fn the_next_call_takes_a_new_connection() {
    let good = || vec![head(), Data(message(7)), trailers("0")];
    for bad in [vec![GoAway(0, 0)], vec![Close], vec![head(), GoAway(1, 0), Close]] {
        let server = RawServer::start(vec![bad, good()]).await;
        let channel = channel(&server);
        let (_, code, text) = streaming(channel.clone()).await;
        assert_eq!(code, Code::Unavailable, "{text}");
        let (messages, code, text) = streaming(channel).await;
        assert_eq!((messages, code), (vec![7], Code::Ok), "{text}");
    }
}

#[tokio::test]
async fn http_statuses_are_translated() {
    let table = [
        ("400", Code::Internal),
        ("401", Code::Unauthenticated),
        ("403", Code::PermissionDenied),
        ("404", Code::Unimplemented),
        ("429", Code::Unavailable),
        ("431", Code::Internal),
        ("500", Code::Unknown),
        ("502", Code::Unavailable),
        ("503", Code::Unavailable),
        ("504", Code::Unavailable),
        ("204", Code::Unknown),
        ("418", Code::Unknown),
    ];
    for (status, code) in table {
        let html = Headers(pairs(&[(":status", status), ("content-type", "text/html")]));
        let empty = LastHeaders(pairs(&[(":status", status)]));
        assert_streams(vec![
            (status, vec![html, LastData(b"<html></html>".into())], &[], code),
            (status, vec![empty], &[], code),
        ])
        .await;
    }
}

#[tokio::test]
async fn heads_are_read_as_grpc_has_them() {
    let early = || Headers(pairs(&[(":status", "103"), ("link", "x")]));
    let text = || Headers(pairs(&[(":status", "200"), ("content-type", "text/plain")]));
    let bare = || Headers(pairs(&[(":status", "200")]));
    let status = |code| {
        let all = [(":status", "502"), ("content-type", "application/grpc"), ("grpc-status", code)];
        LastHeaders(pairs(&all))
    };
    let encoded_nothing = || {
        let all = [(":status", "200"), ("content-type", "application/grpc")];
        let rest = [("grpc-encoding", "snappy"), ("grpc-status", "5")];
        LastHeaders(pairs(&[all, rest].concat()))
    };
    let rest = || [Data(message(7)), trailers("0")];
    let whole = |head: Step| [vec![head], rest().to_vec()].concat();
    assert_streams(vec![
        ("early hints", [vec![early()], whole(head())].concat(), &[7], Code::Ok),
        ("another content type", whole(text()), &[], Code::Unknown),
        ("no content type", whole(bare()), &[], Code::Unknown),
        ("a status all the same", vec![status("5")], &[], Code::NotFound),
        ("identity", whole(head_with("grpc-encoding", "identity")), &[7], Code::Ok),
        ("gzip", whole(head_with("grpc-encoding", "gzip")), &[7], Code::Ok),
        ("another encoding", whole(head_with("grpc-encoding", "snappy")), &[], Code::Internal),
        ("another encoding of nothing", vec![encoded_nothing()], &[], Code::NotFound),
    ])
    .await;
}

#[tokio::test]
async fn endings_are_read_as_grpc_has_them() {
    let long = vec![0, 0, 0x40, 0, 1];
    let two = || [message(7), message(8)].concat();
    assert_streams(vec![
        ("no trailers", vec![head(), LastData(message(7))], &[7], Code::Unknown),
        ("nothing", vec![head(), LastData(vec![])], &[], Code::Unknown),
        ("no status", vec![head(), LastHeaders(pairs(&[("a", "b")]))], &[], Code::Unknown),
        (
            "success and failure",
            vec![head(), Data(message(7)), two_statuses("0", "5")],
            &[7],
            Code::Internal,
        ),
        ("success twice", vec![head(), Data(message(7)), two_statuses("0", "0")], &[7], Code::Ok),
        (
            "a success that is taken back",
            vec![head_with("grpc-status", "0"), Data(message(7)), trailers("5")],
            &[7],
            Code::NotFound,
        ),
        (
            "a failure that is taken back",
            vec![head_with("grpc-status", "5"), Data(message(7)), trailers("0")],
            &[7],
            Code::Ok,
        ),
        (
            "an early failure, and an end",
            vec![head_with("grpc-status", "5"), LastData(vec![])],
            &[],
            Code::NotFound,
        ),
        (
            "an early failure, a message, and an end",
            vec![head_with("grpc-status", "5"), LastData(message(7))],
            &[7],
            Code::Unknown,
        ),
        (
            "an early success, and an end",
            vec![head_with("grpc-status", "0"), LastData(vec![])],
            &[],
            Code::Unknown,
        ),
        ("no number", vec![head(), trailers("abc")], &[], Code::Unknown),
        ("a leading zero", vec![head(), trailers("03")], &[], Code::Unknown),
        ("within a message", vec![head(), Data(vec![0; 3]), trailers("0")], &[], Code::Internal),
        (
            "and a status",
            vec![head(), Data(vec![0; 3]), trailers("9")],
            &[],
            Code::FailedPrecondition,
        ),
        ("too long", vec![head(), Data(two()), Data(long)], &[7, 8], Code::ResourceExhausted),
    ])
    .await;
}

#[tokio::test]
async fn a_unary_call_has_one_message() {
    let table = [
        (vec![head(), Data(message(7)), trailers("0")], Ok(7)),
        (vec![head(), trailers("0")], Err(Code::Internal)),
        (vec![head(), Data(message(7)), Data(message(8)), trailers("0")], Err(Code::Internal)),
        (vec![head(), Data([message(7), message(8)].concat()), trailers("0")], Err(Code::Internal)),
        (vec![head(), Data(message(7)), trailers("9")], Err(Code::FailedPrecondition)),
        (vec![head(), LastData(message(7))], Err(Code::Unknown)),
    ];
    for (steps, expected) in table {
        let server = RawServer::start(vec![steps]).await;
        let answer = unary(channel(&server)).await;
        assert_eq!(answer.map_err(|status| status.code()), expected);
    }
}

#[tokio::test]
async fn a_message_of_four_mebibytes_is_taken() {
    // Field 2, which no `u32` has, and zeros.
    let zeros: u32 = (4 << 20) - 5;
    let field = [&[18][..], &[0xfb, 0xff, 0xff, 1][..]].concat();
    let mut whole = [&[0][..], &(4_u32 << 20).to_be_bytes(), &field].concat();
    whole.resize(whole.len() + zeros as usize, 0);
    let server = RawServer::start(vec![vec![head(), Data(whole), trailers("0")]]).await;
    // The raw server does not wait for room.
    let uri = format!("http://{}", server.address);
    let endpoint = Endpoint::from_shared(uri).expect("a URI");
    let endpoint =
        endpoint.initial_stream_window_size(8 << 20).initial_connection_window_size(8 << 20);
    let answer = unary(MendedChannel::new(endpoint.connect_lazy())).await;
    assert_eq!(answer.expect("an answer"), 0);
}

#[tokio::test]
async fn a_status_that_cannot_be_read_keeps_what_can() {
    let table = [
        ("grpc-message", "caf%E9 %20%", Code::NotFound, "caf\u{fffd}  %"),
        ("grpc-message", "caf%C3%A9", Code::NotFound, "café"),
        ("grpc-status-details-bin", "%", Code::Internal, "grpc-status-details-bin is not base64"),
        ("grpc-status-details-bin", "CAU=", Code::NotFound, ""),
    ];
    for (name, value, code, text) in table {
        let status = [("grpc-status", "5"), (name, value)];
        let first = [(":status", "200"), ("content-type", "application/grpc")];
        let only = LastHeaders(pairs(&[&first[..], &status].concat()));
        for steps in [vec![only], vec![head(), LastHeaders(pairs(&status))]] {
            let server = RawServer::start(vec![steps]).await;
            let (_, got, message) = streaming(channel(&server)).await;
            assert_eq!((got, message.as_str()), (code, text), "{value}");
        }
    }
}

#[tokio::test]
async fn the_deadline_resets_the_stream() {
    const CANCEL: [u8; 4] = [0, 0, 0, 8];
    for steps in [vec![], vec![head()], vec![head(), Data(message(7))]] {
        let mut server = RawServer::start(vec![steps]).await;
        let deadline = Deadline::after(Duration::from_millis(100));
        let channel = channel(&server);
        let call = async {
            let path = "/a.B/C".parse().expect("a path");
            let codec = ProstCodec::<Message, Message>::default();
            let mut client = grpc(channel);
            client.ready().await?;
            let mut request = Request::new(1);
            deadline.announce(&mut request);
            let mut stream = client.server_streaming(request, path, codec).await?.into_inner();
            while stream.message().await?.is_some() {}
            Ok(())
        };
        let status = within_limit(deadline.limit(call)).await.expect_err("the deadline");
        assert_eq!(status.code(), Code::DeadlineExceeded, "{status:?}");
        assert_eq!(server.next_frame(RST_STREAM).await.payload, CANCEL);
    }
}

/// The library would go on until what feeds the stream is dropped, too.
#[tokio::test]
async fn a_stream_of_requests_is_reset_with_its_call() {
    for steps in [vec![], vec![head()], vec![head(), Data(message(7))]] {
        let mut server = RawServer::start_early(vec![steps]).await;
        let channel = channel(&server);
        let (requests, stream) = mpsc::channel(1);
        requests.send(1).await.expect("room");
        let call = async {
            let path = "/a.B/C".parse().expect("a path");
            let codec = ProstCodec::<Message, Message>::default();
            let mut client = grpc(channel);
            client.ready().await?;
            let request = Request::new(ReceiverStream::new(stream));
            let mut answers = client.streaming(request, path, codec).await?.into_inner();
            while answers.message().await?.is_some() {}
            Ok::<_, Status>(())
        };
        timeout(Duration::from_millis(100), call).await.expect_err("the call does not end");
        let expected = WasReset { code: 8, data_bytes: message(1).len(), has_ended: false };
        assert_eq!(server.reset().await, expected);
        drop(requests);
    }
}

/// It was not dropped.
#[tokio::test]
async fn a_stream_of_requests_that_its_sender_ends_is_ended() {
    let steps = vec![head(), Data(message(7)), trailers("0")];
    let server = RawServer::start(vec![steps]).await;
    let (requests, stream) = mpsc::channel(1);
    requests.send(1).await.expect("room");
    drop(requests);
    let path = "/a.B/C".parse().expect("a path");
    let codec = ProstCodec::<Message, Message>::default();
    let mut client = grpc(channel(&server));
    client.ready().await.expect("a channel");
    let request = Request::new(ReceiverStream::new(stream));
    let answer = within_limit(client.client_streaming(request, path, codec)).await;
    assert_eq!(answer.expect("an answer").into_inner(), 7);
}
