//! The peers whose command lines are tested, and their processes.

use std::env;
use std::ffi::OsStr;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::Value;
use wait_timeout::ChildExt as _;

/// Long enough for an interpreter to start on a busy machine; no test comes near
/// unless something hangs.
pub(crate) const HANG_LIMIT: Duration = Duration::from_secs(60);

/// Whether this machine has IPv6, which not every one has.
pub(crate) fn has_ipv6() -> bool {
    TcpListener::bind("[::1]:0").is_ok()
}

/// A peer under test: its two commands, each a program and its first arguments.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) name: String,
    server: Vec<String>,
    client: Vec<String>,
}

/// This package's peer, and those that `CROSSWIRE_PEERS_UNDER_TEST` adds:
/// `NAME=SERVER COMMAND|CLIENT COMMAND`, separated by semicolons. The words of a
/// command are separated by spaces; paths start at the workspace's root, which
/// is where the tests run.
pub(crate) fn peers() -> Vec<Peer> {
    let rust = Peer {
        name: "rust".to_owned(),
        server: vec![env!("CARGO_BIN_EXE_server").to_owned()],
        client: vec![env!("CARGO_BIN_EXE_client").to_owned()],
    };
    let others = env::var("CROSSWIRE_PEERS_UNDER_TEST").unwrap_or_default();
    let others = others.split(';').filter(|entry| !entry.trim().is_empty()).map(parse_peer);
    std::iter::once(rust).chain(others).collect()
}

fn parse_peer(entry: &str) -> Peer {
    let parts = entry.split_once('=').and_then(|(name, commands)| {
        let (server, client) = commands.split_once('|')?;
        Some((name, server, client))
    });
    let Some((name, server, client)) = parts else {
        panic!("CROSSWIRE_PEERS_UNDER_TEST: {entry:?} is not NAME=SERVER COMMAND|CLIENT COMMAND");
    };
    let words = |command: &str| command.split_whitespace().map(str::to_owned).collect();
    Peer { name: name.trim().to_owned(), server: words(server), client: words(client) }
}

/// What a command printed, and how it ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// The exit code, or what a shell makes of the signal that ended it: 130 for
    /// SIGINT.
    pub(crate) code: i32,
}

impl Ended {
    pub(crate) fn with_output(stdout: &str) -> Self {
        Self { stdout: stdout.to_owned(), stderr: String::new(), code: 0 }
    }

    pub(crate) fn with_error(code: i32, stderr: &str) -> Self {
        Self { stdout: String::new(), stderr: format!("{stderr}\n"), code }
    }

    pub(crate) fn silently(code: i32) -> Self {
        Self { stdout: String::new(), stderr: String::new(), code }
    }
}

impl Peer {
    /// Runs `server` to its end.
    pub(crate) fn run_server(&self, arguments: &[impl AsRef<OsStr>]) -> Ended {
        run(command(&self.server, arguments))
    }

    /// Runs `client` to its end.
    pub(crate) fn run_client(&self, arguments: &[impl AsRef<OsStr>]) -> Ended {
        run(command(&self.client, arguments))
    }

    /// Starts `server` with a pipe for its stdin.
    pub(crate) fn start_server(&self, arguments: &[&str]) -> Process {
        Process::start(command(&self.server, arguments), Stdio::piped(), Stdio::piped())
    }

    /// Starts `server` with a stdin that has ended, but is no pipe.
    pub(crate) fn start_server_without_stdin(&self, arguments: &[&str]) -> Process {
        Process::start(command(&self.server, arguments), Stdio::null(), Stdio::piped())
    }

    /// Starts `client` with a pipe for its stdin.
    pub(crate) fn start_client(&self, arguments: &[&str]) -> Process {
        self.start_client_with_stdout(arguments, Stdio::piped())
    }

    /// Starts `client` with a pipe for its stdin, and a stdout of the test's.
    pub(crate) fn start_client_with_stdout(&self, arguments: &[&str], stdout: Stdio) -> Process {
        Process::start(command(&self.client, arguments), Stdio::piped(), stdout)
    }
}

