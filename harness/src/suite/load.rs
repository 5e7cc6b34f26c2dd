//! Reads suites and protos from their folders and checks everything in them.

mod call;
mod case;

use std::{
    collections::BTreeMap,
    num::NonZero,
    path::{Path, PathBuf},
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use prost_reflect::DescriptorPool;
use serde::Deserialize;
use serde_json::Value;

use self::case::CaseReader;
use super::{case::Suite, class::Classes};
use crate::{
    contract::Contract,
    input::{BadInput, OneOrMore, Place, parse_toml, read_text},
};

/// Compiles every `.proto` file below a folder.
///
/// # Errors
/// The folder cannot be read, holds no `.proto` file, or one does not compile.
pub fn load_protos(folder: &Path) -> Result<DescriptorPool, BadInput> {
    let files = files_below(folder, &["proto"])?;
    if files.is_empty() {
        return Err(BadInput::new(folder, "no .proto file in this folder"));
    }
    let compiled = protox::Compiler::new([folder]).and_then(|mut compiler| {
        compiler.open_files(&files)?;
        Ok(compiler.descriptor_pool())
    });
    compiled.map_err(|error| match error.file() {
        Some(file) => BadInput::new(folder.join(file).as_path(), error),
        None => BadInput::new(folder, error),
    })
}

/// Reads every suite (`.toml` and `.jsonl`) below a folder, by file name.
///
/// # Errors
/// A file cannot be read or is malformed, a case calls a method that the protos
/// lack, names a rule that the contract lacks or allows other outcomes than its rule, or
/// two have one name.
pub fn load(
    folder: &Path,
    protos: &DescriptorPool,
    contract: &Contract,
) -> Result<Vec<Suite>, BadInput> {
    let mut suites: Vec<Suite> = Vec::new();
    let mut places: BTreeMap<String, Place> = BTreeMap::new();
    let classes = Classes::read(contract)?;
    let paths = files_below(folder, &["toml", "jsonl"])?;
    let read = side_by_side(&paths, |path| load_suite(path, protos, contract, &classes));
    for (path, suite) in paths.iter().zip(read) {
        let suite = suite?;
        if suites.iter().any(|other| other.name == suite.name) {
            let problem =
                format!("another file has the suite `{}` already; names are unique", suite.name);
            return Err(BadInput::new(path.as_path(), problem));
        }
        for case in &suite.cases {
            if let Some(first) = places.insert(case.name.clone(), case.place.clone()) {
                let problem =
                    format!("case `{}` stands at {first} already; names are unique", case.name);
                return Err(BadInput::new(case.place.clone(), problem));
            }
        }
        suites.push(suite);
    }
    if suites.is_empty() {
        return Err(BadInput::new(folder, "no suite (.toml or .jsonl) in this folder"));
    }
    Ok(suites)
}

/// Does this to each item, on every processor: a suite may hold a million values, and who
/// runs one case again waits for all of them. The results are in the order of the items.
fn side_by_side<T: Sync, R: Send + Sync>(items: &[T], act: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let results: Vec<OnceLock<R>> = items.iter().map(|_| OnceLock::new()).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        while let number = next.fetch_add(1, Ordering::Relaxed)
            && let Some(item) = items.get(number)
        {
            results[number].get_or_init(|| act(item));
        }
    };
    let workers = thread::available_parallelism().map_or(1, NonZero::get).min(items.len());
    thread::scope(|scope| {
        for _ in 1..workers {
            scope.spawn(work);
        }
        work();
    });
    results.into_iter().filter_map(OnceLock::into_inner).collect()
}

