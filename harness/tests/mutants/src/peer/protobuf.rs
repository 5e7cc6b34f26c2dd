//! Protocol Buffers, written by hand: the messages have few fields, and here each may
//! be written and read wrongly.

pub(crate) mod fibonacci;
pub(crate) mod outliers;
pub(crate) mod testing;
mod wire;

use thiserror::Error;

/// Bytes are no message of the type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the message is malformed")]
pub(crate) struct Malformed;
