//! What a case can ask of a trial beside its calls, and what a run leaves of it.

use std::{fs, thread, time::Duration};

use nix::sys::signal::{Signal, kill};

use super::support::{CASES, CULPRIT, Finding, Project, Run, eventually};

/// Long enough for a heartbeat to be late.
const STOPPED: Duration = Duration::from_millis(500);

/// The trials of a case.
fn verdicts<'a>(run: &'a Run, case: &str) -> Vec<(&'a str, &'a str)> {
    let trials = run.report.trials.iter().filter(|trial| trial.case == case);
    trials.map(|trial| (&*trial.verdict, &*trial.reason)).collect()
}

/// The second call comes on the first's connection, and no earlier than it may.
#[test]
fn calls_in_sequence() {
    const PAUSE_US: u64 = 200_000;
    let run = Project::new()
        .suite(
            r#"
            [[case]]
            name = "sequence"
            rule = "ECHO-1"
            why = "one after the other"
            method = "echo.Echo/Say"
            request = { text = "sequence" }
            sequential = true
            expect = { any_messages = true }
            calls = [
                {},
                { pause = "200ms", expect = { any_messages = true, wire = ["same-connection"] } },
            ]
            "#,
        )
        .server("server", "none")
        .client("client", "none")
        .run();
    run.passes();
    assert!(run.report.trials[0].duration_us >= PAUSE_US, "{:?}", run.report.trials);
}

/// Such a call has nothing that the case does not ask for; all others can be told apart.
#[test]
fn a_pristine_call_is_not_marked() {
    let project = Project::new()
        .case(CULPRIT, "pristine = true")
        .server("server", "none")
        .client("client", "none");
    let run = project.run_with(&["--trace"]);
    run.passes();
    for trial in &run.report.trials {
        let text = fs::read_to_string(trial.trace.as_ref().unwrap()).unwrap();
        assert!(text.contains("grpc-timeout"), "{text}");
        assert_eq!(text.contains("x-crosswire-call"), trial.case != CULPRIT, "{text}");
    }
}

/// When a client dies in it, no other trial can have been the cause, and none is tried again.
#[test]
fn nothing_runs_beside_a_case_that_is_alone() {
    let run = |line| {
        let run = Project::new()
            .case(CULPRIT, line)
            .server("server", "none")
            .client("bad", &format!("dies-once --on {CULPRIT}"))
            .run();
        run.finds(Finding { verdict: "crashed", blame: "client", words: "exited with status 3" });
        verdicts(&run, CULPRIT)[0].1.contains("run again alone, the case was answered")
    };
    assert!(run(""), "eight calls are in flight");
    assert!(!run("alone = true"), "one call is in flight");
}

/// One client is told when no more calls come for a target; the other would not know
/// what to make of it.
#[test]
fn close_is_sent_to_clients_that_announce_it() {
    let project = Project::new()
        .case(CULPRIT, "pristine = true")
        .server("server", "none")
        .client("closes", "none --announce close")
        .client("keeps", "none");
    project.run().passes();
    let closes = |client: &str| {
        let log = project.path(&format!("report/logs/server+{client}/client.log"));
        fs::read_to_string(log).unwrap().matches("closing 127.0.0.1:").count()
    };
    assert_eq!((closes("closes"), closes("keeps")), (1, 0));
}

/// The answer never comes. Two clients end their call at the deadline, and two do not
/// heed it.
#[test]
fn a_fault_that_a_client_hangs_on() {
    let run = Project::new()
        .case(
            CULPRIT,
            "timeout = \"700ms\"\nfault = { blackhole = true, after_headers = true }\n\
             expect = { code = \"DEADLINE_EXCEEDED\" }",
        )
        .server("server", "none")
        .client("several", "none")
        .client("single", "none --in-flight 1")
        .client("bad-several", &format!("ignores-deadline --on {CULPRIT}"))
        .client("bad-single", &format!("ignores-deadline --on {CULPRIT} --in-flight 1"))
        .run();
    assert_eq!(run.exit, 1, "{run}");
    run.finds(Finding { verdict: "hung", blame: "client", words: "no answer within 1 s" });
}

