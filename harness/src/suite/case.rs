//! A case, checked and ready to be run.

use std::{collections::BTreeMap, fmt::Display, ops::Not, sync::Arc, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};

use super::{
    call::Call,
    channel::Channel,
    fault::{Fault, RawFault},
    program::ProgramRun,
    script::Script,
    tls::{Tls, TlsTap},
};
use crate::{
    feature::{ClientFeature, ServerFeature},
    input::{Place, duration},
    manifest::{Over, ServerSetting, ServerTls, Serving},
    role::Role,
    text,
};

/// A file of cases.
#[derive(Debug, Clone)]
pub struct Suite {
    /// The first segment of its cases' names.
    pub name: String,
    /// Where its expectations come from, such as a NumPy version.
    pub source: Option<String>,
    /// All of its cases, in the file's order.
    pub index: Vec<CaseHead>,
    /// Those of them that are wanted, in the same order.
    pub cases: Vec<Arc<Case>>,
}

/// What is known of each case, wanted or not: what a selection and a known list look at, and
/// which sides there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseHead {
    /// `suite/case`, unique.
    pub name: String,
    /// The id of the contract's rule that it checks.
    pub rule: String,
    /// Which side the harness itself plays.
    pub scripted: Option<Role>,
    /// Whether it is for a client and a server of one peer alone.
    pub is_of_own_pair: bool,
    /// The peer whose client is a program that it is for.
    pub program: Option<String>,
    /// Where it stands.
    pub place: Place,
}

