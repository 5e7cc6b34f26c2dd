//! One call: from its fields to those of its result.

use std::pin::pin;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use grpc::client::stream_util::RecvStreamValidator;
use grpc::client::{CallOptions, Channel, Invoke, RecvStream, ResponseStreamItem};
use grpc::core::{RequestHeaders, ResponseHeaders, SendMessage, Trailers};
use grpc::metadata::{
    AsciiMetadataKey, BinaryMetadataKey, KeyAndValueRef, MetadataMap, MetadataValue,
};
use grpc::{Status, StatusCodeError, StatusError};
use prost::Message;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::sleep;

use crate::message::{Raw, Shown, Typed};
use crate::pb::{OutliersRequest, OutliersResponse};
use crate::protocol::Call;
use crate::steps::{End, LEAVING, Progress, Steps};
use crate::testing;
use crate::{SequenceElement, SequenceRequest, SequenceResponse};

/// How many messages a method takes, or answers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Count {
    One,
    Many,
}
use Count::{Many, One};

/// Makes the call and returns its result, or why it cannot be made.
pub async fn make(channel: Channel, call: Call) -> Result<Value, String> {
    if call.raw {
        let steps = Steps::parse(&call.send, |message| Ok(Raw(decode_base64(message)?.into())))?;
        return exchange(channel, call, steps, Raw::default(), Many).await;
    }
    match call.method.as_str() {
        "pb.Outliers/Detect" => {
            typed::<OutliersRequest, OutliersResponse>(channel, call, One, One).await
        }
        "FibonacciService/GetSequence" => {
            typed::<SequenceRequest, SequenceResponse>(channel, call, One, One).await
        }
        "FibonacciService/StreamSequence" => {
            typed::<SequenceRequest, SequenceElement>(channel, call, One, Many).await
        }
        "grpc.testing.TestService/EmptyCall"
        | "grpc.testing.TestService/UnimplementedCall"
        | "grpc.testing.UnimplementedService/UnimplementedCall" => {
            typed::<testing::Empty, testing::Empty>(channel, call, One, One).await
        }
        "grpc.testing.TestService/UnaryCall" | "grpc.testing.TestService/CacheableUnaryCall" => {
            typed::<testing::SimpleRequest, testing::SimpleResponse>(channel, call, One, One).await
        }
        "grpc.testing.TestService/StreamingInputCall" => {
            typed::<testing::StreamingInputCallRequest, testing::StreamingInputCallResponse>(
                channel, call, Many, One,
            )
            .await
        }
        "grpc.testing.TestService/StreamingOutputCall" => output(channel, call, One).await,
        "grpc.testing.TestService/FullDuplexCall" | "grpc.testing.TestService/HalfDuplexCall" => {
            output(channel, call, Many).await
        }
        method => Err(format!("no message types for {method}")),
    }
}

/// A call of the test service that is answered by a stream.
async fn output(channel: Channel, call: Call, requests: Count) -> Result<Value, String> {
    typed::<testing::StreamingOutputCallRequest, testing::StreamingOutputCallResponse>(
        channel, call, requests, Many,
    )
    .await
}

async fn typed<Request, Response>(
    channel: Channel,
    call: Call,
    requests: Count,
    answers: Count,
) -> Result<Value, String>
where
    Request: Message + Default,
    Response: Message + Default,
{
    let steps = Steps::parse(&call.send, parse::<Request>)?;
    if requests == One && !steps.are_one_request() {
        return Err("the method takes one request: a message, and a half_close".into());
    }
    exchange(channel, call, steps, Typed::<Response>::default(), answers).await
}

fn parse<M: Message + Default>(base64: &str) -> Result<Typed<M>, String> {
    let serialized = decode_base64(base64)?;
    M::decode(&*serialized).map(Typed).map_err(|error| format!("a message: {error}"))
}

/// What has come of the call.
#[derive(Default)]
struct Observed {
    headers: Option<ResponseHeaders>,
    messages: Vec<String>,
}

