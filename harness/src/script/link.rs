//! One connection of a scripted side.

mod awaited;
mod writer;

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use bytes::BytesMut;
use crosswire_http2::{
    block::{Block, BlockError, BlockReader, Taken},
    error,
    frame::{Frame, FrameReader, GoAway, HEADER_BYTES, PREFACE, flag, kind},
    hpack::{Field, HeaderDecoder},
    message::MessageReader,
    settings::{
        DEFAULT_HEADER_TABLE_BYTES, HEADER_TABLE_SIZE, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE, entries,
    },
    write,
};
use tokio::{
    io::AsyncReadExt as _,
    net::{TcpStream, tcp::OwnedReadHalf},
    sync::{mpsc, watch},
    time::{Instant, sleep_until, timeout_at},
};

use writer::{Write, Writer, write_all};

use super::{
    boundary::Unended,
    windows::{MAX_STREAMS, Windows},
};
use crate::{
    observe::{Played, StreamSeen},
    role::Role,
    suite::{Habit, Script},
};

/// How much is read at once.
const BUFFER_BYTES: usize = 64 << 10;

/// The bit before a stream's number (RFC 9113, section 4.1).
const RESERVED_BIT: u32 = 1 << 31;

/// How much of the other side's headers and messages is kept, for all streams together.
const MAX_KEPT_BYTES: usize = 24 << 20;

/// What each message and each field is counted with beside its bytes.
const OVERHEAD_BYTES: usize = 128;

/// How many different codes of GOAWAY are kept.
const MAX_GOAWAYS: usize = 16;

/// How many of the other side's frames are answered (SETTINGS, PING, DATA).
const MAX_ANSWERS: usize = 1 << 20;

/// How long something that need not come may still be on its way once the calls are over.
pub(super) const LAST_CHANCE: Duration = Duration::from_millis(100);

/// How long what was written before the last answer may take to be read.
const ON_ITS_WAY: Duration = Duration::from_millis(20);

/// What the last question asks, before its number, so that its answer is told from those to
/// a script's PINGs.
const LAST_QUESTION: &[u8; 4] = b"last";

/// How the answers of other protocols begin: a response of HTTP/1, an alert of TLS.
const OTHER_PROTOCOLS: [(&[u8], &str); 2] = [(b"HTTP/1.", "HTTP/1"), (b"\x15\x03", "TLS")];

/// No beginning is longer.
const LONGEST_BEGINNING: usize = 7;

/// A connection: what was sent, and what the other side did.
pub(super) struct Link {
    role: Role,
    omits: Vec<Habit>,
    /// `None` once we have reset the connection.
    reads: Option<OwnedReadHalf>,
    buffer: BytesMut,
    writes: mpsc::UnboundedSender<Write>,
    /// What waits to be sent with what follows it.
    held: Option<Vec<u8>>,
    writer: Writer,
    frames: FrameReader,
    decoder: HeaderDecoder,
    /// How large the other side's table may be by the SETTINGS that were sent last, by those
    /// that it has acknowledged, and by those between.
    table_bytes: u32,
    acknowledged_table_bytes: u32,
    unacknowledged_table_bytes: VecDeque<u32>,
    blocks: BlockReader,
    readers: HashMap<u32, MessageReader>,
    /// The other side's first bytes, until they show which protocol it speaks.
    first_bytes: Option<Vec<u8>>,
    /// All that the other side did.
    pub(super) seen: Played,
    /// The streams of requests, in the order in which they were opened.
    requests: Vec<u32>,
    /// How many of them steps have taken up.
    requests_taken: usize,
    /// What was begun and not ended of what was sent.
    unended: Unended,
    /// Whether nobody waits for an answer to a call any more, while that is to be known.
    calls_are_over: Option<watch::Receiver<bool>>,
    last_question: LastQuestion,
    /// How many PINGs of ours it has had.
    questions: u32,
    has_settings: bool,
    has_window_update: bool,
    answers: usize,
    kept_bytes: usize,
    /// The stream that steps are about which name none.
    current: u32,
    pub(super) windows: Windows,
}

/// Two PINGs that ask whether the other side has anything more to say to what was sent. It may
/// answer the first before it writes what it was about to write; and one that is slow, or has
/// little of the processor, is as slow to answer the second.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum LastQuestion {
    #[default]
    NotAsked,
    Asked,
    /// The first is answered, and the second is due then.
    Due(Instant),
    AskedAgain,
    Answered(Instant),
}

