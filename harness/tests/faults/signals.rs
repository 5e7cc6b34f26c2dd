//! A harness that is itself asked to stop, told to, or killed.

use nix::sys::signal::Signal;

use super::support::{CASES, CULPRIT, Project, Started, eventually};

/// Peers that end only by SIGKILL, with a call that does not come back.
fn project() -> Project {
    Project::new()
        .case(CULPRIT, "timeout = \"10m\"")
        .server("server", "ignores-sigterm")
        .client("client", &format!("hangs --on {CULPRIT} --in-flight 1"))
}

/// Runs it until the two cases before the culprit are in the file.
fn start_and_wait(project: &Project) -> Started<'_> {
    let started = project.start(&[]);
    assert!(eventually(|| project.report().trials.len() == 2), "no trial was written");
    started
}

#[test]
fn sigint_and_sigterm_flush_the_reports() {
    for (signal, why) in
        [(Signal::SIGINT, "interrupted (SIGINT)"), (Signal::SIGTERM, "terminated (SIGTERM)")]
    {
        let project = project();
        let started = start_and_wait(&project);
        started.signal(signal);
        let run = started.end();
        project.check(&run);
        assert_eq!(run.exit, 6, "{run}");
        let summary = run.report.summary.as_ref().unwrap();
        assert_eq!(summary["stopped"], why, "{run}");
        assert_eq!(
            (&summary["pass"], &summary["not_run"]),
            (&2.into(), &(CASES.len() - 2).into()),
            "{run}"
        );
        assert!(run.stdout.contains(&format!("stopped early: {why}")), "{run}");
    }
}

#[test]
fn a_signal_ends_every_wait() {
    let never_ready = || Project::new().limit("start", "10m").client("client", "never-ready");
    let builds = Project::new().client("client", "none").peer(
        "server",
        "build = { cmd = [\"sleep\", \"1000\"] }\nserver = { address = \"127.0.0.1:1\" }",
    );
    for (project, process) in [
        (never_ready().server("server", "never-ready"), "server never-ready"),
        (never_ready().server("server", "none"), "client never-ready"),
        (builds, "sleep 1000"),
    ] {
        let started = project.start(&[]);
        let waits = || project.processes().values().any(|words| words.contains(process));
        assert!(eventually(waits), "no {process}");
        started.signal(Signal::SIGINT);
        let run = started.end();
        project.check(&run);
        assert_eq!(run.exit, 6, "{process}: {run}");
    }
}

#[test]
fn a_limit_stops_the_run() {
    let run = project().run_with(&["--limit", "1s"]);
    assert_eq!(run.exit, 6, "{run}");
    let summary = run.report.summary.as_ref().unwrap();
    assert_eq!(summary["stopped"], "the limit of 1 s is over", "{run}");
    assert_eq!(
        (&summary["pass"], &summary["not_run"]),
        (&2.into(), &(CASES.len() - 2).into()),
        "{run}"
    );
}

/// It cannot write a word more, and its peers do not end by themselves.
#[test]
fn sigkill_leaves_no_process() {
    let project = project();
    let started = start_and_wait(&project);
    assert!(project.processes().len() >= 4, "harness, guard, server, client");
    started.signal(Signal::SIGKILL);
    let run = started.end();
    assert_eq!(run.exit, -1, "{run}");
    assert_eq!(run.report.trials.len(), 2, "{run}");
    assert!(run.report.summary.is_none(), "{run}");
    project.assert_nothing_is_left();
}

/// While it waits, as long as it was told to, for a server to stop.
#[test]
fn a_second_signal_ends_it_at_once() {
    let project = Project::new()
        .limit("stop", "10m")
        .server("server", "ignores-sigterm")
        .client("client", "none");
    let started = project.start(&[]);
    let was_asked = || project.path("server-saw-sigterm").exists();
    assert!(eventually(was_asked), "the server was not asked to stop");
    // Two of one kind might be taken for one.
    started.signal(Signal::SIGINT);
    started.signal(Signal::SIGTERM);
    let run = started.end();
    assert_eq!(run.exit, 6, "{run}");
    assert_eq!(run.report.trials.len(), CASES.len(), "{run}");
    assert!(run.report.summary.is_none(), "{run}");
    project.assert_nothing_is_left();
}
