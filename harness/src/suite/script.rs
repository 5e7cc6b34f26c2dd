//! A script: what the harness itself sends in the place of a client or a server, frame
//! by frame, and what may come of it.

mod ending;
mod read;
mod show;
mod step;

use std::time::Duration;

use serde::Deserialize;

pub use ending::{Codes, Ending, EndingKind};
pub(super) use read::{RawScript, SCRIPT_FIELDS};
pub use step::{AnyOf, Awaited, Step, StreamRef};

use crate::role::Role;

/// How long a scripted server goes on after the last deadline of its calls: what comes
/// then is a case, too.
pub const TIME_AFTER_DEADLINE: Duration = Duration::from_secs(2);

/// What one side does in the place of a peer.
#[derive(Debug, Clone)]
pub struct Script {
    /// Whose place it takes.
    pub role: Role,
    /// What it does on its first connection.
    pub steps: Vec<Step>,
    /// What a server does on every later one.
    pub steps_again: Vec<Step>,
    /// Whether it greets: a client with its preface and SETTINGS, a server with SETTINGS.
    pub greets: bool,
    /// What it leaves undone, of what every side does.
    pub omits: Vec<Habit>,
    /// The outcomes that are allowed, for a client; at least one.
    pub endings: Vec<Ending>,
    /// A call that a good client makes meanwhile on a connection of its own, and once
    /// more afterwards.
    pub beside: Option<Beside>,
}

#[cfg(test)]
impl Script {
    /// One that only greets.
    pub(crate) const fn of_no_steps(role: Role) -> Self {
        Self {
            role,
            steps: Vec::new(),
            steps_again: Vec::new(),
            greets: true,
            omits: Vec::new(),
            endings: Vec::new(),
            beside: None,
        }
    }
}

/// What every side of HTTP/2 does by itself, unless a script leaves it out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Habit {
    /// Acknowledging SETTINGS.
    SettingsAck,
    /// Answering PING.
    PingAck,
    /// Giving back the window that DATA took.
    WindowUpdate,
}

/// The ordinary call beside a script.
#[derive(Debug, Clone)]
pub struct Beside {
    /// What it sends.
    pub steps: Vec<Step>,
    /// What must come of it.
    pub ending: Ending,
    /// How long it may take.
    pub limit: Duration,
}
