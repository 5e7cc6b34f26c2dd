//! Programs in the place of a client: their exit status counts, and whether they call anybody.

use super::support::{Project, Run};

/// A run of a program of the shell against a server that does all as it should.
fn run(script: &str, more: &str) -> Run {
    let exec = format!("[\"sh\", \"-c\", {script:?}, \"sh\", \"{{port}}\"]");
    Project::new()
        .server("good", "none")
        .peer("shell", &format!("client = {{ exec = {exec}, cases = [\"one\"]{more} }}"))
        .run_with(&["-E", "case(program/**)"])
}

#[track_caller]
fn comes_to(run: &Run, verdict: &str, words: &str) {
    assert_eq!(run.exit, 1, "{run}");
    let trials = &run.report.trials;
    assert_eq!(trials.len(), 1, "{run}");
    assert_eq!((&*trials[0].case, &*trials[0].verdict), ("program/shell/one", verdict), "{run}");
    assert!(trials[0].reason.contains(words), "{run}");
}

#[test]
fn fails() {
    let failing = run("echo it broke; echo badly >&2; exit 3", "");
    comes_to(&failing, "fail", "the client's program exited with status 3");
    assert!(failing.report.trials[0].reason.contains("it broke"), "{failing}");
}

#[test]
fn is_killed() {
    comes_to(&run("kill -9 $$", ""), "fail", "the client's program was killed by SIGKILL");
}

/// What ends well and has called nobody has tried nothing.
#[test]
fn calls_nobody() {
    comes_to(
        &run("exit 0", ""),
        "fail",
        "the client's program ended well, and had not even connected",
    );
}

#[test]
fn hangs() {
    let hung = run("sleep 100", ", timeout = \"300ms\"");
    comes_to(&hung, "hung", "no answer within 600 ms");
}

#[test]
fn is_not_there() {
    let client = "client = { exec = [\"./nowhere\", \"{port}\"], cases = [\"one\"] }";
    let project = Project::new().server("good", "none").peer("absent", client);
    let run = project.run_with(&["-E", "case(program/**)"]);
    assert_eq!((run.exit, &*run.report.trials[0].verdict), (5, "blocked"), "{run}");
    let reason = &run.report.trials[0].reason;
    assert!(reason.contains("`./nowhere` could not be started"), "{run}");
}
