use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::library::Library;

/// The version of the peer protocol that this client speaks.
const PROTOCOL: u32 = 2;

/// The optional parts of a call that it understands.
pub(super) const FEATURES: [&str; 13] = [
    "bidi",
    "cancel",
    "client-streaming",
    "close",
    "gzip",
    "ipv6",
    "keepalive",
    "raw",
    "size-limit",
    "slow",
    "test-service",
    "tls",
    "unix",
];

/// What tonic does not do by itself: to take the first of several addresses that answers.
pub(super) const FEATURES_OF_LAYERS: [&str; 1] = ["addresses"];

/// How many calls this client takes at once. Each is a small task; this is as
/// many as any server is asked to serve on one connection.
pub(super) const MAX_IN_FLIGHT: usize = 256;

/// A line that the harness writes.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Asked {
    /// Its `protocol` decides nothing here: the answer names this client's own
    /// version, and the harness compares.
    Hello {},
    Call(Box<Call>),
    /// No more calls come for this target.
    Close {
        target: String,
    },
}

#[derive(Debug, Deserialize)]
pub(super) struct Call {
    pub(super) id: u64,
    pub(super) target: String,
    /// `Service/Method`.
    pub(super) method: String,
    /// The steps, which are looked at one by one: one that is none is no reason to leave
    /// the call without an answer.
    #[serde(default)]
    pub(super) send: Vec<Value>,
    pub(super) timeout_ms: Option<u32>,
    #[serde(default)]
    pub(super) metadata: Vec<(String, String)>,
    pub(super) compression: Option<String>,
    pub(super) cancel_after_messages: Option<usize>,
    /// How long to wait before each response message is asked for.
    pub(super) read_delay_ms: Option<u32>,
    pub(super) tls: Option<Tls>,
    pub(super) channel: Option<Channel>,
    #[serde(default)]
    pub(super) raw: bool,
}

/// How its channel is made.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Channel {
    pub(super) addresses: Vec<String>,
    pub(super) keepalive_time_ms: Option<u32>,
    pub(super) keepalive_timeout_ms: Option<u32>,
    /// Other fields, none of which this client understands.
    #[serde(flatten)]
    pub(super) others: HashMap<String, Value>,
}

/// The paths of PEM files, and the name that the server has in its own.
#[derive(Debug, Deserialize)]
pub(super) struct Tls {
    pub(super) ca: String,
    pub(super) server_name: Option<String>,
    pub(super) certificate: Option<String>,
    pub(super) key: Option<String>,
}

/// A line that this client writes.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Answer {
    Hello(Hello),
    Result(CallResult),
    Unsupported { id: u64, why: String },
}

#[derive(Debug, Serialize)]
pub(super) struct Hello {
    protocol: u32,
    implementation: &'static str,
    version: &'static str,
    features: Vec<&'static str>,
    max_in_flight: usize,
}

impl Hello {
    pub(super) fn of(library: Library) -> Self {
        let of_layers: &[&str] = match library {
            Library::Layered => &FEATURES_OF_LAYERS,
            Library::Plain => &[],
        };
        Self {
            protocol: PROTOCOL,
            implementation: library.implementation(),
            version: library.version(),
            features: [of_layers, &FEATURES].concat(),
            max_in_flight: MAX_IN_FLIGHT,
        }
    }
}

#[derive(Debug, Serialize)]
pub(super) struct CallResult {
    pub(super) id: u64,
    /// How many of `send` were done.
    pub(super) steps: usize,
    /// Base64 of each serialized response.
    pub(super) messages: Vec<String>,
    pub(super) status: CallStatus,
    pub(super) headers: Vec<(String, String)>,
    pub(super) trailers: Vec<(String, String)>,
}

#[derive(Debug, Serialize)]
pub(super) struct CallStatus {
    pub(super) code: i32,
    pub(super) message: String,
    /// Base64 of `grpc-status-details-bin`.
    pub(super) details: String,
}

/// Why a call is not made.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal(pub(super) String);

pub(super) fn encode_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

pub(super) fn decode_base64(text: &str) -> Result<Vec<u8>, base64::DecodeError> {
    STANDARD.decode(text)
}
