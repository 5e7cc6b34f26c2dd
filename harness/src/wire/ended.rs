//! Streams that have ended, as far as it matters for what still comes on them.

use std::{collections::VecDeque, time::Duration};

use super::{
    control::Control,
    stream::Stream,
    transcript::{Event, Pair, What, other},
};
use crate::role::Role;

/// How many streams are remembered.
const MAX_ENDED: usize = 256;

/// The streams that ended last.
#[derive(Debug, Default)]
pub(super) struct EndedStreams {
    streams: VecDeque<Ended>,
}

#[derive(Debug)]
struct Ended {
    stream: u32,
    /// Which sides had ended or reset it.
    has_stopped: Pair<bool>,
    /// Each side's RST_STREAM.
    resets: Pair<Option<Reset>>,
}

/// A side's RST_STREAM, and how many frames the other had sent by then.
#[derive(Debug)]
struct Reset {
    at: Duration,
    offset: u64,
    frames_of_other: u64,
}

impl EndedStreams {
    /// A stream has ended; the oldest is forgotten for it.
    pub(super) fn add(&mut self, id: u32, stream: &Stream, control: &Control) {
        if self.streams.len() == MAX_ENDED {
            self.streams.pop_front();
        }
        let reset = |side: Role| {
            let (reset, _) = stream.transcript.reset(side)?;
            let frames_of_other = *control.frames.of(other(side));
            Some(Reset { at: reset.at, offset: reset.offset, frames_of_other })
        };
        self.streams.push_back(Ended {
            stream: id,
            has_stopped: Pair {
                client: stream.has_stopped(Role::Client),
                server: stream.has_stopped(Role::Server),
            },
            resets: Pair { client: reset(Role::Client), server: reset(Role::Server) },
        });
    }

    /// An id is used again.
    pub(super) fn remove(&mut self, stream: u32) {
        self.streams.retain(|ended| ended.stream != stream);
    }

    /// What a frame is that comes on an ended stream. `None` if it is no such stream,
    /// or the frame may have crossed its end.
    pub(super) fn late(
        &self,
        stream: u32,
        kind: u8,
        event: &Event,
        control: &Control,
    ) -> Option<What> {
        let ended = self.streams.iter().find(|ended| ended.stream == stream)?;
        if *ended.has_stopped.of(event.from) {
            return Some(What::AfterEnd { kind, stream });
        }
        let reset = ended.resets.of(other(event.from)).as_ref()?;
        Some(What::AfterReset {
            kind,
            since: event.at.saturating_sub(reset.at),
            frames_since: control.frames.of(event.from) - reset.frames_of_other,
            has_read: control.has_read(event.from, reset.offset),
        })
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.streams.len()
    }
}
