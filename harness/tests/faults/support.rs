//! Projects in temporary folders, runs of them, and what a run leaves.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use nix::{sys::signal, unistd::Pid};
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::Value;

/// How long anything may take. Far more than it does, even on a loaded machine:
/// only a wait without an end reaches it.
const LIMIT: Duration = Duration::from_secs(60);

/// How often to look.
const PAUSE: Duration = Duration::from_millis(20);

/// By this variable the processes of a project are known, however far they are
/// from their first ancestor.
const MARK: &str = "CROSSWIRE_TEST_FOLDER";

/// More than a client of ours takes at once, which is 8.
pub(crate) const CASES: [&str; 12] = [
    "s/one", "s/two", "s/three", "s/four", "s/five", "s/six", "s/seven", "s/eight", "s/nine",
    "s/ten", "s/eleven", "s/twelve",
];

/// The case with which faults show. Two come before it, and the others wait
/// behind it.
pub(crate) const CULPRIT: &str = "s/three";

const PROTO: &str = r#"
syntax = "proto3";
package echo;
message Text { string text = 1; }
service Echo { rpc Say(Text) returns (Text); }
"#;

const CONTRACT: &str = "
| id | level | rule | source |
| --- | --- | --- | --- |
| ECHO-1 | MUST | The answer is the request. | here |
";

/// A project with an echo service, a dozen cases and the peers that are added.
pub(crate) struct Project {
    folder: tempfile::TempDir,
    limits: BTreeMap<&'static str, &'static str>,
    cases: BTreeMap<&'static str, &'static str>,
    /// The cases themselves, instead of the dozen.
    suite: Option<&'static str>,
    /// The list of known failures, if there is one.
    known: Option<String>,
    peers: String,
}

