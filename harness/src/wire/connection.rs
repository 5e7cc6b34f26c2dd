//! One connection: frames to streams, and what belongs to all of them.

use std::{collections::BTreeMap, mem, sync::Arc, time::Duration};

use bytes::Bytes;
use crosswire_http2::{
    block::{Block, BlockReader, Taken},
    frame::{Frame, FrameError, FrameReader, flag, kind, kind_name},
    hpack::{Fields, HeaderDecoder},
};

use super::{
    between::BetweenCalls,
    budget::{Budget, Share},
    control::Control,
    ended::EndedStreams,
    stream::Stream,
    transcript::{
        Alpn, Aside, Closing, ConnectionFacts, Ended, Event, Note, Opening, Pair, Room, Transcript,
        What, other,
    },
    unreadable::Unreadable,
};
use crate::{mark::CALL_ENTRY, role::Role};

/// How many streams may be open and still be followed.
const MAX_STREAMS: usize = 4096;

/// How many notes are kept.
const MAX_NOTES: usize = 32;

/// Watches one connection.
#[derive(Debug)]
pub struct Connection {
    facts: ConnectionFacts,
    readers: Pair<FrameReader>,
    decoders: Pair<HeaderDecoder>,
    control: Control,
    blocks: Pair<BlockReader>,
    /// The first frame of a block that is not whole.
    begun: Pair<Option<Event>>,
    streams: BTreeMap<u32, Stream>,
    /// What is kept of it and of all others.
    budget: Arc<Budget>,
    /// What was read and is no whole frame or block yet.
    unfinished: Share,
    ended: EndedStreams,
    highest: u32,
    between_calls: BetweenCalls,
    finished: Vec<Transcript>,
    late: Vec<(u32, Event)>,
    /// It cannot be read any further.
    is_lost: bool,
    /// Calls may have passed on it that were not read.
    has_gaps: bool,
    /// When the first side ended it.
    ended_at: Option<Duration>,
    has_closed: Pair<bool>,
    /// What is read now does not come from a side, but from the tap.
    is_by_tap: bool,
}

impl Connection {
    /// A connection of which nothing was seen yet.
    #[must_use]
    pub fn new(number: u64) -> Self {
        Self::within(Arc::default(), number)
    }

    /// Likewise; what is kept of it must fit into a budget that it shares with others.
    #[must_use]
    pub fn within(budget: Arc<Budget>, number: u64) -> Self {
        Self {
            facts: ConnectionFacts { number, ..ConnectionFacts::default() },
            readers: readers(),
            decoders: Pair::default(),
            control: Control::default(),
            blocks: Pair::default(),
            begun: Pair::default(),
            streams: BTreeMap::new(),
            unfinished: Share::of(Arc::clone(&budget)),
            budget,
            ended: EndedStreams::default(),
            highest: 0,
            between_calls: BetweenCalls::default(),
            finished: Vec::new(),
            late: Vec::new(),
            is_lost: false,
            has_gaps: false,
            ended_at: None,
            has_closed: Pair::default(),
            is_by_tap: false,
        }
    }

    /// The same, made at this one of the target's addresses.
    #[must_use]
    pub fn at(mut self, address: usize) -> Self {
        self.facts.address = address;
        self
    }

    /// Takes the next bytes of one side, which passed at this time.
    pub fn bytes(&mut self, from: Role, bytes: &[u8], at: Duration) {
        if self.is_lost {
            return;
        }
        if !self.unfinished.resize(self.unfinished_bytes() + bytes.len()) {
            return self.lose(
                from,
                at,
                "bytes passed that were not read: more than there is memory for",
            );
        }
        self.readers.of_mut(from).push(bytes);
        while !self.is_lost {
            match self.readers.of_mut(from).next_frame() {
                Ok(Some(frame)) => self.frame(from, &frame, at),
                Ok(None) => return,
                // What is no HTTP/2 at all has no calls that could be missed.
                Err(error @ FrameError::Preface) => self.end(from, at, error.to_string()),
                Err(error) => self.lose(from, at, error.to_string()),
            }
        }
    }

