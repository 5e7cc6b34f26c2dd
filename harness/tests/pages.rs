//! What the pages say is so: the session on the protocol's page happens as it
//! stands there, links lead somewhere, and nothing was left to be filled in.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use serde_json::{Value, json};

/// Only a defect takes this long.
const HANG_LIMIT: Duration = Duration::from_secs(60);

/// The Rust peer may have to be compiled from nothing.
const BUILD_LIMIT: Duration = Duration::from_secs(1200);

#[test]
fn the_session_on_the_page_happens_as_it_stands_there() {
    let page = Session::of_the_page();
    let mut make = Process::start(Command::new("make").args(["-s", "-C"]).arg(root()).arg("rust"));
    assert!(make.ended(BUILD_LIMIT).success());
    let peer = |program: &str| Command::new(root().join("target/debug").join(program));
    let mut server = Process::start(peer("server").args(["--listen", "127.0.0.1:0"]));
    let address = address(&server.next_line().expect("a ready line"));

    let mut client = Process::start(peer("client").arg("drive"));
    for line in &page.asked {
        client.write_line(&line.replace(&page.address, &address));
    }
    let mut answers: Vec<Value> =
        page.answered.iter().map(|_| json_of(&client.next_line().expect("an answer"))).collect();
    client.stdin = None;
    assert_eq!(client.next_line(), None, "after the last answer");
    assert_eq!(client.ended(HANG_LIMIT).code(), Some(0));
    server.stdin = None;
    assert_eq!(server.ended(HANG_LIMIT).code(), Some(0));

    let mut expected: Vec<Value> = page.answered.iter().map(|line| json_of(line)).collect();
    for answers in [&mut answers, &mut expected] {
        answers.sort_by_key(id);
        answers.iter_mut().for_each(set_aside_what_may_differ);
    }
    assert_eq!(answers, expected);
}

/// What each part of the session is there to show.
#[test]
fn the_session_on_the_page_is_a_whole_one() {
    let page = Session::of_the_page();
    let asked: Vec<Value> = page.asked.iter().map(|line| json_of(line)).collect();
    assert_eq!(asked[0], json!({ "hello": { "protocol": 2 } }));
    let calls = &asked[1..];
    assert!(calls.iter().all(|call| call["call"]["target"] == page.address.as_str()));
    for method in ["pb.Outliers/Detect", "FibonacciService/StreamSequence"] {
        assert!(calls.iter().any(|call| call["call"]["method"] == method), "{method}");
    }
    assert!(calls.iter().any(|call| call["call"]["cancel_after_messages"].is_u64()));
    assert!(calls.iter().any(|call| call["call"]["raw"] == true));
    let steps = |call: &Value| call["call"]["send"].as_array().map_or(0, Vec::len);
    assert!(calls.iter().any(|call| steps(call) > 2));
    assert_eq!(page.answered.len(), asked.len());
}

/// The adapter that docs/adding-a-peer.md counts the lines of, with a real server.
#[test]
fn the_bare_client_passes_all_that_needs_no_feature() {
    for target in ["rust", "py"] {
        let mut make =
            Process::start(Command::new("make").args(["-s", "-C"]).arg(root()).arg(target));
        assert!(make.ended(BUILD_LIMIT).success(), "make {target}");
    }
    let folder = tempfile::tempdir().unwrap();
    let root = root();
    let at = |path: &str| root.join(path).display().to_string();
    let manifest = format!(
        "schema = 1\nprotos = {protos:?}\nsuites = {suites:?}\ncontract = {contract:?}\n\
         [[peer]]\nname = \"rust\"\nserver = {{ cmd = [{server:?}, \"--listen\", \"{{listen}}\"] }}\n\
         [[peer]]\nname = \"bare\"\nclient = {{ cmd = [\"env\", {path:?}, {python:?}, {client:?}] }}\n",
        protos = at("proto"),
        suites = at("harness/suites"),
        contract = at("docs/contract.md"),
        server = at("target/debug/server"),
        path = format!("PYTHONPATH={}", at("py")),
        python = at("py/.venv/bin/python"),
        client = at("docs/examples/bare_client.py"),
    );
    let manifest_path = folder.path().join("crosswire.toml");
    fs::write(&manifest_path, manifest).unwrap();
    let run = Command::new(env!("CARGO_BIN_EXE_crosswire"))
        .args(["run", "--manifest"])
        .arg(&manifest_path)
        .args(["-E", "case(fibonacci/**)"])
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&run.stdout);
    assert_eq!(run.status.code(), Some(0), "{printed}");
    let passed = printed.lines().find(|line| line.starts_with("rust ")).expect("a row");
    let passed: usize = passed.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert!(passed >= 25, "{printed}");
}

