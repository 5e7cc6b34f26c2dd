//! The server: [`bind`] or [`bind_defaults`], then [`run()`] until told to stop, for
//! instance by [`StopRequests`].
//!
//! [`run_plain`] is a server as tonic makes it; [`run()`] is the same within
//! [`layers`](crate::layers).

mod connections;
mod layered;
mod listen;
mod plain;
mod serve;
mod stop;

pub use connections::Connections;
pub use layered::run;
pub use listen::{Bound, ListenError, Listener, bind, bind_defaults};
pub use plain::run as run_plain;
pub use serve::{DRAIN_LIMIT, ServeError};
pub use stop::StopRequests;