fn command(words: &[String], arguments: &[impl AsRef<OsStr>]) -> Command {
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).args(arguments);
    // Calls to this machine must not go there, nor anywhere else.
    command.env("http_proxy", "http://127.0.0.1:1");
    command
}

fn run(command: Command) -> Ended {
    let mut command = assert_cmd::Command::from_std(command);
    let output = command
        .timeout(HANG_LIMIT)
        .output()
        .unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"));
    Ended {
        stdout: String::from_utf8(output.stdout).expect("stdout is UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("stderr is UTF-8"),
        code: code_of(output.status),
    }
}

fn code_of(status: ExitStatus) -> i32 {
    status.code().or(status.signal().map(|signal| 128 + signal)).expect("it has ended")
}

/// A process that goes on until it is told to stop, or at the latest until this
/// is dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    /// To drop it ends the process's stdin.
    pub(crate) stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    stderr: Option<JoinHandle<String>>,
}

impl Process {
    fn start(mut command: Command, stdin: Stdio, stdout: Stdio) -> Self {
        let mut child = command
            .stdin(stdin)
            .stdout(stdout)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let (sender, lines) = mpsc::channel();
        if let Some(stdout) = child.stdout.take() {
            thread::spawn(move || {
                for line in BufReader::new(stdout).lines() {
                    // Nobody may want more of them.
                    let _ = sender.send(line.expect("stdout is UTF-8"));
                }
            });
        }
        let stderr = child.stderr.take().expect("stderr is a pipe");
        let stderr = thread::spawn(|| io::read_to_string(stderr).expect("stderr is UTF-8"));
        Self { stdin: child.stdin.take(), child, lines, stderr: Some(stderr) }
    }

    /// Writes a line to its stdin.
    pub(crate) fn write_line(&mut self, line: &str) -> io::Result<()> {
        writeln!(self.stdin.as_mut().expect("stdin is an open pipe"), "{line}")
    }

    /// Writes the first line that `client drive` reads.
    pub(crate) fn say_hello(&mut self) -> io::Result<()> {
        self.write_line(r#"{"hello":{"protocol":2}}"#)
    }

    /// The next line of its stdout, or `None` if that has ended.
    pub(crate) fn next_line(&mut self) -> Option<String> {
        match self.lines.recv_timeout(HANG_LIMIT) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("no line within {HANG_LIMIT:?}"),
        }
    }

    /// The address of the next ready line.
    pub(crate) fn next_address(&mut self) -> String {
        let line = self.next_line().expect("a ready line");
        let ready: Value = serde_json::from_str(&line).expect("JSON");
        let address = ready["ready"]["address"].as_str().expect("an address").to_owned();
        // Who it is differs; that it says so does not.
        let of = |field: &str| ready["ready"][field].as_str().unwrap_or_default();
        let (implementation, version) = (of("implementation"), of("version"));
        assert!(!implementation.is_empty() && !version.is_empty(), "{line}");
        assert_eq!(
            line,
            format!(
                r#"{{"ready":{{"address":"{address}","implementation":"{implementation}","version":"{version}"}}}}"#
            )
        );
        address
    }

    /// Sends it a signal: `TERM` or `INT`.
    pub(crate) fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id());
        let status = Command::new("sh").args(["-c", &kill]).status().expect("a shell");
        assert!(status.success(), "{kill}: {status}");
    }

    /// Waits for its end; tells of it, and of the lines that were not asked for.
    pub(crate) fn wait(mut self) -> Ended {
        let status = self.child.wait_timeout(HANG_LIMIT).expect("a child of ours");
        let status = status.unwrap_or_else(|| panic!("no end within {HANG_LIMIT:?}"));
        Ended {
            stdout: self.lines.iter().map(|line| line + "\n").collect(),
            stderr: self.read_stderr(),
            code: code_of(status),
        }
    }

    /// What it wrote to stderr until its end, the first time that this is asked.
    fn read_stderr(&mut self) -> String {
        self.stderr.take().map(|reader| reader.join().expect("a reader")).unwrap_or_default()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It has ended already if all went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprint!("{}", self.read_stderr());
        }
    }
}
