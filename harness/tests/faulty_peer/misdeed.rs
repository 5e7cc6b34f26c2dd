//! What servers and clients can do wrong alike.

use std::{
    fs,
    io::{self, Write as _},
    os::{fd::AsRawFd as _, unix::process::CommandExt as _},
    process::{Command, exit},
    thread,
};

use nix::sys::signal::{SigSet, Signal};

/// How much a flood is on each of stdout and stderr: more than a pipe holds
/// (64 KiB), and both together more than the harness keeps in a log (16 MiB).
const FLOOD_BYTES: usize = 12 << 20;

/// Text that would steer a terminal, break XML or hide what stands beside it.
pub(crate) const HOSTILE: &str =
    "\u{1b}[31mred\u{1b}]0;title\u{7} \0 \u{9b}2J ]]> <![CDATA[ &lt; \"' \u{202e}desrever\r\nPASS";

/// Another answer than any request: `Text { text: "wrong" }`, in base64.
pub(crate) const WRONG: &str = "CgV3cm9uZw==";

pub(crate) fn die() -> ! {
    eprintln!("these are my last words");
    exit(3);
}

pub(crate) fn hang() -> ! {
    loop {
        thread::park();
    }
}

pub(crate) fn hang_with_stdout_closed() -> ! {
    nix::unistd::close(io::stdout().as_raw_fd()).unwrap();
    hang();
}

/// From now on SIGTERM does nothing, unless it is waited for. Threads that are
/// started later inherit that; programs do not.
pub(crate) fn block_sigterm() -> SigSet {
    let sigterm = SigSet::from(Signal::SIGTERM);
    sigterm.thread_block().unwrap();
    sigterm
}

/// Waits for SIGTERM, tells in a file that it came, and hangs.
pub(crate) fn hang_in_spite_of(sigterm: SigSet, role: &str) -> ! {
    sigterm.wait().unwrap();
    fs::write(format!("{role}-saw-sigterm"), "").unwrap();
    hang();
}

/// Leaves a process in the peer's group, with the peer's stdout and stderr.
#[expect(clippy::zombie_processes, reason = "that it is left behind is the fault")]
pub(crate) fn leave_a_grandchild() {
    Command::new("sleep").arg("1000").spawn().unwrap();
}

/// Leaves a process in a group of its own, with the peer's stdout and stderr.
#[expect(clippy::zombie_processes, reason = "that it is left behind is the fault")]
pub(crate) fn leave_a_daemon() {
    Command::new("sleep").arg("1000").process_group(0).spawn().unwrap();
}

/// Starts what outlives it, and tells in files which processes they are: one that has left
/// its session and lost its parent, and one that hides its environment too.
pub(crate) fn start_daemons() {
    for (name, first) in [("plain", &["setsid"][..]), ("hidden", &["env", "-i", "setsid"])] {
        let script = format!(
            "echo $$ > daemon-{name}.new; mv daemon-{name}.new daemon-{name}; exec sleep 1000"
        );
        let path = std::env::var("PATH").unwrap();
        let words = ["--fork", "env", &format!("PATH={path}"), "sh", "-c", &script];
        let status = Command::new(first[0]).args(&first[1..]).args(words).status().unwrap();
        assert!(status.success());
    }
}

pub(crate) fn flood() {
    let line = [&[b'~'; 1000][..], b"\n"].concat();
    for _ in 0..FLOOD_BYTES / line.len() {
        io::stderr().write_all(&line).unwrap();
        io::stdout().write_all(&line).unwrap();
    }
}
