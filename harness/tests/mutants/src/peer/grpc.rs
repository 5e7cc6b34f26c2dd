//! gRPC over HTTP/2, as far as both sides share it.

pub(crate) mod compression;
pub(crate) mod limit;
pub(crate) mod messages;
pub(crate) mod metadata;
pub(crate) mod outgoing;
pub(crate) mod status;
pub(crate) mod timeout;
