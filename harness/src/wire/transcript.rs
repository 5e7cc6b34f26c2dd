//! What passed on the wire for one call: values, without judgement.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use crosswire_http2::{
    hpack::{Field, Fields},
    message::{Fragment, Message},
};

use super::budget::Share;
use crate::role::Role;

/// How many frames are kept that came after the stream was reset.
const MAX_LATE: usize = 64;

/// Everything that passed for one call, in the order in which the tap saw it.
#[derive(Debug, Clone)]
pub struct Transcript {
    /// The value of the call's `x-crosswire-call`, if it had one.
    pub call: Option<u64>,
    /// Its stream.
    pub stream: u32,
    /// What was seen, the connection's own events meanwhile included. Those are
    /// shared with the other calls that were open then.
    pub(super) events: Vec<Arc<Event>>,
    /// Its connection, as it stood when this transcript was made.
    pub connection: ConnectionFacts,
    /// Whether nothing is missing: neither bytes that the tap did not read nor
    /// events that it did not keep. Rules judge nothing else.
    pub is_whole: bool,
    /// Whether the stream had ended for both sides.
    pub is_finished: bool,
    /// How much more DATA each side may send on the stream.
    pub room: Pair<Room>,
    /// About how much memory this takes, its share of shared events included.
    pub(super) share: Share,
}

/// The windows of the other side, as they stand when a transcript ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Room {
    /// What is left of the stream's, in bytes; less than 0 if it was made smaller.
    pub stream_bytes: i64,
    /// What is left of the connection's.
    pub connection_bytes: i64,
}

/// What passed on a connection while no stream was open on it, and is in no transcript.
#[derive(Debug, Clone)]
pub struct Aside {
    /// The connection's number.
    pub connection: u64,
    pub(super) events: Vec<Arc<Event>>,
}

impl Aside {
    /// What was seen, in order. Of very many events, the first and the last.
    pub fn events(&self) -> impl DoubleEndedIterator<Item = &Event> {
        self.events.iter().map(AsRef::as_ref)
    }
}

/// Something that passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When, counted from the tap's start.
    pub at: Duration,
    /// Who sent it.
    pub from: Role,
    /// Whether the tap put it there, or changed it, as a fault that the case asks for.
    pub by_tap: bool,
    /// Where it began, in bytes from the start of this side's direction.
    pub offset: u64,
    /// Its size on the wire, headers and padding included.
    pub size_bytes: u64,
    /// Its first bytes.
    pub quote: Bytes,
    /// What it is.
    pub what: What,
}

/// What an event is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// The client opened the stream; its header block is the next event.
    Opened(Opening),
    /// A block of header fields, put together from HEADERS and CONTINUATION.
    Headers {
        /// The fields.
        fields: Fields,
        /// Whether it ends this side of the stream.
        ends_stream: bool,
    },
    /// DATA.
    Data {
        /// What counts against the windows, padding included.
        length: u32,
        /// Whether it ends this side of the stream.
        ends_stream: bool,
        /// How much the stream's window was open after it.
        stream_window: i64,
        /// How much the connection's window was open after it.
        connection_window: i64,
    },
    /// A message that the DATA before completed.
    Message(Message),
    /// Bytes that were no whole message when this side of the stream ended.
    Fragment(Fragment),
    /// RST_STREAM.
    Reset {
        /// The error code.
        code: u32,
    },
    /// WINDOW_UPDATE of the stream.
    WindowUpdate {
        /// By how many bytes.
        increment: u32,
    },
    /// A frame without meaning for a call: PRIORITY, an unknown type.
    Other {
        /// Its type.
        kind: u8,
    },
    /// A frame on a stream that this side had ended or reset.
    AfterEnd {
        /// Its type.
        kind: u8,
        /// Its stream, which need not be this call's.
        stream: u32,
    },
    /// DATA or HEADERS on a stream that the other side had reset before.
    AfterReset {
        /// Its type.
        kind: u8,
        /// How long before.
        since: Duration,
        /// How many frames this side had sent since, this one included.
        frames_since: u64,
        /// Whether this side had answered something that the other sent later, and
        /// so had read the reset.
        has_read: bool,
    },
    /// A frame longer than the other side takes; its own event follows.
    TooLong {
        /// Its type.
        kind: u8,
        /// How long it is.
        length: u32,
        /// How long it may be.
        limit: u32,
    },
    /// SETTINGS of the connection.
    Settings(Vec<(u16, u32)>),
    /// An acknowledgement of SETTINGS.
    SettingsAck {
        /// Whether there were SETTINGS to acknowledge.
        is_due: bool,
    },
    /// PING.
    Ping([u8; 8]),
    /// The answer to a PING.
    Pong {
        /// What it carries.
        data: [u8; 8],
        /// Whether there was a PING of these bytes to answer.
        is_due: bool,
    },
    /// GOAWAY.
    GoAway {
        /// The last stream that is still taken care of.
        last: u32,
        /// The error code.
        code: u32,
        /// The first bytes of what it says.
        debug: Bytes,
    },
    /// WINDOW_UPDATE of the connection.
    ConnectionWindowUpdate {
        /// By how many bytes.
        increment: u32,
    },
    /// This side closed its direction of the connection.
    Closed(Closing),
}

