//! Clients with a fault in a call.
//!
//! Each takes part twice: with several calls in flight, so that the culprit must
//! be found among them, and with one.

use super::support::{CASES, CULPRIT, Finding, Project, Run};

/// A client with a fault, beside clients without.
fn with_client(fault: &str) -> Project {
    with_every_call_of_client(&format!("{fault} --on {CULPRIT}"))
}

fn with_every_call_of_client(fault: &str) -> Project {
    Project::new()
        .server("good", "none")
        .client("several", "none")
        .client("single", "none --in-flight 1")
        .client("bad-several", fault)
        .client("bad-single", &format!("{fault} --in-flight 1"))
}

/// With a deadline that is short enough to be waited for.
fn with_client_that_hangs(fault: &str) -> Project {
    with_client(fault).case(CULPRIT, "timeout = \"700ms\"")
}

fn finds(run: &Run, verdict: &str, words: &str) {
    assert_eq!(run.exit, 1, "{run}");
    run.finds(Finding { verdict, blame: "client", words });
}

#[test]
fn none() {
    let run = with_client("none").run();
    run.passes();
    assert!(run.report.notes.is_empty(), "{run}");
    assert_eq!(run.report.trials.len(), 4 * CASES.len(), "{run}");
}

#[test]
fn dies() {
    let words = "the client exited with status 3; its last words: these are my last words";
    let run = with_client("dies").run();
    finds(&run, "crashed", words);
    // It died twice. The words of the one that died first are not the other's.
    let mut culprits = run.report.trials.iter().filter(|trial| trial.is_culprit());
    assert!(culprits.all(|trial| trial.reason == words), "{run}");
}

const TRACE: &str =
    "first words: Error: no such thing | at place 1 | at place 2 | at place 3 | at place 4;";
const TRACE_END: &str = "last words: at place 18 | at place 19 | at place 20";

/// Some say first what went wrong, and some last.
#[test]
fn dies_with_a_trace() {
    let words = format!("the client exited with status 3; its {TRACE} its {TRACE_END}");
    finds(&with_client("dies-with-a-trace").run(), "crashed", &words);
}

#[test]
fn hangs_with_a_trace() {
    let run = with_client_that_hangs("hangs-with-a-trace").run();
    finds(&run, "hung", &format!("; the client's {TRACE} the client's {TRACE_END}"));
}

#[test]
fn is_killed() {
    finds(&with_client("is-killed").run(), "crashed", "the client was killed by SIGKILL");
}

/// The grandchild holds the pipes open, so that their end does not tell; and the
/// deadline is over before we stop listening to what may still be in them.
#[test]
fn dies_and_leaves_a_grandchild() {
    let run = with_client("dies-and-leaves-a-grandchild")
        .limit("answer_grace", "100ms")
        .case(CULPRIT, "timeout = \"700ms\"")
        .run();
    finds(&run, "crashed", "the client exited with status 3");
}

/// The call was answered, and the next may be in flight.
#[test]
fn dies_having_answered() {
    let run = with_client("dies-having-answered").run();
    let words = "the client exited with status 3; its last words: these are my last words; this came after its own answer";
    finds(&run, "crashed", words);
}

/// Who of those in flight did it cannot be found out, and it is not hushed up.
#[test]
fn dies_once() {
    let run = with_client("dies-once").run();
    assert_eq!(run.exit, 1, "{run}");
    let again = "the client exited with status 3; its last words: these are my last words; run again alone, the case was answered";
    for trial in &run.report.trials {
        // Eight were in flight; nobody can say which it was, and one stands for it.
        let waited_longest = trial.case == CASES[2];
        let (verdict, words) = match &*trial.client {
            "bad-several" if waited_longest => ("crashed", again),
            "bad-single" if trial.is_culprit() => ("crashed", again),
            _ => ("pass", ""),
        };
        assert_eq!(trial.verdict, verdict, "{trial:?}\n{run}");
        assert!(trial.reason.contains(words), "{trial:?}\n{run}");
    }
}

/// Each costs a restart, and there is no end in sight: the cell is given up.
#[test]
fn dies_in_every_call() {
    let run = with_every_call_of_client("dies").run();
    assert_eq!(run.exit, 1, "{run}");
    let given_up = "given up after 10 crashes or hangs in a row; see the trials before this one";
    for (client, crashed) in [("several", 0), ("single", 0), ("bad-several", 9), ("bad-single", 11)]
    {
        let trials = run.report.trials.iter().filter(|trial| trial.client == client);
        for (index, trial) in trials.enumerate() {
            let (verdict, words) = match (crashed, index < crashed) {
                (0, _) => ("pass", ""),
                (_, true) => ("crashed", "the client exited with status 3"),
                (_, false) => ("blocked", given_up),
            };
            assert_eq!(trial.verdict, verdict, "{trial:?}\n{run}");
            assert!(trial.reason.contains(words), "{trial:?}\n{run}");
        }
    }
    assert!(run.stdout.contains(&format!("blocked: 4 trials: {given_up}")), "{run}");
}

#[test]
fn hangs() {
    let run = with_client_that_hangs("hangs").run();
    finds(&run, "hung", "no answer within 1 s (the call's timeout of 700 ms and 300 ms of grace)");
}

/// The first whose time is over is another that waits behind the culprit.
#[test]
fn hangs_and_another_is_late_first() {
    let run = with_client("hangs")
        .case(CULPRIT, "timeout = \"1500ms\"")
        .case("s/six", "timeout = \"700ms\"")
        .run();
    finds(&run, "hung", "no answer within 1800 ms");
}

