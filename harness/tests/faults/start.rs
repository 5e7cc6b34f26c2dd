//! Peers that cannot be built or started, or are never ready: their cells are
//! blocked with the words that help, and all others run.

use std::{
    io::{self, BufRead as _, BufReader},
    net::TcpListener,
    os::unix::net::UnixListener,
    process::{Child, Command, Stdio},
};

use super::support::{CASES, CULPRIT, Project, faulty};

/// Good peers, and bad ones each in a cell with a good one. The limit on starting
/// is short enough to be waited for.
fn project() -> Project {
    Project::new().limit("start", "2s").server("good", "none").client("good-too", "none")
}

/// Runs it: the trials of each of these peers are blocked with these words, and
/// every other trial passes.
fn blocks(project: &Project, peers: &[(&str, &str)]) {
    let run = project.run_with(&["-E", "server(good) | server(fixed) | client(good-too)"]);
    assert_eq!(run.exit, 5, "{run}");
    for trial in &run.report.trials {
        let name = |peer: &&(&str, &str)| trial.server == peer.0 || trial.client == peer.0;
        let (verdict, words) = match peers.iter().find(name) {
            Some((_, words)) => ("blocked", *words),
            None => ("pass", ""),
        };
        assert_eq!(trial.verdict, verdict, "{trial:?}\n{run}");
        assert!(trial.reason.contains(words), "want: {words}\ngot: {trial:?}\n{run}");
        assert!(run.stdout.contains(words), "want: {words}\n{run}");
    }
    let blocked = run.report.trials.iter().filter(|trial| trial.verdict == "blocked").count();
    assert_eq!(blocked, peers.len() * CASES.len(), "{run}");
}

#[test]
fn servers_that_announce_themselves() {
    let faults = [
        ("never-ready", "server was not ready within 2 s: no ready line on stdout"),
        (
            "exits-at-start",
            "server exited with status 3 before it was ready; its last words: these are my last words",
        ),
        ("closes-stdout", "server closed its stdout before it was ready"),
        ("announces-hostile-text", r"server announced itself wrongly: `\u{1b}[31mred"),
    ];
    let project = faults.iter().fold(project(), |project, (fault, _)| project.server(fault, fault));
    blocks(&project, &faults);
}

/// Nobody is asked for a name, and nobody is called who is not on loopback.
#[test]
fn servers_that_announce_themselves_elsewhere() {
    let announced = [
        ("word", "here", "is no IP address with a port"),
        ("localhost", "localhost:50051", "is no IP address with a port"),
        ("name", "example.com:80", "is no IP address with a port"),
        ("test-net", "192.0.2.7:8000", "is not on loopback"),
        ("any", "0.0.0.0:8000", "is not on loopback"),
        ("any-6", "[::]:8000", "is not on loopback"),
        ("documentation-6", "[2001:db8::7]:8000", "is not on loopback"),
        ("mapped", "[::ffff:192.0.2.7]:8000", "is not on loopback"),
        ("no-port", "127.0.0.1:0", "has no port"),
        ("unix", "unix:/run/absent.sock", "is not in the folder of `{socket}`"),
    ];
    let mut project = project();
    let mut blocked = Vec::new();
    for (peer, address, problem) in announced {
        project = project.server(peer, &format!("none --announce {address}"));
        blocked.push((
            peer,
            format!(
                "server announced itself wrongly: `{address}` {problem}; a ready line names \
                 loopback by number, 127.0.0.0/8 or [::1], such as 127.0.0.1:50051, or a Unix socket \
                 beside `{{socket}}`"
            ),
        ));
    }
    let blocked: Vec<_> = blocked.iter().map(|(peer, words)| (*peer, words.as_str())).collect();
    blocks(&project, &blocked);
}

/// There is a place for them that is the run's own, and goes with it.
#[test]
fn a_server_at_a_unix_socket() {
    let run = project().server("unix", "none --unix {socket}").run_with(&["--server", "unix"]);
    run.passes();
}

/// Nobody else's server is called at a server's word.
#[test]
fn a_server_that_announces_a_foreign_unix_socket() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("foreign");
    let listener = UnixListener::bind(&path).unwrap();
    listener.set_nonblocking(true).unwrap();
    let words = format!("none --announce unix:{}", path.display());
    let project = project().server("unix", &words);
    blocks(&project, &[("unix", "is not in the folder of `{socket}`")]);
    let problem = listener.accept().unwrap_err();
    assert_eq!(problem.kind(), io::ErrorKind::WouldBlock, "nobody connects");
}

