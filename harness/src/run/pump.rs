//! Keeps a client busy: hands it calls, matches its answers to trials, and stops
//! at the first incident.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use tokio::{
    task::JoinSet,
    time::{Instant, sleep, sleep_until},
};

use super::{
    Context,
    watched::{STREAM_END_LIMIT, Tapped, Watched},
};
use crate::{
    child::{MemoryMark, Stopped},
    driver::{Client, ClientEvent, Errand},
    event::Event,
    mark::CALL_ENTRY,
    observe::{Answer, Death, Misstep, Observation, Outcome, Wire},
    plan::{Cell, Trial},
    role::Role,
    suite::Code,
};

/// Status codes that a library gives when its connection is lost. After one of them, if
/// the server has ended a connection, it is asked whether it lives.
const LOST_CONNECTION_CODES: [Code; 4] =
    [Code::CANCELLED, Code::UNKNOWN, Code::INTERNAL, Code::UNAVAILABLE];

/// How many answers a client may repeat before it is killed. One that never stops
/// repeating itself answers nothing else.
const MOST_REPETITIONS: usize = 100;

/// How many trials may wait for their streams' ends before more are started. Reading the
/// wire can fall behind a fast client on a busy machine; then the calls must wait for it,
/// or what is not read yet would grow with the run.
const MOST_ENDING: usize = 256;

/// How many trials with a scripted server may be in flight. Each makes a connection of its
/// own, which costs a client far more than a call; with hundreds at once their deadlines
/// would pass before they are connected.
const MOST_SCRIPTED: usize = 8;

/// How long a client may take to close a connection that no call needs any more, before it
/// is closed from here. Of the side that closes first, the connection stays in TIME_WAIT for
/// a minute, and with it the port of the listener: among thousands of them, the system
/// searches for milliseconds for one that is free, until deadlines pass.
const CLOSE_GRACE: Duration = Duration::from_millis(50);

/// What ended a pump before its queue was empty.
#[derive(Debug)]
pub(super) struct Incident {
    /// What happened, as the outcome of the trial that caused it.
    pub(super) outcome: Outcome,
    /// The trials that may have caused it: those in flight and not answered.
    pub(super) in_flight: Vec<Started>,
    /// Who stands for it if none causes it again: it happened, and must cost a
    /// trial, but no more than one. The one that waited longest, or the last one
    /// that was decided.
    pub(super) suspect: Option<usize>,
    /// The last trial that was decided with these processes.
    pub(super) last_decided: Option<usize>,
    /// Whether it can have been caused by no other trial than the one in flight.
    pub(super) is_certain: bool,
    /// Whether the server can be trusted to go on.
    pub(super) server_is_fine: bool,
}

/// A trial that was started.
#[derive(Debug)]
pub(super) struct Started {
    /// Its position in the cell.
    pub(super) trial: usize,
    /// How long ago.
    pub(super) elapsed: Duration,
    watched: Watched,
}

impl Started {
    /// What the trial came to, with as much as has passed on the wire.
    pub(super) async fn came_to(&self, outcome: Outcome) -> Observed {
        let wire = self.watched.seen(Duration::ZERO, Duration::ZERO).await;
        let duration = self.elapsed;
        (self.trial, Observation { duration, wire: Some(wire), ..Observation::of(outcome) })
    }
}

/// Why a pump ended early.
#[derive(Debug)]
pub(super) enum Interruption {
    /// A peer misbehaved.
    Incident(Incident),
    /// The run is to stop.
    Stopped,
}

/// A cell's two processes with the calls between them.
pub(super) struct Pump<'a> {
    cell: &'a Cell,
    index: usize,
    context: Context,
    tapped: Tapped,
    client: Client,
    /// Every call that was given to this client, by its id.
    given: HashMap<u64, Given>,
    in_flight: Vec<InFlight>,
    /// Trials that are decided, and what they came to, while their streams end.
    ending: HashMap<usize, Observation>,
    streams: JoinSet<(usize, Wire)>,
    last_decided: Option<usize>,
    repetitions: usize,
}

