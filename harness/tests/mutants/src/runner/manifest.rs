//! The manifest: the reference peer, and a peer for each mutant, in the roles in which
//! it deviates.

use std::{fmt, path::Path};

use mutants::mutant::{Entry, Layer, Mutant, Sides};

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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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

    fn takes_vectors(&self) -> bool {
        match self {
            Self::Correct => true,
            Self::Mutant(entry) => entry.is_equivalent || entry.layer == Layer::Detector,
        }
    }

    /// Whether it meets the harness's scripts, too: nothing may fail of whoever is lawful.
    fn takes_scripts(&self) -> bool {
        match self {
            Self::Correct => true,
            Self::Mutant(entry) => entry.is_equivalent || ONLY_SCRIPTS_TELL.contains(&entry.mutant),
        }
    }

    /// Whether it meets the correct peer, too.
    fn takes_correct(&self) -> bool {
        matches!(self, Self::Mutant(entry) if ONLY_CORRECT_TELLS.contains(&entry.mutant))
    }

    /// The cases that it is spared.
    fn spared(&self) -> Vec<&'static str> {
        let Self::Mutant(entry) = self else { return Vec::new() };
        if entry.is_equivalent {
            return Vec::new();
        }
        let but =
            |kept: &[&str]| SUITES.iter().copied().filter(|suite| !kept.contains(suite)).collect();
        match (entry.mutant, entry.layer) {
            // Each call of theirs may wait for its deadline, and some are tried alone.
            (Mutant::NoHalfClose | Mutant::TrailersWithoutEnd, _) => but(&["fibonacci/**"]),
            (Mutant::NeverWidensWindows | Mutant::LeaksWindowOfCancelled, _) => {
                but(&["connection/reader/**", "size/**"])
            }
            (Mutant::StreamWindowLost | Mutant::ConnectionWindowLost, _) => {
                but(&["streams/size/**"])
            }
            (Mutant::ReadsAfterSending | Mutant::ShortFramesLost, _) => but(&["streams/flow/**"]),
            (Mutant::SwallowsCancel, _) => but(&["interop/**"]),
            (mutant, _) if LET_PARTNERS_WAIT.contains(&mutant) => but(&["streams/delivery/**"]),
            (mutant, _) if LOSE_MESSAGES.contains(&mutant) => {
                let kept = ["streams/count/**", "streams/order", "streams/unequal/**"];
                but(&kept).into_iter().chain(LONG).collect()
            }
            (_, Layer::Detector) => but(&["outliers/**"]),
            (_, Layer::Fibonacci) => but(&["connection/reader/**", "fibonacci/**"]),
            (_, Layer::Streams) => {
                let is_of_streams =
                    |suite: &&str| suite.starts_with("streams/") || *suite == "interop/**";
                let others = SUITES.iter().copied().filter(|suite| !is_of_streams(suite));
                others.chain(LONG).collect()
            }
            // Whoever hangs would hang for a day.
            (_, Layer::Messages | Layer::Grpc | Layer::Http2) => {
                ["deadline/sent/one-day"].into_iter().chain(LONG).collect()
            }
        }
    }
}

/// The mutants to whom no well-behaved partner gives an occasion, or not for sure.
const ONLY_SCRIPTS_TELL: [Mutant; 30] = [
    Mutant::NeedsNoSettings,
    Mutant::AnyContentType,
    Mutant::AnyFlag,
    Mutant::AnyMethod,
    Mutant::AnyPath,
    Mutant::AnyPreface,
    Mutant::BlamesItself,
    Mutant::CancelsLate,
    Mutant::DeadlineForEachMessage,
    Mutant::ExpectsFieldsInOrder,
    Mutant::GoesOnAfterErrors,
    Mutant::HangsUpAtReset,
    Mutant::Http404IsNotFound,
    Mutant::HttpStatusIsInternal,
    Mutant::IgnoresBadTimeout,
    Mutant::IgnoresConnectionWindow,
    Mutant::IgnoresFragment,
    Mutant::IgnoresStreamWindow,
    Mutant::IgnoresTableSize,
    Mutant::InventsCodes,
    Mutant::KeepsFirstField,
    Mutant::LeaksWindowOfCancelled,
    Mutant::NoMessageIsEmpty,
    Mutant::NoStatusIsSuccess,
    Mutant::ReadsOnlyPacked,
    Mutant::RefusesLongVarints,
    Mutant::RefusesUnknownFields,
    Mutant::TakesMalformed,
    // HTTP status 404 stands for UNIMPLEMENTED.
    Mutant::UnknownMethodIs404,
    Mutant::WantsAMessage,
];

