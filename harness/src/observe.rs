//! What was seen of a trial. Carries no judgement.

use std::{collections::BTreeMap, time::Duration};

use crosswire_http2::message::Message;

use crate::{
    role::Role,
    suite::Code,
    wire::{
        tls::Opaque,
        transcript::{Note, Transcript},
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
}

impl Observation {
    /// Of a trial of which nothing but its outcome was seen.
    #[must_use]
    pub const fn of(outcome: Outcome) -> Self {
        Self { outcome, duration: Duration::ZERO, wire: None, server_growth_bytes: None }
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
    /// That a scripted server's script did not come to its end.
    pub unfinished: Option<Unfinished>,
    /// Streams on the trial's own connection that none of its calls explains.
    pub strays: Vec<Transcript>,
}

/// A scripted server's script that did not come to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfinished {
    /// Whose doing it is; `None` if the script itself takes too long.
    pub side: Option<Role>,
    /// Why, in words that follow "the script".
    pub why: String,
}

/// What came of a trial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Every call was answered, in the case's order.
    Answered(Vec<Answer>),
    /// A scripted client came to its end.
    Played(Box<Played>),
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
        why: String,
    },
    /// There was no answer in time.
    Hung {
        /// How long was waited, and what was seen meanwhile.
        why: String,
    },
    /// A process died with the call in flight.
    Crashed {
        /// Whose.
        role: Role,
        /// How it ended, and its last words.
        why: String,
    },
    /// It was not tried, because a peer could not be started.
    Blocked {
        /// Why not.
        why: String,
    },
}

/// What the client reported of one call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// The serialized response messages, in order.
    pub messages: Vec<Vec<u8>>,
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
}

/// What a scripted client saw of the server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Played {
    /// Why the script did not come to its end.
    pub stalled: Option<Stalled>,
    /// The stream that the script opened last; 0 if there was none.
    pub last_stream: u32,
    /// What came on each stream.
    pub streams: BTreeMap<u32, StreamSeen>,
    /// The error codes of the server's GOAWAYs, each once, in the order in which they came.
    pub goaways: Vec<u32>,
    /// The longest frame that the server takes, if it has said so.
    pub max_frame_size: Option<u32>,
    /// Whether the connection came to its end by the server's doing.
    pub is_closed: bool,
    /// Whether the time was over first.
    pub is_late: bool,
    /// Why what the server sent could not be read any more.
    pub unreadable: Option<String>,
    /// The protocol that the server speaks instead of HTTP/2, from its first byte on.
    pub other_protocol: Option<&'static str>,
    /// What came of the ordinary calls beside it.
    pub beside: Vec<Self>,
}

impl Played {
    /// Whether nothing more can be seen of the server.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        self.is_closed || self.unreadable.is_some()
    }
}

/// Why a script did not come to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stalled {
    /// In words that follow "the script".
    pub why: String,
    /// Whether the other side ended what the script was about. It may have reason to;
    /// to leave the script waiting is another matter.
    pub was_ended: bool,
}

/// What came on one stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StreamSeen {
    /// The header blocks, in order.
    pub blocks: Vec<Vec<(String, String)>>,
    /// The messages, in order.
    pub messages: Vec<Message>,
    /// The bytes of DATA, padding included, as windows count them.
    pub data_bytes: u64,
    /// Whether END_STREAM came.
    pub has_ended: bool,
    /// The code of RST_STREAM.
    pub reset: Option<u32>,
}
