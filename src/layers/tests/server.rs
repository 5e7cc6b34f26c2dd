use std::convert::Infallible;
use std::future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::task;
use tokio_stream::{Stream, StreamExt as _};
use tonic::body::Body;
use tonic::codegen::http::{self, HeaderMap, Method};
use tonic::server::{Grpc, NamedService, ServerStreamingService, UnaryService};
use tonic::service::LayerExt as _;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;
use tower::Service;

use crate::layers::binary::BinaryEntries;
use crate::layers::middleware::Around;
use crate::layers::server::deadline::Deadlines;
use crate::layers::server::held::Held;
use crate::layers::server::http::OnlyGrpc;
use crate::layers::server::panics::Panics;
use crate::layers::server::requests::Requests;
use crate::testing::{RawRequest, listen};

type Message = u32;

/// A service whose methods are as long or as faulty as their names say.
#[derive(Clone)]
struct Odd;

impl NamedService for Odd {
    const NAME: &'static str = "Odd";
}

impl Service<http::Request<Body>> for Odd {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(async move {
            let mut grpc = Grpc::new(ProstCodec::<Message, Message>::default());
            let method = Named(request.uri().path().trim_start_matches("/Odd/").to_owned());
            Ok(match method.0.as_str() {
                "Echo" | "Never" | "Panic" => grpc.unary(method, request).await,
                _ => grpc.server_streaming(method, request).await,
            })
        })
    }
}

struct Named(String);

impl UnaryService<Message> for Named {
    type Response = Message;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Message>, Status>> + Send>>;

    fn call(&mut self, request: Request<Message>) -> Self::Future {
        let name = self.0.clone();
        Box::pin(async move {
            match name.as_str() {
                "Never" => future::pending().await,
                "Panic" => panic!("a secret"),
                _ => Ok(echo(request)),
            }
        })
    }
}

/// Sends the entry back.
fn echo(request: Request<Message>) -> Response<Message> {
    let (metadata, _, message) = request.into_parts();
    let mut response = Response::new(message);
    for value in metadata.get_all_bin("a-bin") {
        response.metadata_mut().append_bin("a-bin", value.clone());
    }
    response
}

impl ServerStreamingService<Message> for Named {
    type Response = Message;
    type ResponseStream = Pin<Box<dyn Stream<Item = Result<Message, Status>> + Send>>;
    type Future = future::Ready<Result<Response<Self::ResponseStream>, Status>>;

    fn call(&mut self, _: Request<Message>) -> Self::Future {
        let is_endless = self.0 == "TwoThenNever";
        let messages = tokio_stream::iter(1..=3).then(move |number| async move {
            // Else tonic would gather what is ready into one write.
            task::yield_now().await;
            match number {
                3 if is_endless => future::pending().await,
                3 => panic!("a secret"),
                _ => Ok(number),
            }
        });
        future::ready(Ok(Response::new(Box::pin(messages))))
    }
}

async fn start_odd() -> String {
    let (listener, address) = listen().await;
    let layers = (Around(Deadlines), Around(OnlyGrpc), Around(Panics), Around(BinaryEntries));
    let one = Around(Requests { streaming: &[], held: Held::default() });
    let server = Server::builder().layer(layers).add_service(one.named_layer(Odd));
    tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
    address
}

fn echo_call() -> RawRequest {
    RawRequest::new("/Odd/Echo", &[8, 7])
}

#[tokio::test]
async fn a_call_as_it_should_be_is_served() {
    let server = start_odd().await;
    let requests = [
        echo_call(),
        echo_call().without("te"),
        echo_call().without("content-type").header("content-type", "application/grpc+proto"),
        echo_call().header("grpc-timeout", "1H"),
        echo_call().header("grpc-timeout", "99999999H"),
    ];
    for request in requests {
        let answer = request.send(&server).await;
        assert_eq!((answer.http.as_u16(), answer.status()), (200, Some("0")), "{request:?}");
        assert_eq!(answer.messages, [(false, vec![8, 7])], "{request:?}");
    }
}

#[tokio::test]
async fn what_is_no_grpc_request_gets_an_http_status() {
    let server = start_odd().await;
    let text = echo_call().without("content-type").header("content-type", "text/plain");
    let table = [
        (echo_call().method(Method::GET), 405),
        (echo_call().method(Method::PUT), 405),
        (text, 415),
        (echo_call().without("content-type"), 415),
    ];
    for (request, expected) in table {
        let answer = request.send(&server).await;
        assert_eq!((answer.http.as_u16(), answer.status()), (expected, None), "{request:?}");
    }
}

