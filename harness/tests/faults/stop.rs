//! Peers that do not stop as they should. That decides no trial: all pass, and a
//! note says what was seen.

use super::support::Project;

/// Runs a server and a client that have the fault, each with a good one.
fn check(fault: &str, stop_limit: &'static str, words: &str) -> Project {
    let project = Project::new()
        .limit("stop", stop_limit)
        .server("good-server", "none")
        .server("bad-server", fault)
        .client("good-client", "none")
        .client("bad-client", fault);
    let run = project.run_with(&["-E", "server(good-server) | client(good-client)"]);
    run.passes();
    for (role, server, client) in
        [("server", "bad-server", "good-client"), ("client", "good-server", "bad-client")]
    {
        let mut notes = run.report.notes.iter();
        let is_ours = notes.any(|note| {
            note.role == role
                && note.server == server
                && note.client == client
                && note.text == words
        });
        assert!(is_ours, "{:?}\n{run}", run.report.notes);
        let shown = format!("note: bad-{role} {role} {words} (server {server}, client {client})");
        assert!(run.stdout.contains(&shown), "{run}");
    }
    project
}

#[test]
fn ignores_sigterm() {
    let words = "did not stop within 500 ms when asked, and was killed";
    let project = check("ignores-sigterm", "500ms", words);
    for peer in ["server", "client"] {
        assert!(
            project.path(&format!("{peer}-saw-sigterm")).exists(),
            "{peer} was not asked first"
        );
    }
}

#[test]
fn leaves_a_grandchild() {
    let words = "left processes behind that did not end within 500 ms; they were killed";
    check("leaves-a-grandchild", "500ms", words);
}

/// It has left its group, and holds the peer's pipes open.
#[test]
#[cfg(target_os = "linux")]
fn leaves_a_daemon() {
    check("leaves-a-daemon", "30s", "left 1 daemon that had left its process group; killed");
}

#[test]
fn exits_with_an_error() {
    check("exits-with-an-error", "30s", "exited with status 3 when asked to stop");
}
