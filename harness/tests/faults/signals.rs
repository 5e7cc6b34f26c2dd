//! A harness that is itself asked to stop, told to, or killed.

use std::time::{Duration, Instant};

use nix::{
    errno::Errno,
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::support::{CASES, CULPRIT, Project, Started, eventually};

/// Within this, two signals of one kind are one.
const ONE_REQUEST: Duration = Duration::from_millis(100);

/// How often to try to be as quick.
const ATTEMPTS: usize = 10;

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
fn sigint_sigterm_and_sighup_flush_the_reports() {
    for (signal, why) in [
        (Signal::SIGINT, "interrupted (SIGINT)"),
        (Signal::SIGTERM, "terminated (SIGTERM)"),
        (Signal::SIGHUP, "hung up (SIGHUP)"),
    ] {
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

/// A run of which neither side can write a word more, and its peers do not end by
/// themselves.
#[test]
fn sigkill_leaves_no_process() {
    for is_guard in [true, false] {
        let project = project();
        let started = start_and_wait(&project);
        assert!(project.processes().len() >= 4, "guard, run, server, client");
        let run_process = project.run_process();
        match is_guard {
            true => started.signal(Signal::SIGKILL),
            false => kill(run_process, Signal::SIGKILL).unwrap(),
        }
        let run = started.end();
        assert_eq!(run.exit, if is_guard { -1 } else { 70 }, "{run}");
        assert_eq!(run.report.trials.len(), 2, "{run}");
        assert!(run.report.summary.is_none(), "{run}");
        project.assert_nothing_is_left();
    }
}

/// Who signals a whole group or tree, as service managers do, asks once.
#[test]
fn a_signal_to_both_processes_is_one() {
    let project = project();
    let started = start_and_wait(&project);
    kill(project.run_process(), Signal::SIGTERM).unwrap();
    started.signal(Signal::SIGTERM);
    let run = started.end();
    project.check(&run);
    assert_eq!(run.report.summary.as_ref().unwrap()["stopped"], "terminated (SIGTERM)", "{run}");
}

/// `timeout` signals the process and then its group.
#[test]
fn two_signals_of_one_kind_at_once_are_one() {
    // What comes later is a second request: a machine may be too slow to signal twice at once.
    let is_at_once = || {
        // A second request would end it while it waits for the server.
        let project = Project::new()
            .limit("stop", "3s")
            .server("server", "ignores-sigterm")
            .client("client", "none");
        let started = project.start(&[]);
        let was_asked = || project.path("server-saw-sigterm").exists();
        assert!(eventually(was_asked), "the server was not asked to stop");
        let began = Instant::now();
        for _ in 0..2 {
            started.signal(Signal::SIGTERM);
            assert!(eventually(|| !started.is_pending(Signal::SIGTERM)), "it is not taken");
        }
        let is_at_once = began.elapsed() < ONE_REQUEST;
        let run = started.end();
        if is_at_once {
            project.check(&run);
            let summary = run.report.summary.as_ref().unwrap();
            assert_eq!(summary["stopped"], "terminated (SIGTERM)", "{run}");
        }
        is_at_once
    };
    assert!((0..ATTEMPTS).any(|_| is_at_once()), "the machine is too slow");
}

/// Whatever is left of it, and even if the daemon hides whose it is.
#[test]
#[cfg(target_os = "linux")]
fn no_daemon_outlives_a_run() {
    let ends = |started: &Started<'_>, run: Pid, end: &str| match end {
        "SIGINT" => started.signal(Signal::SIGINT),
        "SIGTERM" => started.signal(Signal::SIGTERM),
        "SIGHUP" => started.signal(Signal::SIGHUP),
        "SIGKILL" => started.signal(Signal::SIGKILL),
        "SIGKILL of the run" => kill(run, Signal::SIGKILL).unwrap(),
        "twice" => {
            started.signal(Signal::SIGINT);
            started.signal(Signal::SIGTERM);
        }
        _ => {}
    };
    for end in ["itself", "SIGINT", "SIGTERM", "SIGHUP", "twice", "SIGKILL", "SIGKILL of the run"] {
        let fault = if end == "itself" { "none" } else { "hangs" };
        let project = Project::new()
            .case(CULPRIT, "timeout = \"10m\"")
            .server("server", "none")
            .client("client", &format!("{fault} --on {CULPRIT} --in-flight 1 --daemons"));
        let started = match end {
            "itself" => project.start(&[]),
            _ => start_and_wait(&project),
        };
        let daemons = project.daemons();
        if end != "itself" {
            for &daemon in &daemons {
                kill(daemon, None).expect("it lives as long as the run");
            }
            ends(&started, project.run_process(), end);
        }
        let run = started.end();
        for daemon in daemons {
            let is_gone = eventually(|| kill(daemon, None) == Err(Errno::ESRCH));
            assert!(is_gone, "{end}: {daemon} lives\n{run}");
        }
        if end == "itself" {
            run.passes();
            let words = "left 1 daemon that had left its process group; killed";
            assert!(run.report.notes.iter().any(|note| note.text == words), "{run}");
            let words = "crosswire: killed 1 daemon that some peer had left and that hid whose";
            assert!(run.stderr.contains(words), "{run}");
        }
        project.assert_nothing_is_left();
    }
}

/// The run reads its suites meanwhile.
#[test]
fn sigterm_at_the_start_ends_it_as_later() {
    let project = project();
    let started = project.start(&[]);
    assert!(eventually(|| project.processes().values().any(|words| words.contains("run-below"))));
    started.signal(Signal::SIGTERM);
    let run = started.end();
    project.check(&run);
    assert_eq!(run.exit, 6, "{run}");
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

/// They were a shell's, which became the harness.
#[test]
fn children_of_others_are_spared() {
    let project = Project::new().server("server", "none").client("client", "none");
    let sleep = "env -u CROSSWIRE_TEST_FOLDER sleep 1000 >/dev/null 2>&1 &";
    let script = format!("{sleep} echo $! > \"$TMPDIR/../spared\"; exec \"$0\" \"$@\"");
    project.run_in_shell(&script).passes();
    let spared = std::fs::read_to_string(project.path("spared")).unwrap();
    kill(Pid::from_raw(spared.trim().parse().unwrap()), Signal::SIGKILL).expect("it lives");
}
