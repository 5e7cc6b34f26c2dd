//! Runs of the harness: a document's server against the clients of the reference
//! peers, and the trials that come of it.

use std::{collections::BTreeSet, fs, path::Path, process::Command, time::Duration};

use serde_json::Value;

use crate::programs::{Peer, finish, peers, python, root, text, write};

/// The cases that ask for more than 93 numbers, and are answered UNKNOWN where
/// the contract says OUT_OF_RANGE. The tutorial's server builds the whole list
/// first, so the largest counts would take all memory: those are never tried.
pub(crate) const TOO_MANY: [&str; 4] = [
    "fibonacci/*/ninety-four",
    "fibonacci/*/one-hundred",
    "fibonacci/*/int32-max",
    "fibonacci/*/int64-max",
];
const WHY_TOO_MANY: &str = "its integers go on beyond int64: protobuf refuses F(93), \
    a stream after the 93 elements that fit, and the status is UNKNOWN";

/// A run of the matrix: seconds of work, and minutes of a busy machine.
const RUN_LIMIT: Duration = Duration::from_secs(300);

/// A document's server as the peer `seed`, and every reference peer's client.
pub(crate) struct Matrix<'a> {
    pub(crate) folder: &'a Path,
    pub(crate) server: &'a Path,
    pub(crate) port: u16,
    pub(crate) unsupported: &'a [&'a str],
}

/// What a run of the matrix came to.
pub(crate) struct Run {
    pub(crate) exit: Option<i32>,
    pub(crate) shown: String,
    pub(crate) trials: Vec<Trial>,
}

#[derive(Debug)]
pub(crate) struct Trial {
    client: String,
    pub(crate) case: String,
    pub(crate) rule: String,
    pub(crate) verdict: String,
    pub(crate) reason: String,
    /// How many messages came, where the trial failed.
    pub(crate) messages: usize,
}

impl Matrix<'_> {
    /// Runs what the filter selects: every client, and no trial blocked or left out.
    pub(crate) fn run(&self, filter: &str) -> Run {
        let manifest = self.folder.join("crosswire.toml");
        write(&manifest, &self.manifest());
        let report = self.folder.join("report");
        let mut command = Command::new(env!("CARGO_BIN_EXE_crosswire"));
        command.args(["run", "--require-all", "-E", filter]);
        command.arg("--manifest").arg(&manifest).arg("--report").arg(&report);
        let output = finish(&mut command, RUN_LIMIT);
        let shown = format!("{}{}", text(&output.stdout), text(&output.stderr));
        assert!(matches!(output.status.code(), Some(0 | 1)), "{}: {shown}", output.status);
        let results = fs::read_to_string(report.join("results.jsonl")).unwrap();
        let lines = results.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let trials: Vec<Trial> = lines.filter_map(|line| Trial::read(line.get("trial")?)).collect();
        let clients: BTreeSet<&str> = trials.iter().map(|trial| trial.client.as_str()).collect();
        assert_eq!(clients, peers().iter().map(|peer| peer.name).collect(), "{shown}");
        Run { exit: output.status.code(), shown, trials }
    }

    fn manifest(&self) -> String {
        let unsupported: Vec<String> = self
            .unsupported
            .iter()
            .map(|case| format!("{{ case = {case:?}, why = {WHY_TOO_MANY:?} }}"))
            .collect();
        let clients = peers().map(|Peer { name, mut client, .. }| {
            client.push("drive".into());
            format!("\n[[peer]]\nname = {name:?}\nclient = {{ cmd = {client:?} }}\n")
        });
        format!(
            r#"schema = 1
protos = {protos:?}
suites = {suites:?}
contract = {contract:?}

[[peer]]
name = "seed"
unsupported = [{unsupported}]

[peer.server]
cmd = [{python:?}, {server:?}]
ready = "connect"
address = "127.0.0.1:{port}"
{clients}"#,
            protos = root().join("proto"),
            suites = root().join("harness/suites"),
            contract = root().join("docs/contract.md"),
            unsupported = unsupported.join(", "),
            python = python(),
            server = self.server,
            port = self.port,
            clients = clients.concat(),
        )
    }
}

impl Trial {
    fn read(trial: &Value) -> Option<Self> {
        let word = |name: &str| trial[name].as_str().map(str::to_owned);
        Some(Self {
            client: word("client")?,
            case: word("case")?,
            rule: word("rule")?,
            verdict: word("verdict")?,
            reason: word("reason").unwrap_or_default(),
            messages: trial["actual"]["messages"].as_array().map_or(0, Vec::len),
        })
    }

    pub(crate) fn is_streamed(&self) -> bool {
        self.case.starts_with("fibonacci/stream/")
    }
}