#[test]
fn hangs_once() {
    // On a busy machine it would be given another try, and pass.
    let run = with_client_that_hangs("hangs-once").run_with(&["--retries", "0"]);
    finds(&run, "hung", "300 ms of grace); run again alone, the case was answered");
}

#[test]
fn hangs_having_answered() {
    let run = with_client("hangs-having-answered")
        .limit("stop", "1s")
        .case("s/four", "timeout = \"700ms\"")
        .run_with(&["--retries", "0"]);
    finds(&run, "hung", "this came after its own answer");
}

#[test]
fn hangs_with_stdout_closed() {
    finds(
        &with_client("hangs-with-stdout-closed").run(),
        "crashed",
        "the client closed its stdout",
    );
}

#[test]
fn hangs_after_half_a_line() {
    let run = with_client_that_hangs("hangs-after-half-a-line").run();
    finds(&run, "hung", "of grace); 1 line on its stdout not JSON");
}

#[test]
fn hangs_in_a_line() {
    let run = with_client_that_hangs("hangs-in-a-line").run();
    finds(&run, "hung", "of grace); the last line on its stdout has no end");
}

#[test]
fn answers_late() {
    finds(&with_client_that_hangs("answers-late").run(), "hung", "no answer within 1 s");
}

#[test]
fn answers_twice() {
    let words = "the client answered call 3 more than once";
    finds(&with_client("answers-twice").run(), "fail", words);
}

/// The server's death makes it run again alone, and what it does after the answer
/// is seen only while the next does.
#[test]
fn misbehaves_when_run_again() {
    for (fault, expected) in [("answers-twice", "fail"), ("dies-having-answered", "crashed")] {
        let run = Project::new()
            .server("good", "dies --on s/two")
            .client("bad", &format!("{fault} --on {CULPRIT}"))
            .run();
        assert_eq!(run.exit, 1, "{run}");
        for trial in &run.report.trials {
            let (verdict, blame) = match &*trial.case {
                "s/two" => ("crashed", "server"),
                CULPRIT => (expected, "client"),
                _ => ("pass", ""),
            };
            assert_eq!((&*trial.verdict, &*trial.blame), (verdict, blame), "{trial:?}\n{run}");
        }
    }
}

/// A client that never stops talking must not keep us from the others' calls.
#[test]
fn answers_for_ever() {
    finds(&with_client("answers-for-ever").run(), "fail", "more than once");
}

/// Nothing else is in flight: it is heard while it should finish.
#[test]
fn answers_for_ever_at_the_end() {
    let run = Project::new()
        .limit("stop", "500ms")
        .server("good", "none")
        .client("several", "none")
        .client("bad", "answers-for-ever --on s/twelve")
        .run();
    let words = "the client answered call 12 more than once";
    run.finds_of(
        |trial| trial.client == "bad" && trial.case == "s/twelve",
        Finding { verdict: "fail", blame: "client", words },
    );
}

#[test]
fn answers_an_unknown_id() {
    let words = "the client answered a call 4711 that it was not given";
    finds(&with_client("answers-unknown-id").run(), "fail", words);
}

/// The trial has passed by then, and others are in flight.
#[test]
fn answers_an_unknown_id_too() {
    let words = "the client answered a call 4711 that it was not given";
    finds(&with_client("answers-unknown-id-too").run(), "fail", words);
}

#[test]
fn answers_nothing_we_know() {
    let words = "the client's line is no valid answer: unknown variant `answer`";
    finds(&with_client("answers-nothing-we-know").run(), "fail", words);
}

#[test]
fn answers_no_base64() {
    let words = "the client's line is no valid answer: messages[0] is no base64";
    finds(&with_client("answers-no-base64").run(), "fail", words);
}

#[test]
fn answers_wrongly() {
    let words = "messages[0].text: expected \"three\", got \"wrong\"";
    finds(&with_client("answers-wrongly").run(), "fail", words);
}

#[test]
fn refuses_a_call() {
    let words = "the client says that it does not support this, and announced all that the case needs: not today";
    finds(&with_client("refuses-call").run(), "fail", words);
}

/// The other call of the case is answered, which is nothing to be blamed for.
#[test]
fn refuses_the_first_of_two_calls() {
    let run = Project::new()
        .case(CULPRIT, "calls = [{}, {}]")
        .server("good", "none")
        .client("several", "none")
        .client("bad", &format!("refuses-first-call --on {CULPRIT}"))
        .run();
    finds(&run, "fail", "not today");
}

#[test]
fn prints_garbage() {
    let project = with_client("prints-garbage");
    project.run().passes();
    let log = std::fs::read(project.path("report/logs/good+bad-single/client.log")).unwrap();
    assert!(String::from_utf8_lossy(&log).contains("stdout: INFO all is well"));
}

#[test]
fn floods() {
    let project = with_client("floods");
    project.run().passes();
    for client in ["bad-several", "bad-single"] {
        project.assert_log_is_bounded(&format!("good+{client}/client.log"));
    }
}

#[test]
fn says_hostile_things() {
    for (fault, verdict, words) in [
        ("answers-hostile-status", "fail", r"expected OK, got INTERNAL (\u{1b}[31mred"),
        ("refuses-in-hostile-text", "fail", r"all that the case needs: \u{1b}[31mred"),
        ("answers-hostile-nonsense", "fail", r"unknown variant `\u{1b}[31mred"),
        ("dies-with-hostile-text", "crashed", r"its last words: \u{1b}[31mred"),
        ("says-hello-in-hostile-text", "pass", ""),
    ] {
        let run = with_client(fault).run();
        run.finds(Finding { verdict, blame: if verdict == "pass" { "" } else { "client" }, words });
    }
}
