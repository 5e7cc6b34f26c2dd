//! Does what [`Settling`] wants, to find out which trial an incident belongs to.

use std::collections::VecDeque;

use tokio::time::Instant;

use super::{
    cell::{AtHand, Ending, PartRun},
    core::{Company, Effect, Fate, Settling, TrialId, Want},
    pump::{Caught, Observed},
};
use crate::observe::Observation;

impl<'a> PartRun<'a> {
    /// Observes every trial that was in flight, or puts it back into the queue
    /// where the cell must end before.
    pub(super) async fn settle(
        &mut self,
        caught: Caught,
        queue: &mut VecDeque<TrialId>,
        at_hand: &mut AtHand<'a>,
    ) -> Result<(), Ending> {
        let mut settling = Settling::of(*caught.incident.clone());
        let mut result = if caught.incident.is_known() { Ok(()) } else { self.count_incident() };
        if result.is_ok() {
            result = self.try_again(&mut settling, at_hand).await;
        }
        for effect in settling.end(matches!(result, Err(Ending::Stopped))) {
            self.follow(effect, Some(&caught), queue).await?;
        }
        result
    }

    async fn try_again(
        &mut self,
        settling: &mut Settling,
        at_hand: &mut AtHand<'a>,
    ) -> Result<(), Ending> {
        // Nothing is put back before the end.
        let mut queue = VecDeque::new();
        loop {
            let (effects, caught) = match settling.want() {
                Want::Nothing => return Ok(()),
                Want::Do(effects) => (effects, None),
                Want::RunAlone(trial) => {
                    let again = self.run_alone(trial, at_hand, self.observer()).await?;
                    let incident = again.as_ref().map(|again| *again.incident.clone());
                    (settling.ran_alone(incident), again)
                }
                Want::WatchToEnd(trial) => {
                    let (fate, again) = self.watch_to_end(trial, at_hand).await?;
                    (settling.watched(fate), again)
                }
            };
            for effect in effects {
                self.follow(effect, caught.as_ref(), &mut queue).await?;
            }
        }
    }

    /// Does what follows. `caught` is what the trials in flight belong to.
    async fn follow(
        &mut self,
        effect: Effect,
        caught: Option<&Caught>,
        queue: &mut VecDeque<TrialId>,
    ) -> Result<(), Ending> {
        match effect {
            Effect::Observe(started, outcome) => {
                self.charged(started.trial);
                let observed = Caught::came_to(caught, started, outcome).await;
                self.observed(observed);
            }
            Effect::ObserveAgain(trial, outcome) => {
                self.charged(trial);
                self.observed((trial, Observation::of(outcome)));
            }
            Effect::PutBack(trial) => queue.push_front(trial),
            Effect::Count => return self.count_incident(),
        }
        Ok(())
    }

    /// Runs one trial with nothing beside it.
    pub(super) async fn run_alone(
        &mut self,
        trial: TrialId,
        at_hand: &mut AtHand<'a>,
        observe: impl FnMut(Observed),
    ) -> Result<Option<Caught>, Ending> {
        let mut pump = self.pump(at_hand).await?;
        let result =
            self.run(&mut pump, &mut VecDeque::from([trial]), Company::Nobody, observe).await;
        self.put_back(pump, result, at_hand).await
    }

    /// Runs a trial alone with fresh processes and watches them to their end.
    async fn watch_to_end(
        &mut self,
        trial: TrialId,
        at_hand: &mut AtHand<'a>,
    ) -> Result<(Fate, Option<Caught>), Ending> {
        self.kill(std::mem::take(at_hand)).await;
        // It is observed already, and only what it does beyond that is news.
        if let Some(again) = self.run_alone(trial, at_hand, |_| {}).await? {
            return Ok((Fate::Again(again.incident.clone()), Some(again)));
        }
        let mut ended = (None, None, None);
        if let Some(pump) = at_hand.pump.take() {
            let limit = self.context.settings.limits.stop;
            let began = Instant::now();
            let (tapped, breaches, client) = pump.finish(limit).await;
            let server = tapped.server.stop(limit).await;
            self.times.stop += began.elapsed();
            ended = (breaches.into_iter().next().map(|(_, misstep)| misstep), client, server);
        }
        let (breach, client, server) = ended;
        Ok((Fate::Ended { breach, client, server }, None))
    }
}