#[tokio::test]
async fn deadlines_hold_to_the_end_of_a_stream() {
    let server = start_odd().await;
    let table = [("/Odd/Never", 0), ("/Odd/TwoThenNever", 2), ("/Odd/Echo", 0)];
    for (path, messages) in table {
        for timeout in ["50m", "50000u", "0m", "0S", "1n"] {
            let is_zero = timeout.starts_with(['0', '1']);
            if path == "/Odd/Echo" && !is_zero {
                continue;
            }
            let request = RawRequest::new(path, &[8, 7]).header("grpc-timeout", timeout);
            let answer = request.send(&server).await;
            assert_eq!(answer.status(), Some("4"), "{path}, {timeout}: {answer:?}");
            let expected = if is_zero { 0 } else { messages };
            assert_eq!(answer.messages.len(), expected, "{path}, {timeout}");
        }
    }
}

#[tokio::test]
async fn a_timeout_against_the_grammar_reaches_no_handler() {
    let server = start_odd().await;
    for timeout in ["abc", "-1S", "123456789m", "", "1", "S", "1.5S"] {
        let answer = RawRequest::new("/Odd/Panic", &[8, 7]).header("grpc-timeout", timeout);
        let answer = answer.send(&server).await;
        assert_eq!(answer.status(), Some("13"), "{timeout:?}: {answer:?}");
    }
    let twice = echo_call().header("grpc-timeout", "1S").header("grpc-timeout", "2S");
    assert_eq!(twice.send(&server).await.status(), Some("13"));
}

#[tokio::test]
async fn a_panic_is_unknown_and_keeps_its_words() {
    let server = start_odd().await;
    let sent = vec![(false, vec![8, 1]), (false, vec![8, 2])];
    for (path, messages) in [("/Odd/Panic", vec![]), ("/Odd/TwoThenPanic", sent)] {
        let answer = RawRequest::new(path, &[8, 7]).send(&server).await;
        assert_eq!(answer.messages, messages, "{path}");
        assert_eq!(answer.status(), Some("2"), "{answer:?}");
        assert_eq!(answer.trailer("grpc-message"), Some("the%20handler%20failed"), "{path}");
        assert_eq!(answer.reset, None, "{path}");
    }
}

#[tokio::test]
async fn binary_entries_are_taken_apart() {
    let server = start_odd().await;
    let joined = echo_call().header("a-bin", "AP8=,AQ").header("a-bin", "Ag==");
    let answer = joined.send(&server).await;
    assert_eq!(answer.status(), Some("0"), "{answer:?}");
    assert_eq!(answer.header_values("a-bin"), ["AP8", "AQ", "Ag"]);

    let answer = echo_call().header("a-bin", "%").send(&server).await;
    assert_eq!(answer.status(), Some("13"), "{answer:?}");
}

/// tonic does this itself, as it should be.
#[tokio::test]
async fn an_unknown_encoding_is_answered_with_the_known_ones() {
    let server = start_odd().await;
    let answer = echo_call().header("grpc-encoding", "snappy").send(&server).await;
    assert_eq!(answer.status(), Some("12"), "{answer:?}");
    assert!(answer.trailer("grpc-accept-encoding").is_some(), "{answer:?}");
}

#[tokio::test]
async fn requests_have_one_message_of_up_to_four_mebibytes() {
    // Field 15, of which no `u32` has any, as bytes.
    let message_of = |length: usize| {
        let zeros = length - 5;
        let mut message = vec![122];
        prost::encoding::encode_varint(zeros as u64, &mut message);
        message.resize(length, 0);
        message
    };
    let server = start_odd().await;
    let table = [
        (RawRequest::new("/Odd/Echo", &message_of(4 << 20)), "0"),
        (RawRequest::new("/Odd/Echo", &message_of((4 << 20) + 1)), "8"),
        (echo_call().message(&[8, 9]), "13"),
        (echo_call().body(&[]), "13"),
        (echo_call().body(&[0, 0, 0, 0, 9, 8]), "13"),
        (echo_call().trailers(HeaderMap::new()), "13"),
    ];
    for (request, expected) in table {
        let answer = request.send(&server).await;
        assert_eq!(answer.status(), Some(expected), "{answer:?}");
    }
}
