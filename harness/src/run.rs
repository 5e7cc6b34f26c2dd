//! Runs a plan: builds the peers, then the cells side by side, and sends events.

mod build;
mod cell;
mod core;
mod known;
mod pump;
mod settle;
mod tls;
mod watched;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    sync::{Mutex, Semaphore, mpsc::UnboundedSender, watch},
    task::JoinSet,
};

use crate::{
    certificates::Certificates,
    event::{Event, Times},
    guard::Guard,
    known::Known,
    lag::Lag,
    manifest::{Limits, Peer, ServerStart},
    observe::{Observation, Outcome},
    plan::{Cell, Plan},
};

pub use build::missing_programs;

/// What a run needs beside its plan.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The folder of the peers' logs.
    pub logs: PathBuf,
    /// How long each wait may take.
    pub limits: Limits,
    /// How many servers run at once, each with a client; at least 1.
    pub jobs: usize,
    /// Who kills the peers if the harness dies.
    pub guard: Arc<Guard>,
    /// What TLS is made of; there if any case of the plan has TLS.
    pub certificates: Option<Arc<Certificates>>,
    /// The known failures that are hangs or crashes, or may be. Nobody waits for those that
    /// hang, and no part of a cell is given up for either.
    pub known_incidents: Arc<[Arc<Known>]>,
    /// How late the harness is.
    pub lag: Lag,
    /// Which trials are run.
    pub round: Round,
}

/// Which trials of a plan are run, and in what company. A run has one, and more where it must
/// try again or is to repeat; each has fresh processes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Round {
    /// Which it is. Peers are built in the first, 0, and each keeps logs of its own.
    pub number: usize,
    /// Which trials, by the positions of their cells and their own; `None` is all of them.
    pub trials: Option<BTreeSet<(usize, usize)>>,
    /// Whether each has nothing beside it, not even other cells.
    pub is_alone: bool,
}

impl Round {
    /// Whether a trial is run.
    #[must_use]
    pub fn has(&self, cell: usize, trial: usize) -> bool {
        self.trials.as_ref().is_none_or(|trials| trials.contains(&(cell, trial)))
    }

    /// Whether any trial of a cell is run.
    #[must_use]
    pub fn has_cell(&self, cell: usize) -> bool {
        let of_cell = (cell, 0)..(cell + 1, 0);
        self.trials.as_ref().is_none_or(|trials| trials.range(of_cell).next().is_some())
    }
}

/// How long before it was observed a trial may have begun, beyond its own duration: its
/// streams may take so long to end.
const BEFORE_OBSERVED: Duration = Duration::from_secs(3);

/// What the cells of a run share.
#[derive(Clone)]
struct Context {
    settings: Arc<Settings>,
    events: UnboundedSender<Event>,
    /// True once the run is to stop.
    stop: watch::Receiver<bool>,
}

impl Context {
    fn send(&self, event: Event) {
        // Nobody listens any more only when the run is being dropped.
        let _ = self.events.send(event);
    }

    fn observed(&self, cell: usize, trial: usize, observation: Observation) {
        let began = Instant::now().checked_sub(observation.duration + BEFORE_OBSERVED);
        let was_lagging = began.is_some_and(|began| self.settings.lag.since(began));
        let observation = Box::new(Observation { was_lagging, ..observation });
        self.send(Event::TrialObserved { cell, trial, observation });
    }

