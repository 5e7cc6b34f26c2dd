//! Reads suites and protos from their folders and checks everything in them.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use prost_reflect::{DescriptorPool, MessageDescriptor, MethodDescriptor, prost::Message as _};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use super::{
    case::{Approx, Call, Case, Compression, Expect, Method, Seen, Suite},
    code::Code,
    expand::expand,
    fault::{Action, Fault},
    json::{described, read_message},
    script::RawScript,
    tls::{Tls, TlsTap},
};
use crate::{
    contract::Contract,
    input::{BadInput, Place, parse_duration, parse_toml, read_text},
    role::Role,
    text,
};

/// The deadline of a call that names none. Long beside any answer, so that only
/// a peer that hangs reaches it, even on a loaded machine.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// Longer than anything that comes late; the cell waits for it.
const MAX_LINGER: Duration = Duration::from_secs(60);

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
/// lack or names a rule that the contract lacks, or two have one name.
pub fn load(
    folder: &Path,
    protos: &DescriptorPool,
    contract: &Contract,
) -> Result<Vec<Suite>, BadInput> {
    let mut suites: Vec<Suite> = Vec::new();
    let mut places: BTreeMap<String, Place> = BTreeMap::new();
    for path in files_below(folder, &["toml", "jsonl"])? {
        let suite = load_suite(&path, protos, contract)?;
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
    proto: OneOrMore,
    source: Option<String>,
}

fn load_suite(
    path: &Path,
    protos: &DescriptorPool,
    contract: &Contract,
) -> Result<Suite, BadInput> {
    let text = read_text(path)?;
    let (head, values) = if path.extension().is_some_and(|extension| extension == "toml") {
        read_toml(path, &text)?
    } else {
        read_json_lines(path, &text)?
    };
    check_name("suite", &head.name).map_err(|problem| BadInput::new(path, problem))?;
    let mut methods = Vec::new();
    for name in head.proto.into_list() {
        let Some(file) = protos.get_file_by_name(&name) else {
            let problem = format!("the suite's proto `{name}` is not among the .proto files");
            return Err(BadInput::new(path, problem));
        };
        for service in file.services() {
            methods.extend(service.methods());
        }
    }
    let reader = CaseReader { suite: &head.name, methods, contract };
    let cases =
        values.into_iter().map(|placed| reader.read_placed(placed)).collect::<Result<_, _>>()?;
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

/// Turns the values of one suite into cases.
struct CaseReader<'a> {
    suite: &'a str,
    methods: Vec<MethodDescriptor>,
    contract: &'a Contract,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCase {
    name: String,
    rule: String,
    why: String,
    source: Option<String>,
    #[serde(default)]
    needs: Vec<String>,
    #[serde(default)]
    alone: bool,
    #[serde(default)]
    pristine: bool,
    #[serde(default)]
    sequential: bool,
    linger: Option<String>,
    server_memory_bytes: Option<u64>,
    fault: Option<Fault>,
    tls: Option<Tls>,
    calls: Option<Vec<Map<String, Value>>>,
}

/// The fields that belong to a case as a whole; the others are its calls'.
const CASE_FIELDS: [&str; 13] = [
    "name",
    "rule",
    "why",
    "source",
    "needs",
    "alone",
    "pristine",
    "sequential",
    "linger",
    "server_memory_bytes",
    "fault",
    "tls",
    "calls",
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCall {
    method: String,
    #[serde(default)]
    unknown_method: bool,
    request_hex: Option<String>,
    timeout: Option<String>,
    #[serde(default)]
    metadata: Vec<(String, String)>,
    compression: Option<Compression>,
    cancel_after_messages: Option<u32>,
    read_delay: Option<String>,
    pause: Option<String>,
    expect: RawExpect,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawExpect {
    code: Option<OneOrMore>,
    messages: Option<Vec<Value>>,
    message_count: Option<usize>,
    status_message: Option<String>,
    status_message_has: Option<String>,
    status_message_lacks: Option<String>,
    status_details: Option<String>,
    #[serde(default)]
    wire: Vec<Seen>,
    #[serde(default)]
    partial: bool,
    #[serde(default)]
    unknown_fields: bool,
    #[serde(default)]
    any_messages: bool,
    approx: Option<Approx>,
    #[serde(default)]
    headers: Vec<(String, String)>,
    #[serde(default)]
    trailers: Vec<(String, String)>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a status code's name, or a list of them")]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl OneOrMore {
    fn into_list(self) -> Vec<String> {
        match self {
            Self::One(name) => vec![name],
            Self::More(names) => names,
        }
    }
}

impl CaseReader<'_> {
    fn read_placed(&self, (place, value): (Place, Value)) -> Result<Arc<Case>, BadInput> {
        let name = value.get("name").and_then(Value::as_str).map(str::to_owned);
        self.read(place.clone(), value).map(Arc::new).map_err(|problem| match name {
            Some(name) => BadInput::new(place, format_args!("case `{name}`: {problem}")),
            None => BadInput::new(place, problem),
        })
    }

    fn read(&self, place: Place, value: Value) -> Result<Case, String> {
        let Value::Object(mut fields) = expand(value)? else {
            return Err("a case is a table".to_owned());
        };
        // What stands on the case itself is the default of each of its calls.
        let mut own = Map::new();
        for key in CASE_FIELDS {
            own.extend(fields.remove_entry(key));
        }
        let raw: RawCase = from_json(Value::Object(own))?;
        let script = RawScript::take(&mut fields)?;
        if let Some(script) = &script {
            check_scripted(&raw, script.role())?;
        }
        let endings = script.as_ref().map(|script| script.take_endings(&mut fields)).transpose()?;
        check_name("case", &raw.name)?;
        if self.contract.rule(&raw.rule).is_none() {
            return Err(format!(
                "rule `{}` is not in the contract; `crosswire list rules` shows what there is",
                raw.rule
            ));
        }
        let calls: Vec<Call> = match raw.calls {
            None => vec![self.read_call(fields)?],
            Some(calls) if calls.is_empty() => return Err("`calls` is empty".to_owned()),
            Some(calls) => calls
                .into_iter()
                .enumerate()
                .map(|(index, call)| {
                    let mut merged = fields.clone();
                    merged.extend(call);
                    self.read_call(merged).map_err(|problem| format!("calls[{index}]: {problem}"))
                })
                .collect::<Result<_, _>>()?,
        };
        let script = script.map(|script| {
            let call = calls.first().ok_or("`calls` is empty")?;
            script.read(endings.unwrap_or_default(), call)
        });
        let script = script.transpose()?.map(Arc::new);
        if raw.pristine && calls.len() > 1 {
            return Err("`pristine` with several `calls`: nothing would tell them apart".to_owned());
        }
        if raw.server_memory_bytes.is_some() && !raw.alone {
            return Err(
                "`server_memory_bytes` without `alone = true`: others grow it too".to_owned()
            );
        }
        let is_about_the_call_before =
            |seen: &Seen| matches!(seen, Seen::SameConnection | Seen::NewConnection);
        let compares = |call: &Call| call.expect.seen.iter().any(is_about_the_call_before);
        if calls.first().is_some_and(compares) || (!raw.sequential && calls.iter().any(compares)) {
            return Err("`expect.wire` of the call before, and there is none: give `sequential = true`, and it to a later call".to_owned());
        }
        let pings = raw.fault.as_ref().is_some_and(|fault| fault.action == Action::Ping);
        if !pings && calls.iter().any(|call| call.expect.seen.contains(&Seen::PingAnswered)) {
            return Err("`expect.wire` has ping-answered, and no `fault` sends a PING".to_owned());
        }
        let linger = read_duration("linger", raw.linger)?.unwrap_or_default();
        if linger > MAX_LINGER {
            return Err(format!("linger: {} at most", text::duration(MAX_LINGER)));
        }
        let is_read = raw.tls.as_ref().is_none_or(|tls| tls.tap == TlsTap::Ends);
        if !is_read && raw.fault.as_ref().is_some_and(Fault::reads_frames) {
            return Err(
                "`fault` in frames that the tap cannot read: give `tls.tap = \"ends\"`".to_owned()
            );
        }
        if !is_read && calls.iter().any(|call| !call.expect.seen.is_empty()) {
            return Err(
                "`expect.wire` of what the tap cannot read: give `tls.tap = \"ends\"`".to_owned()
            );
        }
        if !raw.sequential && calls.iter().any(|call| !call.pause.is_zero()) {
            return Err("`pause` without `sequential = true`: the calls start at once".to_owned());
        }
        Ok(Case {
            name: format!("{}/{}", self.suite, raw.name),
            rule: raw.rule,
            why: raw.why,
            source: raw.source,
            place,
            needs: raw.needs,
            is_alone: raw.alone,
            // A scripted client marks nothing: all that it sends is in its script.
            is_pristine: raw.pristine || script.as_ref().is_some_and(|s| s.role == Role::Client),
            is_sequential: raw.sequential,
            linger,
            server_memory_bytes: raw.server_memory_bytes,
            fault: raw.fault,
            tls: raw.tls,
            script,
            calls,
        })
    }

    fn read_call(&self, mut fields: Map<String, Value>) -> Result<Call, String> {
        // Taken out first: it may be large, and is of another type than the rest.
        let request = fields.remove("request");
        let raw: RawCall = from_json(Value::Object(fields))?;
        let method = self.find_method(&raw.method, raw.unknown_method)?;
        let input = method.descriptor.as_ref().map(MethodDescriptor::input);
        let output = method.descriptor.as_ref().map(MethodDescriptor::output);
        let (request, is_raw) = read_request(request, raw.request_hex, input)?;
        check_metadata(&raw.metadata)?;
        Ok(Call {
            method,
            request,
            raw: is_raw,
            timeout: read_duration("timeout", raw.timeout)?.unwrap_or(DEFAULT_TIMEOUT),
            metadata: raw.metadata,
            compression: raw.compression,
            cancel_after_messages: raw.cancel_after_messages,
            read_delay: read_duration("read_delay", raw.read_delay)?,
            pause: read_duration("pause", raw.pause)?.unwrap_or_default(),
            expect: read_expect(raw.expect, output)?,
        })
    }

    fn find_method(&self, path: &str, unknown: bool) -> Result<Method, String> {
        let path_of = |method: &MethodDescriptor| {
            format!("{}/{}", method.parent_service().full_name(), method.name())
        };
        let descriptor = self.methods.iter().find(|method| path_of(method) == path).cloned();
        match (&descriptor, unknown) {
            (Some(_), true) => Err(format!("`unknown_method`, but the proto has `{path}`")),
            (Some(method), false) if method.is_client_streaming() => Err(format!(
                "`{path}` takes a stream of requests; a case calls unary and server-streaming methods"
            )),
            (None, false) => {
                let known: Vec<String> = self.methods.iter().map(path_of).collect();
                let known = known.join(", ");
                Err(format!(
                    "no method `{path}` in the proto; it has {known} (`unknown_method = true` if that is the point)"
                ))
            }
            _ => Ok(Method { path: path.to_owned(), descriptor }),
        }
    }
}

/// What a scripted case cannot have.
fn check_scripted(raw: &RawCase, role: Role) -> Result<(), String> {
    let fields = [
        ("fault", raw.fault.is_some()),
        ("tls", raw.tls.is_some()),
        ("pristine", raw.pristine),
        ("calls", raw.calls.is_some() && role == Role::Client),
    ];
    match fields.iter().find(|(_, is_given)| *is_given) {
        Some((field, _)) => Err(format!(
            "`{field}` in a case of a scripted {role}; leave it out: the script says what passes"
        )),
        None => Ok(()),
    }
}

/// The request's bytes, and whether they must be sent raw.
fn read_request(
    request: Option<Value>,
    request_hex: Option<String>,
    input: Option<MessageDescriptor>,
) -> Result<(Vec<u8>, bool), String> {
    match (request, request_hex, input) {
        (Some(_), Some(_), _) => Err("both `request` and `request_hex`; give one".to_owned()),
        (None, Some(hex), _) => Ok((read_hex("request_hex", &hex)?, true)),
        (Some(value), None, Some(input)) => {
            let message = read_message(&input, &value).map_err(|why| format!("request{why}"))?;
            Ok((message.encode_to_vec(), false))
        }
        (Some(_), None, None) => {
            Err("an unknown method has no request type; give `request_hex` or nothing".to_owned())
        }
        (None, None, None) => Ok((Vec::new(), true)),
        (None, None, Some(_)) => {
            Err("no `request`; give one, `{}` for an empty message".to_owned())
        }
    }
}

fn read_duration(field: &str, text: Option<String>) -> Result<Option<Duration>, String> {
    text.map(|text| parse_duration(&text).map_err(|why| format!("{field}: {why}"))).transpose()
}

/// Bytes in hexadecimal, with any white space.
pub(super) fn read_hex(field: &str, text: &str) -> Result<Vec<u8>, String> {
    let digits: Vec<u8> = text
        .chars()
        .filter(|character| !character.is_whitespace())
        .map(|character| character.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect::<Option<_>>()
        .ok_or_else(|| format!("`{field}` has a character that is no hexadecimal digit"))?;
    if digits.len() % 2 == 1 {
        return Err(format!("`{field}` has an odd number of digits"));
    }
    Ok(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

/// What is sent: `grpc-` names are the library's own to set.
fn check_metadata(metadata: &[(String, String)]) -> Result<(), String> {
    check_names_of(metadata)?;
    for (name, value) in metadata {
        if name.starts_with("grpc-") {
            return Err(format!("metadata `{name}`: names that start with grpc- are reserved"));
        }
        if name.ends_with("-bin") && STANDARD.decode(value).is_err() {
            return Err(format!(
                "metadata `{name}`: the value of a `-bin` name is base64, with its padding"
            ));
        }
    }
    Ok(())
}

fn check_names_of(metadata: &[(String, String)]) -> Result<(), String> {
    let is_legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-.".contains(c);
    match metadata.iter().find(|(name, _)| name.is_empty() || !name.chars().all(is_legal)) {
        None => Ok(()),
        Some((name, _)) => Err(format!(
            "metadata `{name}`: names are lower-case letters, digits, `_`, `-` and `.`"
        )),
    }
}

fn read_expect(raw: RawExpect, output: Option<MessageDescriptor>) -> Result<Expect, String> {
    let names = match raw.code {
        None => vec!["OK".to_owned()],
        Some(names) => names.into_list(),
    };
    let codes: Vec<Code> = names
        .into_iter()
        .map(|name| from_json(Value::String(name)))
        .collect::<Result<_, String>>()
        .map_err(|why| format!("expect.code: {why}"))?;
    if codes.is_empty() {
        return Err("expect.code: an empty list".to_owned());
    }
    if raw.approx.is_some_and(|approx| !(approx.relative >= 0.0 && approx.absolute >= 0.0)) {
        return Err("expect.approx: a tolerance is 0 or more".to_owned());
    }
    let status_details = raw.status_details.map(|text| STANDARD.decode(text)).transpose();
    let status_details = status_details.map_err(|why| format!("expect.status_details: {why}"))?;
    check_names_of(&raw.headers).map_err(|why| format!("expect.headers: {why}"))?;
    check_names_of(&raw.trailers).map_err(|why| format!("expect.trailers: {why}"))?;
    let messages = match (raw.messages, output) {
        (None, _) => None,
        (Some(_), None) => {
            return Err("expect.messages: an unknown method has no response type".to_owned());
        }
        (Some(values), Some(output)) => Some(
            values
                .into_iter()
                .enumerate()
                .map(|(index, value)| {
                    read_message(&output, &value)
                        .map_err(|why| format!("expect.messages[{index}]{why}"))
                })
                .collect::<Result<Vec<_>, _>>()?,
        ),
    };
    if raw.partial && messages.is_none() {
        return Err("expect: `partial` without `messages`".to_owned());
    }
    let message_count = match (&messages, raw.message_count) {
        (Some(_), Some(_)) => {
            return Err("expect: both `messages` and `message_count`; give one".to_owned());
        }
        (None, None) if raw.any_messages => None,
        (_, _) if raw.any_messages => {
            return Err("expect: `any_messages` with `messages` or `message_count`".to_owned());
        }
        (None, None) if codes.contains(&Code::OK) => {
            return Err("expect: nothing is checked; give `messages` or `message_count`".to_owned());
        }
        // An error without a word on messages comes alone.
        (None, None) => Some(0),
        (_, given) => given,
    };
    Ok(Expect {
        codes,
        messages,
        is_partial: raw.partial,
        takes_unknown_fields: raw.unknown_fields,
        message_count,
        status_message: raw.status_message,
        status_message_has: raw.status_message_has,
        status_message_lacks: raw.status_message_lacks,
        status_details,
        seen: raw.wire,
        approx: raw.approx,
        headers: raw.headers,
        trailers: raw.trailers,
    })
}

pub(super) fn from_json<T: DeserializeOwned>(value: Value) -> Result<T, String> {
    let mut track = serde_path_to_error::Track::new();
    T::deserialize(serde_path_to_error::Deserializer::new(value, &mut track))
        .map_err(|error| described(&track.path(), error, ""))
}

#[cfg(test)]
mod tests;
