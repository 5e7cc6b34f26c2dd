//! How a call writes its stream.

use std::{thread, time::Instant};

use crosswire_http2::{
    error,
    frame::{flag, kind},
    write::{data, frame},
};
use mutants::{mutant::Mutant, planted::planted};

use super::{
    Fields,
    connection::Connection,
    greeting::disturbance,
    receiving::widen_at_once,
    state::{Ended, FIRST_STREAM, NEXT_STREAM, State},
};

/// Longer than any frame that is taken without a setting that says so.
const LONG_FRAME_BYTES: usize = 40_000;

/// How much of a stream comes in single bytes, if it does: enough to cut its first
/// message's prefix at every place. More would look like an attack to h2.
const SINGLE_BYTES: usize = 5;
const ODD_BYTES: usize = 1009;

/// How much of a stream is cut within its prefixes.
const CUT_BYTES: usize = 200;

/// How long the pieces are between which other streams have their turn.
const SHARED_BYTES: usize = 1000;

impl Connection {
    /// Opens a stream with a request's headers, once the server takes another.
    ///
    /// # Errors
    /// The time is up, or the connection takes no more.
    pub(crate) fn open(&self, fields: Fields, until: Option<Instant>) -> Result<u32, Ended> {
        let mut state = self.lock();
        loop {
            if state.is_lost || state.output.is_none() {
                let is_refused = state.is_broken && !state.partner.has_settings;
                return Err(match planted(Mutant::BrokenGreetingIsInternal) && is_refused {
                    true => Ended::Reset(error::PROTOCOL_ERROR),
                    false => Ended::Lost,
                });
            }
            if state.goaway.is_some() && !planted(Mutant::StreamAfterGoaway) {
                return Err(Ended::NotTaken);
            }
            let is_free = state.streams.len() < state.partner.max_streams
                || planted(Mutant::IgnoresMaxStreams);
            let may_send = state.partner.has_settings || planted(Mutant::NeedsNoSettings);
            if may_send && is_free {
                break;
            }
            state = self.wait(state, &self.changed, until)?;
        }
        let length: usize = fields.iter().map(|(name, value)| name.len() + value.len() + 32).sum();
        if length > state.partner.max_header_list_bytes && planted(Mutant::RefusesLongHeaders) {
            return Err(Ended::Reset(error::INTERNAL_ERROR));
        }
        let id = next_stream(state.highest);
        state.add_stream(id);
        let frames = state.blocks.frames(id, 0, fields);
        state.send(frames);
        state.send(disturbance(self.role, id));
        widen_at_once(&mut state, id);
        Ok(id)
    }

    /// Sends a header block.
    ///
    /// # Errors
    /// The stream has ended.
    pub(crate) fn send_headers(&self, id: u32, fields: Fields, ends: bool) -> Result<(), Ended> {
        let mut state = self.lock();
        if let Some(ended) = state.ended(id).filter(|_| !goes_on()) {
            return Err(ended);
        }
        let flags = if ends { flag::END_STREAM } else { 0 };
        let frames = state.blocks.frames(id, flags, fields);
        state.send(frames);
        state.has_answered = true;
        if ends {
            state.resets_in_a_row = 0;
        }
        if !ends {
            state.send(disturbance(self.role, id));
        }
        Ok(())
    }

    /// Sends DATA, as the windows allow. Says whether all of it was sent: not if the
    /// other side ended the stream meanwhile, and waits for no more.
    ///
    /// # Errors
    /// The stream has ended otherwise, or the time is up.
    pub(crate) fn send_data(
        &self,
        id: u32,
        content: &[u8],
        ends: bool,
        until: Option<Instant>,
    ) -> Result<bool, Ended> {
        let mut rest = content;
        let mut is_first = true;
        let mut state = self.lock();
        loop {
            if let Some(ended) = state.ended(id).filter(|_| !goes_on()) {
                return Err(ended);
            }
            let Some(stream) = state.streams.get(&id) else { return Err(Ended::Lost) };
            let is_over = stream.is_ended && !goes_on();
            if is_over && self.role == crosswire::role::Role::Client {
                return Ok(false);
            }
            if rest.is_empty() && !ends {
                return Ok(true);
            }
            let room = room(&state, id);
            if room == 0 && !rest.is_empty() {
                let changed = stream.changed.clone();
                state = self.wait(state, &changed, until)?;
                continue;
            }
            let sent = stream.sent_bytes;
            let most = match prefix_bytes(sent).filter(|_| is_first) {
                Some(bytes) => bytes,
                None => piece_bytes(sent, state.partner.max_frame_bytes),
            };
            let most = most.min(room);
            let padding = padding(most);
            let (piece, after) = rest.split_at(rest.len().min(most - padding.len()));
            rest = after;
            let is_last = ends && rest.is_empty();
            let is_apart = is_last && !piece.is_empty() && planted(Mutant::EndsWithEmptyData);
            let flags = if is_last && !is_apart { flag::END_STREAM } else { 0 };
            send_piece(&mut state, id, flags, piece, padding);
            if is_apart {
                state.send(data(id, flag::END_STREAM, b""));
            }
            if is_last {
                return Ok(true);
            }
            is_first = false;
            if sent == 0 {
                state.send_amid_stream(self.role, id);
            }
            if planted(Mutant::InterleavesStreams) {
                drop(state);
                thread::yield_now();
                state = self.lock();
            }
        }
    }
}

