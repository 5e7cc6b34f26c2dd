//! Reports of a run: on the console, as JSON Lines and as JUnit XML. Only they
//! print; what they are told is judged already.

mod console;
mod json_lines;
mod junit;
mod progress;
mod timings;
mod traces;
pub mod words;

pub use console::{Console, Rerun};
pub use json_lines::{JsonLines, writer};
pub use junit::junit;
pub use progress::Progress;
pub use timings::{Span, Timings};
pub use traces::Traces;

use std::{collections::BTreeMap, time::Duration};

use crate::{
    driver::Hello, event::Times, exit::Exit, identity::Identity, known::Stale, results::Counts,
    role::Role,
};

/// What a run came to, beside its trials.
#[derive(Debug)]
pub struct Summary {
    /// How many trials came to what.
    pub counts: Counts,
    /// The exit code.
    pub exit: Exit,
    /// Why the run was stopped early, if it was.
    pub stopped: Option<String>,
    /// From the first build to the last process's end.
    pub elapsed: Duration,
    /// What building the peers took, one after another.
    pub build: Duration,
    /// Where the time of the cells went, added up over them.
    pub times: Times,
    /// What each client said of itself.
    pub hellos: BTreeMap<String, Hello>,
    /// Which library each peer is made of, where anybody said so.
    pub identities: BTreeMap<String, Identity>,
    /// Peers that could not take part, and why.
    pub blocked: BTreeMap<String, String>,
    /// What peers did that decides no trial.
    pub notes: Vec<Note>,
    /// Entries of the user's known list that matched nothing.
    pub stale: Vec<Stale>,
    /// What ran again after all had run.
    pub again: RanAgain,
    /// When what ran, if somebody asks.
    pub timings: Option<Timings>,
}

/// What ran again because it may have failed without a fault of its own.
#[derive(Debug, Default)]
pub struct RanAgain {
    /// How many trials failed by a clock while the machine lagged.
    pub lagged: usize,
    /// How many trials lost a connection that they shared.
    pub lost: usize,
    /// Those that are charged with a lost connection although they pass alone: it was lost, and
    /// no other trial costs it either. Each by its case, its server and its client.
    pub charged: Vec<(String, String, String)>,
}

/// Something that a peer did and that decides no trial.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Note {
    /// The server's peer.
    pub server: String,
    /// The client's peer.
    pub client: String,
    /// Which of the two did it.
    pub role: Role,
    /// In words that fit "go server {text}".
    pub text: String,
}

impl Note {
    /// The peer that did it.
    #[must_use]
    pub fn peer(&self) -> &str {
        match self.role {
            Role::Server => &self.server,
            Role::Client => &self.client,
        }
    }
}

#[cfg(test)]
mod tests;