    /// Takes whole frames that the tap sends in the name of one side.
    pub fn added(&mut self, from: Role, bytes: &[u8], at: Duration) {
        self.is_by_tap = true;
        self.bytes(from, bytes, at);
        self.is_by_tap = false;
    }

    /// The tap ends the connection for both sides.
    pub fn cut(&mut self, closing: Closing, at: Duration) {
        self.is_by_tap = true;
        self.closed(Role::Server, closing, at);
        self.closed(Role::Client, closing, at);
        self.is_by_tap = false;
    }

    /// The connection runs over TLS, which the tap has ended.
    pub fn handshakes(&mut self, alpn: Alpn) {
        self.facts.alpn = Some(alpn);
    }

    /// Something is wrong with a side that its bytes do not show.
    pub fn remark(&mut self, from: Role, at: Duration, text: impl Into<String>) {
        self.note(from, at, text.into());
    }

    /// From now on, the tap alters what a side sends.
    pub fn alters(&mut self, side: Role) {
        if !mem::replace(self.facts.altered.of_mut(side), true) {
            let reader = self.readers.of(side);
            *self.facts.altered_from.of_mut(side) = reader.offset() + reader.left_over() as u64;
        }
    }

    /// From now on, the tap lets pass later what a side sends.
    pub const fn slows(&mut self, side: Role) {
        *self.facts.slowed.of_mut(side) = true;
    }

    /// One side sends nothing more.
    pub fn closed(&mut self, from: Role, closing: Closing, at: Duration) {
        if mem::replace(self.has_closed.of_mut(from), true) {
            return;
        }
        self.ended_at.get_or_insert(at);
        let (offset, left_over) = {
            let reader = self.readers.of(from);
            (reader.offset(), reader.left_over())
        };
        if left_over > 0 && !self.is_lost {
            self.note(from, at, format!("the connection ends within a frame ({left_over} bytes)"));
        }
        let what = What::Closed(closing);
        let (by_tap, quote) = (self.is_by_tap, Bytes::new());
        self.share(Event { at, from, by_tap, offset, size_bytes: 0, quote, what });
        let has_ended = self.has_closed.client && self.has_closed.server;
        if closing == Closing::Abort || has_ended {
            self.finish_all();
        }
    }

    /// Nothing more will pass, in either direction.
    pub fn gone(&mut self) {
        self.finish_all();
    }

    /// Bytes passed that were not read: whatever follows means nothing.
    pub fn lose(&mut self, from: Role, at: Duration, why: impl Into<String>) {
        self.has_gaps = true;
        self.end(from, at, why);
    }

    fn end(&mut self, from: Role, at: Duration, why: impl Into<String>) {
        self.note(from, at, why.into());
        self.is_lost = true;
        self.readers = readers();
        self.blocks = Pair::default();
        self.begun = Pair::default();
        self.unfinished.resize(0);
        for stream in self.streams.values_mut() {
            stream.transcript.is_whole = false;
        }
        self.finish_all();
    }

    /// The calls that have ended since this was asked last.
    pub fn take_finished(&mut self) -> Vec<Transcript> {
        mem::take(&mut self.finished)
    }

    /// What was sent since this was asked last on streams that had ended for its sender, or
    /// that the client had reset, each with its stream.
    pub fn take_late(&mut self) -> Vec<(u32, Event)> {
        mem::take(&mut self.late)
    }

    /// Takes note of what came so late that nobody knows its call any more: one that is open,
    /// or the next, has it among what passed.
    pub fn belated(&mut self, event: Event) {
        match self.streams.values_mut().next() {
            Some(stream) => stream.record(event),
            None => self.between_calls.push(Arc::new(event)),
        }
    }

    /// The calls of this key that are open, as far as they have come. They are
    /// not followed any further.
    pub fn take_open(&mut self, call: Option<u64>) -> Vec<Transcript> {
        let ids: Vec<u32> = self
            .streams
            .iter()
            .filter(|(_, s)| s.transcript.call == call)
            .map(|(id, _)| *id)
            .collect();
        ids.into_iter().filter_map(|id| self.forget(id)).collect()
    }

