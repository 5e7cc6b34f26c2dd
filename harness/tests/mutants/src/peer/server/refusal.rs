//! Why a request is refused, and with what.

use crate::{grpc::status::Status, http2::Ended};
/// Why a request is refused.
pub(super) enum Refusal {
    /// With a status.
    Status(Status),
    /// It is no gRPC: with an HTTP status.
    Http(u16),
    /// With both.
    HttpAndStatus(u16, Status),
    /// By another protocol's answer.
    Other(OtherAnswer),
    /// Nobody waits for an answer.
    Ended(Ended),
}

impl Refusal {
    /// Whether the client is to be told.
    pub(super) const fn is_said(&self) -> bool {
        !matches!(self, Self::Ended(_))
    }
}

impl From<Status> for Refusal {
    fn from(status: Status) -> Self {
        Self::Status(status)
    }
}

impl From<Ended> for Refusal {
    fn from(ended: Ended) -> Self {
        Self::Ended(ended)
    }
}

/// A whole answer of another protocol than gRPC.
pub(super) struct OtherAnswer {
    pub(super) content_type: &'static str,
    pub(super) body: Vec<u8>,
}
