//! One cell from its start to its stop, whatever its peers do meanwhile.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{
    Context, log_path,
    pump::{Incident, Interruption, Observed, Pump, Started},
};
use crate::{
    child::{Log, Stopped, describe},
    driver::{Client, Server, Setting, StartError, in_words},
    event::{Event, Times},
    observe::{Outcome, Role},
    plan::Cell,
};

/// After so many incidents without an answer between them, the rest of the cell
/// is given up: each costs a start, and a hang costs its timeout too.
const MOST_INCIDENTS_IN_A_ROW: usize = 10;

/// Runs a cell and sends what is seen.
pub(super) async fn run(cell: &Cell, index: usize, context: Context) {
    context.send(Event::CellStarted { cell: index });
    let queue = (0..cell.trials.len()).filter(|&trial| cell.trials[trial].unsupported.is_none());
    let mut queue: VecDeque<usize> = queue.collect();
    let times = Times::default();
    let mut run = CellRun { cell, index, context, times, logs: None, incidents_in_a_row: 0 };
    if let Err(Ending::GivenUp { why }) = run.trials(&mut queue).await {
        for trial in queue {
            run.observed((trial, Outcome::Blocked { why: why.clone() }, Duration::ZERO));
        }
    }
    run.context.send(Event::CellFinished { cell: index, times: run.times });
}

/// Why a cell does not go on.
enum Ending {
    /// The run is to stop.
    Stopped,
    /// Its peers cannot be started, or not any more.
    GivenUp { why: String },
}

struct CellRun<'a> {
    cell: &'a Cell,
    index: usize,
    context: Context,
    times: Times,
    /// The server's and the client's, made at the first start.
    logs: Option<(Log, Log)>,
    incidents_in_a_row: usize,
}

impl<'a> CellRun<'a> {
    /// Runs the queue. What is left in it at an error was not tried.
    async fn trials(&mut self, queue: &mut VecDeque<usize>) -> Result<(), Ending> {
        let mut server = None;
        while !queue.is_empty() {
            let mut pump = self.start(server.take()).await?;
            let mut observed = Vec::new();
            let calls = Instant::now();
            let result = pump
                .run(queue, usize::MAX, |seen| {
                    observed.push(matches!(seen.1, Outcome::Answered(_)));
                    send(&self.context, self.index, seen);
                })
                .await;
            self.times.calls += calls.elapsed();
            if observed.contains(&true) {
                self.incidents_in_a_row = 0;
            }
            match result {
                Ok(()) => {
                    let (stopped_server, breaches) = self.finish_client(pump).await;
                    for (trial, why) in breaches {
                        self.observed((trial, Outcome::Malformed { why }, Duration::ZERO));
                    }
                    self.stop_server(stopped_server).await;
                    return Ok(());
                }
                Err(Interruption::Stopped) => {
                    self.abandon(pump, false).await;
                    return Err(Ending::Stopped);
                }
                Err(Interruption::Incident(incident)) => {
                    server = self.abandon(pump, incident.server_is_fine).await;
                    server = self.settle(incident, server, queue).await?;
                }
            }
        }
        if let Some(server) = server {
            self.stop_server(server).await;
        }
        Ok(())
    }

