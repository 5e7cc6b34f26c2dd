//! `client`: one call and its answer, or the harness's calls.

use std::ffi::OsString;

use tokio::io::BufReader;

use super::arguments::{Argument, Arguments};
use super::failure::{ANSWER_LIMIT, Failure, UsageError};
use super::numbers;
use super::output::{go_list, print_line};
use crate::address::Address;
use crate::client::{Client, article_metrics};
use crate::drive;
use crate::pb::Metric;

const PROGRAM: &str = "client";

const HELP: &str = "\
Usage: client detect [--addr HOST:PORT] (VALUE... | --dummy)
       client sequence [--addr HOST:PORT] COUNT
       client stream [--addr HOST:PORT] COUNT
       client drive

Commands:
  detect    Ask which values lie more than two standard deviations from the mean
  sequence  Ask for the first COUNT Fibonacci numbers
  stream    The same, one line an element as it arrives
  drive     Make the calls that stand on stdin (docs/peer-protocol.md)

Options:
  --addr HOST:PORT  Server to call [default: localhost:9999 for detect, localhost:50051 for the others]
  --dummy           Send the article's 1,000 metrics instead of values
  --help            Print this help";

/// Where the article's client expects its server.
const OUTLIERS_SERVER: &str = "localhost:9999";

/// Where the tutorial's client expects its server.
const FIBONACCI_SERVER: &str = "localhost:50051";

#[derive(Debug, PartialEq)]
enum Command {
    Help,
    Detect { server: Address, metrics: Vec<Metric> },
    Sequence { server: Address, count: i64 },
    Stream { server: Address, count: i64 },
    Drive,
}

/// Does what the arguments ask for; they do not include the program's name.
///
/// # Errors
///
/// What [`exit_code`](super::exit_code) then reports.
pub async fn run(arguments: impl IntoIterator<Item = OsString>) -> Result<(), Failure> {
    match parse(Arguments::new(PROGRAM, arguments))? {
        Command::Help => print_line(HELP),
        Command::Detect { server, metrics } => detect(&server, metrics).await,
        Command::Sequence { server, count } => sequence(&server, count).await,
        Command::Stream { server, count } => stream(&server, count).await,
        Command::Drive => {
            let stdin = BufReader::new(tokio::io::stdin());
            Ok(drive::run(stdin, tokio::io::stdout()).await?)
        }
    }
}

/// The command line, taken apart but not yet made sense of.
#[derive(Default)]
struct Parts {
    server: Option<Address>,
    dummy: bool,
    /// The command's name, and what belongs to it.
    values: Vec<String>,
}

fn parse(mut arguments: Arguments) -> Result<Command, UsageError> {
    let mut parts = Parts::default();
    while let Some(argument) = arguments.next() {
        match argument {
            Argument::Option { name, attached } => match (name.as_str(), attached) {
                ("--help", None) => return Ok(Command::Help),
                ("--dummy", None) => parts.dummy = true,
                ("--addr", attached) => {
                    let server = arguments.address_of("--addr", attached, OUTLIERS_SERVER)?;
                    parts.server = Some(server);
                }
                _ => return Err(arguments.unknown_option(name)),
            },
            Argument::Value(text) => parts.values.push(text),
        }
    }
    if parts.values.is_empty() {
        return Err(UsageError::NoCommand);
    }

    let name = parts.values.remove(0);
    match name.as_str() {
        "detect" => parse_detect(parts),
        "sequence" => {
            let (server, count) = parse_count(&arguments, "sequence", parts)?;
            Ok(Command::Sequence { server, count })
        }
        "stream" => {
            let (server, count) = parse_count(&arguments, "stream", parts)?;
            Ok(Command::Stream { server, count })
        }
        "drive" => parse_drive(&arguments, parts),
        _ => Err(UsageError::UnknownCommand(name)),
    }
}

