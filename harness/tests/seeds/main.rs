//! The programs of the two documents that the services come from, as they stand
//! there, against the reference peers.
//!
//! Neither the documents nor their code are part of this repository. These tests
//! read them in the folder that `CROSSWIRE_SEEDS` names, take the programs out,
//! generate their stubs from their own `.proto` files and run them. The programs'
//! ports are fixed, so one test runs at a time.

mod document;
mod matrix;
mod programs;

use std::{
    fs,
    io::ErrorKind,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener},
    path::Path,
    process::Command,
    sync::{Mutex, MutexGuard, Once, PoisonError},
    time::Duration,
};

use tempfile::TempDir;

use crate::{
    matrix::{Matrix, TOO_MANY},
    programs::{
        ARTICLE_PORT, BUILD_LIMIT, Server, TUTORIAL, TUTORIAL_PORT, article_client, article_server,
        command, peers, python, root, succeed, text, tutorial_programs,
    },
};

/// What every client of the article's metrics prints.
const OUTLIERS: &str = "outliers at: [7 113 835]\n";

/// One client: an interpreter with cold caches on a busy machine takes several
/// seconds.
const CLIENT_LIMIT: Duration = Duration::from_secs(60);

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
