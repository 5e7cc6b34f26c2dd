//! What processes say and how they end.

use std::{fmt, os::unix::process::ExitStatusExt as _, process::ExitStatus};

use nix::sys::signal::Signal;

use crate::text::printable;

/// What a process has written on its stderr, and on its stdout that was not meant for us:
/// the first and the last lines of what it said last without a pause. Some libraries say
/// first what went wrong, and some say it last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Words {
    /// The first lines; none if all of it is in the last.
    pub first: Vec<String>,
    /// The last lines.
    pub last: Vec<String>,
}

/// How a process came to its end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Death {
    /// How it is gone.
    pub how: Gone,
    /// What it said.
    pub words: Words,
}

/// How a process is gone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Gone {
    /// It exited with this status.
    Exited(i32),
    /// This signal killed it: its name, or its number where it has none.
    Killed(String),
    /// It ended, and the system does not say how.
    #[default]
    Ended,
    /// It is there, and has closed its stdout.
    ClosedStdout,
    /// It is there, and no longer accepts connections.
    Refuses {
        /// Where it had accepted them.
        address: String,
        /// What came of one.
        why: String,
    },
}

impl From<Option<ExitStatus>> for Gone {
    fn from(status: Option<ExitStatus>) -> Self {
        let Some(status) = status else { return Self::Ended };
        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Exited(code),
            (None, Some(number)) => Self::Killed(match Signal::try_from(number) {
                Ok(signal) => signal.to_string(),
                Err(_) => format!("signal {number}"),
            }),
            (None, None) => Self::Ended,
        }
    }
}

/// In words that follow a process's name: `exited with status 3`, `was killed by SIGSEGV`.
impl fmt::Display for Gone {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(code) => write!(formatter, "exited with status {code}"),
            Self::Killed(signal) => write!(formatter, "was killed by {signal}"),
            Self::Ended => write!(formatter, "ended"),
            Self::ClosedStdout => write!(formatter, "closed its stdout"),
            Self::Refuses { address, why } => {
                write!(formatter, "no longer accepts connections at {address}: {why}")
            }
        }
    }
}

/// How a client broke the peer protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Misstep {
    /// A line is no valid answer.
    BadLine {
        /// What is wrong with it.
        problem: String,
        /// Its beginning.
        line: String,
    },
    /// It answered a call that it was not given.
    UnknownCall(u64),
    /// It answered a call again.
    AnsweredTwice(u64),
    /// It introduced itself again.
    HelloTwice,
}

/// What is known of a crash, a hang or a breach of the peer protocol beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remark {
    /// The case was answered when it ran again alone, and so was each of those that had been
    /// in flight beside it.
    AnsweredAlone {
        /// How many those are.
        beside: usize,
    },
    /// It came after the case was answered, which causes it alone, too.
    AfterItsAnswer,
    /// It came after the case was answered, and not again when it ran alone.
    AfterItsAnswerAndNotAlone,
}

impl Remark {
    /// Whether it does not come when the case runs alone.
    #[must_use]
    pub const fn is_not_alone(self) -> bool {
        matches!(self, Self::AnsweredAlone { .. } | Self::AfterItsAnswerAndNotAlone)
    }
}

impl Words {
    /// Whether it has said nothing.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.last.is_empty()
    }

    /// In words that follow what is said of the process, whose they are named; nothing, if
    /// it said nothing.
    #[must_use]
    pub fn of(&self, whose: &str) -> String {
        let quoted = |lines: &[String]| {
            let lines: Vec<String> = lines.iter().map(|line| printable(line)).collect();
            lines.join(" | ")
        };
        let part = |name: &str, lines: &[String]| match lines {
            [] => String::new(),
            lines => format!("; {whose} {name} words: {}", quoted(lines)),
        };
        part("first", &self.first) + &part("last", &self.last)
    }
}

impl fmt::Display for Words {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.of("its"))
    }
}