/// The files below a folder with one of these extensions, sorted by path.
fn files_below(folder: &Path, extensions: &[&str]) -> Result<Vec<PathBuf>, BadInput> {
    let unreadable =
        |error: std::io::Error| BadInput::new(folder, format_args!("cannot be read: {error}"));
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.is_dir() {
            found.extend(files_below(&path, extensions)?);
        } else if path.extension().is_some_and(|ext| extensions.iter().any(|want| ext == *want)) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SuiteHead {
    name: String,
    proto: OneOrMore<String>,
    source: Option<String>,
}

fn load_suite(
    path: &Path,
    protos: &DescriptorPool,
    contract: &Contract,
    classes: &Classes,
) -> Result<Suite, BadInput> {
    let text = read_text(path)?;
    let (head, values) = if path.extension().is_some_and(|extension| extension == "toml") {
        read_toml(path, &text)?
    } else {
        read_json_lines(path, &text)?
    };
    check_name("suite", &head.name).map_err(|problem| BadInput::new(path, problem))?;
    let mut methods = Vec::new();
    for name in head.proto.0 {
        let Some(file) = protos.get_file_by_name(&name) else {
            let problem = format!("the suite's proto `{name}` is not among the .proto files");
            return Err(BadInput::new(path, problem));
        };
        for service in file.services() {
            methods.extend(service.methods());
        }
    }
    let reader = CaseReader { suite: &head.name, methods, contract, classes };
    let mut cases = Vec::new();
    for (place, value) in values {
        cases.extend(reader.read_all(&place, value)?);
    }
    Ok(Suite { name: head.name, source: head.source, cases })
}

type PlacedValues = Vec<(Place, Value)>;

fn read_toml(path: &Path, text: &str) -> Result<(SuiteHead, PlacedValues), BadInput> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        suite: SuiteHead,
        #[serde(default)]
        case: Vec<toml::Spanned<toml::Value>>,
    }
    let file: File = parse_toml(path, text)?;
    let cases = file
        .case
        .into_iter()
        .map(|case| {
            let place = Place::at_offset(path, text, case.span().start);
            (place, json_of(case.into_inner()))
        })
        .collect();
    Ok((file.suite, cases))
}

fn read_json_lines(path: &Path, text: &str) -> Result<(SuiteHead, PlacedValues), BadInput> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct FirstLine {
        suite: SuiteHead,
    }
    let place = |index: usize| Place::File(path.to_owned(), Some(index + 1));
    let mut lines = text.lines().enumerate();
    let (_, first) = lines.next().unwrap_or_default();
    let head: FirstLine = serde_json::from_str(first).map_err(|error| {
        BadInput::new(place(0), format_args!("the first line names the suite: {error}"))
    })?;
    let cases = lines
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(index, line)| match serde_json::from_str(line) {
            Ok(value) => Ok((place(index), value)),
            Err(error) => Err(BadInput::new(place(index), error)),
        })
        .collect::<Result<_, _>>()?;
    Ok((head.suite, cases))
}

/// TOML as the JSON that protobuf's mapping expects: what JSON has no number
/// for becomes the mapping's string.
fn json_of(value: toml::Value) -> Value {
    match value {
        toml::Value::String(text) => text.into(),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) if number.is_nan() => "NaN".into(),
        toml::Value::Float(f64::INFINITY) => "Infinity".into(),
        toml::Value::Float(f64::NEG_INFINITY) => "-Infinity".into(),
        toml::Value::Float(number) => number.into(),
        toml::Value::Boolean(truth) => truth.into(),
        toml::Value::Datetime(time) => time.to_string().into(),
        toml::Value::Array(items) => items.into_iter().map(json_of).collect(),
        toml::Value::Table(fields) => {
            Value::Object(fields.into_iter().map(|(key, value)| (key, json_of(value))).collect())
        }
    }
}

fn check_name(what: &str, name: &str) -> Result<(), String> {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c);
    let segments_are_plain =
        name.split('/').all(|segment| !segment.is_empty() && segment.chars().all(is_plain));
    if segments_are_plain && (what != "suite" || !name.contains('/')) {
        return Ok(());
    }
    Err(format!(
        "{what} name `{name}`; use lower-case letters, digits, `-`, `_` and `.`, such as detect/empty"
    ))
}

#[cfg(test)]
mod tests;
