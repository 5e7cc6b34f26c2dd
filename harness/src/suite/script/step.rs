//! The steps of a script.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use super::Codes;
use crate::suite::{Cut, Settings};

/// One thing that the scripted side does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A header block, in HEADERS and, cut into pieces, CONTINUATION.
    Headers {
        /// Whether it opens the next stream.
        opens: bool,
        /// On which stream.
        stream: StreamRef,
        /// The block, encoded.
        block: Vec<u8>,
        /// The flags, without END_HEADERS.
        flags: u8,
        /// Whether the last piece ends the block.
        ends_block: bool,
        /// The sizes of the pieces; the last stands for all that follow.
        pieces: Vec<usize>,
        /// So much padding.
        padding: Option<u8>,
        /// Five bytes of priority.
        has_priority: bool,
    },
    /// DATA, as far as the windows allow.
    Data {
        /// On which stream.
        stream: StreamRef,
        /// What it carries.
        content: Vec<u8>,
        /// Whether it ends the stream.
        ends_stream: bool,
        /// The sizes of the frames; the last stands for all that follow.
        pieces: Vec<usize>,
        /// So much padding in each.
        padding: Option<u8>,
        /// Whether the windows are heeded.
        heeds_windows: bool,
    },
    /// A frame as it is.
    Frame {
        /// Its type.
        kind: u8,
        /// Its flags.
        flags: u8,
        /// On which stream.
        stream: StreamRef,
        /// What it carries.
        payload: Vec<u8>,
    },
    /// GOAWAY.
    GoAway {
        /// On which stream: that of the connection, if it is right.
        stream: StreamRef,
        /// Its last stream.
        last: u32,
        /// Its error code.
        code: u32,
        /// Its debug data.
        debug: String,
    },
    /// SETTINGS.
    Settings(Settings),
    /// Bytes as they are.
    Bytes(Vec<u8>),
    /// Keeps back what follows, or lets it go in one write.
    Hold(bool),
    /// Waits until the other side has done something.
    WaitFor(AnyOf),
    /// Likewise; the script is over if that does not come.
    MayWaitFor(AnyOf),
    /// Goes on after so long.
    Pause(Duration),
    /// Ends the connection.
    Close(Cut),
}

impl Step {
    /// Whether it sends something on the stream that was opened last.
    pub(super) const fn is_about_the_current_stream(&self) -> bool {
        let (Self::Headers { stream, .. } | Self::Data { stream, .. } | Self::Frame { stream, .. }) =
            self
        else {
            return false;
        };
        matches!(stream, StreamRef::Current)
    }
}

/// Which stream a step is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamRef {
    /// The one that was opened last, or that the last request came on.
    Current,
    /// This one: to a server's script, 1, 3 and 5 are the client's first, second and third,
    /// whatever their numbers are.
    Number(u32),
}

/// What the other side is to do. As data, it has the names that suites give it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Awaited {
    /// One more request begins, which the next steps are about.
    Request,
    /// Its first header block.
    Headers,
    /// So many messages in all.
    Messages(usize),
    /// So many bytes of DATA in all, padding included, as windows count them.
    DataBytes(u64),
    /// Its END_STREAM.
    End,
    /// Its RST_STREAM, with one of these codes.
    #[serde(rename = "rst-stream")]
    Reset(Codes),
    /// Its first SETTINGS.
    Settings,
    /// The acknowledgement of every SETTINGS that was sent.
    SettingsAck,
    /// The answer to every PING that was sent.
    PingAck,
    /// A WINDOW_UPDATE.
    WindowUpdate,
    /// Its GOAWAY, likewise.
    #[serde(rename = "goaway")]
    GoAway(Codes),
    /// The end of the connection.
    Close,
}

/// One of these, whichever comes first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnyOf(pub Vec<Awaited>);

impl From<Awaited> for AnyOf {
    fn from(awaited: Awaited) -> Self {
        Self(vec![awaited])
    }
}

impl fmt::Display for AnyOf {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        formatter.write_str(&names.join(" or "))
    }
}

impl fmt::Display for Awaited {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Request => "a request",
            Self::Headers => "HEADERS",
            Self::Messages(count) => return write!(formatter, "{count} messages"),
            Self::DataBytes(bytes) => return write!(formatter, "{bytes} bytes of DATA"),
            Self::End => "END_STREAM",
            Self::Reset(codes) => return write!(formatter, "RST_STREAM{codes}"),
            Self::Settings => "SETTINGS",
            Self::SettingsAck => "the acknowledgement of SETTINGS",
            Self::PingAck => "the answer to PING",
            Self::WindowUpdate => "WINDOW_UPDATE",
            Self::GoAway(codes) => return write!(formatter, "GOAWAY{codes}"),
            Self::Close => "the end of the connection",
        })
    }
}
