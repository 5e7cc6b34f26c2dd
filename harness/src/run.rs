//! Runs a plan: builds the peers, then the cells side by side, and sends events.

mod build;
mod cell;
mod core;
mod pump;
mod settle;
mod tls;
mod watched;

use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio::{
    sync::{Mutex, Semaphore, mpsc::UnboundedSender, watch},
    task::JoinSet,
};

use crate::{
    certificates::Certificates,
    event::Event,
    guard::Guard,
    manifest::{Limits, Peer, ServerStart},
    observe::{Observation, Outcome},
    plan::Plan,
};

pub use build::missing_programs;

/// What a run needs beside its plan.
#[derive(Debug)]
pub struct Settings {
    /// The folder in which the peers' commands run.
    pub folder: PathBuf,
    /// The folder of the peers' logs.
    pub logs: PathBuf,
    /// How long each wait may take.
    pub limits: Limits,
    /// How many cells run at once; at least 1.
    pub jobs: usize,
    /// Who kills the peers if the harness dies.
    pub guard: Arc<Guard>,
    /// What TLS is made of; there if any case of the plan has TLS.
    pub certificates: Option<Certificates>,
}

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
        let observation = Box::new(observation);
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
    let jobs = Arc::new(Semaphore::new(settings.jobs.max(1)));
    let context = Context { settings: Arc::new(settings), events, stop };
    let blocked = prepare_peers(&plan, &context).await;
    let mut addresses: HashMap<String, Arc<Mutex<()>>> = HashMap::new();
    let mut cells = JoinSet::new();
    for (index, cell) in plan.cells.iter().enumerate() {
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
        // Cells whose server always takes the same address wait for each other,
        // before they take one of the jobs.
        let address = match &cell.server_spec().start {
            ServerStart::AcceptsAt { address, .. } => {
                Some(Arc::clone(addresses.entry(address.clone()).or_default()))
            }
            _ => None,
        };
        let (plan, jobs, context) = (Arc::clone(&plan), Arc::clone(&jobs), context.clone());
        cells.spawn(async move {
            let _address = match &address {
                Some(address) => Some(address.lock().await),
                None => None,
            };
            let _job = jobs.acquire().await;
            if !context.is_stopped() {
                cell::run(&plan.cells[index], index, context).await;
            }
        });
    }
    while let Some(ended) = cells.join_next().await {
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
fn log_path(logs: &Path, cell: &crate::plan::Cell, role: crate::role::Role) -> PathBuf {
    logs.join(format!("{}+{}", cell.server.name, cell.client.name)).join(format!("{role}.log"))
}
