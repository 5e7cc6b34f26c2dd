//! What the threads of a connection share.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Condvar, mpsc::Sender},
    time::Instant,
};

use bytes::Bytes;
use crosswire::role::Role;
use crosswire_http2::{
    error,
    hpack::Field,
    settings::{DEFAULT_MAX_FRAME_BYTES, DEFAULT_WINDOW_BYTES},
    write::reset,
};
use mutants::{mutant::Mutant, planted::planted};
use thiserror::Error;

use super::blocks::BlockWriter;

/// Why a stream ended before it was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum Ended {
    /// The other side reset it, with this code.
    #[error("the stream was reset with code {0}")]
    Reset(u32),
    /// The other side has not taken it and never will: it may be opened elsewhere.
    #[error("the connection takes no more streams")]
    NotTaken,
    /// The connection is lost.
    #[error("the connection is lost")]
    Lost,
    /// The time is up.
    #[error("the deadline has passed")]
    Late,
    /// Whoever made the call waits for nothing more.
    #[error("it was given up")]
    GivenUp,
}

/// What comes on a stream.
pub(crate) enum Received {
    /// A header block, and whether it ends the stream.
    Headers(Vec<Field>, bool),
    /// The content of DATA, and how much of the window it took, padding included.
    Data(Bytes, u32),
    /// Nothing more comes.
    End,
}

/// The state of a connection.
pub(super) struct State {
    /// To the thread that writes; `None` once nothing more is to be written.
    pub(super) output: Option<Sender<Vec<u8>>>,
    pub(super) blocks: BlockWriter,
    pub(super) streams: BTreeMap<u32, Stream>,
    /// How much DATA the other side takes on the whole connection.
    pub(super) send_window: i64,
    /// How much was received and not given back to the connection's window yet.
    pub(super) owed_window: u32,
    pub(super) partner: Partner,
    /// The highest stream that the client has opened.
    pub(super) highest: u32,
    /// The streams that it has opened.
    pub(super) opened: BTreeSet<u32>,
    /// The last stream of a GOAWAY that came.
    pub(super) goaway: Option<u32>,
    pub(super) is_lost: bool,
    /// We have ended it for an error of the other side's.
    pub(super) is_broken: bool,
    /// When the last call on it had ended.
    pub(super) idle_since: Option<Instant>,
    /// We have said that it ends.
    pub(super) is_ending: bool,
    /// How many resets came without a whole answer between them.
    pub(super) resets_in_a_row: u32,
    /// An answer has gone out since the last PING.
    pub(super) has_answered: bool,
    /// We have said anew how large streams' windows are.
    pub(super) has_changed_windows: bool,
}

/// What the other side has announced.
pub(super) struct Partner {
    pub(super) has_settings: bool,
    pub(super) initial_window: i64,
    pub(super) max_frame_bytes: usize,
    pub(super) max_streams: usize,
    pub(super) max_header_list_bytes: usize,
}

/// A stream.
pub(super) struct Stream {
    /// Woken when anything about it changes.
    pub(super) changed: Arc<Condvar>,
    pub(super) send_window: i64,
    /// How much DATA was sent.
    pub(super) sent_bytes: usize,
    /// What came and was not read.
    pub(super) inbox: VecDeque<Received>,
    /// How much was read and not given back to its window yet.
    pub(super) owed_window: u32,
    /// The other side sends no more.
    pub(super) is_ended: bool,
    pub(super) reset: Option<u32>,
    /// A GOAWAY has excluded it.
    pub(super) is_not_taken: bool,
    /// It was given up here, with what came on it.
    pub(super) failed: Option<Ended>,
    /// The block that begins what the other side says has come.
    pub(super) has_head: bool,
    /// How much DATA is still to come, if content-length says it.
    pub(super) missing: Option<u64>,
}

impl State {
    pub(super) fn new(output: Sender<Vec<u8>>) -> Self {
        Self {
            output: Some(output),
            blocks: BlockWriter::default(),
            streams: BTreeMap::new(),
            send_window: DEFAULT_WINDOW_BYTES.into(),
            owed_window: 0,
            partner: Partner {
                has_settings: false,
                initial_window: DEFAULT_WINDOW_BYTES.into(),
                max_frame_bytes: DEFAULT_MAX_FRAME_BYTES as usize,
                max_streams: usize::MAX,
                max_header_list_bytes: usize::MAX,
            },
            highest: 0,
            opened: BTreeSet::new(),
            goaway: None,
            is_lost: false,
            is_broken: false,
            idle_since: None,
            is_ending: false,
            resets_in_a_row: 0,
            has_answered: false,
            has_changed_windows: false,
        }
    }

    /// Hands frames to the thread that writes.
    pub(super) fn send(&mut self, frames: Vec<u8>) {
        if let Some(output) = &self.output {
            // Who writes has gone only if the connection is lost, which is told apart.
            let _ = output.send(frames);
        }
    }

    pub(super) fn add_stream(&mut self, id: u32) {
        self.highest = self.highest.max(id);
        self.opened.insert(id);
        let stream = Stream {
            changed: Arc::default(),
            send_window: self.partner.initial_window,
            sent_bytes: 0,
            inbox: VecDeque::new(),
            owed_window: 0,
            is_ended: false,
            reset: None,
            is_not_taken: false,
            failed: None,
            has_head: false,
            missing: None,
        };
        self.streams.insert(id, stream);
    }

    /// Why a stream cannot go on, if so.
    pub(super) fn ended(&self, id: u32) -> Option<Ended> {
        let stream = self.streams.get(&id);
        match stream {
            None => Some(Ended::Lost),
            Some(Stream { failed: Some(ended), .. }) => Some(*ended),
            Some(Stream { reset: Some(code), .. }) => Some(Ended::Reset(*code)),
            Some(Stream { is_not_taken: true, .. }) => Some(Ended::NotTaken),
            Some(_) => self.is_lost.then_some(Ended::Lost),
        }
    }

    /// Resets a stream for an error of the other side's; nothing more of it is used.
    pub(super) fn fail(&mut self, id: u32, code: u32) {
        let code = if planted(Mutant::BlamesItself) { error::INTERNAL_ERROR } else { code };
        if !self.ends_all(code) {
            self.send(reset(id, code));
        }
        let code = match () {
            () if planted(Mutant::MalformedIsExhausted) => error::ENHANCE_YOUR_CALM,
            () => code,
        };
        if let Some(stream) = self.streams.get_mut(&id) {
            stream.failed = Some(Ended::Reset(code));
            stream.changed.notify_all();
        }
    }

    pub(super) fn wake_all(&self) {
        for stream in self.streams.values() {
            stream.changed.notify_all();
        }
    }
}

/// The first id of a client's streams, and from one to the next.
pub(super) const FIRST_STREAM: u32 = 1;
pub(super) const NEXT_STREAM: u32 = 2;

/// Whether streams of this id are opened by clients, who alone open any in gRPC.
pub(super) const fn is_clients(id: u32) -> bool {
    id % 2 == 1
}

/// What the log calls a connection.
pub(super) const fn of(role: Role) -> &'static str {
    match role {
        Role::Server => "server",
        Role::Client => "client",
    }
}