impl Link {
    /// A connection as the script's side has it, greeted as the script says.
    pub(super) fn new(stream: TcpStream, script: &Script) -> Self {
        let mut link = Self::silent(stream, script.role, script.omits.clone());
        if script.greets {
            link.greet(script.role);
        }
        link
    }

    /// A client's connection with nothing out of the ordinary.
    pub(super) fn ordinary(stream: TcpStream) -> Self {
        let mut link = Self::silent(stream, Role::Client, Vec::new());
        link.greet(Role::Client);
        link
    }

    fn silent(stream: TcpStream, role: Role, omits: Vec<Habit>) -> Self {
        // What is written in pieces is to arrive in pieces.
        let _ = stream.set_nodelay(true);
        let (reads, writes) = stream.into_split();
        let (writes, writer) = write_all(writes);
        let other = match role {
            Role::Client => Role::Server,
            Role::Server => Role::Client,
        };
        Self {
            role,
            omits,
            reads: Some(reads),
            buffer: BytesMut::new(),
            writes,
            held: None,
            writer,
            frames: other.frame_reader(),
            decoder: HeaderDecoder::default(),
            table_bytes: DEFAULT_HEADER_TABLE_BYTES,
            acknowledged_table_bytes: DEFAULT_HEADER_TABLE_BYTES,
            unacknowledged_table_bytes: VecDeque::new(),
            blocks: BlockReader::default(),
            readers: HashMap::new(),
            first_bytes: Some(Vec::new()),
            seen: Played::default(),
            requests: Vec::new(),
            requests_taken: 0,
            unended: Unended::default(),
            calls_are_over: None,
            last_question: LastQuestion::default(),
            questions: 0,
            has_settings: false,
            has_window_update: false,
            answers: 0,
            kept_bytes: 0,
            current: 0,
            windows: Windows::new(),
        }
    }

    fn greet(&mut self, role: Role) {
        if role == Role::Client {
            self.send(PREFACE.to_vec());
        }
        self.send(write::settings(&[]));
    }

    /// The stream that steps are about which name none; a client that has opened none
    /// is about its first.
    pub(super) const fn current(&self) -> u32 {
        if self.current == 0 { 1 } else { self.current }
    }

    /// The stream that a script calls so. To a server's, 1, 3 and 5 are the client's first,
    /// second and third, whatever numbers they have, and those that are still to come
    /// follow in steps of 2. A reserved bit stays.
    pub(super) fn number(&self, written: u32) -> u32 {
        let (reserved, number) = (written & RESERVED_BIT, written & !RESERVED_BIT);
        let Some(last) = self.requests.last().filter(|_| self.role == Role::Server) else {
            return written;
        };
        if number % 2 == 0 {
            return written;
        }
        let place = number as usize / 2;
        let stream = self.requests.get(place).copied().unwrap_or_else(|| {
            let beyond = place + 1 - self.requests.len();
            last.saturating_add(u32::try_from(2 * beyond).unwrap_or(u32::MAX)).min(!RESERVED_BIT)
        });
        reserved | stream
    }

    /// Opens the client's next stream.
    pub(super) const fn open(&mut self) -> u32 {
        self.current = if self.current == 0 { 1 } else { self.current + 2 };
        self.seen.last_stream = self.current;
        self.current
    }

    /// Sends bytes. Those after the end of the connection go nowhere.
    pub(super) fn send(&mut self, bytes: Vec<u8>) {
        self.count(&bytes);
        self.unended.sent(&bytes);
        // There is something more to answer.
        self.last_question = LastQuestion::NotAsked;
        match &mut self.held {
            Some(held) => held.extend(bytes),
            None => self.write(bytes),
        }
    }

    /// Keeps back what is sent from now on, or lets it go in one write.
    pub(super) fn hold(&mut self, holds: bool) {
        let held = self.held.take().unwrap_or_default();
        if holds {
            self.held = Some(held);
        } else {
            self.write(held);
        }
    }

    fn write(&mut self, bytes: Vec<u8>) {
        let _ = self.writes.send(Write::Bytes(bytes));
    }

    /// Ends our side of the connection, once all before it is sent.
    pub(super) fn close(&mut self) {
        self.hold(false);
        let _ = self.writes.send(Write::End);
    }

