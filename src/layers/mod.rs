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

/// How much of a stream HTTP/2 lets the other side send before it is read on: HTTP/2's own
/// default. The library's are so large that a slow reader would hold nobody back.
pub(crate) const STREAM_WINDOW_BYTES: u32 = 65_535;

/// Likewise of all streams of a connection: as much as there can be. Each stream has a limit,
/// and there is one to their number.
///
/// By half of this the library also measures how many small frames may wait to be read, each
/// of which counts for 256 bytes. Beyond, it takes them for an attack and ends the connection
/// with all of its calls: with its own windows after two thousand messages of a few bytes,
/// for which nobody but a slow reader is to blame.
pub(crate) const CONNECTION_WINDOW_BYTES: u32 = (1 << 31) - 1;

#[cfg(test)]
mod tests;
