//! Programs: those of the documents, written with their stubs and built, and the
//! reference peers; each is started as a server or run to its end.

use std::{
    fs::{self, File},
    net::{Ipv4Addr, TcpStream},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};

use crate::document::Document;

const ARTICLE: &str = "outliers-python-go-grpc.md";
pub(crate) const ARTICLE_PORT: u16 = 9999;

pub(crate) const TUTORIAL: &str = "fibonacci-python-grpc.md";
pub(crate) const TUTORIAL_PORT: u16 = 50051;

/// A first build fetches and compiles.
pub(crate) const BUILD_LIMIT: Duration = Duration::from_secs(900);

/// From a server's start until its port accepts, as in the manifest.
const START_LIMIT: Duration = Duration::from_secs(30);

/// How often to try whether a port accepts.
const CONNECT_POLL: Duration = Duration::from_millis(20);

/// One connection attempt; a listening socket accepts in microseconds.
const CONNECT_LIMIT: Duration = Duration::from_secs(1);

/// Writes the article's server with its stubs, in the article's layout.
pub(crate) fn article_server(folder: &Path) -> PathBuf {
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
pub(crate) fn article_client(folder: &Path) -> PathBuf {
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

pub(crate) struct TutorialPrograms {
    pub(crate) server: PathBuf,
    pub(crate) client: PathBuf,
}

/// Writes the tutorial's programs, each of which it prints in two parts, with
/// their stubs.
pub(crate) fn tutorial_programs(folder: &Path) -> TutorialPrograms {
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

pub(crate) fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// A reference peer, as its manifest starts it from the root.
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    pub(crate) server: Vec<PathBuf>,
    pub(crate) client: Vec<PathBuf>,
}

pub(crate) fn peers() -> [Peer; 3] {
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

/// A server that listens on its default addresses; killed when dropped.
pub(crate) struct Server {
    process: Child,
}

impl Server {
    /// Starts it and waits until the port accepts.
    pub(crate) fn start(words: &[impl AsRef<Path>], port: u16, folder: &Path) -> Self {
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

pub(crate) fn command(words: &[impl AsRef<Path>]) -> Command {
    let mut words = words.iter().map(AsRef::as_ref);
    let mut command = Command::new(words.next().expect("a program"));
    command.args(words);
    command
}

pub(crate) fn succeed(command: &mut Command, limit: Duration) -> Output {
    let output = finish(command, limit);
    let Output { status, stdout, stderr } = &output;
    assert!(status.success(), "{command:?}: {status}\n{}{}", text(stdout), text(stderr));
    output
}

/// Runs a command to its end, or kills it with all that it started.
pub(crate) fn finish(command: &mut Command, limit: Duration) -> Output {
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

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub(crate) fn python() -> PathBuf {
    root().join("py/.venv/bin/python")
}

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}
