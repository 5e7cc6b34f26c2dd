//! Child processes: started in a group of their own, drained, stopped, reaped.
//!
//! Knows neither gRPC nor expectations.

mod memory;

use std::{
    collections::VecDeque,
    fmt,
    fs::File,
    io::{self, Write as _},
    os::unix::process::ExitStatusExt as _,
    path::Path,
    process::{ExitStatus, Stdio},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use nix::{
    errno::Errno,
    sys::{
        signal::{Signal, killpg},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::Pid,
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, BufReader},
    process::{Child as Process, ChildStdin, ChildStdout, Command},
    task::JoinHandle,
    time::{Instant, sleep, timeout, timeout_at},
};

pub use memory::MemoryMark;

use crate::{
    guard::{Guard, MARK},
    observe::Words,
    output,
    text::{count, shorten},
};

/// The longest line on stdout that is read whole. A message of 4 MiB, which is the longest
/// that any library takes by default, is 5.6 MiB as base64: four of them fit.
pub const MAX_LINE_BYTES: usize = 24 << 20;

/// Likewise on stderr, of which a few hundred characters are ever shown.
const MAX_WORD_BYTES: usize = 64 << 10;

/// How much of one process's output is kept. A flood must not fill the disk.
const MAX_LOG_BYTES: usize = 16 << 20;

/// How many of its first log lines are quoted when a process dies or hangs, and how many of
/// its last. A stack trace says what went wrong in its first lines or in its last.
const FIRST_WORDS: usize = 5;
const LAST_WORDS: usize = 3;

/// How much of each of them is quoted.
const WORD_CHARACTERS: usize = 300;

/// After so long without a line, what a process says begins anew: its first words of an
/// hour ago explain nothing. What is written in one go comes in less, even on a busy
/// machine.
const PAUSE_IN_SPEECH: Duration = Duration::from_secs(1);

/// How long the rest of a dead process's stderr may take to be read. It is in the
/// pipe already; only a process that inherited the pipe holds it open.
pub const LAST_WORDS_LIMIT: Duration = Duration::from_millis(500);

/// How often to look whether the rest of a process group has ended: nothing
/// announces the end of a process that is not our child.
const GROUP_POLL: Duration = Duration::from_millis(10);

/// How long SIGKILL may take. The kernel needs no time of the process's own.
const KILL_LIMIT: Duration = Duration::from_secs(5);

/// The number of the next process, by which those are known that it starts.
static NEXT_MARK: AtomicU64 = AtomicU64::new(1);

/// A running process, killed with its whole group when dropped.
#[derive(Debug)]
pub struct Child {
    process: Process,
    group: Pid,
    /// The value of [`MARK`] in its environment.
    mark: String,
    guard: Arc<Guard>,
    log: Log,
    /// Reads stderr to its end.
    stderr: JoinHandle<()>,
    status: Option<ExitStatus>,
    released: bool,
}

/// The ends of a process's pipes; its stderr goes to the log by itself.
#[derive(Debug)]
pub struct Pipes {
    /// Written by us.
    pub stdin: ChildStdin,
    /// Written by the process.
    pub stdout: Lines<ChildStdout>,
}

/// How to ask a process to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopRequest {
    /// Its stdin has been closed, which asks it to finish; SIGTERM comes only
    /// when it does not.
    Finish,
    /// SIGTERM at once.
    Terminate,
}

/// How a process came to its end.
#[derive(Debug)]
pub struct Stopped {
    /// Its exit status; `None` if not even SIGKILL ended it in time.
    pub status: Option<ExitStatus>,
    /// It did not stop when asked, and was killed.
    pub killed: bool,
    /// It ended, and others of its group did not.
    pub left_processes: bool,
    /// How many processes it left that had left its group, as daemons do. They were killed.
    pub daemons: usize,
}

impl Stopped {
    /// Whether it ended by itself as it should not: with an error, or by another
    /// signal than the one that asks.
    #[must_use]
    pub fn has_died(&self) -> bool {
        let is_bad = |status: ExitStatus| match status.signal() {
            Some(signal) => signal != Signal::SIGTERM as i32,
            None => !status.success(),
        };
        !self.killed && self.status.is_some_and(is_bad)
    }

