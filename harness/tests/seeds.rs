//! The programs of the two documents that the services come from, as they stand
//! there, against the reference peers.
//!
//! Neither the documents nor their code are part of this repository. These tests
//! read them in the folder that `CROSSWIRE_SEEDS` names, take the programs out,
//! generate their stubs from their own `.proto` files and run them. The programs'
//! ports are fixed, so one test runs at a time.

use std::{
    collections::BTreeSet,
    env,
    fs::{self, File},
    io::ErrorKind,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{Mutex, MutexGuard, Once, PoisonError, mpsc},
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use serde_json::Value;
use tempfile::TempDir;

const ARTICLE: &str = "outliers-python-go-grpc.md";
const ARTICLE_PORT: u16 = 9999;

const TUTORIAL: &str = "fibonacci-python-grpc.md";
const TUTORIAL_PORT: u16 = 50051;

/// What every client of the article's metrics prints.
const OUTLIERS: &str = "outliers at: [7 113 835]\n";

/// The cases that ask for more than 93 numbers, and are answered UNKNOWN where
/// the contract says OUT_OF_RANGE. The tutorial's server builds the whole list
/// first, so the largest counts would take all memory: those are never tried.
const TOO_MANY: [&str; 4] = [
    "fibonacci/*/ninety-four",
    "fibonacci/*/one-hundred",
    "fibonacci/*/int32-max",
    "fibonacci/*/int64-max",
];
const WHY_TOO_MANY: &str = "its integers go on beyond int64: protobuf refuses F(93), \
    a stream after the 93 elements that fit, and the status is UNKNOWN";

/// A first build fetches and compiles.
const BUILD_LIMIT: Duration = Duration::from_secs(900);

/// A run of the matrix: seconds of work, and minutes of a busy machine.
const RUN_LIMIT: Duration = Duration::from_secs(300);

/// One client: an interpreter with cold caches on a busy machine takes several
/// seconds.
const CLIENT_LIMIT: Duration = Duration::from_secs(60);

/// From a server's start until its port accepts, as in the manifest.
const START_LIMIT: Duration = Duration::from_secs(30);

/// How often to try whether a port accepts.
const CONNECT_POLL: Duration = Duration::from_millis(20);

/// One connection attempt; a listening socket accepts in microseconds.
const CONNECT_LIMIT: Duration = Duration::from_secs(1);

#[test]
#[ignore = "needs the seed documents: make test SEEDS=DIR"]
fn the_articles_server_answers_the_dummy_metrics_of_every_client() {
    let turn = Turn::begin();
    let program = article_server(turn.folder());
    let _server = Server::start(&[&python(), &program], ARTICLE_PORT, turn.folder());
    for peer in peers() {
        let output = succeed(command(&peer.client).args(["detect", "--dummy"]), CLIENT_LIMIT);
        assert_eq!(text(&output.stdout), OUTLIERS, "{}", peer.name);
    }
}

#[test]
#[ignore = "needs the seed documents: make test SEEDS=DIR"]
fn the_articles_server_passes_every_case_of_the_detector() {
    let turn = Turn::begin();
    let matrix = Matrix {
        folder: turn.folder(),
        server: &article_server(turn.folder()),
        port: ARTICLE_PORT,
        unsupported: &[],
    };
    let run = matrix.run("case(outliers/detect/**) | case(vectors/**)");
    for suite in ["outliers/", "vectors/"] {
        assert!(run.trials.iter().any(|trial| trial.case.starts_with(suite)), "{suite}");
    }
    for trial in &run.trials {
        assert_eq!(trial.verdict, "pass", "{trial:?}");
    }
    assert_eq!(run.exit, Some(0), "{}", run.shown);
}

#[test]
#[ignore = "needs the seed documents: make test SEEDS=DIR"]
fn the_articles_client_gets_its_outliers_from_every_server() {
    let turn = Turn::begin();
    let client = article_client(turn.folder());
    for peer in peers() {
        let _server = Server::start(&peer.server, ARTICLE_PORT, turn.folder());
        let output = succeed(&mut Command::new(&client), CLIENT_LIMIT);
        // It goes through Go's log, which is stderr and puts the time before it.
        let printed = text(&output.stderr);
        assert!(printed.ends_with(OUTLIERS), "{}: {printed}", peer.name);
    }
}

#[test]
#[ignore = "needs the seed documents: make test SEEDS=DIR"]
fn the_tutorials_client_gets_its_numbers_from_every_server() {
    let turn = Turn::begin();
    let client = tutorial_programs(turn.folder()).client;
    for peer in peers() {
        let _server = Server::start(&peer.server, TUTORIAL_PORT, turn.folder());
        // Without this, grpcio asks the proxy that http_proxy names for localhost.
        let client = &mut command(&[&python(), &client]);
        let output = succeed(client.env("no_grpc_proxy", "localhost"), CLIENT_LIMIT);
        assert_eq!(text(&output.stdout), twenty_as_printed(), "{}", peer.name);
    }
}

#[test]
#[ignore = "needs the seed documents: make test SEEDS=DIR"]
fn the_tutorials_server_with_its_field_corrected_passes_every_count_that_fits() {
    let turn = Turn::begin();
    let program = tutorial_programs(turn.folder()).server;
    let printed = fs::read_to_string(&program).unwrap();
    assert_eq!(printed.matches("elements=").count(), 1, "{TUTORIAL} has changed");
    fs::write(&program, printed.replace("elements=", "element=")).unwrap();
    let matrix = Matrix {
        folder: turn.folder(),
        server: &program,
        port: TUTORIAL_PORT,
        unsupported: &TOO_MANY,
    };
    let run = matrix.run(&tutorial_filter());
    for rule in ["FIB-1", "FIB-2", "FIB-3", "FIB-4", "FIB-5"] {
        assert!(run.trials.iter().any(|trial| trial.rule == rule), "{rule}");
    }
    for trial in &run.trials {
        let expected = if trial.rule == "FIB-3" { "unsupported" } else { "pass" };
        assert_eq!(trial.verdict, expected, "{trial:?}");
    }
    assert_eq!(run.exit, Some(0), "{}", run.shown);

    // What the manifest gives as the reason is what happens.
    let run = Matrix { unsupported: &[], ..matrix }.run("case(fibonacci/*/ninety-four)");
    for trial in &run.trials {
        assert_eq!(trial.verdict, "fail", "{trial:?}");
        assert!(trial.reason.starts_with("expected OUT_OF_RANGE, got UNKNOWN"), "{trial:?}");
        assert!(trial.reason.contains("out of range"), "{trial:?}");
        let fitting = if trial.is_streamed() { 93 } else { 0 };
        assert_eq!(trial.messages, fitting, "{trial:?}");
    }
}

#[test]
#[ignore = "needs the seed documents: make test SEEDS=DIR"]
fn the_tutorials_server_as_it_stands_streams_and_fails_sequences() {
    let turn = Turn::begin();
    let matrix = Matrix {
        folder: turn.folder(),
        server: &tutorial_programs(turn.folder()).server,
        port: TUTORIAL_PORT,
        unsupported: &TOO_MANY,
    };
    let run = matrix.run(&tutorial_filter());
    for trial in run.trials.iter().filter(|trial| trial.rule != "FIB-3") {
        if trial.is_streamed() {
            assert_eq!(trial.verdict, "pass", "{trial:?}");
        } else {
            assert_eq!(trial.verdict, "fail", "{trial:?}");
            // The ValueError names the field; grpcio makes the status of it.
            assert!(trial.reason.starts_with("expected OK, got UNKNOWN"), "{trial:?}");
            assert!(trial.reason.contains("elements"), "{trial:?}");
        }
    }
    assert_eq!(run.exit, Some(1), "{}", run.shown);
}

/// Everything that the tutorial's server can be asked. Another case with a count
/// beyond 93 has to be listed first, for the sake of the memory.
fn tutorial_filter() -> String {
    let listed = TOO_MANY.map(|case| format!(" | case({case})"));
    format!("case(fibonacci/**) & !rule(FIB-3){}", listed.concat())
}

/// What Python prints of twenty streamed elements and then of one sequence: a
/// line for each field that is not zero or is repeated, and a blank line after
/// each message.
fn twenty_as_printed() -> String {
    let numbers: Vec<u64> = std::iter::successors(Some((0, 1)), |&(a, b)| Some((b, a + b)))
        .map(|(number, _)| number)
        .take(20)
        .collect();
    let field = |name: &str, value: u64| match value {
        0 => String::new(),
        _ => format!("{name}: {value}\n"),
    };
    let elements = (0..).zip(&numbers).map(|(position, &number)| {
        format!("{}{}\n", field("element", number), field("count", position))
    });
    let sequence = numbers.iter().map(|number| format!("element: {number}\n"));
    elements.chain(sequence).collect::<String>() + "\n"
}

/// Writes the article's server with its stubs, in the article's layout.
fn article_server(folder: &Path) -> PathBuf {
    let article = Document::read(ARTICLE);
    write(&folder.join("outliers.proto"), &article.listing(3));
    let program = folder.join("py/server.py");
    write(&program, &article.listing(7));
    let options = ["-I..", "--python_out=.", "--grpc_python_out=."];
    succeed(protoc(&folder.join("py")).args(options).arg("../outliers.proto"), BUILD_LIMIT);
    program
}

/// Writes the article's client with its stubs, in the article's module, and
/// builds it with the versions that our Go peer has.
fn article_client(folder: &Path) -> PathBuf {
    let article = Document::read(ARTICLE);
    write(&folder.join("outliers.proto"), &article.listing(3));
    write(&folder.join("client.go"), &article.listing(11));
    let theirs = article.listing(2);
    let ours = fs::read_to_string(root().join("go/go.mod")).unwrap();
    let (module, _) = theirs.split_once('\n').unwrap();
    let (_, versions) = ours.split_once('\n').unwrap();
    write(&folder.join("go.mod"), &format!("{module}\n{versions}"));
    fs::copy(root().join("go/go.sum"), folder.join("go.sum")).unwrap();
    fs::create_dir_all(folder.join("pb")).unwrap();
    let mut generate = protoc(folder);
    for plugin in ["go", "go-grpc"] {
        let program = root().join("go/bin").join(format!("protoc-gen-{plugin}"));
        generate.arg(format!("--plugin=protoc-gen-{plugin}={}", program.display()));
        generate.arg(format!("--{plugin}_out=pb"));
        generate.arg(format!("--{plugin}_opt=paths=source_relative"));
    }
    succeed(generate.args(["-I.", "outliers.proto"]), BUILD_LIMIT);
    let build = &mut Command::new("go");
    succeed(build.args(["build", "-o", "client", "."]).current_dir(folder), BUILD_LIMIT);
    folder.join("client")
}

struct TutorialPrograms {
    server: PathBuf,
    client: PathBuf,
}

/// Writes the tutorial's programs, each of which it prints in two parts, with
/// their stubs.
fn tutorial_programs(folder: &Path) -> TutorialPrograms {
    let tutorial = Document::read(TUTORIAL);
    let protos = tutorial.blocks("proto");
    let programs = tutorial.blocks("python");
    let [_generator, service, serve, stream, sequence] = &programs[..] else {
        panic!("{TUTORIAL} has {} blocks of Python, want 5", programs.len());
    };
    write(&folder.join("protos/fibonacci.proto"), protos.first().expect("a block of proto"));
    let written =
        TutorialPrograms { server: folder.join("server.py"), client: folder.join("client.py") };
    write(&written.server, &format!("{service}\n{serve}"));
    write(&written.client, &format!("{stream}\n{sequence}"));
    let options = ["-I", "protos", "--python_out=.", "--grpc_python_out=."];
    succeed(protoc(folder).args(options).arg("protos/fibonacci.proto"), BUILD_LIMIT);
    written
}

fn protoc(folder: &Path) -> Command {
    let mut command = Command::new(python());
    command.args(["-m", "grpc_tools.protoc"]).current_dir(folder);
    command
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// A document with programs in it.
struct Document {
    text: String,
}

impl Document {
    fn read(name: &str) -> Self {
        let folder = env::var_os("CROSSWIRE_SEEDS")
            .expect("CROSSWIRE_SEEDS names no folder with the documents: make test SEEDS=DIR");
        let path = Path::new(&folder).join(name);
        let text = fs::read_to_string(&path);
        Self { text: text.unwrap_or_else(|error| panic!("{}: {error}", path.display())) }
    }

    /// The code of a listing, without the numbers of its lines.
    fn listing(&self, number: usize) -> String {
        let title = format!("**Listing {number}**");
        let mut lines = self.text.lines().skip_while(|line| line.trim_end() != title).skip(1);
        assert_eq!(lines.next(), Some("```"), "no code under {title}");
        (1..)
            .zip(lines.take_while(|line| *line != "```"))
            .map(|(number, line)| format!("{}\n", without_number(number, line)))
            .collect()
    }

    /// The code of every block that is marked with this language.
    fn blocks(&self, language: &str) -> Vec<String> {
        let start = format!("```{language}");
        let mut blocks = Vec::new();
        let mut lines = self.text.lines();
        while lines.any(|line| line == start) {
            let block = lines.by_ref().take_while(|line| *line != "```");
            blocks.push(block.map(|line| format!("{line}\n")).collect());
        }
        blocks
    }
}

/// Takes the number off a line, and the character that parts it from the code: a
/// space, or a tab on one line of the article, and nothing on an empty line.
fn without_number(number: usize, line: &str) -> &str {
    let code = line.strip_prefix(&format!("{number:02}"));
    let code = code.unwrap_or_else(|| panic!("line {number} of a listing reads `{line}`"));
    code.strip_prefix([' ', '\t']).unwrap_or(code)
}

#[test]
fn a_listing_loses_its_numbers_and_keeps_its_indentation() {
    let text = "**Listing 1**\n```\n01 no\n```\n**Listing 2**  \n```\n01 a (\n02\n03     b\n04\t)\n```\n05 no\n";
    let document = Document { text: text.to_owned() };
    assert_eq!(document.listing(2), "a (\n\n    b\n)\n");
}

#[test]
fn blocks_are_those_of_their_language_in_order() {
    let text =
        "```python\na\n\n  b\n```\n```proto\nno\n```\n# no\n```\nno\n```\n```python\n# c\n```\n";
    let document = Document { text: text.to_owned() };
    assert_eq!(document.blocks("python"), ["a\n\n  b\n", "# c\n"]);
}

/// A reference peer, as its manifest starts it from the root.
struct Peer {
    name: &'static str,
    server: Vec<PathBuf>,
    client: Vec<PathBuf>,
}

fn peers() -> [Peer; 3] {
    let at = |path: &str| root().join(path);
    [
        Peer {
            name: "rust",
            server: vec![at("target/debug/server")],
            client: vec![at("target/debug/client")],
        },
        Peer {
            name: "python",
            server: vec![python(), at("py/server.py")],
            client: vec![python(), at("py/client.py")],
        },
        Peer { name: "go", server: vec![at("go/bin/server")], client: vec![at("go/bin/client")] },
    ]
}

/// A document's server as the peer `seed`, and every reference peer's client.
struct Matrix<'a> {
    folder: &'a Path,
    server: &'a Path,
    port: u16,
    unsupported: &'a [&'a str],
}

