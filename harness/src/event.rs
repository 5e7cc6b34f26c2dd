//! What happens during a run. The runner sends events; only reporters print.

use std::time::Duration;

use crate::{driver::Hello, identity::Identity, observe::Observation, role::Role};

/// Something that happened. `cell` and `trial` are positions in the plan.
#[derive(Debug)]
pub enum Event {
    /// A peer's build command runs.
    BuildStarted {
        /// The peer's name.
        peer: String,
    },
    /// It has ended.
    BuildFinished {
        /// The peer's name.
        peer: String,
        /// How long it took.
        took: Duration,
    },
    /// A peer cannot take part.
    PeerBlocked {
        /// The peer's name.
        peer: String,
        /// Why not, and what would help.
        why: String,
    },
    /// The cell's processes are being started.
    CellStarted {
        /// Which.
        cell: usize,
    },
    /// Both are ready.
    CellReady {
        /// Which.
        cell: usize,
        /// What the client said of itself.
        hello: Hello,
        /// What the server said that it is made of.
        server: Option<Identity>,
    },
    /// A trial's calls were handed to the client.
    TrialStarted {
        /// Whose.
        cell: usize,
        /// Which.
        trial: usize,
    },
    /// A trial was observed. Comes again for a trial if what followed changes
    /// what was seen of it; the last one counts.
    TrialObserved {
        /// Whose.
        cell: usize,
        /// Which.
        trial: usize,
        /// What was seen.
        observation: Box<Observation>,
    },
    /// A peer did something that decides no trial and should be known.
    Note {
        /// Whose.
        cell: usize,
        /// Which of its processes.
        role: Role,
        /// In words that fit "go server {text}".
        text: String,
    },
    /// The cell's processes have ended.
    CellFinished {
        /// Which.
        cell: usize,
        /// Where its time went.
        times: Times,
    },
}

/// Where time went.
#[derive(Debug, Clone, Copy, Default)]
pub struct Times {
    /// Starting processes until they were ready.
    pub start: Duration,
    /// Making calls.
    pub calls: Duration,
    /// Stopping processes.
    pub stop: Duration,
}

impl std::ops::AddAssign for Times {
    fn add_assign(&mut self, other: Self) {
        self.start += other.start;
        self.calls += other.calls;
        self.stop += other.stop;
    }
}
