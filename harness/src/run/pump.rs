//! The loop around the trials in flight: hands a client its calls, tells [`Flights`] what
//! happens, and does what they say.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    time::Duration,
};

use tokio::{
    task::{JoinError, JoinSet},
    time::{Instant, sleep, sleep_until},
};

use super::{
    Context,
    core::{Action, CallId, Company, Flights, Incident, Next, Started, Taking, TrialId},
    watched::{STREAM_END_LIMIT, Tapped, Watched},
};
use crate::{
    child::{MemoryMark, Stopped},
    driver::{Client, ClientEvent, Errand},
    event::Event,
    mark::CALL_ENTRY,
    observe::{Death, Misstep, Observation, Outcome, Wire},
    plan::Cell,
    role::Role,
    suite::Code,
};

/// Status codes that a library gives when its connection is lost. After one of them, if
/// the server has ended a connection, it is asked whether it lives.
const LOST_CONNECTION_CODES: [Code; 4] =
    [Code::CANCELLED, Code::UNKNOWN, Code::INTERNAL, Code::UNAVAILABLE];

/// How long a client may take to close a connection that no call needs any more, before it
/// is closed from here. Of the side that closes first, the connection stays in TIME_WAIT for
/// a minute, and with it the port of the listener: among thousands of them, the system
/// searches for milliseconds for one that is free, until deadlines pass.
const CLOSE_GRACE: Duration = Duration::from_millis(50);

/// An incident, with the wire of the trials that were in flight.
pub(super) struct Caught {
    pub(super) incident: Box<Incident>,
    watched: HashMap<TrialId, Watched>,
}

impl Caught {
    /// What a trial in flight came to, with as much as has passed on the wire.
    pub(super) async fn came_to(
        caught: Option<&Self>,
        started: Started,
        outcome: Outcome,
    ) -> Observed {
        let Started { trial, elapsed: duration, .. } = started;
        let wire = match caught.and_then(|caught| caught.watched.get(&trial)) {
            Some(watched) => Some(watched.seen(Duration::ZERO, Duration::ZERO).await),
            None => None,
        };
        (trial, Observation { duration, wire, ..Observation::of(outcome) })
    }
}

/// Why a pump ended early.
pub(super) enum Interruption {
    /// A peer misbehaved.
    Incident(Box<Caught>),
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
    flights: Flights<'a>,
    /// The wire of the trials in flight.
    watched: HashMap<TrialId, Watched>,
    /// What the server held when a trial began, in a case that asks.
    memory: HashMap<TrialId, MemoryMark>,
    /// By how much it had grown when the trial was decided.
    grown_bytes: HashMap<TrialId, Option<u64>>,
    /// The wire of trials that are decided, until their streams have ended.
    streams: JoinSet<(TrialId, Wire)>,
}

/// A trial with what was seen of it, without judgement.
pub(super) type Observed = (TrialId, Observation);

impl<'a> Pump<'a> {
    pub(super) fn new(
        cell: &'a Cell,
        index: usize,
        context: Context,
        tapped: Tapped,
        client: Client,
        known_hangs: HashSet<TrialId>,
    ) -> Self {
        let hello = client.hello();
        let taking = Taking { most_calls: hello.max_in_flight, features: hello.features.clone() };
        let grace = context.settings.limits.answer_grace;
        let flights = Flights::new(&cell.trials, taking, grace, known_hangs, tapped.next_id);
        let (watched, memory, grown_bytes) =
            <(HashMap<_, _>, HashMap<_, _>, HashMap<_, _>)>::default();
        let streams = JoinSet::new();
        Self {
            cell,
            index,
            context,
            tapped,
            client,
            flights,
            watched,
            memory,
            grown_bytes,
            streams,
        }
    }

