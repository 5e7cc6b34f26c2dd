//! Calls made by a run: a plan of one cell with one case many times.

use std::{path::Path, pin::pin, sync::Arc, time::Duration};

use crosswire::{
    event::Event,
    judge::{Beliefs, Strictness, Verdict, judge},
    lag::Lag,
    manifest::Limits,
    plan::{Cell, Plan, Trial},
    run::{self, Round, Settings},
};
use tokio::sync::{mpsc, watch};

use super::{Bench, CALLS, Result};

/// Runs the plan and judges each trial as it is observed. Says how long the calls
/// took, without the peers' start and stop.
pub(super) async fn turn(bench: &Bench) -> Result<Duration> {
    let plan = plan(bench);
    let settings = settings(bench, bench.logs.path())?;
    let (sender, mut events) = mpsc::unbounded_channel();
    let (_stop, stopped) = watch::channel(false);
    let mut tally = Tally { plan: Arc::clone(&plan), passed: 0, calls: Duration::ZERO };
    let mut work = pin!(run::run(plan, settings, sender, stopped));
    loop {
        tokio::select! {
            biased;
            Some(event) = events.recv() => tally.take(&event)?,
            () = &mut work => break,
        }
    }
    while let Ok(event) = events.try_recv() {
        tally.take(&event)?;
    }
    if tally.passed != CALLS {
        return Err(format!("{} trials of {CALLS} were observed", tally.passed).into());
    }
    Ok(tally.calls)
}

struct Tally {
    plan: Arc<Plan>,
    passed: usize,
    calls: Duration,
}

impl Tally {
    fn take(&mut self, event: &Event) -> Result<()> {
        match event {
            Event::TrialObserved { cell, trial, observation } => {
                let case = &self.plan.cells[*cell].trials[*trial].case;
                let judgement =
                    judge(case, observation, &Beliefs::none("server", "client"), Strictness::Must);
                if judgement.verdict != Verdict::Pass || judgement.read_calls != 1 {
                    return Err(format!("a trial does not pass: {judgement:?}").into());
                }
                self.passed += 1;
            }
            Event::PeerBlocked { peer, why } => return Err(format!("{peer}: {why}").into()),
            Event::CellFinished { times, .. } => self.calls += times.calls,
            _ => {}
        }
        Ok(())
    }
}

fn plan(bench: &Bench) -> Arc<Plan> {
    let trial = || Trial { case: Arc::clone(&bench.case), unsupported: None };
    let (server, client) = (Arc::clone(&bench.peer), Arc::clone(&bench.peer));
    let trials = (0..CALLS).map(|_| trial()).collect();
    Arc::new(Plan { cells: vec![Cell { server, client, trials }] })
}

fn settings(bench: &Bench, logs: &Path) -> Result<Settings> {
    Ok(Settings {
        logs: logs.to_owned(),
        limits: Limits::default(),
        jobs: 1,
        guard: Arc::clone(&bench.guard),
        certificates: None,
        known_incidents: Arc::default(),
        lag: Lag::start()?,
        round: Round::default(),
    })
}
