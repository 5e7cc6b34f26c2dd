//! Reads a connection: what asks for an answer is answered, what belongs to a stream
//! is put there.

use std::{io::Read as _, net::TcpStream, sync::Arc};

use crosswire::role::Role;
use crosswire_http2::{
    block::{Block, BlockError, BlockReader, Taken},
    error,
    frame::{Frame, FrameError, FrameReader, GoAway, PREFACE, flag, kind},
    hpack::{Field, HeaderDecoder},
    settings::{
        DEFAULT_MAX_FRAME_BYTES, ENABLE_PUSH, GREATEST_WINDOW_BYTES, HEADER_TABLE_SIZE,
        INITIAL_WINDOW_SIZE, MAX_CONCURRENT_STREAMS, MAX_FRAME_SIZE, MAX_HEADER_LIST_SIZE, entries,
    },
    write::{ping, settings_ack},
};
use mutants::{mutant::Mutant, planted::planted};

use super::{
    connection::Connection,
    greeting::LARGE_TABLE,
    malformed::{self, Part},
    receiving::{give_back_to_all, widen_at_once},
    state::{Ended, Received, State, is_clients, of},
    value,
};

/// How many settings in a frame, and how many empty DATA in a row, those take who bound it
/// (section 10.5).
const MOST_SETTINGS: usize = 32;
const MOST_EMPTY_DATA: u32 = 2;

/// How many PINGs in a row are answered while there is no call.
const MOST_IDLE_PINGS: u32 = 2;

/// How many resets in a row are taken where they are limited.
const MOST_RESETS: u32 = 20;

const MAX_WINDOW: i64 = GREATEST_WINDOW_BYTES as i64;

/// What ends a connection: the code for its GOAWAY.
struct Broken(u32);

impl From<FrameError> for Broken {
    fn from(error: FrameError) -> Self {
        Self(match error {
            FrameError::Size => error::FRAME_SIZE_ERROR,
            _ => error::PROTOCOL_ERROR,
        })
    }
}

impl From<BlockError> for Broken {
    fn from(error: BlockError) -> Self {
        match error {
            BlockError::Content(error) => error.into(),
            BlockError::Long => Self(error::ENHANCE_YOUR_CALM),
            BlockError::Stray | BlockError::Within { .. } => Self(error::PROTOCOL_ERROR),
        }
    }
}

/// Reads until the connection ends.
pub(super) fn read(
    connection: &Arc<Connection>,
    mut socket: TcpStream,
    accept: impl Fn(&Arc<Connection>, u32, Vec<Field>),
) {
    let mut preface = if planted(Mutant::AnyPreface) { PREFACE.len() } else { 0 };
    let mut frames = match connection.role {
        Role::Server if preface > 0 => FrameReader::of_server(),
        Role::Server => FrameReader::of_client(),
        Role::Client => FrameReader::of_server(),
    };
    let mut decoder = HeaderDecoder::default();
    if planted(Mutant::LargeTable) {
        decoder.allow_table_size(LARGE_TABLE);
    }
    let mut reading = Reading {
        connection,
        decoder,
        blocks: BlockReader::default(),
        has_begun: false,
        idle_pings: 0,
        empty_data: 0,
    };
    let mut bytes = vec![0; 1 << 16];
    loop {
        match socket.read(&mut bytes) {
            Ok(0) | Err(_) => return,
            Ok(length) => {
                let skipped = preface.min(length);
                preface -= skipped;
                frames.push(&bytes[skipped..length]);
            }
        }
        loop {
            let announced = frames.announced();
            let taken = match frames.next_frame() {
                // What is not waited for is refused by its header.
                Ok(None) => match announced.map(|announced| reading.check(announced)) {
                    Some(Err(broken)) if !planted(Mutant::GoesOnAfterErrors) => Err(broken),
                    _ => break,
                },
                Ok(Some(frame)) => match reading.take(&frame, &accept) {
                    Err(_) if planted(Mutant::GoesOnAfterErrors) => {
                        reading.blocks = BlockReader::default();
                        Ok(())
                    }
                    taken => taken,
                },
                Err(_) => Err(Broken(error::PROTOCOL_ERROR)),
            };
            if let Err(Broken(code)) = taken {
                eprintln!("{}: the other side broke the protocol: {code}", of(connection.role));
                connection.lock().is_broken = true;
                connection.abort(code);
                return;
            }
        }
    }
}

