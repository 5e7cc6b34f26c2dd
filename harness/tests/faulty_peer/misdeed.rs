//! What servers and clients can do wrong alike.

use std::{
    fs,
    io::{self, Write},
    process::{Command, exit},
    thread,
};

use nix::sys::signal::{SigSet, Signal};

/// The file that tells that SIGTERM came, in the folder where the peer runs.
const SAW_SIGTERM: &str = "saw-sigterm";

/// How much a flood is: more than a pipe holds (64 KiB) and more than the harness
/// keeps of it (16 MiB).
const FLOOD_BYTES: usize = 20 << 20;

pub(crate) fn die() -> ! {
    eprintln!("these are my last words");
    exit(3);
}

pub(crate) fn hang() -> ! {
    loop {
        thread::park();
    }
}

/// Must be called before there is another thread, which would take the signal.
pub(crate) fn ignore_sigterm() {
    let sigterm = SigSet::from(Signal::SIGTERM);
    sigterm.thread_block().unwrap();
    thread::spawn(move || {
        loop {
            sigterm.wait().unwrap();
            fs::write(SAW_SIGTERM, "").unwrap();
        }
    });
}

/// In the peer's process group, and with its stdout and stderr.
pub(crate) fn leave_a_grandchild() {
    Command::new("sleep").arg("1000").spawn().unwrap();
}

pub(crate) fn flood(mut out: impl Write) -> io::Result<()> {
    let line = [&[b'~'; 1000][..], b"\n"].concat();
    for _ in 0..FLOOD_BYTES / line.len() {
        out.write_all(&line)?;
    }
    out.flush()
}