/// The server ends the connection on which the call came, with all others on it. They run
/// again on a fresh one, and nobody is charged but the call that ends that, too.
#[test]
fn a_connection_that_ends_under_many_costs_one_trial() {
    let run = Project::new()
        .server("bad", &format!("hangs-up-on-all --on {CULPRIT}"))
        .client("several", "none --together")
        .run();
    run.finds(Finding { verdict: "fail", blame: "server", words: "UNAVAILABLE" });
    assert!(run.to_string().contains(" had lost a connection that trials share"), "{run}");
}

/// It happens once, and can be shown with no trial any more: one is charged with it, or a
/// connection would be lost and nothing failed.
#[test]
fn a_connection_that_ended_once_costs_one_trial_all_the_same() {
    let run = Project::new()
        .server("bad", "hangs-up-on-all-once")
        .client("several", "none --together")
        .run();
    assert_eq!(run.exit, 1, "{run}");
    let failed = run.report.trials.iter().filter(|trial| trial.verdict != "pass");
    let failed: Vec<_> = failed.map(|trial| (&*trial.verdict, &*trial.blame)).collect();
    assert_eq!(failed, [("fail", "server")], "{run}");
    assert!(run.to_string().contains("is charged with such a connection"), "{run}");
}

/// Whatever a clock decides meanwhile is nobody's fault: it runs again alone, and that counts.
#[test]
fn a_run_that_was_stopped_and_goes_on_fails_nothing() {
    let project = Project::new()
        .case(CULPRIT, "timeout = \"2s\"")
        .server("server", "none")
        .client("client", &format!("hangs-once --on {CULPRIT}"));
    let started = project.start(&[]);
    assert!(eventually(|| project.path("has-misbehaved-8").exists()), "the client does not hang");
    let run = project.run_process();
    kill(run, Signal::SIGSTOP).unwrap();
    thread::sleep(STOPPED);
    kill(run, Signal::SIGCONT).unwrap();
    let run = started.end();
    project.check(&run);
    run.passes();
}

/// A trial that fails once in a while is told from those that always do, and from the steady.
#[test]
fn repeated_runs_tell_the_flaky_from_the_steady() {
    let project = Project::new()
        .server("server", "none")
        .client("bad", &format!("dies-once --on {CULPRIT}"))
        .client("worse", &format!("answers-wrongly --on {CULPRIT}"));
    let run = project.run_with(&["--repeat", "3"]);
    assert_eq!(run.exit, 1, "{run}");
    let words = |client, case| {
        let trials = run.report.trials.iter();
        let mut trials = trials.filter(|trial| trial.client == client && trial.case == case);
        let trial = trials.next().unwrap();
        assert!(trials.next().is_none(), "{run}");
        (&*trial.verdict, &*trial.blame, trial.reason.starts_with("in 1 of 3 runs: "))
    };
    assert_eq!(words("bad", CULPRIT), ("flaky", "client", true), "{run}");
    assert_eq!(words("worse", CULPRIT), ("fail", "client", false), "{run}");
    assert_eq!(words("bad", CASES[0]), ("pass", "", false), "{run}");
    let text = run.to_string();
    let trials = 2 * CASES.len();
    let table = format!(
        "3 runs of {trials} trials: {} came to the same each time, 1 did not\n  2 pass, 1 crashed: {CULPRIT} (server server, client bad)",
        trials - 1
    );
    assert!(text.contains(&table), "{text}");
    assert!(text.contains("--client bad --repeat 3\n"), "{text}");
}

#[test]
fn tls_that_a_peer_does_not_have() {
    let run = Project::new()
        .case(CULPRIT, "tls = {}")
        .server("plain", "none")
        .tls_server("both", "none")
        .client("can", "none --announce tls")
        .client("cannot", "none")
        .run();
    assert_eq!(run.exit, 0, "{run}");
    for trial in &run.report.trials {
        let (verdict, words) = match (&*trial.case, &*trial.server, &*trial.client) {
            (CULPRIT, "plain", _) => {
                ("unsupported", "the manifest does not give `server.tls` for plain")
            }
            (CULPRIT, _, "cannot") => {
                ("unsupported", "the client does not announce the feature `tls`")
            }
            _ => ("pass", ""),
        };
        assert_eq!((&*trial.verdict, &*trial.reason), (verdict, words), "{run}");
    }
}