struct Reading<'a> {
    connection: &'a Arc<Connection>,
    decoder: HeaderDecoder,
    blocks: BlockReader,
    has_begun: bool,
    idle_pings: u32,
    /// How many DATA of no bytes came in a row.
    empty_data: u32,
}

impl Reading<'_> {
    /// Whether a frame with this length and type may come.
    fn check(&self, (length, kind): (u32, u8)) -> Result<(), Broken> {
        if !self.has_begun && kind != kind::SETTINGS && !planted(Mutant::NeedsNoSettings) {
            return Err(Broken(error::PROTOCOL_ERROR));
        }
        if length > DEFAULT_MAX_FRAME_BYTES && !planted(Mutant::TakesLongFrames) {
            return Err(Broken(error::FRAME_SIZE_ERROR));
        }
        Ok(())
    }

    fn take(
        &mut self,
        frame: &Frame,
        accept: &impl Fn(&Arc<Connection>, u32, Vec<Field>),
    ) -> Result<(), Broken> {
        self.check((frame.length(), frame.kind))?;
        let is_greeting = frame.kind == kind::SETTINGS && !frame.has(flag::ACK);
        let is_first = !std::mem::replace(&mut self.has_begun, true);
        if is_first && !is_greeting && !planted(Mutant::NeedsNoSettings) {
            return Err(Broken(error::PROTOCOL_ERROR));
        }
        let taken = self.blocks.take(frame)?;
        let is_of_stream = matches!(
            frame.kind,
            kind::DATA | kind::HEADERS | kind::PRIORITY | kind::RST_STREAM | kind::PUSH_PROMISE
        );
        let is_of_connection = matches!(frame.kind, kind::SETTINGS | kind::PING | kind::GOAWAY);
        if is_of_stream && frame.stream == 0 || is_of_connection && frame.stream != 0 {
            return Err(Broken(error::PROTOCOL_ERROR));
        }
        match frame.kind {
            kind::PUSH_PROMISE => Err(Broken(error::PROTOCOL_ERROR)),
            kind::HEADERS | kind::CONTINUATION => match taken {
                Taken::Whole(block) => self.block(&block, accept),
                Taken::Part | Taken::Other => Ok(()),
            },
            kind::DATA => self.data(frame),
            kind::RST_STREAM => self.reset(frame),
            kind::SETTINGS => self.settings(frame),
            kind::PING => self.ping(frame),
            kind::GOAWAY => self.goaway(frame),
            kind::WINDOW_UPDATE => self.window_update(frame),
            kind::PRIORITY if frame.length() != 5 => Err(Broken(error::FRAME_SIZE_ERROR)),
            _ => Ok(()),
        }
    }

    fn block(
        &mut self,
        block: &Block,
        accept: &impl Fn(&Arc<Connection>, u32, Vec<Field>),
    ) -> Result<(), Broken> {
        let (id, ends) = (block.stream, block.ends_stream);
        let mut fields =
            self.decoder.decode(&block.bytes).map_err(|_| Broken(error::COMPRESSION_ERROR))?;
        if planted(Mutant::StripsBlanks) {
            for field in &mut fields.list {
                field.value = field.value.trim_ascii().to_vec().into();
            }
        }
        let mut state = self.connection.lock();
        let is_server = self.connection.role == Role::Server;
        let is_new = is_server && id > state.highest;
        if !is_clients(id) || !is_new && !state.opened.contains(&id) {
            return Err(Broken(error::PROTOCOL_ERROR));
        }
        if is_new {
            state.add_stream(id);
            widen_at_once(&mut state, id);
        }
        let Some(stream) = state.streams.get_mut(&id) else {
            // Of a stream that is over: it may have been under way.
            return Ok(());
        };
        if stream.failed.is_some() {
            return Ok(());
        }
        if stream.is_ended && !planted(Mutant::TakesMalformed) {
            state.fail(id, error::STREAM_CLOSED);
            return Ok(());
        }
        let part = match stream.has_head {
            true => Part::Trailers,
            false if is_server => Part::Request,
            false => Part::Response,
        };
        let is_malformed = part.is_malformed(&fields.list) || part == Part::Trailers && !ends;
        if is_malformed && !planted(Mutant::TakesMalformed) {
            state.refuse_malformed(id);
            return Ok(());
        }
        let is_interim = part == Part::Response
            && value(&fields.list, ":status").is_some_and(|status| status.starts_with(b"1"));
        if !stream.has_head && !is_interim {
            stream.has_head = true;
            stream.missing = malformed::length(&fields.list)
                .flatten()
                .filter(|_| !planted(Mutant::TakesMalformed));
        }
        if ends && stream.missing.is_some_and(|missing| missing > 0) {
            state.refuse_malformed(id);
            return Ok(());
        }
        if !is_new {
            stream.inbox.push_back(Received::Headers(fields.list.clone(), ends));
        }
        stream.is_ended |= ends;
        stream.changed.notify_all();
        drop(state);
        if is_new {
            accept(self.connection, id, fields.list);
        }
        Ok(())
    }

    fn data(&mut self, frame: &Frame) -> Result<(), Broken> {
        let content = frame.content()?;
        self.empty_data = if content.is_empty() { self.empty_data + 1 } else { 0 };
        if self.empty_data > MOST_EMPTY_DATA && planted(Mutant::LimitsEmptyData) {
            return Err(Broken(error::ENHANCE_YOUR_CALM));
        }
        let mut state = self.connection.lock();
        if !state.opened.contains(&frame.stream) {
            return Err(Broken(error::PROTOCOL_ERROR));
        }
        if !planted(Mutant::LeaksWindowOfCancelled) {
            give_back_to_all(&mut state, frame.length());
        }
        let Some(stream) = state.streams.get_mut(&frame.stream) else { return Ok(()) };
        if stream.failed.is_some() {
            return Ok(());
        }
        if stream.is_ended && !planted(Mutant::TakesMalformed) {
            state.fail(frame.stream, error::STREAM_CLOSED);
            return Ok(());
        }
        // DATA before HEADERS is malformed (RFC 9113, section 8.1).
        if !stream.has_head && !planted(Mutant::TakesMalformed) {
            state.refuse_malformed(frame.stream);
            return Ok(());
        }
        let ends = frame.has(flag::END_STREAM);
        if let Some(missing) = stream.missing {
            let rest = missing.checked_sub(content.len() as u64);
            if rest.is_none_or(|rest| ends && rest > 0) {
                state.refuse_malformed(frame.stream);
                return Ok(());
            }
            stream.missing = rest;
        }
        stream.inbox.push_back(Received::Data(content, frame.length()));
        stream.is_ended |= ends;
        stream.changed.notify_all();
        Ok(())
    }

    fn reset(&self, frame: &Frame) -> Result<(), Broken> {
        let code = frame.reset_code()?;
        let mut state = self.connection.lock();
        if !state.opened.contains(&frame.stream) {
            return Err(Broken(error::PROTOCOL_ERROR));
        }
        state.resets_in_a_row += 1;
        if planted(Mutant::LimitsResets) && state.resets_in_a_row > MOST_RESETS {
            return Err(Broken(error::ENHANCE_YOUR_CALM));
        }
        if let Some(stream) = state.streams.get_mut(&frame.stream) {
            stream.reset = Some(code);
            stream.changed.notify_all();
        }
        drop(state);
        if planted(Mutant::HangsUpAtReset) {
            self.connection.abort(error::NO_ERROR);
        }
        Ok(())
    }

    fn settings(&self, frame: &Frame) -> Result<(), Broken> {
        let payload = &frame.payload;
        if frame.has(flag::ACK) {
            return if payload.is_empty() { Ok(()) } else { Err(Broken(error::FRAME_SIZE_ERROR)) };
        }
        let settings = entries(payload)?;
        if settings.len() > MOST_SETTINGS && planted(Mutant::LimitsSettings) {
            return Err(Broken(error::ENHANCE_YOUR_CALM));
        }
        let mut state = self.connection.lock();
        for (setting, value) in settings {
            let most = u32::from(self.connection.role == Role::Server);
            if setting == ENABLE_PUSH && value > most {
                return Err(Broken(error::PROTOCOL_ERROR));
            }
            apply(&mut state, setting, value)?;
        }
        state.partner.has_settings = true;
        if !planted(Mutant::AcknowledgesNoSettings) {
            state.send(settings_ack());
        }
        state.wake_all();
        self.connection.changed.notify_all();
        Ok(())
    }

    fn ping(&mut self, frame: &Frame) -> Result<(), Broken> {
        let bytes: [u8; 8] = frame.fixed()?;
        if !frame.has(flag::ACK) {
            self.count_ping()?;
        }
        let answer = match () {
            () if frame.has(flag::ACK) || planted(Mutant::AnswersNoPing) => return Ok(()),
            () if planted(Mutant::AnswersPingWithZeros) => [0; 8],
            () => bytes,
        };
        self.connection.lock().send(ping(flag::ACK, answer));
        Ok(())
    }

    /// A client that pings again and again, and has no call, wants too much (gRFC A8).
    fn count_ping(&mut self) -> Result<(), Broken> {
        let mut state = self.connection.lock();
        let has_answered = std::mem::take(&mut state.has_answered);
        let counts = match planted(Mutant::CountsEveryPing) {
            true => !has_answered,
            false => state.streams.is_empty(),
        };
        drop(state);
        self.idle_pings = if counts { self.idle_pings + 1 } else { 0 };
        if self.connection.role == Role::Server && self.idle_pings > MOST_IDLE_PINGS {
            return Err(Broken(error::ENHANCE_YOUR_CALM));
        }
        Ok(())
    }

    fn goaway(&self, frame: &Frame) -> Result<(), Broken> {
        let GoAway { last, .. } = frame.goaway()?;
        if self.connection.role == Role::Server {
            // It is about the streams that a server opens, which has none.
            return Ok(());
        }
        let mut state = self.connection.lock();
        state.goaway = Some(last);
        for (id, stream) in &mut state.streams {
            stream.is_not_taken |= *id > last;
            if planted(Mutant::GoawayEndsCalls) {
                stream.failed = Some(Ended::Lost);
            }
        }
        state.wake_all();
        self.connection.changed.notify_all();
        Ok(())
    }

    fn window_update(&self, frame: &Frame) -> Result<(), Broken> {
        let increment = frame.increment()?;
        let mut state = self.connection.lock();
        let is_whole = frame.stream == 0;
        if !is_whole && !state.opened.contains(&frame.stream) {
            return Err(Broken(error::PROTOCOL_ERROR));
        }
        let window = if is_whole {
            state.send_window += i64::from(increment);
            state.send_window
        } else {
            let Some(stream) = state.streams.get_mut(&frame.stream) else { return Ok(()) };
            stream.send_window += i64::from(increment);
            stream.changed.notify_all();
            stream.send_window
        };
        let code = match increment {
            0 => error::PROTOCOL_ERROR,
            _ if window > MAX_WINDOW => error::FLOW_CONTROL_ERROR,
            _ if is_whole => {
                state.wake_all();
                return Ok(());
            }
            _ => return Ok(()),
        };
        if is_whole {
            return Err(Broken(code));
        }
        if !planted(Mutant::TakesMalformed) {
            state.fail(frame.stream, code);
        }
        Ok(())
    }
}

