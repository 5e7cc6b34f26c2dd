//! The trials between their start and their observation.

use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    time::{Duration, Instant},
};

use super::{CallId, Company, Incident, Started, TrialId, pace::Pace};
use crate::{
    driver::ClientEvent,
    feature::ClientFeature,
    observe::{Answer, Misstep, Observation, Outcome, Wire},
    plan::Trial,
    role::Role,
    suite::Case,
};

/// How many answers a client may repeat before it is killed. One that never stops
/// repeating itself answers nothing else.
const MOST_REPETITIONS: usize = 100;

/// How many trials may wait for their streams' ends before more are started. Reading the
/// wire can fall behind a fast client on a busy machine; then the calls must wait for it,
/// or what is not read yet would grow with the run.
const MOST_ENDING: usize = 256;

/// How many trials with a scripted server may be young at once. Each makes a connection of its
/// own, which costs a client far more than a call; with hundreds at once their deadlines
/// would pass before they are connected.
const MOST_YOUNG: usize = 8;

/// How long a trial is young: one that has not ended by then waits, and keeps no other from
/// its connection.
const YOUNG: Duration = Duration::from_millis(300);

/// How long the first answer of two processes may take before what a clock decides until
/// then is nobody's fault.
const COLD: Duration = Duration::from_millis(200);

/// What a client takes.
#[derive(Debug, Clone)]
pub(in crate::run) struct Taking {
    /// How many calls at once.
    pub(in crate::run) most_calls: usize,
    /// What it announced.
    pub(in crate::run) features: Vec<ClientFeature>,
}

/// What may be started next.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::run) enum Next {
    /// This trial.
    Start(TrialId),
    /// Nothing of this one: the client lacks what it needs.
    Skip(TrialId, Outcome),
    /// Nothing yet.
    Wait,
}

/// What is to be done.
#[derive(Debug)]
pub(in crate::run) enum Action {
    /// Hand the client this call of a trial.
    Call {
        /// What its answer will repeat.
        id: CallId,
        /// Whose it is.
        trial: TrialId,
        /// Its position in the case.
        call: usize,
    },
    /// A trial is decided: collect what passed on its streams until they have ended.
    AwaitStreams(TrialId),
    /// A trial was observed.
    Observe(TrialId, Box<Observation>),
}

/// What an answer of the client's belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::run) struct Answering {
    /// Whose it is.
    pub(in crate::run) trial: TrialId,
    /// Whether it was answered before.
    pub(in crate::run) is_answered: bool,
    call: usize,
}

/// The trials of a cell that its processes are at.
pub(in crate::run) struct Flights<'a> {
    trials: &'a [Trial],
    taking: Taking,
    grace: Duration,
    /// The trials that hang, or may, as is known. Nobody waits for them.
    known_hangs: HashSet<TrialId>,
    /// The id of the next call.
    next_id: CallId,
    /// Every call that was given to this client.
    given: HashMap<CallId, Answering>,
    /// In the order of their start.
    in_flight: Vec<Flight>,
    /// Trials that are decided, and what they came to, while their streams end.
    ending: BTreeMap<TrialId, Observation>,
    last_decided: Option<TrialId>,
    repetitions: usize,
    pace: Pace,
    /// When the first trial began, and when the first was answered.
    began: Option<Instant>,
    warm: Option<Instant>,
}

#[derive(Debug)]
struct Flight {
    trial: TrialId,
    started: Instant,
    deadline: Instant,
    /// How many of its calls were made.
    made: usize,
    answers: Vec<Option<Answer>>,
    /// When the next call is due, in a case whose calls come one after another.
    next_call: Option<Instant>,
}

impl<'a> Flights<'a> {
    /// None yet, of these trials, with a client that takes so much and may answer so long
    /// after a call's timeout. Some hang, or may, as is known. Ids go on from `next_id`.
    pub(in crate::run) fn new(
        trials: &'a [Trial],
        taking: Taking,
        grace: Duration,
        known_hangs: HashSet<TrialId>,
        next_id: CallId,
    ) -> Self {
        let pace = Pace::new(taking.most_calls);
        Self {
            trials,
            taking,
            grace,
            known_hangs,
            next_id,
            given: HashMap::new(),
            in_flight: Vec::new(),
            ending: BTreeMap::new(),
            last_decided: None,
            repetitions: 0,
            pace,
            began: None,
            warm: None,
        }
    }

    /// The id of the next call.
    pub(in crate::run) const fn next_id(&self) -> CallId {
        self.next_id
    }

    /// Whether nothing is in flight or coming to its end.
    pub(in crate::run) fn is_idle(&self) -> bool {
        self.in_flight.is_empty() && self.ending.is_empty()
    }

