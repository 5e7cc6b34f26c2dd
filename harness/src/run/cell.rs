//! One part of a cell from its start to its stop, whatever its peers do meanwhile.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

use super::{
    Context, Round, Settings,
    core::{Company, TrialId},
    known::KnownIncidents,
    log_path,
    pump::{Caught, Interruption, Observed, Pump},
    tls::server_words,
    watched::Tapped,
};
use crate::{
    child::{Log, Stopped},
    driver::{Client, Manner, Server, Setting, StartError},
    event::{Event, Times},
    known::Party,
    manifest::{Peer, Serving},
    observe::{Gone, Observation, Outcome},
    plan::{Cell, Trial},
    role::Role,
    text,
    wire::transcript::Transcript,
};

/// After so many incidents without an answer between them, the rest of the cell
/// is given up: each costs a start, and a hang costs its timeout too.
const MOST_INCIDENTS_IN_A_ROW: usize = 10;

/// From how long on a case waits so long, by its own words, that others are better not kept
/// from a core by it.
const LONG_WAIT: Duration = Duration::from_secs(8);

/// What the parts of a cell have in common.
pub(super) struct Shared {
    has_started: AtomicBool,
    left: AtomicUsize,
    times: Mutex<Times>,
}

impl Shared {
    /// Of a cell with so many parts.
    pub(super) fn of(parts: usize) -> Self {
        let (has_started, left) = (AtomicBool::new(false), AtomicUsize::new(parts));
        Self { has_started, left, times: Mutex::default() }
    }
}

/// The trials of a cell that share processes.
pub(super) struct Part {
    kind: PartKind,
    queue: VecDeque<TrialId>,
}

/// What tells the parts of a cell apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct PartKind {
    /// Each way of serving needs a server of its own.
    serving: Serving,
    /// What must run alone needs nothing else in its processes, and nobody waits for it.
    is_alone: bool,
    /// What takes long by its own words keeps nothing else from its end.
    is_long: bool,
    /// What mostly waits needs no core meanwhile, and keeps no other cell from one.
    waits: bool,
}

impl Part {
    /// Whether it takes so long that it begins before all others: the run ends no sooner.
    pub(super) const fn is_long(&self) -> bool {
        self.kind.is_long
    }

    /// Whether it mostly waits, and can do so beside whatever else runs.
    pub(super) const fn waits(&self) -> bool {
        self.kind.waits
    }
}

/// The parts of a cell. In each, the trials that wait longest begin first, and the others run
/// beside them; apart from that, they keep the plan's order.
pub(super) fn parts(cell: &Cell, position: usize, round: &Round) -> Vec<Part> {
    let mut parts: BTreeMap<PartKind, VecDeque<TrialId>> = BTreeMap::new();
    for (index, Trial { case, unsupported }) in cell.trials.iter().enumerate() {
        if unsupported.is_none() && round.has(position, index) {
            let kind = PartKind {
                serving: case.serving(),
                is_alone: case.is_alone,
                is_long: case.is_of_own_pair,
                waits: !case.is_alone && !case.is_of_own_pair && case.least_wait() >= LONG_WAIT,
            };
            parts.entry(kind).or_default().push_back(TrialId(index));
        }
    }
    let part = |(kind, mut queue): (_, VecDeque<TrialId>)| {
        let wait = |trial: &TrialId| Reverse(cell.trials[trial.0].case.least_wait());
        queue.make_contiguous().sort_by_key(wait);
        Part { kind, queue }
    };
    parts.into_iter().map(part).collect()
}

/// Runs a part of a cell and sends what is seen.
pub(super) async fn run(cell: &Cell, index: usize, part: Part, shared: &Shared, context: Context) {
    if !shared.has_started.swap(true, Ordering::Relaxed) {
        context.send(Event::CellStarted { cell: index });
    }
    let Part { kind, mut queue } = part;
    let times = Times::default();
    let known = KnownIncidents::default();
    let (logs, incidents_in_a_row) = (None, 0);
    let mut run = PartRun { cell, index, context, times, kind, logs, incidents_in_a_row, known };
    if let Err(Ending::GivenUp { why }) = run.trials(&mut queue).await {
        for trial in queue {
            let outcome = Outcome::Blocked { why: why.clone() };
            run.observed((trial, Observation::of(outcome)));
        }
    }
    let mut times = shared.times.lock().unwrap_or_else(PoisonError::into_inner);
    *times += run.times;
    if shared.left.fetch_sub(1, Ordering::Relaxed) == 1 {
        run.context.send(Event::CellFinished { cell: index, times: *times });
    }
}

