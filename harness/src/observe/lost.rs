//! Connections that trials share, and that were lost or poisoned under them.

use std::time::Duration;

use crate::{
    role::Role,
    wire::transcript::{Event, Transcript, What, other},
};

/// That a call was open when something went wrong with the whole connection: whatever else
/// was on it went the same way, and one of them may have caused it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lost {
    /// The port of the tap, which tells apart the connections of all taps of a run.
    pub tap: u16,
    /// The connection's number there; `None` for a call that never passed, as one does that
    /// waits for a connection that is lost.
    pub connection: Option<u64>,
    /// When the side that did not end it last sent something for this call, counted from the
    /// tap's start: what was sent last is what the other side may have ended it for.
    pub last_sent: Duration,
}

impl Lost {
    /// What the streams of a trial say of it. A call without a stream never passed.
    pub(crate) fn of(tap: u16, calls: &[Vec<Transcript>]) -> Option<Self> {
        let lost = calls.iter().flatten().filter_map(|transcript| {
            let by = end_of_all(transcript)?;
            let from_other = transcript.sent_by(other(by)).filter(|event| is_of_stream(event));
            let last_sent = from_other.map(|event| event.at).max().unwrap_or_default();
            Some(Self { tap, connection: Some(transcript.connection.number), last_sent })
        });
        let never_passed = calls.iter().any(Vec::is_empty);
        let unmade = Self { tap, connection: None, last_sent: Duration::ZERO };
        lost.max().or(never_passed.then_some(unmade))
    }
}

/// Who ended the connection under this call, has shut its window for all calls, or has gone on
/// after the call's end, for which the other side may end the connection under all others.
fn end_of_all(transcript: &Transcript) -> Option<Role> {
    let ends = |event: &&Event| match event.what {
        What::Closed(_) => !event.by_tap,
        What::GoAway { code, .. } => code != 0 && !event.by_tap,
        What::AfterEnd { .. } => !event.by_tap,
        _ => false,
    };
    let end = transcript.events().find(ends).map(|event| event.from);
    // Who may send no DATA any more was shut out by the other side.
    let is_shut = |side: &Role| transcript.room.of(*side).connection_bytes <= 0;
    end.or_else(|| [Role::Server, Role::Client].into_iter().find(is_shut).map(other))
}

const fn is_of_stream(event: &Event) -> bool {
    !matches!(
        event.what,
        What::Settings(_)
            | What::SettingsAck { .. }
            | What::Ping(_)
            | What::Pong { .. }
            | What::GoAway { .. }
            | What::ConnectionWindowUpdate { .. }
            | What::Closed(_)
    )
}