/// Which the harness does not do itself, so it cannot know why.
#[test]
#[cfg(target_os = "linux")]
fn a_server_that_listens_on_all_interfaces_is_noted() {
    let at = |address: &str| {
        let cmd = faulty(&format!("server none --silent --listen {address}"));
        format!("server = {{ ready = \"connect\", cmd = {cmd} }}")
    };
    let run = project()
        .peer("open", &at("0.0.0.0:{port}"))
        .peer("closed", &at("127.0.0.1:{port}"))
        .run_with(&["--client", "good-too"]);
    run.passes();
    let notes = run.report.notes.iter();
    let notes: Vec<_> = notes.map(|note| (&*note.server, &*note.role, &*note.text)).collect();
    let words = "listens on all interfaces; 127.0.0.1 is enough";
    assert_eq!(notes, [("open", "server", words)], "{run}");
}

#[test]
fn clients() {
    let faults = [
        ("never-ready", "client was not ready within 2 s: no hello on stdout"),
        (
            "exits-at-start",
            "client exited with status 3 before it was ready; its last words: these are my last words",
        ),
        ("closes-stdout", "client closed its stdout before it was ready"),
        (
            "speaks-another-version",
            "client announced itself wrongly: it speaks version 9 of the peer protocol, and this harness version 2",
        ),
        (
            "takes-no-call",
            "client announced itself wrongly: it takes no call: max_in_flight is 0, it must be 1 or more",
        ),
        (
            "answers-before-hello",
            "client announced itself wrongly: it answered before it said hello",
        ),
    ];
    let project = faults.iter().fold(project(), |project, (fault, _)| project.client(fault, fault));
    blocks(&project, &faults);
}

#[test]
fn commands_that_cannot_be_started() {
    let missing = "cmd = [\"./no-such-program\"]";
    let words = "could not be started: `./no-such-program`: No such file or directory";
    let project = project()
        .peer("server", &format!("server = {{ {missing} }}"))
        .peer("client", &format!("client = {{ {missing} }}"));
    blocks(&project, &[("server", words), ("client", words)]);
}

#[test]
fn servers_that_say_nothing() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken_address = taken.local_addr().unwrap().to_string();
    let (fixed_address, nobodys_address) = (free_address("127.77.0.1"), free_address("127.77.0.2"));
    let elsewhere = Elsewhere::start("none");
    let connect = |words: &str| {
        format!("server = {{ ready = \"connect\", cmd = {} }}", faulty(&format!("server {words}")))
    };
    let at = |address: &str| {
        let cmd = faulty(&format!("server none --silent --listen {address}"));
        format!("server = {{ ready = \"connect\", address = \"{address}\", cmd = {cmd} }}")
    };
    let project = project()
        .peer("port", &connect("none --silent --listen 127.0.0.1:{port}"))
        .peer("listen", &connect("none --silent --listen {listen}"))
        .peer("fixed", &at(&fixed_address))
        .peer("elsewhere", &format!("server = {{ address = \"{}\" }}", elsewhere.address))
        .peer("deaf", &connect("never-ready --listen {listen}"))
        .peer("dead", &connect("exits-at-start --listen {listen}"))
        .peer("taken", &at(&taken_address))
        .peer("nowhere", &format!("server = {{ address = \"{nobodys_address}\" }}"))
        // With a second client, cells of one address must wait for each other.
        .client("good-too-2", "none");
    let something_else =
        format!("could not be started: something else already answers at {taken_address}");
    let nobody = format!("does not answer at {nobodys_address}: ");
    blocks(
        &project,
        &[
            ("deaf", "server was not ready within 2 s: its port accepts no connection"),
            ("dead", "server exited with status 3 before it was ready; its last words:"),
            ("taken", &something_else),
            ("nowhere", &nobody),
        ],
    );
    assert!(elsewhere.still_answers());
}

/// It is not ours to start again: what comes after its death is blocked.
#[test]
fn a_server_elsewhere_dies_in_a_call() {
    let elsewhere = Elsewhere::start(&format!("dies --on {CULPRIT}"));
    let run = Project::new()
        .peer("elsewhere", &format!("server = {{ address = \"{}\" }}", elsewhere.address))
        .client("good", "none --in-flight 1")
        .run();
    assert_eq!(run.exit, 1, "{run}");
    let verdicts: Vec<&str> = run.report.trials.iter().map(|trial| &*trial.verdict).collect();
    let rest = ["blocked"; CASES.len() - 3];
    assert_eq!(verdicts, [&["pass", "pass", "crashed"][..], &rest].concat(), "{run}");
    let words = format!("the server no longer accepts connections at {}", elsewhere.address);
    assert!(run.report.trials[2].reason.contains(&words), "{run}");
}

