//! A peer of a manifest: what it is, and how each of its roles is built and started.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    time::Duration,
};

use schemars::JsonSchema;
use serde::Deserialize;

use super::serving::{ServerSetting, Serving};
use crate::{feature::ServerFeature, identity::Identity, pattern::Pattern};

/// One implementation under test.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Peer {
    /// Its name in reports, filters and the known list.
    pub name: String,
    /// The language that it is written in, for the report.
    pub language: Option<String>,
    /// The gRPC library that it is made of, such as `grpc-go`. What stands here counts,
    /// whatever the peer says of itself.
    pub implementation: Option<String>,
    /// The library's version, likewise.
    pub version: Option<String>,
    /// Rules of the wire that it is not held to.
    #[serde(default)]
    pub waive: Vec<Waived>,
    /// Programs that must be on PATH for it to be built and to run.
    #[serde(default)]
    pub requires: Vec<RequiredProgram>,
    /// What makes it ready to be started.
    pub build: Option<Build>,
    /// The optional features that its server has; its client announces its own.
    #[serde(default)]
    pub features: BTreeSet<ServerFeature>,
    /// The full names of the services that it has, as server and as client; all of them,
    /// without it.
    pub services: Option<BTreeSet<String>>,
    /// The suites that it is for, as server and as client; all of them, without it.
    pub suites: Option<BTreeSet<String>>,
    /// Cases that it does not support, as server or as client.
    #[serde(default)]
    pub unsupported: Vec<Unsupported>,
    /// How to start its server, or where it runs.
    #[schemars(with = "Option<RawServer>")]
    pub server: Option<ServerSpec>,
    /// How to start its client.
    #[schemars(with = "Option<RawClient>")]
    pub client: Option<ClientSpec>,
    /// The folder of its manifest, in which its commands run.
    #[serde(skip)]
    pub folder: PathBuf,
    /// Whether it is here for the manifest's own peers to be run against.
    #[serde(skip)]
    pub is_reference: bool,
}

/// The name of the harness itself in the place of a peer. No peer may have it.
pub const SCRIPTED: &str = "scripted";

impl Peer {
    /// The harness itself, which plays scripts in the place of a client or a server.
    #[must_use]
    pub fn scripted() -> Self {
        Self {
            name: SCRIPTED.to_owned(),
            language: None,
            implementation: None,
            version: None,
            waive: Vec::new(),
            requires: Vec::new(),
            build: None,
            features: BTreeSet::new(),
            services: None,
            suites: None,
            unsupported: Vec::new(),
            server: Some(ServerSpec {
                start: ServerStart::Scripted,
                tls: Vec::new(),
                mutual_tls: Vec::new(),
                settings: BTreeMap::new(),
            }),
            client: Some(ClientSpec::Scripted),
            folder: PathBuf::new(),
            is_reference: false,
        }
    }

    /// Which library it is made of: what the manifest says, else what it says of itself.
    #[must_use]
    pub fn identity(&self, claimed: Option<&Identity>) -> Option<Identity> {
        let own = self.implementation.clone();
        let version = self.version.clone();
        match (own, claimed) {
            (Some(implementation), claimed) => {
                let is_same = |claimed: &&Identity| claimed.implementation == implementation;
                let said = claimed.filter(is_same).and_then(|claimed| claimed.version.clone());
                Some(Identity { version: version.or(said), implementation })
            }
            (None, Some(claimed)) => {
                let claimed = claimed.clone();
                Some(Identity { version: version.or(claimed.version), ..claimed })
            }
            (None, None) => None,
        }
    }

    /// The program that is its client, if that is one.
    #[must_use]
    pub const fn program(&self) -> Option<&Program> {
        match &self.client {
            Some(ClientSpec::Program(program)) => Some(program),
            _ => None,
        }
    }

    /// Whether it is the harness itself.
    #[must_use]
    pub fn is_scripted(&self) -> bool {
        self.name == SCRIPTED
    }
}

/// A rule of the wire that a peer is not held to.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "expected a table: { rule = …, why = … }")]
pub struct Waived {
    /// The rule's id, such as `WIRE-6`.
    pub rule: String,
    /// Why.
    pub why: String,
}

/// A program that must be on PATH.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RequiredProgram {
    /// Its name, looked up on PATH.
    pub program: String,
    /// What to do when it is missing, such as `install Go 1.24 or later`.
    pub hint: String,
}

/// A command that builds a peer; it runs once a run and should be quick when
/// nothing changed.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Build {
    /// The program and its arguments.
    pub cmd: Vec<String>,
    /// How long it may take. Default 10 min: a first build fetches and compiles.
    #[serde(default = "default_build_timeout", with = "crate::input::duration")]
    #[schemars(with = "String")]
    pub timeout: Duration,
}

/// Cases that a peer does not support, and why.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Unsupported {
    /// Which cases.
    pub case: Pattern,
    /// Why not.
    pub why: String,
    /// Where it is tracked.
    pub issue: Option<String>,
}

