use prost::Message;
use tonic::metadata::MetadataMap;
use tonic::{Code, Response, Status, Streaming};

use super::metadata;
use super::options::CallOptions;
use super::protocol::{CallResult, CallStatus, encode_base64};
use super::watched::{Blocks, Watch};

/// What came of a call so far.
#[derive(Debug, Default)]
pub(super) struct Observed {
    /// Base64 of each message, serialized again.
    messages: Vec<String>,
    headers: MetadataMap,
    trailers: MetadataMap,
}

impl Observed {
    /// What came of a call of a method that answers once. The metadata is that of the blocks
    /// that came: tonic merges them.
    pub(super) fn one<M: Message>(
        &mut self,
        response: Result<Response<M>, Status>,
        watch: &Watch,
    ) -> Result<(), Status> {
        let Blocks { headers, trailers } = watch.blocks();
        let has_headers = !headers.is_empty();
        self.headers = MetadataMap::from_headers(headers);
        self.trailers = MetadataMap::from_headers(trailers.unwrap_or_default());
        match response {
            Ok(response) => self.push(&response.into_inner().encode_to_vec(), watch),
            Err(status) if has_headers => return Err(with_metadata(&status, &self.trailers)),
            Err(status) => return Err(status),
        }
        Ok(())
    }

    /// Reads to the end of the call, or until it has to be cancelled, which
    /// dropping the stream does.
    pub(super) async fn stream<M>(
        &mut self,
        response: Response<Streaming<M>>,
        options: &CallOptions,
        watch: &Watch,
        serialize: impl Fn(M) -> Vec<u8>,
    ) -> Result<(), Status> {
        let (headers, mut stream, _) = response.into_parts();
        self.headers = headers;
        loop {
            options.pause().await;
            let Some(message) = stream.message().await? else {
                break;
            };
            self.push(&serialize(message), watch);
            if options.cancel_after_messages == Some(self.messages.len()) {
                return Err(cancelled());
            }
        }
        self.trailers = stream.trailers().await?.unwrap_or_default();
        Ok(())
    }

    fn push(&mut self, message: &[u8], watch: &Watch) {
        self.messages.push(encode_base64(message));
        watch.count_message();
    }

    /// The metadata of a status other than OK is what came with it: trailers.
    pub(super) fn into_result(
        self,
        id: u64,
        steps: usize,
        ended: Result<(), Status>,
    ) -> CallResult {
        let (status, trailers) = match &ended {
            Ok(()) => (result_status(Code::Ok, "", &[]), &self.trailers),
            Err(status) => (
                result_status(status.code(), status.message(), status.details()),
                status.metadata(),
            ),
        };
        CallResult {
            id,
            steps,
            status,
            headers: metadata::show(&self.headers),
            trailers: metadata::show(trailers),
            messages: self.messages,
        }
    }
}

/// The same status with other metadata: what came with a status, without the
/// status itself.
fn with_metadata(status: &Status, trailers: &MetadataMap) -> Status {
    let mut metadata = trailers.clone();
    for own in [Status::GRPC_STATUS, Status::GRPC_MESSAGE] {
        metadata.remove(own.as_str());
    }
    metadata.remove_bin(Status::GRPC_STATUS_DETAILS.as_str());
    let details = status.details().to_vec().into();
    Status::with_details_and_metadata(status.code(), status.message(), details, metadata)
}

/// tonic gives no status to a caller that drops its call.
pub(super) fn cancelled() -> Status {
    Status::cancelled("cancelled by the client")
}

fn result_status(code: Code, message: &str, details: &[u8]) -> CallStatus {
    CallStatus { code: code.into(), message: message.to_owned(), details: encode_base64(details) }
}
