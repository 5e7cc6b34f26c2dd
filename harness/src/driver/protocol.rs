//! The lines of the peer protocol, as `docs/peer-protocol.md` defines them.

use std::{path::PathBuf, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Deserializer, Serialize};

use super::hostile::{Json, find_id, messages, pairs};
use crate::{
    child::MAX_LINE_BYTES,
    feature::{ClientFeature, known_client_features},
    identity::Identity,
    input::duration,
    observe::{Answer, Held},
    suite::{Call, CallOptions, CallStep, Case, Channel, Code, RequestMessage, ServiceConfig},
    text::{printable, shorten},
};

/// The version of the protocol that this harness speaks.
pub(super) const VERSION: u32 = 2;

/// The version before, whose clients are given one `request` where others have `send`.
pub(super) const VERSION_OF_ONE_REQUEST: u32 = 1;

/// What a server prints when it is ready.
#[derive(Deserialize)]
pub(super) struct ReadyLine {
    pub(super) ready: Ready,
}

/// Where a server listens, and what it is made of.
#[derive(Deserialize)]
pub(super) struct Ready {
    pub(super) address: String,
    implementation: Option<String>,
    version: Option<String>,
}

impl Ready {
    /// What it says of itself.
    pub(super) fn identity(&self) -> Option<Identity> {
        let implementation = self.implementation.as_ref()?;
        Some(Identity::claimed(implementation, self.version.as_deref()))
    }
}

/// A client's introduction.
#[derive(Debug, Clone, Deserialize)]
pub struct Hello {
    pub(super) protocol: u32,
    /// The gRPC library.
    pub implementation: String,
    /// The library's version.
    pub version: String,
    /// The optional parts of a call that it understands, as far as the harness knows them.
    #[serde(default, deserialize_with = "known_client_features")]
    pub features: Vec<ClientFeature>,
    /// How many calls it takes at once.
    pub max_in_flight: usize,
}

impl Hello {
    /// Whether it speaks a version that this harness speaks, too.
    pub(super) const fn is_understood(&self) -> bool {
        matches!(self.protocol, VERSION | VERSION_OF_ONE_REQUEST)
    }

    /// Whether a call may have more than one request.
    pub(super) const fn takes_steps(&self) -> bool {
        self.protocol == VERSION
    }

    /// Without what means nothing in the version that it speaks.
    pub(super) fn of_its_version(mut self) -> Self {
        let takes_steps = self.takes_steps();
        self.features.retain(|feature| takes_steps || !feature.needs_steps());
        self
    }

    /// What the client says of itself.
    #[must_use]
    pub fn identity(&self) -> Identity {
        Identity::claimed(&self.implementation, Some(&self.version))
    }
}

/// What a client may say.
#[derive(Debug)]
pub(super) enum Reply {
    Hello(Hello),
    Result { id: u64, answer: Answer },
    Unsupported { id: u64, why: String },
}

impl Reply {
    /// With the share of memory that it takes, if it is kept.
    pub(super) fn with(self, held: Held) -> Self {
        match self {
            Self::Result { id, answer } => Self::Result { id, answer: Answer { held, ..answer } },
            other => other,
        }
    }

    /// To whom it belongs, for one that nobody waits for.
    pub(super) fn without_content(self) -> Self {
        match self {
            Self::Result { id, .. } => Self::Result { id, answer: Answer::default() },
            other => other,
        }
    }
}

/// A line that is meant as a reply and is none.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadReply {
    /// The id in it, if it has one.
    pub(super) id: Option<u64>,
    /// What is wrong with it.
    pub(super) problem: String,
    /// Its beginning.
    pub(super) line: String,
}

/// How much of a bad line is quoted, in characters.
const MOST_QUOTED: usize = 200;

