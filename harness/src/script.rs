//! Plays scripts: the harness itself in the place of a client or of a server, over
//! frames that nobody mends.
//!
//! `link` is one connection: it writes what it is told, and keeps what the other side
//! does. `play` takes it through the steps. What was seen is judged elsewhere; only
//! whether an allowed outcome is there already ([`allows`](crate::outcome::allows)) is
//! asked here, to know when a script is over.

mod boundary;
mod client;
mod link;
mod play;
mod server;
mod windows;

pub use client::play_client;
pub use server::ScriptedServer;

#[cfg(test)]
mod tests;