    /// What a call belongs to, if it was given to the client.
    pub(in crate::run) fn given(&self, id: CallId) -> Option<Answering> {
        self.given.get(&id).copied()
    }

    /// What may be started of the queue: the first that can be.
    pub(in crate::run) fn next(
        &self,
        queue: &VecDeque<TrialId>,
        company: Company,
        now: Instant,
    ) -> Next {
        let has_room = match company {
            Company::Others => self.has_room(),
            Company::Nobody => self.is_idle(),
        };
        if !has_room {
            return Next::Wait;
        }
        for &trial in queue {
            let case = self.case(trial);
            if let Some(why) = self.missing_feature(case) {
                return Next::Skip(trial, Outcome::FeatureMissing { why });
            }
            if self.has_room_for(case, now) {
                return Next::Start(trial);
            }
        }
        Next::Wait
    }

    /// Whether any trial may be started beside the others.
    fn has_room(&self) -> bool {
        let waits = |flight: &&Flight| !self.case(flight.trial).least_wait().is_zero();
        let waiting = self.in_flight.iter().filter(waits).count();
        self.in_flight.len() - waiting < self.pace.allowed() && self.ending.len() < MOST_ENDING
    }

    fn has_room_for(&self, case: &Case, now: Instant) -> bool {
        let free = self.taking.most_calls.saturating_sub(self.calls_in_flight());
        let is_scripted = case.scripted() == Some(Role::Server);
        case.calls.len() <= free && (!is_scripted || self.young(now).count() < MOST_YOUNG)
    }

    /// When the trials in flight that are young will not be any more.
    fn young(&self, now: Instant) -> impl Iterator<Item = Instant> {
        let ends = self.in_flight.iter().map(|flight| flight.started + YOUNG);
        ends.filter(move |end| *end > now)
    }

    /// A trial begins now: its first call is made, or all of them if they need not wait for
    /// each other.
    pub(in crate::run) fn start(&mut self, trial: TrialId, now: Instant) -> Vec<Action> {
        let case = self.case(trial);
        self.began.get_or_insert(now);
        let calls = case.calls.len();
        let at_once = if case.is_sequential { 1 } else { calls };
        self.in_flight.push(Flight {
            trial,
            started: now,
            deadline: now + case.longest() + self.grace,
            made: 0,
            answers: vec![None; calls],
            next_call: None,
        });
        let position = self.in_flight.len() - 1;
        (0..at_once).filter_map(|_| self.make_next_call(position)).collect()
    }

    /// When something is to be done though nothing happens.
    pub(in crate::run) fn next_time(&self, now: Instant) -> Option<Instant> {
        let due = self.in_flight.iter().filter_map(|flight| flight.next_call);
        due.chain(self.deadline()).chain(self.young(now)).min()
    }

    /// The calls that are due.
    pub(in crate::run) fn due_calls(&mut self, now: Instant) -> Vec<Action> {
        let is_due = |flight: &Flight| flight.next_call.is_some_and(|due| due <= now);
        (0..self.in_flight.len())
            .filter_map(|position| {
                is_due(&self.in_flight[position]).then(|| self.make_next_call(position)).flatten()
            })
            .collect()
    }

    /// Whether a trial's time is over.
    pub(in crate::run) fn is_late(&self, now: Instant) -> bool {
        self.deadline().is_some_and(|deadline| deadline <= now)
    }

    /// When the first trial's time is over; when that of all is, if each is known to hang.
    fn deadline(&self) -> Option<Instant> {
        let (known, others): (Vec<&Flight>, Vec<&Flight>) =
            self.in_flight.iter().partition(|flight| self.known_hangs.contains(&flight.trial));
        let deadline = |flight: &&Flight| flight.deadline;
        others.iter().map(deadline).min().or_else(|| known.iter().map(deadline).max())
    }

    /// The client did something.
    ///
    /// # Errors
    /// It did what ends its work.
    pub(in crate::run) fn heard(
        &mut self,
        event: ClientEvent,
        now: Instant,
    ) -> Result<Vec<Action>, Box<Incident>> {
        let (id, answer) = match event {
            ClientEvent::Answered { id, answer } => (id, Ok(answer)),
            ClientEvent::Played { id, played } => (id, Err(Outcome::Played(played))),
            ClientEvent::Ran { id, death } => (id, Err(Outcome::Ran(death))),
            ClientEvent::Refused { id, why } => (id, Err(Outcome::Refused { why })),
            ClientEvent::NotStarted { id, why } => (id, Err(Outcome::Blocked { why })),
            ClientEvent::Malformed { id: Some(id), misstep } => {
                (id, Err(Outcome::malformed(misstep)))
            }
            ClientEvent::Malformed { id: None, misstep } => {
                return Err(self.incident(Outcome::malformed(misstep), true, now));
            }
            ClientEvent::Ended { death } => {
                let outcome = Outcome::Crashed { role: Role::Client, death, remarks: Vec::new() };
                return Err(self.incident(outcome, true, now));
            }
        };
        let Some(given) = self.given.get_mut(&CallId(id)) else {
            let outcome = Outcome::malformed(Misstep::UnknownCall(id));
            return Err(self.incident(outcome, true, now));
        };
        if std::mem::replace(&mut given.is_answered, true) {
            let trial = given.trial;
            return self.repeated(id, trial, now);
        }
        let Answering { trial, call, .. } = *given;
        Ok(self.answered(trial, call, answer, now))
    }