impl BadReply {
    fn of(id: Option<u64>, problem: &str, line: &[u8]) -> Self {
        // A character has four bytes at most.
        let start = String::from_utf8_lossy(&line[..line.len().min(4 * MOST_QUOTED)]);
        let mut quoted: String = printable(&start).chars().take(MOST_QUOTED).collect();
        if quoted.len() < line.len() {
            quoted.push('…');
        }
        let problem = shorten(&printable(problem), MOST_QUOTED);
        Self { id, problem, line: quoted }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum RawReply {
    Hello(Hello),
    Result(RawResult),
    Unsupported { id: u64, why: String },
}

#[derive(Deserialize)]
struct RawResult {
    id: u64,
    #[serde(deserialize_with = "messages")]
    messages: Vec<Vec<u8>>,
    steps: Option<usize>,
    status: RawStatus,
    #[serde(default, deserialize_with = "pairs")]
    headers: Vec<(String, String)>,
    #[serde(default, deserialize_with = "pairs")]
    trailers: Vec<(String, String)>,
}

#[derive(Deserialize)]
struct RawStatus {
    #[serde(deserialize_with = "code")]
    code: Code,
    #[serde(default)]
    message: String,
    #[serde(default)]
    details: String,
}

/// A library may hold a code without a sign: then 2^32 - 1 is what came as -1. And it may give
/// what is no number of 32 bits at all, which is its finding and no breach of its adapter's:
/// `null`, or whatever a language without such numbers reads.
fn code<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Code, D::Error> {
    let number = Option::<serde_json::Number>::deserialize(deserializer)?;
    let number = number.and_then(|number| number.as_i64());
    let signed = number.and_then(|number| {
        let unsigned = || u32::try_from(number).ok().map(u32::cast_signed);
        i32::try_from(number).ok().or_else(unsigned)
    });
    Ok(signed.map_or(Code::NO_NUMBER, Code))
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Request<'a> {
    Hello { protocol: u32 },
    Call(CallLine<'a>),
    Close { target: &'a str },
}

#[derive(Serialize)]
struct CallLine<'a> {
    id: u64,
    case: &'a str,
    target: &'a str,
    method: &'a str,
    /// For clients of the version before.
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    send: Option<&'a [CallStep]>,
    timeout_ms: u64,
    #[serde(flatten)]
    options: &'a CallOptions,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls: Option<&'a ClientTls>,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<&'a ClientChannel>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    raw: bool,
}

/// The harness's introduction.
pub(super) fn hello_line() -> String {
    line(&Request::Hello { protocol: VERSION })
}

/// What a call is made with beside the case's own words.
#[derive(Debug, Clone, Copy)]
pub struct Errand<'a> {
    /// What the client's answer repeats.
    pub id: u64,
    /// What it belongs to.
    pub case: &'a Case,
    /// Where the client connects.
    pub target: &'a str,
    /// A metadata entry to find the call by on the wire, after the case's own.
    pub mark: Option<(&'a str, &'a str)>,
    /// How the client encrypts the connection, if it does.
    pub tls: Option<&'a ClientTls>,
    /// How it makes its channel, if not in the ordinary way.
    pub channel: Option<&'a ClientChannel>,
}

/// How a client makes its channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClientChannel {
    /// What the target stands for, in this order; itself alone, if empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    addresses: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_config: Option<ServiceConfig>,
    #[serde(
        rename = "keepalive_time_ms",
        serialize_with = "duration::milliseconds",
        skip_serializing_if = "Option::is_none"
    )]
    keepalive_time: Option<Duration>,
    #[serde(
        rename = "keepalive_timeout_ms",
        serialize_with = "duration::milliseconds",
        skip_serializing_if = "Option::is_none"
    )]
    keepalive_timeout: Option<Duration>,
}

impl ClientChannel {
    /// As a case asks for it, with the addresses of its tap; `None` if it is the ordinary one.
    pub fn of(channel: &Channel, addresses: impl FnOnce() -> Vec<String>) -> Option<Self> {
        let made = Self {
            addresses: if channel.addresses.is_empty() { Vec::new() } else { addresses() },
            service_config: channel.service_config.clone(),
            keepalive_time: channel.keepalive_time,
            keepalive_timeout: channel.keepalive_timeout,
        };
        // What it connects over, the target says.
        let ordinary = Self {
            addresses: Vec::new(),
            service_config: None,
            keepalive_time: None,
            keepalive_timeout: None,
        };
        (made != ordinary).then_some(made)
    }
}

/// How a client encrypts a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClientTls {
    /// The file of the only CA that it trusts.
    pub ca: PathBuf,
    /// The name that the server must prove, if it is not its address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_name: Option<String>,
    /// The file of its own certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<PathBuf>,
    /// The file of the certificate's key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<PathBuf>,
}

/// A call, for a client that takes the steps of `send`, or one request in their place.
pub(super) fn call_line(errand: Errand<'_>, call: &Call, takes_steps: bool) -> String {
    let mut options = call.options.clone();
    let mark = errand.mark.map(|(name, value)| (name.to_owned(), value.to_owned()));
    options.metadata.extend(mark);
    line(&Request::Call(CallLine {
        id: errand.id,
        case: &errand.case.name,
        target: errand.target,
        method: &call.method.path,
        request: call.one_request().filter(|_| !takes_steps).map(RequestMessage::base64),
        send: takes_steps.then_some(&call.send),
        timeout_ms: u64::try_from(call.timeout.as_millis()).unwrap_or(u64::MAX),
        options: &options,
        tls: errand.tls,
        channel: errand.channel,
        raw: call.raw,
    }))
}

