//! Peers that break one rule of the wire each, with a partner that does all as it
//! should: the rule is named, and the side.

use std::collections::BTreeSet;

use crosswire::rules::RULES;

use super::support::{Project, Run, Trial};

/// What each cell runs: a case before, the one that the misdeed shows in, and one
/// after. Whatever comes of a call is right, as long as it breaks no rule.
const SUITE: &str = r#"
[[case]]
name = "before"
rule = "ECHO-1"
why = "the connection is in use"
method = "echo.Echo/Say"
request = { text = "before" }
expect = { any_messages = true }

[[case]]
name = "plain"
rule = "ECHO-1"
why = "nothing is out of the ordinary"
method = "echo.Echo/Say"
request = { text = "plain" }
expect = { code = ["OK", "UNKNOWN"], any_messages = true }

[[case]]
name = "deadline"
rule = "ECHO-1"
why = "the answer does not come"
method = "echo.Echo/Say"
request = { text = "deadline" }
timeout = "300ms"
fault = { blackhole = true, after_headers = true }
expect = { code = "DEADLINE_EXCEEDED" }

[[case]]
name = "goaway"
rule = "ECHO-1"
why = "another call comes after a GOAWAY that was read"
request = { text = "goaway" }
method = "echo.Echo/Say"
fault = { goaway = "NO_ERROR", after_headers = true }
sequential = true
calls = [{}, {}]
expect = { any_messages = true }

[[case]]
name = "reset"
rule = "ECHO-1"
why = "the call ends by RST_STREAM"
method = "echo.Echo/Say"
request = { text = "reset" }
fault = { rst_stream = "REFUSED_STREAM" }
linger = "2500ms"
expect = { code = ["INTERNAL", "UNAVAILABLE"] }

[[case]]
name = "cut"
rule = "ECHO-1"
why = "the call ends without a status"
method = "echo.Echo/Say"
request = { text = "cut" }
fault = { cut = "close", after_headers = true }
expect = { code = ["OK", "UNAVAILABLE"], any_messages = true }

[[case]]
name = "early"
rule = "ECHO-1"
why = "the request has not ended when the status comes"
method = "echo.Echo/Say"
request = { text = "early" }
metadata = [["x-early", "1"]]
timeout = "1s"
fault = { blackhole = true, of = "client", after_headers = true }
expect = { code = ["NOT_FOUND", "DEADLINE_EXCEEDED"] }

[[case]]
name = "cancelled"
rule = "ECHO-1"
why = "the client has had enough"
method = "echo.Echo/Say"
request = { text = "cancelled" }
cancel_after_messages = 0
linger = "2500ms"
expect = { code = "CANCELLED" }

[[case]]
name = "tls"
rule = "ECHO-1"
why = "the connection is encrypted, and read"
method = "echo.Echo/Say"
request = { text = "tls" }
tls = { tap = "ends" }
expect = { any_messages = true }

[[case]]
name = "after"
rule = "ECHO-1"
why = "the connection goes on"
method = "echo.Echo/Say"
request = { text = "after" }
expect = { any_messages = true }
"#;

/// A way to break a rule.
struct Misdeed {
    rule: &'static str,
    level: &'static str,
    /// The case in which it shows.
    case: &'static str,
    /// The words of the faulty peer.
    words: &'static str,
}

const fn must(rule: &'static str, case: &'static str, words: &'static str) -> Misdeed {
    Misdeed { rule, level: "MUST", case, words }
}

const fn should(rule: &'static str, case: &'static str, words: &'static str) -> Misdeed {
    Misdeed { rule, level: "SHOULD", case, words }
}

