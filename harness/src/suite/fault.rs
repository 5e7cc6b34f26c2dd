//! What a case asks the tap to do to the traffic.

use std::{borrow::Cow, fmt, num::NonZeroU32, time::Duration};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::http2::{ErrorCode, Settings};
use crate::{input::parse_duration, role::Role, text::duration};

/// What the tap's PING carries. Nobody else's does.
pub const PING_DATA: [u8; 8] = *b"crosswir";

/// A fault of the network, or of the side that a frame seems to come from.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "RawFault")]
pub struct Fault {
    /// What happens.
    pub action: Action,
    /// To whose bytes: the direction in which it happens.
    pub of: Role,
    /// From where on.
    pub at: Position,
    /// How long nobody listens where the connection came from, once it is cut.
    pub away: Option<Duration>,
    /// At which of the target's addresses; the first connection at any, without it.
    pub address: Option<usize>,
}

/// What happens to one direction of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Every byte passes so much later; order and pauses stay.
    Delay(Duration),
    /// No more than this passes.
    Throttle {
        /// Bytes per second.
        bytes_per_s: NonZeroU32,
    },
    /// Bytes are read and dropped, and the connection stays open.
    Blackhole,
    /// The connection ends for both sides.
    Cut(Cut),
    /// RST_STREAM for the call. Nothing more of its stream passes.
    RstStream(ErrorCode),
    /// GOAWAY. After a server's, nothing more passes of streams above the last.
    GoAway {
        /// Its error code.
        code: ErrorCode,
        /// The last stream that it names.
        last: LastStream,
    },
    /// These settings are added to the side's first SETTINGS, at their end.
    Settings(Settings),
    /// A PING; its answer is not passed on.
    Ping,
}

/// How a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Cut {
    /// In the ordinary way: FIN. All that passed before is received.
    Close,
    /// With RST. A receiver may lose what it has not read by then.
    Reset,
}

/// The last stream that a GOAWAY names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LastStream {
    /// The call's own: it goes on, and nothing new begins.
    This,
    /// 0: not even the call is taken care of.
    None,
}

/// A place in one direction of a connection. "The call" is the first that the client
/// opens on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Position {
    /// The beginning; for RST_STREAM and GOAWAY, the opening of the call's stream.
    Start,
    /// After so many bytes, the client's preface included. A frame that is added comes
    /// where the next one begins.
    Bytes(u64),
    /// After the call's first block of headers.
    Headers,
    /// After so many whole messages of the call; with 0, just before its first DATA.
    Messages(u32),
    /// After the call's END_STREAM.
    End,
    /// In the middle of the call's trailers. No frame can be added there: RST_STREAM
    /// comes just before them, GOAWAY and PING just after.
    Trailers,
}

impl Fault {
    /// Whether it must know the frames, and so cannot be done to TLS unread.
    #[must_use]
    pub const fn reads_frames(&self) -> bool {
        let adds = matches!(
            self.action,
            Action::RstStream(_) | Action::GoAway { .. } | Action::Settings(_) | Action::Ping
        );
        adds || matches!(
            self.at,
            Position::Headers | Position::Messages(_) | Position::Trailers | Position::End
        )
    }

    /// Whether it only lets bytes pass later.
    #[must_use]
    pub const fn only_slows(&self) -> bool {
        matches!(self.action, Action::Delay(_) | Action::Throttle { .. })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = self.of;
        match &self.action {
            Action::Delay(delay) => {
                write!(formatter, "what the {of} sends arrives {} late", duration(*delay))?;
            }
            Action::Throttle { bytes_per_s } => {
                write!(formatter, "{bytes_per_s} bytes of the {of}'s arrive in a second")?;
            }
            Action::Blackhole => write!(formatter, "nothing that the {of} sends arrives")?,
            Action::Cut(Cut::Close) => write!(formatter, "the connection is closed")?,
            Action::Cut(Cut::Reset) => write!(formatter, "the connection is reset")?,
            Action::RstStream(code) => {
                write!(formatter, "RST_STREAM {code} arrives as if from the {of}")?;
            }
            Action::GoAway { code, last } => {
                let last = match last {
                    LastStream::This => "the call's stream",
                    LastStream::None => "no stream",
                };
                write!(
                    formatter,
                    "GOAWAY {code} arrives as if from the {of}, with {last} as the last"
                )?;
            }
            Action::Settings(settings) => {
                write!(formatter, "the {of}'s first SETTINGS gain {settings}")?;
            }
            Action::Ping => write!(formatter, "a PING arrives as if from the {of}")?,
        }
        match self.at {
            Position::Start => Ok(()),
            Position::Bytes(bytes) => write!(formatter, ", after {bytes} bytes of the {of}'s"),
            Position::Headers => write!(formatter, ", after the {of}'s headers"),
            Position::Messages(messages) => {
                write!(formatter, ", after {messages} messages of the {of}'s")
            }
            Position::End => write!(formatter, ", after the end of the {of}'s stream"),
            Position::Trailers => write!(formatter, ", in the trailers"),
        }?;
        if let Some(address) = self.address {
            write!(formatter, ", at address {address}")?;
        }
        match self.away {
            Some(away) => write!(formatter, ", and nobody listens there for {}", duration(away)),
            None => Ok(()),
        }
    }
}

