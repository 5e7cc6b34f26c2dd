//! The types of the methods: what is sent and what comes is read as its type, and
//! written again.

use crate::{
    protobuf::{
        Malformed,
        fibonacci::{SequenceElement, SequenceRequest, SequenceResponse},
        outliers::{OutliersRequest, OutliersResponse},
        testing::{
            Empty, InputRequest, InputResponse, Message, OutputRequest, PayloadResponse,
            SimpleRequest,
        },
    },
    services::{AnyMethod, Method, TestMethod},
};

/// What a client knows of a method.
#[derive(Debug, Clone, Copy)]
pub(super) enum Stub {
    /// The generated code of a method.
    Of(AnyMethod),
    /// Bytes as they are, any number of them.
    Raw,
}

impl Stub {
    pub(super) fn is_streaming(self) -> bool {
        match self {
            Self::Of(AnyMethod::Own(method)) => method.is_streaming(),
            Self::Of(AnyMethod::Test(method)) => method.is_streaming(),
            Self::Raw => true,
        }
    }

    /// Whether it sends any number of messages.
    pub(super) fn sends_stream(self) -> bool {
        match self {
            Self::Of(AnyMethod::Test(method)) => method.takes_stream(),
            Self::Of(AnyMethod::Own(_)) | Self::Raw => false,
        }
    }

    pub(super) fn request(self, bytes: Vec<u8>) -> Result<Vec<u8>, Malformed> {
        use AnyMethod::{Own, Test};
        Ok(match self {
            Self::Raw => bytes,
            Self::Of(Own(Method::Detect)) => OutliersRequest::read(&bytes)?.write(),
            Self::Of(Own(Method::GetSequence | Method::StreamSequence)) => {
                SequenceRequest::read(&bytes)?.write()
            }
            Self::Of(Test(TestMethod::Empty | TestMethod::Unimplemented)) => {
                Empty::read(&bytes)?.write()
            }
            Self::Of(Test(TestMethod::Unary)) => SimpleRequest::read(&bytes)?.write(),
            Self::Of(Test(TestMethod::Input)) => InputRequest::read(&bytes)?.write(),
            Self::Of(Test(_)) => OutputRequest::read(&bytes)?.write(),
        })
    }

    pub(super) fn response(self, bytes: Vec<u8>) -> Result<Vec<u8>, Malformed> {
        use AnyMethod::{Own, Test};
        Ok(match self {
            Self::Raw => bytes,
            Self::Of(Own(Method::Detect)) => OutliersResponse::read(&bytes)?.write(),
            Self::Of(Own(Method::GetSequence)) => SequenceResponse::read(&bytes)?.write(),
            Self::Of(Own(Method::StreamSequence)) => SequenceElement::read(&bytes)?.write(),
            Self::Of(Test(TestMethod::Empty | TestMethod::Unimplemented)) => {
                Empty::read(&bytes)?.write()
            }
            Self::Of(Test(TestMethod::Input)) => InputResponse::read(&bytes)?.write(),
            Self::Of(Test(_)) => PayloadResponse::read(&bytes)?.write(),
        })
    }
}
