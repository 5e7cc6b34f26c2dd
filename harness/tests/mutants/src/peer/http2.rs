//! HTTP/2 (RFC 9113) as far as gRPC needs it, for either side.
//!
//! One thread reads a connection, one writes it, and each call has a thread of its own.
//! They meet in the connection's state, under one lock; who writes puts whole frames in
//! a queue under that lock, so frames keep the order in which they were decided on.

mod blocks;
mod connection;
mod greeting;
mod malformed;
mod reading;
mod receiving;
mod refusing;
mod sending;
mod start;
mod state;

pub(crate) use connection::Connection;
pub(crate) use state::{Ended, Received};

use crosswire_http2::hpack::Field;

/// The fields of a block to be sent.
pub(crate) type Fields = Vec<(String, Vec<u8>)>;

/// The value of the first field of a name.
pub(crate) fn value<'a>(fields: &'a [Field], name: &str) -> Option<&'a [u8]> {
    fields.iter().find(|field| field.name == name.as_bytes()).map(|field| &*field.value)
}