/// How to start a peer's server.
#[derive(Debug, Deserialize)]
#[serde(try_from = "RawServer")]
pub struct ServerSpec {
    /// How it is started and becomes ready.
    pub start: ServerStart,
    /// The words that its command gains to serve TLS, with `{cert}` and `{key}`.
    pub tls: Vec<String>,
    /// The words that it gains beside those to ask clients for certificates, with
    /// `{client_ca}`.
    pub mutual_tls: Vec<String>,
    /// The words that it gains for each thing that it can be told of connections, with `{ms}`.
    pub settings: BTreeMap<ServerSetting, Vec<String>>,
}

/// How a server is started and becomes ready.
#[derive(Debug)]
pub enum ServerStart {
    /// It announces itself with a ready line. `{listen}` in the command becomes
    /// `127.0.0.1:0`, or what a case asks for, and `{socket}` a free path for a Unix socket.
    Announces {
        /// The program and its arguments.
        cmd: Vec<String>,
    },
    /// It says nothing: it is ready when its port accepts. `{port}` in the
    /// command becomes a free port and `{listen}` an address with it.
    AcceptsOnFreePort {
        /// The program and its arguments.
        cmd: Vec<String>,
    },
    /// It says nothing and always takes this address, so its cells run one
    /// after another.
    AcceptsAt {
        /// The program and its arguments.
        cmd: Vec<String>,
        /// `HOST:PORT`
        address: String,
    },
    /// It runs already; the harness neither starts nor stops it.
    RunsAt {
        /// `HOST:PORT`
        address: String,
    },
    /// It is the harness itself, which plays each case's script.
    Scripted,
}

impl ServerSpec {
    /// What the manifest lacks to start the server so.
    #[must_use]
    pub fn lacks(&self, serving: &Serving) -> Option<String> {
        let missing = |setting: &&ServerSetting| !self.settings.contains_key(*setting);
        match serving.tls {
            _ if matches!(self.start, ServerStart::Scripted) => None,
            Some(_) if self.tls.is_empty() => Some("`server.tls`".to_owned()),
            Some(tls) if tls.mutual && self.mutual_tls.is_empty() => {
                Some("`server.mutual_tls`".to_owned())
            }
            _ => {
                let setting = serving.settings.keys().find(missing)?;
                Some(format!("`server.settings.{}`", setting.name()))
            }
        }
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawServer {
    cmd: Option<Vec<String>>,
    ready: Option<Ready>,
    address: Option<String>,
    #[serde(default)]
    tls: Vec<String>,
    #[serde(default)]
    mutual_tls: Vec<String>,
    /// The words that the command gains for each, with `{ms}` for the time.
    #[serde(default)]
    settings: BTreeMap<ServerSetting, Vec<String>>,
}

#[derive(Deserialize, JsonSchema, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum Ready {
    Line,
    Connect,
}

impl TryFrom<RawServer> for ServerSpec {
    type Error = String;

