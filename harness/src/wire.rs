//! What passes between a client and a server, read from copies of its bytes.
//!
//! `frame → headers, message, settings, write → block, control, stream → ended → connection →
//! transcript`
//!
//! Pure: bytes in, transcripts out. All of it is hostile: whatever the bytes are,
//! nothing here panics, memory is bounded, and an error becomes a note.

pub mod frame;
pub mod headers;
pub mod message;
pub mod settings;
pub mod write;

pub mod transcript;

mod block;
pub mod connection;
mod control;
mod ended;
mod stream;

pub mod tls;

#[cfg(test)]
pub(crate) mod sample;
#[cfg(test)]
mod tests;
