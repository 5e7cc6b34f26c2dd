//! What a scripted side saw of the other.

use std::{collections::BTreeMap, time::Duration};

use crosswire_http2::message::Message;

use crate::suite::AnyOf;

/// What a scripted client saw of the server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Played {
    /// Where the script stopped, if it did not come to its end.
    pub stalled: Option<Stalled>,
    /// The stream that the script opened last; 0 if there was none.
    pub last_stream: u32,
    /// What came on each stream.
    pub streams: BTreeMap<u32, StreamSeen>,
    /// The error codes of the server's GOAWAYs, each once, in the order in which they came.
    pub goaways: Vec<u32>,
    /// How many of the script's SETTINGS were acknowledged.
    pub settings: Answered,
    /// How many of its PINGs were answered.
    pub pings: Answered,
    /// The longest frame that the server takes, if it has said so.
    pub max_frame_size: Option<u32>,
    /// Whether the connection came to its end by the server's doing.
    pub is_closed: bool,
    /// Whether the time was over first, and not what could still come.
    pub is_late: bool,
    /// Why what the server sent could not be read any more.
    pub unreadable: Option<String>,
    /// Why no more of what the server sent was read, although it may be right: it is beyond
    /// a limit of ours.
    pub beyond: Option<String>,
    /// The protocol that the server speaks instead of HTTP/2, from its first byte on.
    pub other_protocol: Option<&'static str>,
    /// What came of the ordinary calls beside it.
    pub beside: Vec<Self>,
}

impl Played {
    /// Whether nothing more can be seen of the server.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        self.is_closed || self.unreadable.is_some() || self.beyond.is_some()
    }
}

/// What came on one stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StreamSeen {
    /// The header blocks, in order.
    pub blocks: Vec<Vec<(String, String)>>,
    /// The messages, in order.
    pub messages: Vec<Message>,
    /// The bytes of DATA, padding included, as windows count them.
    pub data_bytes: u64,
    /// Whether END_STREAM came.
    pub has_ended: bool,
    /// The code of RST_STREAM.
    pub reset: Option<u32>,
}

impl StreamSeen {
    /// The first value of a name in any of the header blocks.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        let fields = self.blocks.iter().flatten();
        fields.into_iter().find(|field| field.0 == name).map(|field| field.1.as_str())
    }
}

/// How many frames that ask for an answer were sent, and how many answers came.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Answered {
    /// How many were sent.
    pub sent: usize,
    /// How many answers came.
    pub came: usize,
}

impl Answered {
    /// Whether there is an answer for each.
    #[must_use]
    pub const fn are_all(&self) -> bool {
        self.came >= self.sent
    }
}

/// Where a script stopped that did not come to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stalled {
    /// At which of its steps, counted from 0; `None` before the first.
    pub step: Option<usize>,
    /// What was awaited of the other side.
    pub waited: Waited,
    /// What came instead of it, or why it cannot come any more.
    pub instead: Vec<Instead>,
    /// Whether the wait ended because the time was over, or because the other side, asked by
    /// PINGs, has said nothing more.
    pub is_late: bool,
}

/// What a script waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Waited {
    /// A connection; and what keeps it from being made, where that is known.
    Connection(Option<String>),
    /// One of these.
    ForOne(AnyOf),
    /// Room for DATA: the windows that are shut, at least one.
    ForRoom(Vec<ShutWindow>),
    /// Nothing: what came is beyond this limit of ours, and is not read.
    ForLess(String),
    /// Nothing of the other side: the step itself takes its time.
    ForNothing,
}

/// A window of the other side's that has no room for the next frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShutWindow {
    /// Whose: this stream's; `None` for the connection's.
    pub stream: Option<u32>,
    /// How many bytes are left in it; less than 0 if it was made smaller.
    pub left_bytes: i64,
    /// How many bytes of DATA, padding included, were sent within it.
    pub sent_bytes: u64,
    /// Since when nothing was sent within it, counted from the connection's start.
    pub since: Duration,
}

/// What came instead of what a script waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Instead {
    /// RST_STREAM with another code.
    Reset(u32),
    /// GOAWAY, with another code if one was awaited.
    GoAway(u32),
    /// Fewer acknowledgements of SETTINGS than were asked for.
    SettingsAcks(Answered),
    /// Fewer answers to PING than were asked for.
    PingAcks(Answered),
    /// The end of the stream.
    StreamEnded,
    /// The end of the connection.
    ConnectionEnded,
    /// What cannot be read.
    Unreadable,
}