#[test]
fn nothing_on_a_page_is_left_to_be_filled_in() {
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        let found = text.split('@').skip(1).find(|word| {
            !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
        });
        assert_eq!(found, None, "{}", page.display());
    }
}

#[test]
fn every_link_on_a_page_leads_somewhere() {
    let mut followed = 0;
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for rest in text.split("](").skip(1) {
            let link = rest.split_once(')').map_or(rest, |(link, _)| link);
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            if path.contains("://") {
                continue;
            }
            let target = match path {
                "" => page.clone(),
                _ => page.parent().unwrap().join(path),
            };
            assert!(target.exists(), "{}: {link}", page.display());
            if !anchor.is_empty() {
                let text = fs::read_to_string(&target).unwrap();
                let mut anchors = text.lines().filter_map(anchor_of);
                assert!(anchors.any(|it| it == anchor), "{}: {link}", page.display());
            }
            followed += 1;
        }
    }
    assert!(followed > 10, "only {followed} links were found");
}

/// The anchor that a heading gets.
fn anchor_of(line: &str) -> Option<String> {
    let heading = line.strip_prefix('#')?.trim_start_matches('#').strip_prefix(' ')?;
    let kept = heading.chars().filter(|it| it.is_alphanumeric() || matches!(it, ' ' | '-' | '_'));
    Some(kept.collect::<String>().to_lowercase().replace(' ', "-"))
}

fn pages() -> Vec<PathBuf> {
    let docs = fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let docs = docs.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    ["README.md", "CONTRIBUTING.md"].map(|name| root().join(name)).into_iter().chain(docs).collect()
}

/// The session on the page, line by line.
struct Session {
    /// Where the page's server listened.
    address: String,
    asked: Vec<String>,
    answered: Vec<String>,
}

impl Session {
    fn of_the_page() -> Self {
        let page = fs::read_to_string(root().join("docs/peer-protocol.md")).unwrap();
        let (_, rest) = page.split_once("\n## A whole session\n").expect("the section");
        let section = rest.split("\n## ").next().unwrap();
        let after = |arrow: &str| {
            section.lines().filter_map(|line| line.strip_prefix(arrow)).map(str::to_owned).collect()
        };
        let ready = section.lines().find(|line| line.starts_with("{\"ready\"")).expect("a server");
        Self { address: address(ready), asked: after("→ "), answered: after("← ") }
    }
}

fn address(ready_line: &str) -> String {
    json_of(ready_line)["ready"]["address"].as_str().expect("an address").to_owned()
}

fn json_of(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

/// The hello, which has none, comes first.
fn id(answer: &Value) -> Option<u64> {
    answer["result"]["id"].as_u64()
}

/// The library's version, the time of day, and the order of the metadata, which is
/// the library's own. Everything else must be as it is on the page.
fn set_aside_what_may_differ(answer: &mut Value) {
    if let Some(version) = answer.pointer_mut("/hello/version") {
        *version = Value::Null;
    }
    for part in ["/result/headers", "/result/trailers"] {
        if let Some(Value::Array(pairs)) = answer.pointer_mut(part) {
            for pair in pairs.iter_mut().filter(|pair| pair[0] == "date") {
                pair[1] = Value::Null;
            }
            pairs.sort_by_key(Value::to_string);
        }
    }
}

/// A process in a group of its own, which ends with this value at the latest.
struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Process {
    fn start(command: &mut Command) -> Self {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0);
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        thread::spawn(move || {
            stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        Self { stdin: child.stdin.take(), child, lines }
    }

    fn write_line(&mut self, line: &str) {
        writeln!(self.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// The next line of its stdout, or `None` at its end.
    fn next_line(&mut self) -> Option<String> {
        match self.lines.recv_timeout(HANG_LIMIT) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("no line within {HANG_LIMIT:?}"),
        }
    }

    fn ended(&mut self, limit: Duration) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(start.elapsed() < limit, "still running after {limit:?}");
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself, and been waited for: then its id is no longer ours.
        if let Ok(None) = self.child.try_wait() {
            let _ = killpg(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGKILL);
            let _ = self.child.wait();
        }
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}