/// As the code does that the crate's own generator writes, which shows no metadata.
async fn exchange(
    channel: Channel,
    call: Call,
    steps: Steps<impl SendMessage>,
    response: impl Shown,
    answers: Count,
) -> Result<Value, String> {
    let headers = RequestHeaders::new()
        .with_method_name(format!("/{}", call.method))
        .with_metadata(parse_metadata(&call.metadata)?);
    let mut options = CallOptions::new();
    if let Some(timeout_ms) = call.timeout_ms {
        options.set_deadline(Instant::now() + Duration::from_millis(timeout_ms));
    }
    let (sender, receiver) = channel.invoke(headers, options).await;
    let mut sender = Some(sender);
    let receiver = RecvStreamValidator::new(receiver, answers == One);
    let (progress, watched) = watch::channel(Progress::default());
    let mut steps_done = 0;
    let mut observed = Observed::default();
    let trailers = {
        let mut sending = pin!(steps.run(&mut sender, watched, &mut steps_done));
        if call.cancel_after_messages == Some(0) {
            sending.await;
            sleep(LEAVING).await;
            drop(receiver);
            cancelled()
        } else {
            let mut reading = pin!(read(receiver, response, &call, &mut observed, progress));
            tokio::select! {
                trailers = &mut reading => trailers?,
                end = &mut sending => match end {
                    End::Cancelled => cancelled(),
                    End::Sent => reading.await?,
                },
            }
        }
    };
    // A call that is not over has ended with its receiver by now.
    drop(sender);
    if answers == One && trailers.status().is_err() {
        // The generated code gives either a message or an error.
        observed.messages.clear();
    }
    Ok(json!({"result": {
        "id": call.id,
        "steps": steps_done,
        "messages": observed.messages,
        "status": show_status(trailers.status()),
        "headers": observed.headers.map_or_else(Vec::new, |it| show_metadata(it.metadata())),
        "trailers": show_metadata(trailers.metadata()),
    }}))
}

/// Reads the response until it ends, or until the call has had enough of it.
async fn read(
    mut receiver: impl RecvStream,
    mut response: impl Shown,
    call: &Call,
    observed: &mut Observed,
    progress: watch::Sender<Progress>,
) -> Result<Trailers, String> {
    while call.cancel_after_messages != Some(observed.messages.len()) {
        if let (Some(_), Some(delay_ms)) = (&observed.headers, call.read_delay_ms) {
            sleep(Duration::from_millis(delay_ms)).await;
        }
        match receiver.recv(&mut response).await {
            ResponseStreamItem::Headers(headers) => {
                observed.headers = Some(headers);
                progress.send_modify(|it| it.has_headers = true);
            }
            ResponseStreamItem::Message => {
                observed.messages.push(encode_base64(&response.serialized()));
                progress.send_modify(|it| it.messages += 1);
            }
            ResponseStreamItem::Trailers(trailers) => return Ok(trailers),
            ResponseStreamItem::StreamClosed => return Err("the stream has no trailers".into()),
        }
    }
    Ok(cancelled())
}

/// The crate gives no status to a caller that drops its call.
fn cancelled() -> Trailers {
    Trailers::new(Err(StatusError::new(StatusCodeError::Cancelled, "cancelled by the client")))
}

/// The crate keeps no details.
fn show_status(status: &Status) -> Value {
    match status {
        Ok(()) => json!({"code": 0, "message": "", "details": ""}),
        Err(error) => {
            json!({"code": error.code() as i32, "message": error.message(), "details": ""})
        }
    }
}

fn parse_metadata(pairs: &[(String, String)]) -> Result<MetadataMap, String> {
    let mut metadata = MetadataMap::new();
    for (name, value) in pairs {
        let refusal = || format!("no metadata: {name:?} = {value:?}");
        if let Ok(name) = BinaryMetadataKey::from_bytes(name.as_bytes()) {
            metadata.append_bin(name, MetadataValue::from_bytes(&decode_base64(value)?));
        } else {
            let name = AsciiMetadataKey::from_bytes(name.as_bytes()).map_err(|_| refusal())?;
            metadata.append(name, value.parse().map_err(|_| refusal())?);
        }
    }
    Ok(metadata)
}

fn show_metadata(metadata: &MetadataMap) -> Vec<(String, String)> {
    metadata
        .iter()
        .map(|pair| match pair {
            KeyAndValueRef::Ascii(name, value) => {
                (name.as_str().to_owned(), value.to_str().to_owned())
            }
            KeyAndValueRef::Binary(name, value) => {
                (name.as_str().to_owned(), encode_base64(&Bytes::from(value.clone())))
            }
        })
        .collect()
}

fn encode_base64(bytes: &[u8]) -> String {
    BASE64_STANDARD.encode(bytes)
}

fn decode_base64(text: &str) -> Result<Vec<u8>, String> {
    BASE64_STANDARD.decode(text).map_err(|error| format!("{text:?} is not base64: {error}"))
}
