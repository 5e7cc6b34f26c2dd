//! The client: a channel to a server, a deadline on every call, and the calls
//! that the command line makes.

mod article;
mod calls;
mod channel;
mod deadline;

pub use article::metrics as article_metrics;
pub use calls::{Client, Elements};
pub use channel::{Connecting, open_channel, open_plain_channel};
pub use deadline::Deadline;
