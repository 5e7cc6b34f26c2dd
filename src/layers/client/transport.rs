//! What a failure of the transport means, as gRPC over HTTP/2 has it.

use std::error::Error;
use std::sync::Arc;
use std::{io, iter};

use h2::Reason;
use thiserror::Error;
use tonic::{Code, Status, TimeoutExpired, transport};

use crate::words::reason;

/// No server has run the call, which may be made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NotTaken {
    /// The connection has ended. Unless it took the request's message before, no server
    /// has it.
    #[error("the connection has not taken the call")]
    ByConnection,
    /// The server says so: its GOAWAY leaves the call out.
    #[error("the server has not taken the call")]
    ByServer,
}

/// The status of a call that this ended, unless it says one of its own.
///
/// tonic says UNKNOWN of a lost connection, INTERNAL of a server that is about to
/// go, and CANCELLED of a deadline.
pub(super) fn status_of(error: &(dyn Error + 'static)) -> Option<Status> {
    let chain = || iter::successors(Some(error), |&error| error.source());
    if let Some(error) = chain().find_map(|error| error.downcast_ref::<h2::Error>()) {
        return Some(of_http2(error));
    }
    if chain().any(|error| error.is::<TimeoutExpired>()) {
        return Some(Status::deadline_exceeded("the deadline has passed"));
    }
    // Whatever else a connection cannot do: be made, or take the request.
    let is_transport = |error: &(dyn Error + 'static)| {
        error.is::<transport::Error>() || error.is::<hyper::Error>()
    };
    chain().any(is_transport).then(|| {
        let innermost = chain().last().expect("the error itself");
        let io = innermost.downcast_ref::<io::Error>();
        let mut status = Status::unavailable(io.map_or_else(|| innermost.to_string(), reason));
        // The connection ended before it took the request, or while the request's stream
        // waited to be opened. hyper calls the latter an error of its user (DispatchGone).
        let is_of_waiting = |error: &hyper::Error| error.is_canceled() || error.is_user();
        if chain().any(|error| error.downcast_ref().is_some_and(is_of_waiting)) {
            status.set_source(Arc::new(NotTaken::ByConnection));
        }
        status
    })
}

fn of_http2(error: &h2::Error) -> Status {
    // A broken frame ends the connection, whoever notices, and so it is for a
    // server that speaks another protocol.
    if error.is_io() || error.is_go_away() {
        let mut status = Status::unavailable(format!("the connection was lost: {error}"));
        // So ends a stream that is above the last that the server takes.
        if error.is_go_away() && error.is_remote() {
            status.set_source(Arc::new(NotTaken::ByServer));
        }
        return status;
    }
    match error.reason() {
        // REFUSED_STREAM says that the call was not taken, too. But of a response that is
        // malformed h2 does not tell that it had begun, and the call must not be made again
        // after that.
        Some(reason) => Status::new(of_reset(reason), format!("the stream was reset: {reason:?}")),
        None => Status::internal(error.to_string()),
    }
}

/// A stream that was reset without a status.
pub(super) fn of_reset(reason: Reason) -> Code {
    match reason {
        Reason::NO_ERROR
        | Reason::PROTOCOL_ERROR
        | Reason::INTERNAL_ERROR
        | Reason::FLOW_CONTROL_ERROR
        | Reason::SETTINGS_TIMEOUT
        | Reason::FRAME_SIZE_ERROR
        | Reason::COMPRESSION_ERROR
        | Reason::CONNECT_ERROR => Code::Internal,
        Reason::REFUSED_STREAM => Code::Unavailable,
        Reason::CANCEL => Code::Cancelled,
        Reason::ENHANCE_YOUR_CALM => Code::ResourceExhausted,
        Reason::INADEQUATE_SECURITY => Code::PermissionDenied,
        _ => Code::Unknown,
    }
}