    /// Whether a call of this key is open.
    #[must_use]
    pub fn has_open(&self, call: Option<u64>) -> bool {
        self.streams.values().any(|stream| stream.transcript.call == call)
    }

    /// What has passed since the last stream ended, or from the start if there was none.
    #[must_use]
    pub fn aside(&self) -> Aside {
        let events = self.between_calls.events().cloned().collect();
        Aside { connection: self.facts.number, events }
    }

    /// Whether calls may have passed that were not read.
    #[must_use]
    pub const fn has_gaps(&self) -> bool {
        self.has_gaps
    }

    /// That a side has ended it, if one has.
    #[must_use]
    pub fn ended(&self) -> Option<Ended> {
        self.ended_at.map(|at| Ended { connection: self.facts.number, at })
    }

    /// What could not be read so far.
    #[must_use]
    pub fn notes(&self) -> &[Note] {
        &self.facts.notes
    }

    /// How many things are kept that are no call's own.
    #[cfg(test)]
    pub(crate) fn kept(&self) -> usize {
        let ended = self.ended.len() + self.late.len() + self.finished.len();
        ended + self.between_calls.len() + self.control.debts.len() + self.facts.notes.len()
    }

    fn frame(&mut self, from: Role, frame: &Frame, at: Duration) {
        let bare = Event {
            at,
            from,
            by_tap: self.is_by_tap,
            offset: frame.offset,
            size_bytes: frame.size_bytes(),
            quote: frame.quote(),
            what: What::Other { kind: frame.kind },
        };
        self.facts.first_frame.of_mut(from).get_or_insert(frame.kind);
        self.control.frame_passed(&bare);
        let limit = self.control.announced.of(other(from)).max_frame_bytes();
        if frame.length() > limit {
            let what = What::TooLong { kind: frame.kind, length: frame.length(), limit };
            self.record(frame.stream, Event { what, ..bare.clone() });
        }
        let taken = self.blocks.of_mut(from).take(frame).map_err(Unreadable::from);
        match taken.and_then(|taken| self.taken(frame, taken, bare)) {
            Ok(()) => {}
            Err(error) if error.is_fatal() => self.lose(from, at, error.to_string()),
            Err(error) => self.note(from, at, format!("{}: {error}", kind_name(frame.kind))),
        }
        self.finish(frame.stream);
    }

    /// A frame was taken, as this to the header blocks.
    fn taken(&mut self, frame: &Frame, taken: Taken, bare: Event) -> Result<(), Unreadable> {
        match (taken, frame.kind) {
            (Taken::Part, _) => {
                self.begun.of_mut(bare.from).get_or_insert(bare);
            }
            (Taken::Whole(block), _) => {
                let first = self.begun.of_mut(bare.from).take().unwrap_or(bare);
                self.block(block, first);
            }
            (Taken::Other, kind::DATA) => self.data(frame, bare)?,
            (Taken::Other, kind::RST_STREAM) => self.reset(frame, bare)?,
            (Taken::Other, kind::SETTINGS) => {
                let event = self.control.settings(frame, bare)?;
                self.share(event);
            }
            (Taken::Other, kind::PING) => {
                let event = self.control.ping(frame, bare)?;
                self.share(event);
            }
            (Taken::Other, kind::GOAWAY) => {
                self.ended_at.get_or_insert(bare.at);
                let event = self.control.goaway(frame, bare)?;
                self.share(event);
            }
            (Taken::Other, kind::WINDOW_UPDATE) => self.window_update(frame, bare)?,
            (Taken::Other, _) => self.record(frame.stream, bare),
        }
        Ok(())
    }

