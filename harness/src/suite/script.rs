//! A script: what the harness itself sends in the place of a client or a server, frame
//! by frame, and what may come of it.

mod ending;
mod read;
mod show;
mod step;

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};

pub use ending::{Codes, Ending, EndingKind};
pub(super) use read::{WrittenEnding, WrittenScript};
pub use step::{AnyOf, Awaited, Step, StreamRef};

use crate::{role::Role, text};

/// How long a scripted server goes on after the last deadline of its calls: what comes
/// then is a case, too.
pub const TIME_AFTER_DEADLINE: Duration = Duration::from_secs(2);

/// What one side does in the place of a peer.
#[derive(Debug, Clone, Serialize)]
pub struct Script {
    /// Whose place it takes.
    #[serde(rename = "scripted")]
    pub role: Role,
    /// Whether it greets: a client with its preface and SETTINGS, a server with SETTINGS.
    #[serde(rename = "greeting", skip_serializing_if = "is_true")]
    pub greets: bool,
    /// What it leaves undone, of what every side does.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub omits: Vec<Habit>,
    /// What it does on its first connection.
    #[serde(rename = "script", serialize_with = "in_words")]
    pub steps: Vec<Step>,
    /// What a server does on every later one.
    #[serde(rename = "script_again", serialize_with = "in_words")]
    pub steps_again: Vec<Step>,
    /// A call that a good client makes meanwhile on a connection of its own, and once
    /// more afterwards.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub beside: Option<Beside>,
    /// The outcomes that are allowed, for a client; at least one.
    #[serde(rename = "expect", serialize_with = "in_words", skip_serializing_if = "Vec::is_empty")]
    pub endings: Vec<Ending>,
}

fn in_words<T: ToString, S: Serializer>(items: &[T], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(items.iter().map(ToString::to_string))
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
const fn is_true(value: &bool) -> bool {
    *value
}

impl Script {
    /// How long it pauses in all.
    pub(super) fn pauses(&self) -> Duration {
        let pause = |step: &Step| match step {
            Step::Pause(pause) => *pause,
            _ => Duration::ZERO,
        };
        self.steps.iter().map(pause).sum()
    }
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
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

impl Serialize for Beside {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { steps: _, ending, limit } = self;
        let limit = text::duration(*limit);
        serializer.collect_str(&format_args!(
            "an ordinary call meanwhile and afterwards, each within {limit}: {ending}"
        ))
    }
}
