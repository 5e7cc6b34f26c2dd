//! What stands between tonic's transport and its generated code, on either side,
//! and makes the peer right where tonic is not. Nothing here knows a service.
//!
//! A server's layers, each a [`middleware`]:
//!
//! * [`deadline`]: ends a call at its deadline, its last message included
//! * [`held`]: bounds what is held for clients that leave their calls half done
//! * [`http`]: refuses what is no gRPC request
//! * [`panics`]: makes a status of a handler's panic
//! * [`binary`]: takes `-bin` entries apart
//! * [`requests`]: limits the messages of a request
//!
//! A client's are [`channel`], and [`settings`] around its connection.

pub mod middleware;

mod messages;

pub mod binary;
pub mod deadline;
pub mod held;
pub mod http;
pub mod panics;
pub mod requests;

pub mod channel;
mod ending;
mod head;
pub mod settings;
mod transport;

#[cfg(test)]
mod tests;
