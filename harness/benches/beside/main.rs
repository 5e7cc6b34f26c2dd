//! What a run costs beside an earlier commit, which is checked out and built in another
//! folder: `make beside WITH=FOLDER`. Both take turns, so that their ratios hold on a busy
//! machine; only what the earlier one had is run, as `09d2b2d.json` keeps it.

mod trials;

use std::{
    env,
    error::Error,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use nix::sys::{
    resource::{Usage, UsageWho, getrusage},
    time::TimeVal,
};

use trials::Trials;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// How often each of the two does each thing.
const TURNS: usize = 3;

/// The one trial that is run as a whole process.
const CASE: &str = "fibonacci/sequence/one";

/// What is measured of a command.
#[derive(Clone, Copy)]
enum Measure {
    /// From its start to its end.
    Wall,
    /// The processors' time, with that of the peers.
    Cpu,
}

/// What a command took.
#[derive(Clone, Copy)]
struct Taken {
    wall: Duration,
    cpu: Duration,
}

fn main() -> Result<()> {
    // What cargo adds for benchmarks is no folder.
    let folder = env::args().skip(1).find(|word| !word.starts_with("--"));
    let folder = folder.ok_or("name the folder of the earlier commit: make beside WITH=FOLDER")?;
    let now = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
    let before = Path::new(&folder).canonicalize()?;
    let reports = tempfile::tempdir()?;
    let trials = Trials::kept()?;
    let list = crosswire(&now).args(["list", "cases"]).output()?.stdout;
    let list = String::from_utf8(list)?;
    let these = trials.filter(list.lines().filter_map(|line| line.split_whitespace().next()));
    let one = format!("case({CASE})");
    let pair = ["--server", "rust", "--client", "rust"];
    let rows: [(_, _, &[&str]); 4] = [
        (
            "one trial, as a whole process",
            Measure::Cpu,
            &[&["run", "-E", &one][..], &pair].concat(),
        ),
        ("list peers", Measure::Wall, &["list", "peers"]),
        ("a cell of Rust and Rust", Measure::Wall, &[&["run", "-E", &these][..], &pair].concat()),
        ("all cells", Measure::Wall, &["run", "-E", &these]),
    ];
    println!("{:30}  {:>11}  {:>11}  {:>18}", "", "before", "now", "of the time before");
    for (name, measure, words) in &rows {
        let mut shares = Vec::new();
        let mut times = [Vec::new(), Vec::new()];
        for _ in 0..TURNS {
            let [before, now] = [&before, &now].map(|root| taken(root, words, reports.path()));
            let [before, now] = [before?, now?].map(|taken| measure.of(taken).as_secs_f64());
            shares.push(now / before);
            times[0].push(before);
            times[1].push(now);
        }
        let [before, now] = times.map(median);
        println!(
            "{name:30}  {before:>7.2} s {}  {now:>7.2} s {}  {:>18.2}",
            measure.mark(),
            measure.mark(),
            median(shares)
        );
    }
    trials.compare(&report(reports.path(), &now))
}

impl Measure {
    fn of(self, taken: Taken) -> Duration {
        match self {
            Self::Wall => taken.wall,
            Self::Cpu => taken.cpu,
        }
    }

    fn mark(self) -> &'static str {
        match self {
            Self::Wall => "   ",
            Self::Cpu => "CPU",
        }
    }
}

/// The program of a checkout, as a user starts it: with what cargo tells its benchmarks, the
/// peers would be built anew.
fn crosswire(root: &Path) -> Command {
    let mut command = Command::new(root.join("target/debug/crosswire"));
    command.current_dir(root);
    for (name, _) in env::vars().filter(|(name, _)| name.starts_with("CARGO_")) {
        command.env_remove(name);
    }
    command.env("CARGO_TARGET_DIR", "target");
    command
}

/// Runs the program of a checkout in it. Its exit code tells of its peers, not of it.
fn taken(root: &Path, words: &[&str], reports: &Path) -> Result<Taken> {
    let mut command = crosswire(root);
    command.args(words).stdout(Stdio::null()).stderr(Stdio::null());
    if words[0] == "run" {
        command.arg("--report").arg(reports.join(name(root)));
    }
    let (began, cpu_before) = (Instant::now(), cpu_of_children()?);
    let status =
        command.status().map_err(|error| format!("{}: {error}; build it", root.display()))?;
    // A failure is a peer's, and was measured all the same.
    if !matches!(status.code(), Some(0 | 1)) {
        return Err(format!("{}: `crosswire {}`: {status}", root.display(), words[0]).into());
    }
    Ok(Taken { wall: began.elapsed(), cpu: cpu_of_children()?.saturating_sub(cpu_before) })
}

/// The results of the last run of a checkout.
fn report(reports: &Path, root: &Path) -> PathBuf {
    reports.join(name(root)).join("results.jsonl")
}

fn name(root: &Path) -> String {
    root.to_string_lossy().replace('/', "-")
}

fn cpu_of_children() -> Result<Duration> {
    let usage: Usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let micros = |time: TimeVal| time.tv_sec() * 1_000_000 + time.tv_usec();
    let total = micros(usage.user_time()) + micros(usage.system_time());
    Ok(Duration::from_micros(total.try_into()?))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