/// That no more calls come for a target.
pub(super) fn close_line(target: &str) -> String {
    line(&Request::Close { target })
}

fn line(request: &Request<'_>) -> String {
    let mut line = serde_json::to_string(request).expect("a request has only JSON's own types");
    line.push('\n');
    line
}

/// Reads a client's line; `None` if it is not JSON and so was not meant for us.
pub(super) fn read_reply(line: &[u8]) -> Option<Result<Reply, BadReply>> {
    if !line.trim_ascii_start().starts_with(b"{") {
        return None;
    }
    let reply = match serde_json::from_slice::<RawReply>(line) {
        Ok(reply) => read_parts(reply),
        Err(error) => {
            serde_json::from_slice::<Json>(line).ok()?;
            Err((find_id(line), error.to_string()))
        }
    };
    Some(reply.map_err(|(id, problem)| BadReply::of(id, &problem, line)))
}

/// The parts of a reply; or the id of what cannot be read, and what is wrong with it.
fn read_parts(reply: RawReply) -> Result<Reply, (Option<u64>, String)> {
    match reply {
        RawReply::Hello(hello) => Ok(Reply::Hello(hello)),
        RawReply::Unsupported { id, why } => Ok(Reply::Unsupported { id, why }),
        RawReply::Result(raw) => {
            let id = raw.id;
            let answer = read_answer(raw).map_err(|problem| (Some(id), problem))?;
            Ok(Reply::Result { id, answer })
        }
    }
}

fn read_answer(raw: RawResult) -> Result<Answer, String> {
    let decode = |what: &str, text: &str| {
        STANDARD.decode(text).map_err(|error| format!("{what} is no base64: {error}"))
    };
    Ok(Answer {
        messages: raw.messages,
        steps: raw.steps,
        code: raw.status.code,
        message: raw.status.message,
        details: decode("status.details", &raw.status.details)?,
        headers: raw.headers,
        trailers: raw.trailers,
        held: Held::default(),
    })
}

/// What is said of a line that is too long, of which this is the beginning; `None` if it was
/// not meant for us.
pub(super) fn too_long(start: &[u8]) -> Option<BadReply> {
    let start = start.trim_ascii_start();
    let problem = format!("longer than the {MAX_LINE_BYTES} bytes that are read");
    start.starts_with(b"{").then(|| BadReply::of(find_id(start), &problem, start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_json_is_not_meant_for_us() {
        assert_eq!(too_long(b"~~~~"), None);
        for line in [
            "",
            "INFO ready",
            "42",
            "[1]",
            "{\"result\":{\"id\":7,",
            "{oops}",
            r#"{"log":"\ud800"}"#,
        ] {
            assert!(read_reply(line.as_bytes()).is_none(), "{line}");
        }
    }

    #[test]
    fn a_bad_reply_names_its_id_where_it_has_one() {
        for (line, id, expected) in [
            (r#"{"answer":{"id":7}}"#, Some(7), "unknown variant `answer`"),
            (r#"{"result":{"id":7}}"#, Some(7), "missing field `messages`"),
            (r#"{"result":{"id":-1,"messages":[],"status":{"code":0}}}"#, None, "invalid value"),
            (
                r#"{"result":{"id":7,"messages":["*"],"status":{"code":0}}}"#,
                Some(7),
                "messages[0] is no base64",
            ),
            (r#"{}"#, None, "expected"),
        ] {
            let error = read_reply(line.as_bytes()).unwrap().unwrap_err();
            assert_eq!(error.id, id, "{line}");
            assert!(error.problem.contains(expected), "{line}: {}", error.problem);
        }
    }

    #[test]
    fn a_result_is_read_whole() {
        let line = br#"{"result":{"id":7,"messages":["CAE=",""],"status":{"code":11,"message":"m","details":""},"headers":[["k","v"]],"trailers":[]}}"#;
        let Some(Ok(Reply::Result { id: 7, answer })) = read_reply(line) else { panic!() };
        assert_eq!(answer.messages, [vec![8, 1], vec![]]);
        assert_eq!((answer.code, answer.message.as_str()), (Code(11), "m"));
        assert_eq!(answer.headers, [("k".to_owned(), "v".to_owned())]);
    }
}
