//! What a client needs around tonic: a channel of its own, and checked settings around the
//! connection.

pub mod channel;
pub mod settings;

mod asking;
mod ending;
mod head;
mod transport;
