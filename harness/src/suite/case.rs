//! A case, checked and ready to be run: what is called and what must come of it.

use std::{sync::Arc, time::Duration};

use prost_reflect::{DynamicMessage, MethodDescriptor};
use serde::Deserialize;

use super::{code::Code, fault::Fault, script::Script, tls::Tls};
use crate::{input::Place, manifest::Serving, role::Role};

/// The deadline of a call that names none; a scripted client has as long. Long beside any
/// answer, so that only a peer that hangs reaches it, even on a loaded machine.
pub(super) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// A file of cases.
#[derive(Debug, Clone)]
pub struct Suite {
    /// The first segment of its cases' names.
    pub name: String,
    /// Where its expectations come from, such as a NumPy version.
    pub source: Option<String>,
    /// Its cases, in the file's order.
    pub cases: Vec<Arc<Case>>,
}

/// A named set of calls, with what must come of each.
#[derive(Debug, Clone)]
pub struct Case {
    /// `suite/case`, unique.
    pub name: String,
    /// The id of the contract's rule that it checks.
    pub rule: String,
    /// Why it is here.
    pub why: String,
    /// Where its expectation comes from, if its rule's source does not say it all.
    pub source: Option<String>,
    /// Where it stands.
    pub place: Place,
    /// Features that the manifest must list for the server, if it is not a script. `gzip`
    /// the client must have announced, too, if that is none.
    pub needs: Vec<String>,
    /// Whether nothing else runs beside it, because it may end a process.
    pub is_alone: bool,
    /// Whether nothing is added to what the client sends.
    pub is_pristine: bool,
    /// Whether each call waits for the answer to the one before.
    pub is_sequential: bool,
    /// How long the wire is watched after the last answer.
    pub linger: Duration,
    /// How much the server's process may grow meanwhile, in a case that runs alone.
    pub server_memory_bytes: Option<u64>,
    /// What the tap does to the traffic.
    pub fault: Option<Fault>,
    /// How the connection is encrypted, if it is.
    pub tls: Option<Tls>,
    /// What the harness does in the place of one side, in a scripted case. A scripted
    /// client makes no call; the case's one call says of which method it is.
    pub script: Option<Arc<Script>>,
    /// The calls, made on one connection; at least one.
    pub calls: Vec<Call>,
}

impl Case {
    /// A case with nothing out of the ordinary.
    #[must_use]
    pub fn new(name: &str, rule: &str, why: &str, place: Place, calls: Vec<Call>) -> Self {
        Self {
            name: name.to_owned(),
            rule: rule.to_owned(),
            why: why.to_owned(),
            source: None,
            place,
            needs: Vec::new(),
            is_alone: false,
            is_pristine: false,
            is_sequential: false,
            linger: Duration::ZERO,
            server_memory_bytes: None,
            fault: None,
            tls: None,
            script: None,
            calls,
        }
    }

    /// Whether its trials have a connection that no other trial uses.
    #[must_use]
    pub const fn has_own_connection(&self) -> bool {
        self.is_pristine
            || self.is_sequential
            || self.fault.is_some()
            || self.tls.is_some()
            || self.script.is_some()
            || !self.linger.is_zero()
    }

    /// Which side the harness itself plays.
    #[must_use]
    pub fn scripted(&self) -> Option<Role> {
        self.script.as_ref().map(|script| script.role)
    }

    /// How long its calls may take together, with the ordinary ones beside them.
    #[must_use]
    pub fn longest(&self) -> Duration {
        let each = self.calls.iter().map(|call| call.pause + call.timeout);
        let longest = match self.is_sequential {
            true => each.sum(),
            false => each.max().unwrap_or_default(),
        };
        // The ordinary call beside a script is made once more when both are over.
        let beside = self.script.as_ref().and_then(|script| script.beside.as_ref());
        beside.map_or(longest, |beside| longest.max(beside.limit) + beside.limit)
    }

    /// How the server must be started for it.
    #[must_use]
    pub fn serving(&self) -> Serving {
        self.tls.as_ref().map_or(Serving::Plaintext, |tls| Serving::Tls {
            certificate: tls.server,
            mutual: tls.mutual,
        })
    }

    /// The features that the client must have announced.
    pub fn client_features(&self) -> impl Iterator<Item = &'static str> {
        let of_calls = self.calls.iter().flat_map(Call::client_features);
        let takes_gzip = self.scripted() != Some(Role::Client) && self.needs.iter().any(is_gzip);
        let of_case = [self.tls.as_ref().map(|_| "tls"), takes_gzip.then_some(GZIP)];
        of_case.into_iter().flatten().chain(of_calls)
    }

    /// The features that the manifest must list for the server. What a script can, it can.
    pub fn server_features(&self) -> impl Iterator<Item = &str> {
        let is_peer = self.scripted() != Some(Role::Server);
        let of_case = self.needs.iter().filter(move |_| is_peer).map(String::as_str);
        let of_calls = self.calls.iter().flat_map(|call| call.compression);
        of_case.chain(of_calls.map(|compression| compression.name()))
    }
}

/// The feature of whoever compresses with it, and of a client that takes it.
const GZIP: &str = Compression::Gzip.name();

