//! Small messages, each in a frame of its own, that wait to be read: as many as a stream's
//! window takes.

use std::time::Duration;

use h2::client;
use prost::bytes::Bytes;
use tokio::net::TcpStream;
use tokio::time;
use tonic::client::Grpc;
use tonic::codegen::http::Request as HttpRequest;
use tonic::{Request, Status};
use tonic_prost::ProstCodec;

use crate::client::{Connecting, open_channel};
use crate::pb::testing::{ResponseParameters, StreamingOutputCallRequest};
use crate::testing::Step::{Data, Headers, LastHeaders};
use crate::testing::{RawServer, start_server, within_limit};

/// A message of no bytes, as it is sent.
const NOTHING: [u8; 5] = [0; 5];

const MESSAGES: usize = 65_000 / NOTHING.len();

/// Longer than they take to come.
const WHILE: Duration = Duration::from_millis(500);

#[tokio::test]
async fn a_client_may_be_slow_to_read_them() {
    let pairs = |pairs: &[(&'static str, &str)]| {
        pairs.iter().map(|(name, value)| (*name, (*value).to_owned())).collect()
    };
    let mut steps =
        vec![Headers(pairs(&[(":status", "200"), ("content-type", "application/grpc")]))];
    steps.extend(vec![Data(NOTHING.to_vec()); MESSAGES]);
    steps.push(LastHeaders(pairs(&[("grpc-status", "0")])));
    let server = RawServer::start(vec![steps]).await;
    let call = async {
        let channel = open_channel(&Connecting::to(server.address.parse().expect("an address")));
        let mut client = Grpc::new(channel.expect("no TLS"));
        client.ready().await?;
        let path = "/a.B/C".parse().expect("a path");
        let codec = ProstCodec::<u32, u32>::default();
        let answer = client.server_streaming(Request::new(1), path, codec).await?;
        time::sleep(WHILE).await;
        let mut messages = answer.into_inner();
        let mut count = 0;
        while messages.message().await?.is_some() {
            count += 1;
        }
        Ok::<_, Status>(count)
    };
    assert_eq!(within_limit(call).await.expect("no failure"), MESSAGES);
}

#[tokio::test]
async fn a_server_may_be_slow_to_read_them() {
    within_limit(async {
        let server = start_server(None).await;
        let stream = TcpStream::connect(&server).await.expect("a server");
        let (client, connection) = client::handshake(stream).await.expect("HTTP/2");
        tokio::spawn(connection);
        let mut client = client.ready().await.expect("a connection");
        let request = HttpRequest::post("http://server/grpc.testing.TestService/FullDuplexCall")
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        let request = request.body(()).expect("a request");
        let (answer, mut requests) = client.send_request(request, false).expect("a stream");
        requests.send_data(first_request(), false).expect("a stream");
        for _ in 0..MESSAGES {
            requests.send_data(Bytes::from_static(&NOTHING), false).expect("a stream");
        }
        requests.send_data(Bytes::new(), true).expect("a stream");
        let mut body = answer.await.expect("a response").into_body();
        while let Some(data) = body.data().await {
            data.expect("no reset");
        }
        let trailers = body.trailers().await.expect("no reset").expect("trailers");
        assert_eq!(trailers["grpc-status"], "0");
    })
    .await;
}

/// It is answered after a while, and no other is looked at before.
fn first_request() -> Bytes {
    let interval_us = WHILE.as_micros().try_into().expect("a short time");
    let parameters = ResponseParameters { interval_us, ..ResponseParameters::default() };
    let request = StreamingOutputCallRequest {
        response_parameters: vec![parameters],
        ..StreamingOutputCallRequest::default()
    };
    let message = prost::Message::encode_to_vec(&request);
    [&[0, 0, 0, 0, message.len() as u8], &message[..]].concat().into()
}
