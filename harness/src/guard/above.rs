//! The guard's own process, which the user has started.

use std::{
    collections::BTreeSet,
    env, fs,
    io::{self, BufReader, Write as _},
    os::{
        fd::OwnedFd,
        unix::{
            net::UnixStream,
            process::{CommandExt as _, ExitStatusExt as _},
        },
    },
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{SigSet, Signal, kill, raise},
    unistd::Pid,
};

use super::{STOPS, SUBCOMMAND, clear, orphans};
use crate::{exit::Exit, output::say};

/// Signals of one kind that come so soon one after the other are one: `timeout` signals the
/// process and then its group. Nobody presses Ctrl-C twice as fast.
const ONE_REQUEST: Duration = Duration::from_millis(100);

/// Starts the run below this process, with the same command line, and waits for its end.
/// Says how it ended.
///
/// # Errors
/// The program cannot be started again, or the system gives no temporary folder.
pub fn stand_above() -> io::Result<Exit> {
    // `nohup` asks for it.
    let takes = |signal: &Signal| *signal != Signal::SIGHUP || !is_ignored(*signal);
    let mut signals: SigSet = STOPS.into_iter().filter(takes).collect();
    signals.add(Signal::SIGCHLD);
    signals.add(Signal::SIGTSTP);
    signals.thread_block()?;
    // A shell that becomes this program leaves it the children that it had.
    let spared = orphans::children().iter().map(|child| child.process).collect();
    orphans::adopt()?;
    let folder = tempfile::Builder::new().prefix("crosswire-").tempdir()?;
    let (mut below, above) = UnixStream::pair()?;
    let mut words = env::args_os();
    let mut run = Command::new(env::current_exe()?)
        .arg0(words.next().unwrap_or_default())
        .arg(SUBCOMMAND)
        .arg(folder.path())
        .args(words)
        // The run reads nothing else.
        .stdin(Stdio::from(OwnedFd::from(above)))
        // Ctrl-C at a terminal is for the guard alone.
        .process_group(0)
        .spawn()?;
    let lines = BufReader::new(below.try_clone()?);
    let groups = thread::Builder::new().spawn(move || follow(lines))?;
    let status = wait(&mut run, &signals, &mut below)?;
    // It has ended with the run, whose end of the socket nobody else has.
    let groups = groups.join().unwrap_or_default();
    clear(&groups, &spared, folder.path());
    Ok(exit(status))
}

/// Whether whoever started this process has it ignore a signal, as Linux tells.
fn is_ignored(signal: Signal) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal as i32 - 1) & 1 == 1)
}

/// The groups that are left when the run has ended.
fn follow(lines: impl io::BufRead) -> BTreeSet<i32> {
    let mut groups = BTreeSet::new();
    for line in lines.lines().map_while(Result::ok) {
        let (sign, group) = line.split_at_checked(1).unwrap_or_default();
        match (sign, group.parse::<i32>()) {
            ("+", Ok(group)) => groups.insert(group),
            ("-", Ok(group)) => groups.remove(&group),
            _ => false,
        };
    }
    groups
}

/// Waits for the end of the run, and hands on the signals until then.
fn wait(run: &mut Child, signals: &SigSet, below: &mut UnixStream) -> io::Result<ExitStatus> {
    let process = Pid::from_raw(i32::try_from(run.id()).unwrap_or_default());
    let mut last: Option<(Signal, Instant)> = None;
    loop {
        match signals.wait()? {
            Signal::SIGCHLD => {
                if let Some(status) = run.try_wait()? {
                    return Ok(status);
                }
            }
            // Both rest until the shell lets the guard go on.
            Signal::SIGTSTP => {
                let _ = kill(process, Signal::SIGSTOP);
                let _ = raise(Signal::SIGSTOP);
                let _ = kill(process, Signal::SIGCONT);
            }
            stop if last
                .is_some_and(|(signal, at)| signal == stop && at.elapsed() < ONE_REQUEST) => {}
            // A run that does not listen any more is about to end.
            stop => {
                last = Some((stop, Instant::now()));
                let _ = below.write_all(&[stop as u8]);
            }
        }
    }
}

/// What the run's exit code says. Nobody but others ends it by a signal.
fn exit(status: ExitStatus) -> Exit {
    if let Some(signal) = status.signal() {
        say(&format!("crosswire: the run was ended by signal {signal}; its peers were killed"));
        return Exit::Defect;
    }
    let is_it = |exit: &Exit| Some(i32::from(exit.code())) == status.code();
    Exit::ALL.into_iter().find(is_it).unwrap_or(Exit::Defect)
}