/// What a run of the matrix came to.
struct Run {
    exit: Option<i32>,
    shown: String,
    trials: Vec<Trial>,
}

#[derive(Debug)]
struct Trial {
    client: String,
    case: String,
    rule: String,
    verdict: String,
    reason: String,
    /// How many messages came, where the trial failed.
    messages: usize,
}

impl Matrix<'_> {
    /// Runs what the filter selects: every client, and no trial blocked or left out.
    fn run(&self, filter: &str) -> Run {
        let manifest = self.folder.join("crosswire.toml");
        write(&manifest, &self.manifest());
        let report = self.folder.join("report");
        let mut command = Command::new(env!("CARGO_BIN_EXE_crosswire"));
        command.args(["run", "--require-all", "-E", filter]);
        command.arg("--manifest").arg(&manifest).arg("--report").arg(&report);
        let output = finish(&mut command, RUN_LIMIT);
        let shown = format!("{}{}", text(&output.stdout), text(&output.stderr));
        assert!(matches!(output.status.code(), Some(0 | 1)), "{}: {shown}", output.status);
        let results = fs::read_to_string(report.join("results.jsonl")).unwrap();
        let lines = results.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let trials: Vec<Trial> = lines.filter_map(|line| Trial::read(line.get("trial")?)).collect();
        let clients: BTreeSet<&str> = trials.iter().map(|trial| trial.client.as_str()).collect();
        assert_eq!(clients, peers().iter().map(|peer| peer.name).collect(), "{shown}");
        Run { exit: output.status.code(), shown, trials }
    }

    fn manifest(&self) -> String {
        let unsupported: Vec<String> = self
            .unsupported
            .iter()
            .map(|case| format!("{{ case = {case:?}, why = {WHY_TOO_MANY:?} }}"))
            .collect();
        let clients = peers().map(|Peer { name, mut client, .. }| {
            client.push("drive".into());
            format!("\n[[peer]]\nname = {name:?}\nclient = {{ cmd = {client:?} }}\n")
        });
        format!(
            r#"schema = 1
protos = {protos:?}
suites = {suites:?}
contract = {contract:?}

[[peer]]
name = "seed"
unsupported = [{unsupported}]

[peer.server]
cmd = [{python:?}, {server:?}]
ready = "connect"
address = "127.0.0.1:{port}"
{clients}"#,
            protos = root().join("proto"),
            suites = root().join("harness/suites"),
            contract = root().join("docs/contract.md"),
            unsupported = unsupported.join(", "),
            python = python(),
            server = self.server,
            port = self.port,
            clients = clients.concat(),
        )
    }
}

