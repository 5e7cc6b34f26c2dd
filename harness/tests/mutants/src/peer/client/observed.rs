//! What was seen of a call so far.

use crate::grpc::metadata::Entry;

/// What a call reports beside its status.
#[derive(Debug, Default, Clone)]
pub(super) struct Observed {
    /// The messages, serialized again.
    pub(super) messages: Vec<Vec<u8>>,
    pub(super) headers: Vec<Entry>,
    pub(super) trailers: Vec<Entry>,
    /// How many steps of the call were done.
    pub(super) steps: usize,
    /// A response has begun.
    pub(super) has_begun: bool,
    /// Whether it could not be sent, so that no server has seen it.
    pub(super) is_unsent: bool,
}
