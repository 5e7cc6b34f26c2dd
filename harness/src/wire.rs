//! What passes between a client and a server, read from copies of its bytes.
//!
//! `announced → between, budget, control → stream → ended → connection → transcript`, over the frames,
//! header blocks and messages of [`crosswire_http2`].
//!
//! Pure: bytes in, transcripts out. All of it is hostile: whatever the bytes are,
//! nothing here panics, memory is bounded, and an error becomes a note.

pub mod transcript;

mod announced;
mod between;
pub mod budget;
pub mod connection;
mod control;
mod ended;
mod stream;
mod unreadable;

pub mod tls;

#[cfg(test)]
pub(crate) mod sample;
#[cfg(test)]
mod tests;