impl PartKind {
    /// The name of the log of one of its processes.
    fn log(&self, role: Role, round: &Round) -> String {
        let mut name = role.to_string();
        name += &self.serving.suffix();
        name += if self.is_alone { ".alone" } else { "" };
        name += if self.is_long { ".long" } else { "" };
        name += if self.waits { ".waits" } else { "" };
        if round.number > 0 {
            name += &format!(".again-{}", round.number);
        }
        name + ".log"
    }
}

/// Why a part does not go on.
pub(super) enum Ending {
    /// The run is to stop.
    Stopped,
    /// Its peers cannot be started, or not any more.
    GivenUp { why: String },
}

/// A part of a cell in progress.
pub(super) struct PartRun<'a> {
    cell: &'a Cell,
    index: usize,
    pub(super) context: Context,
    pub(super) times: Times,
    kind: PartKind,
    /// The server's and the client's, made at the first start.
    logs: Option<(Log, Log)>,
    incidents_in_a_row: usize,
    /// What is known of the peers that were started last.
    known: KnownIncidents,
}

impl<'a> PartRun<'a> {
    /// Runs the queue. What is left in it at an error was not tried.
    async fn trials(&mut self, queue: &mut VecDeque<TrialId>) -> Result<(), Ending> {
        let mut at_hand = AtHand::default();
        let result = self.work_off(queue, &mut at_hand).await;
        match result {
            Ok(()) => self.finish(at_hand).await,
            Err(_) => self.kill(at_hand).await,
        }
        result
    }

    async fn work_off(
        &mut self,
        queue: &mut VecDeque<TrialId>,
        at_hand: &mut AtHand<'a>,
    ) -> Result<(), Ending> {
        let is_alone = self.context.settings.round.is_alone;
        let company =
            if is_alone || self.kind.is_alone { Company::Nobody } else { Company::Others };
        while let Some(first) = queue.front() {
            // What is tried alone finds its processes warm, so far as nothing goes wrong then;
            // but for what needs them to itself, whose traces the next would not show again.
            let needs_fresh = self.kind.is_alone || at_hand.pump.is_some();
            if is_alone && !needs_fresh {
                self.run_alone(*first, at_hand, |_| {}).await?;
            }
            let mut pump = self.pump(at_hand).await?;
            let result = self.run(&mut pump, queue, company, self.observer()).await;
            if let Some(caught) = self.put_back(pump, result, at_hand).await? {
                self.settle(caught, queue, at_hand).await?;
            }
        }
        Ok(())
    }

    /// Runs trials until all are observed or there is an incident.
    pub(super) async fn run(
        &mut self,
        pump: &mut Pump<'a>,
        queue: &mut VecDeque<TrialId>,
        company: Company,
        mut observe: impl FnMut(Observed),
    ) -> Result<(), Interruption> {
        let mut is_answered = false;
        let began = Instant::now();
        let result = pump
            .run(queue, company, |seen| {
                is_answered |= matches!(seen.1.outcome, Outcome::Answered(_));
                observe(seen);
            })
            .await;
        self.times.calls += began.elapsed();
        if is_answered {
            self.incidents_in_a_row = 0;
        }
        result
    }

    /// Keeps what can go on, and kills what cannot.
    pub(super) async fn put_back(
        &mut self,
        pump: Pump<'a>,
        result: Result<(), Interruption>,
        at_hand: &mut AtHand<'a>,
    ) -> Result<Option<Caught>, Ending> {
        match result {
            Ok(()) => {
                at_hand.pump = Some(pump);
                Ok(None)
            }
            Err(Interruption::Stopped) => {
                self.abandon(pump, false).await;
                Err(Ending::Stopped)
            }
            Err(Interruption::Incident(caught)) => {
                at_hand.tapped = self.abandon(pump, caught.incident.server_is_fine).await;
                Ok(Some(*caught))
            }
        }
    }