struct Given {
    trial: usize,
    /// The call's position in the case.
    call: usize,
    is_answered: bool,
}

struct InFlight {
    trial: usize,
    started: Instant,
    deadline: Instant,
    answers: Vec<Option<Answer>>,
    watched: Watched,
    /// What the server held when the trial began, in a case that asks.
    memory: Option<MemoryMark>,
    /// When the next call is due, in a case whose calls come one after another.
    next_call: Option<Instant>,
}

/// A trial with what was seen of it, without judgement.
pub(super) type Observed = (usize, Observation);

impl<'a> Pump<'a> {
    pub(super) fn new(
        cell: &'a Cell,
        index: usize,
        context: Context,
        tapped: Tapped,
        client: Client,
    ) -> Self {
        Self {
            cell,
            index,
            context,
            tapped,
            client,
            given: HashMap::new(),
            in_flight: Vec::new(),
            ending: HashMap::new(),
            streams: JoinSet::new(),
            last_decided: None,
            repetitions: 0,
        }
    }

    /// Runs the trials of the queue, as many at once as the client takes and
    /// `most_trials` allows, until all are observed.
    pub(super) async fn run(
        &mut self,
        queue: &mut VecDeque<usize>,
        most_trials: usize,
        mut observe: impl FnMut(Observed),
    ) -> Result<(), Interruption> {
        let result = self.work_off(queue, most_trials, &mut observe).await;
        // What was decided before an incident is observed before it.
        if let Err(Interruption::Incident(_)) = &result {
            while let Some(ended) = self.streams.join_next().await {
                self.streams_ended(ended, &mut observe);
            }
        }
        result
    }

    async fn work_off(
        &mut self,
        queue: &mut VecDeque<usize>,
        most_trials: usize,
        observe: &mut impl FnMut(Observed),
    ) -> Result<(), Interruption> {
        loop {
            self.fill(queue, most_trials, observe).await;
            if self.in_flight.is_empty() && self.streams.is_empty() {
                return Ok(());
            }
            let first_deadline = self.in_flight.iter().map(|flight| flight.deadline).min();
            let next_call = self.in_flight.iter().filter_map(|flight| flight.next_call).min();
            tokio::select! {
                biased;
                () = self.context.stopped() => return Err(Interruption::Stopped),
                Some(ended) = self.streams.join_next() => self.streams_ended(ended, observe),
                event = self.client.next() => {
                    if let Some(incident) = self.handle(event, observe).await {
                        return Err(Interruption::Incident(incident));
                    }
                }
                death = self.tapped.server.ended() => {
                    return Err(Interruption::Incident(self.died(Role::Server, death)));
                }
                () = until(next_call) => self.make_due_calls(),
                () = until(first_deadline) => {
                    return Err(Interruption::Incident(self.time_is_over().await));
                }
            }
        }
    }

    /// Starts trials while there is room.
    async fn fill(
        &mut self,
        queue: &mut VecDeque<usize>,
        most_trials: usize,
        observe: &mut impl FnMut(Observed),
    ) {
        let announced = self.client.hello().max_in_flight;
        let mut free = announced.saturating_sub(self.calls_in_flight());
        while let Some(&trial) = queue.front() {
            let case = &self.cell.trials[trial].case;
            let mut not_called = |outcome| {
                observe((trial, Observation::of(outcome)));
            };
            if let Some(why) = self.missing_feature(&self.cell.trials[trial]) {
                queue.pop_front();
                not_called(Outcome::FeatureMissing { why });
                continue;
            }
            let is_idle = self.in_flight.is_empty() && self.streams.is_empty();
            if self.in_flight.len() >= most_trials
                || self.streams.len() >= MOST_ENDING
                || case.calls.len() > free
                || (case.is_alone && !is_idle)
                || (case.scripted() == Some(Role::Server) && self.in_flight.len() >= MOST_SCRIPTED)
                || self.runs_alone()
            {
                return;
            }
            queue.pop_front();
            let certificates = self.context.settings.certificates.as_ref();
            match self.tapped.watch(case, certificates).await {
                Ok(watched) => {
                    free -= case.calls.len();
                    self.start(trial, watched);
                }
                Err(error) => {
                    let why = format!("the harness cannot watch another connection: {error}");
                    not_called(Outcome::Blocked { why });
                }
            }
        }
    }