    fn try_from(raw: RawServer) -> Result<Self, String> {
        if let Some(cmd) = &raw.cmd {
            check_command("server", cmd)?;
        }
        if let Some(address) = &raw.address {
            check_address(address)?;
        }
        if raw.cmd.is_none() && !(raw.tls.is_empty() && raw.mutual_tls.is_empty()) {
            return Err("`tls` without `cmd`: nothing is started".to_owned());
        }
        if raw.tls.is_empty() && !raw.mutual_tls.is_empty() {
            return Err("`mutual_tls` without `tls`, whose words it follows".to_owned());
        }
        if raw.cmd.is_none() && !raw.settings.is_empty() {
            return Err("`settings` without `cmd`: nothing is started".to_owned());
        }
        let without_time = |words: &Vec<String>| !words.iter().any(|word| word.contains("{ms}"));
        if let Some((setting, _)) = raw.settings.iter().find(|(_, words)| without_time(words)) {
            let name = setting.name();
            return Err(format!("`settings.{name}` needs `{{ms}}`, which the time stands for"));
        }
        let start = ServerStart::of(raw.cmd, raw.ready, raw.address)?;
        Ok(Self { start, tls: raw.tls, mutual_tls: raw.mutual_tls, settings: raw.settings })
    }
}

impl ServerStart {
    fn of(
        cmd: Option<Vec<String>>,
        ready: Option<Ready>,
        address: Option<String>,
    ) -> Result<Self, String> {
        match (cmd, ready, address) {
            (None, None, Some(address)) => Ok(Self::RunsAt { address }),
            (None, Some(_), _) => Err("`ready` without `cmd`: nothing is started".to_owned()),
            (None, None, None) => {
                Err("a server needs `cmd`, or the `address` where it runs".to_owned())
            }
            (Some(cmd), Some(Ready::Connect), Some(address)) => {
                Ok(Self::AcceptsAt { cmd, address })
            }
            (Some(cmd), Some(Ready::Connect), None) => {
                if cmd.iter().any(|word| word.contains("{port}") || word.contains("{listen}")) {
                    Ok(Self::AcceptsOnFreePort { cmd })
                } else {
                    Err("`ready = \"connect\"` needs `{port}` in `cmd`, or `address`".to_owned())
                }
            }
            (Some(_), _, Some(_)) => Err(
                "`address` with `cmd` needs `ready = \"connect\"`; a ready line names the address itself"
                    .to_owned(),
            ),
            (Some(cmd), _, None) => Ok(Self::Announces { cmd }),
        }
    }
}

/// How to start a peer's client.
#[derive(Debug, Deserialize)]
#[serde(try_from = "RawClient")]
pub enum ClientSpec {
    /// By a command.
    Command {
        /// The program and its arguments.
        cmd: Vec<String>,
    },
    /// By a program that makes calls of its own: it is run once for each of its cases.
    Program(Program),
    /// It is the harness itself, which plays each case's script.
    Scripted,
}

/// A client that is just a program.
#[derive(Debug)]
pub struct Program {
    /// The program and its arguments, with `{host}` and `{port}`, or `{target}`, and `{case}`.
    pub exec: Vec<String>,
    /// What it can be told to do.
    pub cases: Vec<String>,
    /// How long it may take for one of them.
    pub timeout: Duration,
    /// Features that the manifest must list for its servers.
    pub needs: Vec<ServerFeature>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawClient {
    /// A client that speaks the peer protocol: the program and its arguments.
    cmd: Option<Vec<String>>,
    /// Instead: a program that makes calls of its own, with `{host}` and `{port}`, or
    /// `{target}`, and `{case}` among its arguments.
    exec: Option<Vec<String>>,
    /// What the program can be told to do: `{case}`, once for each.
    #[serde(default)]
    cases: Vec<String>,
    /// How long the program may take for one of them. Default 30 s.
    #[serde(default, deserialize_with = "crate::input::duration::if_given")]
    #[schemars(with = "Option<String>")]
    timeout: Option<Duration>,
    /// Features that the manifest must list for its servers.
    #[serde(default)]
    needs: Vec<ServerFeature>,
}

/// How long a program may take for a case that says nothing of it.
const PROGRAM_TIMEOUT: Duration = Duration::from_secs(30);

impl TryFrom<RawClient> for ClientSpec {
    type Error = String;

    fn try_from(raw: RawClient) -> Result<Self, String> {
        let is_of_a_program =
            !raw.cases.is_empty() || raw.timeout.is_some() || !raw.needs.is_empty();
        match (raw.cmd, raw.exec) {
            (Some(_), None) if is_of_a_program => {
                Err("`cases`, `timeout` and `needs` belong to `exec`".to_owned())
            }
            (Some(cmd), None) => {
                check_command("client", &cmd)?;
                Ok(Self::Command { cmd })
            }
            (None, Some(exec)) => {
                check_program(&exec, &raw.cases)?;
                let timeout = raw.timeout.unwrap_or(PROGRAM_TIMEOUT);
                Ok(Self::Program(Program { exec, cases: raw.cases, timeout, needs: raw.needs }))
            }
            (Some(_), Some(_)) => Err("both `cmd` and `exec`; give one".to_owned()),
            (None, None) => Err("a client needs `cmd`, or `exec` for a program".to_owned()),
        }
    }
}

/// A program must be told where to connect, and has at least one case: without `{case}`, one.
fn check_program(exec: &[String], cases: &[String]) -> Result<(), String> {
    if exec.first().is_none_or(String::is_empty) {
        return Err("the client's `exec` is empty; give the program and its arguments".to_owned());
    }
    let has = |name: &str| exec.iter().any(|word| word.contains(name));
    if !has("{port}") && !has("{target}") {
        return Err("`exec` needs `{port}` or `{target}`, to know where to connect".to_owned());
    }
    match cases.len() {
        0 => Err("`exec` without `cases`; give at least one name".to_owned()),
        2.. if !has("{case}") => Err("several `cases`, and no `{case}` in `exec`".to_owned()),
        _ => Ok(()),
    }
}

pub(super) fn check_command(role: &str, cmd: &[String]) -> Result<(), String> {
    match cmd.first() {
        Some(program) if !program.is_empty() => Ok(()),
        _ => Err(format!("the {role}'s `cmd` is empty; give the program and its arguments")),
    }
}

fn check_address(address: &str) -> Result<(), String> {
    let port = address.rsplit_once(':').map(|(_, port)| port.parse::<u16>());
    match port {
        Some(Ok(port)) if port > 0 => Ok(()),
        _ => Err(format!("address `{address}`; give HOST:PORT, such as 127.0.0.1:9999")),
    }
}

const fn default_build_timeout() -> Duration {
    Duration::from_secs(600)
}