    /// A call was answered, or what decides the whole trial came: then whatever comes of the
    /// trial's other calls is ignored.
    fn answered(
        &mut self,
        trial: TrialId,
        call: usize,
        answer: Result<Answer, Outcome>,
        now: Instant,
    ) -> Vec<Action> {
        let case = self.case(trial);
        let flight = self.in_flight.iter_mut().find(|flight| flight.trial == trial);
        let Some(flight) = flight else { return Vec::new() };
        let outcome = match answer {
            Ok(answer) => {
                flight.answers[call] = Some(answer);
                if flight.answers.iter().any(Option::is_none) {
                    flight.next_call = case.calls.get(flight.made).map(|call| now + call.pause);
                    return Vec::new();
                }
                Outcome::Answered(flight.answers.drain(..).flatten().collect())
            }
            Err(outcome) => outcome,
        };
        self.decided(trial, outcome, now)
    }

    fn repeated(
        &mut self,
        id: u64,
        trial: TrialId,
        now: Instant,
    ) -> Result<Vec<Action>, Box<Incident>> {
        let outcome = Outcome::malformed(Misstep::AnsweredTwice(id));
        let actions = self.decided(trial, outcome.clone(), now);
        self.repetitions += 1;
        if self.repetitions < MOST_REPETITIONS {
            return Ok(actions);
        }
        // Those in flight are not to blame for it, and must not wait for it. The breach itself
        // costs the trial that it came for, which its earlier repetitions have decided.
        Err(Box::new(Incident {
            suspect: None,
            last_decided: None,
            is_certain: false,
            ..*self.incident(outcome, true, now)
        }))
    }

    /// A trial came to this. It is observed when its streams have ended too.
    fn decided(&mut self, trial: TrialId, outcome: Outcome, now: Instant) -> Vec<Action> {
        self.last_decided = Some(trial);
        if let Some(observation) = self.ending.get_mut(&trial) {
            observation.outcome = outcome;
            return Vec::new();
        }
        let Some(position) = self.in_flight.iter().position(|flight| flight.trial == trial) else {
            return vec![Action::Observe(trial, Box::new(Observation::of(outcome)))];
        };
        let flight = self.in_flight.remove(position);
        let duration = now.saturating_duration_since(flight.started);
        if let Outcome::Answered(_) = outcome {
            self.warm.get_or_insert(now);
            if self.case(trial).least_wait().is_zero() {
                self.pace.answered(duration, now);
            }
        }
        let was_cold = self.was_cold(flight.started, now);
        self.ending.insert(trial, Observation { duration, was_cold, ..Observation::of(outcome) });
        vec![Action::AwaitStreams(trial)]
    }

    /// Whether a trial began before these processes had answered anything, and they took long
    /// for that: a virtual machine that loads, say.
    fn was_cold(&self, started: Instant, now: Instant) -> bool {
        let warm = self.warm.unwrap_or(now);
        self.began.is_some_and(|began| started <= warm && warm - began > COLD)
    }

    /// The streams of a decided trial have ended: this passed.
    pub(in crate::run) fn streams_ended(
        &mut self,
        trial: TrialId,
        wire: Wire,
        server_growth_bytes: Option<u64>,
    ) -> Vec<Action> {
        let Some(observation) = self.ending.remove(&trial) else { return Vec::new() };
        let observation = Observation { wire: Some(wire), server_growth_bytes, ..observation };
        vec![Action::Observe(trial, Box::new(observation))]
    }

