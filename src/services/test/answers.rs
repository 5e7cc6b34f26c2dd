use std::time::Duration;

use futures_util::{StreamExt as _, TryFutureExt as _, future, stream};
use tokio::time;
use tokio_stream::Stream;
use tonic::{Code, Status};

use crate::pb::testing::{
    EchoStatus, Payload, PayloadType, ResponseParameters, StreamingOutputCallRequest,
    StreamingOutputCallResponse,
};

/// The longest payload: what is longer is more likely a mistake than a test.
const MAX_PAYLOAD_BYTES: i32 = 64 << 20;

/// What the request is answered with, each response made when it is asked for.
pub(super) fn answers(
    request: StreamingOutputCallRequest,
) -> impl Stream<Item = Result<StreamingOutputCallResponse, Status>> + Send {
    let allowed = future::ready(check_status(request.response_status));
    let answers = stream::iter(request.response_parameters).then(answer);
    allowed.map_ok(|()| answers).try_flatten_stream()
}

async fn answer(parameters: ResponseParameters) -> Result<StreamingOutputCallResponse, Status> {
    let interval = Duration::from_micros(parameters.interval_us.try_into().unwrap_or(0));
    // The timer counts in milliseconds, and makes one of none.
    if !interval.is_zero() {
        time::sleep(interval).await;
    }
    Ok(StreamingOutputCallResponse { payload: Some(payload(parameters.size)?) })
}

/// The status that the request ends its call with, if it does.
pub(super) fn check_status(status: Option<EchoStatus>) -> Result<(), Status> {
    match status {
        Some(EchoStatus { code, message }) if code != 0 => {
            Err(Status::new(Code::from_i32(code), message))
        }
        _ => Ok(()),
    }
}

/// So many zeros.
pub(super) fn payload(size: i32) -> Result<Payload, Status> {
    match usize::try_from(size) {
        Ok(bytes) if size <= MAX_PAYLOAD_BYTES => {
            Ok(Payload { r#type: PayloadType::Compressable.into(), body: vec![0; bytes].into() })
        }
        _ => Err(Status::invalid_argument(format!(
            "no payload has {size} bytes; give 0 to {MAX_PAYLOAD_BYTES}"
        ))),
    }
}