impl Project {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            limits: BTreeMap::from([("start", "30s"), ("answer_grace", "300ms"), ("stop", "30s")]),
            cases: BTreeMap::new(),
            suite: None,
            known: None,
            peers: String::new(),
        }
    }

    /// Sets one of the manifest's limits; without, each is long.
    pub(crate) fn limit(mut self, name: &'static str, duration: &'static str) -> Self {
        self.limits.insert(name, duration);
        self
    }

    /// Adds lines to a case; one with `expect` stands instead of the echo.
    pub(crate) fn case(mut self, name: &'static str, line: &'static str) -> Self {
        self.cases.insert(name, line);
        self
    }

    /// Sets the cases, instead of the dozen, as a suite in TOML says them.
    pub(crate) fn suite(mut self, cases: &'static str) -> Self {
        self.suite = Some(cases);
        self
    }

    /// Sets the list of known failures.
    pub(crate) fn known(mut self, list: impl Into<String>) -> Self {
        self.known = Some(list.into());
        self
    }

    /// Adds a peer with a faulty server.
    pub(crate) fn server(self, name: &str, words: &str) -> Self {
        let server = faulty(&format!("server {words} --listen {{listen}}"));
        self.peer(name, &format!("server = {{ cmd = {server} }}"))
    }

    /// Likewise with a server that can serve TLS.
    pub(crate) fn tls_server(self, name: &str, words: &str) -> Self {
        let server = faulty(&format!("server {words} --listen {{listen}}"));
        let tls = r#"["--tls-cert", "{cert}", "--tls-key", "{key}"]"#;
        self.peer(name, &format!("server = {{ cmd = {server}, tls = {tls} }}"))
    }

    /// Adds a peer with a faulty client.
    pub(crate) fn client(self, name: &str, words: &str) -> Self {
        let client = faulty(&format!("client {words}"));
        self.peer(name, &format!("client = {{ cmd = {client} }}"))
    }

    /// Adds a peer by what the manifest says of it.
    pub(crate) fn peer(mut self, name: &str, lines: &str) -> Self {
        self.peers.push_str(&format!("\n[[peer]]\nname = {name:?}\n{lines}\n"));
        self
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs it to its end.
    pub(crate) fn run(&self) -> Run {
        self.run_with(&[])
    }

    pub(crate) fn run_with(&self, arguments: &[&str]) -> Run {
        let run = self.start(arguments).end();
        self.check(&run);
        run
    }

    /// Checks what holds of every run that was not killed.
    pub(crate) fn check(&self, run: &Run) {
        let exit = run.report.summary.as_ref().map(|summary| summary["exit"].clone());
        assert_eq!(exit, Some(run.exit.into()), "{run}");
        let junit = fs::read_to_string(self.path("report/junit.xml")).unwrap();
        let cases = quick_junit::Report::deserialize_from_str(&junit).unwrap();
        let cases = cases.test_suites.iter().map(|suite| suite.test_cases.len()).sum::<usize>();
        // A run that was stopped early has an error of its own.
        let of_the_run = usize::from(run.exit == 6);
        assert_eq!(cases, run.report.trials.len() + of_the_run, "{junit}");
        for text in [&run.stdout, &run.stderr, &junit] {
            let is_raw = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
            assert!(!text.contains(is_raw), "{text:?}");
        }
        self.assert_nothing_is_left();
    }

    /// A log holds 16 MiB and a line that says so.
    pub(crate) fn assert_log_is_bounded(&self, name: &str) {
        let bytes = fs::metadata(self.path("report/logs").join(name)).unwrap().len();
        assert!((16 << 20..17 << 20).contains(&bytes), "{name} has {bytes} bytes");
    }

    /// Starts the harness, all cells at once.
    pub(crate) fn start(&self, arguments: &[&str]) -> Started<'_> {
        self.start_by(Command::new(env!("CARGO_BIN_EXE_crosswire")), arguments)
    }

    /// Runs it to its end, started by a script.
    pub(crate) fn run_in_shell(&self, script: &str) -> Run {
        let mut shell = Command::new("sh");
        shell.args(["-c", script, env!("CARGO_BIN_EXE_crosswire")]);
        let run = self.start_by(shell, &[]).end();
        self.check(&run);
        run
    }

    fn start_by(&self, mut command: Command, arguments: &[&str]) -> Started<'_> {
        self.write();
        let open = |name| fs::File::create(self.path(name)).unwrap();
        let harness = command
            .args(["run", "--jobs", "32", "--manifest"])
            .arg(self.path("crosswire.toml"))
            .arg("--report")
            .arg(self.path("report"))
            .args(arguments)
            .env(MARK, self.folder.path())
            .env("TMPDIR", self.path("tmp"))
            .stdin(Stdio::null())
            .stdout(open("stdout"))
            .stderr(open("stderr"))
            .spawn()
            .unwrap();
        Started { project: self, harness }
    }

    /// Writes its files.
    pub(crate) fn write(&self) {
        let limits: String = self
            .limits
            .iter()
            .map(|(name, limit)| format!("limits.{name} = {limit:?}\n"))
            .collect();
        let known = match &self.known {
            Some(list) => {
                fs::write(self.path("known.toml"), list).unwrap();
                "known = \"known.toml\"\n"
            }
            None => "",
        };
        let manifest = format!(
            "schema = 1\nprotos = \".\"\nsuites = \"suites\"\ncontract = \"contract.md\"\n{known}{limits}{}",
            self.peers
        );
        let cases: String = CASES
            .iter()
            .map(|case| {
                let name = case.trim_start_matches("s/");
                let more = self.cases.get(case).copied().unwrap_or_default();
                let expect = match more.contains("expect") {
                    true => String::new(),
                    false => format!("expect = {{ messages = [{{ text = {name:?} }}] }}\n"),
                };
                format!(
                    "\n[[case]]\nname = {name:?}\nrule = \"ECHO-1\"\nwhy = \"it is an echo\"\n\
                     method = \"echo.Echo/Say\"\nrequest = {{ text = {name:?} }}\n\
                     {expect}{more}\n"
                )
            })
            .collect();
        let cases = self.suite.unwrap_or(&cases);
        let suite = format!("[suite]\nname = \"s\"\nproto = \"echo.proto\"\n{cases}");
        fs::create_dir_all(self.path("tmp")).unwrap();
        fs::create_dir_all(self.path("suites")).unwrap();
        for (name, text) in [
            ("echo.proto", PROTO),
            ("contract.md", CONTRACT),
            ("crosswire.toml", &manifest),
            ("suites/s.toml", &suite),
        ] {
            fs::write(self.path(name), text).unwrap();
        }
    }

    pub(crate) fn report(&self) -> Report {
        Report::read(&self.path("report/results.jsonl"))
    }

    /// Waits until no process of the project lives. What was killed may take a
    /// moment to be gone.
    pub(crate) fn assert_nothing_is_left(&self) {
        let mut left = BTreeMap::new();
        let is_clean = eventually(|| {
            left = self.processes();
            left.is_empty()
        });
        assert!(is_clean, "left behind: {left:?}");
        assert_eq!(self.temporary_files(), Vec::<PathBuf>::new());
    }

    /// The daemons that a client has started, once all are there.
    pub(crate) fn daemons(&self) -> Vec<Pid> {
        let mut daemons = Vec::new();
        let are_there = eventually(|| {
            let files = ["daemon-plain", "daemon-hidden"].map(|name| self.path(name));
            let texts = files.iter().map_while(|file| fs::read_to_string(file).ok());
            daemons = texts.map(|text| Pid::from_raw(text.trim().parse().unwrap())).collect();
            daemons.len() == files.len()
        });
        assert!(are_there, "no daemons");
        daemons
    }

    /// The process of the run, which is the guard's child.
    pub(crate) fn run_process(&self) -> Pid {
        let is_run = |(_, words): &(Pid, String)| words.contains("run-below-the-guard");
        self.processes().into_iter().find(is_run).expect("a run").0
    }

    /// Where the project's runs put what is to go with them.
    pub(crate) fn temporary_files(&self) -> Vec<PathBuf> {
        let files = fs::read_dir(self.path("tmp")).unwrap();
        files.map(|entry| entry.unwrap().path()).collect()
    }

    /// Every process that has the mark, with its command line.
    pub(crate) fn processes(&self) -> BTreeMap<Pid, String> {
        let mark = format!("{MARK}={}", self.folder.path().display());
        let has_mark = |folder: &PathBuf| {
            let variables = fs::read(folder.join("environ")).unwrap_or_default();
            variables.split(|&byte| byte == 0).any(|variable| variable == mark.as_bytes())
        };
        fs::read_dir("/proc")
            .unwrap()
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(has_mark)
            .filter_map(|folder| {
                let id = folder.file_name()?.to_str()?.parse().ok()?;
                let words = fs::read(folder.join("cmdline")).unwrap_or_default();
                Some((Pid::from_raw(id), String::from_utf8_lossy(&words).replace('\0', " ")))
            })
            .collect()
    }
}