impl Serialize for Fault {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A fault as it is written.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawFault {
    delay: Option<String>,
    throttle_bytes_per_s: Option<NonZeroU32>,
    blackhole: Option<Set>,
    cut: Option<Cut>,
    rst_stream: Option<ErrorCode>,
    goaway: Option<ErrorCode>,
    last_stream: Option<LastStream>,
    settings: Option<Settings>,
    ping: Option<Set>,
    of: Option<Role>,
    after_bytes: Option<u64>,
    after_headers: Option<Set>,
    after_messages: Option<u32>,
    after_end: Option<Set>,
    in_trailers: Option<Set>,
    away: Option<String>,
    address: Option<usize>,
}

/// `true`; whoever does not want it leaves it out.
#[derive(Debug)]
pub(super) struct Set;

impl JsonSchema for Set {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Set".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "const": true })
    }
}

impl<'de> Deserialize<'de> for Set {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match bool::deserialize(deserializer)? {
            true => Ok(Self),
            false => Err(D::Error::custom("write `true`, or leave it out")),
        }
    }
}

impl TryFrom<RawFault> for Fault {
    type Error = String;

    fn try_from(raw: RawFault) -> Result<Self, String> {
        let of = raw.of.unwrap_or(Role::Server);
        let at = position(&raw)?;
        if (at, of) == (Position::Trailers, Role::Client) {
            return Err("`in_trailers`, but a request has no trailers".to_owned());
        }
        let last_stream = raw.last_stream;
        let away = raw.away.as_deref().map(parse_duration).transpose();
        let (away, address) = (away.map_err(|why| format!("away: {why}"))?, raw.address);
        let action = action(raw, of)?;
        if last_stream.is_some() && !matches!(action, Action::GoAway { .. }) {
            return Err("`last_stream` belongs to `goaway`".to_owned());
        }
        if matches!(action, Action::Settings(_)) && at != Position::Start {
            return Err("`settings` go with the first SETTINGS; they have no position".to_owned());
        }
        if away.is_some() && !matches!(action, Action::Cut(_)) {
            return Err(
                "`away` belongs to `cut`: who listens no more keeps no connection".to_owned()
            );
        }
        Ok(Self { action, of, at, away, address })
    }
}

fn position(raw: &RawFault) -> Result<Position, String> {
    let given = [
        raw.after_bytes.map(|bytes| ("after_bytes", Position::Bytes(bytes))),
        raw.after_headers.as_ref().map(|_| ("after_headers", Position::Headers)),
        raw.after_messages.map(|count| ("after_messages", Position::Messages(count))),
        raw.after_end.as_ref().map(|_| ("after_end", Position::End)),
        raw.in_trailers.as_ref().map(|_| ("in_trailers", Position::Trailers)),
    ];
    let given: Vec<(&str, Position)> = given.into_iter().flatten().collect();
    match given[..] {
        [] => Ok(Position::Start),
        [(_, position)] => Ok(position),
        _ => Err(format!("a fault has one position at most; here are {}", names(&given))),
    }
}

fn action(raw: RawFault, of: Role) -> Result<Action, String> {
    let delay = raw.delay.map(|text| parse_duration(&text)).transpose();
    let delay = delay.map_err(|why| format!("delay: {why}"))?;
    let go_away = |code| last_stream(raw.last_stream, of).map(|last| Action::GoAway { code, last });
    let mut given = [
        delay.map(|delay| ("delay", Action::Delay(delay))),
        raw.throttle_bytes_per_s
            .map(|bytes_per_s| ("throttle_bytes_per_s", Action::Throttle { bytes_per_s })),
        raw.blackhole.map(|_| ("blackhole", Action::Blackhole)),
        raw.cut.map(|cut| ("cut", Action::Cut(cut))),
        raw.rst_stream.map(|code| ("rst_stream", Action::RstStream(code))),
        raw.goaway.map(go_away).transpose()?.map(|action| ("goaway", action)),
        raw.settings.map(|settings| ("settings", Action::Settings(settings))),
        raw.ping.map(|_| ("ping", Action::Ping)),
    ]
    .into_iter()
    .flatten()
    .collect::<Vec<_>>();
    match (given.pop(), &given[..]) {
        (Some((_, action)), []) => Ok(action),
        (Some(last), _) => {
            given.push(last);
            Err(format!("a fault has one action; here are {}", names(&given)))
        }
        (None, _) => Err("a fault has an action: `delay`, `throttle_bytes_per_s`, `blackhole`, \
                          `cut`, `rst_stream`, `goaway`, `settings` or `ping`"
            .to_owned()),
    }
}