    fn start(&mut self, trial: usize, watched: Watched) {
        let case = &self.cell.trials[trial].case;
        let started = Instant::now();
        let deadline = started + case.longest() + self.context.settings.limits.answer_grace;
        self.context.send(Event::TrialStarted { cell: self.index, trial });
        let answers = vec![None; case.calls.len()];
        self.in_flight.push(InFlight {
            trial,
            started,
            deadline,
            answers,
            watched,
            memory: case.server_memory_bytes.and_then(|_| self.tapped.server.mark_memory()),
            next_call: None,
        });
        let at_once = if case.is_sequential { 1 } else { case.calls.len() };
        for _ in 0..at_once {
            self.make_next_call(self.in_flight.len() - 1);
        }
    }

    /// Hands the client the first call of a trial that it does not have yet.
    fn make_next_call(&mut self, flight: usize) {
        let flight = &mut self.in_flight[flight];
        let case = &self.cell.trials[flight.trial].case;
        let index = flight.watched.calls.len();
        let Some(call) = case.calls.get(index) else { return };
        let id = self.tapped.next_id();
        let value = id.to_string();
        let mark = (!case.is_pristine).then_some((CALL_ENTRY, value.as_str()));
        let target = flight.watched.target();
        let tls = flight.watched.tls.as_ref();
        self.client.call(Errand { id, case, target: &target, mark, tls }, call);
        flight.watched.calls.push(id);
        flight.next_call = None;
        self.given.insert(id, Given { trial: flight.trial, call: index, is_answered: false });
    }

    fn make_due_calls(&mut self) {
        let now = Instant::now();
        for flight in 0..self.in_flight.len() {
            if self.in_flight[flight].next_call.is_some_and(|due| due <= now) {
                self.make_next_call(flight);
            }
        }
    }

    /// Whether a trial is in flight beside which nothing may run.
    fn runs_alone(&self) -> bool {
        self.in_flight.iter().any(|flight| self.cell.trials[flight.trial].case.is_alone)
    }

    fn calls_in_flight(&self) -> usize {
        let waiting = |flight: &InFlight| flight.answers.iter().filter(|a| a.is_none()).count();
        self.in_flight.iter().map(waiting).sum()
    }

    fn missing_feature(&self, trial: &Trial) -> Option<String> {
        let mut needed = trial.case.client_features();
        if let Some(feature) = needed.find(|feature| !self.client.has_feature(*feature)) {
            return Some(format!("the client does not announce the feature `{feature}`"));
        }
        let (needs, takes) = (trial.case.calls.len(), self.client.hello().max_in_flight);
        (needs > takes)
            .then(|| format!("the client takes {takes} calls at once, and the case makes {needs}"))
    }

    async fn handle(
        &mut self,
        event: ClientEvent,
        observe: &mut impl FnMut(Observed),
    ) -> Option<Incident> {
        match event {
            ClientEvent::Answered { id, answer } => {
                if LOST_CONNECTION_CODES.contains(&answer.code)
                    && self.has_server_left(id)
                    && let Some(death) = self.tapped.server.is_gone().await
                {
                    return Some(self.died(Role::Server, death));
                }
                self.heard(id, Ok(answer), observe)
            }
            ClientEvent::Played { id, played } => {
                if played.is_closed
                    && let Some(death) = self.tapped.server.is_gone().await
                {
                    return Some(self.died(Role::Server, death));
                }
                self.heard(id, Err(Outcome::Played(played)), observe)
            }
            ClientEvent::Refused { id, why } => {
                self.heard(id, Err(Outcome::Refused { why }), observe)
            }
            ClientEvent::Malformed { id: Some(id), misstep } => {
                self.heard(id, Err(Outcome::malformed(misstep)), observe)
            }
            ClientEvent::Malformed { id: None, misstep } => Some(self.unattributed(misstep)),
            ClientEvent::Ended { death } => Some(self.died(Role::Client, death)),
        }
    }

