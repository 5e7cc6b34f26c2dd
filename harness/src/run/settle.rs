//! Finds out which trial an incident belongs to.
//!
//! A process that dies, hangs or breaks the protocol does not say over which call.
//! So each trial that was in flight is run again with nothing beside it: what
//! happens again is explained. If nothing does, the trial that was decided just
//! before may have caused it a moment later, and is watched to its processes' end.

use std::collections::VecDeque;

use tokio::time::Instant;

use super::{
    cell::{AtHand, CellRun, Ending},
    pump::{Incident, Observed},
};
use crate::{
    observe::{Observation, Outcome, Remark},
    role::Role,
};

/// How far trying again has come.
#[derive(Default)]
struct Progress {
    /// How many of those in flight were tried.
    tried: usize,
    /// Whether a trial was found that causes the incident.
    is_explained: bool,
}

impl<'a> CellRun<'a> {
    /// Observes every trial that was in flight, or puts it back into the queue
    /// where the cell must end before.
    pub(super) async fn settle(
        &mut self,
        incident: Incident,
        queue: &mut VecDeque<usize>,
        at_hand: &mut AtHand<'a>,
    ) -> Result<(), Ending> {
        if incident.is_certain {
            self.attribute(&incident).await;
            return self.count_incident();
        }
        let mut progress = Progress::default();
        let mut result = self.count_incident();
        if result.is_ok() {
            result = self.try_again(&incident, &mut progress, at_hand).await;
        }
        let is_open = !progress.is_explained && !matches!(result, Err(Ending::Stopped));
        let suspect = incident.suspect.filter(|_| is_open);
        let beside = incident.in_flight.len().saturating_sub(1);
        let remark = Remark::AnsweredAlone { beside };
        for (position, started) in incident.in_flight.iter().enumerate().rev() {
            let is_tried = position < progress.tried;
            match (is_tried, suspect == Some(started.trial)) {
                // It happened all the same, and who caused it cannot be found out.
                (true, true) => {
                    let outcome = with_remark(&incident.outcome, remark);
                    self.observed(started.came_to(outcome).await);
                }
                (false, true) => {
                    self.observed(started.came_to(incident.outcome.clone()).await);
                }
                (false, false) => queue.push_front(started.trial),
                (true, false) => {}
            }
        }
        if let (Some(trial), []) = (suspect, &incident.in_flight[..]) {
            let remark = Remark::AfterItsAnswerAndNotAlone;
            self.observed_again(trial, with_remark(&incident.outcome, remark));
        }
        result
    }

    async fn try_again(
        &mut self,
        incident: &Incident,
        progress: &mut Progress,
        at_hand: &mut AtHand<'a>,
    ) -> Result<(), Ending> {
        let mut doubtful = Vec::new();
        while let Some(started) = incident.in_flight.get(progress.tried) {
            match self.run_alone(started.trial, at_hand, self.observer()).await? {
                None => progress.tried += 1,
                Some(again) if again.is_certain => {
                    self.attribute(&again).await;
                    progress.tried += 1;
                    self.explained(true, progress)?;
                }
                // It was answered first, or another ran before it with these
                // processes; the next are fresh.
                Some(again) => {
                    progress.tried += usize::from(again.in_flight.is_empty());
                    doubtful.push(again);
                    self.count_incident()?;
                }
            }
        }
        for again in &doubtful {
            let explains = self.came_late(again, at_hand).await?;
            self.explained(explains, progress)?;
            if let (false, Some(trial)) = (explains, again.suspect) {
                self.observed_again(
                    trial,
                    with_remark(&again.outcome, Remark::AnsweredAlone { beside: 0 }),
                );
            }
        }
        if !progress.is_explained {
            let explains = self.came_late(incident, at_hand).await?;
            self.explained(explains, progress)?;
        }
        Ok(())
    }

    fn explained(&mut self, explains: bool, progress: &mut Progress) -> Result<(), Ending> {
        progress.is_explained |= explains;
        if explains { self.count_incident() } else { Ok(()) }
    }

    /// Runs one trial with nothing beside it.
    async fn run_alone(
        &mut self,
        trial: usize,
        at_hand: &mut AtHand<'a>,
        observe: impl FnMut(Observed),
    ) -> Result<Option<Incident>, Ending> {
        let mut pump = self.pump(at_hand).await?;
        let result = self.run(&mut pump, &mut VecDeque::from([trial]), 1, observe).await;
        self.put_back(pump, result, at_hand).await
    }

    /// Whether the trial that was decided just before an incident causes it: runs
    /// it alone with fresh processes and watches them to their end.
    async fn came_late(
        &mut self,
        incident: &Incident,
        at_hand: &mut AtHand<'a>,
    ) -> Result<bool, Ending> {
        let Some(trial) = incident.last_decided else { return Ok(false) };
        self.kill(std::mem::take(at_hand)).await;
        // It is observed already, and only what it does beyond that is news.
        if let Some(again) = self.run_alone(trial, at_hand, |_| {}).await? {
            self.attribute(&again).await;
            return Ok(true);
        }
        let Some(pump) = at_hand.pump.take() else { return Ok(false) };
        let limit = self.context.settings.limits.stop;
        let began = Instant::now();
        let (tapped, breaches, client) = pump.finish(limit).await;
        let server = tapped.server.stop(limit).await;
        self.times.stop += began.elapsed();
        let late = || came_after(&incident.outcome);
        let explanation = match &incident.outcome {
            Outcome::Malformed { .. } => {
                breaches.into_iter().next().map(|(_, misstep)| Outcome::malformed(misstep))
            }
            Outcome::Crashed { role: Role::Client, .. } => {
                client.is_some_and(|client| client.has_died()).then(late)
            }
            Outcome::Crashed { .. } => server.is_some_and(|server| server.has_died()).then(late),
            Outcome::Hung { .. } => client.is_some_and(|client| client.was_terminated()).then(late),
            _ => None,
        };
        let explains = explanation.is_some();
        if let Some(outcome) = explanation {
            self.observed_again(trial, outcome);
        }
        Ok(explains)
    }

    /// The incident belongs to the trial that it happened to, or just after.
    async fn attribute(&self, incident: &Incident) {
        for started in &incident.in_flight {
            self.observed(started.came_to(incident.outcome.clone()).await);
        }
        if let (Some(trial), []) = (incident.suspect, &incident.in_flight[..]) {
            self.observed_again(trial, came_after(&incident.outcome));
        }
    }

    /// What came of a trial after it was decided.
    fn observed_again(&self, trial: usize, outcome: Outcome) {
        self.observed((trial, Observation::of(outcome)));
    }
}

/// What a trial's processes did after its answer. A breach of the protocol names the
/// call itself.
fn came_after(outcome: &Outcome) -> Outcome {
    match outcome {
        Outcome::Malformed { .. } => outcome.clone(),
        _ => with_remark(outcome, Remark::AfterItsAnswer),
    }
}

fn with_remark(outcome: &Outcome, remark: Remark) -> Outcome {
    let mut outcome = outcome.clone();
    if let Outcome::Hung { remarks, .. }
    | Outcome::Crashed { remarks, .. }
    | Outcome::Malformed { remarks, .. } = &mut outcome
    {
        remarks.push(remark);
    }
    outcome
}
