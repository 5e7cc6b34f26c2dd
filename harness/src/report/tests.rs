//! What the reports look like, as snapshots in `snapshots/`.

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use super::*;
use crate::{
    contract::{Contract, Level, Rule},
    finding::{Explanation, Kind},
    identity::Identity,
    input::Place,
    judge::{Beliefs, Strictness, judge},
    known::{Known, KnownList, Whose},
    manifest::Peer,
    observe::{Answer, Death, Gone, Observation, Outcome, Remark, Words},
    pattern::Pattern,
    plan::{Cell, Plan, Trial},
    results::{Judged, Results},
    suite::{Call, Case, Code, Expect, Method},
};

/// Three servers and two clients on four cases, with one of everything: a
/// server that answers wrongly, a known failure, a crash, hostile text, an
/// unsupported case, a blocked peer.
fn run() -> (Arc<Plan>, Results, Summary) {
    let plan = Arc::new(plan());
    let mut results = Results::new(Arc::clone(&plan));
    let known = known();
    for (index, cell) in plan.cells.iter().enumerate() {
        for (trial, planned) in cell.trials.iter().enumerate() {
            let (server, client) = (cell.server.name.as_str(), cell.client.name.as_str());
            let outcome = match (server, client, planned.case.name.as_str()) {
                (_, _, "s/unsupported") => continue,
                ("gone", ..) => Outcome::Blocked { why: "gone not found on PATH; get it".into() },
                ("wrong", _, "s/one") => answered(3, "\u{1b}[31mno]]>\u{0}"),
                (_, "rust", "s/known") => answered(2, ""),
                ("rust", "other", "s/two") => {
                    let words = Words { first: Vec::new(), last: vec!["a\u{1b}b".to_owned()] };
                    let death = Death { how: Gone::Killed("SIGSEGV".to_owned()), words };
                    Outcome::Crashed { role: Role::Client, death, remarks: Vec::new() }
                }
                _ => answered(0, ""),
            };
            let duration = Duration::from_micros(1500);
            let observation = Observation { duration, ..Observation::of(outcome) };
            let lists = [&known];
            let beliefs = Beliefs { known: &lists, ..Beliefs::none(server, client) };
            let judgement = judge(&planned.case, &observation, &beliefs, Strictness::default());
            results.set(index, trial, Judged { judgement, duration, trace: None });
        }
    }
    let counts = results.counts();
    let note = Note {
        server: "rust".into(),
        client: "other".into(),
        role: Role::Server,
        text: "did not stop within 3 s when asked, and was killed".into(),
    };
    let second = Duration::from_secs(1);
    let summary = Summary {
        exit: counts.exit(false),
        counts,
        stopped: None,
        elapsed: 4 * second,
        build: second,
        times: Times { start: second, calls: 2 * second, stop: second },
        hellos: BTreeMap::new(),
        identities: BTreeMap::from([
            ("rust".to_owned(), Identity::claimed("tonic-with-layers", Some("0.14.9"))),
            ("other".to_owned(), Identity::claimed("\u{1b}[31m", None)),
        ]),
        again: RanAgain::default(),
        timings: None,
        stale: Vec::new(),
        blocked: BTreeMap::from([("gone".to_owned(), "gone not found on PATH; get it".to_owned())]),
        notes: vec![note],
    };
    (plan, results, summary)
}

fn plan() -> Plan {
    let peers: Vec<Arc<Peer>> = ["rust", "wrong", "gone", "other"]
        .into_iter()
        .map(|name| {
            let text =
                format!("name = \"{name}\"\nlanguage = \"Rust\"\nclient = {{ cmd = [\"c\"] }}");
            Arc::new(toml::from_str(&text).unwrap())
        })
        .collect();
    let cases: Vec<Arc<Case>> =
        ["s/one", "s/two", "s/known", "s/unsupported"].into_iter().map(case).collect();
    let trial = |case: &Arc<Case>| Trial {
        case: Arc::clone(case),
        unsupported: (case.name == "s/unsupported").then(|| "one call at a time (#12)".to_owned()),
    };
    let mut cells = Vec::new();
    for server in &peers[..3] {
        for client in [&peers[0], &peers[3]] {
            let trials = cases.iter().map(trial).collect();
            let (server, client) = (Arc::clone(server), Arc::clone(client));
            cells.push(Cell { server, client, trials });
        }
    }
    Plan { cells }
}

