//! What a side can do wrong on the wire, beside a partner that does all as it should.

use std::{str::FromStr, time::Duration};

use clap::{Args, ValueEnum};
use crosswire_http2::{
    frame::flag,
    write::{data, frame, ping, settings_ack},
};

/// One more than anybody takes who does not say otherwise (RFC 9113, section 6.5.2).
const TOO_LONG: usize = 16_384 + 1;

/// As many empty DATA, each with all the padding that there can be, as are more than
/// a window holds: 65,535 bytes.
const PADDED_FRAMES: usize = 260;

/// How a side goes on: long enough for anybody to see that it does not stop.
pub(crate) const ENDLESS_MESSAGES: usize = 100;
pub(crate) const BETWEEN_MESSAGES: Duration = Duration::from_millis(30);

/// The misdeeds of a side. Without any, it is right.
#[derive(Args, Clone, Default)]
pub(crate) struct Wire {
    /// A change to the first header block: `set:NAME=VALUE` changes or adds a field,
    /// `add:` adds one at the end and `first:` at the start, `drop:NAME` removes it.
    #[arg(long, value_name = "EDIT")]
    header: Vec<Edit>,
    /// Likewise to the trailers.
    #[arg(long, value_name = "EDIT")]
    trailer: Vec<Edit>,
    /// What DATA contains instead of a message and its prefix, in hexadecimal.
    #[arg(long, value_name = "HEX")]
    content: Option<Hex>,
    /// The code that a client reports, whatever came.
    #[arg(long, value_name = "CODE")]
    pub(crate) report: Option<i32>,
    #[arg(long)]
    pub(crate) frames: Option<Frames>,
}

/// What is wrong in frames.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Frames {
    // On a connection, from its start.
    BeginWithPing,
    NeverAcknowledgeSettings,
    NeverAnswerPing,
    OfferNoAlpn,

    // In a call, of either side.
    AcknowledgeUnasked,
    AnswerPingUnasked,
    OverrunTheWindow,
    TooLong,
    DataAfterEnd,
    DataAfterReset,

    // A client's.
    RequestTrailers,
    CallAgain,
    StreamTooMany,
    EvenStream,
    LowerStream,
    StreamAgain,
    StreamAfterGoaway,
    NoReset,
    ResetWithAnotherCode,
    /// It reports a message twice.
    MessageTwice,
    MessageLeftOut,
    AnotherMessage,

    // A server's.
    DataFirst,
    TrailersTwice,
    EndOnData,
    EarlyStatus,
}

impl Wire {
    pub(crate) fn has(&self, frames: Frames) -> bool {
        self.frames == Some(frames)
    }

    /// The fields of a first block.
    pub(crate) fn header(&self, fields: &[(&str, &str)]) -> Vec<(String, String)> {
        edited(fields, &self.header)
    }

    pub(crate) fn trailer(&self, fields: &[(&str, &str)]) -> Vec<(String, String)> {
        edited(fields, &self.trailer)
    }

    /// What DATA contains for this message, which has its prefix.
    pub(crate) fn content(&self, message: Vec<u8>) -> Vec<u8> {
        self.content.as_ref().map_or(message, |Hex(content)| content.clone())
    }

    /// The frames that go wrong between HEADERS and DATA.
    pub(crate) fn disturbance(&self, stream: u32) -> Vec<u8> {
        match self.frames {
            Some(Frames::AcknowledgeUnasked) => settings_ack(),
            Some(Frames::AnswerPingUnasked) => ping(flag::ACK, b"unasked!"),
            Some(Frames::OverrunTheWindow) => {
                let padding = [&[255][..], &[0; 255]].concat();
                data(stream, flag::PADDED, &padding).repeat(PADDED_FRAMES)
            }
            // Of a type that nobody knows, which is to be ignored.
            Some(Frames::TooLong) => frame(0xfa, 0, stream, &[0; TOO_LONG]),
            _ => Vec::new(),
        }
    }
}

/// A change to a header block.
#[derive(Clone)]
enum Edit {
    Set(String, String),
    Add(String, String),
    First(String, String),
    Drop(String),
}

impl FromStr for Edit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (what, field) = text.split_once(':').ok_or("no `:`")?;
        let pair = || {
            let (name, value) = field.split_once('=').ok_or("no `=`")?;
            Ok::<_, String>((name.to_owned(), value.to_owned()))
        };
        match what {
            "set" => pair().map(|(name, value)| Self::Set(name, value)),
            "add" => pair().map(|(name, value)| Self::Add(name, value)),
            "first" => pair().map(|(name, value)| Self::First(name, value)),
            "drop" => Ok(Self::Drop(field.to_owned())),
            other => Err(format!("`{other}` is none of set, add, first, drop")),
        }
    }
}

fn edited(fields: &[(&str, &str)], edits: &[Edit]) -> Vec<(String, String)> {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let mut fields: Vec<(String, String)> = fields.iter().map(own).collect();
    for edit in edits.iter().cloned() {
        match edit {
            Edit::Set(name, value) => match fields.iter_mut().find(|field| field.0 == name) {
                Some(field) => field.1 = value,
                None => fields.push((name, value)),
            },
            Edit::Add(name, value) => fields.push((name, value)),
            Edit::First(name, value) => fields.insert(0, (name, value)),
            Edit::Drop(name) => fields.retain(|field| field.0 != name),
        }
    }
    fields
}

#[derive(Clone)]
struct Hex(Vec<u8>);

impl FromStr for Hex {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let byte = |at: usize| {
            let digits = text.get(at..at + 2).ok_or("an odd number of digits")?;
            u8::from_str_radix(digits, 16).map_err(|error| error.to_string())
        };
        (0..text.len()).step_by(2).map(byte).collect::<Result<_, _>>().map(Self)
    }
}