    /// Runs the trials of the queue, in this company, until all are observed.
    pub(super) async fn run(
        &mut self,
        queue: &mut VecDeque<TrialId>,
        company: Company,
        mut observe: impl FnMut(Observed),
    ) -> Result<(), Interruption> {
        let result = self.work_off(queue, company, &mut observe).await;
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
        queue: &mut VecDeque<TrialId>,
        company: Company,
        observe: &mut impl FnMut(Observed),
    ) -> Result<(), Interruption> {
        loop {
            self.fill(queue, company, observe).await;
            if self.flights.is_idle() {
                return Ok(());
            }
            let next_time = self.flights.next_time(now()).map(Instant::from_std);
            let done = tokio::select! {
                biased;
                () = self.context.stopped() => return Err(Interruption::Stopped),
                Some(ended) = self.streams.join_next() => {
                    self.streams_ended(ended, observe);
                    Ok(Vec::new())
                }
                event = self.client.next() => self.heard(event).await,
                death = self.tapped.server.ended() => Err(self.died(Role::Server, death)),
                () = until(next_time) => match self.flights.is_late(now()) {
                    true => Err(self.time_is_over().await),
                    false => Ok(self.flights.due_calls(now())),
                },
            };
            match done {
                Ok(actions) => self.act(actions, observe),
                Err(incident) => {
                    let watched = std::mem::take(&mut self.watched);
                    return Err(Interruption::Incident(Box::new(Caught { incident, watched })));
                }
            }
        }
    }

    /// Starts trials while there is room.
    async fn fill(
        &mut self,
        queue: &mut VecDeque<TrialId>,
        company: Company,
        observe: &mut impl FnMut(Observed),
    ) {
        loop {
            match self.flights.next(queue, company, now()) {
                Next::Wait => return,
                Next::Skip(trial, outcome) => {
                    queue.retain(|waiting| *waiting != trial);
                    observe((trial, Observation::of(outcome)));
                }
                Next::Start(trial) => {
                    queue.retain(|waiting| *waiting != trial);
                    self.start(trial, observe).await;
                }
            }
        }
    }

    async fn start(&mut self, trial: TrialId, observe: &mut impl FnMut(Observed)) {
        let case = &self.cell.trials[trial.0].case;
        let certificates = self.context.settings.certificates.as_deref();
        match self.tapped.watch(case, certificates, &self.context.settings.guard).await {
            Ok(watched) => {
                self.watched.insert(trial, watched);
            }
            Err(error) => {
                let why = format!("the harness cannot watch another connection: {error}");
                observe((trial, Observation::of(Outcome::Blocked { why })));
                return;
            }
        }
        self.context.send(Event::TrialStarted { cell: self.index, trial: trial.0 });
        let asks = case.server_memory_bytes.is_some();
        if let Some(mark) = asks.then(|| self.tapped.server.mark_memory()).flatten() {
            self.memory.insert(trial, mark);
        }
        let actions = self.flights.start(trial, now());
        self.act(actions, observe);
    }

    fn act(&mut self, actions: Vec<Action>, observe: &mut impl FnMut(Observed)) {
        for action in actions {
            match action {
                Action::Call { id, trial, call } => self.call(id, trial, call),
                Action::AwaitStreams(trial) => self.await_streams(trial),
                Action::Observe(trial, observation) => observe((trial, *observation)),
            }
        }
    }

    fn call(&mut self, id: CallId, trial: TrialId, call: usize) {
        let Some(watched) = self.watched.get_mut(&trial) else { return };
        let case = &self.cell.trials[trial.0].case;
        let value = id.0.to_string();
        let mark = (!case.is_pristine).then_some((CALL_ENTRY, value.as_str()));
        let target = watched.target();
        let errand = Errand {
            id: id.0,
            case,
            target: &target,
            mark,
            tls: watched.tls.as_ref(),
            channel: watched.channel.as_ref(),
        };
        if case.reconnects && call > 0 {
            self.client.closer().close(&target);
        }
        self.client.call(errand, &case.calls[call]);
        watched.calls.push(id.0);
    }

