//! The client side of the peer protocol (`docs/peer-protocol.md`): calls come
//! in as JSON Lines, go out through the generated stubs, and what was observed
//! goes back as JSON Lines. Nothing here judges.

mod session;

mod protocol;

mod any_channel;
mod channels;

mod call;
mod exchange;
mod metadata;
mod observed;
mod options;
mod raw_codec;
mod request;
mod script;
mod watched;

pub use session::{DriveError, run};

#[cfg(test)]
mod tests;
