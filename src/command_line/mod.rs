//! The command lines of the two binaries: what they take, what they print, and
//! how they end. The words are the same in every language of Crosswire.

mod arguments;
pub mod client;
mod failure;
mod numbers;
mod output;
pub mod server;
mod status_name;

pub use failure::{Failure, UsageError, exit_code};