/// How the connection stood when a stream was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opening {
    /// The highest stream opened before; 0 if there was none.
    pub highest_before: u32,
    /// How many streams were open, this one included.
    pub open_streams: u32,
    /// How many the server takes; `u32::MAX` is no limit.
    pub limit: u32,
    /// The lowest last stream of any GOAWAY of which the client knew: it had
    /// acknowledged something that the server sent later.
    pub known_goaway: Option<u32>,
}

/// How one direction of a connection came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closing {
    /// Nothing more follows (FIN).
    End,
    /// The connection is gone (RST, or an error of the system).
    Abort,
}

/// What the calls of one connection have in common.
#[derive(Debug, Clone, Default)]
pub struct ConnectionFacts {
    /// Its number, counted from 0 for each tap.
    pub number: u64,
    /// At which of the target's addresses it was made.
    pub address: usize,
    /// The type of each side's first frame.
    pub first_frame: Pair<Option<u8>>,
    /// Whether each side takes `-bin` values that are not base64 (gRFC G1).
    pub takes_true_binary: Pair<bool>,
    /// What is owed: acknowledgements and answers.
    pub debts: Vec<Debt>,
    /// What could not be read.
    pub notes: Vec<Note>,
    /// Whether the tap has altered what each side sent: it added, dropped or changed
    /// something. Such a side is not blamed for what passed from there on, nor for what
    /// did not pass.
    pub altered: Pair<bool>,
    /// Where that began in the side's direction; 0 for a side that is not altered.
    pub altered_from: Pair<u64>,
    /// Whether the tap lets pass later what each side sends. When its frames passed
    /// then proves nothing.
    pub slowed: Pair<bool>,
    /// What was agreed on in TLS; `None` for a connection that is plain.
    pub alpn: Option<Alpn>,
}

/// The protocol that a TLS handshake has led to (RFC 7301).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Alpn {
    /// What the client offers.
    pub offered: Vec<Vec<u8>>,
    /// What the server selects of an offer of h2.
    pub selected: Option<Vec<u8>>,
}

/// An answer that a side owes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Debt {
    /// Who owes it.
    pub debtor: Role,
    /// What it must answer.
    pub asked: Asked,
    /// Where the question stands in the other side's direction.
    pub offset: u64,
    /// The question.
    pub quote: Bytes,
    /// That the debtor has read it, once it has shown so.
    pub read: Option<Read>,
}

/// That a side has read what the other sent: it has answered something that came later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Read {
    /// When it did, counted from the tap's start.
    pub shown: Duration,
    /// How many frames it has sent since.
    pub frames_since: u64,
    /// When it sent the last of them.
    pub last_frame: Duration,
}

/// What must be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// SETTINGS, with an acknowledgement.
    Settings,
    /// PING, with the same bytes.
    Ping([u8; 8]),
}

/// Something that the observer could not read. It never touches the traffic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// When, counted from the tap's start.
    pub at: Duration,
    /// Whose bytes they were.
    pub from: Role,
    /// Where they stand in this side's direction.
    pub offset: u64,
    /// What is wrong with them.
    pub text: String,
}

/// A connection that a side has ended: it takes no more calls (GOAWAY), or is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// Its number, counted from 0 for each tap.
    pub connection: u64,
    /// When, counted from the tap's start.
    pub at: Duration,
}

/// One value for each side.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pair<T> {
    /// The client's.
    pub client: T,
    /// The server's.
    pub server: T,
}

impl<T> Pair<T> {
    /// A side's value.
    #[must_use]
    pub const fn of(&self, role: Role) -> &T {
        match role {
            Role::Client => &self.client,
            Role::Server => &self.server,
        }
    }

    /// A side's value, to be changed.
    pub const fn of_mut(&mut self, role: Role) -> &mut T {
        match role {
            Role::Client => &mut self.client,
            Role::Server => &mut self.server,
        }
    }
}

/// The side across.
#[must_use]
pub const fn other(role: Role) -> Role {
    match role {
        Role::Client => Role::Server,
        Role::Server => Role::Client,
    }
}

/// A block of header fields with its event.
#[derive(Debug, Clone, Copy)]
pub struct Block<'a> {
    /// The event.
    pub event: &'a Event,
    /// The fields, in order.
    pub fields: &'a [Field],
    /// Whether it ends its side of the stream.
    pub ends_stream: bool,
}

