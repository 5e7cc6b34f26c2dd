//! Crosswire's Rust peer: the Outliers and the Fibonacci service, and gRPC's own test
//! service, as a server and as a client, over tonic.
//!
//! What the services answer is pure and knows nothing of gRPC:
//!
//! * [`detect`]: which values lie more than two standard deviations out
//! * [`fibonacci`]: the sequence, as far as it fits in 64 bits
//! * [`timestamp`]: the system's time and protobuf's, either way
//!
//! Around it stands what carries it over the wire:
//!
//! * [`pb`]: the types and stubs that `build.rs` generates from `proto/`
//! * [`services`]: the services of [`pb`], the two on top of the pure modules
//! * [`address`]: where to listen, and whom to call
//! * [`tls`]: the certificates of either side
//! * [`layers`]: makes tonic's server and client right where they are not
//! * [`library`]: whether the peer is tonic within them, or as it is (`--plain`)
//! * [`directions`]: what a request's metadata may ask of the server
//! * [`server`]: binds addresses, serves on them, and stops in time; `server::plain` is a tonic
//!   server as any is, `server::layered` the same within the layers
//! * [`client`]: the calls of the command line
//! * [`drive`]: the calls that the harness asks for, one JSON object a line
//! * [`command_line`]: what the binaries `server` and `client` are told, and
//!   what they say

pub mod detect;
pub mod fibonacci;
pub mod timestamp;

pub mod pb;
pub mod services;

pub mod address;
pub mod tls;

pub mod directions;
pub mod layers;
pub mod library;

pub mod server;

pub mod client;
pub mod drive;

#[cfg(test)]
mod testing;

mod log;
mod words;

pub mod command_line;
