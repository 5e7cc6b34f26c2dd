//! Judges and writes what comes of a run, on a thread of its own: whatever a trial brings,
//! whoever is asked to stop hears it, and the calls beside it are not held up.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

use tokio::{
    runtime,
    sync::{mpsc::UnboundedReceiver, oneshot},
    time::interval,
};

use super::{CommandError, Session};
use crate::{
    event::Event,
    identity::Identity,
    judge::{Beliefs, Strictness, Waiver, judge},
    known::{KnownList, Party},
    manifest::{Peer, Waived},
    observe::Observation,
    plan::{Cell, Plan},
    report::Traces,
    results::Judged,
    role::Role,
};

/// How often the live line is drawn and results are handed to the system.
const TICK: Duration = Duration::from_millis(100);

/// The lists of known failures.
pub(super) struct Lists {
    /// The user's own.
    pub(super) own: KnownList,
    /// What ships in the binary.
    pub(super) built_in: KnownList,
}

/// What trials are judged by.
#[derive(Clone)]
pub(super) struct Judge {
    pub(super) lists: Arc<Lists>,
    pub(super) strictness: Strictness,
    /// Whether every trial gets a transcript.
    pub(super) traces_all: bool,
    pub(super) traces: Traces,
    pub(super) plan: Arc<Plan>,
}

/// The thread, and what it has made of the run so far.
pub(super) struct Recorder {
    /// `None` once nobody waits for the thread any more.
    session: Arc<Mutex<Option<Session>>>,
    ended: oneshot::Receiver<Result<(), CommandError>>,
    thread: Option<JoinHandle<()>>,
}

impl Recorder {
    /// Starts the thread, which ends with the last event.
    pub(super) fn start(
        judge: Judge,
        session: Session,
        events: UnboundedReceiver<Event>,
    ) -> Result<Self, CommandError> {
        let problem = "the thread that judges cannot be started";
        let runtime = runtime::Builder::new_current_thread().enable_time().build();
        let runtime = runtime.map_err(CommandError::system(problem))?;
        let session = Arc::new(Mutex::new(Some(session)));
        let (sender, ended) = oneshot::channel();
        let shared = Arc::clone(&session);
        let thread = thread::Builder::new().name("judge".to_owned()).spawn(move || {
            // A failed send means that nobody waits any more.
            let _ = sender.send(runtime.block_on(judge.follow(&shared, events)));
        });
        let thread = Some(thread.map_err(CommandError::system(problem))?);
        Ok(Self { session, ended, thread })
    }

    /// Waits until all events are taken. Safe to cancel.
    ///
    /// # Errors
    /// A report cannot be written.
    pub(super) async fn ended(&mut self) -> Result<(), CommandError> {
        match (&mut self.ended).await {
            Ok(ended) => ended,
            Err(_) => match self.thread.take().map(JoinHandle::join) {
                Some(Err(panic)) => std::panic::resume_unwind(panic),
                _ => Ok(()),
            },
        }
    }

    /// Hands what was written to the system.
    pub(super) fn flush(&self) {
        if let Some(session) = lock(&self.session).as_mut() {
            let _ = session.lines.flush();
        }
    }

    /// What is known of the run. What the thread is judging is left out.
    pub(super) fn into_session(self) -> Result<Session, CommandError> {
        let session = lock(&self.session).take();
        session.ok_or_else(|| {
            let error = io::Error::other("its thread has ended before");
            CommandError::system("the run cannot be reported")(error)
        })
    }
}

fn lock(session: &Mutex<Option<Session>>) -> MutexGuard<'_, Option<Session>> {
    session.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Judge {
    /// Takes events until there are no more, or nobody waits for what comes of them.
    async fn follow(
        &self,
        session: &Mutex<Option<Session>>,
        mut events: UnboundedReceiver<Event>,
    ) -> Result<(), CommandError> {
        let mut tick = interval(TICK);
        loop {
            tokio::select! {
                biased;
                event = events.recv() => {
                    let Some(event) = event else { return Ok(()) };
                    if !self.take(session, &event)? {
                        return Ok(());
                    }
                }
                _ = tick.tick() => {
                    let mut session = lock(session);
                    let Some(session) = session.as_mut() else { return Ok(()) };
                    session.draw()?;
                }
            }
        }
    }

    /// Takes one. Only what is quick is done while the session is locked. False if nobody
    /// waits for it.
    fn take(&self, session: &Mutex<Option<Session>>, event: &Event) -> Result<bool, CommandError> {
        let mut judged = None;
        if let Event::TrialObserved { cell, trial, observation } = event {
            let Some(identities) = lock(session).as_ref().map(|session| session.identities(*cell))
            else {
                return Ok(false);
            };
            judged = Some(self.judge(*cell, *trial, observation, &identities)?);
        }
        let mut session = lock(session);
        let Some(session) = session.as_mut() else { return Ok(false) };
        session.take(event, judged)?;
        Ok(true)
    }

    fn judge(
        &self,
        index: usize,
        trial: usize,
        observation: &Observation,
        identities: &Identities,
    ) -> Result<Judged, CommandError> {
        let cell = &self.plan.cells[index];
        let case = &cell.trials[trial].case;
        let Lists { own, built_in } = &*self.lists;
        let known = [own, built_in];
        let beliefs = beliefs(cell, identities, &known);
        let judgement = judge(case, observation, &beliefs, self.strictness);
        let is_traced = self.traces_all || judgement.verdict.is_unexpected();
        let trace = match is_traced {
            true => {
                let written = self.traces.write(cell, case, &judgement, observation);
                written.map_err(CommandError::system("a transcript cannot be written"))?
            }
            false => None,
        };
        Ok(Judged { judgement, duration: observation.duration, trace })
    }
}

/// What a cell's server and client are made of, where anybody said so.
type Identities = [Option<Identity>; 2];

impl Session {
    fn identities(&self, cell: usize) -> Identities {
        [Role::Server, Role::Client].map(|role| self.results.identity(cell, role).cloned())
    }
}

/// What is believed of a cell's two sides.
fn beliefs<'a>(
    cell: &'a Cell,
    identities: &'a Identities,
    known: &'a [&'a KnownList],
) -> Beliefs<'a> {
    let waived = |role, peer: &'a Peer| {
        let waived = peer.waive.iter();
        waived.map(move |Waived { rule, why }| (role, Waiver { rule, why }))
    };
    let waivers = waived(Role::Server, &cell.server).chain(waived(Role::Client, &cell.client));
    let party = |peer: &'a Peer, identity: &'a Option<Identity>| Party {
        peer: &peer.name,
        identity: identity.as_ref(),
    };
    let [server, client] = identities;
    Beliefs {
        known,
        server: party(&cell.server, server),
        client: party(&cell.client, client),
        waivers: waivers.collect(),
    }
}