fn parse_detect(parts: Parts) -> Result<Command, UsageError> {
    let metrics = match (parts.dummy, parts.values.as_slice()) {
        (true, []) => article_metrics(),
        (true, _) => return Err(UsageError::DummyAndValues),
        (false, []) => return Err(UsageError::NoValues),
        (false, texts) => texts
            .iter()
            .map(|text| numbers::value(text).map(nameless_metric))
            .collect::<Result<_, _>>()?,
    };
    let server = parts.server.unwrap_or_else(|| default(OUTLIERS_SERVER));
    Ok(Command::Detect { server, metrics })
}

fn nameless_metric(value: f64) -> Metric {
    Metric { value, ..Metric::default() }
}

fn parse_count(
    arguments: &Arguments,
    command: &'static str,
    parts: Parts,
) -> Result<(Address, i64), UsageError> {
    if parts.dummy {
        return Err(arguments.unknown_option("--dummy".to_owned()));
    }
    let count = match parts.values.as_slice() {
        [] => return Err(UsageError::NoCount(command)),
        [text] => numbers::count(text)?,
        _ => return Err(UsageError::ManyCounts(command)),
    };
    let server = parts.server.unwrap_or_else(|| default(FIBONACCI_SERVER));
    Ok((server, count))
}

fn parse_drive(arguments: &Arguments, parts: Parts) -> Result<Command, UsageError> {
    if parts.dummy {
        return Err(arguments.unknown_option("--dummy".to_owned()));
    }
    if parts.server.is_some() {
        return Err(arguments.unknown_option("--addr".to_owned()));
    }
    match parts.values.into_iter().next() {
        Some(text) => Err(arguments.unexpected(text)),
        None => Ok(Command::Drive),
    }
}

fn default(server: &str) -> Address {
    server.parse().expect("the default is an address")
}

async fn detect(server: &Address, metrics: Vec<Metric>) -> Result<(), Failure> {
    let indices = Client::new(server, ANSWER_LIMIT)
        .detect(metrics)
        .await
        .map_err(|status| Failure::of_call(&status, server))?;
    print_line(format_args!("outliers at: {}", go_list(&indices)))
}

async fn sequence(server: &Address, count: i64) -> Result<(), Failure> {
    let elements = Client::new(server, ANSWER_LIMIT)
        .sequence(count)
        .await
        .map_err(|status| Failure::of_call(&status, server))?;
    print_line(format_args!("sequence: {}", go_list(&elements)))
}

async fn stream(server: &Address, count: i64) -> Result<(), Failure> {
    let failure = |status| Failure::of_call(&status, server);
    let mut elements = Client::new(server, ANSWER_LIMIT).stream(count).await.map_err(failure)?;
    while let Some(element) = elements.next().await.map_err(failure)? {
        print_line(format_args!("F({}) = {}", element.count, element.element))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_texts(texts: &[&str]) -> Result<Command, String> {
        let arguments = texts.iter().map(OsString::from);
        parse(Arguments::new(PROGRAM, arguments)).map_err(|error| error.to_string())
    }

    #[test]
    fn options_stand_anywhere() {
        let expected = Command::Sequence { server: default("a:1"), count: -3 };
        let table = [
            ["--addr", "a:1", "sequence", "-3"],
            ["sequence", "--addr", "a:1", "-3"],
            ["sequence", "-3", "--addr", "a:1"],
        ];
        for texts in table {
            assert_eq!(parse_texts(&texts).as_ref(), Ok(&expected), "{texts:?}");
        }
    }

    #[test]
    fn commands_have_their_own_default_server() {
        let table = [("detect", OUTLIERS_SERVER), ("sequence", FIBONACCI_SERVER)];
        for (command, expected) in table {
            let server = match parse_texts(&[command, "1"]) {
                Ok(Command::Detect { server, .. } | Command::Sequence { server, .. }) => server,
                other => panic!("{command}: {other:?}"),
            };
            assert_eq!(server.to_string(), expected, "{command}");
        }
    }
}