/// What can be spared. A suite that is not here is tried with all.
const SUITES: [&str; 32] = [
    "cancellation/**",
    "compression/**",
    "connection/goaway/**",
    "connection/idle",
    "connection/lost/**",
    "connection/ping/**",
    "connection/reader/**",
    "connection/reset/**",
    "connection/streams/**",
    "connection/wire/**",
    "deadline/**",
    "fibonacci/**",
    "in-flight/**",
    "interop/**",
    "metadata/**",
    "outliers/**",
    "size/**",
    "status/**",
    "streams/cancel/**",
    "streams/compression/**",
    "streams/count/**",
    "streams/deadline/**",
    "streams/delivery/**",
    "streams/early/**",
    "streams/flow/**",
    "streams/in-flight",
    "streams/lost/**",
    "streams/metadata/**",
    "streams/order",
    "streams/refused",
    "streams/size/**",
    "streams/unequal/**",
];

/// With these a call waits for its deadline wherever a side waits for the other: once is
/// enough.
const LET_PARTNERS_WAIT: [Mutant; 7] = [
    Mutant::BuffersRequests,
    Mutant::DeliversAtTheEnd,
    Mutant::HalfClosesUponAnswer,
    Mutant::KeepsMessagesToTheEnd,
    Mutant::KeepsMessageUntilNext,
    Mutant::WaitsForEachAnswer,
    Mutant::WaitsForOneMore,
];

/// Likewise, and how many messages come tells as much.
const LOSE_MESSAGES: [Mutant; 7] = [
    Mutant::AnswersFirstParameters,
    Mutant::LosesFirstMessage,
    Mutant::LosesLastMessage,
    Mutant::LosesSecondMessage,
    Mutant::RepeatsNothing,
    Mutant::SendsFirstAlone,
    Mutant::SwapsMessages,
];

/// A hundred thousand messages, which say nothing of a mutant that others do not.
const LONG: [&str; 3] = [
    "streams/count/download-of-100000",
    "streams/count/duplex-of-100000",
    "streams/count/upload-of-100000",
];

/// The mutants of which the reference's library gives nobody an occasion to tell: the correct
/// peer meets them, too.
const ONLY_CORRECT_TELLS: [Mutant; 1] = [Mutant::CompressesAgainstOrders];

/// Each peer meets the reference, which meets itself, for comparison. The detector's
/// vectors and the harness's scripts are most of all cases: those who are lawful meet all,
/// and mutants those that can tell.
pub(crate) fn filter(subjects: &[Subject]) -> String {
    let names = |takes: fn(&Subject) -> bool| {
        let mut names = Vec::new();
        for subject in subjects.iter().filter(|subject| takes(subject)) {
            let roles = [Role::Server, Role::Client].into_iter().filter(|role| subject.has(*role));
            names.extend(roles.map(|role| format!("{role}({})", subject.name())));
        }
        // Nobody has this name, and an empty list is no filter.
        names.push("server(-)".to_owned());
        names.join(" | ")
    };
    let (vectors, scripts) = (names(Subject::takes_vectors), names(Subject::takes_scripts));
    let correct = names(Subject::takes_correct);
    format!(
        "(server(rust) | client(rust)) & !server(scripted) & !client(scripted) \
         & (!case(vectors/**) | server(rust) & client(rust) | {vectors}) \
         | (server(scripted) | client(scripted)) & ({scripts}) \
         | (server(none) | client(none)) & ({correct}) & case(interop/**)"
    )
}

/// What a mutant's server can.
const FEATURES: [&str; 7] = [
    "directions",
    "gzip",
    "size-limit",
    "test-service",
    "test-service.compressed-stream",
    "test-service.compressed-unary",
    "test-service.expect-compressed",
];

/// The manifest's text. Binaries stand together in one folder.
pub(crate) fn text(root: &Path, binaries: &Path, subjects: &[Subject]) -> String {
    let mut text = format!(
        r#"# Written by `make mutants`.
schema = 1
protos = {protos:?}
suites = {suites:?}
contract = {contract:?}
# A mutant that hangs hangs often; the machine may be busy all the same.
limits = {{ start = "20s", answer_grace = "3s", stop = "1s" }}

[[peer]]
name = {REFERENCE:?}
language = "Rust"
features = ["directions", "gzip", "size-limit", "test-service"]
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
        add(format!("\n[[peer]]\nname = {name:?}\nfeatures = {FEATURES:?}"));
        let spared = subject.spared().into_iter();
        let spared: Vec<String> = spared
            .map(|suite| format!("{{ case = {suite:?}, why = \"not for this mutant\" }}"))
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
