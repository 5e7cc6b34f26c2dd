//! Servers with a fault in a call, each with a client that has several calls in
//! flight and with one that has one.

use super::support::{CULPRIT, Finding, Project, Run};

/// A server with a fault, beside one without.
fn with_server(fault: &str) -> Project {
    Project::new()
        .server("good", "none")
        .server("bad", &format!("{fault} --on {CULPRIT}"))
        .client("several", "none")
        .client("single", "none --in-flight 1")
}

fn finds(run: &Run, verdict: &str, words: &str) {
    assert_eq!(run.exit, 1, "{run}");
    run.finds(Finding { verdict, blame: "server", words });
}

#[test]
fn dies() {
    let words = "the server exited with status 3; its last words: these are my last words";
    finds(&with_server("dies").run(), "crashed", words);
}

/// It accepts once more, after the client has told of its death.
#[test]
fn dies_having_hung_up() {
    let words = "the server exited with status 3; its last words: these are my last words";
    let run = with_server("dies-having-hung-up").run();
    finds(&run, "crashed", words);
    let mut culprits = run.report.trials.iter().filter(|trial| trial.is_culprit());
    assert!(culprits.all(|trial| trial.reason == words), "{run}");
}

/// The client does not tell of it.
#[test]
fn dies_and_the_client_hangs() {
    let run = Project::new()
        .server("good", "none")
        .server("bad", &format!("dies --on {CULPRIT}"))
        .client("several", "hangs-without-a-server")
        .client("single", "hangs-without-a-server --in-flight 1")
        .run();
    finds(&run, "crashed", "the server exited with status 3");
}

/// The call was answered, and the next may be in flight.
#[test]
fn dies_having_answered() {
    let run = with_server("dies-having-answered").run();
    finds(&run, "crashed", "the server exited with status 3");
}

#[test]
fn hangs() {
    let run = with_server("hangs").case(CULPRIT, "timeout = \"1s\"").run();
    finds(&run, "fail", "expected OK, got DEADLINE_EXCEEDED (no answer in time)");
}

/// It lives, so the lost connection is an answer like another.
#[test]
fn hangs_up() {
    let run = with_server("hangs-up").run();
    finds(&run, "fail", "expected OK, got UNAVAILABLE (connection lost");
}

#[test]
fn stops_listening() {
    let run = with_server("stops-listening").run();
    finds(&run, "crashed", "the server no longer accepts connections at 127.0.0.1:");
}

#[test]
fn answers_wrongly() {
    let words = "messages[0].text: expected \"three\", got \"wrong\"";
    finds(&with_server("answers-wrongly").run(), "fail", words);
}

#[test]
fn prints_garbage() {
    with_server("prints-garbage").run().passes();
}

#[test]
fn floods() {
    let project = with_server("floods");
    project.run().passes();
    for client in ["several", "single"] {
        project.assert_log_is_bounded(&format!("bad+{client}/server.log"));
    }
}
