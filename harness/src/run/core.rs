//! A cell as a state machine: what happens goes in, what is to be done comes out.
//!
//! [`Flights`] are the trials between their start and their observation. [`Settling`] finds
//! out to which of them an incident belongs. Both know no process, no socket and no clock:
//! the loop around them (`pump`, `settle`) tells them the time and does what they say.

mod flights;
mod pace;
mod settling;

pub(super) use flights::{Action, Flights, Next, Taking};
pub(super) use settling::{Effect, Fate, Settling, Want};

use std::time::Duration;

use crate::observe::Outcome;

/// A trial's position in its cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct TrialId(pub(super) usize);

/// By what a call is known to its client, and on the wire. Never used twice while a tap lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct CallId(pub(super) u64);

/// What a trial has beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Company {
    /// As many as the client takes.
    Others,
    /// Nothing, not even another whose streams are ending.
    Nobody,
}

/// What ended a pump before its queue was empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Incident {
    /// What happened, as the outcome of the trial that caused it.
    pub(super) outcome: Outcome,
    /// The trials that hung as a known failure of theirs says. They need no settling.
    pub(super) known_hangs: Vec<(Started, Outcome)>,
    /// The trials that may have caused it: those in flight and not answered. Those that wait
    /// come last.
    pub(super) in_flight: Vec<Started>,
    /// Who stands for it if none causes it again: it happened, and must cost a
    /// trial, but no more than one. The one that waited longest, or the last one
    /// that was decided.
    pub(super) suspect: Option<TrialId>,
    /// The last trial that was decided with these processes.
    pub(super) last_decided: Option<TrialId>,
    /// Whether it can have been caused by no other trial than the one in flight.
    pub(super) is_certain: bool,
    /// Whether the server can be trusted to go on.
    pub(super) server_is_fine: bool,
}

impl Incident {
    /// Whether all that happened was known to.
    pub(super) fn is_known(&self) -> bool {
        self.in_flight.is_empty() && !self.known_hangs.is_empty()
    }
}

/// A trial that was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Started {
    /// Which.
    pub(super) trial: TrialId,
    /// How long ago.
    pub(super) elapsed: Duration,
    /// Whether it waits for something, such as a deadline: by its nature, or as it seems.
    pub(super) waits: bool,
}
