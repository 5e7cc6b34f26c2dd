//! What may come of a scripted client's stream.

use std::fmt;

use prost_reflect::DynamicMessage;

use crate::{
    suite::{Allowed, Code, ErrorCode, Extent, message_value},
    text::count,
};

/// One allowed outcome.
#[derive(Debug, Clone)]
pub struct Ending {
    /// How it ends.
    pub kind: EndingKind,
    /// The response messages, exactly.
    pub messages: Option<Vec<DynamicMessage>>,
    /// How many response messages there are.
    pub message_count: Option<usize>,
    /// How many header blocks there are, interim ones not counted.
    pub blocks: Option<usize>,
    /// Fields that must be in the response's header blocks; those of one name in this
    /// order.
    pub fields: Vec<(String, String)>,
    /// Names of fields that must be there, whatever their values.
    pub has: Vec<String>,
    /// Names of fields that must not be there.
    pub lacks: Vec<String>,
    /// On which stream; the last that the script opened, without it.
    pub stream: Option<u32>,
    /// Only of a server whose SETTINGS take frames of this size.
    pub max_frame_size: Option<u32>,
    /// Outcomes that must be there, too.
    pub also: Vec<Ending>,
}

/// How a stream, or its connection, ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EndingKind {
    /// In one of the ways of a class of outcomes.
    Class {
        /// Its name in the contract.
        name: String,
        /// Which ways these are.
        extent: Extent,
    },
    /// With one of these in `grpc-status`; of OK, with `:status` 200.
    Status(Vec<Code>),
    /// With one of these HTTP statuses, whatever its `grpc-status`.
    Http(Vec<u16>),
    /// With RST_STREAM.
    Reset(Codes),
    /// With GOAWAY for the whole connection.
    GoAway(Codes),
    /// The connection is closed, whatever is said before.
    Closed,
    /// Nothing comes until the time is over, and the connection stays.
    Silence,
}

/// Error codes of HTTP/2 that are allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Codes {
    /// Whatever it is.
    Any,
    /// One of these.
    These(Vec<ErrorCode>),
}

impl Codes {
    /// Whether this one is allowed.
    #[must_use]
    pub fn allow(&self, code: u32) -> bool {
        match self {
            Self::Any => true,
            Self::These(codes) => codes.contains(&ErrorCode(code)),
        }
    }
}

impl EndingKind {
    /// All that it allows.
    #[must_use]
    pub fn extent(&self) -> Extent {
        let errors = |codes: &Codes| match codes {
            Codes::Any => Allowed::Any,
            Codes::These(codes) => Allowed::These(codes.clone()),
        };
        let nothing = Extent::default();
        match self {
            Self::Class { extent, .. } => extent.clone(),
            Self::Status(codes) => Extent::of_codes(codes),
            Self::Http(statuses) => Extent { http: Allowed::These(statuses.clone()), ..nothing },
            Self::Reset(codes) => Extent { resets: errors(codes), ..nothing },
            Self::GoAway(codes) => Extent { goaways: errors(codes), ..nothing },
            Self::Closed => Extent { is_closed: true, ..nothing },
            Self::Silence => Extent { is_silent: true, ..nothing },
        }
    }
}

impl Ending {
    /// Only how it ends.
    #[must_use]
    pub const fn of(kind: EndingKind) -> Self {
        Self {
            kind,
            messages: None,
            message_count: None,
            blocks: None,
            fields: Vec::new(),
            has: Vec::new(),
            lacks: Vec::new(),
            stream: None,
            max_frame_size: None,
            also: Vec::new(),
        }
    }

    /// The name of the class of outcomes that it is.
    #[must_use]
    pub fn class(&self) -> Option<&str> {
        match &self.kind {
            EndingKind::Class { name, .. } => Some(name),
            _ => None,
        }
    }

    /// Whether it is about the connection, not about streams of it alone.
    #[must_use]
    pub fn is_of_the_connection(&self) -> bool {
        let Extent { goaways, is_closed, is_silent, .. } = self.kind.extent();
        let is_itself = goaways != Allowed::Nothing || is_closed || is_silent;
        is_itself || self.also.iter().any(Self::is_of_the_connection)
    }

    /// The streams that it is about, if the script opened this one last.
    #[must_use]
    pub fn streams(&self, last: u32) -> Vec<u32> {
        let of_others = self.also.iter().flat_map(|ending| ending.streams(last));
        [self.stream.unwrap_or(last)].into_iter().chain(of_others).collect()
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            EndingKind::Class { name, extent } => {
                formatter.write_str(name)?;
                write_codes(formatter, &extent.statuses)?;
                write_codes(formatter, &extent.http)?;
                let errors = [&extent.resets, &extent.goaways];
                let named = errors.into_iter().find(|errors| matches!(errors, Allowed::These(_)));
                write_codes(formatter, named.unwrap_or(&Allowed::Nothing))?;
            }
            EndingKind::Status(codes) => write!(formatter, "status {}", any_of(codes))?,
            EndingKind::Http(statuses) => write!(formatter, "HTTP {}", any_of(statuses))?,
            EndingKind::Reset(codes) => write!(formatter, "RST_STREAM{codes}")?,
            EndingKind::GoAway(codes) => write!(formatter, "GOAWAY{codes}")?,
            EndingKind::Closed => write!(formatter, "a closed connection")?,
            EndingKind::Silence => write!(formatter, "nothing")?,
        }
        if let Some(messages) = &self.messages {
            let shown: Vec<String> =
                messages.iter().map(|message| message_value(message).to_string()).collect();
            write!(formatter, ", messages [{}]", shown.join(", "))?;
        }
        if let Some(messages) = self.message_count {
            write!(formatter, ", {}", count(messages, "message"))?;
        }
        if let Some(blocks) = self.blocks {
            write!(formatter, ", {}", count(blocks, "header block"))?;
        }
        for (name, value) in &self.fields {
            write!(formatter, ", {name}: {value}")?;
        }
        for name in &self.has {
            write!(formatter, ", some {name}")?;
        }
        for name in &self.lacks {
            write!(formatter, ", no {name}")?;
        }
        if let Some(stream) = self.stream {
            write!(formatter, ", on stream {stream}")?;
        }
        if let Some(size) = self.max_frame_size {
            write!(formatter, " if it takes frames of {size} bytes")?;
        }
        for ending in &self.also {
            write!(formatter, " and {ending}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Codes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => Ok(()),
            Self::These(codes) => write!(formatter, " {}", any_of(codes)),
        }
    }
}

/// The codes of a class, if not all of its kind are meant.
fn write_codes<T: ToString>(
    formatter: &mut fmt::Formatter<'_>,
    allowed: &Allowed<T>,
) -> fmt::Result {
    match allowed {
        Allowed::Nothing | Allowed::Any => Ok(()),
        Allowed::These(these) => write!(formatter, " {}", any_of(these)),
    }
}

fn any_of<T: ToString>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ")
}