    /// Finds out which trial an incident belongs to: each that was in flight is
    /// run again alone. Gives the server back if it can go on.
    async fn settle(
        &mut self,
        incident: Incident,
        server: Option<Server>,
        queue: &mut VecDeque<usize>,
    ) -> Result<Option<Server>, Ending> {
        if incident.is_certain {
            match incident.in_flight[..] {
                [Started { trial, elapsed }] => self.observed((trial, incident.outcome, elapsed)),
                _ => self.note_idle_incident(&incident.outcome),
            }
            self.count_incident()?;
            return Ok(server);
        }
        if let Err(ending) = self.count_incident() {
            queue.extend(incident.in_flight.iter().map(|started| started.trial));
            return Err(ending);
        }
        let mut alone = Alone { server, pump: None, rest: incident.in_flight.clone().into() };
        let mut seen = Vec::new();
        let mut is_explained = false;
        // After a breach of the protocol that names no call, a fresh client for
        // each, heard to its end: then whatever it says belongs to this trial.
        let is_fresh = matches!(incident.outcome, Outcome::Malformed { .. });
        let ending = loop {
            let Some(started) = alone.rest.pop_front() else { break Ok(()) };
            match self.run_alone(started.trial, &mut alone, is_fresh).await {
                Ok((observed, explains)) => {
                    is_explained |= explains;
                    seen.push(observed);
                }
                Err(ending) => {
                    alone.rest.push_front(started);
                    break Err(ending);
                }
            }
        };
        for (position, (trial, outcome, duration)) in seen.into_iter().enumerate() {
            let is_blamed = !is_explained && incident.suspects.contains(&position);
            let outcome = if is_blamed { not_seen_again(&incident.outcome) } else { outcome };
            self.observed((trial, outcome, duration));
        }
        let server = match alone.pump {
            Some(pump) => self.abandon(pump, ending.is_ok()).await,
            None => alone.server,
        };
        if let Err(ending) = ending {
            for started in alone.rest.into_iter().rev() {
                queue.push_front(started.trial);
            }
            return Err(ending);
        }
        Ok(server)
    }

    /// Runs one trial with nothing beside it. Tells whether it explains the
    /// incident, by being one again.
    async fn run_alone(
        &mut self,
        trial: usize,
        alone: &mut Alone<'a>,
        is_fresh: bool,
    ) -> Result<(Observed, bool), Ending> {
        let mut pump = match alone.pump.take() {
            Some(pump) => pump,
            None => self.start(alone.server.take()).await?,
        };
        let mut observed = None;
        let calls = Instant::now();
        let result = pump.run(&mut VecDeque::from([trial]), 1, |seen| observed = Some(seen)).await;
        self.times.calls += calls.elapsed();
        match (result, observed) {
            (Ok(()), Some(observed)) => {
                self.incidents_in_a_row = 0;
                if !is_fresh {
                    alone.pump = Some(pump);
                    return Ok((observed, false));
                }
                let (server, breaches) = self.finish_client(pump).await;
                alone.server = Some(server);
                Ok(match breaches.into_iter().next() {
                    Some((_, why)) => ((trial, Outcome::Malformed { why }, observed.2), true),
                    None => (observed, false),
                })
            }
            (Err(Interruption::Stopped), _) | (Ok(()), None) => {
                self.abandon(pump, false).await;
                Err(Ending::Stopped)
            }
            (Err(Interruption::Incident(incident)), _) => {
                alone.server = self.abandon(pump, incident.server_is_fine).await;
                self.count_incident()?;
                let elapsed = incident.in_flight.first().map_or(Duration::ZERO, |s| s.elapsed);
                Ok(((trial, incident.outcome, elapsed), true))
            }
        }
    }

    fn count_incident(&mut self) -> Result<(), Ending> {
        self.incidents_in_a_row += 1;
        if self.incidents_in_a_row <= MOST_INCIDENTS_IN_A_ROW {
            return Ok(());
        }
        let why = format!(
            "given up after {MOST_INCIDENTS_IN_A_ROW} crashes or hangs in a row; see the trials before this one"
        );
        Err(Ending::GivenUp { why })
    }

