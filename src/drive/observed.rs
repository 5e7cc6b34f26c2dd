use prost::Message;
use tonic::metadata::MetadataMap;
use tonic::{Code, Response, Status, Streaming};

use super::metadata;
use super::protocol::{CallResult, CallStatus, encode_base64};

/// What came of a call so far.
#[derive(Debug, Default)]
pub(super) struct Observed {
    /// The messages, serialized again.
    messages: Vec<Vec<u8>>,
    headers: MetadataMap,
    trailers: MetadataMap,
}

impl Observed {
    /// tonic merges a unary call's trailers into its headers: they stay there.
    pub(super) fn unary<M: Message>(
        &mut self,
        response: Result<Response<M>, Status>,
    ) -> Result<(), Status> {
        let (headers, message, _) = response?.into_parts();
        self.headers = headers;
        self.messages.push(message.encode_to_vec());
        Ok(())
    }

    /// Reads to the end of the call, or until it has to be cancelled, which
    /// dropping the stream does.
    pub(super) async fn stream<M>(
        &mut self,
        response: Response<Streaming<M>>,
        cancel_after_messages: Option<usize>,
        serialize: impl Fn(M) -> Vec<u8>,
    ) -> Result<(), Status> {
        let (headers, mut stream, _) = response.into_parts();
        self.headers = headers;
        while let Some(message) = stream.message().await? {
            self.messages.push(serialize(message));
            if cancel_after_messages == Some(self.messages.len()) {
                return Err(cancelled());
            }
        }
        self.trailers = stream.trailers().await?.unwrap_or_default();
        Ok(())
    }

    /// The metadata of a status other than OK is what came with it: trailers.
    pub(super) fn into_result(self, id: u64, ended: Result<(), Status>) -> CallResult {
        let (status, trailers) = match &ended {
            Ok(()) => (result_status(Code::Ok, "", &[]), &self.trailers),
            Err(status) => (
                result_status(status.code(), status.message(), status.details()),
                status.metadata(),
            ),
        };
        CallResult {
            id,
            messages: self.messages.iter().map(|bytes| encode_base64(bytes)).collect(),
            status,
            headers: metadata::show(&self.headers),
            trailers: metadata::show(trailers),
        }
    }
}

/// tonic gives no status to a caller that drops its call.
pub(super) fn cancelled() -> Status {
    Status::cancelled("cancelled by the client")
}

fn result_status(code: Code, message: &str, details: &[u8]) -> CallStatus {
    CallStatus { code: code.into(), message: message.to_owned(), details: encode_base64(details) }
}