    /// Whether it was SIGKILL or SIGTERM that ended it.
    #[must_use]
    pub fn was_terminated(&self) -> bool {
        let sigterm = Some(Signal::SIGTERM as i32);
        self.killed || self.status.is_some_and(|status| status.signal() == sigterm)
    }
}

impl Child {
    /// Marks how much memory it holds now.
    #[must_use]
    pub fn mark_memory(&self) -> Option<MemoryMark> {
        MemoryMark::now(self.group)
    }

    /// Starts a command, without a shell, in a process group of its own.
    ///
    /// # Errors
    /// The program cannot be started.
    pub fn spawn(
        cmd: &[String],
        folder: &Path,
        log: Log,
        guard: Arc<Guard>,
    ) -> io::Result<(Self, Pipes)> {
        let [program, arguments @ ..] = cmd else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the command is empty"));
        };
        // A relative path is the manifest's, not PATH's and not the working directory's.
        let program = if program.contains('/') { folder.join(program) } else { program.into() };
        let program =
            if program.components().count() > 1 { std::path::absolute(program)? } else { program };
        let mark = NEXT_MARK.fetch_add(1, Ordering::Relaxed).to_string();
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(folder)
            .env(MARK, &mark)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        let (mut process, group) = guard.start(|| {
            let process = command.spawn()?;
            let group = process.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw);
            Ok((process, group.ok_or_else(|| io::Error::other("the process has no id"))?))
        })?;
        log.begin(&format!("started (process {group}): {}", cmd.join(" ")));
        let missing = || io::Error::other("a pipe is missing");
        let stdin = process.stdin.take().ok_or_else(missing)?;
        let stdout = Lines::new(process.stdout.take().ok_or_else(missing)?, MAX_LINE_BYTES);
        let stderr = process.stderr.take().ok_or_else(missing)?;
        let mut stderr = Lines::new(stderr, MAX_WORD_BYTES);
        let stderr_log = log.clone();
        let stderr = tokio::spawn(async move {
            while let Some(line) = stderr.next().await {
                stderr_log.write(&line.to_string());
            }
        });
        let (status, released) = (None, false);
        let child = Self { process, group, mark, guard, log, stderr, status, released };
        Ok((child, Pipes { stdin, stdout }))
    }

    /// Waits until the process ends. Safe to cancel.
    pub async fn ended(&mut self) -> Option<ExitStatus> {
        if self.status.is_none() {
            self.status = self.process.wait().await.ok();
        }
        self.status
    }

    /// How it ended, if it is known to have.
    #[must_use]
    pub const fn status(&self) -> Option<ExitStatus> {
        self.status
    }

    /// What the process has logged, first and last. Of one that has ended, what is still in
    /// the pipe too. Safe to cancel.
    pub async fn words(&mut self) -> Words {
        if self.status.is_some() && !self.stderr.is_finished() {
            let _ = timeout(LAST_WORDS_LIMIT, &mut self.stderr).await;
        }
        self.log.words()
    }

    /// Asks the process to stop; kills its group if it has not within `limit`.
    pub async fn stop(mut self, request: StopRequest, limit: Duration) -> Stopped {
        let deadline = Instant::now() + limit;
        let patience = match request {
            StopRequest::Terminate => Duration::ZERO,
            StopRequest::Finish => limit / 2,
        };
        if timeout(patience, self.ended()).await.is_err() {
            self.signal(Signal::SIGTERM);
        }
        let killed = timeout_at(deadline, self.ended()).await.is_err();
        let left_processes = !killed && !self.group_ends_by(deadline).await;
        let daemons = self.kill_all().await;
        Stopped { status: self.status, killed, left_processes, daemons }
    }

    /// Kills the process, its whole group and its daemons at once, and waits for their end.
    pub async fn kill(mut self) {
        self.kill_all().await;
    }

    /// Likewise; says how many daemons there were.
    async fn kill_all(&mut self) -> usize {
        self.signal(Signal::SIGKILL);
        if timeout(KILL_LIMIT, self.ended()).await.is_ok() {
            // Who loses its parent by that is a daemon from then on.
            self.group_ends_by(Instant::now() + KILL_LIMIT).await;
            self.release();
        }
        let daemons = self.guard.kill_orphans(Some(&self.mark)).await;
        if daemons > 0 {
            self.log.begin(&format!("killed {} that it left", count(daemons, "daemon")));
        }
        daemons
    }

    async fn group_ends_by(&self, deadline: Instant) -> bool {
        while !self.group_has_ended() {
            if Instant::now() >= deadline {
                return false;
            }
            sleep(GROUP_POLL).await;
        }
        true
    }

    /// Reaps those of the group that were adopted, before it looks.
    fn group_has_ended(&self) -> bool {
        let any = Pid::from_raw(-self.group.as_raw());
        while let Ok(WaitStatus::Exited(..) | WaitStatus::Signaled(..)) =
            waitpid(any, Some(WaitPidFlag::WNOHANG))
        {}
        killpg(self.group, None) == Err(Errno::ESRCH)
    }

    fn signal(&self, signal: Signal) {
        // The group may be gone already; that is what the signal is for.
        let _ = killpg(self.group, signal);
    }

    fn release(&mut self) {
        self.guard.release(self.group);
        self.released = true;
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if !self.released {
            self.signal(Signal::SIGKILL);
            self.release();
        }
    }
}