    /// Starts the client, and the server unless it runs.
    async fn start(&mut self, server: Option<Server>) -> Result<Pump<'a>, Ending> {
        let (server_log, client_log) = self.logs()?;
        let began = Instant::now();
        let (folder, guard) = (&self.context.settings.folder, &self.context.settings.guard);
        let setting = |log| Setting {
            folder,
            log,
            guard: Arc::clone(guard),
            limits: self.context.settings.limits,
        };
        let start_server = async {
            match server {
                Some(server) => Ok(server),
                None => Server::start(self.cell.server_spec(), setting(server_log)).await,
            }
        };
        let start_client = Client::start(self.cell.client_spec(), setting(client_log));
        let mut stop = self.context.clone();
        let started = tokio::select! {
            started = async { tokio::join!(start_server, start_client) } => started,
            () = stop.stopped() => return Err(Ending::Stopped),
        };
        self.times.start += began.elapsed();
        let (server, client) = match started {
            (Ok(server), Ok(client)) => (server, client),
            (Err(error), client) => {
                if let Ok(client) = client {
                    client.kill().await;
                }
                return Err(self.cannot_start(Role::Server, &error));
            }
            (Ok(server), Err(error)) => {
                server.kill().await;
                return Err(self.cannot_start(Role::Client, &error));
            }
        };
        self.context.send(Event::CellReady { cell: self.index, hello: client.hello.clone() });
        Ok(Pump::new(self.cell, self.index, self.context.clone(), server, client))
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
            let path = log_path(&self.context.settings.logs, self.cell, role);
            Log::create(&path).map_err(|error| Ending::GivenUp {
                why: format!("the log {} cannot be written: {error}", path.display()),
            })
        };
        let logs = (create(Role::Server)?, create(Role::Client)?);
        self.logs = Some(logs.clone());
        Ok(logs)
    }

    /// Lets the client finish; what it says then that it should not have said
    /// comes back with the trial that it belongs to.
    async fn finish_client(&mut self, pump: Pump<'a>) -> (Server, Vec<(usize, String)>) {
        let began = Instant::now();
        let limit = self.context.settings.limits.stop;
        let (server, late, stopped) = pump.finish(limit).await;
        self.note_stop(Role::Client, &stopped);
        self.times.stop += began.elapsed();
        (server, late)
    }

    async fn stop_server(&mut self, server: Server) {
        let began = Instant::now();
        if let Some(stopped) = server.stop(self.context.settings.limits.stop).await {
            self.note_stop(Role::Server, &stopped);
        }
        self.times.stop += began.elapsed();
    }

    /// Kills the client, and the server unless it is to be kept.
    async fn abandon(&mut self, pump: Pump<'a>, keep_server: bool) -> Option<Server> {
        let began = Instant::now();
        let (server, client) = pump.into_processes();
        client.kill().await;
        let kept = if keep_server {
            Some(server)
        } else {
            server.kill().await;
            None
        };
        self.times.stop += began.elapsed();
        kept
    }

    fn note_stop(&self, role: Role, stopped: &Stopped) {
        let limit = in_words(self.context.settings.limits.stop);
        let text = if stopped.killed {
            format!("did not stop within {limit} when asked, and was killed")
        } else if stopped.left_processes {
            format!("left processes behind that did not end within {limit}; they were killed")
        } else if stopped.status.is_some_and(|status| status.code().is_some_and(|code| code != 0)) {
            format!("{} when asked to stop", describe(stopped.status))
        } else {
            return;
        };
        self.context.send(Event::Note { cell: self.index, role, text });
    }

    /// Something happened while no call was in flight: it decides no trial.
    fn note_idle_incident(&self, outcome: &Outcome) {
        let (role, why) = match outcome {
            Outcome::Crashed { role, why } => (*role, why),
            Outcome::Malformed { why } | Outcome::Hung { why } => (Role::Client, why),
            _ => return,
        };
        let text = format!("misbehaved while no call was in flight: {why}");
        self.context.send(Event::Note { cell: self.index, role, text });
    }

    fn peer(&self, role: Role) -> &str {
        match role {
            Role::Server => &self.cell.server.name,
            Role::Client => &self.cell.client.name,
        }
    }

    fn observed(&self, seen: Observed) {
        send(&self.context, self.index, seen);
    }
}

/// What is at hand while trials run alone.
struct Alone<'a> {
    server: Option<Server>,
    pump: Option<Pump<'a>>,
    rest: VecDeque<Started>,
}

fn send(context: &Context, cell: usize, (trial, outcome, duration): Observed) {
    context.observed(cell, trial, outcome, duration);
}

/// An incident that no trial caused again when it ran alone: it happened all
/// the same.
fn not_seen_again(outcome: &Outcome) -> Outcome {
    let add = |why: &str| format!("{why}; run again alone, the case was answered");
    match outcome {
        Outcome::Hung { why } => Outcome::Hung { why: add(why) },
        Outcome::Crashed { role, why } => Outcome::Crashed { role: *role, why: add(why) },
        Outcome::Malformed { why } => Outcome::Malformed { why: add(why) },
        other => other.clone(),
    }
}