fn names<T>(given: &[(&str, T)]) -> String {
    let names: Vec<String> = given.iter().map(|(name, _)| format!("`{name}`")).collect();
    names.join(" and ")
}

/// A client's GOAWAY names a stream that the server opened, and there is never one.
fn last_stream(given: Option<LastStream>, of: Role) -> Result<LastStream, String> {
    match (given, of) {
        (None, Role::Server) => Ok(LastStream::This),
        (None, Role::Client) => Ok(LastStream::None),
        (Some(LastStream::This), Role::Client) => {
            Err("`last_stream` of a client's GOAWAY is \"none\": servers open no streams"
                .to_owned())
        }
        (Some(last), _) => Ok(last),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Fault, String> {
        toml::from_str(text).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn every_action_and_position_is_read() {
        use Action::*;
        use Position::*;
        let of_server =
            |action, at| Ok(Fault { action, of: Role::Server, at, away: None, address: None });
        let ms = Duration::from_millis;
        for (text, expected) in [
            ("delay = '100ms'", of_server(Delay(ms(100)), Start)),
            (
                "throttle_bytes_per_s = 65536\nafter_bytes = 7",
                of_server(Throttle { bytes_per_s: NonZeroU32::new(65536).unwrap() }, Bytes(7)),
            ),
            ("blackhole = true\nafter_headers = true", of_server(Blackhole, Headers)),
            ("cut = 'close'\nof = 'server'", of_server(Cut(super::Cut::Close), Start)),
            ("cut = 'reset'\nin_trailers = true", of_server(Cut(super::Cut::Reset), Trailers)),
            ("rst_stream = 'CANCEL'", of_server(RstStream(ErrorCode(8)), Start)),
            (
                "rst_stream = 77\nafter_messages = 0",
                of_server(RstStream(ErrorCode(77)), Messages(0)),
            ),
            (
                "goaway = 'NO_ERROR'",
                of_server(GoAway { code: ErrorCode(0), last: LastStream::This }, Start),
            ),
            (
                "goaway = 11\nlast_stream = 'none'",
                of_server(GoAway { code: ErrorCode(11), last: LastStream::None }, Start),
            ),
            (
                "goaway = 0\nof = 'client'",
                Ok(Fault {
                    action: GoAway { code: ErrorCode(0), last: LastStream::None },
                    of: Role::Client,
                    at: Start,
                    away: None,
                    address: None,
                }),
            ),
            (
                "settings = { max_concurrent_streams = 4, header_table_size = 0 }",
                of_server(Action::Settings(super::Settings(vec![(1, 0), (3, 4)])), Start),
            ),
            ("ping = true\nafter_messages = 3", of_server(Ping, Messages(3))),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_an_error() {
        for (text, expected) in [
            ("", "a fault has an action: `delay`"),
            ("after_bytes = 1", "a fault has an action: `delay`"),
            ("ping = true\ncut = 'close'", "a fault has one action; here are `cut` and `ping`"),
            (
                "ping = true\nafter_bytes = 1\nin_trailers = true",
                "a fault has one position at most; here are `after_bytes` and `in_trailers`",
            ),
            ("blackhole = false", "write `true`, or leave it out"),
            ("delay = 'soon'", "delay: `soon` is no duration"),
            ("throttle_bytes_per_s = 0", "invalid value: integer `0`"),
            ("cut = 'off'", "unknown variant `off`, expected `close` or `reset`"),
            ("rst_stream = 'STOP'", "`STOP` is no HTTP/2 error code; a number or one of NO_ERROR"),
            ("rst_stream = true", "expected an HTTP/2 error code, by name or number"),
            ("cut = 'close'\nlast_stream = 'none'", "`last_stream` belongs to `goaway`"),
            (
                "goaway = 0\nlast_stream = 'this'\nof = 'client'",
                "`last_stream` of a client's GOAWAY is \"none\"",
            ),
            ("settings = {}", "`settings` is empty"),
            ("settings = { speed = 1 }", "`speed` is no setting of HTTP/2; one of header_table"),
            (
                "settings = { enable_push = 0 }\nafter_bytes = 1",
                "`settings` go with the first SETTINGS; they have no position",
            ),
            ("blackhole = true\nin_trailers = true\nof = 'client'", "`in_trailers`, but a request"),
            ("ping = true\nof = 'tap'", "unknown variant `tap`, expected `server` or `client`"),
            ("pong = true", "unknown field `pong`"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.starts_with(expected), "{text}: {error}");
        }
    }
}