#[test]
fn builds() {
    let words = |peer: &str, what: &str| {
        let server = faulty("server none --listen {listen}");
        (peer.to_owned(), format!("{what}\nserver = {{ cmd = {server} }}"))
    };
    let project = [
        words("fails", &format!("build = {{ cmd = {} }}", faulty("server exits-at-start"))),
        words(
            "never-ends",
            &format!("build = {{ timeout = \"300ms\", cmd = {} }}", faulty("server never-ready")),
        ),
        words("is-missing", "build = { cmd = [\"./no-such-program\"] }"),
        words("lacks", "requires = [{ program = \"no-such-program\", hint = \"install it\" }]"),
    ]
    .iter()
    .fold(project(), |project, (peer, lines)| project.peer(peer, lines));
    blocks(
        &project,
        &[
            (
                "fails",
                "exited with status 3; its last words: these are my last words; all of it is in",
            ),
            ("never-ends", "server never-ready` took longer than 300 ms; its output is in"),
            ("is-missing", "`./no-such-program` could not be started: No such file or directory"),
            ("lacks", "no-such-program not found on PATH; install it"),
        ],
    );
}

/// An address of this host with a free port. Not every test's host, 127.0.0.1: a
/// test that runs beside this one would sooner or later be given the same port.
fn free_address(host: &str) -> String {
    TcpListener::bind((host, 0)).unwrap().local_addr().unwrap().to_string()
}

/// A server that the harness does not start.
struct Elsewhere {
    process: Child,
    address: String,
}

impl Elsewhere {
    fn start(words: &str) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_faulty-peer"))
            .arg("server")
            .args(words.split(' '))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        Self { process, address: line["ready"]["address"].as_str().unwrap().to_owned() }
    }

    fn still_answers(&self) -> bool {
        std::net::TcpStream::connect(&self.address).is_ok()
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Another run writes to the same folder, and says so in time.
#[test]
fn a_folder_has_one_run() {
    let project = project().client("slow", "never-ready").limit("start", "10m");
    let first = project.start(&["--client", "slow"]);
    let is_there = || project.path("report/results.jsonl").exists();
    assert!(super::support::eventually(is_there), "no report");
    let second = Command::new(env!("CARGO_BIN_EXE_crosswire"))
        .args(["run", "--manifest"])
        .arg(project.path("crosswire.toml"))
        .arg("--report")
        .arg(project.path("report"))
        // A run that takes the folder would end, and not with these words.
        .args(["--limit", "1s"])
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&second.stderr);
    let words = format!("report: another run (process {}) writes its reports here;", first.id());
    assert!(stderr.contains(&words), "want: {words}\ngot: {stderr}");
    assert_eq!(second.status.code(), Some(2), "{stderr}");
    first.signal(nix::sys::signal::Signal::SIGTERM);
    let run = first.end();
    project.check(&run);
    assert_eq!(run.exit, 6, "{run}");
}

/// What a report's name leads to is not the report.
#[test]
fn reports_are_not_written_through_links() {
    let project = project();
    std::fs::create_dir_all(project.path("report/logs/good+good-too")).unwrap();
    std::fs::write(project.path("precious"), "mine").unwrap();
    let files =
        ["results.jsonl", "results.jsonl.unfinished", "junit.xml", "logs/good+good-too/server.log"];
    for file in files {
        let link = project.path("report").join(file);
        std::os::unix::fs::symlink(project.path("precious"), link).unwrap();
    }
    project.run().passes();
    assert_eq!(std::fs::read_to_string(project.path("precious")).unwrap(), "mine");
}

/// It has nowhere to say anything; the reports say all.
#[test]
fn a_run_without_stderr_is_like_any_other() {
    for stderr in ["2>&-", "2>/dev/full"] {
        let project = project();
        let script = format!("exec \"$0\" \"$@\" {stderr}");
        project.run_in_shell(&script).passes();
    }
}

#[test]
#[cfg(target_os = "linux")]
fn paths_that_are_no_text() {
    use std::os::unix::ffi::OsStrExt as _;
    let project = project();
    let report = project.path("").join(std::ffi::OsStr::from_bytes(b"re\xffport"));
    project.write();
    let run = |argument: &std::ffi::OsStr| {
        Command::new(env!("CARGO_BIN_EXE_crosswire"))
            .args(["run", "--trace", "--manifest"])
            .arg(project.path("crosswire.toml"))
            .arg("--report")
            .arg(&report)
            .arg(argument)
            .output()
            .unwrap()
    };
    let output = run("--strict".as_ref());
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert!(report.join("results.jsonl").exists());
    let output = run(std::ffi::OsStr::from_bytes(b"\xff"));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
}
