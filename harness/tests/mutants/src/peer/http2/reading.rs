//! Reads a connection: what asks for an answer is answered, what belongs to a stream
//! is put there.

use std::{io::Read as _, net::TcpStream, sync::Arc};

use crosswire::{
    role::Role,
    wire::{
        frame::{Frame, FrameError, FrameReader, error, flag, kind},
        headers::{Field, HeaderDecoder},
        write::{ping, settings_ack},
    },
};
use mutants::{mutant::Mutant, planted::planted};

use super::{
    connection::{
        Connection, ENABLE_PUSH, INITIAL_WINDOW_SIZE, MAX_CONCURRENT_STREAMS, MAX_FRAME_SIZE,
        MAX_HEADER_LIST_SIZE,
    },
    malformed::{self, Block},
    receiving::{Received, give_back_to_all},
    state::{Ended, State, is_clients, of},
    value,
};

/// What everybody takes, and all that is taken here unless a setting said more.
const MAX_FRAME_BYTES: u32 = 16_384;

/// The longest header block that is put together, far beyond what gRPC sends.
const MAX_BLOCK_BYTES: usize = 1 << 20;

/// How many settings in a frame, and how many empty DATA in a row, those take who bound it
/// (section 10.5).
const MOST_SETTINGS: usize = 32;
const MOST_EMPTY_DATA: u32 = 2;

/// How many PINGs in a row are answered while there is no call.
const MOST_IDLE_PINGS: u32 = 2;

const MAX_WINDOW: i64 = (1 << 31) - 1;

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