// A message is a flag, four bytes of length, and that many bytes. WIRE-7's has a flag
// and no encoding; WIRE-9's two are empty ones; WIRE-22's is one byte that is no gzip;
// WIRE-24's leave three bytes over, or lack one; WIRE-25's is one byte that is no
// protobuf; WIRE-26's says that the text is empty, which goes without saying; WIRE-45's
// is a good one of another text.
//
// What cannot be broken alone is not here:
// - WIRE-38 needs a server that answers as HTTP does: see
//   `an_http_error_is_misread`.
// - A `grpc-timeout` in a larger unit (WIRE-6) is longer than it may be (WIRE-43), and a
//   request that ends with its HEADERS (WIRE-8) has no message (WIRE-9): each of them is
//   broken in another way. So is WIRE-12 in `grpc-status-details-bin`, which WIRE-20
//   judges too.
const OF_CLIENTS: &[Misdeed] = &[
    must("WIRE-1", "plain", "--header set::method=GET"),
    must("WIRE-1", "plain", "--header set::scheme=ftp"),
    must("WIRE-1", "plain", "--header set::path=/Say"),
    must("WIRE-2", "plain", "--header drop::path --header add::path=/echo.Echo/Say"),
    must("WIRE-2", "plain", "--header first::method=POST"),
    must("WIRE-2", "plain", "--header first::status=200"),
    must("WIRE-3", "plain", "--header drop:te"),
    must("WIRE-3", "plain", "--header set:te=gzip"),
    must("WIRE-3", "plain", "--header add:te=trailers"),
    must("WIRE-4", "plain", "--header drop:content-type"),
    must("WIRE-4", "plain", "--header set:content-type=text/html"),
    must("WIRE-4", "plain", "--header add:content-type=application/grpc"),
    must("WIRE-5", "plain", "--header set:grpc-timeout=10"),
    must("WIRE-5", "plain", "--header set:grpc-timeout=010000000u"),
    must("WIRE-5", "plain", "--header add:grpc-timeout=10000m"),
    must("WIRE-6", "plain", "--header drop:grpc-timeout"),
    must("WIRE-6", "plain", "--header set:grpc-timeout=10m"),
    must("WIRE-7", "plain", "--content 0100000000"),
    must("WIRE-7", "plain", "--header add:grpc-encoding=gzip --header add:grpc-encoding=gzip"),
    must("WIRE-8", "plain", "--frames request-trailers"),
    must("WIRE-9", "plain", "--content 00000000000000000000"),
    must("WIRE-9", "plain", "--content="),
    must("WIRE-10", "plain", "--frames call-again"),
    must("WIRE-11", "plain", "--header add:X-Upper=1"),
    must("WIRE-12", "plain", "--header add:x-bin=*"),
    should("WIRE-13", "plain", "--header add:x-bin=AA=="),
    must("WIRE-16", "plain", "--frames data-after-end"),
    must("WIRE-22", "plain", "--header add:grpc-encoding=gzip --content 010000000178"),
    must("WIRE-23", "plain", "--content 0200000000"),
    must("WIRE-24", "plain", "--content 0000000000000000"),
    must("WIRE-25", "plain", "--content 0000000001ff"),
    should("WIRE-26", "plain", "--content 00000000020a00"),
    must("WIRE-27", "plain", "--frames begin-with-ping"),
    must("WIRE-28", "plain", "--frames acknowledge-unasked"),
    must("WIRE-28", "plain", "--frames never-acknowledge-settings"),
    must("WIRE-29", "plain", "--frames never-answer-ping"),
    must("WIRE-30", "plain", "--frames overrun-the-window"),
    must("WIRE-31", "plain", "--frames too-long"),
    must("WIRE-32", "plain", "--frames stream-too-many"),
    must("WIRE-33", "plain", "--frames even-stream"),
    must("WIRE-33", "plain", "--frames lower-stream"),
    must("WIRE-33", "plain", "--frames stream-again"),
    must("WIRE-34", "goaway", "--frames stream-after-goaway"),
    must("WIRE-35", "deadline", "--frames no-reset"),
    must("WIRE-35", "deadline", "--frames reset-with-another-code"),
    must("WIRE-36", "plain", "--frames message-twice"),
    must("WIRE-39", "reset", "--report 13"),
    must("WIRE-40", "cut", "--report 0"),
    must("WIRE-42", "tls", "--frames offer-no-alpn"),
    should("WIRE-43", "plain", "--header set:grpc-timeout=15000m"),
    must("WIRE-44", "plain", "--frames another-message"),
    must("WIRE-44", "plain", "--frames message-left-out"),
    must("WIRE-44", "plain", "--report 2"),
    must("WIRE-45", "plain", "--content 00000000030a0178"),
    must("WIRE-46", "reset", "--frames data-after-reset"),
    must("WIRE-47", "plain", "--header add:grpc-previous-rpc-attempts=1"),
];