    /// A trial's time is over. Those that are known to hang have hung, if theirs is over too;
    /// of the others, the late one is the suspect, and the first to be run again, for any of
    /// them may be the one that keeps the client busy. `hung` makes the outcome of a call's
    /// timeout.
    pub(in crate::run) fn time_is_over(
        &mut self,
        hung: impl Fn(Duration) -> Outcome,
        now: Instant,
    ) -> Box<Incident> {
        let grace = self.grace;
        let hung = |flight: Option<&Flight>| {
            let waited = flight.map_or(Duration::ZERO, |flight| flight.deadline - flight.started);
            hung(waited.saturating_sub(grace))
        };
        let is_late = |flight: &Flight| flight.deadline <= now;
        let (known, mut others): (Vec<Flight>, Vec<Flight>) = std::mem::take(&mut self.in_flight)
            .into_iter()
            .partition(|flight| is_late(flight) && self.known_hangs.contains(&flight.trial));
        let late = others.iter().position(is_late);
        if let Some(until_suspect) = others.get_mut(..=late.unwrap_or_default()) {
            until_suspect.rotate_right(1);
        }
        let outcome = hung(others.first());
        self.in_flight = others;
        let known_hangs: Vec<(Started, Outcome)> =
            known.iter().map(|flight| (self.started(flight, now), hung(Some(flight)))).collect();
        let incident = self.incident(outcome, false, now);
        if late.is_some() || known_hangs.is_empty() {
            return Box::new(Incident { known_hangs, ..*incident });
        }
        // Nobody else was in flight, and who was decided before is not to blame.
        Box::new(Incident { known_hangs, suspect: None, last_decided: None, ..*incident })
    }

    /// What was in flight is over, because this happened.
    pub(in crate::run) fn incident(
        &mut self,
        outcome: Outcome,
        server_is_fine: bool,
        now: Instant,
    ) -> Box<Incident> {
        let flights = std::mem::take(&mut self.in_flight);
        let mut in_flight: Vec<Started> =
            flights.iter().map(|flight| self.started(flight, now)).collect();
        let suspect = in_flight.first().map(|started| started.trial).or(self.last_decided);
        // Who is late is suspected more than those that are quick to be tried again.
        let others = usize::from(matches!(outcome, Outcome::Hung { .. })).min(in_flight.len());
        in_flight[others..].sort_by_key(|started| started.waits);
        Box::new(Incident {
            outcome,
            known_hangs: Vec::new(),
            suspect,
            last_decided: self.last_decided,
            is_certain: in_flight.len() == 1 && self.last_decided.is_none(),
            in_flight,
            server_is_fine,
        })
    }

    fn started(&self, flight: &Flight, now: Instant) -> Started {
        let elapsed = now.saturating_duration_since(flight.started);
        let waits = elapsed > YOUNG || !self.case(flight.trial).least_wait().is_zero();
        Started { trial: flight.trial, elapsed, waits }
    }

    /// The breach of the protocol in what a client says while it finishes, and whose it is.
    pub(in crate::run) fn late_breach(&self, event: &ClientEvent) -> Option<(TrialId, Misstep)> {
        let (trial, misstep) = match event {
            ClientEvent::Answered { id, .. }
            | ClientEvent::Played { id, .. }
            | ClientEvent::Ran { id, .. }
            | ClientEvent::Refused { id, .. }
            | ClientEvent::NotStarted { id, .. } => match self.given(CallId(*id)) {
                Some(call) if call.is_answered => (Some(call.trial), Misstep::AnsweredTwice(*id)),
                Some(_) => return None,
                None => (None, Misstep::UnknownCall(*id)),
            },
            ClientEvent::Malformed { id, misstep } => {
                let given = id.and_then(|id| self.given(CallId(id)));
                (given.map(|call| call.trial), misstep.clone())
            }
            ClientEvent::Ended { .. } => return None,
        };
        Some((trial.or(self.last_decided)?, misstep))
    }

    fn case(&self, trial: TrialId) -> &'a Case {
        &self.trials[trial.0].case
    }

    fn make_next_call(&mut self, position: usize) -> Option<Action> {
        let flight = &mut self.in_flight[position];
        let (trial, call) = (flight.trial, flight.made);
        flight.next_call = None;
        self.trials[trial.0].case.calls.get(call)?;
        flight.made += 1;
        let id = self.next_id;
        self.next_id = CallId(id.0 + 1);
        self.given.insert(id, Answering { trial, call, is_answered: false });
        Some(Action::Call { id, trial, call })
    }

    fn calls_in_flight(&self) -> usize {
        let waiting = |flight: &Flight| flight.answers.iter().filter(|a| a.is_none()).count();
        self.in_flight.iter().map(waiting).sum()
    }

    fn missing_feature(&self, case: &Case) -> Option<String> {
        let mut needed = case.client_features();
        if let Some(feature) = needed.find(|feature| !self.taking.features.contains(feature)) {
            return Some(format!("the client does not announce the feature `{feature}`"));
        }
        let (needs, takes) = (case.calls.len(), self.taking.most_calls);
        (needs > takes)
            .then(|| format!("the client takes {takes} calls at once, and the case makes {needs}"))
    }
}

#[cfg(test)]
mod tests;