/// A process's log file: what it wrote on stderr, and what it wrote on stdout
/// that was not meant for us. Bounded.
#[derive(Debug, Clone)]
pub struct Log(Arc<Mutex<LogState>>);

#[derive(Debug)]
struct LogState {
    file: File,
    written_bytes: usize,
    first: Vec<String>,
    last: VecDeque<String>,
    /// How many lines came since the first.
    lines: usize,
    last_line: Option<Instant>,
}

impl Log {
    /// Creates the file, and the folders above it.
    ///
    /// # Errors
    /// The file cannot be created.
    pub fn create(path: &Path) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let file = output::create(path)?;
        let state = LogState {
            file,
            written_bytes: 0,
            first: Vec::new(),
            last: VecDeque::new(),
            lines: 0,
            last_line: None,
        };
        Ok(Self(Arc::new(Mutex::new(state))))
    }

    /// Adds a line of the process. What exceeds the log's bound is not kept, but
    /// for the last words.
    pub fn write(&self, line: &str) {
        let mut state = self.state();
        state.hear(line, Instant::now());
        state.append(line);
    }

    /// Adds a line of our own, with which a process begins: the words until now were
    /// another's.
    fn begin(&self, line: &str) {
        let mut state = self.state();
        state.forget_words();
        state.append(&format!("--- {line}"));
    }

    fn words(&self) -> Words {
        let state = self.state();
        let (first, last) = (&state.first, &state.last);
        // Lines that are among the last are not said twice.
        let before_last = state.lines - last.len();
        let first = first[..first.len().min(before_last)].to_vec();
        Words { first, last: last.iter().cloned().collect() }
    }

    fn state(&self) -> MutexGuard<'_, LogState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LogState {
    /// Keeps a line as one of the process's words. Empty ones say nothing.
    fn hear(&mut self, line: &str, now: Instant) {
        if line.trim().is_empty() {
            return;
        }
        if self.last_line.is_some_and(|last| now - last >= PAUSE_IN_SPEECH) {
            self.forget_words();
        }
        self.last_line = Some(now);
        self.lines += 1;
        let line = shorten(line.trim(), WORD_CHARACTERS);
        if self.first.len() < FIRST_WORDS {
            self.first.push(line.clone());
        }
        if self.last.len() == LAST_WORDS {
            self.last.pop_front();
        }
        self.last.push_back(line);
    }

    fn forget_words(&mut self) {
        self.first.clear();
        self.last.clear();
        self.lines = 0;
        self.last_line = None;
    }

    fn append(&mut self, line: &str) {
        let room = MAX_LOG_BYTES.saturating_sub(self.written_bytes);
        if room == 0 {
            return;
        }
        let kept = &line.as_bytes()[..line.len().min(room)];
        self.written_bytes += kept.len() + 1;
        // A full disk is told by the reports, which must be written too.
        let _ = self.file.write_all(kept).and_then(|()| self.file.write_all(b"\n"));
        if self.written_bytes >= MAX_LOG_BYTES {
            self.written_bytes = MAX_LOG_BYTES;
            let _ =
                writeln!(self.file, "--- the rest is not kept: more than {MAX_LOG_BYTES} bytes");
        }
    }
}

