//! The guard: nothing of a run outlives it, in whatever way it ends.
//!
//! A signal handler cannot do this: nothing runs after SIGKILL. So a run is two processes,
//! and when one has ended, the other clears away. The program that the user starts becomes
//! the guard ([`stand_above`]). It starts itself again, below it, for the run, and hands
//! on what it is asked by signals. Both are child subreapers where there is such a thing,
//! on Linux: a process that has left its group and lost its parent, as daemons do, becomes
//! a child of the run's, and when the run is gone, of the guard's.
//!
//! ```text
//! guard ─── run ─┬─ peer
//!                ├─ peer ─── a process of its own group
//!                └─ a daemon that a peer has left: adopted
//! ```

mod above;
mod orphans;

use std::{
    collections::BTreeSet,
    ffi::OsString,
    io::{self, Read as _, Write as _},
    os::{
        fd::AsFd as _,
        unix::{net::UnixStream, process::parent_id},
    },
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use nix::{
    sys::signal::{SigSet, Signal, killpg},
    unistd::Pid,
};
use tokio::{
    sync::{Mutex as AsyncMutex, mpsc},
    time::{Instant, sleep},
};

pub use above::stand_above;
use orphans::Orphan;

use crate::exit::Exit;

/// The hidden subcommand under which the guard starts the run; the folder of the run's
/// temporary files follows, then the words of the command line.
const SUBCOMMAND: &str = "run-below-the-guard";

/// The variable by which a peer's processes are known, however far they are from it. One
/// that hides it is found all the same, but not whose it was.
pub const MARK: &str = "CROSSWIRE_PROCESS";

/// The signals that ask a run to stop: Ctrl-C, the polite request, and the end of the
/// terminal. They are for the guard, which hands on each one once; the run does not take
/// them, for who signals a whole tree or group would be understood to ask twice.
const STOPS: [Signal; 3] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP];

/// How often to look whether what was killed is gone.
const POLL: Duration = Duration::from_millis(10);

/// How long SIGKILL may take, with all that a dying process leaves to be killed. The
/// kernel needs no time of the processes' own.
const KILL_LIMIT: Duration = Duration::from_secs(5);

/// The run's end of the guard.
#[derive(Debug)]
pub struct Guard {
    /// To the process above; none if there is none.
    above: Option<UnixStream>,
    peers: Arc<Mutex<Peers>>,
    folder: PathBuf,
    sockets: AtomicUsize,
    stops: AsyncMutex<mpsc::UnboundedReceiver<Signal>>,
}

/// The processes that were started.
#[derive(Debug, Default)]
struct Peers {
    /// The groups that live.
    groups: BTreeSet<i32>,
    /// All that there were. Each was the first of its group.
    all: BTreeSet<i32>,
}

impl Guard {
    /// Finds the guard above, if this is the process of the run, and takes the words with
    /// which it was started from the command line's.
    ///
    /// # Errors
    /// What the guard has left for the run cannot be used.
    pub fn find(words: &mut Vec<OsString>) -> io::Result<Option<Self>> {
        if words.get(1).is_none_or(|word| word != SUBCOMMAND) {
            return Ok(None);
        }
        let folder = words.drain(1..words.len().min(3)).nth(1).unwrap_or_default().into();
        let mut blocked: SigSet = STOPS.into_iter().collect();
        // The run is in a group of its own, and writes to the terminal nevertheless.
        blocked.add(Signal::SIGTTOU);
        blocked.thread_block()?;
        orphans::adopt()?;
        let above = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
        let mut below = above.try_clone()?;
        let (sender, stops) = mpsc::unbounded_channel();
        let guard = Self::new(Some(above), folder, stops);
        let (peers, folder) = (Arc::clone(&guard.peers), guard.folder.clone());
        thread::Builder::new().name("guard".to_owned()).spawn(move || {
            let mut number = [0];
            while below.read_exact(&mut number).is_ok() {
                let signal = Signal::try_from(i32::from(number[0]));
                // The run does not listen any more only when it is at its end.
                let _ = signal.map(|signal| sender.send(signal));
            }
            // From now on nothing is started: the lock is not given back.
            let peers = lock(&peers);
            clear(&peers.groups, &BTreeSet::new(), &folder);
            std::process::exit(Exit::Stopped.code().into());
        })?;
        Ok(Some(guard))
    }

