//! What watching the wire costs: calls a second of the Rust client to the Rust server
//! with nothing between them, with a plain forwarder, with the tap and every rule, and
//! in a cell of a run. All take turns in one process, so that their ratios hold on a
//! busy machine; the rates alone say little there. `make bench`.

mod beside;
mod cell;
mod forwarder;
mod table;

use std::{
    collections::BTreeMap,
    error::Error,
    path::{Path, PathBuf},
    sync::Arc,
};

use crosswire::{
    guard::Guard,
    manifest::{ClientSpec, Peer, ServerSpec, ServerStart},
    project::{Project, Wanted},
    suite::Case,
};

use beside::{Beside, Between};
use table::Table;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// How many calls make a turn: about a second.
const CALLS: usize = 8_000;

/// How many turns each way gets; `CROSSWIRE_BENCH_TURNS` sets another number.
const TURNS: usize = 9;

/// How many calls are in flight, as the target is set.
const FEW: usize = 64;

/// As many as the Rust client takes, which is how many a cell has in flight.
const MANY: usize = 256;

/// A small Detect.
const CASE: &str = "outliers/detect/prose-example";

/// How calls are made.
#[derive(Debug, Clone, Copy)]
enum Way {
    Beside(Between, usize),
    Cell,
}

const WAYS: [(&str, Way); 6] = [
    ("nothing between", Way::Beside(Between::Nothing, FEW)),
    ("plain forwarder", Way::Beside(Between::Forwarder, FEW)),
    ("tap and all rules", Way::Beside(Between::Tap, FEW)),
    ("nothing between", Way::Beside(Between::Nothing, MANY)),
    ("plain forwarder", Way::Beside(Between::Forwarder, MANY)),
    ("cell of a run", Way::Cell),
];

/// The way that each is compared with: the forwarder with as many calls in flight.
const COMPARED_WITH: [usize; WAYS.len()] = [1, 1, 1, 4, 4, 4];

fn main() -> Result<()> {
    let turns = match std::env::var("CROSSWIRE_BENCH_TURNS") {
        Ok(turns) => {
            turns.parse().map_err(|_| format!("CROSSWIRE_BENCH_TURNS={turns}: no number"))?
        }
        Err(_) => TURNS,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(run(turns))
}

async fn run(turns: usize) -> Result<()> {
    let bench = Bench::new()?;
    let mut beside = Beside::start(&bench).await?;
    let mut table = Table::default();
    // The first turn opens connections and warms everything up.
    for turn in 0..=turns {
        for (way, (_, how)) in WAYS.iter().enumerate() {
            let before = table::cpu_time()?;
            let elapsed = match *how {
                Way::Beside(between, in_flight) => beside.turn(between, in_flight).await?,
                Way::Cell => cell::turn(&bench).await?,
            };
            let cpu = table::cpu_time()? - before;
            if turn > 0 {
                table.add(way, CALLS, elapsed, cpu);
            }
        }
    }
    beside.stop().await;
    table.print();
    Ok(())
}

/// What all turns have in common.
struct Bench {
    case: Arc<Case>,
    peer: Arc<Peer>,
    logs: tempfile::TempDir,
    guard: Arc<Guard>,
}

impl Bench {
    fn new() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
        let project = Project::load(Some(&root.join("crosswire.toml")), Wanted::Everything)?;
        let case = project.cases().into_iter().find(|case| case.name == CASE);
        let case = case.ok_or_else(|| format!("there is no case {CASE}"))?;
        let (logs, guard) = (tempfile::tempdir()?, Arc::new(Guard::alone()));
        Ok(Self { case, peer: Arc::new(peer(root)?), logs, guard })
    }

    fn server(&self) -> &ServerStart {
        &self.peer.server.as_ref().expect("it is made with one").start
    }

    fn client(&self) -> &ClientSpec {
        self.peer.client.as_ref().expect("it is made with one")
    }
}

/// The Rust peer, from the release build that this program is a part of. It runs in this
/// folder.
fn peer(root: PathBuf) -> Result<Peer> {
    let this = std::env::current_exe()?;
    let folder = this.parent().and_then(Path::parent).ok_or("this program is in no folder")?;
    let command = |name: &str, words: &[&str]| -> Result<Vec<String>> {
        let program = folder.join(name);
        if !program.exists() {
            let program = program.display();
            return Err(format!(
                "{program} is not there; `cargo build --release --bins` builds it"
            )
            .into());
        }
        let program = program.display().to_string();
        Ok(std::iter::once(program).chain(words.iter().map(|word| (*word).to_owned())).collect())
    };
    let start = ServerStart::Announces { cmd: command("server", &["--listen", "{listen}"])? };
    Ok(Peer {
        name: "rust".to_owned(),
        language: None,
        implementation: None,
        version: None,
        waive: Vec::new(),
        requires: Vec::new(),
        build: None,
        features: Default::default(),
        services: None,
        suites: None,
        unsupported: Vec::new(),
        server: Some(ServerSpec {
            start,
            tls: Vec::new(),
            mutual_tls: Vec::new(),
            settings: BTreeMap::new(),
        }),
        client: Some(ClientSpec::Command { cmd: command("client", &["drive"])? }),
        folder: root,
        is_reference: false,
    })
}