/// Heeds a setting of the other side.
fn apply(state: &mut State, setting: u16, value: u32) -> Result<(), Broken> {
    match setting {
        HEADER_TABLE_SIZE => state.blocks.limit_table(value),
        MAX_CONCURRENT_STREAMS => {
            state.partner.max_streams = usize::try_from(value).unwrap_or(usize::MAX);
        }
        MAX_HEADER_LIST_SIZE => {
            state.partner.max_header_list_bytes = usize::try_from(value).unwrap_or(usize::MAX);
        }
        INITIAL_WINDOW_SIZE => {
            let value = i64::from(value);
            if value > MAX_WINDOW {
                return Err(Broken(error::FLOW_CONTROL_ERROR));
            }
            let more = value - state.partner.initial_window;
            state.partner.initial_window = value;
            for stream in state.streams.values_mut() {
                stream.send_window += more;
                if stream.send_window > MAX_WINDOW {
                    return Err(Broken(error::FLOW_CONTROL_ERROR));
                }
            }
        }
        // What is allowed is passed over: longer frames are never needed.
        MAX_FRAME_SIZE if !(1 << 14..1 << 24).contains(&value) => {
            return Err(Broken(error::PROTOCOL_ERROR));
        }
        _ => {}
    }
    Ok(())
}