const OF_SERVERS: &[Misdeed] = &[
    must("WIRE-2", "plain", "--header add::status=200"),
    must("WIRE-2", "plain", "--header drop::status --header add::status=200"),
    must("WIRE-2", "plain", "--trailer first::status=200"),
    must("WIRE-7", "plain", "--content 0100000000"),
    must("WIRE-7", "plain", "--header add:grpc-encoding=gzip --header add:grpc-encoding=gzip"),
    must("WIRE-11", "plain", "--trailer add:X-Upper=1"),
    must("WIRE-12", "plain", "--header add:x-bin=*"),
    should("WIRE-13", "plain", "--trailer add:x-bin=AA=="),
    must("WIRE-14", "plain", "--header drop:content-type"),
    must("WIRE-14", "plain", "--header set:content-type=text/html"),
    must("WIRE-14", "plain", "--header add:content-type=application/grpc"),
    must("WIRE-14", "plain", "--frames data-first"),
    must("WIRE-15", "plain", "--trailer drop:grpc-status"),
    must("WIRE-15", "plain", "--trailer set:grpc-status=99"),
    must("WIRE-15", "plain", "--trailer set:grpc-status=00"),
    must("WIRE-15", "plain", "--trailer add:grpc-status=0"),
    must("WIRE-16", "plain", "--frames trailers-twice"),
    must("WIRE-16", "plain", "--frames data-after-end"),
    must("WIRE-17", "plain", "--header add:grpc-status=0"),
    must("WIRE-17", "plain", "--frames end-on-data"),
    must("WIRE-18", "plain", "--trailer set:grpc-status=2 --trailer add:grpc-message=100%"),
    must(
        "WIRE-18",
        "plain",
        "--trailer set:grpc-status=2 --trailer add:grpc-message=a --trailer add:grpc-message=b",
    ),
    should("WIRE-19", "plain", "--trailer add:grpc-message=fine"),
    must("WIRE-20", "plain", "--trailer add:grpc-status-details-bin=CAU"),
    must("WIRE-20", "plain", "--trailer add:grpc-status-details-bin=/w"),
    must(
        "WIRE-20",
        "plain",
        "--trailer add:grpc-status-details-bin=CAA --trailer add:grpc-status-details-bin=CAA",
    ),
    must("WIRE-21", "plain", "--header add:grpc-encoding=br --content 0100000000"),
    must("WIRE-22", "plain", "--header add:grpc-encoding=gzip --content 010000000178"),
    must("WIRE-23", "plain", "--content 0200000000"),
    must("WIRE-24", "plain", "--content 0000000000000000"),
    must("WIRE-24", "plain", "--content 00000000020a"),
    must("WIRE-25", "plain", "--content 0000000001ff"),
    should("WIRE-26", "plain", "--content 00000000020a00"),
    must("WIRE-27", "plain", "--frames begin-with-ping"),
    must("WIRE-28", "plain", "--frames acknowledge-unasked"),
    must("WIRE-28", "plain", "--frames never-acknowledge-settings"),
    must("WIRE-29", "plain", "--frames never-answer-ping"),
    must("WIRE-30", "plain", "--frames overrun-the-window"),
    must("WIRE-31", "plain", "--frames too-long"),
    should("WIRE-37", "early", "--frames early-status"),
    must("WIRE-41", "cancelled", "--frames data-after-reset"),
    must("WIRE-42", "tls", "--frames offer-no-alpn"),
];

/// What the faulty client announces, so that every case can be run.
const CLIENT: &str = "none --in-flight 2 --announce cancel,tls";

#[test]
fn clients() {
    let peers = OF_CLIENTS.iter().enumerate();
    let project = peers.fold(
        Project::new().suite(SUITE).tls_server("good", "none"),
        |project, (index, misdeed)| {
            let Misdeed { case, words, .. } = misdeed;
            project.client(&peer(index), &format!("{CLIENT} --on s/{case} {words}"))
        },
    );
    check(&project, "client", OF_CLIENTS, |trial| &trial.client);
}

#[test]
fn servers() {
    let peers = OF_SERVERS.iter().enumerate();
    let project = peers.fold(
        Project::new().suite(SUITE).client("good", CLIENT),
        |project, (index, misdeed)| {
            let Misdeed { case, words, .. } = misdeed;
            project.tls_server(&peer(index), &format!("none --on s/{case} {words}"))
        },
    );
    check(&project, "server", OF_SERVERS, |trial| &trial.server);
}