    /// Ends the connection by a reset, likewise. Nothing is heard of the other side any more.
    pub(super) async fn reset(&mut self, until: Instant) {
        self.hold(false);
        let _ = self.writes.send(Write::Abort);
        let _ = timeout_at(until, &mut self.writer.0).await;
        // The last half that is dropped closes the socket.
        self.reads = None;
        self.seen.is_closed = true;
    }

    /// Asks whether there is anything more to come once the calls are over.
    pub(super) fn asks_after(&mut self, calls_are_over: watch::Receiver<bool>) {
        self.calls_are_over = Some(calls_are_over);
    }

    /// Asks whether there is anything more to come. Not before a script has greeted, nor in the
    /// middle of a frame or a header block, where no PING may be.
    pub(super) fn ask_last(&mut self) {
        if self.may_ask() {
            self.ask(LastQuestion::Asked);
        }
    }

    fn may_ask(&self) -> bool {
        self.last_question == LastQuestion::NotAsked
            && self.held.is_none()
            && self.unended.is_nothing()
            && self.seen.settings.sent > 0
    }

    fn ask(&mut self, question: LastQuestion) {
        self.last_question = question;
        self.questions += 1;
        self.write(write::ping(0, self.question()));
    }

    fn question(&self) -> Vec<u8> {
        [*LAST_QUESTION, self.questions.to_be_bytes()].concat()
    }

    fn take_last_answer(&mut self) {
        self.last_question = match self.last_question {
            LastQuestion::Asked => LastQuestion::Due(Instant::now() + LAST_CHANCE),
            LastQuestion::AskedAgain => LastQuestion::Answered(Instant::now()),
            other => other,
        };
    }

    /// When nothing more can come, if that is known. A GOAWAY says that something will.
    pub(super) fn end_of_all(&self) -> Option<Instant> {
        match self.last_question {
            LastQuestion::Answered(at) if self.seen.goaways.is_empty() => Some(at + ON_ITS_WAY),
            _ => None,
        }
    }

    /// SETTINGS and PING wait for an answer, which a script may wait for, too.
    fn count(&mut self, frame: &[u8]) {
        match frame.get(3..5) {
            Some([kind::SETTINGS, flags]) if flags & flag::ACK == 0 => {
                self.seen.settings.sent += 1;
                let payload = frame.get(HEADER_BYTES..).unwrap_or_default();
                let sizes = entries(payload).into_iter().flatten();
                let size = sizes.filter(|(setting, _)| *setting == HEADER_TABLE_SIZE).last();
                self.table_bytes = size.map_or(self.table_bytes, |(_, size)| size);
                self.unacknowledged_table_bytes.push_back(self.table_bytes);
                self.decoder.allow_table_size(self.greatest_table_bytes());
            }
            Some([kind::PING, flags]) if flags & flag::ACK == 0 => self.seen.pings.sent += 1,
            _ => {}
        }
    }

    /// The other side has read our next SETTINGS. From then on its table is no larger than
    /// they allow, unless later ones allow more (RFC 9113, section 4.3.1).
    fn take_settings_ack(&mut self) {
        self.seen.settings.came += 1;
        if let Some(size) = self.unacknowledged_table_bytes.pop_front() {
            self.acknowledged_table_bytes = size;
            self.decoder.reduce_table_size(size);
            self.decoder.allow_table_size(self.greatest_table_bytes());
        }
    }

    /// The largest table that the other side may have.
    fn greatest_table_bytes(&self) -> u32 {
        let sizes = self.unacknowledged_table_bytes.iter().copied();
        sizes.fold(self.acknowledged_table_bytes, u32::max)
    }

    /// Whether the other side wants no more DATA on a stream: it has reset it, answered
    /// it, or ended the connection.
    pub(super) fn is_unwanted(&self, stream: u32) -> bool {
        let seen = self.seen.streams.get(&stream);
        let is_reset = seen.is_some_and(|seen| seen.reset.is_some());
        let is_answered = self.role == Role::Client && seen.is_some_and(|seen| seen.has_ended);
        let is_leaving = self.seen.goaways.iter().any(|code| *code != error::NO_ERROR);
        is_reset || is_answered || is_leaving || self.is_over()
    }

    /// Whether nothing more can be seen of the other side.
    pub(super) const fn is_over(&self) -> bool {
        self.seen.is_over()
    }

