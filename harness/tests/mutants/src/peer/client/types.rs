//! The types of the methods: what is sent and what comes is read as its type, and
//! written again.

use crate::{
    protobuf::{
        Malformed,
        fibonacci::{SequenceElement, SequenceRequest, SequenceResponse},
        outliers::{OutliersRequest, OutliersResponse},
    },
    services::Method,
};

/// What a client knows of a method.
#[derive(Debug, Clone, Copy)]
pub(super) enum Stub {
    /// The generated code of a method.
    Of(Method),
    /// Bytes as they are, any number of them.
    Raw,
}

impl Stub {
    pub(super) fn is_streaming(self) -> bool {
        match self {
            Self::Of(method) => method.is_streaming(),
            Self::Raw => true,
        }
    }

    pub(super) fn request(self, bytes: Vec<u8>) -> Result<Vec<u8>, Malformed> {
        Ok(match self {
            Self::Raw => bytes,
            Self::Of(Method::Detect) => OutliersRequest::read(&bytes)?.write(),
            Self::Of(Method::GetSequence | Method::StreamSequence) => {
                SequenceRequest::read(&bytes)?.write()
            }
        })
    }

    pub(super) fn response(self, bytes: Vec<u8>) -> Result<Vec<u8>, Malformed> {
        Ok(match self {
            Self::Raw => bytes,
            Self::Of(Method::Detect) => OutliersResponse::read(&bytes)?.write(),
            Self::Of(Method::GetSequence) => SequenceResponse::read(&bytes)?.write(),
            Self::Of(Method::StreamSequence) => SequenceElement::read(&bytes)?.write(),
        })
    }
}