    fn await_streams(&mut self, trial: TrialId) {
        let grown = self.memory.remove(&trial).map(|mark| mark.growth_bytes());
        self.grown_bytes.insert(trial, grown.flatten());
        let Some(watched) = self.watched.remove(&trial) else { return };
        let linger = self.cell.trials[trial.0].case.linger;
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
        ended: Result<(TrialId, Wire), JoinError>,
        observe: &mut impl FnMut(Observed),
    ) {
        let (trial, wire) = match ended {
            Ok(ended) => ended,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        };
        let grown = self.grown_bytes.remove(&trial).flatten();
        let actions = self.flights.streams_ended(trial, wire, grown);
        self.act(actions, observe);
    }

    /// The client did something. A server that has died explains it better.
    async fn heard(&mut self, event: ClientEvent) -> Result<Vec<Action>, Box<Incident>> {
        let has_lost = match &event {
            ClientEvent::Answered { id, answer } => {
                LOST_CONNECTION_CODES.contains(&answer.code) && self.has_server_left(CallId(*id))
            }
            ClientEvent::Played { played, .. } => played.is_closed,
            _ => false,
        };
        if has_lost && let Some(death) = self.tapped.server.is_gone().await {
            return Err(self.died(Role::Server, death));
        }
        self.flights.heard(event, now())
    }

    /// Whether the server has left a client of this call's trial alone, which may mean that
    /// it has died. Otherwise it is not asked: that costs it a connection, which is traffic
    /// too.
    fn has_server_left(&self, id: CallId) -> bool {
        let watched = self.flights.given(id).and_then(|call| self.watched.get(&call.trial));
        watched.is_some_and(Watched::has_server_left)
    }

    fn died(&mut self, role: Role, death: Death) -> Box<Incident> {
        let outcome = Outcome::Crashed { role, death, remarks: Vec::new() };
        self.flights.incident(outcome, role == Role::Client, now())
    }

    /// A process that has died explains it better. It may not have been told yet:
    /// while others hold its pipes open, they are listened to for a while.
    async fn time_is_over(&mut self) -> Box<Incident> {
        if let Some(death) = self.client.death().await {
            return self.died(Role::Client, death);
        }
        if let Some(death) = self.tapped.server.death().await {
            return self.died(Role::Server, death);
        }
        let grace = self.context.settings.limits.answer_grace;
        let stray = self.client.stray_output();
        let words = vec![
            (Role::Client, self.client.words().await),
            (Role::Server, self.tapped.server.words().await),
        ];
        let words: Vec<_> = words.into_iter().filter(|(_, words)| !words.is_empty()).collect();
        let hung = |timeout| {
            let (stray, words) = (stray.clone(), words.clone());
            Outcome::Hung { timeout, grace, stray, words, remarks: Vec::new() }
        };
        self.flights.time_is_over(hung, now())
    }

    /// Lets the client finish. Gives the server back, and every breach of the
    /// protocol in what the client said meanwhile, with the trial it belongs to.
    pub(super) async fn finish(
        self,
        limit: Duration,
    ) -> (Tapped, Vec<(TrialId, Misstep)>, Option<Stopped>) {
        let (tapped, client, flights) = self.taken_apart();
        let (late, stopped) = client.finish(limit).await;
        let breaches = late.iter().filter_map(|event| flights.late_breach(event)).collect();
        (tapped, breaches, stopped)
    }

    /// The two processes, with nothing said of the calls between them.
    pub(super) fn into_processes(self) -> (Tapped, Client) {
        let (tapped, client, _) = self.taken_apart();
        (tapped, client)
    }

    /// The tap goes on counting where this client's calls ended.
    fn taken_apart(self) -> (Tapped, Client, Flights<'a>) {
        let Self { mut tapped, client, flights, .. } = self;
        tapped.next_id = flights.next_id();
        (tapped, client, flights)
    }
}

/// As the core knows time.
fn now() -> std::time::Instant {
    Instant::now().into_std()
}

/// Waits until then, for ever if there is no such time.
async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}
