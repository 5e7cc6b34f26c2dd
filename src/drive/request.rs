use prost::Message;
use prost::bytes::Bytes;
use tonic::codegen::http::uri::PathAndQuery;

use super::protocol::{Call, Refusal};
use super::script::Script;
use crate::pb::testing::{
    Empty, SimpleRequest, StreamingInputCallRequest, StreamingOutputCallRequest,
};
use crate::pb::{OutliersRequest, SequenceRequest};

/// What a method that there is a stub for is sent, or bytes that are sent as they are.
#[derive(Clone, Debug)]
pub(super) enum ParsedRequest {
    Detect(OutliersRequest),
    GetSequence(SequenceRequest),
    StreamSequence(SequenceRequest),
    EmptyCall(Empty),
    UnaryCall(SimpleRequest),
    CacheableUnaryCall(SimpleRequest),
    StreamingOutputCall(StreamingOutputCallRequest),
    StreamingInputCall(Script<StreamingInputCallRequest>),
    FullDuplexCall(Script<StreamingOutputCallRequest>),
    HalfDuplexCall(Script<StreamingOutputCallRequest>),
    UnimplementedCall(Empty),
    UnimplementedService(Empty),
    Raw { path: PathAndQuery, script: Script<Bytes> },
}

impl ParsedRequest {
    pub(super) fn new(call: &Call) -> Result<Self, Refusal> {
        let method = call.method.as_str();
        if call.raw {
            let path = format!("/{method}")
                .parse()
                .map_err(|error| Refusal(format!("{method:?} is no method: {error}")))?;
            let script = Script::parse(&call.send, |bytes| Ok(bytes.into()))?;
            return Ok(Self::Raw { path, script });
        }
        match method {
            "pb.Outliers/Detect" => one(call).map(Self::Detect),
            "FibonacciService/GetSequence" => one(call).map(Self::GetSequence),
            "FibonacciService/StreamSequence" => one(call).map(Self::StreamSequence),
            "grpc.testing.TestService/EmptyCall" => one(call).map(Self::EmptyCall),
            "grpc.testing.TestService/UnaryCall" => one(call).map(Self::UnaryCall),
            "grpc.testing.TestService/CacheableUnaryCall" => {
                one(call).map(Self::CacheableUnaryCall)
            }
            "grpc.testing.TestService/StreamingOutputCall" => {
                one(call).map(Self::StreamingOutputCall)
            }
            "grpc.testing.TestService/StreamingInputCall" => {
                several(call).map(Self::StreamingInputCall)
            }
            "grpc.testing.TestService/FullDuplexCall" => several(call).map(Self::FullDuplexCall),
            "grpc.testing.TestService/HalfDuplexCall" => several(call).map(Self::HalfDuplexCall),
            "grpc.testing.TestService/UnimplementedCall" => one(call).map(Self::UnimplementedCall),
            "grpc.testing.UnimplementedService/UnimplementedCall" => {
                one(call).map(Self::UnimplementedService)
            }
            _ => Err(Refusal(format!("no stub for {method}"))),
        }
    }
}

/// Of a method that takes one message.
fn one<M: Message + Default + Clone>(call: &Call) -> Result<M, Refusal> {
    let script = several(call)?;
    script.only_message().cloned().ok_or_else(|| {
        Refusal(format!("{} takes one message and a half_close, and no other steps", call.method))
    })
}

fn several<M: Message + Default>(call: &Call) -> Result<Script<M>, Refusal> {
    Script::parse(&call.send, |bytes| {
        M::decode(bytes.as_slice())
            .map_err(|error| Refusal(format!("a message does not parse: {error}")))
    })
}
