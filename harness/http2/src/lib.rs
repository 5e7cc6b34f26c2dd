//! HTTP/2 and gRPC's messages as bytes: read whatever they are, and written right or
//! wrong.
//!
//! The harness watches connections, plays scripts on them and breaks them on purpose, and
//! so do its tests. All of them read and write with this, so that each fact of the
//! specifications stands once. The modules, in the order in which one uses another:
//!
//! - [`error`], [`settings`]: numbers and their names
//! - [`frame`]: bytes to frames
//! - [`hpack`]: header blocks to fields and back
//! - [`block`]: header blocks, put together from frames
//! - [`codec`], [`message`]: gRPC's messages
//! - [`write`]: frames to bytes
//!
//! Two things hold for all of it. Whoever reads is safe whatever comes: nothing panics,
//! what is kept is bounded, and what is wrong is an error, not a verdict. And whoever
//! writes is not corrected: fields, lengths, flags and numbers go out as they are given.
//! Nothing here knows who plays which part, or what a peer may be blamed for.

pub mod error;
pub mod settings;

pub mod frame;

pub mod hpack;

pub mod block;

pub mod codec;
pub mod message;

pub mod write;

mod names;
