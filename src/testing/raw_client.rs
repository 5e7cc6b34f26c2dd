use std::fmt;

use h2::client;
use h2::{Reason, RecvStream};
use prost::bytes::{BufMut as _, Bytes};
use tokio::net::TcpStream;
use tonic::codegen::http::{HeaderMap, Method, Request, StatusCode};

use super::within_limit;

/// A request that need not be one that a gRPC library would send.
#[derive(Clone, Debug)]
pub(crate) struct RawRequest {
    method: Method,
    path: &'static str,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    trailers: Option<HeaderMap>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) http: StatusCode,
    pub(crate) headers: HeaderMap,
    /// The messages, with whether each was compressed.
    pub(crate) messages: Vec<(bool, Vec<u8>)>,
    /// In the first block, if that is the only one.
    pub(crate) trailers: HeaderMap,
    pub(crate) reset: Option<Reason>,
}

impl RawRequest {
    /// A call of the method with the message, as a gRPC library sends it.
    pub(crate) fn new(path: &'static str, message: &[u8]) -> Self {
        let headers = [("te", "trailers"), ("content-type", "application/grpc")];
        let request = Self {
            method: Method::POST,
            path,
            headers: headers.map(|(name, value)| (name, value.to_owned())).to_vec(),
            body: Vec::new(),
            trailers: None,
        };
        request.message(message)
    }

    /// With another method of HTTP's.
    pub(crate) fn method(self, method: Method) -> Self {
        Self { method, ..self }
    }

    /// With one more message.
    pub(crate) fn message(mut self, message: &[u8]) -> Self {
        self.body.put_u8(0);
        self.body.put_u32(message.len() as u32);
        self.body.put_slice(message);
        self
    }

    /// With these bytes instead of messages.
    pub(crate) fn body(self, body: &[u8]) -> Self {
        Self { body: body.to_vec(), ..self }
    }

    /// With trailers after the messages.
    pub(crate) fn trailers(self, trailers: HeaderMap) -> Self {
        Self { trailers: Some(trailers), ..self }
    }

    /// With one more header.
    pub(crate) fn header(&self, name: &'static str, value: impl fmt::Display) -> Self {
        let mut request = self.clone();
        request.headers.push((name, value.to_string()));
        request
    }

    /// Without headers of this name.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(other, _)| *other != name);
        self
    }

    /// Sends it on a connection of its own, and waits for the end of the answer.
    pub(crate) async fn send(&self, server: &str) -> Answer {
        within_limit(self.exchange(server)).await
    }

    async fn exchange(&self, server: &str) -> Answer {
        let stream = TcpStream::connect(server).await.expect("a server");
        stream.set_nodelay(true).expect("a connection");
        let (client, connection) = client::handshake(stream).await.expect("HTTP/2");
        tokio::spawn(connection);
        let mut client = client.ready().await.expect("a connection");
        let uri = format!("http://{server}{}", self.path);
        let mut request = Request::builder().method(self.method.clone()).uri(uri);
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        let request = request.body(()).expect("a request");
        let (response, mut sender) = client.send_request(request, false).expect("a stream");
        // The server may have answered already, and want no more.
        let _ = sender.send_data(Bytes::from(self.body.clone()), self.trailers.is_none());
        if let Some(trailers) = &self.trailers {
            let _ = sender.send_trailers(trailers.clone());
        }

        let (head, body) = response.await.expect("a response").into_parts();
        let mut answer = Answer {
            http: head.status,
            trailers: HeaderMap::new(),
            messages: Vec::new(),
            headers: head.headers,
            reset: None,
        };
        if let Err(error) = answer.read(body).await {
            answer.reset = Some(error.reason().expect("a reset"));
        }
        answer
    }
}

impl Answer {
    async fn read(&mut self, mut body: RecvStream) -> Result<(), h2::Error> {
        let mut data = Vec::new();
        let mut reading = Ok(());
        while let Some(chunk) = body.data().await {
            match chunk {
                Ok(chunk) => {
                    body.flow_control().release_capacity(chunk.len())?;
                    data.extend_from_slice(&chunk);
                }
                Err(error) => {
                    reading = Err(error);
                    break;
                }
            }
        }
        self.messages = messages(&data);
        reading?;
        self.trailers = body.trailers().await?.unwrap_or_else(|| self.headers.clone());
        Ok(())
    }

    /// The value of a header of the last block.
    pub(crate) fn trailer(&self, name: &str) -> Option<&str> {
        self.trailers.get(name).map(|value| value.to_str().expect("ASCII"))
    }

    /// The values of a header of the first block.
    pub(crate) fn header_values(&self, name: &str) -> Vec<&str> {
        let values = self.headers.get_all(name).iter();
        values.map(|value| value.to_str().expect("ASCII")).collect()
    }

    /// The value of `grpc-status`.
    pub(crate) fn status(&self) -> Option<&str> {
        self.trailer("grpc-status")
    }
}

fn messages(mut data: &[u8]) -> Vec<(bool, Vec<u8>)> {
    let mut messages = Vec::new();
    while let Some((prefix, rest)) = data.split_first_chunk::<5>() {
        let [compressed, length @ ..] = *prefix;
        let (message, rest) = rest.split_at(u32::from_be_bytes(length) as usize);
        messages.push((compressed == 1, message.to_vec()));
        data = rest;
    }
    assert!(data.is_empty(), "no message: {data:?}");
    messages
}
