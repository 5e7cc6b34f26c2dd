//! One run of the harness, and its report.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::Value;

use crate::{
    Failure,
    manifest::{self, Subject},
};

/// The exit codes of a run that ran all it was to: all passed, or something failed.
const COMPLETE: [Option<i32>; 2] = [Some(0), Some(1)];

/// One trial, as `results.jsonl` has it.
#[derive(Debug, Deserialize)]
pub(crate) struct Trial {
    pub(crate) server: String,
    pub(crate) client: String,
    pub(crate) case: String,
    pub(crate) rule: String,
    pub(crate) verdict: String,
    pub(crate) blame: Option<String>,
    #[serde(default)]
    pub(crate) reason: String,
    /// What should have come of the call that decided, where one did.
    pub(crate) expected: Option<serde::de::IgnoredAny>,
    /// Of its findings, those that break a rule of the wire.
    #[serde(default, rename = "findings", deserialize_with = "violations")]
    pub(crate) violations: Vec<Violation>,
}

/// A rule of the wire that was broken.
#[derive(Debug, Deserialize)]
pub(crate) struct Violation {
    pub(crate) rule: String,
    pub(crate) level: String,
    pub(crate) side: String,
}

fn violations<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Violation>, D::Error> {
    let findings = Vec::<Value>::deserialize(deserializer)?.into_iter();
    let broken = findings.filter(|finding| finding.get("rule").is_some());
    broken.map(|finding| serde_json::from_value(finding).map_err(D::Error::custom)).collect()
}

#[derive(Deserialize)]
struct Line {
    trial: Option<Trial>,
}

/// Runs what the filter says of the subjects and reads what came of it, in the order of
/// the plan.
pub(crate) fn crosswire(
    root: &Path,
    folder: &Path,
    subjects: &[Subject],
    filter: &str,
    jobs: u16,
) -> Result<Vec<Trial>, Failure> {
    let binaries = binaries()?;
    fs::create_dir_all(folder)?;
    let manifest = folder.join("crosswire.toml");
    fs::write(&manifest, manifest::text(root, &binaries, subjects))?;
    let log = folder.join("crosswire.txt");
    let status = Command::new(binaries.join("crosswire"))
        // Mutants fail by the thousand, and once more says enough of an equivalent.
        .args(["run", "--jobs", &jobs.to_string(), "--retries", "1", "-E", filter])
        .args(["--manifest".as_ref(), manifest.as_os_str()])
        .args(["--report".as_ref(), folder.as_os_str()])
        .stdout(File::create(&log)?)
        .status()?;
    if !COMPLETE.contains(&status.code()) {
        return Err(Failure::Harness { status: status.to_string(), log });
    }
    let text = fs::read_to_string(folder.join("results.jsonl"))?;
    let mut trials = Vec::new();
    for line in text.lines() {
        let line: Line =
            serde_json::from_str(line).map_err(|error| Failure::Report(error.to_string()))?;
        trials.extend(line.trial);
    }
    Ok(trials)
}

/// The folder where this program and all that it needs stand.
fn binaries() -> Result<PathBuf, Failure> {
    let own = std::env::current_exe()?;
    let folder = own.parent().unwrap_or(Path::new(".")).to_owned();
    for name in ["crosswire", "server", "client", "mutant-peer"] {
        let path = folder.join(name);
        if !path.is_file() {
            return Err(Failure::NotBuilt(path));
        }
    }
    Ok(folder)
}
