//! What a server needs around tonic: the layers of a call, each a
//! [`Middleware`](super::middleware::Middleware), and those of its connection.

pub mod deadline;
pub mod held;
pub mod http;
pub mod panics;
pub mod requests;

mod frames;
pub mod greeting;
pub mod pings;
