//! Clients that leave their calls half done: they ask for long answers and read next to
//! nothing of them, or do not end what they send.

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use h2::client::{self, ResponseFuture, SendRequest};
use h2::{Reason, RecvStream, SendStream};
use prost::bytes::Bytes;
use tokio::net::TcpStream;
use tokio::task::{self, JoinHandle};
use tonic::codegen::http::Request;

use crate::testing::{RawRequest, start_server, within_limit};

const ANSWER_BYTES: usize = 4 << 20;

/// How many such answers there is room for, beside what the calls themselves hold.
const ROOM: usize = 63;

/// Half as many again.
const CALLS: usize = 96;

/// A client whose windows take the first byte of each answer.
struct Client {
    requests: SendRequest<Bytes>,
    connection: JoinHandle<()>,
}

/// A call whose answer has begun.
struct Held {
    request: SendStream<Bytes>,
    /// To drop it would be to reset the stream.
    _answer: RecvStream,
}

impl Client {
    async fn connect(server: &str) -> Self {
        let stream = TcpStream::connect(server).await.expect("a server");
        let mut builder = client::Builder::new();
        builder.initial_window_size(1);
        let (requests, connection) = builder.handshake(stream).await.expect("HTTP/2");
        let connection = tokio::spawn(async move {
            // The test ends it.
            let _ = connection.await;
        });
        Self { requests: requests.ready().await.expect("a connection"), connection }
    }

    /// Begins a call with these bytes of its request.
    fn ask(&mut self, bytes: Bytes, ends: bool) -> (ResponseFuture, SendStream<Bytes>) {
        let request = Request::post("http://server/FibonacciService/GetSequence")
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .header("x-crosswire-size", ANSWER_BYTES);
        let request = request.body(()).expect("a request");
        let (response, mut request) = self.requests.send_request(request, false).expect("a stream");
        request.send_data(bytes, ends).expect("a stream");
        (response, request)
    }

    /// Makes so many calls at once; returns those that are answered. All others end with
    /// RESOURCE_EXHAUSTED.
    async fn call(&mut self, calls: usize) -> Vec<Held> {
        let asked: Vec<_> =
            (0..calls).map(|_| self.ask(Bytes::from_static(&[0; 5]), true)).collect();
        let mut held = Vec::new();
        for (response, request) in asked {
            let mut answer = response.await.expect("a response").into_body();
            match answer.data().await.transpose().expect("no reset") {
                Some(_) => held.push(Held { request, _answer: answer }),
                None => {
                    let trailers = answer.trailers().await.expect("no reset");
                    assert_eq!(trailers.expect("trailers")["grpc-status"], "8");
                }
            }
        }
        held
    }

    /// Calls until there is room for so many answers at once.
    async fn call_until(&mut self, calls: usize) {
        while self.call(calls).await.len() < calls {
            task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn what_nobody_reads_is_bounded_for_all_connections() {
    within_limit(async {
        let server = start_server(None).await;
        let (mut first, mut second) =
            (Client::connect(&server).await, Client::connect(&server).await);
        let mut held = first.call(CALLS).await;
        assert_eq!(held.len(), ROOM);
        assert_eq!(second.call(CALLS).await.len(), 0);

        // Whoever asks for little is served.
        let answer = RawRequest::new("/FibonacciService/GetSequence", &[]).send(&server).await;
        assert_eq!(answer.status(), Some("0"), "{answer:?}");

        // A stream that is reset holds nothing, nor does a connection that has gone.
        held[0].request.send_reset(Reason::CANCEL);
        second.call_until(1).await;
        first.connection.abort();
        second.call_until(ROOM).await;
    })
    .await;
}

#[tokio::test]
async fn what_nobody_ends_is_bounded() {
    within_limit(async {
        let server = start_server(None).await;
        let mut client = Client::connect(&server).await;
        // All of a message of 4 MiB but its last byte.
        let mut message = vec![0, 0, 0x40, 0, 0];
        message.resize(4 + ANSWER_BYTES, 0);
        let message = Bytes::from(message);
        let calls = (0..CALLS).map(|_| client.ask(message.clone(), false));
        let (responses, requests): (FuturesUnordered<_>, Vec<_>) = calls.unzip();
        let mut refusals = responses.take(CALLS - ROOM);
        while let Some(response) = refusals.next().await {
            assert_eq!(response.expect("a response").headers()["grpc-status"], "8");
        }

        // Whoever says little is served.
        let answer = RawRequest::new("/FibonacciService/GetSequence", &[]).send(&server).await;
        assert_eq!(answer.status(), Some("0"), "{answer:?}");
        drop(requests);
    })
    .await;
}

/// Each is held while it is sent, and no longer.
#[tokio::test]
async fn whoever_reads_is_never_refused() {
    within_limit(async {
        let server = start_server(None).await;
        // An unknown field of a mebibyte, too.
        let mut long = vec![0x7a, 0xfc, 0xff, 0x3f];
        long.resize(4 + 0xf_fffc, 0);
        let request = RawRequest::new("/FibonacciService/GetSequence", &long)
            .header("x-crosswire-size", ANSWER_BYTES);
        for _ in 0..CALLS {
            let answer = request.send(&server).await;
            assert_eq!(answer.status(), Some("0"));
        }
    })
    .await;
}
