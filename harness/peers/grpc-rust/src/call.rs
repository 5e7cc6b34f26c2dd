//! One call: from its fields to those of its result.

use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use grpc::client::stream_util::RecvStreamValidator;
use grpc::client::{
    CallOptions, Channel, Invoke, RecvStream, ResponseStreamItem, SendOptions, SendStream,
};
use grpc::core::{RequestHeaders, SendMessage, Trailers};
use grpc::metadata::{
    AsciiMetadataKey, BinaryMetadataKey, KeyAndValueRef, MetadataMap, MetadataValue,
};
use grpc::{Status, StatusCodeError, StatusError};
use prost::Message;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::message::{Raw, Shown, Typed};
use crate::pb::{OutliersRequest, OutliersResponse};
use crate::protocol::Call;
use crate::{SequenceElement, SequenceRequest, SequenceResponse};

/// How many messages a method answers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Answers {
    One,
    Many,
}

/// Makes the call and returns its result, or why it cannot be made.
pub async fn make(channel: Channel, call: Call) -> Result<Value, String> {
    let request = decode_base64(&call.request)?;
    if call.raw {
        return exchange(channel, call, &Raw(request.into()), Raw::default(), Answers::Many).await;
    }
    match call.method.as_str() {
        "pb.Outliers/Detect" => {
            let response = Typed::<OutliersResponse>::default();
            let request = parse::<OutliersRequest>(&request)?;
            exchange(channel, call, &request, response, Answers::One).await
        }
        "FibonacciService/GetSequence" => {
            let response = Typed::<SequenceResponse>::default();
            let request = parse::<SequenceRequest>(&request)?;
            exchange(channel, call, &request, response, Answers::One).await
        }
        "FibonacciService/StreamSequence" => {
            let response = Typed::<SequenceElement>::default();
            let request = parse::<SequenceRequest>(&request)?;
            exchange(channel, call, &request, response, Answers::Many).await
        }
        method => Err(format!("no message types for {method}")),
    }
}

fn parse<M: Message + Default>(serialized: &[u8]) -> Result<Typed<M>, String> {
    M::decode(serialized).map(Typed).map_err(|error| format!("the request: {error}"))
}

/// As the code does that the crate's own generator writes, which shows no metadata.
async fn exchange(
    channel: Channel,
    call: Call,
    request: &dyn SendMessage,
    mut response: impl Shown,
    answers: Answers,
) -> Result<Value, String> {
    let headers = RequestHeaders::new()
        .with_method_name(format!("/{}", call.method))
        .with_metadata(parse_metadata(&call.metadata)?);
    let mut options = CallOptions::new();
    if let Some(timeout_ms) = call.timeout_ms {
        options.set_deadline(Instant::now() + Duration::from_millis(timeout_ms));
    }
    let (mut sender, receiver) = channel.invoke(headers, options).await;
    let mut receiver = RecvStreamValidator::new(receiver, answers == Answers::One);
    // Whether it could be sent, the status tells.
    let _ = sender.send(request, SendOptions::new().with_final_msg(true)).await;

    let mut messages = Vec::new();
    let mut initial = None;
    let trailers = loop {
        if call.cancel_after_messages == Some(messages.len()) {
            break cancelled();
        }
        if let (Some(_), Some(delay_ms)) = (&initial, call.read_delay_ms) {
            sleep(Duration::from_millis(delay_ms)).await;
        }
        match receiver.recv(&mut response).await {
            ResponseStreamItem::Headers(headers) => initial = Some(headers),
            ResponseStreamItem::Message => messages.push(encode_base64(&response.serialized())),
            ResponseStreamItem::Trailers(trailers) => break trailers,
            ResponseStreamItem::StreamClosed => return Err("the stream has no trailers".into()),
        }
    };
    // A call that is not over ends with its receiver.
    drop(receiver);
    if answers == Answers::One && trailers.status().is_err() {
        // The generated code gives either a message or an error.
        messages.clear();
    }
    Ok(json!({"result": {
        "id": call.id,
        "messages": messages,
        "status": show_status(trailers.status()),
        "headers": initial.map_or_else(Vec::new, |headers| show_metadata(headers.metadata())),
        "trailers": show_metadata(trailers.metadata()),
    }}))
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