/// The server may answer with an HTTP status and no other; its client must translate it.
#[test]
fn an_http_error_is_misread() {
    let run = Project::new()
        .suite(SUITE)
        .server("bad", "none --on s/plain --header set::status=503 --trailer drop:grpc-status")
        .client("bad-too", "none --on s/plain --report 2")
        .run_with(&["-E", "case(s/plain)"]);
    let found: Vec<(&str, &str)> = run.report.trials[0]
        .violations
        .iter()
        .map(|violation| (&*violation.rule, &*violation.side))
        .collect();
    assert_eq!(found, [("WIRE-38", "client")], "{run}");
    assert_eq!(run.report.trials[0].blame, "client", "{run}");
}

/// Nobody is wrong.
#[test]
fn none() {
    let run = Project::new()
        .suite(SUITE)
        .tls_server("server", "none")
        .client("client", CLIENT)
        .run_with(&["--strict"]);
    run.passes();
    assert!(run.report.trials.iter().all(|trial| trial.violations.is_empty()), "{run}");
}

/// No rule is left out.
#[test]
fn every_rule_is_broken() {
    let alone = OF_CLIENTS.iter().chain(OF_SERVERS).map(|misdeed| misdeed.rule);
    let broken: BTreeSet<&str> = alone.chain(["WIRE-38"]).collect();
    let rules: BTreeSet<&str> = RULES.iter().map(|rule| rule.id).collect();
    assert_eq!(broken, rules);
}

fn peer(index: usize) -> String {
    format!("bad-{index}")
}

/// Runs it; and what breaks a SHOULD again with `--strict`, under which that fails too.
fn check(project: &Project, side: &str, misdeeds: &[Misdeed], name: impl Fn(&Trial) -> &str) {
    for strict in [false, true] {
        let is_run = |(_, misdeed): &(usize, &Misdeed)| !strict || misdeed.level == "SHOULD";
        let run_now: Vec<(usize, &Misdeed)> = misdeeds.iter().enumerate().filter(is_run).collect();
        let cells: Vec<String> = run_now
            .iter()
            .map(|(index, misdeed)| {
                let peer = peer(*index);
                let case = misdeed.case;
                format!("{side}({peer}) & (case(s/before) | case(s/{case}) | case(s/after))")
            })
            .collect();
        let arguments = ["-E", &cells.join(" | "), "--strict"];
        let run = project.run_with(if strict { &arguments } else { &arguments[..2] });
        for (index, misdeed) in run_now {
            let trials = run.report.trials.iter().filter(|trial| name(trial) == peer(index));
            check_cell(&run, side, misdeed, strict, &trials.collect::<Vec<_>>());
        }
    }
}

/// What is found in a cell is the one rule that is broken, by the side that breaks it.
/// What goes wrong on a connection may be seen in later calls too.
fn check_cell(run: &Run, side: &str, misdeed: &Misdeed, strict: bool, trials: &[&Trial]) {
    let Misdeed { rule, level, case, words } = misdeed;
    assert_eq!(trials.len(), 3, "{words}\n{run}");
    let mut violations = trials.iter().flat_map(|trial| &trial.violations).peekable();
    assert!(violations.peek().is_some(), "{words}: nothing was found in {case}\n{trials:#?}");
    for found in violations {
        let found = (&*found.rule, &*found.level, &*found.side);
        // What is another message is another request, too.
        let is_another_request = found == ("WIRE-45", "MUST", side) && words.contains("--content");
        assert!(found == (*rule, *level, side) || is_another_request, "{words}\n{trials:#?}");
    }
    for trial in trials {
        let grave = |level: &str| strict || level == "MUST";
        let fails = trial.violations.iter().any(|found| grave(&found.level));
        let expected = if fails { ("fail", side) } else { ("pass", "") };
        assert_eq!((&*trial.verdict, &*trial.blame), expected, "{words}\n{trial:#?}");
        let is_told = trial.reason.contains(&format!("{rule} ({level})"));
        assert!(!fails || !grave(level) || is_told, "{trial:#?}");
    }
}
