//! The command line.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};
use serde_json::Value;

use crate::{finding::Kind, identity::Versions, input::parse_duration, pattern::Pattern};

/// Runs every gRPC client against every gRPC server and says which pairs agree,
/// which do not, and which side is to blame.
#[derive(Debug, Parser)]
#[command(name = "crosswire", version, max_term_width = 100, after_help = EXIT_CODES)]
pub struct CommandLine {
    /// The manifest [default: crosswire.toml here or in a folder above]
    #[arg(long, global = true, value_name = "FILE")]
    pub manifest: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
  0   every trial as it should be
  1   an unexpected fail, hang or crash, a flaky trial, or a known failure that passed
  2   bad usage, manifest, suite, known list or filter, or another run writes its reports
      to the same folder; nothing was started
  3   the known list has an entry that matches nothing
  4   nothing selected, or nothing of it supported
  5   a peer could not be built or started; the rest of the matrix ran
  6   stopped early (--limit, Ctrl-C, SIGTERM, SIGHUP); the reports hold what was seen
  70  a defect of the harness, or a report that could not be written";

/// A command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the matrix, or a part of it
    Run(RunArgs),
    /// List the peers, cases or rules
    List(ListArgs),
    /// Explain a case: its rule, its source, what is sent and what must come
    Show(ShowArgs),
    /// Compare two peers of the last run, trial by trial, as a page in Markdown
    Compare(CompareArgs),
    /// Change the list of known failures
    #[command(subcommand)]
    Known(KnownCommand),
    /// Write the JSON schemas of manifests, suites and known lists, for editors
    Schema(SchemaArgs),
}

/// Which trials are meant.
#[derive(Debug, Args)]
pub struct SelectArgs {
    /// Only trials that match, such as 'server(go) & case(fibonacci/**)'.
    /// Predicates: server(), client(), case(), rule(), with `*` for a segment and
    /// `**` for any number; joined by `&`, `|`, `!` and parentheses
    #[arg(short = 'E', long, value_name = "FILTER")]
    pub filter: Option<String>,
    /// Only this peer's server; may be given more than once
    #[arg(long, value_name = "PEER")]
    pub server: Vec<String>,
    /// Only this peer's client; may be given more than once
    #[arg(long, value_name = "PEER")]
    pub client: Vec<String>,
}

/// `crosswire run`
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Which trials.
    #[command(flatten)]
    pub select: SelectArgs,
    /// How many servers run at once, each with a client [default: half as many again as there
    /// are cores, for they often wait]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub jobs: Option<u16>,
    /// Run every trial N times; one that does not come to the same each time is `flaky`, and
    /// fails the run
    #[arg(long, value_name = "N", default_value_t = 1, hide_default_value = true,
          value_parser = clap::value_parser!(u16).range(1..))]
    pub repeat: u16,
    /// How often a trial may run again that a clock has failed while the machine had too much
    /// to do, or the peers had just started
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub retries: u16,
    /// The folder of the reports [default: target/crosswire beside the manifest]
    #[arg(long, value_name = "DIR")]
    pub report: Option<PathBuf>,
    /// Fail at once if a program that a peer requires is missing
    #[arg(long)]
    pub require_all: bool,
    /// Encrypt every connection that a case leaves plain, scripts included; the tap ends TLS,
    /// reads what is between, and starts it anew
    #[arg(long)]
    pub tls: bool,
    /// Let a broken SHOULD of the wire fail its trial, as a broken MUST does
    #[arg(long)]
    pub strict: bool,
    /// Write a transcript of what passed for every trial, not only for those that fail
    #[arg(long)]
    pub trace: bool,
    /// Say where the time went: the builds, the cells that the end waited for, and the trials
    /// that took longest
    #[arg(long)]
    pub timings: bool,
    /// Stop the whole run after this long, such as 10m, and report what was seen
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub limit: Option<Duration>,
}

/// `crosswire list`
#[derive(Debug, Args)]
pub struct ListArgs {
    /// What to list.
    pub what: Listed,
    /// Which trials' cases.
    #[command(flatten)]
    pub select: SelectArgs,
}

/// What can be listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Listed {
    /// The peers of the manifest
    Peers,
    /// The cases, narrowed by the selection
    Cases,
    /// The rules of the contract, with the number of their cases
    Rules,
    /// The known failures, the user's own and those of public libraries, with the number
    /// of their cases in the selection
    Known,
}