/// The client of rust reports UNKNOWN, and somebody knows why.
fn known() -> KnownList {
    let known = Known {
        whose: Whose::Peer(vec![Pattern::parse("rust").unwrap()]),
        role: Some(Role::Client),
        with: Vec::new(),
        is_of_tls: false,
        cases: vec![Pattern::parse("s/known").unwrap()],
        kinds: vec![Kind::Status],
        field: None,
        got: vec![serde_json::json!({ "code": "UNKNOWN" })],
        rules: Vec::new(),
        sometimes: false,
        explanation: Arc::new(Explanation {
            reason: "the library says UNKNOWN".into(),
            link: "https://example.org/1".into(),
            place: Place::File("known.toml".into(), Some(3)),
        }),
        is_built_in: false,
    };
    KnownList { entries: vec![Arc::new(known)] }
}

fn case(name: &str) -> Arc<Case> {
    let expect = Expect { message_count: Some(0), ..Expect::default() };
    let method = Method { path: "S/M".into(), descriptor: None };
    let call = Call { raw: true, ..Call::new(method, vec![], Duration::from_secs(1), expect) };
    let place = Place::from(Path::new("s.toml"));
    Arc::new(Case::new(name, "R-1", "it is there to be shown", place, vec![call]))
}

fn answered(code: i32, message: &str) -> Outcome {
    Outcome::Answered(vec![Answer {
        code: Code(code),
        message: message.into(),
        ..Answer::default()
    }])
}

fn contract() -> Contract {
    let rule = Rule {
        id: "R-1".into(),
        level: Level::Must,
        text: "It works.".into(),
        source: "here".into(),
        classes: String::new(),
        place: Place::Argument("the contract".into()),
    };
    Contract { rules: vec![rule], classes: Vec::new() }
}

fn console() -> String {
    let (plan, results, summary) = run();
    console_of(&plan, &results, &summary)
}

fn console_of(plan: &Plan, results: &Results, summary: &Summary) -> String {
    let mut out = Vec::new();
    let console = Console {
        out: anstream::StripStream::new(&mut out),
        plan,
        contract: &contract(),
        folder: Path::new("target/crosswire"),
        rerun: Rerun {
            command: "crosswire run --strict".into(),
            selection: " -E 'case(s/*)'".into(),
        },
    };
    console.write(results, &results.records(), summary).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn the_console_shows_failures_then_the_matrix() {
    insta::assert_snapshot!(console());
}

/// What only happens beside others is run again with them.
#[test]
fn what_does_not_happen_alone_is_run_again_with_its_cell() {
    let (plan, mut results, summary) = run();
    let words = Words::default();
    let death = Death { how: Gone::Exited(3), words };
    let remarks = vec![Remark::AnsweredAlone { beside: 2 }];
    let outcome = Outcome::Crashed { role: Role::Client, death, remarks };
    let case = &plan.cells[1].trials[1].case;
    let judgement = judge(
        case,
        &Observation::of(outcome),
        &Beliefs::none("rust", "other"),
        Strictness::default(),
    );
    let duration = Duration::ZERO;
    results.set(1, 1, Judged { judgement, duration, trace: None });
    let text = console_of(&plan, &results, &summary);
    let again = "again     crosswire run --strict --server rust --client other -E 'case(s/*)'\n";
    assert!(text.contains(again), "{text}");
    assert!(text.contains("--server wrong --client rust -E 'case(s/one)'\n"), "{text}");
}

#[test]
fn junit_has_a_suite_for_each_cell() {
    let (_, results, summary) = run();
    insta::assert_snapshot!(junit(&results.records(), &summary).unwrap());
}

#[test]
fn a_run_that_was_cut_off_is_an_error_in_junit() {
    let (_, results, mut summary) = run();
    summary.stopped = Some("interrupted (SIGINT)".into());
    summary.counts.not_run = 7;
    let text = junit(&results.records(), &summary).unwrap();
    assert!(text.contains("stopped early: interrupted (SIGINT); 7 trials not run"), "{text}");
}

#[test]
fn json_lines_have_a_header_every_trial_and_a_footer() {
    let (plan, results, summary) = run();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("results.jsonl");
    let lines = JsonLines::create(&path, &plan, std::time::UNIX_EPOCH).unwrap();
    lines.finish(&plan, &results.records(), &summary).unwrap();
    insta::assert_snapshot!(std::fs::read_to_string(&path).unwrap());
}

/// A run that is cut off leaves the trials that ended, and no footer.
#[test]
fn an_interrupted_file_has_what_was_seen_until_then() {
    let (plan, results, _) = run();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("results.jsonl");
    let mut lines = JsonLines::create(&path, &plan, std::time::UNIX_EPOCH).unwrap();
    lines.append(&results.record(0, 0).unwrap()).unwrap();
    lines.flush().unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    let keys: Vec<&str> = text.lines().map(|line| &line[..8]).collect();
    assert_eq!(keys, ["{\"run\":{", "{\"trial\""]);
}

#[test]
fn no_control_character_reaches_the_console_or_the_xml() {
    let (_, results, summary) = run();
    for text in [console(), junit(&results.records(), &summary).unwrap()] {
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
    }
}
