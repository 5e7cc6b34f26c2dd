//! What was seen of a trial. Carries no judgement.

mod held;
mod lost;
mod process;
mod scripted;

use std::time::Duration;

pub use held::Held;
pub use lost::Lost;
pub use process::{Death, Gone, Misstep, Remark, Words};
pub use scripted::{Answered, Instead, Played, ShutWindow, Stalled, StreamSeen, Waited};

use crate::{
    role::Role,
    suite::Code,
    wire::{
        tls::Opaque,
        transcript::{Aside, Ended, Note, Transcript},
    },
};

/// What was seen of one trial.
#[derive(Debug)]
pub struct Observation {
    /// What came of it.
    pub outcome: Outcome,
    /// From the first call's start to the last answer, or to the giving up.
    pub duration: Duration,
    /// What passed between the two sides; `None` where nobody watched.
    pub wire: Option<Wire>,
    /// By how much the server's process grew meanwhile, at its highest; `None` where
    /// the case does not ask, or the system does not tell.
    pub server_growth_bytes: Option<u64>,
    /// Whether the harness was late meanwhile, or the machine had too much to do: what a
    /// clock decided may be nobody's fault.
    pub was_lagging: bool,
    /// Whether it began before its processes were warm, and that took them long. Likewise.
    pub was_cold: bool,
}

impl Observation {
    /// Of a trial of which nothing but its outcome was seen.
    #[must_use]
    pub const fn of(outcome: Outcome) -> Self {
        Self {
            outcome,
            duration: Duration::ZERO,
            wire: None,
            server_growth_bytes: None,
            was_lagging: false,
            was_cold: false,
        }
    }
}

/// What passed on the wire in a trial.
#[derive(Debug, Default)]
pub struct Wire {
    /// For each of the case's calls that was made, its streams in the order in which
    /// they were opened. More than one is a retry; none is a call that never passed.
    pub calls: Vec<Vec<Transcript>>,
    /// What could not be read of the connections.
    pub notes: Vec<Note>,
    /// Encrypted connections of which lengths alone were seen.
    pub opaque: Vec<Opaque>,
    /// Whether the case's fault has come to its place.
    pub has_struck: bool,
    /// Where a scripted server's script stopped, if it did not come to its end.
    pub stalled: Option<Stalled>,
    /// What passed on the trial's own connections while no stream was open.
    pub asides: Vec<Aside>,
    /// Streams on the trial's own connection that none of its calls explains.
    pub strays: Vec<Transcript>,
    /// Connections that a side has ended.
    pub ended: Vec<Ended>,
    /// That it was on a connection shared with other trials that was lost or poisoned.
    pub lost: Option<Lost>,
    /// Whether something may have passed for its calls that was not read: a limit of ours
    /// was reached, or the bytes could not be read. Then nothing is known of what is not
    /// here.
    pub has_gaps: bool,
}

/// What came of a trial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Every call was answered, in the case's order.
    Answered(Vec<Answer>),
    /// A scripted client came to its end.
    Played(Box<Played>),
    /// A program in the place of a client came to its end.
    Ran(Death),
    /// The client did not announce a feature that the case needs.
    FeatureMissing {
        /// What it is.
        why: String,
    },
    /// The client would not make a call, although it announced all that it needs.
    Refused {
        /// The client's words.
        why: String,
    },
    /// A peer broke the peer protocol.
    Malformed {
        /// How.
        misstep: Misstep,
        /// What came of it when it was tried again.
        remarks: Vec<Remark>,
    },
    /// There was no answer in time.
    Hung {
        /// How long the calls might take.
        timeout: Duration,
        /// How long was waited beyond that.
        grace: Duration,
        /// What the client has said meanwhile that is no answer.
        stray: Option<String>,
        /// What the processes say that run.
        words: Vec<(Role, Words)>,
        /// What came of it when it was tried again.
        remarks: Vec<Remark>,
    },
    /// A process died with the call in flight.
    Crashed {
        /// Whose.
        role: Role,
        /// How it ended.
        death: Death,
        /// What came of it when it was tried again.
        remarks: Vec<Remark>,
    },
    /// It was not tried, because a peer could not be started.
    Blocked {
        /// Why not.
        why: String,
    },
}

impl Outcome {
    /// A breach of the peer protocol, of which nothing else is known.
    #[must_use]
    pub const fn malformed(misstep: Misstep) -> Self {
        Self::Malformed { misstep, remarks: Vec::new() }
    }

    /// What is known of it beside it.
    #[must_use]
    pub fn remarks(&self) -> &[Remark] {
        match self {
            Self::Malformed { remarks, .. }
            | Self::Hung { remarks, .. }
            | Self::Crashed { remarks, .. } => remarks,
            _ => &[],
        }
    }
}

/// What the client reported of one call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// The serialized response messages, in order.
    pub messages: Vec<Vec<u8>>,
    /// How many steps of the call the client has done, if it says so.
    pub steps: Option<usize>,
    /// The status code that the client's API gave.
    pub code: Code,
    /// The status message.
    pub message: String,
    /// The bytes of `grpc-status-details-bin`.
    pub details: Vec<u8>,
    /// The initial metadata, in order; the value of a `-bin` name is base64.
    pub headers: Vec<(String, String)>,
    /// The trailing metadata, likewise.
    pub trailers: Vec<(String, String)>,
    /// Its share of the memory that all answers may take.
    pub held: Held,
}