    /// Waits until the run is to stop. Safe to cancel.
    async fn stopped(&mut self) {
        if self.stop.wait_for(|stop| *stop).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    fn is_stopped(&self) -> bool {
        *self.stop.borrow()
    }
}

/// Runs every cell of the plan. Trials that `stop` prevents are not observed.
pub async fn run(
    plan: Arc<Plan>,
    settings: Settings,
    events: UnboundedSender<Event>,
    stop: watch::Receiver<bool>,
) {
    let is_alone = settings.round.is_alone;
    let jobs = Arc::new(Semaphore::new(if is_alone { 1 } else { settings.jobs.max(1) }));
    // What mostly waits takes no job from what needs one, unless it is to have no company.
    let waits = if is_alone { Arc::clone(&jobs) } else { Arc::new(Semaphore::new(MOST_WAITING)) };
    let context = Context { settings: Arc::new(settings), events, stop };
    let lag = context.settings.lag.clone();
    tokio::select! {
        () = run_cells(plan, Jobs { jobs, waits }, context) => {}
        () = lag.beat() => {}
    }
}

/// How many parts that mostly wait run at once, beside the jobs: each has its processes.
const MOST_WAITING: usize = 6;

/// What a part needs before it runs.
struct Jobs {
    jobs: Arc<Semaphore>,
    waits: Arc<Semaphore>,
}

async fn run_cells(plan: Arc<Plan>, jobs: Jobs, context: Context) {
    let round = context.settings.round.clone();
    let blocked = match round.number {
        0 => prepare_peers(&plan, &context).await,
        _ => BTreeMap::new(),
    };
    let mut addresses: HashMap<String, Arc<Mutex<()>>> = HashMap::new();
    let mut waiting = Vec::new();
    for (index, cell) in plan.cells.iter().enumerate().filter(|(index, _)| round.has_cell(*index)) {
        if let Some(why) =
            [&cell.server, &cell.client].iter().find_map(|peer| blocked.get(&peer.name))
        {
            for (trial, planned) in cell.trials.iter().enumerate() {
                if planned.unsupported.is_none() {
                    let outcome = Outcome::Blocked { why: why.clone() };
                    context.observed(index, trial, Observation::of(outcome));
                }
            }
            continue;
        }
        // Parts whose server always takes the same address wait for each other,
        // before they take one of the jobs.
        let address = match &cell.server_spec().start {
            ServerStart::AcceptsAt { address, .. } => {
                Some(Arc::clone(addresses.entry(address.clone()).or_default()))
            }
            _ => None,
        };
        let parts = cell::parts(cell, index, &round);
        if parts.is_empty() {
            context.send(Event::CellFinished { cell: index, times: Times::default() });
        }
        let shared = Arc::new(cell::Shared::of(parts.len()));
        let of_cell = |part| (index, part, Arc::clone(&shared), address.clone());
        waiting.extend(parts.into_iter().map(of_cell));
    }
    // Who waits for a job first has it first.
    waiting.sort_by_key(|(_, part, ..)| !part.is_long());
    let mut running = JoinSet::new();
    for (index, part, shared, address) in waiting {
        let jobs = Arc::clone(if part.waits() { &jobs.waits } else { &jobs.jobs });
        let (plan, context) = (Arc::clone(&plan), context.clone());
        running.spawn(async move {
            let _address = match &address {
                Some(address) => Some(address.lock().await),
                None => None,
            };
            let _job = jobs.acquire().await;
            if !context.is_stopped() {
                cell::run(&plan.cells[index], index, part, &shared, context).await;
            }
        });
    }
    while let Some(ended) = running.join_next().await {
        if let Err(error) = ended
            && error.is_panic()
        {
            std::panic::resume_unwind(error.into_panic());
        }
    }
}

/// Builds the peers of the plan, one after another, for each build may use every
/// core. Says which cannot take part, and why.
async fn prepare_peers(plan: &Plan, context: &Context) -> BTreeMap<String, String> {
    let mut peers: Vec<&Arc<Peer>> = Vec::new();
    for peer in plan.cells.iter().flat_map(|cell| [&cell.server, &cell.client]) {
        if !peers.iter().any(|known| known.name == peer.name) {
            peers.push(peer);
        }
    }
    let mut blocked = BTreeMap::new();
    for peer in peers {
        if context.is_stopped() {
            break;
        }
        if let Err(why) = build::prepare(peer, context.clone()).await {
            context.send(Event::PeerBlocked { peer: peer.name.clone(), why: why.clone() });
            blocked.insert(peer.name.clone(), why);
        }
    }
    blocked
}

/// The log of one process of a cell.
fn log_path(logs: &Path, cell: &Cell, name: &str) -> PathBuf {
    logs.join(format!("{}+{}", cell.server.name, cell.client.name)).join(name)
}
