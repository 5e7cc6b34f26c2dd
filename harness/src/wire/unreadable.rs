//! Why something on a connection cannot be read.

use crosswire_http2::{block::BlockError, frame::FrameError};
use thiserror::Error;

/// What could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(super) enum Unreadable {
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error(transparent)]
    Block(#[from] BlockError),
}

impl Unreadable {
    /// Whether nothing that follows can be read.
    pub(super) const fn is_fatal(self) -> bool {
        !matches!(self, Self::Frame(FrameError::Padding | FrameError::Size))
    }
}
