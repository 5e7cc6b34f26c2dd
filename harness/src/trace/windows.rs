//! Windows that are shut when a call's transcript ends.

use std::time::Duration;

use super::event::millis;
use crate::{
    role::Role,
    text::count,
    wire::transcript::{Room, Transcript, What, other},
};

/// The windows that keep a side from sending the rest of its DATA, since when, and what it
/// had sent until then.
pub(super) fn shut_windows(
    transcript: &Transcript,
    start: Duration,
) -> impl Iterator<Item = String> {
    let of_side = move |side: Role| {
        let Room { stream_bytes, connection_bytes } = *transcript.room.of(side);
        let data = || {
            transcript.sent_by(side).filter_map(|event| match event.what {
                What::Data { length, .. } => Some((event.at, u64::from(length))),
                _ => None,
            })
        };
        let sent_bytes: u64 = data().map(|(_, length)| length).sum();
        let since = data().next_back().map(|(at, _)| at).or_else(|| transcript.opened_at());
        let since = millis(since.unwrap_or(start), start);
        let has_more = transcript.end(side).is_none();
        let whose = other(side);
        [(stream_bytes, "stream"), (connection_bytes, "connection")]
            .into_iter()
            .filter(move |(left, _)| has_more && *left <= 0)
            .map(move |(left, of)| {
                format!(
                    "the {whose}'s window of the {of} has been shut at {left} since {since} ms, after {} of the {side}'s on this stream",
                    count(usize::try_from(sent_bytes).unwrap_or(usize::MAX), "byte")
                )
            })
    };
    [Role::Client, Role::Server].into_iter().flat_map(of_side)
}
