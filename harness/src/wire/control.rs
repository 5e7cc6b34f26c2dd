//! What two sides agree on for a whole connection: SETTINGS, PING, GOAWAY and
//! the connection's windows.

use std::time::Duration;

use bytes::Bytes;
use crosswire_http2::{
    frame::{Frame, FrameError, GoAway, flag},
    settings::{DEFAULT_WINDOW_BYTES, entries},
};

use super::{
    announced::Announced,
    transcript::{Asked, Debt, Event, Pair, Read, What, other},
    unreadable::Unreadable,
};
use crate::role::Role;

/// How many debts are kept; a flood of PINGs must not take the memory.
const MAX_DEBTS: usize = 64;

/// How many GOAWAYs are kept. A graceful end takes two.
const MAX_GOAWAYS: usize = 16;

/// How much of GOAWAY's text is kept.
const MAX_DEBUG_BYTES: usize = 256;

/// The state of a connection apart from its streams.
#[derive(Debug)]
pub(super) struct Control {
    /// What each side set for the other.
    pub(super) announced: Pair<Announced>,
    /// How much each side may still send on the connection.
    pub(super) windows: Pair<i64>,
    /// What is owed.
    pub(super) debts: Vec<Debt>,
    /// How many more answers each side owes, to questions that were not kept.
    forgotten: Pair<u64>,
    /// How far into the other side's direction each side has read for certain: it
    /// has answered what stands there. Until then, what it sends may have crossed.
    has_read: Pair<u64>,
    /// How many frames each side has sent.
    pub(super) frames: Pair<u64>,
    goaways: Vec<Warning>,
}

/// A server's GOAWAY.
#[derive(Debug)]
struct Warning {
    last: u32,
    offset: u64,
}

impl Default for Control {
    fn default() -> Self {
        let window = i64::from(DEFAULT_WINDOW_BYTES);
        Self {
            announced: Pair::default(),
            windows: Pair { client: window, server: window },
            debts: Vec::new(),
            forgotten: Pair::default(),
            has_read: Pair::default(),
            frames: Pair::default(),
            goaways: Vec::new(),
        }
    }
}

impl Control {
    /// A frame passed, whatever it is.
    pub(super) fn frame_passed(&mut self, event: &Event) {
        *self.frames.of_mut(event.from) += 1;
        for debt in self.debts.iter_mut().filter(|debt| debt.debtor == event.from) {
            if let Some(read) = &mut debt.read {
                read.frames_since += 1;
                read.last_frame = event.at;
            }
        }
    }

    /// The lowest last stream of the GOAWAYs that the client has read for certain.
    pub(super) fn known_goaway(&self) -> Option<u32> {
        let known = self.goaways.iter().filter(|goaway| self.has_read(Role::Client, goaway.offset));
        known.map(|goaway| goaway.last).min()
    }

    /// A side has answered what the other sent at this place.
    pub(super) fn answered(&mut self, by: Role, offset: u64, at: Duration) {
        let has_read = self.has_read.of_mut(by);
        *has_read = offset.max(*has_read);
        let earlier =
            self.debts.iter_mut().filter(|debt| debt.debtor == by && debt.offset < offset);
        earlier.for_each(|debt| {
            debt.read.get_or_insert(Read { shown: at, frames_since: 0, last_frame: at });
        });
    }

    /// Whether a side has read what the other sent at this place for certain.
    pub(super) const fn has_read(&self, side: Role, offset: u64) -> bool {
        offset < *self.has_read.of(side)
    }

    pub(super) fn settings(&mut self, frame: &Frame, bare: Event) -> Result<Event, Unreadable> {
        if frame.has(flag::ACK) {
            let is_due = self.announced.of_mut(other(bare.from)).acknowledge();
            self.settle(&bare, Asked::Settings);
            return Ok(Event { what: What::SettingsAck { is_due }, ..bare });
        }
        let settings: Vec<(u16, u32)> = entries(&frame.payload)?.collect();
        self.announced.of_mut(bare.from).announce(&settings);
        self.owe(&bare, Asked::Settings);
        Ok(Event { what: What::Settings(settings), ..bare })
    }

    pub(super) fn ping(&mut self, frame: &Frame, bare: Event) -> Result<Event, FrameError> {
        let data = frame.fixed()?;
        let what = if frame.has(flag::ACK) {
            What::Pong { data, is_due: self.settle(&bare, Asked::Ping(data)) }
        } else {
            self.owe(&bare, Asked::Ping(data));
            What::Ping(data)
        };
        Ok(Event { what, ..bare })
    }

    pub(super) fn goaway(&mut self, frame: &Frame, bare: Event) -> Result<Event, FrameError> {
        let GoAway { last, code, debug } = frame.goaway()?;
        if bare.from == Role::Server && self.goaways.len() < MAX_GOAWAYS {
            self.goaways.push(Warning { last, offset: bare.offset });
        }
        let debug = Bytes::copy_from_slice(&debug[..debug.len().min(MAX_DEBUG_BYTES)]);
        Ok(Event { what: What::GoAway { last, code, debug }, ..bare })
    }

    pub(super) fn window_update(&mut self, increment: u32, bare: Event) -> Event {
        let window = self.windows.of_mut(other(bare.from));
        *window = window.saturating_add(i64::from(increment));
        Event { what: What::ConnectionWindowUpdate { increment }, ..bare }
    }

    fn owe(&mut self, question: &Event, asked: Asked) {
        if self.debts.len() == MAX_DEBTS {
            *self.forgotten.of_mut(other(question.from)) += 1;
            return;
        }
        self.debts.push(Debt {
            debtor: other(question.from),
            asked,
            offset: question.offset,
            quote: question.quote.clone(),
            read: None,
        });
    }

    /// Settles a side's oldest debt of this kind; false if there is none. What answers a
    /// question that was not kept cannot be known from what answers none.
    fn settle(&mut self, answer: &Event, asked: Asked) -> bool {
        let (debtor, at) = (answer.from, answer.at);
        let is_it = |debt: &Debt| debt.debtor == debtor && debt.asked == asked;
        let Some(position) = self.debts.iter().position(is_it) else {
            let forgotten = self.forgotten.of_mut(debtor);
            let is_due = *forgotten > 0;
            *forgotten = forgotten.saturating_sub(1);
            return is_due;
        };
        let question = self.debts.remove(position);
        self.answered(debtor, question.offset, at);
        true
    }
}
