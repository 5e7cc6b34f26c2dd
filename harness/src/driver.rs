//! Drives peers: starts servers, speaks the peer protocol with clients.

mod client;
mod hostile;
mod loopback;
mod protocol;
mod server;

pub use client::{Client, ClientEvent, Closer};
pub use protocol::{ClientChannel, ClientTls, Errand, Hello};
pub use server::{Manner, Server};

use std::{path::Path, sync::Arc};

use crate::{child::Log, guard::Guard, manifest::Limits, observe::Words};

/// What starting a peer needs beside its command.
#[derive(Debug, Clone)]
pub struct Setting<'a> {
    /// The folder in which commands run.
    pub folder: &'a Path,
    /// Where the process's output goes.
    pub log: Log,
    /// Who kills it if the harness dies.
    pub guard: Arc<Guard>,
    /// How long each wait may take.
    pub limits: Limits,
}

/// Why a peer did not start, in words that fit "go server {error}".
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The command is not there or not executable.
    #[error("could not be started: `{program}`: {source}")]
    Spawn {
        /// The program.
        program: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// It ended first.
    #[error("{how} before it was ready{words}")]
    Ended {
        /// Its status in words.
        how: String,
        /// What it said.
        words: Words,
    },
    /// It took too long.
    #[error("was not ready within {limit}: {waited_for}{words}")]
    NotReady {
        /// The limit, in words.
        limit: String,
        /// What did not come.
        waited_for: &'static str,
        /// What it said.
        words: Words,
    },
    /// It announced itself wrongly.
    #[error("announced itself wrongly: {why}")]
    Announcement {
        /// How.
        why: String,
    },
    /// Its fixed address is in use before it starts.
    #[error("could not be started: something else already answers at {address}; stop it first")]
    AddressTaken {
        /// The address.
        address: String,
    },
    /// Its address has no meaning, or the system gives no port for the tap.
    #[error("cannot be watched: {source}")]
    NotWatched {
        /// What the system said.
        source: std::io::Error,
    },
    /// Nothing answers at the address where it should run.
    #[error("does not answer at {address}: {source}; start it first")]
    NotThere {
        /// The address.
        address: String,
        /// What the system said.
        source: std::io::Error,
    },
}
