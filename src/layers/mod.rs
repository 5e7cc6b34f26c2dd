//! What stands between tonic's transport and its generated code, on either side,
//! and makes the peer right where tonic is not. Nothing here knows a service, and with `--plain`
//! no layer is laid.
//!
//! A server's layers, from the outermost on:
//!
//! * [`pings`](server::pings), [`greeting`](server::greeting): hold a connection to HTTP/2's
//!   and gRPC's rules for it
//! * [`deadline`](server::deadline): ends a call at its deadline, its last message included
//! * [`held`](server::held): bounds what is held for clients that leave their calls half done
//! * [`http`](server::http): refuses what is no gRPC request
//! * [`panics`](server::panics): makes a status of a handler's panic
//! * [`binary`]: takes `-bin` entries apart
//! * [`requests`](server::requests): limits the messages of a request
//!
//! A client's are [`channel`](client::channel), and [`settings`](client::settings) around its
//! connection.

pub mod middleware;

pub mod binary;
mod messages;

pub mod client;
pub mod server;

#[cfg(test)]
mod tests;
