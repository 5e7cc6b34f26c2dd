//! The guard: a second process that kills every peer if the harness dies.
//!
//! A signal handler cannot do this: nothing runs after SIGKILL. So a small
//! process holds the reading end of a pipe whose writing end only the harness
//! has, learns from it which process groups there are, and kills those that are
//! left when the pipe ends, for whatever reason it ends.

use std::{
    collections::BTreeSet,
    io::{self, BufRead as _, Write as _},
    os::unix::process::CommandExt as _,
    process::{Child, ChildStdin, Command, Stdio},
    sync::{Mutex, PoisonError},
};

use nix::{
    sys::signal::{SigHandler, Signal, killpg, signal},
    unistd::Pid,
};

/// The hidden subcommand under which the harness starts itself as the guard.
pub const SUBCOMMAND: &str = "guard-process-groups";

/// The harness's end: says which process groups live.
#[derive(Debug)]
pub struct Guard {
    process: Child,
    pipe: Mutex<Option<ChildStdin>>,
}

impl Guard {
    /// Starts the guard, which is this program itself, in a process group of its
    /// own, so that Ctrl-C at a terminal does not reach it.
    ///
    /// # Errors
    /// The program cannot be started again.
    pub fn start() -> io::Result<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .arg(SUBCOMMAND)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        let pipe = Mutex::new(process.stdin.take());
        Ok(Self { process, pipe })
    }

    /// From now on this group dies with the harness.
    pub fn watch(&self, group: Pid) {
        self.tell('+', group);
    }

    /// The group has ended; its number may become another's.
    pub fn release(&self, group: Pid) {
        self.tell('-', group);
    }

    fn tell(&self, sign: char, group: Pid) {
        let mut pipe = self.pipe.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pipe) = pipe.as_mut() {
            // A guard that was killed leaves the harness as good as without one.
            let _ = writeln!(pipe, "{sign}{group}");
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.pipe.lock().unwrap_or_else(PoisonError::into_inner).take());
        let _ = self.process.wait();
    }
}

/// The guard's own main: follows the pipe to its end, then kills what is left.
pub fn main() {
    for ignored in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        ignore(ignored);
    }
    let mut groups = BTreeSet::new();
    for line in io::stdin().lock().lines().map_while(Result::ok) {
        let (sign, group) = line.split_at_checked(1).unwrap_or_default();
        match (sign, group.parse::<i32>()) {
            ("+", Ok(group)) => groups.insert(group),
            ("-", Ok(group)) => groups.remove(&group),
            _ => false,
        };
    }
    for group in groups {
        let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
    }
}

#[expect(unsafe_code, reason = "ignoring a signal installs no handler, so nothing can run in one")]
fn ignore(ignored: Signal) {
    // SAFETY: SIG_IGN runs no code of ours.
    let _ = unsafe { signal(ignored, SigHandler::SigIgn) };
}
