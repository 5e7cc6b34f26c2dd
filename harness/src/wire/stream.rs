//! One call's stream while it is open.

use std::{mem, sync::Arc};

use bytes::Bytes;
use crosswire_http2::message::{Message, MessageReader, PREFIX_BYTES};

use super::{
    budget::{Budget, Share},
    transcript::{ConnectionFacts, Event, Pair, Transcript, What},
};
use crate::role::Role;

/// The most that is kept of one call, and of what its messages inflate to: several of the
/// longest that any library takes by default, 4 MiB. What follows then is not read; the
/// call is not whole, and nothing is judged by it.
const MAX_CALL_BYTES: usize = 24 << 20;

/// How many bytes of a message are quoted with its prefix.
const QUOTED_BYTES: usize = 59;

/// A stream and what was seen of it.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) transcript: Transcript,
    pub(super) halves: Pair<Half>,
    /// Where the request begins in the client's direction.
    pub(super) opened_at: u64,
}

/// One side's half of a stream.
#[derive(Debug, Default)]
pub(super) struct Half {
    pub(super) has_ended: bool,
    pub(super) has_reset: bool,
    /// What WINDOW_UPDATE gave this side, less what it sent. The window itself is
    /// this and the initial window, which may change meanwhile.
    pub(super) granted_bytes: i64,
    messages: MessageReader,
}

impl Stream {
    /// A stream that begins with events of its connection from before it.
    pub(super) fn new(
        id: u32,
        opened_at: u64,
        before: impl Iterator<Item = Arc<Event>>,
        budget: &Arc<Budget>,
    ) -> Self {
        let transcript = Transcript {
            call: None,
            stream: id,
            events: Vec::new(),
            connection: ConnectionFacts::default(),
            is_whole: true,
            is_finished: false,
            room: Pair::default(),
            share: Share::of(Arc::clone(budget)),
        };
        let mut stream = Self { transcript, halves: Pair::default(), opened_at };
        before.for_each(|event| stream.share(event, 1));
        stream
    }

    pub(super) fn record(&mut self, event: Event) {
        self.share(Arc::new(event), 1);
    }

    /// Records an event that so many calls have in common.
    pub(super) fn share(&mut self, event: Arc<Event>, calls: usize) {
        let share = size_of::<Arc<Event>>() + event.kept_bytes() / calls.max(1);
        if self.keep(share) {
            self.transcript.events.push(event);
        }
    }

    /// Takes the content of a DATA frame, which stands here in its direction. Its own
    /// event is `data`.
    pub(super) fn content(&mut self, data: &Event, offset: u64, content: &[u8]) {
        // A message is paid for when its bytes come, not when it is whole.
        if !self.keep(content.len()) {
            return;
        }
        let mut reader = mem::take(&mut self.halves.of_mut(data.from).messages);
        reader.push(offset, content, |offset, mut message| {
            let cost = message.inflate(self.transcript.encoding(data.from), self.left_bytes());
            if !self.keep(cost) {
                return;
            }
            let quote = quote(&message);
            let size_bytes = PREFIX_BYTES as u64 + u64::from(message.length);
            let what = What::Message(message);
            self.record(Event { offset, size_bytes, quote, what, ..data.clone() });
        });
        if self.transcript.is_whole {
            self.halves.of_mut(data.from).messages = reader;
        }
    }

    /// A side ended its half with the frame of this event.
    pub(super) fn ends(&mut self, last: &Event) {
        let half = self.halves.of_mut(last.from);
        half.has_ended = true;
        let Some((offset, fragment)) = half.messages.fragment() else { return };
        let quote = Bytes::copy_from_slice(&fragment.prefix);
        let size_bytes = (fragment.prefix.len() + fragment.payload_bytes) as u64;
        let what = What::Fragment(fragment);
        self.record(Event { offset, size_bytes, quote, what, ..last.clone() });
    }

    /// How much more may be kept.
    fn left_bytes(&self) -> usize {
        // Once something is missing, the rest has no meaning.
        if !self.transcript.is_whole {
            return 0;
        }
        let share = &self.transcript.share;
        share.left_bytes().min(MAX_CALL_BYTES - share.bytes())
    }

    fn keep(&mut self, bytes: usize) -> bool {
        let transcript = &mut self.transcript;
        if !transcript.is_whole {
            return false;
        }
        transcript.is_whole =
            transcript.share.bytes() + bytes <= MAX_CALL_BYTES && transcript.share.grow(bytes);
        if !transcript.is_whole {
            self.forget_content();
        }
        self.transcript.is_whole
    }

    /// Gives back what a call takes of which no rule is judged any more: others need it. How it
    /// began stays, for whoever looks at it.
    fn forget_content(&mut self) {
        let Transcript { events, share, .. } = &mut self.transcript;
        events.retain(|event| matches!(event.what, What::Opened(_) | What::Headers { .. }));
        let kept = events.iter().map(|event| size_of::<Arc<Event>>() + event.kept_bytes()).sum();
        // Less than before, which is always there.
        share.resize(kept);
        self.halves.client.messages = MessageReader::default();
        self.halves.server.messages = MessageReader::default();
    }

    pub(super) const fn has_stopped(&self, role: Role) -> bool {
        let half = self.halves.of(role);
        half.has_ended || half.has_reset
    }

    pub(super) const fn is_closed(&self) -> bool {
        let (client, server) = (&self.halves.client, &self.halves.server);
        client.has_reset || server.has_reset || (client.has_ended && server.has_ended)
    }
}

fn quote(message: &Message) -> Bytes {
    let mut quote = vec![message.flag];
    quote.extend_from_slice(&message.length.to_be_bytes());
    let payload = message.payload.as_deref().unwrap_or_default();
    quote.extend_from_slice(&payload[..payload.len().min(QUOTED_BYTES)]);
    quote.into()
}