    /// The client answered a call, or did what decides the whole trial: then
    /// whatever comes of the trial's other calls is ignored.
    fn heard(
        &mut self,
        id: u64,
        answer: Result<Answer, Outcome>,
        observe: &mut impl FnMut(Observed),
    ) -> Option<Incident> {
        let Some(given) = self.given.get_mut(&id) else {
            return Some(self.unattributed(Misstep::UnknownCall(id)));
        };
        let (trial, call) = (given.trial, given.call);
        if std::mem::replace(&mut given.is_answered, true) {
            return self.repeated(id, trial, observe);
        }
        let position = self.in_flight.iter().position(|flight| flight.trial == trial)?;
        let flight = &mut self.in_flight[position];
        let outcome = match answer {
            Ok(answer) => {
                flight.answers[call] = Some(answer);
                if flight.answers.iter().any(Option::is_none) {
                    let next = self.cell.trials[trial].case.calls.get(flight.watched.calls.len());
                    flight.next_call = next.map(|call| Instant::now() + call.pause);
                    return None;
                }
                Outcome::Answered(flight.answers.drain(..).flatten().collect())
            }
            Err(outcome) => outcome,
        };
        self.decided(trial, outcome, observe);
        None
    }

    /// Whether the server has left a client of this call's trial alone, which may mean that
    /// it has died. Otherwise it is not asked: that costs it a connection, which is traffic
    /// too.
    fn has_server_left(&self, id: u64) -> bool {
        let trial = self.given.get(&id).map(|given| given.trial);
        let flight = self.in_flight.iter().find(|flight| Some(flight.trial) == trial);
        flight.is_some_and(|flight| flight.watched.has_server_left())
    }

    fn repeated(
        &mut self,
        id: u64,
        trial: usize,
        observe: &mut impl FnMut(Observed),
    ) -> Option<Incident> {
        let outcome = Outcome::malformed(Misstep::AnsweredTwice(id));
        self.decided(trial, outcome.clone(), observe);
        self.repetitions += 1;
        if self.repetitions < MOST_REPETITIONS {
            return None;
        }
        // Those in flight are not to blame for it, and must not wait for it.
        Some(Incident {
            suspect: None,
            last_decided: None,
            is_certain: false,
            ..self.incident(outcome, true)
        })
    }

    /// A trial came to this. It is observed when its streams have ended too.
    fn decided(&mut self, trial: usize, outcome: Outcome, observe: &mut impl FnMut(Observed)) {
        self.last_decided = Some(trial);
        if let Some(observation) = self.ending.get_mut(&trial) {
            observation.outcome = outcome;
            return;
        }
        let Some(position) = self.in_flight.iter().position(|flight| flight.trial == trial) else {
            observe((trial, Observation::of(outcome)));
            return;
        };
        let InFlight { started, watched, memory, .. } = self.in_flight.remove(position);
        self.ending.insert(
            trial,
            Observation {
                duration: started.elapsed(),
                server_growth_bytes: memory.and_then(|mark| mark.growth_bytes()),
                ..Observation::of(outcome)
            },
        );
        let linger = self.cell.trials[trial].case.linger;
        let client = watched.is_own.then(|| self.client.closer());
        self.streams.spawn(async move {
            let wire = watched.seen(linger, STREAM_END_LIMIT).await;
            if let Some(client) = client {
                client.close(&watched.target());
                tokio::spawn(async move {
                    sleep(CLOSE_GRACE).await;
                    drop(watched);
                });
            }
            (trial, wire)
        });
    }

    fn streams_ended(
        &mut self,
        ended: Result<(usize, Wire), tokio::task::JoinError>,
        observe: &mut impl FnMut(Observed),
    ) {
        let (trial, wire) = match ended {
            Ok(ended) => ended,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        };
        if let Some(observation) = self.ending.remove(&trial) {
            observe((trial, Observation { wire: Some(wire), ..observation }));
        }
    }