/// The words of a command as the manifest wants them.
pub(crate) fn faulty(words: &str) -> String {
    let words: Vec<&str> =
        [env!("CARGO_BIN_EXE_faulty-peer")].into_iter().chain(words.split(' ')).collect();
    format!("{words:?}")
}

/// Looks until it is so, or the limit is over.
pub(crate) fn eventually(mut is_so: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    while !is_so() {
        if start.elapsed() > LIMIT {
            return false;
        }
        thread::sleep(PAUSE);
    }
    true
}

/// A harness that runs. Killed when dropped.
pub(crate) struct Started<'a> {
    project: &'a Project,
    harness: Child,
}

impl Started<'_> {
    pub(crate) fn id(&self) -> u32 {
        self.harness.id()
    }

    pub(crate) fn signal(&self, signal: signal::Signal) {
        let id = i32::try_from(self.harness.id()).unwrap();
        signal::kill(Pid::from_raw(id), signal).unwrap();
    }

    /// Whether a signal has not been taken yet.
    pub(crate) fn is_pending(&self, signal: signal::Signal) -> bool {
        let status = fs::read_to_string(format!("/proc/{}/status", self.harness.id())).unwrap();
        let pending = status.lines().find_map(|line| line.strip_prefix("ShdPnd:")).unwrap();
        let pending = u64::from_str_radix(pending.trim(), 16).unwrap();
        pending >> (signal as i32 - 1) & 1 == 1
    }

    /// Waits until the harness ends.
    pub(crate) fn end(mut self) -> Run {
        let mut status = None;
        let mut peak_bytes = 0;
        let has_ended = eventually(|| {
            peak_bytes = self.peak_bytes().unwrap_or(peak_bytes);
            status = self.harness.try_wait().unwrap();
            status.is_some()
        });
        let read = |name| fs::read_to_string(self.project.path(name)).unwrap();
        let (stdout, stderr) = (read("stdout"), read("stderr"));
        assert!(has_ended, "it takes longer than {LIMIT:?}\n{stdout}\n{stderr}");
        let exit = status.as_ref().and_then(ExitStatus::code).unwrap_or(-1);
        Run { exit, stdout, stderr, report: self.project.report(), peak_bytes }
    }

    /// How much memory the run, which is the guard's first child, has held at its highest;
    /// `None` before it starts and once it has ended.
    fn peak_bytes(&self) -> Option<usize> {
        let guard = self.harness.id();
        let children = fs::read_to_string(format!("/proc/{guard}/task/{guard}/children")).ok()?;
        let run = children.split_whitespace().next()?;
        let status = fs::read_to_string(format!("/proc/{run}/status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        Some(line.trim().strip_suffix("kB")?.trim().parse::<usize>().ok()? << 10)
    }
}

impl Drop for Started<'_> {
    fn drop(&mut self) {
        let _ = self.harness.kill();
        let _ = self.harness.wait();
    }
}

