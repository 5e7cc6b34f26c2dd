//! The manifest: the reference peer, and a peer for each mutant, in the roles in which
//! it deviates.

use std::{fmt, path::Path};

use mutants::mutant::{Entry, Layer, Sides};

/// The name of the reference peer.
pub(crate) const REFERENCE: &str = "rust";

/// A peer under test.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Subject {
    /// The correct base of all mutants.
    Correct,
    /// A mutant.
    Mutant(&'static Entry),
}

/// A role of a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Server,
    Client,
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Server => "server",
            Self::Client => "client",
        })
    }
}

impl Subject {
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Correct => "none".to_owned(),
            Self::Mutant(entry) => entry.name(),
        }
    }

    pub(crate) fn has(&self, role: Role) -> bool {
        let Self::Mutant(entry) = self else { return true };
        match entry.sides {
            Sides::Server => role == Role::Server,
            Sides::Client => role == Role::Client,
            Sides::Both => true,
        }
    }

    /// Whether no trial of it may fail.
    pub(crate) fn is_lawful(&self) -> bool {
        match self {
            Self::Correct => true,
            Self::Mutant(entry) => entry.is_equivalent,
        }
    }

    /// The cases that it is spared: its layer has no part in them.
    fn spared(&self) -> &'static [&'static str] {
        match self {
            Self::Mutant(entry) if !entry.is_equivalent => match entry.layer {
                Layer::Detector => &[
                    "cancellation/**",
                    "compression/**",
                    "connection/**",
                    "deadline/**",
                    "fibonacci/**",
                    "in-flight/**",
                    "metadata/**",
                    "size/**",
                    "status/**",
                ],
                // Of the connection's, what is about slow readers is left.
                Layer::Fibonacci => &[
                    "cancellation/**",
                    "compression/**",
                    "connection/goaway/**",
                    "connection/lost/**",
                    "connection/ping/**",
                    "connection/reset/**",
                    "connection/streams/**",
                    "deadline/**",
                    "in-flight/**",
                    "metadata/**",
                    "outliers/**",
                    "size/**",
                    "status/**",
                    "vectors/**",
                ],
                // Whoever hangs would hang for a day.
                Layer::Messages | Layer::Grpc | Layer::Http2 => {
                    &["deadline/sent/one-day", "vectors/**"]
                }
            },
            _ => &[],
        }
    }
}

/// Each mutant meets the reference and the harness's scripts alone. The reference meets
/// itself, for comparison.
pub(crate) const FILTER: &str =
    "server(rust) | client(rust) | server(scripted) | client(scripted)";

/// The manifest's text. Binaries stand together in one folder.
pub(crate) fn text(root: &Path, binaries: &Path, subjects: &[Subject]) -> String {
    let mut text = format!(
        r#"# Written by `make mutants`.
schema = 1
protos = {protos:?}
suites = {suites:?}
contract = {contract:?}
# A mutant that hangs hangs often.
limits = {{ start = "20s", answer_grace = "1s", stop = "1s" }}

[[peer]]
name = {REFERENCE:?}
language = "Rust"
features = ["directions", "gzip"]
server = {{ cmd = [{server:?}, "--listen", "{{listen}}"] }}
client = {{ cmd = [{client:?}, "drive"] }}
"#,
        protos = root.join("proto"),
        suites = root.join("harness/suites"),
        contract = root.join("docs/contract.md"),
        server = binaries.join("server"),
        client = binaries.join("client"),
    );
    let peer = binaries.join("mutant-peer");
    for subject in subjects {
        let name = subject.name();
        let mut add = |line: String| {
            text.push_str(&line);
            text.push('\n');
        };
        add(format!("\n[[peer]]\nname = {name:?}\nfeatures = [\"directions\", \"gzip\"]"));
        let spared = subject.spared().iter();
        let spared: Vec<String> = spared
            .map(|suite| format!("{{ case = {suite:?}, why = \"another layer's\" }}"))
            .collect();
        add(format!("unsupported = [{}]", spared.join(", ")));
        if subject.has(Role::Server) {
            let words = format!(r#""server", "--listen", "{{listen}}", "--mutant", {name:?}"#);
            add(format!("server = {{ cmd = [{peer:?}, {words}] }}"));
        }
        if subject.has(Role::Client) {
            let words = format!(r#""client", "drive", "--mutant", {name:?}"#);
            add(format!("client = {{ cmd = [{peer:?}, {words}] }}"));
        }
    }
    text
}
