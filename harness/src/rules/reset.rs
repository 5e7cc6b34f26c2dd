//! Rules of what a side sends on a stream that the other has reset.

use std::time::Duration;

use crosswire_http2::frame::kind_name;
use serde_json::json;

use super::{Breach, Exchange, micros};
use crate::{
    role::Role,
    wire::transcript::{Event, What},
};

/// A side that has read a reset has stopped when so much time has passed: what was
/// under way has arrived by then, even if its writing waited for its turn.
const STOPPED_AFTER: Duration = Duration::from_millis(500);

/// Whether it has read the reset cannot be seen where the other sends nothing that
/// must be answered. Then it has had the time and the occasion when so much time has
/// passed and it has sent so many frames: it is not merely held up.
const STOPPED_UNSEEN_AFTER: Duration = Duration::from_secs(1);
const STOPPED_UNSEEN_FRAMES: u64 = 8;

/// A server that could know of a reset sends nothing more on that stream.
pub(super) fn server_stops(exchange: &Exchange<'_>) -> Vec<Breach> {
    stops(exchange, Role::Server)
}

/// Nor does a client.
pub(super) fn client_stops(exchange: &Exchange<'_>) -> Vec<Breach> {
    stops(exchange, Role::Client)
}

fn stops(exchange: &Exchange<'_>, side: Role) -> Vec<Breach> {
    if *exchange.transcript.connection.slowed.of(side) {
        // What the tap held back was sent long before.
        return Vec::new();
    }
    let breach = |event: &Event| match event.what {
        What::AfterReset { kind, since, frames_since, has_read } => {
            let is_known = if has_read {
                since >= STOPPED_AFTER
            } else {
                since >= STOPPED_UNSEEN_AFTER && frames_since >= STOPPED_UNSEEN_FRAMES
            };
            let got = json!({ "frame": kind_name(kind), "since_us": micros(since) });
            is_known.then(|| Breach::of(event, "after-reset").but_got(got))
        }
        _ => None,
    };
    // One says it all: who goes on sends many.
    exchange.transcript.sent_by(side).find_map(breach).into_iter().collect()
}
