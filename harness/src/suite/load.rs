//! Reads suites and protos from their folders and checks everything in them.

mod call;
mod case;
mod defaults;
mod fields;
mod head;
mod origin;
mod programs;
mod send;

use std::{
    borrow::Cow,
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
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use toml::de::DeValue;

pub(super) use self::fields::WrittenCalls;
pub use self::programs::programs;
use self::{
    case::{CaseReader, Wants},
    defaults::Defaults,
    origin::{Origin, place_in},
};
use super::{
    case::Suite,
    class::Classes,
    json::from_json,
    problem::{Problem, Within as _},
};
use crate::{
    contract::Contract,
    feature::ServerFeature,
    input::{BadInput, OneOrMore, Place, read_text, unknown_field},
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

/// Reads every suite (`.toml` and `.jsonl`) below a folder, by file name: the index of all
/// cases, and whole those that are wanted. Who runs one case again does not wait for the
/// million values of the others.
///
/// # Errors
/// A file cannot be read or is malformed, a case names a rule that the contract lacks, or two
/// have one name. A wanted case calls a method that the protos lack, allows other outcomes than
/// its rule, needs a feature that neither the harness knows nor the manifest lists, or is
/// malformed in another way: what is wrong with the others is not found.
pub fn load(
    folder: &Path,
    protos: &DescriptorPool,
    contract: &Contract,
    features: &[ServerFeature],
    wants: &Wants<'_>,
) -> Result<Vec<Suite>, BadInput> {
    let mut suites: Vec<Suite> = Vec::new();
    let mut places: BTreeMap<String, Place> = BTreeMap::new();
    let classes = &Classes::read(contract)?;
    let paths = files_below(folder, &["toml", "jsonl"])?;
    let read = side_by_side(&paths, |path| {
        Setting { path, protos, contract, classes, features, wants }.read()
    });
    for (path, suite) in paths.iter().zip(read) {
        let suite = suite?;
        if suites.iter().any(|other| other.name == suite.name) {
            let problem =
                format!("another file has the suite `{}` already; names are unique", suite.name);
            return Err(BadInput::new(path.as_path(), problem));
        }
        for case in &suite.index {
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

/// The head of a suite.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SuiteHead {
    /// The first part of each case's name.
    name: String,
    /// The file whose services it calls, or a list of them.
    proto: OneOrMore<String>,
    /// Where the expectations come from.
    source: Option<String>,
    /// Fields for each case that does not give them itself.
    #[serde(default)]
    defaults: Map<String, Value>,
}

/// What reading a suite needs beside its text.
struct Setting<'a> {
    path: &'a Path,
    protos: &'a DescriptorPool,
    contract: &'a Contract,
    classes: &'a Classes,
    features: &'a [ServerFeature],
    wants: &'a Wants<'a>,
}

impl Setting<'_> {
    fn read(&self) -> Result<Suite, BadInput> {
        let text = read_text(self.path)?;
        match self.path.extension().is_some_and(|extension| extension == "toml") {
            true => self.read_toml(&text),
            false => self.read_json_lines(&text),
        }
    }

    fn read_toml(&self, text: &str) -> Result<Suite, BadInput> {
        let path = self.path;
        let file = toml::de::DeTable::parse(text)
            .map_err(|error| BadInput::of_toml(path, text, &error))?
            .into_inner();
        let bad =
            |problem: Problem| BadInput::new(place_in(path, text, &file, &problem.path), problem);
        if let Some(field) = file.keys().find(|key| !["suite", "case"].contains(&&**key.get_ref()))
        {
            let problem = unknown_field(field.get_ref(), &["suite", "case"]);
            return Err(BadInput::new(Place::at_offset(path, text, field.span().start), problem));
        }
        let Some(head) = file.get("suite") else {
            return Err(BadInput::new(path, "no `[suite]` with its `name` and its `proto`"));
        };
        let defaults = head.get_ref().get("defaults");
        let head: SuiteHead = from_json(json_of(head.get_ref())).within("suite").map_err(bad)?;
        let cases = match file.get("case").map(toml::Spanned::get_ref) {
            None => &toml::de::DeArray::new(),
            Some(DeValue::Array(cases)) => cases,
            Some(_) => return Err(bad(Problem::from("write `[[case]]`").within("case"))),
        };
        let cases = cases.iter().map(|case| Origin::Table { path, text, case, defaults });
        self.read_cases(head, cases, bad)
    }

    fn read_json_lines(&self, text: &str) -> Result<Suite, BadInput> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct FirstLine {
            suite: SuiteHead,
        }
        let place = |index: usize| Place::File(self.path.to_owned(), Some(index + 1));
        let mut lines = text.lines().enumerate();
        let (_, first) = lines.next().unwrap_or_default();
        let head: FirstLine = serde_json::from_str(first).map_err(|error| {
            BadInput::new(place(0), format_args!("the first line names the suite: {error}"))
        })?;
        let cases = lines
            .filter(|(_, line)| !line.trim().is_empty())
            .map(|(index, text)| Origin::Line { place: place(index), text });
        self.read_cases(head.suite, cases, |problem| BadInput::new(place(0), problem))
    }

    /// The suite of this head and these cases.
    fn read_cases<'a>(
        &self,
        head: SuiteHead,
        cases: impl Iterator<Item = Origin<'a>>,
        bad: impl Fn(Problem) -> BadInput,
    ) -> Result<Suite, BadInput> {
        check_name("suite", &head.name)
            .map_err(|what| bad(Problem::of_field("name", what).within("suite")))?;
        let defaults = Defaults::read(head.defaults).within("suite").map_err(&bad)?;
        let mut methods = Vec::new();
        for name in head.proto.0 {
            let Some(file) = self.protos.get_file_by_name(&name) else {
                let what = format!("the suite's proto `{name}` is not among the .proto files");
                return Err(bad(Problem::of_field("proto", what).within("suite")));
            };
            for service in file.services() {
                methods.extend(service.methods());
            }
        }
        let reader = CaseReader {
            suite: &head.name,
            defaults: &defaults,
            methods,
            contract: self.contract,
            classes: self.classes,
            features: self.features,
            wants: self.wants,
        };
        let (mut index, mut read) = (Vec::new(), Vec::new());
        // One file may hold half of all values.
        let cases: Vec<Origin<'a>> = cases.collect();
        for cases in side_by_side(&cases, |origin| reader.read_all(origin)) {
            let (heads, cases) = cases?;
            index.extend(heads);
            read.extend(cases);
        }
        Ok(Suite { name: head.name, source: head.source, index, cases: read })
    }
}

/// TOML as the JSON that protobuf's mapping expects: what JSON has no number
/// for becomes the mapping's string.
fn json_of(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => text.as_ref().into(),
        DeValue::Integer(number) => {
            match i64::from_str_radix(number.as_str(), number.radix()) {
                Ok(number) => number.into(),
                // Too large for TOML; whoever wants a number says what is wrong.
                Err(_) => number.as_str().into(),
            }
        }
        DeValue::Float(number) => match number.as_str().parse::<f64>() {
            Ok(f64::INFINITY) => "Infinity".into(),
            Ok(f64::NEG_INFINITY) => "-Infinity".into(),
            Ok(number) if number.is_finite() => number.into(),
            _ => "NaN".into(),
        },
        DeValue::Boolean(truth) => (*truth).into(),
        DeValue::Datetime(time) => time.to_string().into(),
        DeValue::Array(items) => items.iter().map(|item| json_of(item.get_ref())).collect(),
        DeValue::Table(fields) => {
            let field = |(key, value): (&toml::Spanned<Cow<'_, str>>, &toml::Spanned<_>)| {
                (key.get_ref().to_string(), json_of(value.get_ref()))
            };
            Value::Object(fields.iter().map(field).collect())
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
