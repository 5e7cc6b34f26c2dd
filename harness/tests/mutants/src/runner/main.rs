//! Runs all mutants against the reference peer with one run of the harness, and says
//! which were found, by which case, and who was blamed.

mod manifest;
mod page;
mod run;
mod unproven;
mod verdict;

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Parser;
use mutants::mutant::{self, TABLE};
use thiserror::Error;

use manifest::{Role, Subject};
use verdict::Row;

#[derive(Parser)]
struct Arguments {
    /// Only these; `none` is the correct peer. The page is written if there are none
    names: Vec<String>,
    /// How many cells run at once: most of their time, they wait
    #[arg(short, long, default_value_t = 4)]
    jobs: u16,
    /// Where the manifest and the report go [default: target/mutants]
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
}

/// Why nothing can be said.
#[derive(Debug, Error)]
enum Failure {
    #[error("no mutant is called `{0}`")]
    Unknown(String),
    #[error("`{}` is not there; build the workspace's binaries first", .0.display())]
    NotBuilt(PathBuf),
    #[error("the harness ended with {status}; what it said is in {}", .log.display())]
    Harness { status: String, log: PathBuf },
    #[error("the report cannot be read: {0}")]
    Report(String),
    #[error("a file cannot be read or written")]
    File(#[from] io::Error),
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("mutants: {error}");
            ExitCode::from(2)
        }
    }
}

/// Whether all is as it should be.
fn run(arguments: &Arguments) -> Result<bool, Failure> {
    let subjects = subjects(&arguments.names)?;
    let root = root();
    let folder = arguments.folder.clone().unwrap_or_else(|| root.join("target/mutants"));
    let filter = manifest::filter(&subjects);
    let results = run::crosswire(&root, &folder, &subjects, &filter, arguments.jobs)?;
    let page_path = root.join("docs/detection.md");
    let page = fs::read_to_string(&page_path).unwrap_or_default();
    let rows: Vec<Row> = subjects
        .iter()
        .flat_map(Subject::roles)
        .map(|(subject, role)| {
            let named = page::named(&page, &subject.name(), role);
            Row::of(subject, role, &results, named)
        })
        .collect();
    print!("{}", page::console(&rows));
    if !arguments.names.is_empty() {
        return Ok(rows.iter().all(Row::is_right));
    }
    let proof = unproven::of(&root, &folder, &subjects, &results, arguments.jobs)?;
    print!("{}", page::proof(&proof));
    fs::write(page_path, page::markdown(&rows, &proof))?;
    Ok(rows.iter().all(Row::is_right) && proof.unproven.is_empty())
}

fn subjects(names: &[String]) -> Result<Vec<Subject>, Failure> {
    if names.is_empty() {
        let mutants = TABLE.iter().map(Subject::Mutant);
        return Ok(with_correct(mutants.collect()));
    }
    let subject = |name: &String| match mutant::find(name) {
        _ if *name == Subject::Correct.name() => Ok(Subject::Correct),
        Some(entry) => Ok(Subject::Mutant(entry)),
        None => Err(Failure::Unknown(name.clone())),
    };
    let others: Vec<Subject> = names.iter().map(subject).collect::<Result<_, _>>()?;
    let is_mutant = |subject: &Subject| matches!(subject, Subject::Mutant(_));
    Ok(with_correct(others.into_iter().filter(is_mutant).collect()))
}

/// The correct peer is always there, for comparison.
fn with_correct(mut others: Vec<Subject>) -> Vec<Subject> {
    others.insert(0, Subject::Correct);
    others
}

/// The folder of the repository.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(3).unwrap_or(here).to_owned()
}

impl Subject {
    fn roles(&self) -> Vec<(&Self, Role)> {
        let all = [Role::Server, Role::Client];
        all.into_iter().filter(|role| self.has(*role)).map(|role| (self, role)).collect()
    }
}