/// A run that has ended.
pub(crate) struct Run {
    /// The exit code; -1 after a signal.
    pub(crate) exit: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) report: Report,
    /// How much memory the run held at its highest, as far as that was seen.
    pub(crate) peak_bytes: usize,
}

impl std::fmt::Display for Run {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "exit {}\n{}\n{}", self.exit, self.stdout, self.stderr)
    }
}

/// What stands in `results.jsonl`.
#[derive(Default)]
pub(crate) struct Report {
    pub(crate) trials: Vec<Trial>,
    pub(crate) notes: Vec<Note>,
    /// Missing from an interrupted run.
    pub(crate) summary: Option<Value>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Trial {
    pub(crate) server: String,
    pub(crate) client: String,
    pub(crate) case: String,
    pub(crate) verdict: String,
    #[serde(default)]
    pub(crate) reason: String,
    #[serde(default)]
    pub(crate) blame: String,
    pub(crate) duration_us: u64,
    /// Of its findings, those that break a rule of the wire.
    #[serde(default, rename = "findings", deserialize_with = "violations")]
    pub(crate) violations: Vec<Violation>,
    /// The file of its transcript.
    pub(crate) trace: Option<PathBuf>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Violation {
    pub(crate) rule: String,
    pub(crate) level: String,
    pub(crate) side: String,
}

fn violations<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Violation>, D::Error> {
    let findings = Vec::<Value>::deserialize(deserializer)?.into_iter();
    let broken = findings.filter(|finding| finding.get("rule").is_some());
    broken.map(|finding| serde_json::from_value(finding).map_err(D::Error::custom)).collect()
}

#[derive(Debug, Deserialize)]
pub(crate) struct Note {
    pub(crate) server: String,
    pub(crate) client: String,
    pub(crate) role: String,
    pub(crate) text: String,
}

impl Report {
    /// Reads as much as is there.
    fn read(path: &Path) -> Self {
        let mut report = Self::default();
        for line in fs::read_to_string(path).unwrap_or_default().lines() {
            let Ok(mut line) = serde_json::from_str::<Value>(line) else { break };
            if line.get("trial").is_some() {
                report.trials.push(Trial::deserialize(&line["trial"]).unwrap());
            } else if line.get("note").is_some() {
                report.notes.push(Note::deserialize(&line["note"]).unwrap());
            } else if line.get("summary").is_some() {
                report.summary = Some(line["summary"].take());
            }
        }
        report
    }
}

impl Trial {
    /// Whether it is the culprit's case with a peer that has the fault.
    pub(crate) fn is_culprit(&self) -> bool {
        self.case == CULPRIT && self.is_bad()
    }

    /// Whether one of its peers has the fault.
    pub(crate) fn is_bad(&self) -> bool {
        self.server.starts_with("bad") || self.client.starts_with("bad")
    }
}

/// What should have been found of a trial.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Finding<'a> {
    pub(crate) verdict: &'a str,
    pub(crate) blame: &'a str,
    /// What stands in the reason.
    pub(crate) words: &'a str,
}

impl Run {
    /// The culprits are found to be so, and all else passes.
    pub(crate) fn finds(&self, finding: Finding<'_>) {
        self.finds_of(Trial::is_culprit, finding);
    }

    pub(crate) fn finds_of(&self, is_found: impl Fn(&Trial) -> bool, finding: Finding<'_>) {
        let (found, others): (Vec<&Trial>, Vec<&Trial>) =
            self.report.trials.iter().partition(|trial| is_found(trial));
        assert!(!found.is_empty(), "{self}");
        for trial in found {
            let Finding { verdict, blame, words } = finding;
            assert_eq!((&*trial.verdict, &*trial.blame), (verdict, blame), "{trial:?}\n{self}");
            assert!(trial.reason.contains(words), "want: {words}\ngot: {trial:?}\n{self}");
        }
        for trial in others {
            assert_eq!(trial.verdict, "pass", "{trial:?}\n{self}");
        }
    }

    /// All is well, but for the notes.
    pub(crate) fn passes(&self) {
        assert_eq!(self.exit, 0, "{self}");
        assert!(self.report.trials.iter().all(|trial| trial.verdict == "pass"), "{self}");
    }
}
