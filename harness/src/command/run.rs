//! `crosswire run`: the whole pipeline.

mod again;
mod recorder;

use std::{
    collections::BTreeMap,
    fs,
    future::pending,
    io::{self, Read as _},
    path::Path,
    pin::pin,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use nix::{
    errno::Errno,
    fcntl::{Flock, FlockArg},
    sys::signal::Signal,
};
use tokio::{
    sync::{mpsc, watch},
    time::sleep,
};

use again::{Again, Counts, Place, Ran};
use recorder::{Judge, Lists, Recorder};

use super::{CommandError, report_folder, selected};
use crate::{
    certificates::Certificates,
    command_line::RunArgs,
    driver::Hello,
    event::{Event, Times},
    exit::Exit,
    finding::{Finding, Kind},
    guard::Guard,
    input::BadInput,
    judge::{Strictness, Verdict},
    known::{Met, Party},
    lag::Lag,
    output::{self, say},
    plan::{Cell, Plan},
    project::Project,
    report::{
        Console, JsonLines, Note, Progress, RanAgain, Rerun, Span, Summary, Timings, Traces, junit,
        writer,
    },
    results::{Judged, Results},
    role::Role,
    run::{self, Round, Settings, missing_programs},
    text,
};

/// How long what was observed may still be judged once a run that was stopped has ended. What
/// is not judged by then counts as not run.
const BACKLOG_LIMIT: Duration = Duration::from_secs(1);

pub(super) fn run(
    manifest: Option<&Path>,
    arguments: &RunArgs,
    guard: Guard,
) -> Result<Exit, CommandError> {
    let (mut project, selection) = selected(manifest, &arguments.select)?;
    if arguments.tls {
        project.encrypt();
    }
    let project = &project;
    let stale = project.stale_entries();
    if !stale.is_empty() {
        for entry in &stale {
            say(&format!("crosswire: {entry}"));
        }
        return Ok(Exit::StaleKnown);
    }
    let plan = Arc::new(project.plan(&selection));
    if plan.cells.is_empty() {
        say(
            "crosswire: nothing selected: no trial matches; `crosswire list cases` shows what there is",
        );
        return Ok(Exit::NothingRan);
    }
    if arguments.require_all && !requirements_are_met(&plan) {
        return Ok(Exit::Blocked);
    }
    let folder = report_folder(project, arguments.report.as_ref());
    let lists = Lists { own: project.known.clone(), built_in: project.built_in.clone() };
    let lists = Arc::new(lists);
    let session = Session::new(Arc::clone(&plan), Arc::clone(&lists), folder, arguments)?;
    let certificates = plan
        .has_tls()
        .then(|| Certificates::make(guard.folder()).map(Arc::new))
        .transpose()
        .map_err(CommandError::system("certificates for TLS cannot be made"))?;
    let guard = Arc::new(guard);
    let known = lists.own.entries.iter().chain(&lists.built_in.entries);
    let settings = Settings {
        certificates,
        logs: folder.join("logs"),
        limits: project.manifest.limits,
        jobs: arguments.jobs(),
        guard: Arc::clone(&guard),
        known_incidents: known
            .filter(|known| known.names(Kind::Hang) || known.names(Kind::Crash))
            .cloned()
            .collect(),
        lag: Lag::start().map_err(CommandError::system("a heartbeat cannot be started"))?,
        round: Round::default(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(CommandError::system("the runtime cannot be started"))?;
    let began = Instant::now();
    let judge = Judge {
        lists,
        strictness: if arguments.strict { Strictness::Should } else { Strictness::Must },
        traces_all: arguments.trace,
        traces: Traces::new(folder),
        plan: Arc::clone(&plan),
    };
    let limit = arguments.limit.map(|limit| (began + limit, limit));
    let run_round = |session: Session, round| {
        let (judge, settings) = (judge.clone(), Settings { round, ..settings.clone() });
        runtime.block_on(follow(Arc::clone(&plan), judge, session, settings, limit, &guard))
    };
    let (mut session, mut stopped) = run_round(session, Round::default())?;
    for repetition in 1.. {
        while stopped.is_none()
            && let Some(again) = session.again.next()
        {
            (session, stopped) = run_round(session, again)?;
        }
        if repetition == arguments.repeat || stopped.is_some() {
            break;
        }
        let round = session.repeat();
        (session, stopped) = run_round(session, round)?;
    }
    let left = runtime.block_on(guard.kill_orphans(None));
    if left > 0 {
        let daemons = text::count(left, "daemon");
        say(&format!("crosswire: killed {daemons} that some peer had left and that hid whose"));
    }
    // Pipes that somebody's grandchild holds open may still be read: not awaited.
    runtime.shutdown_background();
    let (rerun, elapsed) = (rerun(manifest, arguments), began.elapsed());
    session.report(project, folder, rerun, stopped, elapsed, arguments.timings)
}

/// Runs the plan, and has what comes of it judged and written beside it. Returns what is
/// known of the run at its end, and why it was stopped if it was.
async fn follow(
    plan: Arc<Plan>,
    judge: Judge,
    mut session: Session,
    settings: Settings,
    limit: Option<(Instant, Duration)>,
    guard: &Guard,
) -> Result<(Session, Option<String>), CommandError> {
    let (sender, events) = mpsc::unbounded_channel();
    session.progress.begin(&plan, settings.jobs, &settings.round);
    let mut recorder = Recorder::start(judge, session, events)?;
    let (stop, stopped) = watch::channel(false);
    let mut work = pin!(run::run(plan, settings, sender, stopped));
    let mut is_running = true;
    let mut limit_is_over = pin!(async {
        let (end, whole) = limit.unzip();
        after(end.map(|end| end.saturating_duration_since(Instant::now()))).await;
        whole.unwrap_or_default()
    });
    let mut backlog_is_late = pin!(after(None));
    let mut why_stopped = None;
    loop {
        tokio::select! {
            biased;
            signal = guard.stop() => {
                if why_stopped.is_some() {
                    // Asked twice means at once. The guard kills the peers.
                    recorder.flush();
                    std::process::exit(Exit::Stopped.code().into());
                }
                why_stopped = Some(why(signal).to_owned());
                let _ = stop.send(true);
                backlog_is_late.set(after((!is_running).then_some(BACKLOG_LIMIT)));
            }
            limit = &mut limit_is_over, if why_stopped.is_none() => {
                why_stopped = Some(format!("the limit of {} is over", text::duration(limit)));
                let _ = stop.send(true);
                backlog_is_late.set(after((!is_running).then_some(BACKLOG_LIMIT)));
            }
            () = &mut work, if is_running => {
                is_running = false;
                backlog_is_late.set(after(why_stopped.is_some().then_some(BACKLOG_LIMIT)));
            }
            recorded = recorder.ended() => {
                recorded?;
                break;
            }
            () = &mut backlog_is_late => break,
        }
    }
    Ok((recorder.into_session()?, why_stopped))
}

/// What ran again, by names.
fn ran_again(ran: &Ran, plan: &Plan) -> RanAgain {
    let named = |&(cell, trial): &Place| {
        let cell = &plan.cells[cell];
        let case = cell.trials[trial].case.name.clone();
        (case, cell.server.name.clone(), cell.client.name.clone())
    };
    RanAgain {
        lagged: ran.lagged.len(),
        lost: ran.lost.len(),
        charged: ran.charged.iter().map(named).collect(),
    }
}

/// Says every program that is missing, for `--require-all`.
fn requirements_are_met(plan: &Plan) -> bool {
    let mut seen = BTreeMap::new();
    for peer in plan.cells.iter().flat_map(|cell| [&cell.server, &cell.client]) {
        if let Some(why) = missing_programs(peer) {
            seen.insert(&peer.name, why);
        }
    }
    for (peer, why) in &seen {
        say(&format!(
            "crosswire: {peer} cannot take part, and --require-all asks for every peer: {why}"
        ));
    }
    seen.is_empty()
}

/// The command that a failure's `again` line starts with: as this one was called.
fn rerun(manifest: Option<&Path>, arguments: &RunArgs) -> Rerun {
    let program = std::env::args_os().next().unwrap_or_else(|| "crosswire".into());
    let mut command = format!("{} run", shell_word(&program.to_string_lossy()));
    for (option, path) in [("manifest", manifest), ("report", arguments.report.as_deref())] {
        if let Some(path) = path {
            command.push_str(&format!(" --{option} {}", shell_word(&path.display().to_string())));
        }
    }
    for (option, is_given) in [("tls", arguments.tls), ("strict", arguments.strict)] {
        if is_given {
            command.push_str(&format!(" --{option}"));
        }
    }
    let filter = arguments.select.filter.as_ref();
    let selection = filter.map(|filter| format!(" -E {}", shell_word(filter)));
    Rerun { command, selection: selection.unwrap_or_default() }
}

/// A word as a shell reads it back.
fn shell_word(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:,@%".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// A run in progress: what is known of it so far.
struct Session {
    /// Held until the last report is written.
    _lock: Option<Flock<fs::File>>,
    plan: Arc<Plan>,
    results: Results,
    /// Those of the repetitions before.
    earlier: Option<Results>,
    /// Whether nothing was left out that there is.
    is_whole: bool,
    lists: Arc<Lists>,
    /// The entries of the user's known list that were met.
    met: Met,
    lines: JsonLines,
    progress: Progress,
    /// What may have failed without a fault of its own.
    again: Again,
    hellos: BTreeMap<String, Hello>,
    blocked: BTreeMap<String, String>,
    notes: Vec<Note>,
    build: Duration,
    times: Times,
    began: Instant,
    /// When the cells that run began.
    running: BTreeMap<usize, Duration>,
    timings: Timings,
}

impl Session {
    /// Starts the reports, in a folder that no other run writes to.
    fn new(
        plan: Arc<Plan>,
        lists: Arc<Lists>,
        folder: &Path,
        arguments: &RunArgs,
    ) -> Result<Self, CommandError> {
        let path = folder.join("results.jsonl");
        let unwritable = || CommandError::system(format!("{} cannot be written", path.display()));
        fs::create_dir_all(folder).map_err(unwritable())?;
        let lock = lock(folder, &path)?;
        let lines = remove_last_run(folder)
            .and_then(|()| JsonLines::create(&path, &plan, SystemTime::now()))
            .map_err(unwritable())?;
        Ok(Self {
            _lock: lock,
            lists,
            is_whole: arguments.select.is_everything(),
            met: Met::default(),
            results: Results::new(Arc::clone(&plan)),
            earlier: None,
            lines,
            progress: Progress::new(&plan),
            again: Again::new(arguments.retries.into()),
            hellos: BTreeMap::new(),
            blocked: BTreeMap::new(),
            notes: Vec::new(),
            build: Duration::ZERO,
            times: Times::default(),
            began: Instant::now(),
            running: BTreeMap::new(),
            timings: Timings::default(),
            plan,
        })
    }

    /// Takes note of an event, and of what a trial that was observed came to.
    fn take(&mut self, event: &Event, judged: Option<Judged>) -> Result<(), CommandError> {
        match event {
            Event::TrialObserved { cell, trial, observation } => {
                let Some(judged) = judged else { return Ok(()) };
                let counts = self.again.judged((*cell, *trial), observation, &judged.judgement);
                if counts != Counts::Yes {
                    if counts == Counts::NotAlone {
                        self.results.set_not_alone(*cell, *trial);
                    }
                    return Ok(());
                }
                let planned = &self.plan.cells[*cell];
                let identity = |role| self.results.identity(*cell, role);
                let server = Party { peer: &planned.server.name, identity: identity(Role::Server) };
                let client = Party { peer: &planned.client.name, identity: identity(Role::Client) };
                let known = judged.judgement.findings.iter().filter_map(Finding::known);
                let places = known.map(|known| &known.place);
                let case = &planned.trials[*trial].case.name;
                self.met.trial(&self.lists.own, server, client, case, places);
                self.results.set(*cell, *trial, judged);
                if let Some(record) = self.results.record(*cell, *trial) {
                    self.lines.append(&record).map_err(unwritable)?;
                }
            }
            Event::CellReady { cell, hello, server } => {
                let Cell { server: server_peer, client: client_peer, .. } = &self.plan.cells[*cell];
                for (role, peer, claimed) in [
                    (Role::Server, server_peer, server.clone()),
                    (Role::Client, client_peer, Some(hello.identity())),
                ] {
                    // The harness itself is no library.
                    let claimed = claimed.filter(|_| !peer.is_scripted());
                    self.results.set_identity(*cell, role, peer.identity(claimed.as_ref()));
                }
                self.hellos.insert(client_peer.name.clone(), hello.clone());
            }
            Event::PeerBlocked { peer, why } => {
                self.blocked.insert(peer.clone(), why.clone());
            }
            Event::Note { cell, role, text } => {
                let cell = &self.plan.cells[*cell];
                let (server, client) = (cell.server.name.clone(), cell.client.name.clone());
                self.notes.push(Note { server, client, role: *role, text: text.clone() });
            }
            Event::BuildFinished { peer, took } => {
                self.build += *took;
                self.timings.builds.push((peer.clone(), *took));
            }
            Event::CellStarted { cell } => {
                self.running.insert(*cell, self.began.elapsed());
            }
            Event::CellFinished { cell, times } => {
                self.times += *times;
                if let Some(began) = self.running.remove(cell) {
                    let ended = self.began.elapsed();
                    self.timings.cells.push(Span { cell: *cell, began, ended });
                }
            }
            _ => {}
        }
        self.progress.event(event, &self.plan, &self.results);
        Ok(())
    }

    /// All is to run once more.
    fn repeat(&mut self) -> Round {
        let results = std::mem::replace(&mut self.results, Results::new(Arc::clone(&self.plan)));
        self.earlier = Some(match self.earlier.take() {
            Some(earlier) => earlier.repeated(results),
            None => results,
        });
        self.again.repeat()
    }

    fn draw(&mut self) -> Result<(), CommandError> {
        self.progress.tick(&self.plan, &self.results);
        self.lines.flush().map_err(unwritable)
    }

    /// Writes every report, whatever the run came to.
    fn report(
        self,
        project: &Project,
        folder: &Path,
        rerun: Rerun,
        stopped: Option<String>,
        elapsed: Duration,
        is_timed: bool,
    ) -> Result<Exit, CommandError> {
        self.progress.finish();
        let Self { _lock, plan, results, earlier, lines, hellos, blocked, mut notes, .. } = self;
        let results = match earlier {
            Some(earlier) => earlier.repeated(results),
            None => results,
        };
        let (build, times) = (self.build, self.times);
        notes.sort();
        // A peer that is started again may earn its note again.
        notes.dedup();
        let mut identities = BTreeMap::new();
        for (index, cell) in plan.cells.iter().enumerate() {
            for (role, peer) in [(Role::Server, &cell.server), (Role::Client, &cell.client)] {
                if let Some(identity) = results.identity(index, role) {
                    identities.insert(peer.name.clone(), identity.clone());
                }
            }
        }
        let counts = results.counts();
        let is_complete = self.is_whole && stopped.is_none() && counts.of(Verdict::Blocked) == 0;
        let stale = if is_complete { self.met.stale(&project.known) } else { Vec::new() };
        let exit = match counts.exit(stopped.is_some()) {
            Exit::Success if !stale.is_empty() => Exit::StaleKnown,
            exit => exit,
        };
        let summary = Summary {
            counts,
            exit,
            stopped,
            elapsed,
            build,
            times,
            hellos,
            blocked,
            notes,
            stale,
            identities,
            again: ran_again(self.again.ran(), &plan),
            timings: is_timed.then_some(self.timings),
        };
        let records = results.records();
        let console = Console {
            out: anstream::stdout().lock(),
            plan: &plan,
            contract: &project.contract,
            folder,
            rerun,
        };
        let shown = console.write(&results, &records, &summary);
        lines.finish(&plan, &records, &summary).map_err(unwritable)?;
        let path = folder.join("junit.xml");
        junit(&records, &summary)
            .map_err(io::Error::other)
            .and_then(|xml| output::write(&path, &xml))
            .map_err(CommandError::system(format!("{} cannot be written", path.display())))?;
        match shown {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(CommandError::system("stdout cannot be written")(error))
            }
            _ => Ok(exit),
        }
    }
}

/// Takes the folder for this run. A file system that knows no locks gives none.
fn lock(folder: &Path, results: &Path) -> Result<Option<Flock<fs::File>>, BadInput> {
    let Ok(opened) = fs::File::open(folder) else { return Ok(None) };
    match Flock::lock(opened, FlockArg::LockExclusiveNonblock) {
        Err((_, Errno::EWOULDBLOCK)) => {
            let holder = writer(results).map(|process| format!(" (process {process})"));
            let problem = format!(
                "another run{} writes its reports here; wait for its end, or name another folder with --report",
                holder.unwrap_or_default()
            );
            Err(BadInput::new(folder, problem))
        }
        lock => Ok(lock.ok()),
    }
}

/// Removes the reports of the run before: what is cut off must not look finished.
/// A folder without results of ours is left alone.
fn remove_last_run(folder: &Path) -> io::Result<()> {
    let mut start = [0; b"{\"run\":{".len()];
    let results = fs::File::open(folder.join("results.jsonl"));
    if !results.is_ok_and(|mut file| file.read_exact(&mut start).is_ok() && &start == b"{\"run\":{")
    {
        return Ok(());
    }
    for (name, is_folder) in [("junit.xml", false), ("logs", true), ("traces", true)] {
        let path = folder.join(name);
        let removed = if is_folder { fs::remove_dir_all(path) } else { fs::remove_file(path) };
        match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

fn unwritable(error: io::Error) -> CommandError {
    CommandError::system("results.jsonl cannot be written")(error)
}

/// Returns once the limit is over, and never if there is none.
async fn after(limit: Option<Duration>) {
    match limit {
        Some(limit) => sleep(limit).await,
        None => pending().await,
    }
}

/// What a signal means that asks a run to stop.
const fn why(signal: Signal) -> &'static str {
    match signal {
        Signal::SIGINT => "interrupted (SIGINT)",
        Signal::SIGHUP => "hung up (SIGHUP)",
        _ => "terminated (SIGTERM)",
    }
}
