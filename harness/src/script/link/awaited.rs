//! What a script waits for: whether the other side has done it, and what it did instead.

use super::Link;
use crate::{
    observe::Instead,
    suite::{AnyOf, Awaited},
};

impl Link {
    /// Whether the other side has done one of these. A request that is there is taken up.
    pub(in crate::script) fn has_come(&mut self, awaited: &AnyOf) -> bool {
        awaited.0.iter().any(|awaited| self.has_done(awaited))
    }

    fn has_done(&mut self, awaited: &Awaited) -> bool {
        let seen = self.seen.streams.get(&self.current());
        match awaited {
            Awaited::Request => match self.requests.get(self.requests_taken) {
                Some(&stream) => {
                    self.requests_taken += 1;
                    self.current = stream;
                    self.seen.last_stream = stream;
                    true
                }
                None => false,
            },
            Awaited::Headers => seen.is_some_and(|seen| !seen.blocks.is_empty()),
            Awaited::Messages(count) => seen.is_some_and(|seen| seen.messages.len() >= *count),
            Awaited::DataBytes(bytes) => seen.is_some_and(|seen| seen.data_bytes >= *bytes),
            Awaited::End => seen.is_some_and(|seen| seen.has_ended),
            Awaited::Reset(codes) => {
                seen.and_then(|seen| seen.reset).is_some_and(|code| codes.allow(code))
            }
            Awaited::Settings => self.has_settings,
            Awaited::SettingsAck => self.seen.settings.are_all(),
            Awaited::PingAck => self.seen.pings.are_all(),
            Awaited::WindowUpdate => self.has_window_update,
            Awaited::GoAway(codes) => self.seen.goaways.iter().any(|code| codes.allow(*code)),
            Awaited::Close => self.seen.is_closed,
        }
    }

    /// Whether nothing more can come of this stream.
    pub(in crate::script) fn is_stream_over(&self, stream: u32) -> bool {
        let seen = self.seen.streams.get(&stream);
        self.is_over() || seen.is_some_and(|seen| seen.has_ended || seen.reset.is_some())
    }

    /// Whether it cannot do any of these any more.
    pub(in crate::script) fn is_in_vain(&self, any_of: &AnyOf) -> bool {
        self.is_over() || self.none_can_come(any_of)
    }

    fn none_can_come(&self, AnyOf(awaited): &AnyOf) -> bool {
        let stream = self.current();
        let is_stream_over = self.is_stream_over(stream);
        awaited.iter().all(|awaited| match awaited {
            Awaited::Headers | Awaited::Messages(_) | Awaited::DataBytes(_) | Awaited::End => {
                is_stream_over
            }
            // The first one counts, and its code was another.
            Awaited::Reset(_) => self.reset_of(stream).is_some(),
            _ => false,
        })
    }

    fn reset_of(&self, stream: u32) -> Option<u32> {
        self.seen.streams.get(&stream)?.reset
    }

    /// What it has done instead of any of these, the end before what led to it.
    pub(in crate::script) fn instead(&self, any_of: &AnyOf) -> Vec<Instead> {
        let awaits = |is_it: fn(&Awaited) -> bool| any_of.0.iter().any(is_it);
        let reset = self.reset_of(self.current());
        let awaits_reset = awaits(|awaited| matches!(awaited, Awaited::Reset(_)));
        let end = if self.seen.is_closed {
            Some(Instead::ConnectionEnded)
        } else if self.seen.unreadable.is_some() || self.seen.beyond.is_some() {
            Some(Instead::Unreadable)
        } else {
            let is_ended = self.none_can_come(any_of) && !awaits_reset;
            is_ended.then_some(Instead::StreamEnded)
        };
        let reset = reset.map(Instead::Reset);
        let goaway = self.seen.goaways.last().map(|code| Instead::GoAway(*code));
        let (settings, pings) = (self.seen.settings, self.seen.pings);
        let acks = awaits(|awaited| *awaited == Awaited::SettingsAck);
        let acks = (acks && settings.came > 0).then_some(Instead::SettingsAcks(settings));
        let pongs = awaits(|awaited| *awaited == Awaited::PingAck);
        let pongs = (pongs && pings.came > 0).then_some(Instead::PingAcks(pings));
        [end, reset, goaway, acks, pongs].into_iter().flatten().collect()
    }
}
