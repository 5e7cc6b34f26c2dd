//! Finds out which trial an incident belongs to.
//!
//! A process that dies, hangs or breaks the protocol does not say over which call.
//! So each trial that was in flight is run again with nothing beside it: what
//! happens again is explained. If nothing does, the trial that was decided just
//! before may have caused it a moment later, and is watched to its processes' end.

use std::collections::VecDeque;

use super::{Incident, Started, TrialId};
use crate::{
    child::Stopped,
    observe::{Misstep, Outcome, Remark},
    role::Role,
};

/// An incident that is being settled.
#[derive(Debug)]
pub(in crate::run) struct Settling {
    incident: Incident,
    /// How many of those in flight were tried again.
    tried: usize,
    /// Incidents that came of it and were not certain either.
    doubtful: VecDeque<Incident>,
    /// Whether a trial was found that causes the incident.
    is_explained: bool,
    is_watched: bool,
}

/// What is to be done next to settle an incident.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::run) enum Want {
    /// Run a trial with nothing beside it, and say what came of it with
    /// [`Settling::ran_alone`].
    RunAlone(TrialId),
    /// Run a trial alone with fresh processes, unobserved, and watch them to their end; then
    /// [`Settling::watched`].
    WatchToEnd(TrialId),
    /// Only this.
    Do(Vec<Effect>),
    /// Nothing: [`Settling::end`].
    Nothing,
}

/// What follows for the cell.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::run) enum Effect {
    /// A trial that was in flight came to this, with as much as has passed of it.
    Observe(Started, Outcome),
    /// A trial that was decided before came to this after all.
    ObserveAgain(TrialId, Outcome),
    /// A trial runs once more, in company.
    PutBack(TrialId),
    /// One more incident is counted.
    Count,
}

/// What came of a trial whose processes were watched to their end.
#[derive(Debug)]
pub(in crate::run) enum Fate {
    /// There was an incident again.
    Again(Box<Incident>),
    /// None; they were asked to finish, and ended so.
    Ended {
        /// What the client said that it should not have said.
        breach: Option<Misstep>,
        /// How the client stopped, if it is a process.
        client: Option<Stopped>,
        /// How the server stopped, likewise.
        server: Option<Stopped>,
    },
}

impl Settling {
    /// The first step with an incident.
    pub(in crate::run) const fn of(incident: Incident) -> Self {
        Self {
            incident,
            tried: 0,
            doubtful: VecDeque::new(),
            is_explained: false,
            is_watched: false,
        }
    }

    /// What is to be done next.
    pub(in crate::run) fn want(&mut self) -> Want {
        if self.incident.is_certain {
            return Want::Nothing;
        }
        // Once it is explained, those that wait are not waited for, one after another.
        let next = self.incident.in_flight.get(self.tried);
        if let Some(started) = next.filter(|started| !(self.is_explained && started.waits)) {
            return Want::RunAlone(started.trial);
        }
        if let Some(again) = self.doubtful.front() {
            return match again.last_decided {
                Some(trial) => Want::WatchToEnd(trial),
                None => Want::Do(self.concluded(false)),
            };
        }
        match self.incident.last_decided {
            Some(trial) if !self.is_explained && !self.is_watched => Want::WatchToEnd(trial),
            _ => Want::Nothing,
        }
    }

    /// The trial that was to run alone did, and this is what came of it.
    pub(in crate::run) fn ran_alone(&mut self, again: Option<Incident>) -> Vec<Effect> {
        match again {
            None => {
                self.tried += 1;
                Vec::new()
            }
            Some(again) if again.is_certain => {
                self.tried += 1;
                self.is_explained = true;
                // What was doubtful about the same trial, with processes that others had
                // before it, is certain now.
                self.doubtful.retain(|doubtful| {
                    doubtful.in_flight.is_empty() || doubtful.suspect != again.suspect
                });
                attributed(&again).into_iter().chain([Effect::Count]).collect()
            }
            // It was answered first, or another ran before it with these processes; the next
            // are fresh.
            Some(again) => {
                self.tried += usize::from(again.in_flight.is_empty());
                self.doubtful.push_back(again);
                vec![Effect::Count]
            }
        }
    }

