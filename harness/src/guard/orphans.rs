//! The children of this process, those among them that it did not start.

use std::{
    collections::BTreeSet,
    fs, io, thread,
    time::{Duration, Instant},
};

use nix::{
    sys::{
        signal::{Signal, kill},
        wait::{WaitPidFlag, waitpid},
    },
    unistd::Pid,
};

use super::POLL;

/// A child of this process's.
#[derive(Debug)]
pub(super) struct Orphan {
    pub(super) process: Pid,
    /// Whether it waits for nothing but to be reaped.
    pub(super) has_ended: bool,
}

/// From now on this process is the parent of every descendant that loses its own.
///
/// # Errors
/// The system refuses.
#[cfg(target_os = "linux")]
pub(super) fn adopt() -> io::Result<()> {
    Ok(nix::sys::prctl::set_child_subreaper(true)?)
}

/// Elsewhere the system's first process is.
#[cfg(not(target_os = "linux"))]
pub(super) fn adopt() -> io::Result<()> {
    Ok(())
}

/// The children, as Linux tells them in `/proc`; elsewhere nobody is adopted.
pub(super) fn children() -> Vec<Orphan> {
    let Ok(processes) = fs::read_dir("/proc") else { return Vec::new() };
    let processes = processes.flatten();
    let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    numbers.filter_map(|number| child(Pid::from_raw(number))).collect()
}

/// The process, if it is a child: `PID (NAME) STATE PARENT …`, with anything in the name.
fn child(process: Pid) -> Option<Orphan> {
    let line = fs::read(format!("/proc/{process}/stat")).ok()?;
    let name_ends = line.iter().rposition(|&byte| byte == b')')?;
    let rest = String::from_utf8_lossy(&line[name_ends + 1..]).into_owned();
    let mut fields = rest.split_whitespace();
    let (state, parent) = (fields.next()?, fields.next()?.parse::<i32>().ok()?);
    let is_child = Pid::from_raw(parent) == Pid::this();
    is_child.then_some(Orphan { process, has_ended: matches!(state, "Z" | "X") })
}

impl Orphan {
    /// Whether it was started with this variable.
    pub(super) fn has(&self, name: &str, value: &str) -> bool {
        let variables = fs::read(format!("/proc/{}/environ", self.process)).unwrap_or_default();
        let wanted = format!("{name}={value}");
        variables.split(|&byte| byte == 0).any(|variable| variable == wanted.as_bytes())
    }

    /// Kills it, and reaps it if it has ended.
    pub(super) fn kill(&self) {
        let _ = kill(self.process, Signal::SIGKILL);
        let _ = waitpid(self.process, Some(WaitPidFlag::WNOHANG));
    }
}

/// Kills all children but the spared, and what becomes a child by that, until there are none.
pub(super) fn kill_children(spared: &BTreeSet<Pid>, limit: Duration) {
    let until = Instant::now() + limit;
    loop {
        let mut left = children();
        left.retain(|child| !spared.contains(&child.process));
        if left.is_empty() || Instant::now() >= until {
            return;
        }
        left.iter().for_each(Orphan::kill);
        thread::sleep(POLL);
    }
}