impl Trial {
    fn read(trial: &Value) -> Option<Self> {
        let word = |name: &str| trial[name].as_str().map(str::to_owned);
        Some(Self {
            client: word("client")?,
            case: word("case")?,
            rule: word("rule")?,
            verdict: word("verdict")?,
            reason: word("reason").unwrap_or_default(),
            messages: trial["actual"]["messages"].as_array().map_or(0, Vec::len),
        })
    }

    fn is_streamed(&self) -> bool {
        self.case.starts_with("fibonacci/stream/")
    }
}

/// One test's turn with the fixed ports, and its folder.
struct Turn {
    folder: TempDir,
    _ports: MutexGuard<'static, ()>,
}

impl Turn {
    /// Waits for the tests before it, and sees to it that the peers are built
    /// and that nobody else has the ports.
    fn begin() -> Self {
        static PORTS: Mutex<()> = Mutex::new(());
        static PEERS: Once = Once::new();
        let ports = PORTS.lock().unwrap_or_else(PoisonError::into_inner);
        PEERS.call_once_force(|_| {
            let make = &mut Command::new("make");
            make.arg("-s").arg("-C").arg(root()).args(["rust", "py", "go", "go-tools"]);
            succeed(make, BUILD_LIMIT);
        });
        for port in [ARTICLE_PORT, TUTORIAL_PORT] {
            check_free((Ipv4Addr::LOCALHOST, port).into());
            check_free((Ipv6Addr::LOCALHOST, port).into());
        }
        Self { folder: tempfile::tempdir().unwrap(), _ports: ports }
    }

    fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// grpcio would share a port that another program has, and get half of its calls.
fn check_free(address: SocketAddr) {
    if let Err(error) = TcpListener::bind(address) {
        // A machine without IPv6 refuses in other words.
        let is_taken = error.kind() == ErrorKind::AddrInUse;
        assert!(
            !is_taken,
            "{address} is taken and the documents' programs need it: stop what has it"
        );
    }
}

/// A server that listens on its default addresses; killed when dropped.
struct Server {
    process: Child,
}

impl Server {
    /// Starts it and waits until the port accepts.
    fn start(words: &[impl AsRef<Path>], port: u16, folder: &Path) -> Self {
        let log = folder.join("server.log");
        let file = File::create(&log).unwrap();
        let mut command = command(words);
        // Ours stop when their stdin ends, even if this process is killed.
        command.stdin(Stdio::piped()).stdout(file.try_clone().unwrap()).stderr(file);
        let mut server = Self { process: command.spawn().unwrap() };
        let said = || fs::read_to_string(&log).unwrap_or_default();
        let address = (Ipv4Addr::LOCALHOST, port).into();
        let deadline = Instant::now() + START_LIMIT;
        while TcpStream::connect_timeout(&address, CONNECT_LIMIT).is_err() {
            if let Some(status) = server.process.try_wait().unwrap() {
                panic!("{command:?} ended with {status} before {address} accepted: {}", said());
            }
            let is_late = Instant::now() > deadline;
            assert!(!is_late, "{command:?}: {address} accepts no connection: {}", said());
            thread::sleep(CONNECT_POLL);
        }
        server
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // One that ended by itself needs neither.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn command(words: &[impl AsRef<Path>]) -> Command {
    let mut words = words.iter().map(AsRef::as_ref);
    let mut command = Command::new(words.next().expect("a program"));
    command.args(words);
    command
}

fn succeed(command: &mut Command, limit: Duration) -> Output {
    let output = finish(command, limit);
    let Output { status, stdout, stderr } = &output;
    assert!(status.success(), "{command:?}: {status}\n{}{}", text(stdout), text(stderr));
    output
}

/// Runs a command to its end, or kills it with all that it started.
fn finish(command: &mut Command, limit: Duration) -> Output {
    let piped = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = piped.process_group(0).spawn();
    let child = child.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let group = Pid::from_raw(child.id().try_into().unwrap());
    let (sender, output) = mpsc::channel();
    thread::spawn(move || sender.send(child.wait_with_output()));
    output.recv_timeout(limit).map(Result::unwrap).unwrap_or_else(|_| {
        // It may end just now.
        let _ = killpg(group, Signal::SIGKILL);
        panic!("{command:?} takes more than {limit:?}");
    })
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn python() -> PathBuf {
    root().join("py/.venv/bin/python")
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}