/// A stream of lines, each of bounded length.
#[derive(Debug)]
pub struct Lines<R> {
    reader: BufReader<R>,
    most_bytes: usize,
    is_within_line: Arc<AtomicBool>,
}

/// One line, without its end.
#[derive(Debug, PartialEq, Eq)]
pub enum Line {
    /// A line, or what stood after the last one.
    Whole(Vec<u8>),
    /// The start of a line that was too long; the rest was thrown away.
    TooLong(Vec<u8>),
}

impl<R: AsyncRead + Unpin> Lines<R> {
    fn new(reader: R, most_bytes: usize) -> Self {
        let reader = BufReader::with_capacity(64 << 10, reader);
        Self { reader, most_bytes, is_within_line: Arc::default() }
    }

    /// Becomes true when a line has begun and false when it has ended.
    pub fn is_within_line(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.is_within_line)
    }

    /// The next line; `None` at the end, which a read error is too.
    pub async fn next(&mut self) -> Option<Line> {
        let mut line = Vec::new();
        let mut is_cut = false;
        loop {
            let chunk = self.reader.fill_buf().await.unwrap_or_default();
            if chunk.is_empty() {
                return (!line.is_empty()).then(|| finish(line, is_cut));
            }
            let end = chunk.iter().position(|&byte| byte == b'\n');
            self.is_within_line.store(end.is_none(), Ordering::Relaxed);
            let taken = end.unwrap_or(chunk.len());
            let room = self.most_bytes - line.len();
            line.extend_from_slice(&chunk[..taken.min(room)]);
            is_cut |= taken > room;
            self.reader.consume(end.map_or(taken, |end| end + 1));
            if end.is_some() {
                return Some(finish(line, is_cut));
            }
        }
    }
}

fn finish(mut line: Vec<u8>, is_cut: bool) -> Line {
    if is_cut {
        line.truncate(1024);
        return Line::TooLong(line);
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    Line::Whole(line)
}

impl fmt::Display for Line {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(bytes) => formatter.write_str(&String::from_utf8_lossy(bytes)),
            Self::TooLong(bytes) => {
                write!(formatter, "{}… (too long)", String::from_utf8_lossy(bytes))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_are_bounded_and_lose_nothing_else() {
        let mut lines = Lines::new(&b"one\r\n\nabcdef\nabcdefg\nhalf"[..], 6);
        let is_within_line = lines.is_within_line();
        for (expected, is_within) in [
            (Line::Whole(b"one".into()), false),
            (Line::Whole(b"".into()), false),
            (Line::Whole(b"abcdef".into()), false),
            (Line::TooLong(b"abcdef".into()), false),
            (Line::Whole(b"half".into()), true),
        ] {
            assert_eq!(lines.next().await, Some(expected));
            assert_eq!(is_within_line.load(Ordering::Relaxed), is_within);
        }
        assert_eq!(lines.next().await, None);
    }

    #[test]
    fn the_first_and_the_last_words_of_what_was_said_last_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let log = Log::create(&folder.path().join("log")).unwrap();
        let began = Instant::now();
        let say = |lines: &[&str], after_ms| {
            let now = began + Duration::from_millis(after_ms);
            lines.iter().for_each(|line| log.state().hear(line, now));
        };
        let words = || {
            let Words { first, last } = log.words();
            (first.join(" "), last.join(" "))
        };
        let pair = |first: &str, last: &str| (first.to_owned(), last.to_owned());
        assert!(log.words().is_empty());
        say(&["1", "", "2  "], 0);
        assert_eq!(words(), pair("", "1 2"));
        say(&["3", "4"], 999);
        assert_eq!(words(), pair("1", "2 3 4"));
        say(&["5", "6", "7", "8", "9"], 1_500);
        assert_eq!(words(), pair("1 2 3 4 5", "7 8 9"));
        say(&["later"], 2_500);
        assert_eq!(words(), pair("", "later"));
        log.begin("started");
        assert!(log.words().is_empty());
    }
}