fn is_gzip(feature: &String) -> bool {
    feature == GZIP
}

/// One call and what must come of it.
#[derive(Debug, Clone)]
pub struct Call {
    /// What is called.
    pub method: Method,
    /// The serialized request.
    pub request: Vec<u8>,
    /// Whether the client sends the bytes as they are, because no generated
    /// type or stub would: a malformed message, a method that does not exist.
    pub raw: bool,
    /// The call's deadline.
    pub timeout: Duration,
    /// Metadata to send, in order; the value of a `-bin` name is base64.
    pub metadata: Vec<(String, String)>,
    /// How the request is compressed.
    pub compression: Option<Compression>,
    /// After how many response messages the client cancels.
    pub cancel_after_messages: Option<u32>,
    /// How long the client waits before it reads each response message.
    pub read_delay: Option<Duration>,
    /// How long it is left alone after the answer before, in a sequential case.
    pub pause: Duration,
    /// What must come of it.
    pub expect: Expect,
}

/// A method, by its path and, when the `.proto` has it, its descriptor.
#[derive(Debug, Clone)]
pub struct Method {
    /// `Service/Method`
    pub path: String,
    /// `None` for a method that is called because it does not exist.
    pub descriptor: Option<MethodDescriptor>,
}

/// How a message is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// gzip, RFC 1952.
    Gzip,
}

impl Compression {
    /// Its name in `grpc-encoding`, in the peer protocol and among the features.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
        }
    }
}

/// What must come of a call. By default status OK, and whatever comes with it.
#[derive(Debug, Clone)]
pub struct Expect {
    /// The allowed status codes; at least one.
    pub codes: Vec<Code>,
    /// The response messages, exactly.
    pub messages: Option<Vec<DynamicMessage>>,
    /// Whether the first of the messages are enough, of a call that fails.
    pub is_partial: bool,
    /// Whether fields that the proto lacks may be in the messages.
    pub takes_unknown_fields: bool,
    /// How many response messages there are.
    pub message_count: Option<usize>,
    /// The status message, exactly.
    pub status_message: Option<String>,
    /// What the status message must contain.
    pub status_message_has: Option<String>,
    /// What the status message must not contain.
    pub status_message_lacks: Option<String>,
    /// How far floating-point fields may be off; bit equality without it.
    pub approx: Option<Approx>,
    /// The bytes of `grpc-status-details-bin`.
    pub status_details: Option<Vec<u8>>,
    /// What must have been seen on the wire.
    pub seen: Vec<Seen>,
    /// What must be among the initial metadata: for each name all its values, in order.
    pub headers: Vec<(String, String)>,
    /// Likewise of the trailing metadata.
    pub trailers: Vec<(String, String)>,
}

impl Default for Expect {
    fn default() -> Self {
        Self {
            codes: vec![Code::OK],
            messages: None,
            is_partial: false,
            takes_unknown_fields: false,
            message_count: None,
            status_message: None,
            status_message_has: None,
            status_message_lacks: None,
            status_details: None,
            seen: Vec::new(),
            approx: None,
            headers: Vec::new(),
            trailers: Vec::new(),
        }
    }
}

/// Something that must have been seen on the wire of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Seen {
    /// A request message with the compressed flag.
    RequestCompressed,
    /// A response message with the compressed flag.
    ResponseCompressed,
    /// The client's RST_STREAM.
    ClientResets,
    /// The server's END_STREAM or RST_STREAM.
    ServerEnds,
    /// The same connection as the call before.
    SameConnection,
    /// Another connection than the call before.
    NewConnection,
    /// The answer to the PING of the case's fault.
    PingAnswered,
}

impl Seen {
    /// Its name in a case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::RequestCompressed => "request-compressed",
            Self::ResponseCompressed => "response-compressed",
            Self::ClientResets => "client-resets",
            Self::ServerEnds => "server-ends",
            Self::SameConnection => "same-connection",
            Self::NewConnection => "new-connection",
            Self::PingAnswered => "ping-answered",
        }
    }
}

/// A tolerance: a value passes if it is within either bound.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Approx {
    /// As a share of the magnitude of the larger of the two values.
    pub relative: f64,
    /// In the value's own unit.
    pub absolute: f64,
}

impl Default for Approx {
    fn default() -> Self {
        Self { relative: 0.0, absolute: 0.0 }
    }
}

impl Call {
    /// A call with nothing out of the ordinary.
    #[must_use]
    pub const fn new(method: Method, request: Vec<u8>, timeout: Duration, expect: Expect) -> Self {
        Self {
            method,
            request,
            raw: false,
            timeout,
            metadata: Vec::new(),
            compression: None,
            cancel_after_messages: None,
            read_delay: None,
            pause: Duration::ZERO,
            expect,
        }
    }

    /// The features that the client must have announced for this call.
    pub fn client_features(&self) -> impl Iterator<Item = &'static str> {
        [
            self.raw.then_some("raw"),
            self.cancel_after_messages.map(|_| "cancel"),
            self.read_delay.map(|_| "slow"),
            self.compression.map(Compression::name),
        ]
        .into_iter()
        .flatten()
    }
}