/// `crosswire show`
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The case's name, such as outliers/detect/prose-example
    pub case: String,
}

/// `crosswire compare`
#[derive(Debug, Args)]
pub struct CompareArgs {
    /// A peer of the last run
    pub first: String,
    /// Another: the same in another version, say
    pub second: String,
    /// The folder of that run's reports [default: target/crosswire beside the manifest]
    #[arg(long, value_name = "DIR")]
    pub report: Option<PathBuf>,
}

/// `crosswire schema`
#[derive(Debug, Args)]
pub struct SchemaArgs {
    /// The folder for manifest.json, suite.json and known.json; it is made if there is none
    pub folder: PathBuf,
}

/// `crosswire known`
#[derive(Debug, Subcommand)]
pub enum KnownCommand {
    /// Add an entry to the list
    Add(Box<KnownAddArgs>),
    /// Remove the entries that matched nothing, or whose trials all passed, in the last
    /// run
    Prune(KnownPruneArgs),
}

/// `crosswire known add`
#[derive(Debug, Args)]
pub struct KnownAddArgs {
    /// Whose failure it is: a library, as the peer or the manifest names it, such as
    /// grpc-go. More than once, if one cause stands behind several
    #[arg(long, value_name = "NAME", required_unless_present = "peer", conflicts_with = "peer")]
    pub implementation: Vec<String>,
    /// Which versions of it, such as ">=1.60, <1.80"; all, without it
    #[arg(long, value_name = "VERSIONS", value_parser = Versions::parse, conflicts_with = "peer")]
    pub versions: Option<Versions>,
    /// Or the peer whose failure it is: its name in the manifest, or *
    #[arg(long, value_name = "PATTERN", value_parser = Pattern::parse)]
    pub peer: Vec<Pattern>,
    /// In which role; in either, without it
    #[arg(long, value_name = "ROLE", value_parser = ["server", "client"])]
    pub role: Option<String>,
    /// Which cases, such as fibonacci/stream/*. May be given more than once
    #[arg(long, value_name = "PATTERN", value_parser = Pattern::parse, required = true)]
    pub case: Vec<Pattern>,
    /// The kind of finding, as results.jsonl has it, such as status or hang. May be given
    /// more than once
    #[arg(long, value_name = "KIND", value_parser = kind)]
    pub kind: Vec<Kind>,
    /// Where, such as messages[].id
    #[arg(long, value_name = "FIELD")]
    pub field: Option<String>,
    /// What comes instead, as JSON: a part of what results.jsonl has for `got`, such as
    /// '{"code": "INTERNAL"}'. May be given more than once: one of them
    #[arg(long, value_name = "JSON", value_parser = json)]
    pub got: Vec<Value>,
    /// A rule of the wire that its trials break, such as WIRE-39; others are not
    /// excused. May be given more than once
    #[arg(long = "rule", value_name = "RULE")]
    pub rules: Vec<String>,
    /// Why it fails, and why that is not mended
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// Where it is tracked: a link, or the version that has it
    #[arg(long, value_name = "TEXT")]
    pub link: String,
}

/// `crosswire known prune`
#[derive(Debug, Args)]
pub struct KnownPruneArgs {
    /// The folder of the last run's reports [default: target/crosswire beside the
    /// manifest]
    #[arg(long, value_name = "DIR")]
    pub report: Option<PathBuf>,
}

fn kind(text: &str) -> Result<Kind, String> {
    let known = || Kind::ALL.map(Kind::name).join(", ");
    let kind = Kind::ALL.into_iter().find(|kind| kind.name() == text);
    kind.ok_or_else(|| format!("`{text}` is no kind of finding; there are {}", known()))
}

fn json(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| format!("`{text}` is no JSON: {error}"))
}

impl SelectArgs {
    /// Whether nothing is left out.
    #[must_use]
    pub const fn is_everything(&self) -> bool {
        self.server.is_empty() && self.client.is_empty() && self.filter.is_none()
    }
}

impl RunArgs {
    /// How many servers run at once, each with a client.
    #[must_use]
    pub fn jobs(&self) -> usize {
        match self.jobs {
            Some(jobs) => jobs.into(),
            None => (3 * std::thread::available_parallelism().map_or(1, usize::from)).div_ceil(2),
        }
    }
}