    /// One without a process above, for programs that are no run of the harness: nobody
    /// clears away after them.
    #[must_use]
    pub fn alone() -> Self {
        Self::new(None, PathBuf::new(), mpsc::unbounded_channel().1)
    }

    fn new(
        above: Option<UnixStream>,
        folder: PathBuf,
        stops: mpsc::UnboundedReceiver<Signal>,
    ) -> Self {
        let (peers, sockets) = (Arc::default(), AtomicUsize::new(0));
        Self { above, peers, folder, sockets, stops: AsyncMutex::new(stops) }
    }

    /// The folder of what is to go with the run.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A path in it for a Unix socket, never twice the same.
    #[must_use]
    pub fn new_socket(&self) -> PathBuf {
        let number = self.sockets.fetch_add(1, Ordering::Relaxed);
        self.folder.join(format!("server-{number}.sock"))
    }

    /// The process that the user has started.
    #[must_use]
    pub fn process() -> u32 {
        parent_id()
    }

    /// The next request to stop. Safe to cancel.
    pub async fn stop(&self) -> Signal {
        match self.stops.lock().await.recv().await {
            Some(signal) => signal,
            None => std::future::pending().await,
        }
    }

    /// Starts a process as the first of its group, which dies with the run from now on.
    ///
    /// # Errors
    /// Those of starting it.
    pub fn start<P>(&self, start: impl FnOnce() -> io::Result<(P, Pid)>) -> io::Result<(P, Pid)> {
        let mut peers = lock(&self.peers);
        let (process, group) = start()?;
        peers.groups.insert(group.as_raw());
        peers.all.insert(group.as_raw());
        self.tell('+', group);
        Ok((process, group))
    }

    /// The group has ended; its number may become another's.
    pub fn release(&self, group: Pid) {
        lock(&self.peers).groups.remove(&group.as_raw());
        self.tell('-', group);
    }

    /// Kills what has been adopted of the processes with this mark, or of all, with what
    /// they have started themselves, and says how many there were.
    pub async fn kill_orphans(&self, mark: Option<&str>) -> usize {
        let until = Instant::now() + KILL_LIMIT;
        let mut killed = BTreeSet::new();
        loop {
            let orphans = orphans::children();
            let is_ours = |orphan: &Orphan| {
                !lock(&self.peers).all.contains(&orphan.process.as_raw())
                    && (orphan.has_ended || mark.is_none_or(|mark| orphan.has(MARK, mark)))
            };
            let mut are_left = false;
            for orphan in orphans.iter().filter(|orphan| is_ours(orphan)) {
                if !orphan.has_ended {
                    killed.insert(orphan.process);
                    are_left = true;
                }
                orphan.kill();
            }
            if !are_left || Instant::now() >= until {
                return killed.len();
            }
            sleep(POLL).await;
        }
    }

    fn tell(&self, sign: char, group: Pid) {
        // A guard that was killed is noticed where its requests are read.
        let _ = self.above.as_ref().map(|mut above| writeln!(above, "{sign}{group}"));
    }
}

fn lock(peers: &Mutex<Peers>) -> MutexGuard<'_, Peers> {
    peers.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Kills what is left of a run, and removes its temporary files. The spared are no part of
/// it.
fn clear(groups: &BTreeSet<i32>, spared: &BTreeSet<Pid>, folder: &Path) {
    for &group in groups {
        let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
    }
    orphans::kill_children(spared, KILL_LIMIT);
    let _ = std::fs::remove_dir_all(folder);
}
