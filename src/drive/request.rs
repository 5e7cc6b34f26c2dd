use prost::Message;
use tonic::codegen::http::uri::PathAndQuery;

use super::protocol::{Call, decode_base64};
use crate::pb::{OutliersRequest, SequenceRequest};

/// Why a call is not made.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal(pub(super) String);

/// A request that there is a stub for, or bytes that are sent as they are.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum ParsedRequest {
    Detect(OutliersRequest),
    GetSequence(SequenceRequest),
    StreamSequence(SequenceRequest),
    Raw { path: PathAndQuery, bytes: Vec<u8> },
}

impl ParsedRequest {
    pub(super) fn new(call: &Call) -> Result<Self, Refusal> {
        let method = call.method.as_str();
        let bytes = decode_base64(&call.request)
            .map_err(|error| Refusal(format!("the request is not base64: {error}")))?;
        if call.raw {
            let path = format!("/{method}")
                .parse()
                .map_err(|error| Refusal(format!("{method:?} is no method: {error}")))?;
            return Ok(Self::Raw { path, bytes });
        }
        match method {
            "pb.Outliers/Detect" => parse(&bytes).map(Self::Detect),
            "FibonacciService/GetSequence" => parse(&bytes).map(Self::GetSequence),
            "FibonacciService/StreamSequence" => parse(&bytes).map(Self::StreamSequence),
            _ => Err(Refusal(format!("no stub for {method}"))),
        }
    }
}

fn parse<M: Message + Default>(bytes: &[u8]) -> Result<M, Refusal> {
    M::decode(bytes).map_err(|error| Refusal(format!("the request does not parse: {error}")))
}