impl Connection {
    /// Sends DATA that has nothing in it, whatever the state of the stream.
    pub(crate) fn send_empty_data(&self, id: u32) {
        self.lock().send(data(id, 0, b""));
    }

    /// Ends a request, whatever the state of the stream.
    pub(crate) fn end_request(&self, id: u32) {
        self.lock().send(data(id, flag::END_STREAM, b""));
    }

    /// Whether the other side has ended a stream.
    pub(crate) fn is_ended(&self, id: u32) -> bool {
        self.lock().streams.get(&id).is_none_or(|stream| stream.is_ended)
    }
}

/// Whether what a stream has come to keeps nobody from sending more on it.
fn goes_on() -> bool {
    planted(Mutant::IgnoresCancel)
        || planted(Mutant::TakesCancelForTheEnd)
        || planted(Mutant::GoesOnWhenOver)
}

/// How much DATA may be sent on a stream now.
fn room(state: &State, id: u32) -> usize {
    let Some(stream) = state.streams.get(&id) else { return 0 };
    let least = match () {
        () if planted(Mutant::IgnoresStreamWindow) => state.send_window,
        () if planted(Mutant::IgnoresConnectionWindow) => stream.send_window,
        () => stream.send_window.min(state.send_window),
    };
    usize::try_from(least).unwrap_or_default()
}

/// Padding with its length before it.
const PADDING: [u8; 6] = [5, 0, 0, 0, 0, 0];

/// The padding of a frame that is so long at most: where nothing else fits in, there is none.
fn padding(most: usize) -> &'static [u8] {
    if planted(Mutant::PadsData) && most > PADDING.len() { &PADDING } else { &[] }
}

/// How long the DATA is with which a message begins, where that is cut. (A whole stream of
/// short frames would look like an attack to h2.)
fn prefix_bytes(sent: usize) -> Option<usize> {
    match () {
        () if sent > CUT_BYTES => None,
        () if planted(Mutant::CutsPrefixes) => Some(3),
        () if planted(Mutant::PrefixesApart) => Some(5),
        () => None,
    }
}

/// How long the next DATA is at most.
fn piece_bytes(sent: usize, max_frame_bytes: usize) -> usize {
    match () {
        () if planted(Mutant::SingleByteData) && sent < SINGLE_BYTES => 1,
        () if planted(Mutant::OddPieces) => ODD_BYTES,
        () if planted(Mutant::LongFrames) => LONG_FRAME_BYTES,
        () if planted(Mutant::InterleavesStreams) => SHARED_BYTES,
        () => max_frame_bytes,
    }
}

fn send_piece(state: &mut State, id: u32, flags: u8, piece: &[u8], padding: &[u8]) {
    let has_room = room(state, id) >= PADDING.len();
    let padding = match () {
        () if !piece.is_empty() => padding,
        () if planted(Mutant::PadsHalfClose) && has_room => &PADDING,
        () => &[],
    };
    let frames = match padding.split_first() {
        Some((length, zeros)) => {
            let payload = [&[*length], piece, zeros].concat();
            frame(kind::DATA, flags | flag::PADDED, id, &payload)
        }
        None => data(id, flags, piece),
    };
    let taken = i64::try_from(piece.len() + padding.len()).unwrap_or(i64::MAX);
    state.send_window -= taken;
    if let Some(stream) = state.streams.get_mut(&id) {
        stream.send_window -= taken;
        stream.sent_bytes += piece.len();
    }
    state.send(frames);
}

fn next_stream(highest: u32) -> u32 {
    match () {
        () if planted(Mutant::EvenStreams) => highest + 2,
        () if planted(Mutant::SkipsStreams) => {
            if highest == 0 {
                101
            } else {
                highest + 3 * NEXT_STREAM
            }
        }
        () if highest == 0 => FIRST_STREAM,
        () => highest + NEXT_STREAM,
    }
}