    /// Reads what comes next, or asks whether anything does, if that is due. May be dropped
    /// while it waits.
    pub(super) async fn read(&mut self) {
        let calls_are_over = self.calls_are_over.clone();
        let is_over = async {
            match calls_are_over {
                // Who cannot say it any more has ended, too.
                Some(mut are_over) => drop(are_over.wait_for(|are_over| *are_over).await),
                None => std::future::pending().await,
            }
        };
        let may_ask = self.may_ask();
        let due = match self.last_question {
            LastQuestion::Due(due) => Some(due),
            _ => None,
        };
        tokio::select! {
            () = self.read_some() => {}
            () = is_over, if may_ask => self.ask(LastQuestion::Asked),
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                self.ask(LastQuestion::AskedAgain);
            }
        }
    }

    /// Reads what comes next.
    pub(super) async fn read_some(&mut self) {
        let Some(reads) = self.reads.as_mut().filter(|_| !self.seen.is_over()) else {
            return std::future::pending().await;
        };
        self.buffer.reserve(BUFFER_BYTES);
        match reads.read_buf(&mut self.buffer).await {
            Ok(0) | Err(_) => self.seen.is_closed = true,
            Ok(_) => {
                self.look_for_other_protocol();
                self.frames.push(&self.buffer);
                self.buffer.clear();
                self.take_frames();
            }
        }
    }

    /// A server that speaks more than HTTP/2 may answer what is none in the protocol that
    /// it takes it for.
    fn look_for_other_protocol(&mut self) {
        let Some(first) = self.first_bytes.as_mut().filter(|_| self.role == Role::Client) else {
            return;
        };
        first.extend(self.buffer.iter().take(LONGEST_BEGINNING));
        let protocols = OTHER_PROTOCOLS.iter();
        let spoken = protocols.clone().find(|(beginning, _)| first.starts_with(beginning));
        let is_open = protocols.clone().any(|(beginning, _)| beginning.starts_with(first));
        if let Some((_, name)) = spoken {
            self.seen.other_protocol = Some(name);
            self.seen.unreadable = Some(format!("{name} instead of HTTP/2"));
        }
        if spoken.is_some() || !is_open {
            self.first_bytes = None;
        }
    }

    fn take_frames(&mut self) {
        while self.seen.unreadable.is_none() && self.seen.beyond.is_none() {
            match self.frames.next_frame() {
                Ok(Some(frame)) => self.take(&frame),
                Ok(None) => return,
                Err(error) => self.seen.unreadable = Some(error.to_string()),
            }
        }
    }

    fn take(&mut self, frame: &Frame) {
        match self.blocks.take(frame) {
            Ok(Taken::Whole(block)) => self.take_block(block),
            Ok(Taken::Part) => {}
            Ok(Taken::Other) => self.take_other(frame),
            Err(error @ BlockError::Long) => self.exceed(error.to_string()),
            Err(error) => self.seen.unreadable = Some(error.to_string()),
        }
    }

    fn take_other(&mut self, frame: &Frame) {
        match frame.kind {
            kind::DATA => self.take_data(frame),
            kind::RST_STREAM => {
                if let (Ok(code), Some(seen)) = (frame.reset_code(), self.stream(frame.stream)) {
                    // What is still sent on a stream that was reset may be answered by
                    // another reset, which says nothing new.
                    seen.reset.get_or_insert(code);
                }
            }
            kind::SETTINGS if frame.has(flag::ACK) => self.take_settings_ack(),
            kind::SETTINGS => {
                self.has_settings = true;
                for (setting, value) in entries(&frame.payload).into_iter().flatten() {
                    match setting {
                        INITIAL_WINDOW_SIZE => self.windows.set_initial(value),
                        MAX_FRAME_SIZE => self.seen.max_frame_size = Some(value),
                        _ => {}
                    }
                }
                self.answer(Habit::SettingsAck, write::settings_ack());
            }
            kind::PING if frame.has(flag::ACK) => {
                if self.questions > 0 && frame.payload == self.question() {
                    self.take_last_answer();
                } else if !frame.payload.starts_with(LAST_QUESTION) {
                    self.seen.pings.came += 1;
                }
            }
            kind::PING => self.answer(Habit::PingAck, write::ping(flag::ACK, &frame.payload)),
            kind::GOAWAY => {
                let goaways = &mut self.seen.goaways;
                if let Ok(GoAway { code, .. }) = frame.goaway()
                    && !goaways.contains(&code)
                {
                    if goaways.len() < MAX_GOAWAYS {
                        goaways.push(code);
                    } else {
                        self.exceed(format!("more than {MAX_GOAWAYS} codes of GOAWAY"));
                    }
                }
            }
            kind::WINDOW_UPDATE => {
                self.has_window_update = true;
                self.windows.widen(frame.stream, frame.increment().unwrap_or_default());
            }
            _ => {}
        }
    }

    fn take_block(&mut self, block: Block) {
        match self.decoder.decode(&block.bytes) {
            // What is promised belongs to no stream that was asked for.
            Ok(_) if block.kind == kind::PUSH_PROMISE => {}
            Ok(fields) if fields.is_cut => {
                self.exceed("a header block with more fields than are kept".to_owned());
            }
            Ok(fields) => {
                let is_new = self.requests.last().is_none_or(|last| block.stream > *last);
                if is_new && self.requests.len() < MAX_STREAMS {
                    self.requests.push(block.stream);
                }
                let size = |field: &Field| field.name.len() + field.value.len() + OVERHEAD_BYTES;
                self.keep(fields.list.iter().map(size).sum());
                // What comes after the end belongs to no answer; a rule of the wire forbids it.
                if let Some(seen) = self.stream(block.stream)
                    && !seen.has_ended
                {
                    seen.blocks.push(fields.list.iter().map(text).collect());
                    seen.has_ended = block.ends_stream;
                }
            }
            Err(error) if error.is_our_limit() => self.exceed(error.to_string()),
            Err(error) => self.seen.unreadable = Some(error.to_string()),
        }
    }

    fn take_data(&mut self, frame: &Frame) {
        let Ok(content) = frame.content() else { return };
        if let Some(seen) = self.stream(frame.stream)
            && !seen.has_ended
        {
            seen.data_bytes += u64::from(frame.length());
            seen.has_ended = frame.has(flag::END_STREAM);
            self.take_messages(frame, &content);
        }
        if frame.length() > 0 {
            self.answer(Habit::WindowUpdate, write::window_update(0, frame.length()));
            if !frame.has(flag::END_STREAM) {
                let update = write::window_update(frame.stream, frame.length());
                self.answer(Habit::WindowUpdate, update);
            }
        }
    }

    fn take_messages(&mut self, frame: &Frame, content: &[u8]) {
        let mut complete = Vec::new();
        let reader = self.readers.entry(frame.stream).or_default();
        reader.push(frame.content_offset(), content, |_, message| complete.push(message));
        self.keep(content.len() + complete.len() * OVERHEAD_BYTES);
        if let Some(long) = complete.iter().find(|message| message.payload.is_none()) {
            self.exceed(format!("a message of {} bytes", long.length));
        }
        let seen = self.seen.streams.get(&frame.stream);
        let encoding = seen.and_then(|seen| seen.field("grpc-encoding")).map(str::to_owned);
        for message in &mut complete {
            let left_bytes = MAX_KEPT_BYTES.saturating_sub(self.kept_bytes);
            let cost = message.inflate(encoding.as_deref().map(str::as_bytes), left_bytes);
            self.keep(cost);
        }
        if let Some(seen) = self.stream(frame.stream) {
            seen.messages.extend(complete);
        }
    }

    /// Counts what is kept. Nothing is read beyond the limit.
    fn keep(&mut self, bytes: usize) {
        self.kept_bytes += bytes;
        if self.kept_bytes > MAX_KEPT_BYTES {
            self.exceed(format!("more than {MAX_KEPT_BYTES} bytes"));
        }
    }

    /// What comes is beyond a limit of ours. It may be right, and is not read.
    fn exceed(&mut self, why: String) {
        self.seen.beyond.get_or_insert(why);
    }

    /// The record of a stream, if it is followed.
    fn stream(&mut self, stream: u32) -> Option<&mut StreamSeen> {
        let streams = &mut self.seen.streams;
        if streams.len() >= MAX_STREAMS && !streams.contains_key(&stream) {
            return None;
        }
        Some(streams.entry(stream).or_default())
    }

    fn answer(&mut self, habit: Habit, frame: Vec<u8>) {
        if !self.omits.contains(&habit) {
            if self.answers == MAX_ANSWERS {
                return self.exceed(format!("more than {MAX_ANSWERS} frames to be answered"));
            }
            self.answers += 1;
            let _ = self.writes.send(Write::Bytes(frame));
        }
    }
}

/// A field as text; what is no UTF-8 is escaped.
fn text(field: &Field) -> (String, String) {
    let text = |bytes: &[u8]| match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.escape_ascii().to_string(),
    };
    (text(&field.name), text(&field.value))
}