    pub(super) fn count_incident(&mut self) -> Result<(), Ending> {
        self.incidents_in_a_row += 1;
        if self.incidents_in_a_row <= MOST_INCIDENTS_IN_A_ROW {
            return Ok(());
        }
        let why = format!(
            "given up after {MOST_INCIDENTS_IN_A_ROW} crashes or hangs in a row; see the trials before this one"
        );
        Err(Ending::GivenUp { why })
    }

    /// A trial is charged with an incident. One that is known is as good as an answer.
    pub(super) fn charged(&mut self, trial: TrialId) {
        if self.known.has(trial) {
            self.incidents_in_a_row = 0;
        }
    }

    /// The processes that run, or fresh ones.
    pub(super) async fn pump(&mut self, at_hand: &mut AtHand<'a>) -> Result<Pump<'a>, Ending> {
        match at_hand.pump.take() {
            Some(pump) => Ok(pump),
            None => self.start(at_hand.tapped.take()).await,
        }
    }

    /// Starts the client, and the server unless it runs.
    async fn start(&mut self, tapped: Option<Tapped>) -> Result<Pump<'a>, Ending> {
        let (server_log, client_log) = self.logs()?;
        let began = Instant::now();
        let settings = &self.context.settings;
        let setting = |peer: &'a Peer, log| Setting {
            folder: &peer.folder,
            log,
            guard: Arc::clone(&settings.guard),
            limits: settings.limits,
        };
        let start_server = async {
            if let Some(tapped) = tapped {
                return Ok(tapped);
            }
            let spec = self.cell.server_spec();
            let certificates = self.context.settings.certificates.as_deref();
            let words = server_words(spec, &self.kind.serving, certificates);
            let manner = Manner {
                over: self.kind.serving.over,
                words: &words,
                is_encrypted: self.kind.serving.tls.is_some(),
            };
            let server =
                Server::start(&spec.start, manner, setting(&self.cell.server, server_log)).await?;
            Tapped::new(server).map_err(|source| StartError::NotWatched { source })
        };
        let start_client =
            Client::start(self.cell.client_spec(), setting(&self.cell.client, client_log));
        let mut stop = self.context.clone();
        let started = tokio::select! {
            started = async { tokio::join!(start_server, start_client) } => started,
            () = stop.stopped() => return Err(Ending::Stopped),
        };
        self.times.start += began.elapsed();
        let (tapped, client) = match started {
            (Ok(tapped), Ok(client)) => (tapped, client),
            (Err(error), client) => {
                if let Ok(client) = client {
                    client.kill().await;
                }
                return Err(self.cannot_start(Role::Server, &error));
            }
            (Ok(tapped), Err(error)) => {
                tapped.server.kill().await;
                return Err(self.cannot_start(Role::Client, &error));
            }
        };
        if tapped.server.is_open_to_all {
            self.note(Role::Server, "listens on all interfaces; 127.0.0.1 is enough".to_owned());
        }
        let (server, hello) = (tapped.server.identity.clone(), client.hello().clone());
        let party = |peer: &'a Peer, identity| Party { peer: &peer.name, identity };
        let identity = hello.identity();
        self.known = KnownIncidents::of(
            self.cell,
            party(&self.cell.server, server.as_ref()),
            party(&self.cell.client, Some(&identity)),
            &settings.known_incidents,
        );
        let hangs = self.known.hangs.clone();
        let pump = Pump::new(self.cell, self.index, self.context.clone(), tapped, client, hangs);
        self.context.send(Event::CellReady { cell: self.index, hello, server });
        Ok(pump)
    }

    fn cannot_start(&self, role: Role, error: &StartError) -> Ending {
        let peer = self.peer(role);
        Ending::GivenUp { why: format!("the {peer} {role} {error}") }
    }

    fn logs(&mut self) -> Result<(Log, Log), Ending> {
        if let Some(logs) = &self.logs {
            return Ok(logs.clone());
        }
        let create = |role| {
            let Settings { logs, round, .. } = &*self.context.settings;
            let path = log_path(logs, self.cell, &self.kind.log(role, round));
            Log::create(&path).map_err(|error| Ending::GivenUp {
                why: format!("the log {} cannot be written: {error}", path.display()),
            })
        };
        let logs = (create(Role::Server)?, create(Role::Client)?);
        self.logs = Some(logs.clone());
        Ok(logs)
    }

    /// Lets both finish. What the client says then that it should not have said
    /// fails the trial that it belongs to.
    async fn finish(&mut self, at_hand: AtHand<'a>) {
        let began = Instant::now();
        let limit = self.context.settings.limits.stop;
        let mut tapped = at_hand.tapped;
        if let Some(pump) = at_hand.pump {
            let (its_tapped, breaches, stopped) = pump.finish(limit).await;
            if let Some(stopped) = stopped {
                self.note_stop(Role::Client, &stopped);
            }
            for (trial, misstep) in breaches {
                self.observed((trial, Observation::of(Outcome::malformed(misstep))));
            }
            tapped = Some(its_tapped);
        }
        if let Some(tapped) = tapped {
            self.note_strays(&tapped.strays().await);
            if let Some(stopped) = tapped.server.stop(limit).await {
                self.note_stop(Role::Server, &stopped);
            }
        }
        self.times.stop += began.elapsed();
    }

    pub(super) async fn kill(&mut self, at_hand: AtHand<'a>) {
        if let Some(pump) = at_hand.pump {
            self.abandon(pump, false).await;
        }
        if let Some(tapped) = at_hand.tapped {
            tapped.server.kill().await;
        }
    }

    /// Kills the client, and the server unless it is to be kept.
    async fn abandon(&mut self, pump: Pump<'a>, keep_server: bool) -> Option<Tapped> {
        let began = Instant::now();
        let (tapped, client) = pump.into_processes();
        client.kill().await;
        let kept = if keep_server {
            Some(tapped)
        } else {
            tapped.server.kill().await;
            None
        };
        self.times.stop += began.elapsed();
        kept
    }

    /// Says what the client sent that no case asked for.
    fn note_strays(&self, strays: &[Transcript]) {
        let Some(first) = strays.first() else { return };
        let path = first.blocks(Role::Client).find_map(|block| block.value(":path"));
        let path = String::from_utf8_lossy(path.unwrap_or_default()).into_owned();
        let calls = text::count(strays.len(), "call");
        let text = format!("made {calls} that no case asked for, such as of {path}");
        self.note(Role::Client, text);
    }

    fn note_stop(&self, role: Role, stopped: &Stopped) {
        if stopped.daemons > 0 {
            let daemons = text::count(stopped.daemons, "daemon");
            self.note(role, format!("left {daemons} that had left its process group; killed"));
        }
        let limit = text::duration(self.context.settings.limits.stop);
        let text = if stopped.killed {
            format!("did not stop within {limit} when asked, and was killed")
        } else if stopped.left_processes {
            format!("left processes behind that did not end within {limit}; they were killed")
        } else if stopped.has_died() {
            format!("{} when asked to stop", Gone::from(stopped.status))
        } else {
            return;
        };
        self.note(role, text);
    }

    fn note(&self, role: Role, text: String) {
        self.context.send(Event::Note { cell: self.index, role, text });
    }

    fn peer(&self, role: Role) -> &str {
        match role {
            Role::Server => &self.cell.server.name,
            Role::Client => &self.cell.client.name,
        }
    }

    pub(super) fn observed(&self, seen: Observed) {
        self.observer()(seen);
    }

    /// What sends what is seen.
    pub(super) fn observer(&self) -> impl Fn(Observed) + use<> {
        let (context, cell) = (self.context.clone(), self.index);
        move |(trial, observation)| context.observed(cell, trial.0, observation)
    }
}

/// The processes that run and can go on: none, a server, or a pump with both.
#[derive(Default)]
pub(super) struct AtHand<'a> {
    tapped: Option<Tapped>,
    pub(super) pump: Option<Pump<'a>>,
}