/// Reads until the connection ends.
pub(super) fn read(
    connection: &Arc<Connection>,
    mut socket: TcpStream,
    accept: impl Fn(&Arc<Connection>, u32, Vec<Field>),
) {
    let partner = match connection.role {
        Role::Server => Role::Client,
        Role::Client => Role::Server,
    };
    let mut frames = FrameReader::new(partner);
    let mut reading = Reading {
        connection,
        decoder: HeaderDecoder::default(),
        block: None,
        has_begun: false,
        idle_pings: 0,
        empty_data: 0,
    };
    let mut bytes = vec![0; 1 << 16];
    loop {
        match socket.read(&mut bytes) {
            Ok(0) | Err(_) => return,
            Ok(length) => frames.push(&bytes[..length]),
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
                        reading.block = None;
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
    /// The block that has begun: its stream, whether it ends it, and its bytes.
    block: Option<(u32, bool, Vec<u8>)>,
    has_begun: bool,
    idle_pings: u32,
    /// How many DATA of no bytes came in a row.
    empty_data: u32,
}

impl Reading<'_> {
    /// Whether a frame with this length and type may come.
    fn check(&self, (length, kind): (u32, u8)) -> Result<(), Broken> {
        if !self.has_begun && kind != kind::SETTINGS {
            return Err(Broken(error::PROTOCOL_ERROR));
        }
        if length > MAX_FRAME_BYTES && !planted(Mutant::TakesLongFrames) {
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
        if !std::mem::replace(&mut self.has_begun, true) && !is_greeting {
            return Err(Broken(error::PROTOCOL_ERROR));
        }
        let is_within = self.block.as_ref().is_some_and(|block| block.0 == frame.stream);
        if self.block.is_some() != (frame.kind == kind::CONTINUATION)
            || frame.kind == kind::CONTINUATION && !is_within
        {
            return Err(Broken(error::PROTOCOL_ERROR));
        }
        let is_of_stream = matches!(
            frame.kind,
            kind::DATA | kind::HEADERS | kind::PRIORITY | kind::RST_STREAM | kind::PUSH_PROMISE
        );
        let is_of_connection = matches!(frame.kind, kind::SETTINGS | kind::PING | kind::GOAWAY);
        if is_of_stream && frame.stream == 0 || is_of_connection && frame.stream != 0 {
            return Err(Broken(error::PROTOCOL_ERROR));
        }
        match frame.kind {
            kind::HEADERS => {
                let ends = frame.has(flag::END_STREAM);
                self.block = Some((frame.stream, ends, frame.content()?.to_vec()));
                self.end_block(frame, accept)
            }
            kind::CONTINUATION => {
                if let Some((_, _, bytes)) = &mut self.block {
                    bytes.extend_from_slice(&frame.payload);
                    if bytes.len() > MAX_BLOCK_BYTES {
                        return Err(Broken(error::ENHANCE_YOUR_CALM));
                    }
                }
                self.end_block(frame, accept)
            }
            kind::DATA => self.data(frame),
            kind::RST_STREAM => self.reset(frame),
            kind::SETTINGS => self.settings(frame),
            kind::PING => self.ping(frame),
            kind::GOAWAY => self.goaway(frame),
            kind::WINDOW_UPDATE => self.window_update(frame),
            kind::PRIORITY if frame.length() != 5 => Err(Broken(error::FRAME_SIZE_ERROR)),
            kind::PUSH_PROMISE => Err(Broken(error::PROTOCOL_ERROR)),
            _ => Ok(()),
        }
    }

    fn end_block(
        &mut self,
        frame: &Frame,
        accept: &impl Fn(&Arc<Connection>, u32, Vec<Field>),
    ) -> Result<(), Broken> {
        if !frame.has(flag::END_HEADERS) {
            return Ok(());
        }
        let Some((id, ends, bytes)) = self.block.take() else { return Ok(()) };
        let mut fields =
            self.decoder.decode(&bytes).map_err(|_| Broken(error::COMPRESSION_ERROR))?;
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
        let block = match stream.has_head {
            true => Block::Trailers,
            false if is_server => Block::Request,
            false => Block::Response,
        };
        let is_malformed = block.is_malformed(&fields.list) || block == Block::Trailers && !ends;
        if is_malformed && !planted(Mutant::TakesMalformed) {
            state.fail(id, error::PROTOCOL_ERROR);
            return Ok(());
        }
        let is_interim = block == Block::Response
            && value(&fields.list, ":status").is_some_and(|status| status.starts_with(b"1"));
        if !stream.has_head && !is_interim {
            stream.has_head = true;
            stream.missing = malformed::length(&fields.list)
                .flatten()
                .filter(|_| !planted(Mutant::TakesMalformed));
        }
        if ends && stream.missing.is_some_and(|missing| missing > 0) {
            state.fail(id, error::PROTOCOL_ERROR);
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
            state.fail(frame.stream, error::PROTOCOL_ERROR);
            return Ok(());
        }
        let ends = frame.has(flag::END_STREAM);
        if let Some(missing) = stream.missing {
            let rest = missing.checked_sub(content.len() as u64);
            if rest.is_none_or(|rest| ends && rest > 0) {
                state.fail(frame.stream, error::PROTOCOL_ERROR);
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
        let code = u32::from_be_bytes(frame.fixed()?);
        let mut state = self.connection.lock();
        if !state.opened.contains(&frame.stream) {
            return Err(Broken(error::PROTOCOL_ERROR));
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
        let (settings, rest) = payload.as_chunks::<6>();
        if !rest.is_empty() {
            return Err(Broken(error::FRAME_SIZE_ERROR));
        }
        if settings.len() > MOST_SETTINGS && planted(Mutant::LimitsSettings) {
            return Err(Broken(error::ENHANCE_YOUR_CALM));
        }
        let mut state = self.connection.lock();
        for &[a, b, c, d, e, f] in settings {
            let (setting, value) = (u16::from_be_bytes([a, b]), u32::from_be_bytes([c, d, e, f]));
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
        let is_idle = self.connection.lock().streams.is_empty();
        self.idle_pings = if is_idle { self.idle_pings + 1 } else { 0 };
        if self.connection.role == Role::Server && self.idle_pings > MOST_IDLE_PINGS {
            return Err(Broken(error::ENHANCE_YOUR_CALM));
        }
        Ok(())
    }

    fn goaway(&self, frame: &Frame) -> Result<(), Broken> {
        let Some(&[a, b, c, d, ..]) = frame.payload.first_chunk::<8>() else {
            return Err(Broken(error::FRAME_SIZE_ERROR));
        };
        if self.connection.role == Role::Server {
            // It is about the streams that a server opens, which has none.
            return Ok(());
        }
        let last = u32::from_be_bytes([a, b, c, d]) & 0x7fff_ffff;
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
        let increment = u32::from_be_bytes(frame.fixed()?) & 0x7fff_ffff;
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