impl<'a> Block<'a> {
    /// The values of a name, in order.
    pub fn values<'n>(self, name: &'n str) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
        let fields = self.fields.iter().filter(|field| field.name == name.as_bytes());
        fields.map(|field| &*field.value)
    }

    /// The first value of a name.
    #[must_use]
    pub fn value(self, name: &str) -> Option<&'a [u8]> {
        self.values(name).next()
    }

    /// Whether it is an interim response (RFC 9110, section 15.2), which ends nothing.
    #[must_use]
    pub fn is_interim(self) -> bool {
        let is_1xx = |status: &[u8]| status.len() == 3 && status[0] == b'1';
        self.event.from == Role::Server
            && !self.ends_stream
            && self.value(":status").is_some_and(is_1xx)
    }
}

impl Transcript {
    /// What was seen, in order.
    pub fn events(&self) -> impl DoubleEndedIterator<Item = &Event> {
        self.events.iter().map(AsRef::as_ref)
    }

    /// When the client opened the stream, counted from the tap's start.
    #[must_use]
    pub fn opened_at(&self) -> Option<Duration> {
        self.events().find(|event| matches!(event.what, What::Opened(_))).map(|event| event.at)
    }

    /// The events of one side.
    pub fn sent_by(&self, role: Role) -> impl DoubleEndedIterator<Item = &Event> {
        self.events().filter(move |event| event.from == role)
    }

    /// The header blocks of one side, in order, without interim responses.
    pub fn blocks(&self, role: Role) -> impl DoubleEndedIterator<Item = Block<'_>> {
        self.sent_by(role).filter_map(Block::of).filter(|block| !block.is_interim())
    }

    /// The messages of one side, in order, with their events.
    pub fn messages(&self, role: Role) -> impl Iterator<Item = (&Event, &Message)> {
        self.sent_by(role).filter_map(|event| match &event.what {
            What::Message(message) => Some((event, message)),
            _ => None,
        })
    }

    /// Takes an event that came after this was made; says how many bytes it keeps
    /// for it. Of a flood, the first and the last are kept.
    pub(crate) fn late(&mut self, event: Event) -> usize {
        let is_late = |event: &Arc<Event>| {
            matches!(event.what, What::AfterReset { .. } | What::AfterEnd { .. })
        };
        let late = self.events.iter().rev().take_while(|event| is_late(event)).count();
        if late == MAX_LATE {
            self.events.pop();
        }
        let kept_bytes =
            if late < MAX_LATE { size_of::<Arc<Event>>() + event.kept_bytes() } else { 0 };
        if !self.share.grow(kept_bytes) {
            self.is_whole = false;
            return 0;
        }
        self.events.push(Arc::new(event));
        kept_bytes
    }

    /// About how much memory this takes, its share of shared events included.
    #[must_use]
    pub const fn kept_bytes(&self) -> usize {
        self.share.bytes()
    }

    /// The encoding that a side named for its messages.
    #[must_use]
    pub fn encoding(&self, role: Role) -> Option<&[u8]> {
        self.blocks(role).next()?.value("grpc-encoding")
    }

    /// The event with which a side ended the stream.
    #[must_use]
    pub fn end(&self, role: Role) -> Option<&Event> {
        self.sent_by(role).find(|event| event.ends_stream())
    }

    /// A side's RST_STREAM and its code.
    #[must_use]
    pub fn reset(&self, role: Role) -> Option<(&Event, u32)> {
        self.sent_by(role).find_map(|event| match event.what {
            What::Reset { code } => Some((event, code)),
            _ => None,
        })
    }
}

impl<'a> Block<'a> {
    /// The header block that an event is, if it is one.
    #[must_use]
    pub fn of(event: &'a Event) -> Option<Self> {
        match &event.what {
            What::Headers { fields, ends_stream } => {
                Some(Self { event, fields: &fields.list, ends_stream: *ends_stream })
            }
            _ => None,
        }
    }
}

impl Event {
    /// Whether it ends its side of the stream.
    #[must_use]
    pub const fn ends_stream(&self) -> bool {
        matches!(
            self.what,
            What::Headers { ends_stream: true, .. } | What::Data { ends_stream: true, .. }
        )
    }

    pub(super) fn kept_bytes(&self) -> usize {
        let more = match &self.what {
            What::Headers { fields, .. } => fields.list.iter().map(Field::kept_bytes).sum(),
            What::Settings(settings) => size_of_val(settings.as_slice()),
            // The payloads of messages are counted as they come.
            _ => 0,
        };
        size_of::<Self>() + self.quote.len() + more
    }
}