    /// A breach of the protocol that names no call.
    fn unattributed(&mut self, misstep: Misstep) -> Incident {
        self.incident(Outcome::malformed(misstep), true)
    }

    fn died(&mut self, role: Role, death: Death) -> Incident {
        self.incident(Outcome::Crashed { role, death, remarks: Vec::new() }, role == Role::Client)
    }

    /// A process that has died explains it better. It may not have been told yet:
    /// while others hold its pipes open, they are listened to for a while.
    async fn time_is_over(&mut self) -> Incident {
        if let Some(death) = self.client.death().await {
            return self.died(Role::Client, death);
        }
        if let Some(death) = self.tapped.server.death().await {
            return self.died(Role::Server, death);
        }
        self.hung().await
    }

    /// The trial whose time is over is the suspect, and the first to be run again;
    /// any of the others may be the one that keeps the client busy.
    async fn hung(&mut self) -> Incident {
        let now = Instant::now();
        let grace = self.context.settings.limits.answer_grace;
        let late = |flight: &InFlight| flight.deadline <= now;
        let suspect = self.in_flight.iter().position(late).unwrap_or_default();
        if let Some(until_suspect) = self.in_flight.get_mut(..=suspect) {
            until_suspect.rotate_right(1);
        }
        let waited = self.in_flight.first().map_or(Duration::ZERO, |f| f.deadline - f.started);
        let (timeout, stray) = (waited.saturating_sub(grace), self.client.stray_output());
        let words = vec![
            (Role::Client, self.client.words().await),
            (Role::Server, self.tapped.server.words().await),
        ];
        let words = words.into_iter().filter(|(_, words)| !words.is_empty()).collect();
        self.incident(Outcome::Hung { timeout, grace, stray, words, remarks: Vec::new() }, false)
    }

    fn incident(&mut self, outcome: Outcome, server_is_fine: bool) -> Incident {
        let in_flight: Vec<Started> = self
            .in_flight
            .drain(..)
            .map(|flight| Started {
                trial: flight.trial,
                elapsed: flight.started.elapsed(),
                watched: flight.watched,
            })
            .collect();
        Incident {
            outcome,
            suspect: in_flight.first().map(|started| started.trial).or(self.last_decided),
            last_decided: self.last_decided,
            is_certain: in_flight.len() == 1 && self.last_decided.is_none(),
            in_flight,
            server_is_fine,
        }
    }

    /// Lets the client finish. Gives the server back, and every breach of the
    /// protocol in what the client said meanwhile, with the trial it belongs to.
    pub(super) async fn finish(
        self,
        limit: Duration,
    ) -> (Tapped, Vec<(usize, Misstep)>, Option<Stopped>) {
        let (late, stopped) = self.client.finish(limit).await;
        let breaches = late
            .into_iter()
            .filter_map(|event| {
                let given = |id: &u64| self.given.get(id);
                let (trial, misstep) = match &event {
                    ClientEvent::Answered { id, .. }
                    | ClientEvent::Played { id, .. }
                    | ClientEvent::Refused { id, .. } => match given(id) {
                        Some(call) if call.is_answered => {
                            (Some(call.trial), Misstep::AnsweredTwice(*id))
                        }
                        Some(_) => return None,
                        None => (None, Misstep::UnknownCall(*id)),
                    },
                    ClientEvent::Malformed { id, misstep } => {
                        (id.as_ref().and_then(given).map(|call| call.trial), misstep.clone())
                    }
                    ClientEvent::Ended { .. } => return None,
                };
                Some((trial.or(self.last_decided)?, misstep))
            })
            .collect();
        (self.tapped, breaches, stopped)
    }

    /// The two processes, with nothing said of the calls between them.
    pub(super) fn into_processes(self) -> (Tapped, Client) {
        (self.tapped, self.client)
    }
}

/// Waits until then, for ever if there is no such time.
async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}