    /// The trial that was to be watched was.
    pub(in crate::run) fn watched(&mut self, fate: Fate) -> Vec<Effect> {
        let about = self.doubtful.front().unwrap_or(&self.incident);
        let mut effects = match (fate, about.last_decided) {
            (Fate::Again(again), _) => attributed(&again),
            (Fate::Ended { breach, client, server }, Some(trial)) => {
                let explanation = explanation(&about.outcome, breach, client, server);
                explanation
                    .map(|outcome| Effect::ObserveAgain(trial, outcome))
                    .into_iter()
                    .collect()
            }
            (Fate::Ended { .. }, None) => Vec::new(),
        };
        let explains = !effects.is_empty();
        effects.extend(self.concluded(explains));
        effects
    }

    /// What follows when it is known whether the trial that was decided just before an
    /// incident caused it.
    fn concluded(&mut self, explains: bool) -> Vec<Effect> {
        self.is_explained |= explains;
        if explains {
            if self.doubtful.pop_front().is_none() {
                self.is_watched = true;
            }
            return vec![Effect::Count];
        }
        let Some(again) = self.doubtful.pop_front() else {
            self.is_watched = true;
            return Vec::new();
        };
        let outcome = with_remark(&again.outcome, Remark::AnsweredAlone { beside: 0 });
        again.suspect.map(|trial| Effect::ObserveAgain(trial, outcome)).into_iter().collect()
    }

    /// What follows in the end, whether or not all was tried. Those that were not are put
    /// back, the first last, so that it comes first in the queue.
    pub(in crate::run) fn end(self, is_stopped: bool) -> Vec<Effect> {
        let Self { incident, tried, is_explained, .. } = self;
        let known = incident.known_hangs.iter();
        let mut effects: Vec<Effect> =
            known.map(|(started, outcome)| Effect::Observe(*started, outcome.clone())).collect();
        if incident.is_certain {
            effects.extend(attributed(&incident));
            return effects;
        }
        let is_open = !is_explained && !is_stopped;
        let suspect = incident.suspect.filter(|_| is_open);
        let beside = incident.in_flight.len().saturating_sub(1);
        for (position, started) in incident.in_flight.iter().enumerate().rev() {
            let (is_tried, is_suspect) = (position < tried, suspect == Some(started.trial));
            effects.extend(match (is_tried, is_suspect) {
                // It happened all the same, and who caused it cannot be found out.
                (true, true) => {
                    let remark = Remark::AnsweredAlone { beside };
                    Some(Effect::Observe(*started, with_remark(&incident.outcome, remark)))
                }
                (false, true) => Some(Effect::Observe(*started, incident.outcome.clone())),
                (false, false) => Some(Effect::PutBack(started.trial)),
                (true, false) => None,
            });
        }
        if let (Some(trial), []) = (suspect, &incident.in_flight[..]) {
            let remark = Remark::AfterItsAnswerAndNotAlone;
            effects.push(Effect::ObserveAgain(trial, with_remark(&incident.outcome, remark)));
        }
        effects
    }
}

/// The incident belongs to the trial that it happened to, or just after.
fn attributed(incident: &Incident) -> Vec<Effect> {
    let Incident { outcome, in_flight, suspect, .. } = incident;
    let of_those = in_flight.iter().map(|started| Effect::Observe(*started, outcome.clone()));
    let after = suspect.filter(|_| in_flight.is_empty());
    of_those.chain(after.map(|trial| Effect::ObserveAgain(trial, came_after(outcome)))).collect()
}

/// What how the processes of a trial ended makes of it, if that is the incident again.
fn explanation(
    incident: &Outcome,
    breach: Option<Misstep>,
    client: Option<Stopped>,
    server: Option<Stopped>,
) -> Option<Outcome> {
    let late = || came_after(incident);
    match incident {
        Outcome::Malformed { .. } => breach.map(Outcome::malformed),
        Outcome::Crashed { role: Role::Client, .. } => {
            client.is_some_and(|client| client.has_died()).then(late)
        }
        Outcome::Crashed { .. } => server.is_some_and(|server| server.has_died()).then(late),
        Outcome::Hung { .. } => client.is_some_and(|client| client.was_terminated()).then(late),
        _ => None,
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

#[cfg(test)]
mod tests;