    fn data(&mut self, frame: &Frame, bare: Event) -> Result<(), Unreadable> {
        let (from, length) = (bare.from, frame.length());
        let connection_window = self.control.windows.of_mut(from);
        *connection_window -= i64::from(length);
        let connection_window = *connection_window;
        let initial = i64::from(self.control.announced.of(other(from)).initial_window_bytes());
        let stream = self.streams.get_mut(&frame.stream);
        let Some(stream) = stream.filter(|stream| !stream.has_stopped(from)) else {
            self.record_late(frame.stream, frame.kind, bare);
            return Ok(());
        };
        let granted = &mut stream.halves.of_mut(from).granted_bytes;
        *granted -= i64::from(length);
        let stream_window = *granted + initial;
        let ends_stream = frame.has(flag::END_STREAM);
        let what = What::Data { length, ends_stream, stream_window, connection_window };
        let event = Event { what, ..bare };
        stream.record(event.clone());
        let content = frame.content()?;
        stream.content(&event, frame.content_offset(), &content);
        if ends_stream {
            stream.ends(&event);
        }
        Ok(())
    }

    /// A header block is whole, which began with this frame.
    fn block(&mut self, block: Block, first: Event) {
        let Block { kind, stream, ends_stream, bytes, size_bytes } = block;
        let event = Event { size_bytes, ..first };
        let (from, at) = (event.from, event.at);
        let allowed = self.control.announced.of(other(from)).header_table_bytes();
        let decoder = self.decoders.of_mut(from);
        decoder.allow_table_size(allowed);
        let fields = match decoder.decode(&bytes) {
            Ok(fields) => fields,
            Err(error) => return self.lose(from, at, error.to_string()),
        };
        if kind == kind::PUSH_PROMISE {
            return self.record(stream, event);
        }
        // An id may be used again, wrongly; what has no method then is a late trailer.
        let has_method = || fields.list.iter().any(|field| *field.name == *b":method");
        let opens = from == Role::Client && (stream > self.highest || has_method());
        if opens && !self.streams.contains_key(&stream) {
            self.open(stream, &fields, &event);
        }
        let Some(state) = self.streams.get_mut(&stream).filter(|s| !s.has_stopped(from)) else {
            return self.record_late(stream, kind, event);
        };
        if from == Role::Server {
            self.control.answered(from, state.opened_at, event.at);
        }
        state.transcript.is_whole &= !fields.is_cut;
        let what = What::Headers { fields, ends_stream };
        state.record(Event { what, ..event.clone() });
        if ends_stream {
            state.ends(&event);
        }
    }

    fn open(&mut self, id: u32, fields: &Fields, event: &Event) {
        if self.streams.len() == MAX_STREAMS {
            self.has_gaps = true;
            self.highest = self.highest.max(id);
            self.note(event.from, event.at, format!("more than {MAX_STREAMS} streams are open"));
            return;
        }
        let before = mem::take(&mut self.between_calls);
        let is_cut = before.is_cut();
        let before = before.events().cloned();
        let mut stream = Stream::new(id, event.offset, before, &self.budget);
        stream.transcript.is_whole &= !is_cut;
        let entry = fields.list.iter().find(|field| field.name == CALL_ENTRY.as_bytes());
        stream.transcript.call = entry
            .and_then(|field| std::str::from_utf8(&field.value).ok())
            .and_then(|value| value.parse().ok());
        let opening = Opening {
            highest_before: self.highest,
            open_streams: u32::try_from(self.streams.len() + 1).unwrap_or(u32::MAX),
            limit: self.control.announced.server.max_streams(),
            known_goaway: self.control.known_goaway(),
        };
        stream.record(Event { what: What::Opened(opening), ..event.clone() });
        self.ended.remove(id);
        self.highest = self.highest.max(id);
        self.streams.insert(id, stream);
    }

    fn reset(&mut self, frame: &Frame, bare: Event) -> Result<(), Unreadable> {
        let code = frame.reset_code()?;
        // A side may reset what it has ended, and what the other side has reset.
        if let Some(stream) = self.streams.get_mut(&frame.stream) {
            stream.halves.of_mut(bare.from).has_reset = true;
            stream.record(Event { what: What::Reset { code }, ..bare });
        }
        Ok(())
    }

