//! The server: [`bind`] or [`bind_defaults`], then [`run()`] until told to stop,
//! for instance by [`StopRequests`].

mod frames;
mod greeting;
mod listen;
mod pings;
mod run;
mod stop;

pub use listen::{Bound, ListenError, bind, bind_defaults};
pub use pings::PingLimit;
pub use run::{DRAIN_LIMIT, ServeError, run};
pub use stop::StopRequests;