/// A named set of calls, with what must come of each. What serde reads stands in a suite
/// under the same names; a call's own fields stand beside them.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// `suite/case`, unique; in a suite, what comes after the suite's own name.
    pub name: String,
    /// The id of the contract's rule that it checks.
    pub rule: String,
    /// Why it is here.
    pub why: String,
    /// Where its expectation comes from, if its rule's source does not say it all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Where it stands.
    #[serde(skip_deserializing, default = "Place::nowhere", serialize_with = "shown")]
    #[schemars(skip)]
    pub place: Place,
    /// Features that the manifest must list for the server, if it is not a script. `gzip`,
    /// `size-limit` and `test-service` the client must have announced, too, if that is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<ServerFeature>,
    /// Whether nothing else runs beside it, because it may end a process.
    #[serde(rename = "alone", default, skip_serializing_if = "Not::not")]
    pub is_alone: bool,
    /// Whether nothing is added to what the client sends.
    #[serde(rename = "pristine", default, skip_serializing_if = "Not::not")]
    pub is_pristine: bool,
    /// Whether it is for a client and a server of one peer alone, because it takes long and
    /// other pairs would show no more.
    #[serde(rename = "own_pair", default, skip_serializing_if = "Not::not")]
    pub is_of_own_pair: bool,
    /// Whether each call waits for the answer to the one before.
    #[serde(rename = "sequential", default, skip_serializing_if = "Not::not")]
    pub is_sequential: bool,
    /// Whether the client closes its connections before each of these calls but the first.
    #[serde(rename = "reconnect", default, skip_serializing_if = "Not::not")]
    pub reconnects: bool,
    /// How long the wire is watched after the last answer.
    #[serde(default, with = "duration", skip_serializing_if = "Duration::is_zero")]
    #[schemars(with = "String")]
    pub linger: Duration,
    /// How much the server's process may grow meanwhile, in a case that runs alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_memory_bytes: Option<u64>,
    /// What the tap does to the traffic.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<RawFault>")]
    pub fault: Option<Fault>,
    /// How the connection is encrypted, if it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// How the client comes to the server.
    #[serde(default, skip_serializing_if = "Channel::is_ordinary")]
    pub channel: Channel,
    /// Over what the server is reached by the tap.
    #[serde(default, skip_serializing_if = "Over::is_ordinary")]
    pub server_over: Over,
    /// What the server's library is told of its connections.
    #[serde(
        default,
        deserialize_with = "duration::of_each",
        serialize_with = "shown_settings",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    #[schemars(with = "BTreeMap<ServerSetting, String>")]
    pub server_settings: BTreeMap<ServerSetting, Duration>,
    /// What the harness does in the place of one side, in a scripted case. A scripted
    /// client makes no call; the case's one call says of which method it is.
    #[serde(
        skip_deserializing,
        serialize_with = "shown_script",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(skip)]
    pub script: Option<Arc<Script>>,
    /// The program that makes calls of its own in the place of a client. Of those, the case's
    /// one call says how long all of it may take.
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    pub program: Option<ProgramRun>,
    /// The calls, made on one connection; at least one.
    #[serde(skip_deserializing)]
    #[schemars(skip)]
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
            is_of_own_pair: false,
            is_sequential: false,
            reconnects: false,
            linger: Duration::ZERO,
            server_memory_bytes: None,
            fault: None,
            tls: None,
            channel: Channel::default(),
            server_over: Over::default(),
            server_settings: BTreeMap::new(),
            script: None,
            program: None,
            calls,
        }
    }

    /// The same, encrypted, with the tap between; `None` if it is already, or is for a program,
    /// whose words are its own.
    #[must_use]
    pub fn over_tls(&self) -> Option<Self> {
        let is_plain = self.tls.is_none() && self.program.is_none();
        let tls = Tls { tap: TlsTap::Ends, ..Tls::default() };
        is_plain.then(|| Self { tls: Some(tls), ..self.clone() })
    }

    /// What the index has of it.
    #[must_use]
    pub fn head(&self) -> CaseHead {
        CaseHead {
            name: self.name.clone(),
            rule: self.rule.clone(),
            scripted: self.scripted(),
            is_of_own_pair: self.is_of_own_pair,
            program: self.program.as_ref().map(|run| run.peer.clone()),
            place: self.place.clone(),
        }
    }

    /// Whether its trials have a connection that no other trial uses.
    #[must_use]
    pub fn has_own_connection(&self) -> bool {
        self.is_pristine
            || self.is_sequential
            || self.fault.is_some()
            || self.tls.is_some()
            || !self.channel.is_ordinary()
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

    /// How long it waits at least by its own words, whatever its peers do: for deadlines
    /// that must pass, in pauses, and after the last answer.
    #[must_use]
    pub fn least_wait(&self) -> Duration {
        let each = self.calls.iter().map(Call::least_wait);
        let of_calls = match self.is_sequential {
            true => each.sum(),
            false => each.max().unwrap_or_default(),
        };
        let of_script = self.script.as_ref().map(|script| script.pauses()).unwrap_or_default();
        let of_keepalive = self.channel.keepalive_time.unwrap_or_default();
        of_calls.max(of_script).max(of_keepalive) + self.linger
    }

    /// How the server must be started for it.
    #[must_use]
    pub fn serving(&self) -> Serving {
        let tls = self.tls.as_ref();
        Serving {
            over: self.server_over,
            tls: tls.map(|tls| ServerTls { certificate: tls.server, mutual: tls.mutual }),
            settings: self.server_settings.clone(),
        }
    }

    /// The features that the client must have announced.
    pub fn client_features(&self) -> impl Iterator<Item = ClientFeature> {
        let of_calls = self.calls.iter().flat_map(Call::client_features);
        let is_script = self.scripted() == Some(Role::Client);
        let needs = |need| !is_script && self.needs.contains(&need);
        let of_case = [
            self.tls.as_ref().filter(|_| !is_script).map(|_| ClientFeature::Tls),
            self.reconnects.then_some(ClientFeature::Close),
            needs(ServerFeature::Gzip).then_some(ClientFeature::Gzip),
            needs(ServerFeature::SizeLimit).then_some(ClientFeature::SizeLimit),
            needs(ServerFeature::TestService).then_some(ClientFeature::TestService),
        ];
        of_case.into_iter().flatten().chain(self.channel.client_features()).chain(of_calls)
    }

    /// The features that the manifest must list for the server. What a script can, it can.
    pub fn server_features(&self) -> impl Iterator<Item = ServerFeature> {
        let is_peer = self.scripted() != Some(Role::Server);
        let of_over = match self.server_over {
            Over::Ipv4 => None,
            Over::Ipv6 => Some(ServerFeature::Ipv6),
            Over::Unix => Some(ServerFeature::Unix),
        };
        let of_case = self.needs.iter().cloned().chain(of_over).filter(move |_| is_peer);
        of_case.chain(self.calls.iter().flat_map(Call::server_features))
    }
}

/// As it is shown.
fn shown<T: Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

fn shown_script<S: Serializer>(
    script: &Option<Arc<Script>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    script.as_deref().serialize(serializer)
}

fn shown_settings<S: Serializer>(
    settings: &BTreeMap<ServerSetting, Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(settings.iter().map(|(name, time)| (name, text::duration(*time))))
}