    fn window_update(&mut self, frame: &Frame, bare: Event) -> Result<(), Unreadable> {
        let increment = frame.increment()?;
        if frame.stream == 0 {
            let event = self.control.window_update(increment, bare);
            self.share(event);
        } else if let Some(stream) = self.streams.get_mut(&frame.stream) {
            let granted = &mut stream.halves.of_mut(other(bare.from)).granted_bytes;
            *granted = granted.saturating_add(i64::from(increment));
            stream.record(Event { what: What::WindowUpdate { increment }, ..bare });
        }
        Ok(())
    }

    /// An event of a stream, or of the connection if there is no such stream.
    fn record(&mut self, stream: u32, event: Event) {
        match self.streams.get_mut(&stream) {
            Some(stream) => stream.record(event),
            None => self.share(event),
        }
    }

    /// An event of the connection belongs to every open call, and if there is
    /// none to the next.
    fn share(&mut self, event: Event) {
        let event = Arc::new(event);
        if self.streams.is_empty() {
            self.between_calls.push(event);
            return;
        }
        let calls = self.streams.len();
        for stream in self.streams.values_mut() {
            stream.share(Arc::clone(&event), calls);
        }
    }

    /// DATA or HEADERS on a stream that is not open for its sender.
    fn record_late(&mut self, stream: u32, kind: u8, event: Event) {
        let what = match self.streams.contains_key(&stream) {
            true => Some(What::AfterEnd { kind, stream }),
            false => self.ended.late(stream, kind, &event, &self.control),
        };
        match what {
            Some(what) if self.streams.contains_key(&stream) => {
                self.record(stream, Event { what, ..event });
            }
            Some(what) => self.late.push((stream, Event { what, ..event })),
            None if stream > self.highest || stream == 0 => {
                let text = format!("{} on stream {stream}, which is not open", kind_name(kind));
                self.note(event.from, event.at, text);
            }
            None => {}
        }
    }

    /// Hands out a stream if it is closed.
    fn finish(&mut self, id: u32) {
        if self.streams.get(&id).is_some_and(Stream::is_closed) {
            let transcript = self.forget(id);
            self.finished.extend(transcript);
        }
    }

    fn finish_all(&mut self) {
        let ids: Vec<u32> = self.streams.keys().copied().collect();
        for id in ids {
            let transcript = self.forget(id);
            self.finished.extend(transcript);
        }
    }

    fn forget(&mut self, id: u32) -> Option<Transcript> {
        let stream = self.streams.remove(&id)?;
        self.ended.add(id, &stream, &self.control);
        let is_finished = stream.is_closed();
        let room = self.room(&stream);
        let debts = self.control.debts.clone();
        let announced = &self.control.announced;
        let takes_true_binary = Pair {
            client: announced.client.takes_true_binary,
            server: announced.server.takes_true_binary,
        };
        let connection = ConnectionFacts { debts, takes_true_binary, ..self.facts.clone() };
        Some(Transcript { connection, is_finished, room, ..stream.transcript })
    }

    /// What was read and is no whole frame or header block yet.
    fn unfinished_bytes(&self) -> usize {
        let of = |side: Role| self.readers.of(side).left_over() + self.blocks.of(side).left_over();
        of(Role::Client) + of(Role::Server)
    }

    fn room(&self, stream: &Stream) -> Pair<Room> {
        let of = |side: Role| {
            let initial = self.control.announced.of(other(side)).initial_window_bytes();
            Room {
                stream_bytes: stream.halves.of(side).granted_bytes + i64::from(initial),
                connection_bytes: *self.control.windows.of(side),
            }
        };
        Pair { client: of(Role::Client), server: of(Role::Server) }
    }

    fn note(&mut self, from: Role, at: Duration, text: String) {
        if self.facts.notes.len() < MAX_NOTES {
            let offset = self.readers.of(from).offset();
            self.facts.notes.push(Note { at, from, offset, text });
        }
    }
}

fn readers() -> Pair<FrameReader> {
    Pair { client: Role::Client.frame_reader(), server: Role::Server.frame_reader() }
}