/// Each way of serving needs a server of its own, in one and the same cell.
#[test]
fn the_server_is_started_for_each_certificate() {
    let project = Project::new()
        .suite(
            r#"
            [[case]]
            name = "plaintext"
            rule = "ECHO-1"
            why = "no TLS"
            method = "echo.Echo/Say"
            request = { text = "plaintext" }
            expect = { messages = [{ text = "plaintext" }] }

            [[case]]
            name = "passes"
            rule = "ECHO-1"
            why = "TLS that the tap does not read"
            method = "echo.Echo/Say"
            request = { text = "passes" }
            tls = {}
            expect = { messages = [{ text = "passes" }] }

            [[case]]
            name = "expired"
            rule = "ECHO-1"
            why = "a certificate that is out of date"
            method = "echo.Echo/Say"
            request = { text = "expired" }
            tls = { server = "expired" }
            expect = { code = "UNAVAILABLE" }

            [[case]]
            name = "ends"
            rule = "ECHO-1"
            why = "TLS that the tap ends and starts anew"
            method = "echo.Echo/Say"
            request = { text = "ends" }
            tls = { tap = "ends" }
            expect = { messages = [{ text = "ends" }] }
            "#,
        )
        .tls_server("server", "none")
        .client("client", "none --announce tls");
    let run = project.run_with(&["--trace"]);
    run.passes();
    let trace = |case: &str| {
        let trial = run.report.trials.iter().find(|trial| trial.case == case).unwrap();
        fs::read_to_string(trial.trace.as_ref().unwrap()).unwrap()
    };
    for (case, is_read) in [("s/plaintext", true), ("s/passes", false), ("s/ends", true)] {
        let text = trace(case);
        assert_eq!(text.contains("TLS, not read"), !is_read, "{case}: {text}");
        assert_eq!(text.contains("grpc-timeout"), is_read, "{case}: {text}");
    }
}

/// What a case wants to see, and does not, is the matter of who should have done it.
#[test]
fn what_must_be_seen_on_the_wire_and_is_not() {
    let run = Project::new()
        .suite(
            r#"
            [[case]]
            name = "client"
            rule = "ECHO-1"
            why = "the client should reset its stream"
            method = "echo.Echo/Say"
            request = { text = "client" }
            expect = { any_messages = true, wire = ["client-resets"] }

            [[case]]
            name = "server"
            rule = "ECHO-1"
            why = "the server should compress its message"
            method = "echo.Echo/Say"
            request = { text = "server" }
            expect = { any_messages = true, wire = ["server-ends", "response-compressed"] }
            "#,
        )
        .server("server", "none")
        .client("client", "none")
        .run();
    assert_eq!(run.exit, 1, "{run}");
    let seen = |index: usize| {
        let trial = &run.report.trials[index];
        (&*trial.verdict, &*trial.blame, &*trial.reason)
    };
    let missing = |what: &str| format!("expected on the wire: {what}, which was not seen");
    let (reset, message) =
        (missing("RST_STREAM from the client"), missing("a compressed response message"));
    assert_eq!(seen(0), ("fail", "client", &*reset), "{run}");
    assert_eq!(seen(1), ("fail", "server", &*message), "{run}");
}

/// A trial that fails leaves a transcript, in which what was broken is marked.
#[test]
fn transcripts() {
    let project = || {
        Project::new()
            .server("server", "none")
            .client("good", "none")
            .client("bad", &format!("none --on {CULPRIT} --header drop:te"))
    };
    for (arguments, of_all) in [(&[][..], false), (&["--trace"][..], true)] {
        let project = project();
        let run = project.run_with(arguments);
        run.finds_of(
            |trial| trial.is_culprit(),
            Finding { verdict: "fail", blame: "client", words: "WIRE-3 (MUST): the client" },
        );
        let mut files = 0;
        for trial in &run.report.trials {
            assert_eq!(trial.trace.is_some(), of_all || trial.is_culprit(), "{trial:?}");
            let Some(path) = &trial.trace else { continue };
            let text = fs::read_to_string(path).unwrap();
            assert!(text.contains(&trial.case), "{text}");
            assert_eq!(text.contains("WIRE-3"), trial.is_culprit(), "{text}");
            files += 1;
        }
        assert_eq!(files, if of_all { 2 * CASES.len() } else { 1 });
        assert_eq!(count_files(&project.path("report/traces")), files);
    }
}

fn count_files(folder: &std::path::Path) -> usize {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| if path.is_dir() { count_files(&path) } else { 1 }).sum()
}
