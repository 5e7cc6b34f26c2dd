//! Peers that send more, or more slowly, than anybody can take. Whatever they do, the
//! harness holds a bounded memory, leaves reports of a bounded size, and ends when its limit
//! is over or when it is asked to.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use nix::sys::signal::Signal;

use super::support::{CASES, Project, Run, eventually};

/// What the harness may hold at its highest.
const MOST_PEAK_BYTES: usize = 512 << 20;

/// What a trial's share of the reports may be.
const MOST_REPORT_BYTES: u64 = 4 << 20;

/// How long the run may take beyond its limit and the stop limit.
const MOST_LATE: Duration = Duration::from_secs(3);

/// So many entries of one name are compared with as many as a client may report.
const EXPECTED_ENTRIES: usize = 10_000;

const LIMIT: Duration = Duration::from_secs(5);
const STOP_LIMIT: Duration = Duration::from_secs(1);

fn project() -> Project {
    Project::new().limit("stop", "1s").limit("answer_grace", "1s")
}

/// A server that does so, before a client that leaves out the messages: they would be too long.
fn server(fault: &str) -> Project {
    project().server("bad", fault).client("good", "none --frames message-left-out --in-flight 1")
}

fn client(fault: &str) -> Project {
    project().server("good", "none").client("bad", &format!("{fault} --in-flight 1"))
}

/// Runs it with a limit, then until SIGTERM; returns the first, and its results.
fn check(project: &Project) -> (Run, String) {
    let began = Instant::now();
    let run = project.run_with(&["--limit", "5s"]);
    assert_took(began.elapsed(), LIMIT + STOP_LIMIT + MOST_LATE);
    assert_bounds(project, &run);

    let results = fs::read_to_string(project.path("report/results.jsonl")).unwrap();
    fs::remove_file(project.path("glut")).unwrap();
    let started = project.start(&[]);
    assert!(eventually(|| project.path("glut").exists()), "the peer does nothing");
    started.signal(Signal::SIGTERM);
    let asked = Instant::now();
    let stopped = started.end();
    assert_took(asked.elapsed(), STOP_LIMIT + MOST_LATE);
    assert_eq!(stopped.exit, 6, "{stopped}");
    project.check(&stopped);
    assert_bounds(project, &stopped);
    (run, results)
}

fn assert_took(took: Duration, most: Duration) {
    assert!(took <= most, "it took {took:?}, and may take {most:?}");
}

fn assert_bounds(project: &Project, run: &Run) {
    let mebi = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    let trials = u64::try_from(run.report.trials.len().max(1)).unwrap();
    let reports = ["report/results.jsonl", "report/junit.xml", "report/traces", "stdout"];
    let reported: u64 = reports.iter().map(|name| size(&project.path(name))).sum();
    let peak = mebi(run.peak_bytes as u64);
    println!("memory {peak:.0} MiB, reports {:.3} MiB of {trials} trials", mebi(reported));
    assert!((1..MOST_PEAK_BYTES).contains(&run.peak_bytes), "{peak:.0} MiB");
    assert!(reported <= trials * MOST_REPORT_BYTES, "{} MiB", mebi(reported));
}

/// Of a file, or of all files in a folder.
fn size(path: &Path) -> u64 {
    match fs::read_dir(path) {
        Ok(entries) => entries.map(|entry| size(&entry.unwrap().path())).sum(),
        Err(_) => fs::metadata(path).map_or(0, |file| file.len()),
    }
}

/// 1,400 messages of 64 KiB, each of which inflates to 63 MiB.
#[test]
fn gzip_bombs() {
    let (run, _) = check(&server("sends-bombs"));
    assert!(run.stdout.contains("not read: "), "{run}");
}

/// They inflate to nothing, and there are millions of them.
#[test]
fn empty_gzip_members() {
    let (run, _) = check(&server("sends-empty-members"));
    assert!(run.stdout.contains("not read: "), "{run}");
}

/// A text of 1 MiB on the wire, and as the client reports it.
#[test]
fn status_messages_of_a_mebibyte() {
    let (run, _) = check(&server("says-too-much"));
    assert_eq!(run.exit, 1, "{run}");
    let (run, results) = check(&client("answers-at-length"));
    assert_eq!(run.exit, 1, "{run}");
    assert!(results.contains("\"status_message\":\"ttt"), "{run}");
    assert!(results.len() < 12 * (64 << 10), "{}", results.len());
    assert!(results.contains(" more characters)\"}"), "{run}");
}

/// Ten million values in a line that is no answer.
#[test]
fn a_line_of_millions_of_values() {
    let (run, _) = check(&client("answers-in-values"));
    assert!(run.report.trials[0].reason.contains("unknown variant `answer`"), "{run}");
}

/// Seven million empty ones, each of which would take more memory than it is long.
#[test]
fn an_answer_of_millions_of_messages() {
    let (run, _) = check(&client("answers-in-messages"));
    assert!(run.report.trials[0].reason.contains("more than 262144 items in a list"), "{run}");
}

/// An answer is judged for seconds, and all were given before the first was judged. What is
/// not judged when the run is stopped counts as not run.
#[test]
fn answers_that_take_long_to_judge() {
    let entries = vec![r#"["h", ""]"#; EXPECTED_ENTRIES].join(", ");
    let expected: &str =
        format!("expect = {{ any_messages = true, headers = [{entries}] }}").leak();
    let client = client("answers-in-entries");
    check(&CASES.iter().fold(client, |project, case| project.case(case, expected)));
}

/// It is not thrown away in silence.
#[test]
fn a_line_that_is_too_long() {
    let (run, _) = check(&client("answers-in-a-line-without-end"));
    let words = "is no valid answer: longer than the 25165824 bytes that are read";
    assert!(run.report.trials[0].reason.contains(words), "{run}");
}

#[test]
fn one_byte_a_second() {
    check(&server("sends-byte-by-byte"));
}

#[test]
fn a_server_that_never_reads() {
    check(&server("never-reads"));
}

#[test]
fn a_server_that_says_nothing() {
    check(&server("says-nothing"));
}
